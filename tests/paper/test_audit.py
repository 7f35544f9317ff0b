"""The audit of the published numbers: what it finds in them, and that it finds what is put there."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from video_r2.errors import UserError
from video_r2.paper.audit import audit, audit_sheet, failures
from video_r2.paper.reported import REPORTED, read_reported
from video_r2.paper.tables import to_markdown


def test_published_numbers_that_do_not_follow() -> None:
    found = failures(audit(read_reported()))
    named = {(row.exhibit, row.model, row.metric, row.column) for row in found.itertuples()}
    assert named == {
        # (56.7 + 58.2 + 67.2 + 63.7 + 56.3) / 5 = 60.42, published as 60.6
        ("main table", "LLaVA-OV", "accuracy", "generic"),
        # (5 x 75.8 + 6 x 61.5) / 11 = 68.0, published as 61.5
        ("ablation", "SFT+GRPO", "vas_judge", "overall"),
        # (27.6 + 32.6 + 51.5 + 43.5 + 47.9 + 36.2) / 6 = 39.88, drawn at 39.0
        ("bar chart", "Video-R1", "vas_judge", "reasoning"),
        # 53.92 in the listing, 50.8 in the paper
        ("leaderboard", "Video-R2", "accuracy", "Video-MMMU"),
    }
    expected = dict(zip(found["exhibit"], found["expected"], strict=True))
    assert expected == pytest.approx(
        {"main table": 60.42, "ablation": 68.0, "bar chart": 239.3 / 6, "leaderboard": 50.8}, abs=0.01
    )


def test_every_published_average_is_checked() -> None:
    checks = audit(read_reported())
    # 10 models x 3 averages; 2 heat maps x 5 models; 6 + 5 + 5 overall values and 3 + 3 + 6 equal ones of the
    # ablation; 5 models x 3 metrics x 2 rows of bars; 5 entries of the listing
    assert checks["exhibit"].value_counts().to_dict() == {
        "main table": 30,
        "TAC heat map": 5,
        "VAS heat map": 5,
        "ablation": 16 + 12,
        "bar chart": 30,
        "leaderboard": 5,
    }


def edited(tmp_path: Path, edit) -> Path:
    raw = yaml.safe_load(REPORTED.read_text(encoding="utf-8"))
    edit(raw)
    path = tmp_path / "reported.yaml"
    path.write_text(yaml.safe_dump(raw), encoding="utf-8")
    return path


def test_a_wrong_average_is_found_and_one_within_rounding_is_not(tmp_path: Path) -> None:
    def edit(raw) -> None:
        # its cells sum to 897.8, so their mean is 81.62
        raw["heatmap_tac"]["Video-R2"]["overall"] = 81.8
        # its cells sum to 874.1, so their mean is 79.46
        raw["heatmap_tac"]["VideoRFT"]["overall"] = 79.55

    checks = audit(read_reported(edited(tmp_path, edit)))
    verdicts = checks[checks["exhibit"] == "TAC heat map"].set_index("model")["verdict"]
    assert verdicts["Video-R2"] == "does not follow"
    assert verdicts["VideoRFT"] == "within rounding"
    assert verdicts["Video-R1"] == "follows"


def test_a_short_row_is_refused_by_name(tmp_path: Path) -> None:
    path = edited(tmp_path, lambda raw: raw["heatmap_tac"]["VideoRFT"]["values"].pop())
    with pytest.raises(UserError, match=r"VideoRFT.*11 values for 12 columns"):
        read_reported(path)


def test_a_missing_section_is_refused(tmp_path: Path) -> None:
    path = edited(tmp_path, lambda raw: raw.pop("leaderboard"))
    with pytest.raises(UserError, match="leaderboard"):
        read_reported(path)


def test_the_sheet_lists_failures_and_counts_the_rest() -> None:
    text = to_markdown(audit_sheet(audit(read_reported())))
    assert "| main table: LLaVA-OV | accuracy | generic | 60.6 | 60.42 | +0.18 |" in text
    assert "4 do not follow" in text
