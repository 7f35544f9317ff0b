"""Training logs: what is read from them, and which ones are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from video_r2.errors import UserError
from video_r2.paper.curves import curve_points, read_log


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_points_of_the_quantities_asked_for(tmp_path: Path) -> None:
    path = write(
        tmp_path / "log.jsonl",
        '{"step": 2, "kl": 0.5, "loss": 1}\n\n{"step": 1, "kl": NaN, "reward": 2}\n{"step": 3, "note": "done"}\n',
    )
    points = curve_points(read_log(path), "run", 7, ["kl", "reward"])
    assert points.to_dict("records") == [
        {"label": "run", "seed": 7, "step": 2, "quantity": "kl", "value": 0.5},
        {"label": "run", "seed": 7, "step": 1, "quantity": "reward", "value": 2.0},
    ]


def test_of_a_step_logged_twice_the_later_counts() -> None:
    entries = [{"step": 1, "kl": 0.1}, {"step": 2, "kl": 0.2}, {"step": 2, "kl": 0.3}]
    assert curve_points(entries, "run", 0, ["kl"])["value"].tolist() == [0.1, 0.3]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"step": 1}\n{"step":', "record line 2: is not JSON"),
        ('{"kl": 1}\n', "record line 1: is not an object with the key 'step'"),
        ("[1]\n", "record line 1: is not an object"),
        (b'{"step": "\xff"}', r"not UTF-8 text \(byte 10\)"),
    ],
)
def test_a_damaged_log_is_refused(tmp_path: Path, text: str | bytes, reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        read_log(write(tmp_path / "log.jsonl", text))


def test_a_missing_log_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_log(tmp_path / "log.jsonl")
