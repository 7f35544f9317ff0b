"""Accuracy of every prediction, as its benchmark defines it."""

from video_r2.metrics.accuracy import score_record
from video_r2.metrics.summaries import score_files
from video_r2.run import Job, run


def main(job: Job) -> None:
    semantics = job.params.semantics
    score_files(
        job,
        "accuracy",
        lambda records, adapter: [score_record(record, adapter, semantics) for record in records],
    )


if __name__ == "__main__":
    run(main, globals()["snakemake"])
