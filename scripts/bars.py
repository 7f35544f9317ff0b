"""TAC, VAS and accuracy of the reasoning models as bars, with the best one's gain over the second."""

from video_r2 import config
from video_r2.metrics.summaries import read_scores
from video_r2.paper.exhibits import Study, cells
from video_r2.paper.output import write_bars
from video_r2.run import Job, run


def main(job: Job) -> None:
    study = Study.from_params(job.params)
    shown = cells(read_scores(job.input.scores), study, ["tac", "vas_judge", "accuracy"], study.shown_in("bars"))
    write_bars(job.output, shown, config.Figures.model_validate(job.params.figures))


if __name__ == "__main__":
    run(main, globals()["snakemake"])
