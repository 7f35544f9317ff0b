# The exhibits, each a target of its own, and the other targets.

# Not by `workflow.source_path`, which holds the whole path of the repository: it may be moved.
REPORTED = relpath(ROOT / "scripts/video_r2/paper/reported.yaml")
SHOWN = {
    "benchmarks": PLAN.shown_benchmarks(),
    "bootstrap": PLAN.config.evaluation.bootstrap,
    "semantics": PLAN.config.semantics,
}
LOOK = PLAN.section("figures", "font_size", "dpi", "palette")
LOOK_OF_MAPS = LOOK | PLAN.section("figures", "heatmap")


rule main_accuracy:
    input:
        scores=scores("main", "accuracy"),
    output:
        table("main_accuracy"),
    log:
        "<logs>/main_accuracy.log",
    benchmark:
        "<benchmarks>/main_accuracy.jsonl"
    conda:
        "../envs/paper.yaml"
    params:
        **SHOWN,
        evaluations=PLAN.rows("main"),
        environment=PLAN.environment("paper"),
        code=PLAN.code("main_accuracy"),
    script:
        "../scripts/main_accuracy.py"


rule tac_heatmap:
    input:
        scores=scores("heatmaps", "tac"),
    output:
        table("tac_heatmap"),
        figure("tac_heatmap"),
    log:
        "<logs>/tac_heatmap.log",
    benchmark:
        "<benchmarks>/tac_heatmap.jsonl"
    conda:
        "../envs/paper.yaml"
    params:
        **SHOWN,
        evaluations=PLAN.rows("heatmaps"),
        figures=LOOK_OF_MAPS,
        environment=PLAN.environment("paper"),
        code=PLAN.code("tac_heatmap"),
    script:
        "../scripts/tac_heatmap.py"


rule vas_heatmap:
    input:
        scores=scores("heatmaps", "vas_judge"),
    output:
        table("vas_heatmap"),
        figure("vas_heatmap"),
    log:
        "<logs>/vas_heatmap.log",
    benchmark:
        "<benchmarks>/vas_heatmap.jsonl"
    conda:
        "../envs/paper.yaml"
    params:
        **SHOWN,
        evaluations=PLAN.rows("heatmaps"),
        figures=LOOK_OF_MAPS,
        environment=PLAN.environment("paper"),
        code=PLAN.code("vas_heatmap"),
    script:
        "../scripts/vas_heatmap.py"


rule ablation:
    input:
        scores=scores("ablation", "accuracy", "tac", "vas_judge"),
    output:
        table("ablation"),
    log:
        "<logs>/ablation.log",
    benchmark:
        "<benchmarks>/ablation.jsonl"
    conda:
        "../envs/paper.yaml"
    params:
        **SHOWN,
        evaluations=PLAN.rows("ablation"),
        environment=PLAN.environment("paper"),
        code=PLAN.code("ablation"),
    script:
        "../scripts/ablation.py"


rule bars:
    input:
        scores=scores("bars", "accuracy", "tac", "vas_judge"),
    output:
        table("bars"),
        figure("bars"),
    log:
        "<logs>/bars.log",
    benchmark:
        "<benchmarks>/bars.jsonl"
    conda:
        "../envs/paper.yaml"
    params:
        **SHOWN,
        evaluations=PLAN.rows("bars"),
        figures=LOOK,
        environment=PLAN.environment("paper"),
        code=PLAN.code("bars"),
    script:
        "../scripts/bars.py"


rule attention_boxplot:
    input:
        scores=scores("boxplot", "vas_attention"),
    output:
        table("attention_boxplot"),
        figure("attention_boxplot"),
    log:
        "<logs>/attention_boxplot.log",
    benchmark:
        "<benchmarks>/attention_boxplot.jsonl"
    conda:
        "../envs/paper.yaml"
    params:
        **SHOWN,
        evaluations=PLAN.rows("boxplot"),
        figures=LOOK,
        environment=PLAN.environment("paper"),
        code=PLAN.code("attention_boxplot"),
    script:
        "../scripts/attention_boxplot.py"


rule controls:
    input:
        scores=scores("controls", "accuracy"),
        questions=[f"<results>/data/questions/{name}.parquet" for name in PAPERS],
    output:
        table("controls"),
    log:
        "<logs>/controls.log",
    benchmark:
        "<benchmarks>/controls.jsonl"
    conda:
        "../envs/paper.yaml"
    params:
        **SHOWN,
        evaluations=PLAN.rows("controls"),
        environment=PLAN.environment("paper"),
        code=PLAN.code("controls"),
    script:
        "../scripts/controls.py"


rule learning:
    input:
        scores=[
            *PLAN.scores(["accuracy", "tac"], PLAN.evaluations(), PAPERS),
            *PLAN.scores(
                ["temporal_alignment"], PLAN.evaluations(), PLAN.benchmarks("heldout")
            ),
        ],
        questions=[f"<results>/data/questions/{name}.parquet" for name in PAPERS],
    output:
        table("learning"),
    log:
        "<logs>/learning.log",
    benchmark:
        "<benchmarks>/learning.jsonl"
    conda:
        "../envs/paper.yaml"
    params:
        **SHOWN,
        evaluations=PLAN.rows(),
        environment=PLAN.environment("paper"),
        code=PLAN.code("learning"),
    script:
        "../scripts/learning.py"


# For choosing settings: profiles/local/validation.yaml adds the split as a benchmark, which no other exhibit takes in.
if PLAN.benchmarks("validation"):

    rule validation:
        input:
            scores=PLAN.scores(
                ["accuracy", "tac", "temporal_alignment"],
                PLAN.uncontrolled_rows(),
                PLAN.benchmarks("validation"),
            ),
        output:
            table("validation"),
        log:
            "<logs>/validation.log",
        benchmark:
            "<benchmarks>/validation.jsonl"
        conda:
            "../envs/paper.yaml"
        params:
            **SHOWN,
            evaluations=PLAN.uncontrolled_rows(),
            environment=PLAN.environment("paper"),
            code=PLAN.code("validation"),
        script:
            "../scripts/validation.py"


rule training_curves:
    input:
        checkpoints=PLAN.checkpoints("grpo"),
    output:
        figure("training_curves"),
        "<results>/tables/training_curves.csv",
    log:
        "<logs>/training_curves.log",
    benchmark:
        "<benchmarks>/training_curves.jsonl"
    conda:
        "../envs/paper.yaml"
    params:
        labels=PLAN.labels(),
        figures=LOOK | PLAN.section("figures", "smoothing"),
        environment=PLAN.environment("paper"),
        code=PLAN.code("training_curves"),
    script:
        "../scripts/training_curves.py"


rule differences:
    input:
        scores=rules.rescore.output.scores,
    output:
        table("differences"),
    log:
        "<logs>/differences.log",
    benchmark:
        "<benchmarks>/differences.jsonl"
    conda:
        "../envs/paper.yaml"
    params:
        **SHOWN,
        evaluations=COMPARED,
        environment=PLAN.environment("paper"),
        code=PLAN.code("differences"),
    script:
        "../scripts/differences.py"


rule reproduction:
    input:
        scores=COMPARED_SCORES,
        reported=REPORTED,
    output:
        table("reproduction"),
    log:
        "<logs>/reproduction.log",
    benchmark:
        "<benchmarks>/reproduction.jsonl"
    conda:
        "../envs/paper.yaml"
    params:
        **SHOWN,
        evaluations=COMPARED,
        environment=PLAN.environment("paper"),
        code=PLAN.code("reproduction"),
    script:
        "../scripts/reproduction.py"


# Other people's training, this workflow's evaluation: nothing is trained, and no training data are fetched.
if PLAN.evaluations("released"):

    rule released:
        input:
            scores=scores("released", "accuracy", "tac", "vas_judge"),
            reported=REPORTED,
        output:
            table("released"),
        log:
            "<logs>/released.log",
        benchmark:
            "<benchmarks>/released.jsonl"
        conda:
            "../envs/paper.yaml"
        params:
            **SHOWN,
            evaluations=PLAN.rows("released"),
            environment=PLAN.environment("paper"),
            code=PLAN.code("released"),
        script:
            "../scripts/released.py"


# The exhibits drawn from the published numbers by the same code, and which of those do not follow from the others.
rule published:
    input:
        reported=REPORTED,
    output:
        [
            f"<results>/published/tables/{name}.{kind}"
            for name in [
                "main_accuracy",
                "tac_heatmap",
                "vas_heatmap",
                "ablation",
                "bars",
                "attention_boxplot",
            ]
            for kind in ("csv", "md", "tex", "html")
        ],
        [
            f"<results>/published/figures/{name}.{kind}"
            for name in ["tac_heatmap", "vas_heatmap", "bars", "attention_boxplot"]
            for kind in ("pdf", "png", "svg")
        ],
        [f"<results>/published/audit.{kind}" for kind in ("csv", "md", "html")],
    log:
        "<logs>/published.log",
    benchmark:
        "<benchmarks>/published.jsonl"
    conda:
        "../envs/paper.yaml"
    params:
        figures=LOOK_OF_MAPS,
        environment=PLAN.environment("paper"),
        code=PLAN.code("published"),
    script:
        "../scripts/published.py"


rule sample_answers:
    input:
        samples=rules.sample_frames.output.samples,
        predictions=rules.sample_responses.output.predictions,
        scores=scores("heatmaps", "accuracy", first_seed=True),
    output:
        report(
            "<results>/figures/sample_answers.html",
            caption="../workflow/report/sample_answers.rst",
            category="Answers",
        ),
    log:
        "<logs>/sample_answers.log",
    benchmark:
        "<benchmarks>/sample_answers.jsonl"
    conda:
        "../envs/paper.yaml"
    params:
        **SHOWN,
        evaluations=PLAN.rows("heatmaps"),
        environment=PLAN.environment("paper"),
        code=PLAN.code("sample_answers"),
    script:
        "../scripts/sample_answers.py"


rule rejected:
    input:
        rejected=[
            rules.index_videos.output.rejected,
            rules.prepare_training.output.rejected,
            *(f"<results>/data/rejected/{name}.jsonl" for name in PLAN.benchmarks()),
            rules.build_training_frames.output.rejected,
            *expand(rules.build_frames.output.rejected, benchmark=PLAN.benchmarks()),
        ],
    output:
        table("rejected"),
    log:
        "<logs>/rejected.log",
    benchmark:
        "<benchmarks>/rejected.jsonl"
    conda:
        "../envs/paper.yaml"
    params:
        environment=PLAN.environment("paper"),
        code=PLAN.code("rejected"),
    script:
        "../scripts/rejected.py"


# --- targets ----------------------------------------------------------------------------------------------------------


# Everything that comes over a network, and nothing else: for a machine that has one, where the nodes have none.
rule fetched:
    input:
        (
            [
                rules.fetch_dataset.output,
                expand(rules.fetch_benchmark.output, benchmark=PAPERS),
            ]
            if PLAN.config.data.source == "hub"
            else []
        ),
        PLAN.checkpoints("hub"),
        PLAN.judge_weights(),


rule data:
    input:
        [f"<results>/data/{name}.jsonl" for name in TRAINING_FILES],
        [f"<results>/data/questions/{name}.parquet" for name in PLAN.benchmarks()],
        expand(f"<results>/data/frames/{PLAN.share}.json", benchmark=PLAN.benchmarks()),
        "<results>/data/frames/training.json",


rule models:
    input:
        PLAN.checkpoints(),


rule predictions:
    input:
        PLAN.predictions(PLAN.evaluations(), PLAN.benchmarks()),


rule scores:
    input:
        rules.learning.input.scores,
        rules.bars.input.scores,
        rules.ablation.input.scores,
        rules.attention_boxplot.input.scores,


rule tables:
    input:
        rules.main_accuracy.output,
        rules.ablation.output,
        rules.controls.output,
        rules.learning.output,
        rules.differences.output,
        rules.reproduction.output,
        rules.rejected.output,
        rules.released.output if PLAN.evaluations("released") else [],


rule figures:
    input:
        rules.tac_heatmap.output,
        rules.vas_heatmap.output,
        rules.bars.output,
        rules.attention_boxplot.output,
        rules.training_curves.output,
        rules.sample_answers.output,


# Everything that the report shows.
rule exhibits:
    input:
        rules.tables.input,
        rules.figures.input,


rule report:
    input:
        rules.exhibits.input,
    output:
        "<results>/report.html",
    log:
        "<logs>/report.log",
    benchmark:
        "<benchmarks>/report.jsonl"
    conda:
        "../envs/report.yaml"
    params:
        target="exhibits",
        snakefile=relpath(workflow.main_snakefile),
        command_line=command_line,
        captions=PLAN.captions(),
        configuration=PLAN.configuration,
        environment=PLAN.environment("report"),
        code=PLAN.code("report"),
    script:
        "../scripts/report.py"


rule all:
    default_target: True
    input:
        # Beside the report that is made of them: else nobody would miss one that is gone.
        rules.exhibits.input,
        rules.report.output,
