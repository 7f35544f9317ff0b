"""The benchmarks' own columns, read into one table of questions.

One adapter a benchmark turns a row as `datasets.load_dataset` gives it into a question; what all of them need (finding
the video, checking the answer against the options, setting bad rows aside) is done once, in `read_benchmark`. The
miniature's benchmarks have the same columns and go the same way.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from video_r2 import config, records
from video_r2.data.conversations import read_jsonl
from video_r2.data.encode import format_srt
from video_r2.data.options import split_options
from video_r2.data.videos import VIDEO_SUFFIXES
from video_r2.errors import RejectedRecord, UserError

Row = Mapping[str, Any]

TEXT_SUFFIXES = (".json", ".jsonl", ".csv", ".tsv", ".txt")
ABSENT = "N/A"  # LongVideoBench fills up its options with it

LETTER_ALONE = re.compile(r"^\(?([A-Z])\)?[.:]?$")
LETTER_AND_TEXT = re.compile(r"^\(?([A-Z])(?:\)|\.|:)\s*(.+)$", re.DOTALL)
NUMBER = re.compile(r"^[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?$")


@dataclass(frozen=True)
class Entry:
    """What an adapter reads out of a row, before it is checked.

    Attributes:
        id: unique within the benchmark and configuration.
        video: where the video should be below the benchmark's folder.
        answer: a letter, the text of an option, both ("B. blue"), an index into the options, a number or a text.
        options: texts of the options; none for open questions.
        subtitle: the subtitle's path if it does not lie beside the video under the same name; `.srt`, or the JSON of
            LongVideoBench.
        subtitle_offset: seconds into the subtitles at which the video begins.
    """

    id: str
    video: str
    question: str
    answer: str | int
    options: Sequence[str] = ()
    category: str = ""
    subtitle: str = ""
    subtitle_offset: float = 0.0
    grounding: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Adapter:
    """Reader of one benchmark's rows.

    Attributes:
        columns: columns without which no row can be read.
        read: reads a row, given its index and configuration.
        belongs: whether a row is part of the benchmark as the paper uses it.
    """

    columns: tuple[str, ...]
    read: Callable[[Row, int, str], Entry]
    belongs: Callable[[Row], bool] = lambda row: True


# --- one reader a benchmark -------------------------------------------------------------------------------------------


def _mvbench(row: Row, index: int, name: str) -> Entry:
    return Entry(
        id=_id(row, f"{name}-{index}"),
        video=f"{MVBENCH_FOLDERS.get(name, 'video')}/{row['video']}",
        question=row["question"],
        options=row["candidates"],
        # Always the text of an option, also where that is a single letter.
        answer=_place_of(str(row["answer"]), row["candidates"]),
        category=name,
    )


MVBENCH_FOLDERS = {
    "action_antonym": "ssv2_video_mp4",
    "action_count": "perception/videos",
    "action_localization": "sta/sta_video_segment",
    "action_prediction": "star/Charades_segment",
    "action_sequence": "star/Charades_segment",
    "character_order": "perception/videos",
    "counterfactual_inference": "clevrer/video_validation",
    "egocentric_navigation": "vlnqa",
    "episodic_reasoning": "tvqa/video_fps3_hq_segment",
    "fine_grained_action": "Moments_in_Time_Raw/videos",
    "fine_grained_pose": "nturgbd_convert",
    "moving_attribute": "clevrer/video_validation",
    "moving_count": "clevrer/video_validation",
    "moving_direction": "clevrer/video_validation",
    "object_existence": "clevrer/video_validation",
    "object_interaction": "star/Charades_segment",
    "object_shuffle": "perception/videos",
    "scene_transition": "scene_qa/video",
    "state_change": "perception/videos",
    "unexpected_action": "FunQA_test/test",
}


def _videomme(row: Row, index: int, name: str) -> Entry:
    return Entry(
        id=str(row["question_id"]),
        video=f"data/{row['videoID']}.mp4",
        subtitle=f"subtitle/{row['videoID']}.srt",
        question=row["question"],
        options=row["options"],
        answer=row["answer"],
        category=row["duration"],
    )


def _tempcompass(row: Row, index: int, name: str) -> Entry:
    question, options = split_options(row["question"])
    return Entry(
        id=_id(row, f"{row['video_id']}-{index}"),
        video=f"videos/{row['video_id']}.mp4",
        question=question,
        options=options,
        answer=row["answer"],
        category=row["dim"],
    )


def _mlvu(row: Row, index: int, name: str) -> Entry:
    question, options = split_options(row["question"])
    return Entry(
        id=_id(row, f"{row['task_type']}-{index}"),
        video=str(row["video_name"]),
        question=question,
        options=options or row.get("candidates") or (),
        answer=row["answer"],
        category=row["task_type"],
    )


def _longvideobench(row: Row, index: int, name: str) -> Entry:
    options = [row.get(f"option{place}") for place in range(5)]
    return Entry(
        id=str(row["id"]),
        video=f"videos/{row['video_path']}",
        subtitle=f"subtitles/{row['subtitle_path']}" if row.get("subtitle_path") else "",
        subtitle_offset=float(row.get("starting_timestamp_for_subtitles") or 0.0),
        question=row["question"],
        options=[option for option in options if option is not None and option != ABSENT],
        answer=row["correct_choice"],
        category=row["question_category"],
    )


def _videomathqa(row: Row, index: int, name: str) -> Entry:
    return Entry(
        id=str(row["question_id"]),
        video=f"videos/{row['videoID']}.mp4",
        subtitle=f"subtitles/{row['videoID']}.srt",
        question=row["question"],
        options=row["options"],
        answer=row["answer"],
        category=row["category"],
    )


def _video_mmmu(row: Row, index: int, name: str) -> Entry:
    return Entry(
        # A video's number stands in all three tracks.
        id=_id(row, f"{name}/{row['id']}"),
        video=f"{row['id']}.mp4",
        question=row["question"],
        options=() if row["question_type"] == "open" else row["options"] or (),
        answer=row["answer"],
        category=name,
    )


def _mmvu(row: Row, index: int, name: str) -> Entry:
    # "validation_0" lies in ".../videos/Art/0.mp4": its subject is the folder.
    video = "/".join(Path(row.get("video_path") or row["video"]).parts[-2:])
    return Entry(
        id=str(row["id"]),
        video=video,
        question=row["question"],
        options=_by_letter(row["choices"]),
        answer=row["answer"],
        category=str(Path(video).parent),
    )


def _vsibench(row: Row, index: int, name: str) -> Entry:
    return Entry(
        id=_id(row, str(row["id"])),
        video=f"{row['dataset']}/{row['scene_name']}.mp4",
        question=row["question"],
        options=row["options"] or (),
        answer=row["ground_truth"],
        category=row["question_type"],
    )


def _minerva(row: Row, index: int, name: str) -> Entry:
    return Entry(
        id=str(row["key"]),
        video=f"{row['video_id']}.mp4",
        question=row["question"],
        options=[row[f"answer_choice_{place}"] for place in range(5)],
        answer=int(row["answer_id"]),
        category=str(row.get("question_type") or ""),
    )


def _scivideobench(row: Row, index: int, name: str) -> Entry:
    return Entry(
        id=_id(row, f"{row['video_id']}-{index}"),
        video=f"jove_{row['video_id']}.mp4",
        question=row["question"],
        options=_by_letter(row["options"]),
        answer=row["answer"],
        category=str(row.get("question_type") or ""),
    )


def _conversation(row: Row, index: int, name: str) -> Entry:
    question, options = split_options(without_instruction(row["question"]))
    return Entry(
        id=str(row["id"]),
        video=str(row["video"]),
        subtitle=str(row.get("subtitle") or ""),
        question=question,
        options=options,
        answer=row["answer"],
        grounding=row["grounding"],
    )


ADAPTERS: dict[str, Adapter] = {
    "mvbench": Adapter(("video", "question", "candidates", "answer"), _mvbench),
    "videomme": Adapter(("videoID", "question_id", "question", "options", "answer", "duration"), _videomme),
    "tempcompass": Adapter(("video_id", "question", "answer", "dim"), _tempcompass),
    "mlvu": Adapter(("video_name", "question", "answer", "task_type"), _mlvu),
    "longvideobench": Adapter(
        ("id", "video_path", "question", "option0", "option1", "correct_choice", "question_category"), _longvideobench
    ),
    "videomathqa": Adapter(("question_id", "videoID", "question", "options", "answer", "category"), _videomathqa),
    "video_mmmu": Adapter(("id", "question", "options", "answer", "question_type"), _video_mmmu),
    "mmvu": Adapter(
        ("id", "question", "choices", "answer", "question_type"),
        _mmvu,
        belongs=lambda row: row["question_type"] == "multiple-choice",
    ),
    "vsibench": Adapter(
        ("id", "dataset", "scene_name", "question_type", "question", "ground_truth", "options"), _vsibench
    ),
    "minerva": Adapter(
        ("key", "video_id", "question", "answer_id", *(f"answer_choice_{place}" for place in range(5))), _minerva
    ),
    "scivideobench": Adapter(("video_id", "question", "options", "answer"), _scivideobench),
    "conversations": Adapter(("id", "video", "question", "answer", "grounding"), _conversation),
}


# --- what adapters share ----------------------------------------------------------------------------------------------


def _id(row: Row, otherwise: str) -> str:
    """The row's `question_id` where it has one; several benchmarks have none."""
    return str(row.get("question_id") or otherwise)


def _by_letter(choices: Mapping[str, str | None] | Sequence[str]) -> list[str]:
    """Options given by letter, in the letters' order; Arrow fills up absent letters with null."""
    if not isinstance(choices, Mapping):
        return list(choices)
    return [str(choices[letter]) for letter in sorted(choices) if choices[letter] is not None]


def _place_of(answer: str, options: Sequence[str]) -> int:
    if answer not in options:
        raise RejectedRecord(
            f"the answer {answer!r} is none of the options", cure="correct the answer or the options of this question"
        )
    return list(options).index(answer)


def without_instruction(text: str) -> str:
    """A human turn without the think instruction: the lines from the first that names the tags are dropped."""
    lines = text.split("\n")
    kept = next((number for number, line in enumerate(lines) if "<think>" in line or "<answer>" in line), len(lines))
    return "\n".join(lines[:kept]).strip()


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
            place = _place_of(text, options)
    if not 0 <= place < len(options):
        raise RejectedRecord(
            f"the answer {answer!r} is outside of the {len(options)} options",
            cure="correct the answer or the options of this question",
        )
    return ascii_uppercase[place]


class Media:
    """The videos and subtitles of a benchmark.

    Args:
        folder: what places are below of.
        anywhere: look for a video that is not in its place below the whole folder.
        converted: folder for subtitles that have to be converted to `.srt`.
    """

    def __init__(self, folder: Path, anywhere: bool, converted: Path) -> None:
        self._folder = folder
        self._anywhere = anywhere
        self._converted = converted
        self._known: dict[tuple[Path, float], Path | None] = {}

    @cached_property
    def _videos(self) -> dict[str, list[Path]]:
        videos: dict[str, list[Path]] = {}
        for path in sorted(self._folder.rglob("*")) if self._anywhere else ():
            if path.suffix.lower() in VIDEO_SUFFIXES:
                videos.setdefault(path.stem, []).append(path)
        return videos

    def video(self, place: str) -> Path:
        """The video that should be at `place`, or wherever else below the folder it was unpacked to.

        Raises:
            RejectedRecord: if there is none, or several that fit equally well.
        """
        exact = self._folder / place
        if exact.is_file():
            return exact
        found = self._nearest(Path(place))
        if not found:
            raise RejectedRecord(
                f"the video {place} is missing", cure="download or unpack the benchmark's videos below this folder"
            )
        if len(found) > 1:
            raise RejectedRecord(
                f"several videos could be {place}: {', '.join(str(path.relative_to(self._folder)) for path in found)}",
                cure=f"keep the right one, at {place}",
            )
        return found[0]

    def subtitle(self, place: str, offset: float, video: Path) -> Path | None:
        """The subtitle at `place` or, as in the release, beside the video under the same name; none if there is none.

        Args:
            offset: seconds into a JSON subtitle at which the video begins.
        """
        path = self._folder / place
        if path.suffix == ".json" and path.is_file():
            # Questions on one video share its subtitles, unless they cut them differently.
            if (path, offset) not in self._known:
                target = self._converted / f"{path.stem}-{offset:g}.srt"
                self._known[path, offset] = convert_subtitle(path, offset, target)
            return self._known[path, offset]
        beside = video.with_suffix(".srt")
        return next((found for found in (path, beside) if found.is_file()), None)

    def _nearest(self, place: Path) -> list[Path]:
        """Files of the same name, whatever their format, that share most of the folders at the end of `place`."""

        def shared(path: Path) -> int:
            pairs = zip(reversed(path.parent.parts), reversed(place.parent.parts), strict=False)
            return next((depth for depth, (one, other) in enumerate(pairs) if one != other), len(place.parent.parts))

        found = self._videos.get(place.stem, [])
        nearest = max((shared(path) for path in found), default=0)
        return [path for path in found if shared(path) == nearest]


def convert_subtitle(path: Path, offset: float, target: Path) -> Path | None:
    """Write the JSON subtitles of LongVideoBench as `.srt`, counted from the start of the video.

    Args:
        offset: seconds into the subtitles at which the video begins; cues that end before it are left out.

    Returns:
        `target`, or none where nothing is said in the video.

    Raises:
        RejectedRecord: if the file cannot be read as subtitles.
    """
    try:
        cues = [_cue(cue) for cue in json.loads(path.read_text(encoding="utf-8"))]
    except UnicodeDecodeError as error:
        raise RejectedRecord(
            f"the subtitle is not UTF-8 (byte {error.start})", file=path, cure="save it as UTF-8"
        ) from error
    except (ValueError, TypeError, KeyError) as error:
        raise RejectedRecord(
            f"the subtitle cannot be read: {error!r}",
            file=path,
            cure='it should be a list of {"timestamp": [start, end], "text": …} or {"start": …, "end": …, "line": …}',
        ) from error
    shifted = [(max(0.0, start - offset), end - offset, text) for start, end, text in cues if end > offset and text]
    if not shifted:
        return None
    with records.replacing(target) as temporary:
        temporary.write_text(format_srt(shifted), encoding="utf-8")
    return target


def _cue(cue: Mapping[str, Any]) -> tuple[float, float, str]:
    if "timestamp" in cue:
        start, end = cue["timestamp"]
        # An open end, which some of the real files have, lasts as short as a word does.
        return float(start), float(end if end is not None else start + 1), str(cue["text"]).strip()
    return _seconds(cue["start"]), _seconds(cue["end"]), str(cue["line"]).strip()


def _seconds(time: str) -> float:
    hours, minutes, seconds = time.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


# --- reading ----------------------------------------------------------------------------------------------------------


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
    adapter = ADAPTERS.get(benchmark.adapter)
    if adapter is None:
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
    for table, index, name_of_config, row in _rows(folder, benchmark):
        try:
            checked = _checked(row, adapter)
            if not adapter.belongs(checked):
                outside += 1
                continue
            question = _question(name, adapter.read(checked, index, name_of_config), media)
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


def _rows(folder: Path, benchmark: config.Benchmark) -> Iterator[tuple[str, int, str, Row | UnicodeDecodeError]]:
    """Every row of every configuration: table, index, configuration and the row, or why it cannot be decoded."""
    if benchmark.adapter == "conversations":
        for index, conversation in enumerate(read_jsonl(folder)):
            yield str(folder), index, benchmark.configs[0], vars(conversation)
        return
    for name in benchmark.configs:
        table = _load(folder, name, benchmark.split)
        missing = [column for column in ADAPTERS[benchmark.adapter].columns if column not in table.column_names]
        if missing:
            raise UserError(
                f"configuration {name!r} has no column {', '.join(missing)}; it has {', '.join(table.column_names)}",
                file=folder,
                cure=f"check the data set's revision, or choose another adapter than {benchmark.adapter!r}",
            )
        for index in range(table.num_rows):
            yield f"{folder} {name}/{benchmark.split}", index, name, _decoded(table.slice(index, 1))


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
        if (folder / "dataset_dict.json").exists() or (folder / "state.json").exists():
            stored = datasets.load_from_disk(str(folder))
            data = stored[split] if isinstance(stored, datasets.DatasetDict) else stored
            return data.with_format("arrow")[:]
        with tempfile.TemporaryDirectory() as cache:
            data = datasets.load_dataset(str(folder), name, split=split, cache_dir=cache, keep_in_memory=True)
            return data.with_format("arrow")[:]
    except (ValueError, KeyError, OSError, datasets.exceptions.DatasetsError, pa.ArrowException) as error:
        raise _explained(error, folder, name, split) from error


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
    if "options" in empty:
        # An open question has none.
        empty.remove("options")
    if empty:
        raise RejectedRecord(f"has nothing in {', '.join(empty)}", cure="fill it in, or take the row out")
    return row


def _question(name: str, entry: Entry, media: Media) -> dict[str, Any]:
    """Check an entry and write it as a row of `records.QUESTION`, its `config` left out."""
    if not entry.question.strip():
        raise RejectedRecord("the question is empty", cure="fill it in, or take the row out")
    options = _plain_options(entry.options)
    if len(options) == 1 or any(not option for option in options):
        raise RejectedRecord(f"options are missing: {options}", cure="fill them in, or take the row out")
    if len(options) > len(ascii_uppercase):
        raise RejectedRecord(f"has {len(options)} options, more than there are letters", cure="take the row out")
    if options:
        answer_type, target = "choice", _letter(entry.answer, options)
    else:
        target = str(entry.answer).strip()
        answer_type = "number" if NUMBER.match(target) and target else "text"
    if not target:
        raise RejectedRecord("the answer is empty", cure="fill it in, or take the row out")
    video = media.video(entry.video)
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
