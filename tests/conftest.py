"""What all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

# Time is no property of what is tested: a busy machine is slow.
settings.register_profile("repository", deadline=None)
settings.load_profile("repository")

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The whole chain takes longest: it goes first, and the other files are tested beside it."""
    items.sort(key=lambda item: item.get_closest_marker("chain") is None)
