"""Space on a disk, looked at before it is needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from video_r2.errors import UserError
from video_r2.space import require_space


def test_who_needs_more_than_there_is_stops_before(small_disk: Path) -> None:
    folder = small_disk / "not" / "there yet"
    require_space(folder, 8 * 2**20, "this")
    with pytest.raises(UserError) as refused:
        require_space(folder, 9_000_000, "this", "buy a disk")
    expected = f"{folder}: this needs 9.00 MB on this disk, and 8.39 MB are free (cure: buy a disk)"
    assert str(refused.value) == expected
    assert not folder.exists()
