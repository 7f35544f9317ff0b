"""The same predictions scored as released and corrected, and what each metric's difference is."""

import pandas as pd

from video_r2 import config
from video_r2.paper.both_semantics import score_both_ways
from video_r2.paper.exhibits import AVERAGES, HELDOUT, Study, read_scores, semantics_differences
from video_r2.paper.layouts import differences_sheet
from video_r2.paper.output import write_sheet
from video_r2.rewards.embedding import SentenceEmbedder
from video_r2.run import Job, run


def main(job: Job) -> None:
    study = Study.from_params(job.params)
    settings = config.TemporalAlignment.model_validate(job.params.temporal_alignment)
    embed = SentenceEmbedder(settings.sentence_model)
    both = score_both_ways(job.input.predictions, read_scores(job.input.scores), study, embed, settings)
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
