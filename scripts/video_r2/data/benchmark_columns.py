"""The benchmarks' own columns: one reader a benchmark, of a row as `datasets.load_dataset` gives it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from video_r2.data.options import split_options
from video_r2.errors import RejectedRecord

Row = Mapping[str, Any]

ABSENT = "N/A"  # LongVideoBench fills up its options with it


@dataclass(frozen=True)
class Entry:
    """What an adapter reads out of a row, before it is checked.

    Attributes:
        id: unique within the benchmark and configuration.
        video: where the video should be below the benchmark's folder.
        within: a folder that the video is in, wherever that was unpacked to: elsewhere there are others of the same name.
        without: folders in which there are others of the same name.
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
    within: str = ""
    without: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Adapter:
    """Reader of one benchmark's rows.

    Attributes:
        columns: columns without which no row can be read.
        read: reads a row, given its index and configuration.
        belongs: whether a row is part of the benchmark as the paper uses it.
        may_be_open: whether a question may have no options; elsewhere such a row is damaged.
        otherwise: the reader of the same benchmark where it is published with other columns.
    """

    columns: tuple[str, ...]
    read: Callable[[Row, int, str], Entry]
    belongs: Callable[[Row], bool] = lambda row: True
    may_be_open: bool = False
    otherwise: Adapter | None = None

    def of(self, present: Collection[str]) -> Adapter | None:
        """The reader of a table with these columns; none if each lacks one."""
        return next((form for form in self.forms if set(form.columns) <= set(present)), None)

    @property
    def forms(self) -> list[Adapter]:
        """This reader, and those of the other columns."""
        return [self, *(self.otherwise.forms if self.otherwise else [])]

    def missing(self, present: Collection[str]) -> list[str]:
        """The columns that a table lacks, for the reader that lacks fewest."""
        return min(([name for name in form.columns if name not in present] for form in self.forms), key=len)


# --- one reader a benchmark -------------------------------------------------------------------------------------------


def _mvbench(row: Row, index: int, name: str) -> Entry:
    return Entry(
        id=_id(row, f"{name}-{index}"),
        video=f"{MVBENCH_FOLDERS.get(name, 'video')}/{row['video']}",
        without=_MVBENCH_SETS - {_mvbench_set(name)},
        question=row["question"],
        options=row["candidates"],
        # Always the text of an option, also where that is a single letter.
        answer=place_of(str(row["answer"]), row["candidates"]),
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


def _mvbench_set(name: str) -> str:
    """The folder of the data set that a configuration's videos are from; several number theirs alike."""
    return MVBENCH_FOLDERS.get(name, "").partition("/")[0]


_MVBENCH_SETS = frozenset(map(_mvbench_set, MVBENCH_FOLDERS))


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
    """The benchmark's own columns: options in the question's text, and the answer with its letter before it."""
    question, options = split_options(row["question"])
    return Entry(
        id=_id(row, f"{row['video_id']}-{index}"),
        video=f"videos/{row['video_id']}.mp4",
        question=question,
        options=options,
        answer=row["answer"],
        category=row["dim"],
    )


def _tempcompass_of_the_release(row: Row, index: int, name: str) -> Entry:
    """All of its kinds of questions as multiple choice, as the release asks them."""
    return Entry(
        id=str(row["uuid"]),
        video=f"videos/{row['video_id']}.mp4",
        question=row["question"],
        options=row["options"],
        answer=row["answer"],
        category=str(row.get("dim") or ""),
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
        within=Path(video).parent.name,
    )


def _vsibench(row: Row, index: int, name: str) -> Entry:
    return Entry(
        id=_id(row, str(row["id"])),
        video=f"{row['dataset']}/{row['scene_name']}.mp4",
        within=str(row["dataset"]),
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
        category=str(row.get("question_type") or row.get("question type") or ""),
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
    "tempcompass": Adapter(
        ("uuid", "video_id", "question", "options", "answer"),
        _tempcompass_of_the_release,
        otherwise=Adapter(("video_id", "question", "answer", "dim"), _tempcompass),
    ),
    "mlvu": Adapter(("video_name", "question", "answer", "task_type"), _mlvu),
    "longvideobench": Adapter(
        ("id", "video_path", "question", "option0", "option1", "correct_choice", "question_category"), _longvideobench
    ),
    "videomathqa": Adapter(("question_id", "videoID", "question", "options", "answer", "category"), _videomathqa),
    "video_mmmu": Adapter(("id", "question", "options", "answer", "question_type"), _video_mmmu, may_be_open=True),
    "mmvu": Adapter(
        ("id", "question", "choices", "answer", "question_type"),
        _mmvu,
        belongs=lambda row: row["question_type"] == "multiple-choice",
    ),
    "vsibench": Adapter(
        ("id", "dataset", "scene_name", "question_type", "question", "ground_truth", "options"),
        _vsibench,
        may_be_open=True,
    ),
    "minerva": Adapter(
        ("question_id", "videoID", "question", "options", "answer", "category"),
        _videomathqa,  # the release's copy has the columns of its authors' own benchmark
        otherwise=Adapter(
            ("key", "video_id", "question", "answer_id", *(f"answer_choice_{place}" for place in range(5))), _minerva
        ),
    ),
    "scivideobench": Adapter(("video_id", "question", "options", "answer"), _scivideobench),
    "conversations": Adapter(("id", "video", "question", "answer", "grounding"), _conversation, may_be_open=True),
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


def place_of(answer: str, options: Sequence[str]) -> int:
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
