"""Tables: what is best and second, and the formats they are written in."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from video_r2.paper.tables import (
    Block,
    Column,
    Row,
    Sheet,
    emphasis,
    format_value,
    to_html,
    to_latex,
    to_markdown,
    to_text,
)

SHEET = Sheet(
    "Accuracy & more",
    "Model",
    [Column("done", "Done"), Column("a", "A_1", "Generic", ranked=True), Column("avg", "Avg", "Generic", ranked=True)],
    [
        Block(
            "First",
            [Row("x|y", {"done": True, "a": 50.04, "avg": 10.0}, {"a": "*"}), Row("z", {"a": 49.96, "avg": None})],
        ),
        Block("Second", [Row("w", {"done": False, "a": 70.0, "avg": 9.0})]),
    ],
    "50% & up.",
)


def test_best_and_second_share_a_place_with_values_that_look_alike() -> None:
    # 50.04 and 49.96 both read 50.0; the third distinct value has no mark
    assert emphasis([50.04, 49.96, 70.0, 12.0], 1) == ["underline", "underline", "bold", ""]
    assert emphasis([70.01, 70.04, 3.0], 1) == ["bold", "bold", "underline"]


def test_what_is_missing_or_no_number_takes_no_place() -> None:
    assert emphasis([None, math.nan, True, "9", 1.0], 1) == ["", "", "", "", "bold"]


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), st.floats(0, 100)), max_size=12), st.randoms())
def test_emphasis_follows_values_and_not_their_order(values: list[float | None], random) -> None:
    order = list(range(len(values)))
    random.shuffle(order)
    marks = emphasis(values, 1)
    assert emphasis([values[at] for at in order], 1) == [marks[at] for at in order]
    present = [value for value in values if value is not None]
    if present:
        assert marks[values.index(max(present))] == "bold"


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (math.nan, "–"), (0.0, "0.0"), (12.345, "12.3"), (True, "✓"), (False, ""), ("no", "no")],
)
def test_values_as_text(value: float | str | bool | None, text: str) -> None:
    assert format_value(value) == text


def test_markdown() -> None:
    assert to_markdown(SHEET) == (
        "**Accuracy & more**\n\n"
        "| Model | Done | Generic: A\\_1 | Generic: Avg |\n"
        "| :-- | --: | --: | --: |\n"
        "| *First* |  |  |  |\n"
        "| x\\|y | ✓ | <u>50.0</u>\\* | **10.0** |\n"
        "| z | – | <u>50.0</u> | – |\n"
        "| *Second* |  |  |  |\n"
        "| w |  | **70.0** | <u>9.0</u> |\n"
        "\n50% & up.\n"
    )


def test_latex() -> None:
    text = to_latex(SHEET, "main")
    assert r"\caption{Accuracy \& more. 50\% \& up.}" in text
    assert r"\label{tab:main}" in text
    assert r"& \multicolumn{1}{c}{} & \multicolumn{2}{c}{Generic} \\" in text
    assert r"\cmidrule(lr){3-4}" in text
    assert r"Model & Done & A\_1 & Avg \\" in text
    assert r"x|y & \checkmark & \underline{50.0}$^{*}$ & \textbf{10.0} \\" in text
    assert r"z & -- & \underline{50.0} & -- \\" in text
    # every row of the body has as many cells as the table has columns
    body = text[text.index(r"\midrule") : text.index(r"\bottomrule")]
    rows = [line for line in body.splitlines() if line.endswith(r"\\") and "multicolumn" not in line]
    assert [len(re.split(r"(?<!\\)&", row)) for row in rows] == [4, 4, 4]
    assert text.count("{") == text.count("}")


@settings(deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=30))
def test_latex_leaves_no_special_character_bare(label: str) -> None:
    text = to_latex(Sheet("c", "m", [Column("a", "a")], [Block("", [Row(label, {"a": 1.0})])]), "x")
    row = text.splitlines()[-4]
    assert not re.search(r"(?<!\\)[#%_]", row)
    assert len(re.split(r"(?<!\\)&", row)) == 2


def test_html_escapes_and_marks() -> None:
    page = to_html(Sheet("a < b", "m", [Column("a", "<i>", ranked=True)], [Block("", [Row("<script>", {"a": 1.0})])]))
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "<b>1.0</b>" in page
    assert "<title>a &lt; b</title>" in page


def test_text_is_aligned_and_marks_the_best() -> None:
    lines = to_text(to_markdown(SHEET)).splitlines()
    assert lines[0] == "Accuracy & more"
    assert lines[2].split() == ["Generic"]
    assert lines[3].split() == ["Model", "Done", "A_1", "Avg"]
    assert lines[4] == "First"
    assert lines[5].split() == ["x|y", "✓", "50.0'*", "10.0*"]
    assert lines[8].split() == ["w", "70.0*", "9.0'"]
    assert lines[-1] == "50% & up."


def test_text_shows_averages_alone_where_the_terminal_is_narrow() -> None:
    lines = to_text(to_markdown(SHEET), width=15).splitlines()
    assert lines[3].split() == ["Model", "Avg"]
    assert lines[5].split() == ["x|y", "10.0*"]
