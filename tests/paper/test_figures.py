"""Figures: the same bytes from run to run, nothing cut off, what is missing shown as missing."""

from __future__ import annotations

import math
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from video_r2 import config
from video_r2.errors import UserError
from video_r2.paper import figures, layouts
from video_r2.paper.reported import read_reported

SETTINGS = config.Figures()


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def draw_published(folder: Path, settings: config.Figures) -> list[Path]:
    reported = read_reported()
    grid, groups = layouts.heatmap_grid(reported.tac, reported.header)
    drawn = {"heat": figures.heatmap, "box": figures.boxplot}
    arguments = {"heat": (grid, groups, "TAC", settings, "percent"), "box": (reported.boxes, "attention", settings)}
    paths = []
    for name, draw in drawn.items():
        targets = [folder / f"{name}{suffix}" for suffix in (".pdf", ".png", ".svg")]
        with figures.style(settings):
            figures.save(draw(*arguments[name]), targets, settings)
        paths += targets
    return paths


def test_two_runs_draw_the_same_bytes(tmp_path: Path) -> None:
    coarse = config.Figures(dpi=50)
    first = draw_published(tmp_path / "first", coarse)
    second = draw_published(tmp_path / "second", coarse)
    assert len(first) == 6
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name


def test_heat_map_frames_the_best_and_divides_the_groups() -> None:
    values = pd.DataFrame({"a": [10.0, 20.0], "b": [40.0, 30.0], "all": [25.0, math.nan]}, index=["x", "y"])
    with figures.style(SETTINGS):
        figure = figures.heatmap(values, {"G": ["a"], "R": ["b"], "": ["all"]}, "T", SETTINGS, "percent")
        axes = figure.axes[0]
        frames = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
        # column, row of each frame: y leads on a, x on b and on all
        assert sorted((int(frame.get_x()), int(frame.get_y())) for frame in frames) == [(0, 1), (1, 0), (2, 0)]
        assert [line.get_xdata()[0] for line in axes.lines] == [1, 2]
        assert sorted(texts(figure)) == sorted(["10.0", "20.0", "40.0", "30.0", "25.0", "–", "G", "R"])


def test_heat_map_without_any_score_shows_dashes() -> None:
    values = pd.DataFrame({"a": [math.nan], "all": [math.nan]}, index=["x"])
    with figures.style(SETTINGS):
        figure = figures.heatmap(values, {"G": ["a"], "": ["all"]}, "T", SETTINGS, "percent")
        figure.canvas.draw()
        assert texts(figure).count("–") == 2


def cells(values: dict[str, float]) -> pd.DataFrame:
    rows = [
        {"row": "overall", "panel": "TAC", "label": label, "value": value, "low": value - 2, "high": value + 2}
        for label, value in values.items()
    ]
    return pd.DataFrame(rows)


def test_bars_annotate_the_lead_of_the_best_over_the_second() -> None:
    with figures.style(SETTINGS):
        figure = figures.bars(cells({"x": 40.0, "y": 47.5, "z": 45.0, "w": math.nan}), SETTINGS)
        assert "+2.5" in texts(figure)
        assert "–" in texts(figure)
        # a missing value has no bar
        assert len(figure.axes[0].patches) == 3


def test_bars_never_hang_below_the_axis() -> None:
    with figures.style(SETTINGS):
        figure = figures.bars(cells({"x": 3.0, "y": 90.0}), SETTINGS)
        assert figure.axes[0].get_ylim()[0] == 0


def test_bars_of_a_metric_begin_at_one_height_in_every_row_of_panels() -> None:
    above, below = cells({"x": 28.0, "y": 67.0}), cells({"x": 60.0, "y": 69.0})
    with figures.style(SETTINGS):
        figure = figures.bars(pd.concat([above.assign(row="reasoning"), below]), SETTINGS)
        assert [axes.get_ylim()[0] for axes in figure.axes] == [0, 0]
        high = cells({"x": 62.0, "y": 69.0})
        figure = figures.bars(pd.concat([high.assign(row="reasoning"), high]), SETTINGS)
        assert [axes.get_ylim()[0] for axes in figure.axes] == [40, 40]


def test_no_percentage_above_100_is_marked() -> None:
    with figures.style(SETTINGS):
        figure = figures.bars(cells({"x": 90.0, "y": 99.0}), SETTINGS)
        assert figure.axes[0].get_ylim()[1] > 105  # the gain stands above the bars
        ticks = figure.axes[0].get_yticks()
        assert len(ticks) >= 2
        assert max(ticks) == 100


def test_one_bar_leads_nobody() -> None:
    with figures.style(SETTINGS):
        figure = figures.bars(cells({"x": 40.0}), SETTINGS)
        assert not any(text.startswith("+") for text in texts(figure))


def test_long_labels_stay_within_the_figure(tmp_path: Path) -> None:
    label = "Tiny-VL trained with SFT, GRPO, the temporal alignment reward and the gate"
    values = pd.DataFrame({"benchmark with a long name": [10.0], "all": [20.0]}, index=[label])
    with figures.style(SETTINGS):
        figure = figures.heatmap(values, {"G": ["benchmark with a long name"], "": ["all"]}, "T", SETTINGS, "%")
        figures.save(figure, [tmp_path / "x.png"], SETTINGS)
    image = plt.imread(tmp_path / "x.png")[..., :3]
    # the margin that `save` leaves is white on all four sides, so no letter touches an edge
    for edge in (image[0], image[-1], image[:, 0], image[:, -1]):
        assert np.all(edge == 1.0)


def test_means_of_boxes_stand_beside_them_and_within_the_frame() -> None:
    box = figures.box_statistics([20.0, 30.0, 41.0])
    with figures.style(SETTINGS):
        figure = figures.boxplot({"one": box, "two": box}, "percent", SETTINGS)
        figure.canvas.draw()
        axes = figure.axes[0]
        frame = axes.get_window_extent()
        patches = [patch.get_window_extent() for patch in axes.patches]
        assert texts(figure) == ["30.3", "30.3"]
        for text in axes.texts:
            place = text.get_window_extent()
            assert place.x1 < frame.x1
            assert not any(place.overlaps(patch) for patch in patches)


def test_box_statistics_worked_out_by_hand() -> None:
    # sorted 1 2 3 4 100: quartiles 2, 3, 4; reach 1.5 x 2 = 3, so whiskers end at 1 and 4; mean 22
    box = figures.box_statistics([4.0, 1.0, 100.0, 3.0, math.nan, 2.0])
    assert (box.q1, box.median, box.q3) == (2.0, 3.0, 4.0)
    assert (box.whisker_low, box.whisker_high, box.mean) == (1.0, 4.0, 22.0)


@settings(deadline=None)
@given(st.lists(st.floats(0, 100), min_size=1, max_size=40))
def test_boxes_are_in_order(values: list[float]) -> None:
    box = figures.box_statistics(values)
    assert min(values) <= box.whisker_low <= box.median <= box.whisker_high <= max(values)
    assert box.q1 <= box.median <= box.q3


def test_no_scores_make_no_box() -> None:
    with pytest.raises(UserError, match="at least one score"):
        figures.box_statistics([math.nan])


def test_curves_have_a_panel_per_quantity_that_was_logged() -> None:
    points = pd.DataFrame(
        [[label, seed, step, "kl", step * 0.1] for label in ("a", "b") for seed in (0, 1) for step in range(5)],
        columns=["label", "seed", "step", "quantity", "value"],
    )
    with figures.style(SETTINGS):
        three = config.Figures(smoothing=3)
        figure = figures.curves(points, {"reward": "Reward", "kl": "KL"}, (), three)
        shown = [axes for axes in figure.axes if axes.get_visible()]
        assert [axes.get_title() for axes in shown] == ["KL"]
        # two runs of two seeds, each as points and as a running mean
        assert len(shown[0].lines) == 8
        smooth = shown[0].lines[1].get_ydata()
        assert smooth == pytest.approx([0.05, 0.1, 0.2, 0.3, 0.35])


def test_a_step_that_is_many_times_the_others_leaves_them_readable() -> None:
    """A KL divergence may jump for one step; the others, about 0.05, are not to lie on the axis."""
    values = [0.0, 0.04, 0.06, 3.0, 0.05]
    points = pd.DataFrame(
        [["a", 0, step, "kl", value] for step, value in enumerate(values)],
        columns=["label", "seed", "step", "quantity", "value"],
    )
    with figures.style(SETTINGS):
        figure = figures.curves(points, {"kl": "KL"}, {"kl"}, config.Figures(smoothing=1))
        axes = figure.axes[0]
        height = axes.get_window_extent().height
        low, high = (axes.transData.transform((0, value))[1] for value in (0.04, 0.06))
        assert high - low > 0.05 * height


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    with figures.style(SETTINGS), pytest.raises(UserError, match="gif"):
        figures.save(plt.figure(), [tmp_path / "x.gif"], SETTINGS)
