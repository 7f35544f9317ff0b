"""Download the release's training data, pinned to a commit; unpack the videos, and the subtitles beside them."""

from pathlib import Path

from video_r2.data.archives import place, unpack
from video_r2.data.hub import download
from video_r2.data.sources import Source
from video_r2.errors import UserError
from video_r2.run import Job, run

SUBTITLES = "subtitles.tar"


def main(job: Job) -> None:
    """Outputs: sft, grpo (JSON), videos (folder), manifest. Parameters: source, order, keep (cache, lock, record)."""
    keep, videos = job.params.keep, Path(job.output.videos)
    got = download(Source.model_validate(job.params.source), Path(keep["cache"]), Path(keep["lock"]))
    place(got.folder, list(got.files), videos.parent, leave=[SUBTITLES])
    if SUBTITLES in got.files:
        unpack([got.folder / SUBTITLES], videos, without="subtitles")
    for path in (job.output.sft, job.output.grpo, videos):
        if not Path(path).exists():
            raise UserError(
                f"{got.source.hub} holds no {Path(path).name}",
                file=path,
                cure="check data.dataset and data.revision, and the files that sources.yaml names",
            )
    got.write_manifest(job.output.manifest)
    got.remember(keep["record"], job.params.order)


if __name__ == "__main__":
    run(main, globals()["snakemake"])
