"""Tables as sheets of rows and columns, written as Markdown, LaTeX, HTML and plain text."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

DASH = "–"
CHECK = "✓"
Value = float | str | bool | None

_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    DASH: "--",
    CHECK: r"\checkmark",
    "−": "$-$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
}
_MARKDOWN = re.compile(r"([\\|*_<>`])")
_ESCAPED = re.compile(r"\\([\\|*_<>`])")
_BAR = re.compile(r"(?<!\\)\|")
# Whole-line bold is the caption and single stars are titles of blocks: neither is a value that wants a mark.
_EMPHASES = (
    (re.compile(r"^\*\*(.*)\*\*$"), ""),
    (re.compile(r"(?<![\\*])\*\*([^*]+)\*\*"), "*"),
    (re.compile(r"<u>(.*?)</u>"), "'"),
    (re.compile(r"(?<![\\*\w])\*([^*]+)\*(?!\*)"), ""),
)
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #222; margin: 1.5rem; }
h1 { font-size: 1.25rem; } h2 { font-size: 1.05rem; margin: 2rem 0 .4rem; }
table { border-collapse: collapse; border-top: 2px solid; border-bottom: 2px solid; }
th, td { padding: .25rem .6rem; text-align: center; }
tbody th, thead th:first-child { text-align: left; font-weight: normal; }
thead tr:last-child { border-bottom: 1px solid; }
.group { border-left: 1px solid #ccc; } .group:empty { border: none; }
.block td { text-align: left; font-style: italic; border-top: 1px solid #888; }
.text td { text-align: left; vertical-align: top; }
.strip { display: flex; gap: 4px; flex-wrap: wrap; } .strip img { border-radius: 3px; }
.right { color: #0a6b2d; font-weight: bold; } .wrong { color: #b00020; font-weight: bold; }
mark { background: #fff0b3; }
"""


@dataclass(frozen=True)
class Column:
    """A column of a sheet.

    Args:
        key: which of a row's values it shows.
        head: its heading.
        group: heading that it shares with its neighbours; empty for none.
        ranked: mark the best and the second value.
        decimals: digits shown after the point.
    """

    key: str
    head: str
    group: str = ""
    ranked: bool = False
    decimals: int = 1


@dataclass(frozen=True)
class Row:
    """A row: its label, its values by column key, marks that follow single values (such as `*`), and spreads of values.

    A spread is shown behind its value and after a ±.
    """

    label: str
    values: dict[str, Value]
    marks: dict[str, str] = field(default_factory=dict)
    spreads: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Block:
    """Rows that stand together under one title; an empty title is not shown."""

    title: str
    rows: list[Row]


@dataclass(frozen=True)
class Sheet:
    """A table as it is laid out: best values bold, second ones underlined, in the columns that are ranked."""

    caption: str
    corner: str
    columns: list[Column]
    blocks: list[Block]
    notes: str = ""

    @property
    def rows(self) -> list[Row]:
        """All rows, whatever block they stand in."""
        return [row for block in self.blocks for row in block.rows]


@dataclass(frozen=True)
class _Cell:
    text: str
    mark: str = ""
    emphasis: str = ""
    spread: str = ""


def to_markdown(sheet: Sheet) -> str:
    """The sheet as a GitHub-flavoured Markdown table; column groups stand before the headings."""
    heads = [_markdown(f"{column.group}: {column.head}" if column.group else column.head) for column in sheet.columns]
    lines = [
        f"**{_markdown(sheet.caption)}**",
        "",
        _markdown_row([_markdown(sheet.corner), *heads]),
        _markdown_row([":--", *["--:"] * len(heads)]),
    ]
    for block in sheet.blocks:
        if block.title:
            lines.append(_markdown_row([f"*{_markdown(block.title)}*", *[""] * len(heads)]))
        for row in block.rows:
            cells = [_markdown_cell(cell) for cell in _cells(sheet, row)]
            lines.append(_markdown_row([_markdown(row.label), *cells]))
    if sheet.notes:
        lines += ["", _markdown(sheet.notes)]
    return "\n".join(lines) + "\n"


def to_latex(sheet: Sheet, label: str) -> str:
    """The sheet as a LaTeX `table`; needs the packages booktabs and amssymb.

    Args:
        label: what `\\ref` calls it, after `tab:`.
    """
    groups = list(_groups(sheet.columns))
    alignment = "l" + "".join("c" * count for _, count in groups)
    lines = [
        "% needs \\usepackage{booktabs} and \\usepackage{amssymb}",
        r"\begin{table}[t]",
        r"\centering",
        rf"\caption{{{_latex(' '.join(filter(None, (_sentence(sheet.caption), sheet.notes))))}}}",
        rf"\label{{tab:{label}}}",
        rf"\begin{{tabular}}{{{alignment}}}",
        r"\toprule",
    ]
    if any(title for title, _ in groups):
        spans, rules, at = [], [], 2
        for title, count in groups:
            spans.append(rf"\multicolumn{{{count}}}{{c}}{{{_latex(title)}}}")
            if title:
                rules.append(rf"\cmidrule(lr){{{at}-{at + count - 1}}}")
            at += count
        lines += [" & ".join(["", *spans]).strip() + r" \\", " ".join(rules)]
    lines += [" & ".join(map(_latex, [sheet.corner, *(column.head for column in sheet.columns)])) + r" \\", r"\midrule"]
    for number, block in enumerate(sheet.blocks):
        if number:
            lines.append(r"\midrule")
        if block.title:
            lines.append(rf"\multicolumn{{{len(sheet.columns) + 1}}}{{l}}{{\textit{{{_latex(block.title)}}}}} \\")
        for row in block.rows:
            cells = [_latex_cell(cell) for cell in _cells(sheet, row)]
            lines.append(" & ".join([_latex(row.label), *cells]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}"]) + "\n"


def to_html(sheet: Sheet) -> str:
    """The sheet as a page of its own, for the report: no file beside it is needed."""
    groups = "".join(
        f'<th colspan="{count}" class="group">{html.escape(title)}</th>' for title, count in _groups(sheet.columns)
    )
    heads = "".join(
        f"<th>{html.escape(head)}</th>" for head in [sheet.corner, *(column.head for column in sheet.columns)]
    )
    body = []
    for block in sheet.blocks:
        if block.title:
            title = html.escape(block.title)
            body.append(f'<tr class="block"><td colspan="{len(sheet.columns) + 1}">{title}</td></tr>')
        for row in block.rows:
            cells = "".join(f"<td>{_html_cell(cell)}</td>" for cell in _cells(sheet, row))
            body.append(f"<tr><th>{html.escape(row.label)}</th>{cells}</tr>")
    grouped = f"<tr><th></th>{groups}</tr>" if any(column.group for column in sheet.columns) else ""
    table = f"<table><thead>{grouped}<tr>{heads}</tr></thead><tbody>{''.join(body)}</tbody></table>"
    notes = f"<p>{html.escape(sheet.notes)}</p>" if sheet.notes else ""
    return to_page(sheet.caption, f"{table}{notes}")


def to_page(title: str, body: str) -> str:
    """An HTML page with this room's look.

    Args:
        title: as text.
        body: as HTML.
    """
    title = html.escape(title)
    head = f'<meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body><h1>{title}</h1>{body}</body></html>\n'


def to_text(markdown: str, width: int | None = None) -> str:
    """A Markdown table of `to_markdown` for a terminal: aligned, the best value followed by `*`, the second by `'`.

    Args:
        width: characters that a line may have. Where the table is wider, only its columns of averages are shown.
    """
    rows, others = [], []
    for line in markdown.splitlines():
        if not line.startswith("|"):
            others.append(_plain(line))
        elif not set(line) <= set("|:- "):
            rows.append([_plain(cell).strip() for cell in _BAR.split(line.strip())[1:-1]])
    shown = _aligned(rows)
    if width is not None and max(map(len, shown), default=0) > width:
        kept = [at for at, head in enumerate(rows[0]) if not at or head.rpartition(": ")[2] in ("Avg", "Overall")]
        shown = _aligned([[row[at] for at in kept] for row in rows]) if len(kept) > 1 else shown
    caption, *notes = [text for text in others if text]
    return "\n".join([caption, "", *shown, *(["", *notes] if notes else [])]) + "\n"


def emphasis(values: Sequence[Value], decimals: int) -> list[str]:
    """Which of a column's values is `bold` (best), which `underline` (second), and which neither (empty).

    Values that look alike at the digits shown share a place; anything that is not a number has none.
    """
    shown = [round(value, decimals) if _is_number(value) else None for value in values]  # type: ignore[arg-type]
    places = sorted({value for value in shown if value is not None}, reverse=True)
    names = dict(zip(places, ("bold", "underline"), strict=False))
    return [names.get(value, "") if value is not None else "" for value in shown]


def format_value(value: Value, decimals: int = 1) -> str:
    """A value as tables show it: numbers rounded, truths as check marks, what is missing as a dash."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return DASH
    if isinstance(value, bool):
        return CHECK if value else ""
    if _is_number(value):
        return f"{value:.{decimals}f}"
    return str(value)


def _cells(sheet: Sheet, row: Row) -> list[_Cell]:
    rows = sheet.rows
    place = next(number for number, other in enumerate(rows) if other is row)
    cells = []
    for column in sheet.columns:
        values = [other.values.get(column.key) for other in rows]
        ranks = emphasis(values, column.decimals) if column.ranked else [""] * len(rows)
        spread = row.spreads.get(column.key)
        cells.append(
            _Cell(
                format_value(values[place], column.decimals),
                row.marks.get(column.key, ""),
                ranks[place],
                "" if spread is None or math.isnan(spread) else f" ±{spread:.{column.decimals}f}",
            )
        )
    return cells


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a text table; headings such as `Generic: MLVU` take two lines."""
    head, *body = rows
    split = [text.rpartition(": ") for text in head]
    above = [group for group, _, _ in split]
    above = [group if at == 0 or group != above[at - 1] else "" for at, group in enumerate(above)]
    grid = [*([above] if any(above) else []), [name for _, _, name in split], *body]
    grid = [[row[0], *(text if text.endswith(("*", "'")) else f"{text} " for text in row[1:])] for row in grid]
    widths = [max(len(row[at]) for row in grid) for at in range(len(head))]
    return ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in grid]


def _plain(markdown: str) -> str:
    text = markdown
    for pattern, mark in _EMPHASES:
        text = pattern.sub(rf"\1{mark}", text)
    return _ESCAPED.sub(r"\1", text)


def _is_number(value: Value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and not math.isnan(value)


def _groups(columns: Sequence[Column]) -> Iterator[tuple[str, int]]:
    """Neighbouring columns of one group, as its title and their number."""
    start = 0
    for at in range(1, len(columns) + 1):
        if at == len(columns) or columns[at].group != columns[start].group:
            yield columns[start].group, at - start
            start = at


def _sentence(text: str) -> str:
    return text if not text or text.endswith((".", "?", "!")) else f"{text}."


def _markdown(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", text).replace("\n", " ")


def _markdown_cell(cell: _Cell) -> str:
    text = _markdown(cell.text)
    if cell.emphasis:
        text = f"**{text}**" if cell.emphasis == "bold" else f"<u>{text}</u>"
    return text + _markdown(cell.mark) + cell.spread


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _html_cell(cell: _Cell) -> str:
    text = html.escape(cell.text)
    if cell.emphasis:
        text = f"<b>{text}</b>" if cell.emphasis == "bold" else f"<u>{text}</u>"
    text += f"<sup>{html.escape(cell.mark)}</sup>" if cell.mark else ""
    return text + (f"<small>{cell.spread}</small>" if cell.spread else "")


def _latex(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text.replace("\n", " "))


def _latex_cell(cell: _Cell) -> str:
    text = _latex(cell.text)
    if cell.emphasis:
        text = rf"\textbf{{{text}}}" if cell.emphasis == "bold" else rf"\underline{{{text}}}"
    text += f"$^{{{_latex(cell.mark)}}}$" if cell.mark else ""
    return text + (rf"{{\scriptsize{_latex(cell.spread)}}}" if cell.spread else "")
