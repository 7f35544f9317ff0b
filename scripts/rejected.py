"""The records that could not be used, with the reason for each and what to do about it."""

from video_r2.paper.output import write_sheet
from video_r2.paper.report import read_rejected, rejected_sheet
from video_r2.run import Job, run


def main(job: Job) -> None:
    rejected = read_rejected(job.input.rejected)
    write_sheet(job.output, rejected, rejected_sheet(rejected))


if __name__ == "__main__":
    run(main, globals()["snakemake"])
