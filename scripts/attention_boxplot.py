"""How much of the final layer's attention goes from generated tokens to video tokens, as a box per model."""

from video_r2 import config
from video_r2.metrics.summaries import read_scores
from video_r2.paper.exhibits import Study, boxes
from video_r2.paper.output import write_boxplot
from video_r2.run import Job, run


def main(job: Job) -> None:
    study = Study.from_params(job.params)
    shown = boxes(read_scores(job.input.scores), study, study.shown_in("boxplot"))
    write_boxplot(job.output, shown, config.Figures.model_validate(job.params.figures))


if __name__ == "__main__":
    run(main, globals()["snakemake"])
