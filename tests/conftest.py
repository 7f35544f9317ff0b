"""What all tests share."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import disks
import pytest
from hypothesis import settings

# Time is no property of what is tested: a busy machine is slow.
settings.register_profile("repository", deadline=None)
settings.load_profile("repository")

ROOT = Path(__file__).parents[1]

# For what tests start: it finds the library below the folder that it is started in, and leaves room for what runs beside it.
os.environ.setdefault("PYTHONPATH", "scripts")
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture
def small_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of its own: 8 MB, or as many bytes as the test's parameter says."""
    with ExitStack() as stack:
        try:
            stack.enter_context(disks.small_disk(tmp_path / "disk", getattr(request, "param", 8 * 2**20)))
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("a small disk can be mounted by root only")
        yield tmp_path / "disk"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest goes first, the whole chain before all; the other files are tested beside it."""
    items.sort(key=lambda item: [item.get_closest_marker(name) is None for name in ("chain", "long")])
