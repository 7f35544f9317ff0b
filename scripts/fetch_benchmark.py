"""Download a benchmark, pinned to a commit, and unpack its videos."""

from pathlib import Path

from video_r2.data.archives import place
from video_r2.data.hub import download
from video_r2.data.sources import Source
from video_r2.run import Job, run


def main(job: Job) -> None:
    """Outputs: raw (folder), manifest. Parameters: source, order, keep (cache, lock, record)."""
    keep = job.params.keep
    got = download(Source.model_validate(job.params.source), Path(keep["cache"]), Path(keep["lock"]))
    place(got.folder, list(got.files), Path(job.output.raw))
    got.write_manifest(job.output.manifest)
    got.remember(keep["record"], job.params.order)


if __name__ == "__main__":
    run(main, globals()["snakemake"])
