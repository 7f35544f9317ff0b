"""The page of the docs that a finished run makes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from video_r2.errors import UserError
from video_r2.paper.results_page import EXHIBITS, write_results_page


def drawn(figure: str) -> np.ndarray:
    """A picture of twelve colours, other ones for each figure."""
    colours = np.random.default_rng(len(figure)).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    return colours.repeat(40, axis=0).repeat(40, axis=1)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    folder = tmp_path / "results" / "small"
    for name in ("tables", "figures", "models/sft/seed-3", "models/grpo/seed-1", "benchmarks"):
        (folder / name).mkdir(parents=True)
    for _, table, figure in EXHIBITS:
        if table:
            text = f"**{table}**\n\n| A |\n| --: |\n| value of {table} |\n"
            (folder / "tables" / f"{table}.md").write_text(text, encoding="utf-8")
        if figure:
            Image.fromarray(drawn(figure)).save(folder / "figures" / f"{figure}.png")
    (folder / "benchmarks" / "train_sft.tsv").write_text("s\tmax_rss\n61.0\t2100\n", encoding="utf-8")
    return folder


def test_the_page_shows_every_exhibit(results: Path, tmp_path: Path) -> None:
    page, *figures = write_results_page(results, tmp_path / "docs", "abc1234")
    text = page.read_text(encoding="utf-8")
    assert "commit `abc1234`, seeds 1, 3." in text
    assert "| train_sft | 1 | 0:01:01 | 2,100 MB |" in text
    for _, table, _ in EXHIBITS:
        assert table is None or f"| value of {table} |" in text
    assert len(figures) == sum(figure is not None for _, _, figure in EXHIBITS)
    for figure in figures:
        assert f"(figures/{figure.name})" in text
        with Image.open(figure) as copy:
            assert copy.mode == "P"
            assert np.array_equal(np.asarray(copy.convert("RGB")), drawn(figure.stem.removeprefix("small_")))


def test_an_unfinished_run_makes_no_page(results: Path, tmp_path: Path) -> None:
    (results / "tables" / "ablation.md").unlink()
    with pytest.raises(UserError, match=r"ablation.md: there is no such file \(cure: run `make reproduce` first\)"):
        write_results_page(results, tmp_path / "docs", "abc1234")
    assert not (tmp_path / "docs" / "results.md").exists()
