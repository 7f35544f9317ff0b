# Files that several rules name in the same way.

PAPERS = PLAN.benchmarks("generic", "reasoning")


# What is drawn on frames, should they have to be drawn again. Ancient, since frames of another text have another name: a job looks
# whether it is what was made.
SUBTITLES = ancient(PLAN.per_job("<results>/data/subtitles/{benchmark}"))


def scores_of(metric):
    """The files of a metric's scores, and of their summaries."""
    stem = f"<results>/scores/{metric}/{{evaluation}}/seed-{{seed}}/{{benchmark}}"
    return {
        "scores": PLAN.per_job(f"{stem}.parquet"),
        "summaries": PLAN.per_job(f"{stem}.json"),
    }


def table(name, folder="<results>/tables"):
    """The files of a table; the report shows it."""
    shown = report(
        f"{folder}/{name}.html",
        caption=f"../workflow/report/{name}.rst",
        category="Tables",
        labels={"table": name.replace("_", " ")},
    )
    return [*(f"{folder}/{name}.{kind}" for kind in ("csv", "md", "tex")), shown]


def figure(name, folder="<results>/figures"):
    """The files of a figure; the report shows it."""
    shown = report(
        f"{folder}/{name}.png",
        caption=f"../workflow/report/{name}.rst",
        category="Figures",
        labels={"figure": name.replace("_", " ")},
    )
    return [*(f"{folder}/{name}.{kind}" for kind in ("pdf", "svg")), shown]


def scores(exhibit, *metrics, first_seed=False):
    """Scores of the evaluations that an exhibit shows, on the paper's benchmarks."""
    return PLAN.scores(
        metrics, PLAN.evaluations(exhibit), PAPERS, first_seed=first_seed
    )


# Of this run, for the Snakemake that the report is made by; not compared, for what they say is in all else.
def command_line(wildcards, input):
    files = [relpath(path) for path in workflow.overwrite_configfiles]
    return {"configfiles": files, "config": workflow.config_settings.config}
