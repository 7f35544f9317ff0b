"""The ablation: what each stage and each reward adds to accuracy, TAC and VAS, and whether that is more than chance."""

from itertools import pairwise

from video_r2.metrics.summaries import read_scores
from video_r2.paper.exhibits import AVERAGES, Study, cells, comparisons, differences
from video_r2.paper.layouts import ablation_sheet
from video_r2.paper.output import write_sheet
from video_r2.run import Job, run

METRICS = ["accuracy", "tac", "vas_judge"]
RIGHT_OR_WRONG = ["accuracy", "tac"]


def main(job: Job) -> None:
    study = Study.from_params(job.params)
    names = study.shown_in("ablation")
    scores = read_scores(job.input.scores)
    shown = cells(scores, study, METRICS, names)
    pairs = [(name, above) for above, name in pairwise(names)]
    columns = [*study.header.members("overall"), *AVERAGES]
    steps = differences(scores, study, METRICS, pairs, columns)
    components = {name: list(study.evaluations[name].components) for name in names}
    tests = comparisons(scores, study, RIGHT_OR_WRONG, pairs).drop(columns="against")
    key = ["metric", "evaluation", "column"]
    frame = shown.merge(
        steps.rename(columns={"value": "step", "low": "step_low", "high": "step_high"}), how="left", on=key
    ).merge(tests, how="left", on=key)
    write_sheet(job.output, frame, ablation_sheet(shown, components, steps))


if __name__ == "__main__":
    run(main, globals()["snakemake"])
