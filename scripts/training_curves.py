"""Rewards, KL, length and entropy over the steps of every GRPO run."""

from pathlib import Path

import pandas as pd

from video_r2 import config
from video_r2.paper.curves import LOGARITHMIC, QUANTITIES, curve_points, read_log
from video_r2.paper.output import write_curves
from video_r2.run import Job, run


def main(job: Job) -> None:
    points = []
    for folder in map(Path, job.input.checkpoints):
        model, seed = folder.parent.name, int(folder.name.removeprefix("seed-"))
        label = job.params.labels.get(model, model)
        points.append(curve_points(read_log(folder / "log.jsonl"), label, seed, list(QUANTITIES)))
    settings = config.Figures.model_validate(job.params.figures)
    write_curves(job.output, pd.concat(points, ignore_index=True), QUANTITIES, LOGARITHMIC, settings)


if __name__ == "__main__":
    run(main, globals()["snakemake"])
