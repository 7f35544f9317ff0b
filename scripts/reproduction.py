"""Published numbers beside reproduced ones, where the rows mean the same."""

from video_r2.metrics.summaries import read_scores
from video_r2.paper.exhibits import Study, cells, lacking
from video_r2.paper.layouts import reproduction_sheet
from video_r2.paper.output import write_sheet
from video_r2.paper.reported import read_reported
from video_r2.paper.reproduction import beside_published
from video_r2.run import Job, run


def main(job: Job) -> None:
    study = Study.from_params(job.params)
    scores, reported = read_scores(job.input.scores), read_reported(job.input.reported)
    shown = cells(scores, study, ["accuracy", "tac", "vas_judge"], list(study.evaluations))
    pairs = beside_published(shown, study, reported)
    write_sheet(job.output, pairs, reproduction_sheet(pairs, study.header, reported.header, lacking(scores, study)))


if __name__ == "__main__":
    run(main, globals()["snakemake"])
