"""The project's lmms-eval tasks: `<benchmark>_think` and `<benchmark>_direct` over the prepared questions.

One template (`task.yaml`) and the configuration make every task, so that a new benchmark is configuration only. The
tasks hold nothing of this project's model: lmms-eval's own models can be run on them.
"""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from video_r2 import config
from video_r2.evaluation.prompts import Style, build_prompt
from video_r2.rewards.accuracy import accuracy_reward

TEMPLATE = Path(__file__).with_name("task.yaml")


def task_name(benchmark: str, style: Style) -> str:
    """Name under which lmms-eval knows a benchmark, asked in one style."""
    return f"{benchmark}_{style}"


def write_tasks(
    folder: Path,
    questions: Mapping[str, str | Path],
    benchmarks: Mapping[str, config.Benchmark],
    prompts: config.Prompts,
    style: Style,
    max_new_tokens: int,
) -> list[str]:
    """Write a task file per benchmark into `folder`, for `TaskManager(include_path=…)`.

    Args:
        questions: table of questions (`records.QUESTION`) of each benchmark.
        max_new_tokens: limit of a response, unless the benchmark has its own.

    Returns:
        names of the tasks, in the order of `questions`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for name, path in questions.items():
        benchmark = benchmarks[name]
        task = {
            "include": str(TEMPLATE),
            "task": task_name(name, style),
            # The copy that `datasets` makes of the questions lies beside the task file and goes with it.
            "dataset_kwargs": {
                "data_files": {"test": glob.escape(str(Path(path).resolve()))},
                "cache_dir": str(folder / "datasets"),
            },
            "generation_kwargs": {"until": [], "max_new_tokens": benchmark.max_new_tokens or max_new_tokens},
            "lmms_eval_specific_kwargs": {
                "default": {"style": style, "benchmark": benchmark.model_dump(), "prompts": prompts.model_dump()}
            },
        }
        (folder / f"{task['task']}.yaml").write_text(yaml.safe_dump(task, sort_keys=False), encoding="utf-8")
        names.append(str(task["task"]))
    return names


def doc_to_visual(doc: Mapping[str, Any]) -> list[str]:
    """Path of the question's video."""
    return [doc["video"]]


def doc_to_text(doc: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """The prompt, without the video's placeholder."""
    benchmark = config.Benchmark.model_validate(settings["benchmark"])
    return build_prompt(doc, benchmark, config.Prompts.model_validate(settings["prompts"]), settings["style"])


def doc_to_target(doc: Mapping[str, Any]) -> str:
    """The right answer."""
    return str(doc["target"])


def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, float]:
    """Accuracy of one response, 0 to 1, by the same comparison that training rewards.

    The benchmarks' own definitions are applied later, to the stored predictions (`video_r2.metrics.accuracy`).
    """
    options = doc["options"] or []
    right = accuracy_reward(results[0], doc["target"], doc["answer_type"], options, question=doc["question"])
    return {"accuracy": right}


def percentage(scores: Sequence[float]) -> float:
    """Mean of scores from 0 to 1, in percent."""
    return 100 * sum(scores) / len(scores)
