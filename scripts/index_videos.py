"""The table of the training videos: what each is, with its checksum; those that cannot be read are set aside.

A video with a damaged end is used as far as it goes, and reported beside those.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from video_r2 import records
from video_r2.checksums import sha256_of
from video_r2.data.rejected import require_few, write_rejected
from video_r2.data.subtitles import defects_of
from video_r2.data.videos import VIDEO_SUFFIXES, VideoInfo, lost_end, probe
from video_r2.errors import RejectedRecord, UserError
from video_r2.files import files_below, is_of_the_system, unreadable
from video_r2.run import Job, run


def main(job: Job) -> None:
    folder = Path(job.input.videos)
    videos = sorted(
        path
        for path in files_below(folder)
        if path.suffix.lower() in VIDEO_SUFFIXES and not is_of_the_system(path.relative_to(folder))
    )
    if not videos:
        raise UserError("holds no video", file=folder, cure="fetch or generate the training videos")

    # Threads do: PyAV and the checksum leave the interpreter to the others.
    with ThreadPoolExecutor(job.threads) as pool:
        described = list(tqdm(pool.map(describe, videos), total=len(videos), desc="reading videos", unit="video"))
    rejected = [row for row in described if isinstance(row, RejectedRecord)]
    rows, shortened = [], []
    for path, row in zip(videos, described, strict=True):
        if not isinstance(row, RejectedRecord):
            info, entry = row
            rows.append(entry | {"path": str(path.relative_to(folder.parent))})
            shortened.append(lost_end(path, info))
    require_few(folder, rejected, len(videos), job.params.max_rejected)

    records.write_table(job.output.table, pd.DataFrame(rows, columns=list(records.VIDEO)), records.VIDEO)
    write_rejected(job.output.rejected, [*rejected, *filter(None, shortened), *malformed_cues(videos)])


def describe(path: Path) -> tuple[VideoInfo, dict[str, Any]] | RejectedRecord:
    try:
        info = probe(path, check_tail=True)
        return info, {
            "bytes": path.stat().st_size,
            "sha256": sha256_of(path),
            "seconds": info.seconds,
            "fps": info.fps,
            "frames": info.frames,
        }
    except RejectedRecord as error:
        return error
    except OSError as error:
        raise unreadable(error, path, "fetch the video, or leave it out") from error


def malformed_cues(videos: list[Path]) -> Iterator[RejectedRecord]:
    """What cannot be read of the subtitles beside the videos; a file without any cue refuses its rows later."""
    for subtitle in (video.with_suffix(".srt") for video in videos):
        if subtitle.exists():
            yield from defects_of(subtitle)


if __name__ == "__main__":
    run(main, globals()["snakemake"])
