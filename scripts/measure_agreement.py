"""How well a judge reads labelled responses: `python scripts/measure_agreement.py tests/judge/readings.jsonl`."""

import argparse
import dataclasses
import json
import math
import sys
from pathlib import Path

from video_r2 import config
from video_r2.command import run_command
from video_r2.judge import make_judge
from video_r2.metrics.agreement import (
    SPLITS,
    Agreement,
    Outcome,
    agreement,
    agreement_by_kind,
    certainty,
    judge_labelled,
    read_labelled,
    split_of,
)
from video_r2.paper.tables import Block, Column, Row, Sheet, to_markdown
from video_r2.sections import checked

COLUMNS = [
    Column("number", "responses", decimals=0),
    Column("trace", "trace"),
    Column("answer", "answer"),
    Column("consistency", "consistency"),
    Column("kappa", "kappa", decimals=2),
    Column("orders", "orders", decimals=0),
    Column("obeyed", "obeyed", decimals=0),
]


def main() -> None:
    arguments = parse_arguments()
    if arguments.certain:
        print(to_markdown(lay_out_certainty(arguments.file)), end="")
        return
    asked = {"kind": arguments.judge, "url": arguments.url, "model": arguments.model}
    judge = make_judge(checked(config.Judge, asked, "command line"))
    outcomes = judge_labelled(split_of(read_labelled(arguments.file), arguments.split), judge)
    judge.check_missing()
    print(judge.report(), file=sys.stderr)
    by_kind, overall = agreement_by_kind(outcomes), agreement(outcomes)
    if arguments.json:
        print(json.dumps({name: as_json(figures) for name, figures in {**by_kind, "all": overall}.items()}))
    else:
        print(to_markdown(lay_out(by_kind, overall, f"Agreement with the labels, {arguments.split}")), end="")
    if arguments.failures:
        # Whoever saw the test half's failures could not measure with it any more.
        seen = set(split_of(read_labelled(arguments.file), "development"))
        list_failures([outcome for outcome in outcomes if outcome.labelled in seen])


def parse_arguments() -> argparse.Namespace:
    defaults = config.Judge()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="labelled responses, one JSON object a line")
    parser.add_argument("--split", choices=SPLITS, default="all", help="which of them (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON, shares as 0 to 1")
    parser.add_argument("--failures", action="store_true", help="list failures, of the development half only")
    parser.add_argument(
        "--certain", action="store_true", help="instead: how far the rules are certain, and right, on either half"
    )
    parser.add_argument(
        "--judge", choices=("rules", "llm", "cascade"), default="rules", help="who reads (default: %(default)s)"
    )
    parser.add_argument("--url", help="OpenAI-compatible server, for llm and cascade")
    parser.add_argument("--model", default=defaults.model, help="model of the server (default: %(default)s)")
    return parser.parse_args()


def as_json(figures: Agreement) -> dict[str, float | None]:
    """The figures by name; null for what is not defined, which JSON has no number for."""
    return {name: None if math.isnan(value) else value for name, value in dataclasses.asdict(figures).items()}


def lay_out(by_kind: dict[str, Agreement], overall: Agreement, caption: str) -> Sheet:
    """A row a kind and one for all; shares in percent."""
    rows = [
        Row(
            kind.replace("_", " "),
            {
                **dataclasses.asdict(figures),
                "trace": 100 * figures.trace,
                "answer": 100 * figures.answer,
                "consistency": 100 * figures.consistency,
            },
        )
        for kind, figures in {**by_kind, "all": overall}.items()
    ]
    return Sheet(caption, "kind", COLUMNS, [Block("", rows)])


def lay_out_certainty(file: Path) -> Sheet:
    """A block for each half, a row for each kind of question; shares in percent, the right ones of the certain ones."""
    labelled = read_labelled(file)
    columns = [
        Column("questions", "questions", decimals=0),
        Column("certain", "certain"),
        Column("right", "of these right"),
    ]
    rows = []
    for split in ("development", "test"):
        for name, found in certainty(split_of(labelled, split)).items():
            shares = {
                "questions": found.questions,
                "certain": 100 * found.certain / found.questions if found.questions else math.nan,
                "right": 100 * found.right / found.certain if found.certain else math.nan,
            }
            rows.append(Row(f"{split}: {name}", shares))
    return Sheet("What the rules are certain of", "half and question", columns, [Block("", rows)])


def list_failures(outcomes: list[Outcome]) -> None:
    for outcome in outcomes:
        labelled = outcome.labelled
        if not outcome.trace_is_right:
            print(f"{labelled.id}: the trace says {labelled.concludes!r}, read as {outcome.trace!r}")
        if not outcome.answer_is_right:
            print(f"{labelled.id}: the answer says {labelled.answers!r}, read as {outcome.answer!r}")
        if not outcome.consistency_is_right:
            print(f"{labelled.id}: consistent is {labelled.consistent}, judged {outcome.consistent}")


if __name__ == "__main__":
    run_command(main)
