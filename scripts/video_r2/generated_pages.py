"""The pages of the docs that are made from code: `python -m video_r2.generated_pages docs`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from video_r2 import config_pages
from video_r2.metrics import differences


def pages() -> dict[str, str]:
    """Contents of the generated files, by name."""
    return {**config_pages.pages(), "differences.md": differences.page()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--check", action="store_true", help="compare with what lies in the folder, and write nothing")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    stale = []
    for name, text in pages().items():
        path = arguments.folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(str(path))
            if not arguments.check:
                path.write_text(text, encoding="utf-8")
                print(f"wrote {path}")
    if arguments.check and stale:
        sys.exit(f"error: {', '.join(stale)}: does not follow from the code (cure: make docs)")


if __name__ == "__main__":
    main()
