"""The main table: accuracy of every model on every benchmark, generic, reasoning and overall."""

from video_r2.metrics.summaries import read_scores
from video_r2.paper.exhibits import Study, cells, lacking
from video_r2.paper.layouts import main_accuracy_sheet
from video_r2.paper.output import write_sheet
from video_r2.run import Job, run


def main(job: Job) -> None:
    study = Study.from_params(job.params)
    scores = read_scores(job.input.scores)
    shown = cells(scores, study, ["accuracy"], study.shown_in("main"))
    write_sheet(job.output, shown, main_accuracy_sheet(shown, study.header, lacking(scores, study)))


if __name__ == "__main__":
    run(main, globals()["snakemake"])
