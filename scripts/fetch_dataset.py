"""Download the release's training data at its revision; unpack the videos, and the subtitles beside them."""

from pathlib import Path

from video_r2.data.hub import download, place, unpack
from video_r2.errors import UserError
from video_r2.run import Job, run

SUBTITLES = "subtitles.tar"


def main(job: Job) -> None:
    """Outputs: sft, grpo (JSON), videos (folder). Parameters: dataset, revision."""
    videos = Path(job.output.videos)
    raw = videos.parent
    # Outside of the output, which Snakemake clears before a job: an interrupted download goes on.
    got = download(job.params.dataset, "dataset", job.params.revision, raw.parents[1] / "cache" / "hub")
    place(got.folder, raw, leave=[SUBTITLES])
    if (got.folder / SUBTITLES).is_file():
        unpack([got.folder / SUBTITLES], videos, without="subtitles")
    for path in (job.output.sft, job.output.grpo, videos):
        if not Path(path).exists():
            raise UserError(
                f"{job.params.dataset} holds no {Path(path).name}",
                file=path,
                cure="check data.dataset and data.revision",
            )


if __name__ == "__main__":
    run(main, globals()["snakemake"])
