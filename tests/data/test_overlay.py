from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from video_r2.config import Overlay
from video_r2.data import overlay
from video_r2.errors import UserError

DIGIT_HEIGHT = 0.729  # of DejaVu Sans, in em: 1493 of 2048 units
CLOCK_WIDTH = 6 * 0.636 + 2 * 0.337  # advances of six digits and two colons, in em
SETTINGS = Overlay()


def plain(height: int, width: int, colour: tuple[int, int, int] = (150, 150, 150)) -> np.ndarray:
    return np.full((height, width, 3), colour, dtype=np.uint8)


def extent(before: np.ndarray, after: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what has changed."""
    rows, columns = np.nonzero((before != after).any(axis=2))
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (0.0, "00:00:00"),
        (0.999, "00:00:00"),
        (1.0, "00:00:01"),
        (3 - 1e-9, "00:00:03"),
        (59.99, "00:00:59"),
        (3725.9, "01:02:05"),
        (360_000.0, "100:00:00"),
    ],
)
def test_clock_shows_the_seconds_that_have_passed(time: float, text: str) -> None:
    assert overlay.clock(time) == text


@pytest.mark.parametrize(
    ("corner", "colour"),
    [
        # Luminance = 0.2126 R + 0.7152 G + 0.0722 B.
        ((79, 79, 79), overlay.WHITE),
        ((81, 81, 81), overlay.RED),
        ((0, 0, 255), overlay.WHITE),  # luminance 18
        ((0, 120, 0), overlay.RED),  # luminance 86
        ((160, 100, 100), overlay.WHITE),  # luminance 113, red by 60
        ((160, 120, 100), overlay.RED),  # red by 40, no more
        ((120, 79, 79), overlay.RED),  # luminance 88, red of 120, no more
        ((230, 230, 100), overlay.RED),  # yellow
    ],
)
def test_clock_colour_stands_out_from_its_corner(corner: tuple[int, int, int], colour: tuple[int, int, int]) -> None:
    frame = plain(300, 400, (255, 255, 255) if colour == overlay.WHITE else (0, 0, 0))
    frame[:40, :200] = corner  # nothing else counts
    assert overlay.clock_colour(frame) == colour
    drawn = overlay.draw(frame, 0.0, "", SETTINGS)
    assert (drawn[:40, :200].reshape(-1, 3) == colour).all(axis=1).any()


@pytest.mark.parametrize(
    ("height", "width", "size"),
    [
        (112, 112, 16),  # 5% are 5.6, below the smallest
        (480, 640, 24),
        (1080, 1920, 54),
        (1920, 1080, 54),
        (2160, 3840, 72),  # 5% are 108, above the largest
    ],
)
def test_clock_has_its_size_and_its_place(height: int, width: int, size: int) -> None:
    frame = plain(height, width)
    left, top, right, bottom = extent(frame, overlay.draw(frame, 28.0, "", SETTINGS))
    outline, margin = max(1, size // 12), max(5, size // 4)
    assert bottom - top == pytest.approx(DIGIT_HEIGHT * size + 2 * outline, abs=2.5)
    assert right - left == pytest.approx(CLOCK_WIDTH * size + 2 * outline, rel=0.06)
    assert left == pytest.approx(margin, abs=0.1 * size + 1)
    # Pillow counts from the ascender, which is 0.2 em above the digits.
    assert top == pytest.approx(margin + 0.2 * size - outline, abs=0.05 * size + 1.5)


def test_clock_has_a_black_outline() -> None:
    drawn = overlay.draw(plain(480, 640, (255, 255, 255)), 0.0, "", SETTINGS)
    corner = drawn[:40, :200].reshape(-1, 3)
    assert (corner == overlay.RED).all(axis=1).any()
    assert (corner == overlay.BLACK).all(axis=1).any()


def test_draw_leaves_the_frame_it_was_given_and_is_repeatable() -> None:
    frame = plain(120, 160)
    one, other = (overlay.draw(frame, 12.0, "sun", SETTINGS) for _ in range(2))
    assert (frame == 150).all()
    assert np.array_equal(one, other)
    assert one.shape == frame.shape
    assert one.dtype == np.uint8


def test_every_second_looks_different_and_within_a_second_nothing_changes() -> None:
    frame = plain(112, 112)
    drawn = [overlay.draw(frame, second + part, "", SETTINGS) for second in range(61) for part in (0.0, 0.9)]
    assert all(np.array_equal(one, other) for one, other in zip(drawn[::2], drawn[1::2], strict=True))
    assert len({picture.tobytes() for picture in drawn}) == 61


def test_subtitle_stands_in_its_box_at_the_bottom() -> None:
    frame = plain(480, 640, (200, 100, 60))
    drawn = overlay.draw(frame, 0.0, "a fox", SETTINGS)
    drawn[:40, :200] = frame[:40, :200]
    left, top, right, bottom = extent(frame, drawn)
    # 6% of 480 are 29 px, and a quarter of that 7 px.
    assert bottom == 480 - 7
    assert left + right == pytest.approx(640, abs=1)
    assert bottom - top == pytest.approx(DIGIT_HEIGHT * 29 + 2 * 7, abs=4)
    # 55% black: the corner of the box, where there is no text, keeps 45% of the frame.
    assert drawn[top, left] == pytest.approx([90, 45, 27], abs=1)
    # White ink keeps the margin on every side, but for its outline.
    rows, columns = np.nonzero((drawn == 255).all(axis=2))
    assert top + 7 <= rows.min() + 2
    assert rows.max() < bottom - 7 + 2
    assert left + 7 <= columns.min() + 2
    assert columns.max() < right - 7 + 2


def test_long_subtitles_wrap_within_the_width() -> None:
    frame = plain(480, 640)
    text = " ".join(["wrapped"] * 20)
    left, top, right, bottom = extent(frame[240:], overlay.draw(frame, 0.0, text, SETTINGS)[240:])
    assert right - left <= 0.9 * 640 + 2 * 7
    assert bottom - top > 3 * 29


def test_a_word_wider_than_the_frame_is_broken() -> None:
    frame = plain(240, 320)
    drawn = overlay.draw(frame, 0.0, "温" * 40, SETTINGS)
    rows, columns = np.nonzero((drawn[60:] == 255).all(axis=2))
    assert len(rows)
    assert columns.min() > 0
    assert columns.max() < 319


def test_lines_of_a_subtitle_stay_apart() -> None:
    frame = plain(480, 640)
    one = extent(frame[100:], overlay.draw(frame, 0.0, "fox", SETTINGS)[100:])
    two = extent(frame[100:], overlay.draw(frame, 0.0, "fox\nfox", SETTINGS)[100:])
    assert one[3] - one[1] < two[3] - two[1]


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, 300),
    width=st.integers(1, 300),
    time=st.floats(0, 1e5),
    text=st.text(max_size=60),
)
def test_any_frame_and_text_can_be_drawn(height: int, width: int, time: float, text: str) -> None:
    drawn = overlay.draw(plain(height, width), time, text, SETTINGS)
    assert drawn.shape == (height, width, 3)


@pytest.fixture
def _fresh_fonts() -> Iterator[None]:
    overlay._font.cache_clear()
    yield
    overlay._font.cache_clear()


@pytest.mark.usefixtures("_fresh_fonts")
def test_another_font_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    serif, damaged = overlay.FONT.with_name("DejaVuSerif.ttf"), tmp_path / "DejaVuSans.ttf"
    damaged.write_bytes(overlay.FONT.read_bytes()[:1000])
    for path, reason in {
        serif: "'DejaVu Serif', not 'DejaVu Sans'",
        damaged: "cannot be loaded",
        tmp_path / "none.ttf": "cannot be loaded",
    }.items():
        monkeypatch.setattr(overlay, "FONT", path)
        with pytest.raises(UserError, match=reason) as caught:
            overlay.draw(plain(100, 100), 0.0, "", SETTINGS)
        assert caught.value.file == str(path)
        with pytest.raises(UserError, match=reason):
            overlay.font_digest()
