"""The videos and subtitles of a benchmark, where they lie and as they are read."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from video_r2.data.subtitles import format_srt
from video_r2.data.videos import VIDEO_SUFFIXES
from video_r2.errors import RejectedRecord
from video_r2.files import files_below, is_file, replacing


class Media:
    """The videos and subtitles of a benchmark.

    Args:
        folder: what places are below of.
        anywhere: look for a video that is not in its place below the whole folder.
        converted: folder for subtitles that have to be converted to `.srt`.
    """

    def __init__(self, folder: Path, anywhere: bool, converted: Path) -> None:
        self._folder = folder
        self._anywhere = anywhere
        self._converted = converted
        self._known: dict[tuple[Path, float], Path | None] = {}

    @cached_property
    def _videos(self) -> dict[str, list[Path]]:
        videos: dict[str, list[Path]] = {}
        for path in sorted(files_below(self._folder)) if self._anywhere else ():
            if path.suffix.lower() in VIDEO_SUFFIXES:
                videos.setdefault(path.stem, []).append(path)
        return videos

    def video(self, place: str, within: str = "", without: frozenset[str] = frozenset()) -> Path:
        """The video that should be at `place`, or wherever else below the folder it was unpacked to.

        Args:
            within: a folder without which it is another video, of the same name.
            without: folders in which it is another one.

        Raises:
            RejectedRecord: if there is none, or several that fit equally well.
        """
        exact = self._folder / place
        if is_file(exact):
            return exact
        found = self._nearest(Path(place), within, without)
        if not found:
            raise RejectedRecord(
                f"the video {place} is missing", cure="download or unpack the benchmark's videos below this folder"
            )
        if len(found) > 1:
            raise RejectedRecord(
                f"several videos could be {place}: {', '.join(str(path.relative_to(self._folder)) for path in found)}",
                cure=f"keep the right one, at {place}",
            )
        return found[0]

    def subtitle(self, place: str, offset: float, video: Path) -> Path | None:
        """The subtitle at `place` or, as in the release, beside the video under the same name; none if there is none.

        Args:
            offset: seconds into a JSON subtitle at which the video begins.
        """
        path = self._folder / place
        if path.suffix == ".json" and is_file(path):
            # Questions on one video share its subtitles, unless they cut them differently.
            if (path, offset) not in self._known:
                target = self._converted / f"{path.stem}-{offset:g}.srt"
                self._known[path, offset] = convert_subtitle(path, offset, target)
            return self._known[path, offset]
        beside = video.with_suffix(".srt")
        return next((found for found in (path, beside) if is_file(found)), None)

    def _nearest(self, place: Path, within: str, without: frozenset[str]) -> list[Path]:
        """Files of the same name, whatever their format, that share most of the folders at the end of `place`."""
        folders = {path: path.relative_to(self._folder).parts[:-1] for path in self._videos.get(place.stem, [])}
        found = [path for path, of in folders.items() if (not within or within in of) and without.isdisjoint(of)]

        def shared(path: Path) -> int:
            pairs = zip(reversed(path.parent.parts), reversed(place.parent.parts), strict=False)
            return next((depth for depth, (one, other) in enumerate(pairs) if one != other), len(place.parent.parts))

        nearest = max((shared(path) for path in found), default=0)
        return [path for path in found if shared(path) == nearest]


def convert_subtitle(path: Path, offset: float, target: Path) -> Path | None:
    """Write the JSON subtitles of LongVideoBench as `.srt`, counted from the start of the video.

    Args:
        offset: seconds into the subtitles at which the video begins; cues that end before it are left out.

    Returns:
        `target`, or none where nothing is said in the video.

    Raises:
        RejectedRecord: if the file cannot be read as subtitles.
    """
    try:
        cues = [_cue(cue) for cue in json.loads(path.read_text(encoding="utf-8"))]
    except UnicodeDecodeError as error:
        raise RejectedRecord(
            f"the subtitle is not UTF-8 (byte {error.start})", file=path, cure="save it as UTF-8"
        ) from error
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise RejectedRecord(
            f"the subtitle cannot be read: {error!r}",
            file=path,
            cure='it should be a list of {"timestamp": [start, end], "text": …} or {"start": …, "end": …, "line": …}',
        ) from error
    shifted = [(max(0.0, start - offset), end - offset, text) for start, end, text in cues if end > offset and text]
    if not shifted:
        return None
    with replacing(target) as temporary:
        temporary.write_text(format_srt(shifted), encoding="utf-8")
    return target


def _cue(cue: Mapping[str, Any]) -> tuple[float, float, str]:
    start, end, text = _cue_as_written(cue)
    if not math.isfinite(start) or not math.isfinite(end):
        raise ValueError(f"a cue from {start} to {end}")
    text.encode("utf-8")  # raises where a character is half
    return start, end, text


def _cue_as_written(cue: Mapping[str, Any]) -> tuple[float, float, str]:
    if "timestamp" in cue:
        start, end = cue["timestamp"]
        # An open end, which some of the real files have, lasts as short as a word does.
        return float(start), float(end if end is not None else start + 1), str(cue["text"]).strip()
    return _seconds(cue["start"]), _seconds(cue["end"]), str(cue["line"]).strip()


def _seconds(time: str) -> float:
    hours, minutes, seconds = time.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
