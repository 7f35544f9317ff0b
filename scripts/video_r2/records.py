"""The tables that flow between stages, each declared once: columns, types, units."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from video_r2.errors import UserError
from video_r2.files import replacing

STRING, INTEGER, REAL, TRUTH = pa.string(), pa.int64(), pa.float64(), pa.bool_()
STRINGS = pa.list_(pa.string())
REALS, IMAGES = pa.list_(pa.float64()), pa.list_(pa.binary())
Table = dict[str, pa.DataType]
"""Columns, each with its Arrow type; what it holds stands beside it."""

VIDEO: Table = {
    "path": STRING,  # path below the data set's folder
    "bytes": INTEGER,  # file size
    "sha256": STRING,  # checksum of the file
    "seconds": REAL,  # duration
    "fps": REAL,  # frame rate
    "frames": INTEGER,  # number of frames that decode
}

QUESTION: Table = {
    "id": STRING,  # unique within the benchmark
    "benchmark": STRING,  # name in the configuration
    "config": STRING,  # configuration of the data set that the question is from
    "category": STRING,  # type that the benchmark averages over; empty if none
    "video": STRING,  # path of the video file
    "subtitle": STRING,  # path of the .srt file; empty if none
    "question": STRING,  # text without options and instructions
    "options": STRINGS,  # texts of the options, in order; empty for open questions
    "answer_type": STRING,  # choice, number or text
    "target": STRING,  # right answer: a letter, a number or a text
    "grounding": STRING,  # JSON object from time to sentence; '{}' where not known
}

PREDICTION: Table = {
    **QUESTION,
    "evaluation": STRING,  # row of the exhibits
    "seed": INTEGER,  # seed of training and sampling
    "prompt": STRING,  # text that the model was given
    "response": STRING,  # text that the model gave
    "think": STRING,  # last think block of the response; null if there is none
    "answer": STRING,  # last answer block, or the whole response if it was asked for directly; null if none
    "times": STRINGS,  # times that the think block cites, as written
    "tokens": INTEGER,  # tokens generated
    "finished": TRUTH,  # whether the response ended by itself
}

SCORE: Table = {
    "id": STRING,  # of the question
    "benchmark": STRING,  # name in the configuration
    "evaluation": STRING,  # row of the exhibits
    "seed": INTEGER,  # seed of training and sampling
    "metric": STRING,  # accuracy, tac, vas_judge, vas_attention, temporal_f1, ...
    "category": STRING,  # type that the benchmark averages over; empty if none
    "video": STRING,  # path of the video file: the cluster of the bootstrap
    "score": REAL,  # 0 to 100; null is missing
    "detail": STRING,  # JSON object: what the score was made of
}

SCORE_BY_SEMANTICS: Table = {
    "semantics": STRING,  # reference or corrected
    **{name: kind for name, kind in SCORE.items() if name != "detail"},
}

SAMPLE: Table = {
    "id": STRING,  # of the question
    "benchmark": STRING,  # name in the configuration
    "times": REALS,  # seconds from the beginning of the video, of each frame
    "frames": IMAGES,  # frames as the models saw them, as JPEG files
    "reason": STRING,  # why there are none; null if there are
}


def write_table(path: str | Path, rows: pd.DataFrame, table: Table) -> None:
    """Check `rows` against `table` and write them as Parquet, under a temporary name first."""
    missing = [name for name in table if name not in rows.columns]
    extra = [name for name in rows.columns if name not in table]
    if missing or extra:
        raise UserError(f"columns do not fit: missing {missing}, unknown {extra}", file=path)
    schema = pa.schema([*table.items()])
    try:
        arrow = pa.Table.from_pandas(rows[list(table)], schema=schema, preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise UserError(f"values do not fit their columns: {error}", file=path) from error
    with replacing(path) as temporary:
        pq.write_table(arrow, temporary, compression="zstd", write_page_checksum=True)


def read_table(path: str | Path, table: Table) -> pd.DataFrame:
    """Read a Parquet file and check it against `table`.

    Raises:
        UserError: if the file is missing or damaged, or a column is missing or of another type.
    """
    try:
        arrow = pq.read_table(path, page_checksum_verification=True)
    except FileNotFoundError as error:
        raise UserError("there is no such file", file=path) from error
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(
            f"cannot be read as Parquet: {error}",
            file=path,
            cure="what a run has made can be deleted; the next run makes it again",
        ) from error
    for name, kind in table.items():
        if name not in arrow.column_names:
            raise UserError(f"column {name!r} is missing", file=path)
        if arrow.schema.field(name).type not in (kind, pa.null()):
            raise UserError(f"column {name!r} is {arrow.schema.field(name).type}, not {kind}", file=path)
    return arrow.select(list(table)).to_pandas()
