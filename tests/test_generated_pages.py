"""The pages of the docs that are made from code."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from video_r2 import generated_pages


def test_the_generated_pages_are_up_to_date(root: Path) -> None:
    for name, text in generated_pages.pages().items():
        assert (root / "docs" / name).read_text(encoding="utf-8") == text, "run make docs"


def test_a_page_that_does_not_follow_from_the_code_is_named_and_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["generated_pages", str(tmp_path)])
    generated_pages.main()
    monkeypatch.setattr(sys, "argv", ["generated_pages", str(tmp_path), "--check"])
    generated_pages.main()
    (tmp_path / "differences.md").write_text("by hand", encoding="utf-8")
    with pytest.raises(SystemExit, match=r"differences\.md: does not follow from the code \(cure: make docs\)"):
        generated_pages.main()
    assert (tmp_path / "differences.md").read_text(encoding="utf-8") == "by hand"
