"""Think-answer consistency of every reasoning model on every benchmark, as a heat map."""

from video_r2 import config
from video_r2.metrics.summaries import read_scores
from video_r2.paper.exhibits import Study, cells
from video_r2.paper.output import write_heatmap
from video_r2.run import Job, run


def main(job: Job) -> None:
    study = Study.from_params(job.params)
    shown = cells(read_scores(job.input.scores), study, ["tac"], study.shown_in("heatmaps"))
    write_heatmap(job.output, shown, study.header, "tac", config.Figures.model_validate(job.params.figures))


if __name__ == "__main__":
    run(main, globals()["snakemake"])
