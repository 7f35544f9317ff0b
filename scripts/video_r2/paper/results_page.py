"""The page of the docs that shows what a run made: its tables, its figures and what it took."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from video_r2.errors import UserError
from video_r2.paper.summary import clock, read_times

COLOURS = 256  # of a figure's copy: flat colours lose nothing that can be seen, and a page's figures stay small in git
# What is shown, in order: heading, table and figure, by the names of their files.
EXHIBITS = (
    ("Accuracy", "main_accuracy", None),
    ("Gains over the second best", None, "bars"),
    ("Think-answer consistency", None, "tac_heatmap"),
    ("Visual attention, as a judge reads it", None, "vas_heatmap"),
    ("Attention to the video", None, "attention_boxplot"),
    ("What each stage and each reward adds", "ablation", None),
    ("What is left when something is taken away", "controls", None),
    ("What training taught", "learning", None),
    ("Curves of training", None, "training_curves"),
    ("As released, and corrected", "differences", None),
)


def write_results_page(results: Path, docs: Path, commit: str) -> list[Path]:
    """Write `docs`/results.md, and copy the figures it shows to `docs`/figures.

    Args:
        results: folder of a finished experiment.
        commit: of the checkout that made it.

    Returns:
        The files that were written.

    Raises:
        UserError: if an exhibit is not there.
    """
    seeds = sorted({int(path.name.removeprefix("seed-")) for path in results.glob("models/*/seed-*")})
    times = read_times(results / "benchmarks")
    parts = [
        f"# Results: {results.name}",
        f"What `make reproduce` made at commit `{commit}`, seeds {', '.join(map(str, seeds))}. "
        "`make results` writes this page from a finished run.",
    ]
    written = [docs / "results.md"]
    for heading, table, figure in EXHIBITS:
        parts.append(f"## {heading}")
        if table:
            text = _existing(results / "tables" / f"{table}.md").read_text(encoding="utf-8")
            parts.append(text.partition("\n")[2].strip())  # its own heading is the page's
        if figure:
            copy = docs / "figures" / f"{results.name}_{figure}.png"
            _copy_figure(_existing(results / "figures" / f"{figure}.png"), copy)
            written.append(copy)
            parts.append(f"![{heading}](figures/{copy.name})")
    parts.append("## What it took")
    parts.append(
        "\n".join(
            [
                "| stage | jobs | time | largest job |",
                "| :-- | --: | --: | --: |",
                *(
                    f"| {time.rule} | {time.jobs} | {clock(time.seconds)} "
                    f"| {'–' if time.memory is None else f'{time.memory:,.0f} MB'} |"
                    for time in times
                ),
                f"| in all | {sum(time.jobs for time in times)} | {clock(sum(time.seconds for time in times))} | |",
            ]
        )
    )
    parts.append("The time of jobs that ran side by side is added up.")
    written[0].write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return written


def _copy_figure(source: Path, copy: Path) -> None:
    copy.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(source) as image:
        image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(copy, optimize=True)


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise UserError("there is no such file", file=path, cure="run `make reproduce` first")
    return path
