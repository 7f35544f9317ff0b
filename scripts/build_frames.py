"""The frame cache, filled for rows of conversations or questions; the output lists the clips that lie in it.

A video without a clip is set aside here. Its questions stay: they are asked, and count as unanswered. One with a damaged end
is used as far as it goes, and reported beside those.
"""

import json
from concurrent.futures import Executor, ThreadPoolExecutor
from itertools import chain, compress
from pathlib import Path
from typing import Any

from tqdm import tqdm

from video_r2 import config, records
from video_r2.data.conversations import read_jsonl
from video_r2.data.frames import FrameCache, is_image, room_for
from video_r2.data.rejected import write_rejected
from video_r2.data.subtitles import defects_of
from video_r2.data.videos import lost_end, probe
from video_r2.errors import RejectedRecord
from video_r2.files import paths, replacing
from video_r2.run import Job, run
from video_r2.space import require_space

Work = tuple[FrameCache, str, str]
ONE_FRAME = "gives one frame only, which is used: it is shorter than two samples, or damaged behind the first"
MEASURED = 32  # clips from whose sizes that of all is estimated


def main(job: Job) -> None:
    overlay = config.Overlay.model_validate(job.params.overlay)
    caches = [
        FrameCache(Path(job.params.cache), config.Frames.model_validate(frames), overlay, job.params.decoder)
        for frames in job.params.frames
    ]
    shown = {path: videos_of(path) for path in paths(job.input.rows)}
    videos = sorted(set().union(*shown.values()))
    # What is damaged in part is told of benchmarks; of the training videos index_videos tells it.
    asked = set().union(*(pairs for path, pairs in shown.items() if path.endswith(".parquet")))
    work = [(cache, video, subtitle) for video, subtitle in videos for cache in caches]

    def draw(cache: FrameCache, video: str, subtitle: str) -> list[dict[str, Any] | RejectedRecord]:
        clip = build(cache, video, subtitle)
        if isinstance(clip, RejectedRecord):
            return [clip]
        return [clip, *too_short(clip), *(partial_damage(video, subtitle) if (video, subtitle) in asked else [])]

    with ThreadPoolExecutor(job.threads) as pool:
        require_room(pool, work, Path(job.params.cache))
        drawn = tqdm(pool.map(lambda item: draw(*item), work), total=len(work), desc="drawing frames", unit="clip")
        found = list(chain.from_iterable(drawn))
    made = [clip for clip in found if isinstance(clip, dict)]
    with replacing(job.output.listing) as temporary:
        temporary.write_text(json.dumps(made, indent=1), encoding="utf-8")
    # A file fails in the same way however it is sampled.
    damaged = {str(defect): defect for defect in found if isinstance(defect, RejectedRecord)}
    print(f"{len(made)} of {len(work)} clips are in the cache; {len(damaged)} defects of videos and subtitles")
    crowded = [row for path in shown for cache in caches for row in too_many(path, cache.frames)]
    write_rejected(job.output.rejected, [*damaged.values(), *crowded])


def videos_of(path: str) -> set[tuple[str, str]]:
    """Videos and images with their subtitles, "" for none, out of conversations (.jsonl) or questions (.parquet)."""
    if path.endswith(".jsonl"):
        return {(medium.path, medium.subtitle or "") for row in read_jsonl(path) for medium in row.media}
    questions = records.read_table(path, records.QUESTION)
    return set(zip(questions["video"], questions["subtitle"], strict=True))


def too_many(path: str, frames: config.Frames) -> list[RejectedRecord]:
    """Conversations that show more videos or images than a prompt has room for."""
    return [
        RejectedRecord(
            f"has {len(row.media)} {row.kind}s, and max_frames = {frames.max_frames} has room for {room_for(frames)}: "
            "trainings on such frames leave it out",
            file=path,
            record=row.id,
            cure="raise max_frames, or leave the row out",
        )
        for row in (read_jsonl(path) if path.endswith(".jsonl") else [])
        if len(row.media) > room_for(frames)
    ]


def require_room(pool: Executor, work: list[Work], folder: Path) -> None:
    """Draw a few of the clips that are missing, and see that there is space for the others, should they be as large."""
    missing = list(compress(work, pool.map(lambda item: stored_size(*item) == 0, work)))
    some = missing[:: max(1, len(missing) // MEASURED)]
    list(pool.map(lambda item: build(*item), some))
    taken = sum(pool.map(lambda item: stored_size(*item), some))
    left = len(missing) - len(some)
    if left:
        require_space(folder, taken * left / len(some), f"drawing {left} clips")


def stored_size(cache: FrameCache, video: str, subtitle: str) -> int:
    """Bytes of a clip in the cache; 0 if it is not there, or will never be."""
    try:
        return cache.path(video, subtitle or None).stat().st_size
    except (RejectedRecord, FileNotFoundError):
        return 0


def build(cache: FrameCache, video: str, subtitle: str) -> dict[str, Any] | RejectedRecord:
    """What the listing says of a clip, or why there is none."""
    try:
        return cache.entry(video, subtitle or None)
    except RejectedRecord as error:
        # Some defects show in the frames rather than in the file, which is named here at the latest.
        return RejectedRecord(error.reason, file=error.file or video, record=error.record, cure=error.cure)


def too_short(clip: dict[str, Any]) -> list[RejectedRecord]:
    """What to report of a clip that shows one moment only."""
    if clip["frames"][0] > 1 or is_image(clip["video"]):
        return []
    return [RejectedRecord(ONE_FRAME, file=clip["video"], cure="leave it out if one picture is not enough")]


def partial_damage(video: str, subtitle: str) -> list[RejectedRecord]:
    """What is damaged of files that a clip could be made of all the same."""
    try:
        lost = lost_end(video, probe(video, check_tail=True))
    except RejectedRecord as error:
        lost = error
    return [*([lost] if lost else []), *(defects_of(subtitle) if subtitle else [])]


if __name__ == "__main__":
    run(main, globals()["snakemake"])
