"""The released checkpoints: their accuracy, TAC and VAS beside what was published for them."""

from video_r2.metrics.summaries import read_scores
from video_r2.paper.exhibits import Study, cells, lacking
from video_r2.paper.layouts import released_sheet
from video_r2.paper.output import write_sheet
from video_r2.paper.reported import read_reported
from video_r2.paper.reproduction import released_beside_published
from video_r2.run import Job, run


def main(job: Job) -> None:
    study = Study.from_params(job.params)
    scores, reported = read_scores(job.input.scores), read_reported(job.input.reported)
    shown = cells(scores, study, ["accuracy", "tac", "vas_judge"], study.shown_in("released"))
    pairs = released_beside_published(shown, reported)
    write_sheet(job.output, pairs, released_sheet(pairs, study.header, reported.header, lacking(scores, study)))


if __name__ == "__main__":
    run(main, globals()["snakemake"])
