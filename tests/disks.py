"""Small disks, which root only can mount."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Callable[[int], None]]:
    """Mount a disk of so many bytes at a folder, which is made; gives what makes it larger.

    Raises:
        OSError, subprocess.CalledProcessError: if it cannot be mounted.
    """

    def mount(options: str) -> None:
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True, capture_output=True)

    folder.mkdir(parents=True)
    mount(f"size={size}")
    try:
        yield lambda larger: mount(f"remount,size={larger}")
    finally:
        subprocess.run(["umount", str(folder)], check=True)
