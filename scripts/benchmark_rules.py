"""How long the rules take to judge: `python scripts/benchmark_rules.py tests/judge/readings.jsonl`.

Labelled responses are taken in turn until there are as many records as asked for. Each has its own number and a description of
so many scenes before its trace, so that no text comes twice. Prints their mean length and the wall-clock
time of TAC, VAS and claims together, and the processor time, in which other work on the machine does not count.
"""

import argparse
import random
import statistics
import time
from collections.abc import Sequence
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from video_r2.command import run_command
from video_r2.data.world import make_film
from video_r2.judge.rules import RuleJudge
from video_r2.metrics.agreement import LabelledResponse, read_labelled
from video_r2.metrics.consistency import score_consistency
from video_r2.metrics.visual_attention_score import score_evidence
from video_r2.reading.responses import parse_response

CHUNK = 250  # records that a process takes at once


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="labelled responses, one JSON object a line")
    parser.add_argument("--records", type=int, default=10_000, help="records judged (default: %(default)s)")
    parser.add_argument("--scenes", type=int, default=6, help="scenes described in each trace (default: %(default)s)")
    parser.add_argument("--processes", type=int, default=2, help="processes that share them (default: %(default)s)")
    arguments = parser.parse_args()
    labelled = read_labelled(arguments.file)
    make = partial(make_record, scenes=descriptions(arguments.scenes))
    records = [make(at, labelled[at % len(labelled)]) for at in range(arguments.records)]
    chunks = [records[begin : begin + CHUNK] for begin in range(0, len(records), CHUNK)]
    with get_context("fork").Pool(arguments.processes) as pool:
        begun = time.monotonic()
        processor = sum(pool.imap_unordered(judge, chunks))
        taken = time.monotonic() - begun
    words = statistics.mean(len(record["think"].split()) for record in records if record["think"])
    print(
        f"{len(records)} records, {words:.0f} words a trace: {taken:.1f} s with {arguments.processes} processes; "
        f"{processor:.1f} s of processor time, {1000 * processor / len(records):.2f} ms a record"
    )


def descriptions(scenes: int) -> list[str]:
    """Descriptions of films of the generated world, so many scenes each."""
    films = [make_film(f"film{number}", str(number), (8, 24), (8,), (64, 64)) for number in range(50)]
    rng = random.Random(0)
    told = [scene.claim for film in films for scene in film.scenes]
    return [" ".join(rng.choices(told, k=scenes)) for _ in range(200)] if scenes else [""]


def make_record(number: int, labelled: LabelledResponse, scenes: Sequence[str]) -> dict[str, Any]:
    """The columns of a prediction that the metrics look at."""
    parsed = parse_response(labelled.response)
    told = f"Clip {number}. {scenes[number % len(scenes)]}\n"
    return {
        "id": f"{labelled.id}/{number}",
        "question": labelled.question,
        "options": list(labelled.options or ()),
        "answer_type": labelled.answer_type,
        "target": labelled.answers or "",
        "response": labelled.response,
        "think": None if parsed.think is None else told + parsed.think,
        "answer": parsed.answer,
    }


def judge(records: Sequence[dict[str, Any]]) -> float:
    """Judge records for TAC, VAS and temporal alignment; seconds of processor time."""
    begun, judge = time.process_time(), RuleJudge()
    score_consistency(records, "", judge)
    score_evidence(records, judge)
    judge.claims_of([record["think"] or "" for record in records])
    return time.process_time() - begun


if __name__ == "__main__":
    run_command(main)
