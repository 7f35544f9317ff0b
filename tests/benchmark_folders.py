"""Data sets as the hub stores them, with a few rows, for the tests of what reads them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from video_r2 import config

Rows = Sequence[dict[str, Any]]


def benchmark(adapter: str, **keys: Any) -> config.Benchmark:
    return config.Benchmark(label=adapter, group="generic", adapter=adapter, **keys)


def store(folder: Path, rows: Rows, name: str = "default", split: str = "test", videos: Sequence[str] = ()) -> Path:
    """A data set of one configuration, as the hub stores it, with empty files for videos."""
    (folder / "data").mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(list(rows)), folder / "data" / "rows.parquet")
    described = {"configs": [{"config_name": name, "data_files": [{"split": split, "path": "data/rows.parquet"}]}]}
    (folder / "README.md").write_text(f"---\n{yaml.safe_dump(described)}---\n")
    for video in videos:
        (folder / video).parent.mkdir(parents=True, exist_ok=True)
        (folder / video).touch()
    return folder


def only(table: pd.DataFrame) -> dict[str, Any]:
    assert len(table) == 1
    row = {str(key): value for key, value in table.iloc[0].to_dict().items()}
    return {**row, "options": list(row["options"])}
