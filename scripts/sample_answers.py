"""Sample questions with frames of their videos and every model's response, as a page of the report."""

from video_r2 import records
from video_r2.metrics.summaries import read_scores
from video_r2.paper.output import write_text
from video_r2.paper.report import samples_page
from video_r2.run import Job, run


def main(job: Job) -> None:
    page = samples_page(
        records.read_table(job.input.samples, records.SAMPLE),
        records.read_table(job.input.predictions, records.PREDICTION),
        read_scores(job.input.scores),
        labels={name: entry["label"] for name, entry in job.params.evaluations.items()},
        benchmarks={name: entry["label"] for name, entry in job.params.benchmarks.items()},
    )
    write_text(job.output[0], page)


if __name__ == "__main__":
    run(main, globals()["snakemake"])
