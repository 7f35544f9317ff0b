"""The frame cache: every video decoded, drawn on and resized once, for every stage that looks at it."""

from __future__ import annotations

import hashlib
import io
import json
import math
import warnings
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from video_r2 import config
from video_r2.checksums import NotedChecksums
from video_r2.data import videos
from video_r2.data.overlay import draw, font_digest
from video_r2.data.subtitles import Cue, active_text, read_srt
from video_r2.errors import RejectedRecord, UserError
from video_r2.files import replacing, set_aside, unreadable

PATCH = 28  # Qwen2.5-VL: sides are multiples of the patch of 14 pixels times the merge of 2
IMAGES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".webp"})  # endings of files that are images
MAX_ASPECT = 200  # Qwen2.5-VL: limit of its processor


@dataclass(frozen=True)
class Clip:
    """What a model sees of a video, or of an image: to the model an image is a video of one frame, which is repeated.

    Attributes:
        frames: uint8 RGB, shape [T, height, width, 3], at the model's size.
        times: seconds from the beginning of the video, shape [T].
        fps_effective: frames per second at which the video was sampled.
    """

    frames: np.ndarray
    times: np.ndarray
    fps_effective: float

    @property
    def digest(self) -> str:
        """SHA-256 of what it shows, and when."""
        parts = (np.ascontiguousarray(array) for array in (self.frames, self.times, np.float64(self.fps_effective)))
        digest = hashlib.sha256(str(self.frames.shape).encode())
        for part in parts:
            digest.update(part.data)
        return digest.hexdigest()


def at_most(clip: Clip, number: int) -> Clip:
    """The clip with so many of its frames at most, evenly spread, each once and with its time; an even number, or one."""
    shown = len(clip.frames)
    kept = min(number, shown)
    kept -= kept % videos.TEMPORAL_PATCH if kept > 1 else 0
    places = np.arange(kept) * shown // kept
    return Clip(clip.frames[places], clip.times[places], clip.fps_effective * kept / shown)


def room_for(frames: config.Frames) -> int:
    """How many media a prompt may show: one frame, which is repeated, takes as many tokens as a pair."""
    return max(1, frames.max_frames // videos.TEMPORAL_PATCH)


def share_room(clips: Sequence[Clip], frames: config.Frames) -> list[Clip]:
    """Clips of one prompt, thinned where they have more frames in all than one video may have.

    Each keeps one pair, or its one frame; the rest is shared out in proportion.

    Args:
        clips: `room_for` of them at most.
    """
    pairs = [-(-len(clip.frames) // videos.TEMPORAL_PATCH) for clip in clips]
    if len(clips) == 1 or sum(pairs) <= room_for(frames):
        return list(clips)
    spare = room_for(frames) - len(clips)
    kept = [1 + (number - 1) * spare // (sum(pairs) - len(clips)) for number in pairs]
    return [
        clip if own == number else at_most(clip, own * videos.TEMPORAL_PATCH)
        for clip, number, own in zip(clips, pairs, kept, strict=True)
    ]


class FrameCache:
    """Clips on disk, found by the contents of their video and subtitle files and by every setting that shapes them.

    Several processes may read and fill one cache: a clip is written under a temporary name and moved into place, and
    two that write the same clip write the same frames.

    Args:
        root: folder of the cache, another one for other code that draws; may be deleted at any time.
        frames: how frames are sampled and sized.
        overlay: how the clock and the subtitle are drawn; used if `frames.overlay` is on.
        decoder: decord or pyav.
    """

    def __init__(self, root: Path, frames: config.Frames, overlay: config.Overlay, decoder: videos.Decoder) -> None:
        self.root = Path(root)
        self.frames = frames
        self.overlay = overlay
        self.decoder: videos.Decoder = decoder
        self._checksums = NotedChecksums(self.root / "digests")
        self._font = font_digest() if frames.overlay else None
        self._listed: dict[str, dict[str, Any]] = {}

    def entry(self, video: str | Path, subtitle: str | Path | None) -> dict[str, Any]:
        """What the list of a cache's clips says of one: its files, what it is called and shows, and its key.

        Raises:
            RejectedRecord: if the video or the subtitle cannot be used.
        """
        clip = self.load(video, subtitle)
        return {
            "video": str(video),
            "name": self.name(video, subtitle),
            "key": self.key(video, subtitle),
            "frames": list(clip.frames.shape),
            "sha256": clip.digest,
        }

    def expect(self, listing: str | Path) -> None:
        """From now on, give those clips only as `build_frames` has listed them: what has changed since is an error."""
        entries = json.loads(Path(listing).read_text(encoding="utf-8"))
        self._listed = {entry["name"]: entry for entry in entries}

    def is_listed(self, video: str | Path, subtitle: str | Path | None) -> bool:
        """Whether a clip is in the list that is to be kept to.

        Raises:
            UserError: if it is, and its files are not what they were.
        """
        entry = self._listed.get(self.name(video, subtitle))
        if entry is None:
            return False
        try:
            key = self.key(video, subtitle)
        except RejectedRecord as error:
            raise _changed(video, str(error)) from error
        if key != entry["key"]:
            raise _changed(video, "another checksum")
        return True

    def load(self, video: str | Path, subtitle: str | Path | None) -> Clip:
        """Give the clip of a video, from the cache if it is there.

        Args:
            video: the video file, or an image.
            subtitle: its `.srt` file; None for none.

        Raises:
            RejectedRecord: if the video or the subtitle cannot be used; the cache holds no failures, so a file that has
                been mended is read again.
            UserError: if a clip that is listed (`expect`) would not be what it was.
        """
        if not self.is_listed(video, subtitle):
            return self._load(video, subtitle)
        try:
            clip = self._load(video, subtitle)
        except RejectedRecord as error:
            raise _changed(video, str(error)) from error
        if clip.digest != self._listed[self.name(video, subtitle)]["sha256"]:
            raise _changed(video, "other frames")
        return clip

    def _load(self, video: str | Path, subtitle: str | Path | None) -> Clip:
        path = self.path(video, subtitle)
        if path.exists():
            try:
                return _read_clip(path)
            except Exception as error:  # noqa: BLE001 - what a damaged archive makes of its readers, they do not say
                with suppress(FileNotFoundError):  # another process has set it aside
                    set_aside(path)
                warnings.warn(f"{path}: the cached clip is damaged ({error}); set aside and made again", stacklevel=2)
        clip = build_clip(video, subtitle, self.frames, self.overlay, self.decoder)
        _write_clip(path, clip)
        return clip

    def path(self, video: str | Path, subtitle: str | Path | None) -> Path:
        """Where the clip of a video lies, or will lie."""
        key = self.key(video, subtitle)
        return self.root / "clips" / key[:2] / f"{key}.npz"

    def key(self, video: str | Path, subtitle: str | Path | None) -> str:
        """SHA-256 of everything that a clip depends on but the code."""
        drawn = subtitle if self._is_drawn_on(video) else None
        return self._digest_of(video, self._digest(video), None if drawn is None else self._digest(drawn))

    def name(self, video: str | Path, subtitle: str | Path | None) -> str:
        """What a clip is called, whatever its files hold: as its key, of their paths."""
        drawn = subtitle if self._is_drawn_on(video) else None
        return self._digest_of(video, str(video), None if drawn is None else str(drawn))

    def _is_drawn_on(self, video: str | Path) -> bool:
        return self.frames.overlay and not is_image(video)

    def _digest_of(self, file: str | Path, video: str, subtitle: str | None) -> str:
        drawn = self._is_drawn_on(file)
        parts = {
            "video": video,
            "subtitle": subtitle,
            "frames": self.frames.model_dump(mode="json"),
            "overlay": self.overlay.model_dump(mode="json") if drawn else None,
            "font": self._font if drawn else None,
            "decoder": self.decoder,
            "patch": PATCH,
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def _digest(self, path: str | Path) -> str:
        try:
            return self._checksums.of(path)
        except OSError as error:
            raise unreadable(error, path, "fetch the file, or leave it out") from error


def _changed(video: str | Path, how: str) -> UserError:
    return UserError(
        f"is not what its frames were drawn from, or its subtitles are not: {how}",
        file=video,
        cure="put a copy back and run again; or, if it was changed on purpose, run again: its frames are drawn anew",
    )


def build_clip(
    video: str | Path,
    subtitle: str | Path | None,
    frames: config.Frames,
    settings: config.Overlay,
    decoder: videos.Decoder,
) -> Clip:
    """Decode a video, draw the clock and the subtitle on its frames if asked to, and resize them.

    An image has no time, and so no clock.

    Raises:
        RejectedRecord: if the video, the image or the subtitle cannot be used.
    """
    if is_image(video):
        return Clip(resize(read_image(video), frames), np.zeros(1), frames.fps)
    info = videos.probe(video)
    planned = videos.sample_times(info.seconds, info.fps, frames)
    pictures, times = videos.read_frames(video, planned, decoder)
    cues = read_srt(subtitle) if frames.overlay and subtitle is not None else []
    fps = videos.sampling_rate(len(planned), info.seconds, frames)
    return make_clip(pictures, times, fps, cues, frames, settings)


def is_image(path: str | Path) -> bool:
    """Whether a file is an image, and not a video, by its ending."""
    return Path(path).suffix.lower() in IMAGES


def read_image(path: str | Path) -> np.ndarray:
    """An image as it is to be looked at: uint8 RGB, shape [1, height, width, 3].

    Raises:
        RejectedRecord: if it is damaged, or none.
    """
    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image)
            return np.asarray(upright.convert("RGB"))[None]
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # Pillow's own errors have none
            raise unreadable(error, path, "fetch the file, or leave it out") from error
        raise RejectedRecord(
            f"is not an image that can be read: {error}", file=path, cure="fetch it again, or leave it out"
        ) from error


def make_clip(
    pictures: np.ndarray,
    times: np.ndarray,
    fps: float,
    cues: Sequence[Cue],
    frames: config.Frames,
    settings: config.Overlay,
) -> Clip:
    """Draw the clock and the subtitle on frames if asked to, and resize them.

    Args:
        pictures: uint8 RGB, shape [T, height, width, 3], sampled evenly.
        times: seconds from the beginning of the video, shape [T].
        fps: frames per second at which they were sampled.
    """
    if frames.overlay:
        pictures = np.stack(
            [
                draw(picture, seen, active_text(cues, seen, settings.subtitle_tolerance), settings)
                for picture, seen in zip(pictures, times.tolist(), strict=True)
            ]
        )
    return Clip(resize(pictures, frames), times, fps)


def resize(pictures: np.ndarray, frames: config.Frames, patch: int = PATCH) -> np.ndarray:
    """Resize frames to the size that Qwen2.5-VL's processor would choose, so that it has nothing left to resize.

    Args:
        pictures: uint8, shape [T, height, width, 3].
        frames: smallest and largest area.
        patch: sides become multiples of this.

    Returns:
        uint8, shape [T, height', width', 3].
    """
    height, width = pictures.shape[1:3]
    new_height, new_width = model_size(height, width, frames, patch)
    if (new_height, new_width) == (height, width):
        return pictures
    images = (
        Image.fromarray(picture).resize((new_width, new_height), Image.Resampling.BICUBIC) for picture in pictures
    )
    return np.stack([np.asarray(image) for image in images])


def model_size(height: int, width: int, frames: config.Frames, patch: int = PATCH) -> tuple[int, int]:
    """Height and width at which Qwen2.5-VL sees a frame: its rule, without the ten seconds that importing it takes.

    Sides are multiples of `patch`, near the frame's own, or scaled so that the area lies within the limits.

    Raises:
        RejectedRecord: if one side is more than 200 times the other, as the processor refuses it.
    """
    if max(height, width) > MAX_ASPECT * min(height, width):
        reason = f"one side of its {width}x{height} pixels is more than {MAX_ASPECT} times the other"
        raise RejectedRecord(reason, cure="leave it out")
    sides = [round(side / patch) * patch for side in (height, width)]
    if sides[0] * sides[1] > frames.max_pixels:
        scale = math.sqrt(height * width / frames.max_pixels)
        sides = [max(patch, math.floor(side / scale / patch) * patch) for side in (height, width)]
    elif sides[0] * sides[1] < frames.min_pixels:
        scale = math.sqrt(frames.min_pixels / (height * width))
        sides = [math.ceil(side * scale / patch) * patch for side in (height, width)]
    return sides[0], sides[1]


def _write_clip(path: Path, clip: Clip) -> None:
    # Compressed lightly: drawn frames shrink to a twentieth, filmed ones to a half, and reading gets no slower.
    with (
        replacing(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
    ):
        for name, array in vars(clip).items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, np.asarray(array), allow_pickle=False)


def _read_clip(path: Path) -> Clip:
    """Read a clip; the archive's own checksums tell damage."""
    with zipfile.ZipFile(path) as archive:
        # Each to its end, where its checksum is compared: NumPy reads no further than the shape says, which may be damaged.
        frames, times, rate = (
            np.lib.format.read_array(io.BytesIO(archive.read(f"{name}.npy")), allow_pickle=False)
            for name in ("frames", "times", "fps_effective")
        )
    return Clip(frames, times, float(rate))
