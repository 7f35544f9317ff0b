"""The fonts that matplotlib ships, found without loading matplotlib, which takes a second."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from video_r2.errors import UserError


def shipped_font(name: str) -> Path:
    """Path of a TrueType font of matplotlib ("DejaVuSans-Bold"); whether it can be read shows when it is loaded.

    Raises:
        UserError: if matplotlib is not installed.
    """
    package = find_spec("matplotlib")
    if package is None or package.origin is None:
        raise UserError(
            "matplotlib, which ships the fonts, is missing", cure="install it as pinned in requirements.lock"
        )
    return Path(package.origin).parent / "mpl-data" / "fonts" / "ttf" / f"{name}.ttf"
