"""Drawing the clock and the subtitle on frames (release: timestamp-augmented SFT data)."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from video_r2 import config
from video_r2.data.fonts import shipped_font
from video_r2.errors import UserError

FONT = shipped_font("DejaVuSans")
FONT_FAMILY = "DejaVu Sans"

RED, WHITE, BLACK = (255, 0, 0), (255, 255, 255), (0, 0, 0)
CORNER = (40, 200)  # height and width of the region that decides the clock's colour, in pixels
DARK = 80.0  # luminance below which red is not read well
REDDISH = (120.0, 40.0)  # red of at least the first, and more than green and blue by at least the second
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])  # Rec. 709
LINE_GAP = 0.2  # space between two lines of a subtitle, as a share of the font size


def draw(frame: np.ndarray, time: float, subtitle: str, settings: config.Overlay) -> np.ndarray:
    """Draw the clock in the top left corner, and the subtitle at the bottom if there is one.

    Args:
        frame: uint8 RGB, shape [height, width, 3], at source resolution; stays as it is.
        time: seconds from the beginning of the video; the clock shows whole seconds that have passed.
        subtitle: text to show, its lines separated by new lines; empty for none.
        settings: sizes and opacity.

    Returns:
        A new frame of the same shape.

    Raises:
        UserError: if the font is missing or is another.
    """
    image = Image.fromarray(np.ascontiguousarray(frame))
    _draw_clock(image, clock(time), clock_colour(frame), settings)
    if subtitle.strip():
        _draw_subtitle(image, subtitle, settings)
    return np.array(image)


def clock(time: float) -> str:
    """Write a time in seconds as HH:MM:SS; parts of a second are left out."""
    # Frame times are products of binary fractions: 2.9999999 is the third second.
    seconds = int(time + 1e-6)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def clock_colour(frame: np.ndarray) -> tuple[int, int, int]:
    """Choose red, or white where red would not stand out: on a dark or reddish corner."""
    red, green, blue = mean = frame[: CORNER[0], : CORNER[1]].reshape(-1, 3).mean(axis=0)
    dark = float(mean @ LUMINANCE) < DARK
    reddish = red > REDDISH[0] and red - max(green, blue) > REDDISH[1]
    return WHITE if dark or reddish else RED


def font_digest() -> str:
    """SHA-256 of the font file, which decides what every overlay looks like."""
    _font(16)
    return hashlib.sha256(FONT.read_bytes()).hexdigest()


def _draw_clock(image: Image.Image, text: str, colour: tuple[int, int, int], settings: config.Overlay) -> None:
    size = _font_size(image, settings.clock_size, settings.clock_size_range)
    margin = max(5, size // 4)
    ImageDraw.Draw(image).text(
        (margin, margin), text, fill=colour, font=_font(size), stroke_width=max(1, size // 12), stroke_fill=BLACK
    )


def _draw_subtitle(image: Image.Image, text: str, settings: config.Overlay) -> None:
    """Draw lines of text, centred, on a half-transparent box at the bottom; the box stays within the frame."""
    size = _font_size(image, settings.subtitle_size, settings.subtitle_size_range)
    margin, gap, font = max(6, size // 4), int(LINE_GAP * size), _font(size)
    lines = _wrap(text, font, int(image.width * settings.subtitle_width))
    boxes = [font.getbbox(line) for line in lines]
    text_width = int(max(right - left for left, _, right, _ in boxes))
    text_height = int(sum(bottom - top for _, top, _, bottom in boxes)) + gap * (len(lines) - 1)
    left = max(0, (image.width - text_width) // 2 - margin)
    right = min(image.width, left + text_width + 2 * margin)
    bottom = max(0, image.height - margin)
    top = max(0, bottom - text_height - 2 * margin)
    veil = Image.new("L", (right - left, bottom - top), int(255 * settings.subtitle_box_opacity))
    image.paste(BLACK, (left, top, right, bottom), mask=veil)
    draw = ImageDraw.Draw(image)
    y = top + margin
    for line, (ink_left, ink_top, ink_right, ink_bottom) in zip(lines, boxes, strict=True):
        # Pillow counts from the top of the font's line; the ink begins below it.
        position = ((image.width - (ink_right - ink_left)) // 2 - ink_left, y - ink_top)
        draw.text(position, line, fill=WHITE, font=font, stroke_width=max(1, size // 12), stroke_fill=BLACK)
        y += int(ink_bottom - ink_top) + gap


def _wrap(text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """Break lines between words so that each fits in `width` pixels; a word that is wider is broken itself."""
    wrapped: list[str] = []
    for line in text.split("\n"):
        current = ""
        for word in line.split():
            candidate = f"{current} {word}" if current else word
            if font.getlength(candidate) <= width:
                current = candidate
                continue
            if current:
                wrapped.append(current)
            *full, current = _pieces(word, font, width)
            wrapped.extend(full)
        if current:
            wrapped.append(current)
    return wrapped


def _pieces(word: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """Break a word into the longest pieces that fit, of at least one character; text without spaces is one word."""
    pieces = [""]
    for character in word:
        if pieces[-1] and font.getlength(pieces[-1] + character) > width:
            pieces.append("")
        pieces[-1] += character
    return pieces


def _font_size(image: Image.Image, share: float, limits: tuple[int, int]) -> int:
    return max(limits[0], min(limits[1], round(share * min(image.size))))


@lru_cache(maxsize=32)
def _font(size: int) -> ImageFont.FreeTypeFont:
    cure = "install matplotlib again, as pinned in requirements.lock"
    try:
        # Given the bytes: for a path that does not load, Pillow looks for a font of that name elsewhere.
        font = ImageFont.truetype(BytesIO(FONT.read_bytes()), size, layout_engine=ImageFont.Layout.BASIC)
    except OSError as error:
        raise UserError(f"the font of the overlay cannot be loaded: {error}", file=FONT, cure=cure) from error
    if font.getname()[0] != FONT_FAMILY:
        raise UserError(f"the font is {font.getname()[0]!r}, not {FONT_FAMILY!r}", file=FONT, cure=cure)
    return font
