# What the answers are worth: one record per question, and a summary with its confidence interval beside it.

PREDICTIONS = PLAN.per_job(
    "<results>/predictions/{evaluation}/seed-{seed}/{benchmark}.parquet"
)
MEASURED = {
    "semantics": PLAN.config.semantics,
    "bootstrap": PLAN.config.evaluation.bootstrap,
    "benchmarks": PLAN.benchmarks_of,
}


rule score_accuracy:
    input:
        predictions=PREDICTIONS,
    output:
        **scores_of("accuracy"),
    log:
        f"<logs>/score_accuracy/{{evaluation}}/seed-{{seed}}/{PLAN.share}.log",
    benchmark:
        f"<benchmarks>/score_accuracy/{{evaluation}}/seed-{{seed}}/{PLAN.share}.jsonl"
    conda:
        "../envs/score.yaml"
    params:
        **MEASURED,
        environment=PLAN.environment("score"),
        code=PLAN.code("score_accuracy"),
    script:
        "../scripts/score_accuracy.py"


rule score_tac:
    input:
        predictions=PREDICTIONS,
        judge_weights=ancient(PLAN.judge_weights),
    output:
        **scores_of("tac"),
    log:
        f"<logs>/score_tac/{{evaluation}}/seed-{{seed}}/{PLAN.share}.log",
    benchmark:
        f"<benchmarks>/score_tac/{{evaluation}}/seed-{{seed}}/{PLAN.share}.jsonl"
    conda:
        "../envs/score.yaml"
    resources:
        # Nothing of a cluster, unless each job starts a server of the judge's model for itself.
        **PLAN.judge_resources(),
    params:
        **MEASURED,
        judge=PLAN.judge(),
        judge_prompts=PLAN.judge_prompts("answer"),
        judge_service=PLAN.judge_service,
        environment=PLAN.environment("score"),
        code=PLAN.code("score_tac"),
    script:
        "../scripts/score_tac.py"


rule score_vas_judge:
    input:
        predictions=PREDICTIONS,
        judge_weights=ancient(PLAN.judge_weights),
    output:
        **scores_of("vas_judge"),
    log:
        f"<logs>/score_vas_judge/{{evaluation}}/seed-{{seed}}/{PLAN.share}.log",
    benchmark:
        f"<benchmarks>/score_vas_judge/{{evaluation}}/seed-{{seed}}/{PLAN.share}.jsonl"
    conda:
        "../envs/score.yaml"
    resources:
        # Nothing of a cluster, unless each job starts a server of the judge's model for itself.
        **PLAN.judge_resources(),
    params:
        **MEASURED,
        judge=PLAN.judge(),
        judge_prompts=PLAN.judge_prompts("evidence"),
        judge_service=PLAN.judge_service,
        environment=PLAN.environment("score"),
        code=PLAN.code("score_vas_judge"),
    script:
        "../scripts/score_vas_judge.py"


rule score_vas_attention:
    input:
        predictions=PREDICTIONS,
        frames=ancient(f"<results>/data/frames/{PLAN.share}.json"),
        subtitles=SUBTITLES,
        checkpoint=PLAN.asked_model,
    output:
        **scores_of("vas_attention"),
    log:
        f"<logs>/score_vas_attention/{{evaluation}}/seed-{{seed}}/{PLAN.share}.log",
    benchmark:
        f"<benchmarks>/score_vas_attention/{{evaluation}}/seed-{{seed}}/{PLAN.share}.jsonl"
    conda:
        "../envs/predict.yaml"
    resources:
        # One pass over prompt and response with 7B in bfloat16.
        gpu=1,
        mem_mb=twice_when_again(60_000),
        runtime="4h",
    params:
        benchmarks=MEASURED["benchmarks"],
        seed=lambda wildcards: int(wildcards.seed),
        evaluation=lambda wildcards: PLAN.asked(wildcards.evaluation),
        decoding=lambda wildcards: PLAN.asked(wildcards.evaluation)["decoding"],
        # Not a bare number: Snakemake compares parameters as a set of their values, whatever their names.
        attention=PLAN.section("evaluation", "attention_questions"),
        frames=PLAN.section("evaluation.frames"),
        data=PLAN.asked_data(),
        max_rejected=PLAN.max_rejected,
        cache=PLAN.frame_cache,
        state=PLAN.state,
        environment=PLAN.environment("predict"),
        code=PLAN.code("score_vas_attention"),
    script:
        "../scripts/score_vas_attention.py"


rule score_temporal_alignment:
    input:
        predictions="<results>/predictions/{evaluation}/seed-{seed}/{benchmark}.parquet",
        judge_weights=ancient(PLAN.judge_weights),
        sentence_model=PLAN.sentence_model,
    output:
        scores="<results>/scores/temporal_alignment/{evaluation}/seed-{seed}/{benchmark}.parquet",
        summaries="<results>/scores/temporal_alignment/{evaluation}/seed-{seed}/{benchmark}.json",
    log:
        "<logs>/score_temporal_alignment/{evaluation}/seed-{seed}/{benchmark}.log",
    benchmark:
        "<benchmarks>/score_temporal_alignment/{evaluation}/seed-{seed}/{benchmark}.jsonl"
    wildcard_constraints:
        benchmark=one_of(PLAN.benchmarks("heldout", "validation")),
    conda:
        "../envs/score.yaml"
    resources:
        # Nothing of a cluster, unless each job starts a server of the judge's model for itself.
        **PLAN.judge_resources(),
    params:
        **MEASURED,
        temporal_alignment=PLAN.section("temporal_alignment"),
        judge=PLAN.judge(),
        judge_prompts=PLAN.judge_prompts("claims"),
        judge_service=PLAN.judge_service,
        environment=PLAN.environment("score"),
        code=PLAN.code("score_temporal_alignment"),
    script:
        "../scripts/score_temporal_alignment.py"


# Rows with a published counterpart, and all that is measured on them.
COMPARED = {**PLAN.rows("main"), **PLAN.rows("heatmaps"), **PLAN.rows("ablation")}
COMPARED_SCORES = list(
    dict.fromkeys(
        [
            *scores("main", "accuracy"),
            *scores("heatmaps", "tac", "vas_judge"),
            *scores("ablation", "accuracy", "tac", "vas_judge"),
        ]
    )
)


# No judge is asked: what it said stands in the scores.
rule rescore:
    input:
        predictions=[
            *PLAN.predictions(COMPARED, PAPERS),
            *PLAN.scored_predictions(
                "temporal_alignment", COMPARED, PLAN.benchmarks("heldout")
            ),
        ],
        scores=[
            *COMPARED_SCORES,
            *PLAN.scores(["temporal_alignment"], COMPARED, PLAN.benchmarks("heldout")),
        ],
        sentence_model=PLAN.sentence_model,
    output:
        scores="<results>/scores/both_semantics.parquet",
    log:
        "<logs>/rescore.log",
    benchmark:
        "<benchmarks>/rescore.jsonl"
    conda:
        "../envs/score.yaml"
    params:
        semantics=PLAN.config.semantics,
        adapters=PLAN.adapters(),
        temporal_alignment=PLAN.section("temporal_alignment"),
        environment=PLAN.environment("score"),
        code=PLAN.code("rescore"),
    script:
        "../scripts/rescore.py"
