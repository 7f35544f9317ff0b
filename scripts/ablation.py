"""The ablation: what each stage and each reward adds to accuracy, TAC and VAS."""

from itertools import pairwise

from video_r2.paper.exhibits import Study, cells, differences, read_scores
from video_r2.paper.layouts import ablation_sheet
from video_r2.paper.output import write_sheet
from video_r2.run import Job, run

METRICS = ["accuracy", "tac", "vas_judge"]


def main(job: Job) -> None:
    study = Study.from_params(job.params)
    names = study.shown_in("ablation")
    scores = read_scores(job.input.scores)
    shown = cells(scores, study, METRICS, names)
    steps = differences(scores, study, METRICS, [(name, above) for above, name in pairwise(names)])
    components = {name: list(study.evaluations[name].components) for name in names}
    frame = shown.merge(
        steps.rename(columns={"value": "step", "low": "step_low", "high": "step_high"}),
        how="left",
        on=["metric", "evaluation", "column"],
    )
    write_sheet(job.output, frame, ablation_sheet(shown, components, steps))


if __name__ == "__main__":
    run(main, globals()["snakemake"])
