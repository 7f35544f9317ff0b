"""Reading videos: how long they are, at which times to look, and the frames at those times.

Times are seconds from the first frame. PyAV reads the file's index, so that a file is judged in the same way whatever
decodes it; decord or PyAV decodes, and both give the same pixels.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple, cast

import av
import av.logging
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from video_r2 import config
from video_r2.errors import RejectedRecord
from video_r2.files import require_readable, unreadable

Decoder = Literal["decord", "pyav"]

VIDEO_SUFFIXES = frozenset({".mp4", ".mkv", ".webm", ".mov", ".avi", ".m4v", ".mpg", ".mpeg", ".flv", ".gif"})
TEMPORAL_PATCH = 2  # frames that Qwen2.5-VL's vision tower merges into one (model card: temporal_patch_size)
LOST_SECONDS = 0.5  # a declared duration may be rounded, or that of a longer sound track, by less
FETCH_AGAIN = "fetch the file again, or leave it out"

av.logging.set_level(av.logging.PANIC)  # damage is reported once, as a RejectedRecord, not on the terminal per packet


@dataclass(frozen=True)
class VideoInfo:
    """What a video is, as far as it can be read.

    Attributes:
        seconds: duration.
        fps: mean frames per second.
        frames: number of frames.
        width, height: size in pixels, as displayed.
        declared_frames: number of frames that the file says it has; 0 where it does not say.
    """

    seconds: float
    fps: float
    frames: int
    width: int
    height: int
    declared_frames: int = 0


class _Packet(NamedTuple):
    """A compressed frame: when it is shown and when decoded, in ticks of its stream; can it be decoded by itself?"""

    tick: int
    decoded: int | None
    is_key: bool


@dataclass(frozen=True)
class _Index:
    """The video packets of a file, in the order of display: presentation ticks, and which of them are key frames."""

    ticks: np.ndarray
    keys: np.ndarray
    tick: Fraction
    fps: float
    width: int
    height: int
    declared: int

    @property
    def starts(self) -> np.ndarray:
        """Time at which each frame appears, in seconds from the first."""
        return (self.ticks - self.ticks[0]) * float(self.tick)

    @property
    def slack(self) -> float:
        """A quarter of the shortest time that a frame is on screen, in seconds."""
        return 0.25 * min([1 / self.fps, *np.diff(self.starts).tolist()])


def probe(path: str | Path, check_tail: bool = False) -> VideoInfo:
    """Read what a video is from its index.

    Args:
        path: the video file.
        check_tail: also decode the last frames, and leave out those at the end that do not decode.

    Raises:
        RejectedRecord: if there is no such file, it is not a video, has no frames, or holds less than half of itself.
        UserError: if the disk does not read it.
    """
    index = _index(path)
    frames = _frames_that_decode(path, index) if check_tail else len(index.ticks)
    if frames < max(index.declared, len(index.ticks)):
        require_readable(path)
    return VideoInfo(frames / index.fps, index.fps, frames, index.width, index.height, index.declared)


def lost_end(path: str | Path, info: VideoInfo) -> RejectedRecord | None:
    """What to report of a video that ends before it says it does, by more than `LOST_SECONDS`; the rest of it is used."""
    lost = (info.declared_frames - info.frames) / info.fps
    if lost <= LOST_SECONDS:
        return None
    reason = f"its last {lost:.1f} of {info.declared_frames / info.fps:.1f} seconds are damaged; what is before is used"
    return RejectedRecord(reason, file=path, cure=FETCH_AGAIN)


def sample_times(seconds: float, fps: float, frames: config.Frames) -> np.ndarray:
    """Choose the times of a video's frames that a model sees.

    At most `frames.fps` frames a second and `frames.max_frames` in all, spread evenly over the whole video from its
    first frame on; each is the time of another frame of the video. Their number is even, since the vision tower merges
    frames in pairs, unless there is only one. Of a video that is too long for its frames to be `1 / frames.fps` seconds apart,
    the last one is the video's last: some end with a picture that is asked about (Video-MMMU's adaptation track).

    Args:
        seconds: duration of the video.
        fps: frames per second of the video.
        frames: the sampling settings.

    Returns:
        Times in seconds, ascending, shape [T]; one time for a video shorter than one sample.
    """
    available = max(1, round(seconds * fps))
    # The small term keeps 8 s at 2 fps at 16 samples where the duration is off by a rounding error.
    samples = seconds * frames.fps + 1e-6
    wanted = 1 if samples < 1 + 2e-6 else max(TEMPORAL_PATCH, int(samples))
    number = min(wanted, frames.max_frames, available)
    if number > 1:
        number -= number % TEMPORAL_PATCH
    chosen = np.arange(number) * available // number
    if number > 1 and samples >= frames.max_frames + 1:
        chosen[-1] = available - 1
    return chosen / fps


def sampling_rate(planned: int, seconds: float, frames: config.Frames) -> float:
    """Frames per second of a clip for which `planned` frames of a video of this length were chosen."""
    return planned / seconds if planned > 1 else frames.fps


def read_frames(
    path: str | Path, times: Sequence[float] | np.ndarray, decoder: Decoder
) -> tuple[np.ndarray, np.ndarray]:
    """Decode the frames that are on screen at `times`.

    Where a part of the file is damaged, the frames of the rest are returned. A frame that stays on screen longer than
    the frame rate says (a variable frame rate) answers for every time at which it is seen.

    Args:
        path: the video file.
        times: seconds from the first frame, ascending, shape [T].
        decoder: decord, or pyav. What decord cannot read of a damaged file is read by PyAV.

    Returns:
        Frames, uint8 RGB of shape [T', height, width, 3], and the times at which they are seen, in seconds, shape [T'];
        T' is less than T where frames are damaged.

    Raises:
        RejectedRecord: if the file cannot be used, or if fewer than half of the frames decode.
    """
    index = _index(path)
    wanted = np.asarray(times, dtype=np.float64)
    if wanted.ndim != 1 or not len(wanted) or (np.diff(wanted) < 0).any():
        raise ValueError("times must be a row of ascending seconds")
    starts = index.starts
    # Forgives containers that round times to milliseconds, and is too short to reach a neighbour.
    slack = index.slack
    shown = np.searchsorted(starts, wanted + slack, side="right") - 1
    within = (shown >= 0) & (wanted + slack < starts[-1] + 1 / index.fps)
    numbers = np.unique(shown[within])
    decoded = _decode_with_decord(path, index, numbers) if decoder == "decord" else {}
    if len(decoded) < len(numbers):
        decoded = _decode_with_pyav(path, index, numbers)
    if len(decoded) < len(numbers):
        require_readable(path)
    usable = within & np.isin(shown, list(decoded))
    if 2 * usable.sum() < len(wanted):
        reason = f"{usable.sum()} of {len(wanted)} sampled frames decode, fewer than half"
        raise RejectedRecord(reason, file=path, cure=FETCH_AGAIN)
    held = wanted - starts[shown] >= 1 / index.fps
    return np.stack([decoded[number] for number in shown[usable]]), np.where(held, wanted, starts[shown])[usable]


# --- the index of a file ----------------------------------------------------------------------------------------------


def _index(path: str | Path) -> _Index:
    try:
        status = os.stat(path)
    except OSError as error:
        raise unreadable(error, path, "fetch the video, or leave it out") from error
    if not status.st_size:
        raise RejectedRecord("is an empty file", file=path, cure=FETCH_AGAIN)
    return _read_index(str(path), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _read_index(path: str, size: int, modified: int) -> _Index:
    """Read the index of a file as it was at a size and a time of change; these two only tell versions apart."""
    try:
        with av.open(path) as container:
            stream = _video_stream(container, path)
            packets = _packets(container, stream, path)
            ticks = np.unique(np.array([packet.tick for packet in packets], dtype=np.int64))
            keys = np.unique(
                np.array([packet.tick for packet in packets if packet.is_key] or ticks[:1], dtype=np.int64)
            )
            tick = stream.time_base or Fraction(1, av.time_base)
            fps = _frame_rate(ticks, tick, stream.average_rate or stream.guessed_rate)
            declared = _declared_frames(container, stream, fps)
            _require_half(path, len(ticks), declared)
            container.seek(int(ticks[0]), stream=stream)
            first = next((frame for _, frame in _sound_frames(container, stream)), None)
            if first is None:
                raise RejectedRecord("none of its frames decodes", file=path, cure=FETCH_AGAIN)
            height, width = _picture(first).shape[:2]
    except RejectedRecord:
        require_readable(path)
        raise
    except (av.error.FFmpegError, OSError) as error:
        require_readable(path)
        raise RejectedRecord(f"cannot be read as a video: {error.strerror}", file=path, cure=FETCH_AGAIN) from error
    return _Index(ticks, keys, tick, fps, width, height, declared)


def _packets(container: InputContainer, stream: VideoStream, path: str) -> list[_Packet]:
    """What the stream's sound packets say, in the order of the file."""
    # Their contents are let go at once: together they are the whole file.
    packets = [
        (packet.pts, packet.dts, packet.is_keyframe, packet.is_corrupt)
        for packet in container.demux(stream)
        if packet.size and not packet.is_discard
    ]
    if packets and packets[-1][3]:
        # The file breaks off within a frame, and has lost the frames that are shown after that one as well.
        last = packets[-1][0]
        packets = [packet for packet in packets if packet[0] is not None and last is not None and packet[0] < last]
    sound = [
        _Packet(pts, dts, is_key) for pts, dts, is_key, is_corrupt in packets if not is_corrupt and pts is not None
    ]
    if 0 < len(packets) < stream.frames and (decoded := sound[-1].decoded if sound else None) is not None:
        # The file breaks off between two frames. What is lost is decoded later, and so shown later, than the last packet.
        sound = [packet for packet in sound if packet.tick <= decoded]
    if not sound:
        raise RejectedRecord("has no frames that can be read", file=path, cure=FETCH_AGAIN)
    if any(pts is None and not is_corrupt for pts, *_, is_corrupt in packets):
        cure = "copy it into an .mp4 or .mkv container"
        raise RejectedRecord("some of its frames carry no time", file=path, cure=cure)
    if container.format.name == "avi" and stream.codec_context.name == "h264" and stream.codec_context.has_b_frames:
        cure = "convert it to .mp4"
        raise RejectedRecord("an AVI file does not say in which order its frames are shown", file=path, cure=cure)
    return sound


def _video_stream(container: InputContainer, path: str) -> VideoStream:
    """The first stream of moving pictures; the cover of a sound file is not one."""
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            # One thread: several files are read at once instead, and the order of frames never depends on the machine.
            stream.thread_count = 1
            return stream
    raise RejectedRecord("holds no video, only other streams", file=path, cure="leave it out")


def _frame_rate(ticks: np.ndarray, tick: Fraction, declared: Fraction | None) -> float:
    """Mean frames per second: what the file declares if its frames bear that out, else what they show."""
    if len(ticks) == 1:
        return float(declared or 1)
    shown = (len(ticks) - 1) / (int(ticks[-1] - ticks[0]) * tick)
    if declared and abs((len(ticks) - 1) * (1 / declared - 1 / shown)) < 1 / (4 * shown):
        return float(declared)
    return float(shown)


def _declared_frames(container: InputContainer, stream: VideoStream, fps: float) -> int:
    """Number of frames that the file says it has; 0 if it does not say."""
    if stream.frames:
        return stream.frames
    if stream.duration and stream.time_base:
        return int(stream.duration * stream.time_base * Fraction(fps))
    # The container's duration is that of its longest stream.
    if container.duration and len(container.streams) == 1:
        return int(container.duration / av.time_base * fps)
    return 0


def _require_half(path: str | Path, usable: int, expected: int) -> None:
    if 2 * usable < expected:
        reason = f"{usable} of {expected} frames can be read, fewer than half"
        raise RejectedRecord(reason, file=path, cure=FETCH_AGAIN)


def _frames_that_decode(path: str | Path, index: _Index) -> int:
    """Number of frames up to the last one that decodes; groups of frames are tried from the last to the first."""
    end = len(index.ticks)
    for start in reversed(np.searchsorted(index.ticks, index.keys).tolist()):
        decoded = _decode_with_pyav(path, index, np.arange(start, end))
        if decoded:
            _require_half(path, max(decoded) + 1, len(index.ticks))
            return max(decoded) + 1
        end = start
    raise RejectedRecord("none of its frames decodes", file=path, cure=FETCH_AGAIN)


# --- decoding ---------------------------------------------------------------------------------------------------------


def _decode_with_decord(path: str | Path, index: _Index, numbers: np.ndarray) -> dict[int, np.ndarray]:
    """Frames by number; none at all where decord stumbles, since it does not say which of them it made up."""
    import decord  # here, so that the rest works where decord has no wheel

    decord.logging.set_level(decord.logging.QUIET)
    try:
        # The least tolerance above none: without it, decord puts other frames in the place of damaged ones.
        reader = decord.VideoReader(str(path), num_threads=1, fault_tol=1e-9)
        if len(reader) != len(index.ticks):
            return {}
        # Where a container has no times for it (MPEG-4 in AVI), decord goes to the wrong frames.
        if not np.allclose(
            reader.get_frame_timestamp(numbers)[:, 0], index.starts[numbers], rtol=1e-6, atol=index.slack
        ):
            return {}
        pictures = reader.get_batch(numbers.tolist()).asnumpy()
    except (decord.DECORDError, RuntimeError, AssertionError):
        return {}
    return dict(zip(numbers.tolist(), pictures, strict=True))


def _decode_with_pyav(path: str | Path, index: _Index, numbers: np.ndarray) -> dict[int, np.ndarray]:
    """Frames by number, without those that are damaged; every group of frames is entered at its key frame."""
    decoded: dict[int, np.ndarray] = {}
    ticks = index.ticks[numbers]
    groups = np.maximum(np.searchsorted(index.keys, ticks, side="right") - 1, 0)
    with av.open(str(path)) as container:
        stream = _video_stream(container, str(path))
        for group in np.unique(groups):
            wanted = dict(zip(ticks[groups == group].tolist(), numbers[groups == group].tolist(), strict=True))
            last = max(wanted)
            try:
                container.seek(int(index.keys[group]), stream=stream)
                for tick, frame in _sound_frames(container, stream):
                    if tick in wanted:
                        decoded[wanted[tick]] = _picture(frame)
                    if tick >= last:
                        break
            except av.error.FFmpegError:
                continue  # the group cannot be entered, or ends in damage; what it gave is kept
    return decoded


def _sound_frames(container: InputContainer, stream: VideoStream) -> Iterator[tuple[int, VideoFrame]]:
    """Frames from here on, with their ticks, without those that are damaged or rest on damaged ones."""
    damaged_from: int | None = None
    for packet in container.demux(stream):
        try:
            frames = cast(list[VideoFrame], packet.decode())
        except av.error.InvalidDataError:
            if packet.pts is not None:
                damaged_from = packet.pts if damaged_from is None else min(damaged_from, packet.pts)
            continue
        for frame in frames:
            if frame.pts is None:
                continue
            if damaged_from is not None and frame.key_frame and frame.pts > damaged_from and not frame.is_corrupt:
                damaged_from = None
            if frame.is_corrupt:
                damaged_from = frame.pts if damaged_from is None else min(damaged_from, frame.pts)
            if damaged_from is None or frame.pts < damaged_from:
                yield frame.pts, frame


def _picture(frame: VideoFrame) -> np.ndarray:
    """RGB pixels as displayed: turned the way the file asks for."""
    return np.rot90(frame.to_ndarray(format="rgb24"), frame.rotation // 90)
