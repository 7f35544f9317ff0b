"""What the models lose when the video, the trace or its claims are taken away, beside their normal rows and chance."""

import pandas as pd

from video_r2.metrics.summaries import read_scores
from video_r2.paper.controls import chance_scores, control_pairs, control_rows
from video_r2.paper.exhibits import LOOKS, Study, cells, differences, read_questions
from video_r2.paper.layouts import controls_sheet
from video_r2.paper.output import write_sheet
from video_r2.run import Job, run


def main(job: Job) -> None:
    study = Study.from_params(job.params)
    questions = read_questions(job.input.questions)
    names = study.shown_in("controls")
    scores = read_scores(job.input.scores)
    chance = chance_scores(questions, study)
    shown = cells(pd.concat([scores, chance], ignore_index=True), study, ["accuracy"], [*names, "chance"], LOOKS)
    losses = differences(scores, study, ["accuracy"], control_pairs(study, names), LOOKS)
    rows = control_rows(study, names)
    frame = shown.merge(
        losses.rename(columns={"value": "difference", "low": "difference_low", "high": "difference_high"}),
        how="left",
        on=["metric", "evaluation", "column"],
    )
    write_sheet(job.output, frame, controls_sheet(shown, losses, rows))


if __name__ == "__main__":
    run(main, globals()["snakemake"])
