"""The metrics alone, over files of predictions.

    python scripts/score.py tac FILE…    think-answer consistency
    python scripts/score.py vas FILE…    visual evidence that the traces claim
    python scripts/score.py tar FILE…    temporal alignment, where it is known what happens when (F1; as released, precision)

A FILE is what lmms-eval writes with --log_samples (JSON lines), or this project's predictions (Parquet, or its columns as JSON
lines, of which `response` alone is needed).
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from tqdm import tqdm

from video_r2 import config
from video_r2.command import run_command
from video_r2.errors import UserError
from video_r2.judge import make_judge
from video_r2.judge.base import Judge
from video_r2.metrics.accuracy import Score
from video_r2.metrics.consistency import score_consistency
from video_r2.metrics.prediction_files import adapter_of, is_known, read_any_predictions, read_groundings
from video_r2.metrics.summaries import line_of, score_table, summarise
from video_r2.metrics.temporal import grounding_of, score_alignment
from video_r2.metrics.visual_attention_score import score_evidence
from video_r2.reading.times import parse_time
from video_r2.sections import checked

METRICS = {"tac": "tac", "vas": "vas_judge", "tar": "temporal_f1"}
RELEASED_METRICS = {**METRICS, "tar": "temporal_precision"}
CHUNK = 200  # records judged together
PATIENCE = 10.0  # seconds without a progress bar
COMMAND_LINE = "command line"
JUDGE_OPTIONS = ("kind", "url", "model", "cache", "timeout", "retries", "concurrency", "max_missing")

Records = Sequence[Mapping[str, Any]]


def main() -> None:
    arguments = parse_arguments()
    settings = checked(config.Judge, {name: getattr(arguments, name) for name in JUDGE_OPTIONS}, COMMAND_LINE)
    judge = make_judge(settings, arguments.semantics)
    groundings = read_groundings(arguments.groundings) if arguments.groundings else None
    files = {path: read_any_predictions(path, groundings) for path in arguments.files}
    for path, records in files.items():
        require_once(records, path)
    if arguments.metric == "tac" and arguments.semantics == "reference":
        for path, records in files.items():
            require_targets(records, path)
    if arguments.metric == "tar":
        files = {path: with_grounding(records, path, arguments.semantics) for path, records in files.items()}
    score = make_scorer(arguments, judge)
    results = []
    total = sum(map(len, files.values()))
    with tqdm(total=total, desc=arguments.metric, unit="record", delay=PATIENCE, file=sys.stderr) as bar:
        for path, records in files.items():
            for group in runs_in(records, arguments.benchmark):
                results.append(score_group(path, group, arguments, score, bar))
    if not judge.free:
        print(judge.report(), file=sys.stderr)
    judge.check_missing()
    if arguments.json:
        print(json.dumps(results, indent=1, ensure_ascii=False))
    else:
        print("\n".join(described(result, results) for result in results))


def parse_arguments() -> argparse.Namespace:
    judge, alignment = config.Judge(), config.TemporalAlignment()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("metric", choices=METRICS, help="what is measured")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="predictions")
    parser.add_argument(
        "--semantics",
        choices=get_args(config.Semantics),
        default="corrected",
        help="as released, or corrected: docs/differences.md (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print summaries and every record's score as JSON")
    parser.add_argument("--benchmark", help="name of the benchmark (default: the files' own, or the lmms-eval task)")
    parser.add_argument(
        "--groundings",
        type=Path,
        metavar="FILE",
        help="for tar: training set whose rows say what happens when, in `temporal_grounding`, by the questions' ids",
    )
    parser.add_argument(
        "--buffer",
        type=float,
        default=alignment.buffer_seconds,
        help="for tar: seconds that a claim may be off (default: %(default)s)",
    )
    parser.add_argument(
        "--similarity",
        type=float,
        default=alignment.similarity,
        help="for tar: least cosine similarity of a claim and its event (default: %(default)s)",
    )
    parser.add_argument(
        "--sentence-model", default=alignment.sentence_model, help="for tar: embeds sentences (default: %(default)s)"
    )
    parser.add_argument(
        "--bootstrap", type=number_of_samples, default=2000, help="samples of the intervals (default: %(default)s)"
    )
    parser.add_argument(
        "--judge",
        dest="kind",
        choices=("rules", "llm", "cascade"),
        help="who reads (default: cascade with --url, else rules; a model as released is asked everything)",
    )
    parser.add_argument("--url", help="OpenAI-compatible server")
    parser.add_argument("--model", default=judge.model, help="model of the server (default: %(default)s)")
    parser.add_argument("--cache", metavar="FILE", help="keeps the server's answers, so that none is paid twice")
    parser.add_argument(
        "--timeout",
        type=float,
        default=judge.timeout,
        help="seconds before a request counts as failed (default: %(default)s)",
    )
    parser.add_argument(
        "--retries", type=int, default=judge.retries, help="attempts after a failed one (default: %(default)s)"
    )
    parser.add_argument(
        "--max-missing",
        type=float,
        default=judge.max_missing,
        help="share of questions that may be left without an answer (default: %(default)s)",
    )
    parser.add_argument(
        "--concurrency", type=int, default=judge.concurrency, help="requests in flight at once (default: %(default)s)"
    )
    return parser.parse_args()


def number_of_samples(text: str) -> int:
    """A whole number from 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1 is needed")
    return number


def make_scorer(arguments: argparse.Namespace, judge: Judge) -> Callable[[Records, str], list[Score]]:
    """What scores records, given the reader of their benchmark."""
    semantics = arguments.semantics
    if arguments.metric == "tac":
        return lambda records, adapter: score_consistency(records, adapter, judge, semantics)
    if arguments.metric == "vas":
        return lambda records, adapter: score_evidence(records, judge, semantics)
    # Loaded where it is needed: the others are done before it would be.
    from video_r2.rewards.embedding import SentenceEmbedder

    given = {
        "buffer_seconds": arguments.buffer,
        "similarity": arguments.similarity,
        "sentence_model": arguments.sentence_model,
    }
    settings = checked(config.TemporalAlignment, given, COMMAND_LINE)
    embed = SentenceEmbedder(settings.sentence_model)

    def score(records: Records, adapter: str) -> list[Score]:
        scores = score_alignment(records, judge, embed, settings, semantics)
        return scores if semantics == "corrected" else [with_precision(one) for one in scores]

    return score


def with_precision(score: Score) -> Score:
    """The score of an alignment with its precision, which is what the release rewards."""
    return score if score.value is None else Score(score.detail["precision"], score.detail)


def require_targets(records: Records, path: Path) -> None:
    """See that it is known which answers are right: as released, two wrong ones agree."""
    unknown = [record for record in records if record["response"] is not None and not is_known(record)]
    if unknown:
        raise UserError(
            f"as released, TAC compares with the right answer, which {len(unknown)} of {len(records)} records do not say",
            file=path,
            record=str(unknown[0]["id"]),
            cure="give each a `target` (of options, the letter or the text); or leave --semantics reference out",
        )


def with_grounding(records: list[dict[str, Any]], path: Path, semantics: config.Semantics) -> list[dict[str, Any]]:
    """The records of which it is known what happens when, at times that can be read; the release reads 00:70, too."""
    is_read: Callable[[str], object] = bool if semantics == "reference" else parse_time
    known = [record for record in records if any(map(is_read, grounding_of(record)))]
    if known and len(known) < len(records):
        print(f"{path}: of {len(records) - len(known)} of {len(records)} records it is not known", file=sys.stderr)
    if not known:
        raise UserError(
            "of no record it is known what happens when",
            file=path,
            cure="give --groundings, or a field `grounding` with an object from times such as 00:04-00:08 to sentences",
        )
    return known


def require_once(records: Records, path: Path) -> None:
    """See that a run answers no question twice: as two, its answers would make the mean and narrow its interval."""
    seen: set[tuple[Any, ...]] = set()
    for record in records:
        key = (*run_of(record), record["id"], record["question"])
        if key in seen:
            raise UserError(
                "is there twice, of one benchmark, evaluation and seed",
                file=path,
                record=str(record["id"]),
                cure="give each run a `seed`, or an `evaluation`, or a file of its own; and each question an `id`",
            )
        seen.add(key)


def run_of(record: Mapping[str, Any]) -> tuple[str, str, int]:
    """Benchmark, evaluation and seed."""
    return record["benchmark"], record["evaluation"], record["seed"]


def runs_in(records: Records, benchmark: str | None) -> list[list[dict[str, Any]]]:
    """The records of each run, in the order in which they come; all of them of the named benchmark, if one is named."""
    groups: dict[tuple[str, str, int], list[dict[str, Any]]] = {}
    for record in records:
        record = {**record, "benchmark": benchmark or record["benchmark"]}
        groups.setdefault(run_of(record), []).append(record)
    return list(groups.values())


def score_group(
    path: Path,
    records: list[dict[str, Any]],
    arguments: argparse.Namespace,
    score: Callable[[Records, str], list[Score]],
    bar: tqdm,
) -> dict[str, Any]:
    """Summary and scores of the records of one run."""
    names = METRICS if arguments.semantics == "corrected" else RELEASED_METRICS
    metric, adapter = names[arguments.metric], adapter_of(records[0]["benchmark"])
    scored: list[Score] = []
    for begin in range(0, len(records), CHUNK):
        chunk = records[begin : begin + CHUNK]
        scored += score(chunk, adapter)
        bar.update(len(chunk))
    table = score_table(records, scored, metric)
    summary = summarise(table, records[0], metric, adapter, arguments.semantics, arguments.bootstrap)
    single = [
        {"id": record["id"], "score": one.value, "detail": one.detail}
        for record, one in zip(records, scored, strict=True)
    ]
    return {"file": str(path), **summary, "scores": single}


def described(result: Mapping[str, Any], among: Sequence[Mapping[str, Any]]) -> str:
    """A result for the terminal: the figure with its interval, of which run if a file has several, and what it is made of."""
    name = result["benchmark"]
    if sum((other["file"], other["benchmark"]) == (result["file"], name) for other in among) > 1:
        name = f"{name} ({result['evaluation']}, seed {result['seed']})"
    lines = [f"{result['file']}", f"  {line_of(name, result)}"]
    if result["means"]:
        lines.append(f"  means: {', '.join(f'{name} {value:.1f}' for name, value in result['means'].items())}")
    if result["counts"]:
        lines.append(f"  of them: {', '.join(f'{name} {number}' for name, number in result['counts'].items())}")
    return "\n".join(lines)


if __name__ == "__main__":
    run_command(main)
