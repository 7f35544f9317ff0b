"""Real small videos whose every frame says which one it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

BITS = 8  # frames are numbered in binary, one strip a bit
WIDTH, HEIGHT = 112, 84

MakeVideo = Callable[..., Path]


def paint(number: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """A frame whose strips, from left to right, are the bits of its number; a red bar marks its top."""
    picture = np.zeros((height, width, 3), dtype=np.uint8)
    for bit, columns in enumerate(np.array_split(np.arange(width), BITS)):
        picture[:, columns] = 235 if number >> bit & 1 else 20
    picture[:8] = (220, 30, 30)
    return picture


def numbers_of(frames: np.ndarray) -> list[int]:
    """Numbers that frames say they have."""
    below = frames[:, frames.shape[1] // 2 :].astype(float).mean(axis=(1, 3))
    strips = [columns.mean(axis=1) > 128 for columns in np.array_split(below, BITS, axis=1)]
    return [sum(int(strip[at]) << bit for bit, strip in enumerate(strips)) for at in range(len(frames))]


def write_video(
    path: Path,
    frames: int = 40,
    fps: int = 10,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    codec: str = "libx264",
    key_every: int = 12,
    reorder: int = 2,
    milliseconds: Sequence[int] | None = None,
    **container_options: str,
) -> Path:
    """Encode numbered frames; `milliseconds` gives each its own time, `reorder` the number of B-frames."""
    with av.open(str(path), "w", options=container_options) as container:
        stream: Any = container.add_stream(codec, rate=fps)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.gop_size = key_every
        stream.codec_context.max_b_frames = reorder
        stream.codec_context.thread_count = 1  # with more, the bytes differ from time to time
        container.start_encoding()  # so that a video without frames is a file, too
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(paint(number, *size), format="rgb24")
            if milliseconds is not None:
                frame.pts, frame.time_base = milliseconds[number], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.fixture
def make_video(tmp_path: Path) -> MakeVideo:
    """Write a video below the test's folder, given its name and the arguments of `write_video`."""

    def make(name: str = "video.mp4", **settings: Any) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return write_video(path, **settings)

    return make


@pytest.fixture
def read_numbers() -> Callable[[np.ndarray], list[int]]:
    return numbers_of


@pytest.fixture
def make_sound(tmp_path: Path) -> Callable[[], Path]:
    """Write a second of silence in an .mp4 without a video."""

    def make() -> Path:
        path = tmp_path / "sound.mp4"
        with av.open(str(path), "w") as container:
            stream: Any = container.add_stream("aac", rate=8000)
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), dtype=np.float32), format="fltp", layout="mono")
            frame.sample_rate = 8000
            container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path

    return make
