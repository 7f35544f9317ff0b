"""How every model does on the validation split, by which settings are chosen: no other exhibit takes it in."""

from video_r2.metrics.summaries import read_scores
from video_r2.paper.exhibits import VALIDATION, Study, cells
from video_r2.paper.layouts import validation_sheet
from video_r2.paper.output import write_sheet
from video_r2.run import Job, run

METRICS = ["accuracy", "tac", "temporal_f1"]


def main(job: Job) -> None:
    study = Study.from_params(job.params)
    scores = read_scores(job.input.scores)
    shown = cells(scores, study, METRICS, list(study.evaluations), [VALIDATION])
    shown = shown[shown["column"] == VALIDATION].reset_index(drop=True)
    write_sheet(job.output, shown, validation_sheet(shown))


if __name__ == "__main__":
    run(main, globals()["snakemake"])
