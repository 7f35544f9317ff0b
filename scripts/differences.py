"""The same predictions scored as released and corrected, and what each metric's difference is."""

import pandas as pd

from video_r2 import records
from video_r2.paper.exhibits import AVERAGES, HELDOUT, Study, semantics_differences
from video_r2.paper.layouts import differences_sheet
from video_r2.paper.output import write_sheet
from video_r2.run import Job, run


def main(job: Job) -> None:
    study = Study.from_params(job.params)
    both = records.read_table(job.input.scores, records.SCORE_BY_SEMANTICS)
    names, header = list(study.evaluations), study.header
    columns = [*header.generic, *header.reasoning, *AVERAGES]
    held_out = ["temporal_precision", "temporal_f1", "temporal_reward"]
    frame = pd.concat(
        [
            semantics_differences(both, study, ["accuracy", "tac", "vas_judge"], names, columns),
            semantics_differences(both, study, held_out, names, [HELDOUT]),
        ],
        ignore_index=True,
    )
    write_sheet(job.output, frame, differences_sheet(frame))


if __name__ == "__main__":
    run(main, globals()["snakemake"])
