"""The benchmarks, read into one table of questions.

A reader of `benchmark_columns` turns a row into an entry; what all benchmarks need (finding the video, checking the
answer against the options, setting bad rows aside) is done here, once. The miniature's benchmarks have the same columns
and go the same way.
"""

from __future__ import annotations

import glob
import json
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from video_r2 import config, records
from video_r2.data.benchmark_columns import ADAPTERS, Adapter, Entry, Row, place_of
from video_r2.data.benchmark_media import Media
from video_r2.data.conversations import read_jsonl
from video_r2.data.rejected import refuse_signs_of_models
from video_r2.errors import RejectedRecord, UserError
from video_r2.files import files_below

TEXT_SUFFIXES = (".json", ".jsonl", ".csv", ".tsv", ".txt")

LETTER_ALONE = re.compile(r"^\(?([A-Z])\)?[.:]?$")
LETTER_AND_TEXT = re.compile(r"^\(?([A-Z])(?:\)|\.|:)\s*(.+)$", re.DOTALL)
NUMBER = re.compile(r"^[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?$")


def read_benchmark(
    name: str, folder: str | Path, benchmark: config.Benchmark, subtitles: str | Path | None = None
) -> tuple[pd.DataFrame, list[RejectedRecord]]:
    """Read a benchmark's questions out of its folder.

    Args:
        name: the benchmark's name in the configuration.
        folder: the data set as it was downloaded or generated; for the adapter `conversations`, a `.jsonl` file.
        benchmark: which adapter, configurations and split to read.
        subtitles: folder for subtitles that have to be converted to `.srt`; default "srt" below `folder`.

    Returns:
        Rows of `records.QUESTION`, and the records that were set aside, each with file, record, reason and cure.

    Raises:
        UserError: if the data set or a column is missing, a table cannot be read, or no question is left.
    """
    folder = Path(folder)
    if benchmark.adapter not in ADAPTERS:
        raise UserError(
            f"benchmark {name!r}: there is no adapter called {benchmark.adapter!r}",
            cure=f"use one of {', '.join(ADAPTERS)}",
        )
    # Conversations name their videos from the working directory.
    root, anywhere = (folder, True) if folder.is_dir() else (Path(), False)
    media = Media(root, anywhere, Path(subtitles) if subtitles is not None else folder / "srt")
    questions: list[dict[str, Any]] = []
    rejected: list[RejectedRecord] = []
    seen: dict[str, str] = {}
    outside = 0
    for adapter, table, index, name_of_config, row in _rows(folder, benchmark):
        try:
            checked = _checked(row, adapter)
            if not adapter.belongs(checked):
                outside += 1
                continue
            question = _question(name, adapter.read(checked, index, name_of_config), media, adapter.may_be_open)
            if question["id"] in seen:
                raise RejectedRecord(
                    f"the id {question['id']!r} is already that of {seen[question['id']]}",
                    cure="give it an id of its own",
                )
        except (RejectedRecord, KeyError, TypeError, ValueError, AttributeError) as error:
            rejected.append(_rejection(error, table, index, row))
            continue
        seen[question["id"]] = f"row {index} of {table}"
        questions.append({**question, "config": name_of_config})
    if outside:
        print(f"{name}: {outside} rows are not part of the benchmark as the paper uses it")
    if not questions:
        first = f"; the first: {rejected[0]}" if rejected else ""
        raise UserError(
            f"benchmark {name!r} holds no question that can be used: {len(rejected)} were set aside{first}",
            file=folder,
            cure="check the folder, or leave the benchmark out of the configuration",
        )
    return pd.DataFrame(questions, columns=list(records.QUESTION)), rejected


def _rows(
    folder: Path, benchmark: config.Benchmark
) -> Iterator[tuple[Adapter, str, int, str, Row | UnicodeDecodeError]]:
    """Every row of every configuration: its reader, table, index, configuration and the row, or why it cannot be decoded."""
    known = ADAPTERS[benchmark.adapter]
    if benchmark.adapter == "conversations":
        for index, conversation in enumerate(read_jsonl(folder)):
            shown = vars(conversation.video) if conversation.video else {}
            row = {**vars(conversation), "video": shown.get("path"), "subtitle": shown.get("subtitle")}
            yield known, str(folder), index, benchmark.configs[0], row
        return
    for name in benchmark.configs:
        table = _load(folder, name, benchmark.split)
        adapter = known.of(table.column_names)
        if adapter is None:
            missing = ", ".join(known.missing(table.column_names))
            raise UserError(
                f"configuration {name!r} has no column {missing}; it has {', '.join(table.column_names)}",
                file=folder,
                cure=f"check the data set's revision, or choose another adapter than {benchmark.adapter!r}",
            )
        for index in range(table.num_rows):
            yield adapter, f"{folder} {name}/{benchmark.split}", index, name, _decoded(table.slice(index, 1))


def _decoded(table: pa.Table) -> Row | UnicodeDecodeError:
    try:
        row: Row = table.to_pylist()[0]
    except UnicodeDecodeError as error:
        return error
    return row


def _load(folder: Path, name: str, split: str) -> pa.Table:
    """One configuration and split of a data set, as an Arrow table."""
    import datasets  # takes a second, which the adapters' other users need not wait for

    datasets.disable_progress_bars()
    if not folder.is_dir():
        raise UserError("there is no such folder", file=folder, cure="download or generate the benchmark first")
    try:
        if saved := _saved_to_disk(folder):
            stored = datasets.load_from_disk(str(saved))
            data = stored[split] if isinstance(stored, datasets.DatasetDict) else stored
            return data.with_format("arrow")[:]
        with tempfile.TemporaryDirectory() as cache:
            kept = {"split": split, "cache_dir": cache, "keep_in_memory": True}
            tables = _undescribed_tables(folder, name, split)
            if tables:
                data = datasets.load_dataset("parquet", data_files={split: list(map(glob.escape, tables))}, **kept)
            else:
                data = datasets.load_dataset(str(_plainly_named(folder, Path(cache))), name, **kept)
            return data.with_format("arrow")[:]
    except (ValueError, KeyError, OSError, datasets.exceptions.DatasetsError, pa.ArrowException) as error:
        raise _explained(error, folder, name, split) from error


def _plainly_named(folder: Path, cache: Path) -> Path:
    """The folder, or one with links to all files below it where `datasets` would take its name for a pattern."""
    if not glob.has_magic(str(folder.resolve())):
        return folder
    plain = cache / "data_set"
    for file in files_below(folder.resolve()):
        link = plain / file.relative_to(folder.resolve())
        link.parent.mkdir(parents=True, exist_ok=True)  # of a folder that is a link, it would not look for files
        link.symlink_to(file)
    return plain


def _saved_to_disk(folder: Path) -> Path | None:
    """Where below the folder, or in one of its folders, is a data set that `save_to_disk` wrote, if there is one."""
    places = [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]
    found = (place for mark in ("dataset_dict.json", "state.json") for place in places if (place / mark).is_file())
    return next(found, None)


def _undescribed_tables(folder: Path, name: str, split: str) -> list[str]:
    """The split's Parquet files, where no README says which files belong to this configuration.

    `datasets` would guess from the names and endings of all files, the unpacked videos and subtitles among them.
    """
    try:
        (head,) = re.findall(r"\A---\n(.*?)^---$", (folder / "README.md").read_text("utf-8"), re.DOTALL | re.MULTILINE)
        if yaml.safe_load(head)["configs"]:
            return []
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        pass
    tables = sorted(path for path in folder.rglob("*.parquet") if re.match(rf"{re.escape(split)}(?![a-z])", path.name))
    return [str(path) for path in tables if path.parent.name == name] or list(map(str, tables))


def _explained(error: Exception, folder: Path, name: str, split: str) -> UserError:
    """Say which file keeps a data set from being read."""
    for path in sorted(folder.rglob("*")):
        if path.suffix not in TEXT_SUFFIXES:
            continue
        try:
            path.read_text(encoding="utf-8")
        except UnicodeDecodeError as fault:
            return UserError(f"is not UTF-8 text (byte {fault.start})", file=path, cure="save it as UTF-8")
    for path in sorted(folder.rglob("*.parquet")):
        try:
            if pq.read_metadata(path).num_rows == 0:
                return UserError("the table is empty", file=path, cure="download or generate the benchmark again")
        except (pa.ArrowException, OSError) as fault:
            return UserError(f"cannot be read as Parquet: {fault}", file=path, cure="download the benchmark again")
    cause = error.__cause__ or error
    reason = str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__
    return UserError(
        f"configuration {name!r}, split {split!r} cannot be read: {reason}",
        file=folder,
        cure="check `configs` and `split` of the benchmark, and whether the download is whole",
    )


def _checked(row: Row | UnicodeDecodeError, adapter: Adapter) -> Row:
    if isinstance(row, UnicodeDecodeError):
        raise RejectedRecord(f"holds text that is not UTF-8 (byte {row.start})", cure="save the table's text as UTF-8")
    empty = [column for column in adapter.columns if column not in row or row[column] is None]
    if "options" in empty and adapter.may_be_open:
        empty.remove("options")
    if empty:
        raise RejectedRecord(f"has nothing in {', '.join(empty)}", cure="fill it in, or take the row out")
    return row


def _question(name: str, entry: Entry, media: Media, may_be_open: bool) -> dict[str, Any]:
    """Check an entry and write it as a row of `records.QUESTION`, its `config` left out."""
    if not entry.question.strip():
        raise RejectedRecord("the question is empty", cure="fill it in, or take the row out")
    options = _plain_options(entry.options)
    refuse_signs_of_models(entry.question, *options)
    if len(options) == 1 or any(not option for option in options):
        raise RejectedRecord(f"options are missing: {options}", cure="fill them in, or take the row out")
    if not options and not may_be_open:
        raise RejectedRecord("has no options that can be read", cure="fill them in, or take the row out")
    if len(options) > len(ascii_uppercase):
        raise RejectedRecord(f"has {len(options)} options, more than there are letters", cure="take the row out")
    if options:
        answer_type, target = "choice", _letter(entry.answer, options)
    else:
        target = str(entry.answer).strip()
        answer_type = "number" if NUMBER.match(target) and target else "text"
    if not target:
        raise RejectedRecord("the answer is empty", cure="fill it in, or take the row out")
    video = media.video(entry.video, entry.within, entry.without)
    subtitle = media.subtitle(entry.subtitle, entry.subtitle_offset, video)
    return {
        "id": entry.id,
        "benchmark": name,
        "category": str(entry.category),
        "video": str(video),
        "subtitle": "" if subtitle is None else str(subtitle),
        "question": entry.question.strip(),
        "options": options,
        "answer_type": answer_type,
        "target": target,
        "grounding": json.dumps(dict(entry.grounding), ensure_ascii=False),
    }


def _rejection(error: Exception, table: str, index: int, row: Row | UnicodeDecodeError) -> RejectedRecord:
    """The same complaint, with the table and the row it is about."""
    named = isinstance(row, Mapping) and (row.get("question_id") or row.get("id") or row.get("key"))
    record = f"{index} ({named})" if named else str(index)
    if isinstance(error, RejectedRecord):
        return RejectedRecord(error.reason, file=error.file or table, record=record, cure=error.cure)
    return RejectedRecord(
        f"does not have the form of its benchmark: {error!r}",
        file=table,
        record=record,
        cure="correct or remove the row",
    )


def _plain_options(options: Sequence[str]) -> list[str]:
    """Options without their letters, where every one of them has its own in front ("A. blue")."""
    texts = ["" if option is None else str(option).strip() for option in options]
    parted = [LETTER_AND_TEXT.match(text) for text in texts]
    if texts and all(match and match[1] == letter for match, letter in zip(parted, ascii_uppercase, strict=False)):
        return [match[2].strip() for match in parted if match]
    return texts


def _letter(answer: str | int, options: Sequence[str]) -> str:
    """Letter of the right option.

    Raises:
        RejectedRecord: if the answer is none of the options.
    """
    if isinstance(answer, int):
        place = answer
    else:
        text = answer.strip()
        alone, parted = LETTER_ALONE.match(text), LETTER_AND_TEXT.match(text)
        if alone:
            place = ascii_uppercase.index(alone[1])
        elif parted and ascii_uppercase.index(parted[1]) < len(options):
            place = ascii_uppercase.index(parted[1])
        else:
            place = place_of(text, options)
    if not 0 <= place < len(options):
        raise RejectedRecord(
            f"the answer {answer!r} is outside of the {len(options)} options",
            cure="correct the answer or the options of this question",
        )
    return ascii_uppercase[place]
