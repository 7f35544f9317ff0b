"""Download a benchmark at its revision and unpack its videos."""

from pathlib import Path

from video_r2 import config
from video_r2.data.hub import download, place
from video_r2.errors import UserError
from video_r2.run import Job, run


def main(job: Job) -> None:
    """Output: raw (folder). Parameter: benchmark; wildcard: benchmark."""
    benchmark = config.Benchmark.model_validate(job.params.benchmark)
    if benchmark.hub is None:
        raise UserError(
            f"benchmark {job.wildcards.benchmark!r} has no hub id", cure=f"set benchmarks.{job.wildcards.benchmark}.hub"
        )
    raw = Path(job.output.raw)
    # Outside of the output, which Snakemake clears before a job: an interrupted download goes on.
    got = download(benchmark.hub, "dataset", benchmark.revision, raw.parents[2] / "cache" / "hub")
    place(got.folder, raw)


if __name__ == "__main__":
    run(main, globals()["snakemake"])
