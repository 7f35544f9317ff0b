# What the models answer.


rule predict:
    input:
        checkpoint=PLAN.asked_model,
        questions=PLAN.per_job("<results>/data/questions/{benchmark}.parquet"),
        frames=f"<results>/data/frames/{PLAN.share}.json",
        subtitles=SUBTITLES,
        traces=PLAN.given_traces,
        training=PLAN.given_instruction,
    output:
        predictions=PLAN.per_job(
            "<results>/predictions/{evaluation}/seed-{seed}/{benchmark}.parquet"
        ),
    log:
        f"<logs>/predict/{{evaluation}}/seed-{{seed}}/{PLAN.share}.log",
    benchmark:
        f"<benchmarks>/predict/{{evaluation}}/seed-{{seed}}/{PLAN.share}.jsonl"
    conda:
        "../envs/predict.yaml"
    resources:
        # 7B in bfloat16 and the cache of a prompt of 128 frames. Several share the questions out, a process on each.
        gpu=1,
        mem_mb=twice_when_again(60_000),
        runtime="12h",
    params:
        name=lambda wildcards: wildcards.evaluation,
        seed=lambda wildcards: int(wildcards.seed),
        evaluation=lambda wildcards: PLAN.asked(wildcards.evaluation),
        decoding=lambda wildcards: PLAN.asked(wildcards.evaluation)["decoding"],
        benchmarks=PLAN.benchmarks_of,
        backend=lambda wildcards: PLAN.backend(wildcards.evaluation),
        prompts=lambda wildcards: PLAN.prompts(wildcards.evaluation),
        controls=lambda wildcards: PLAN.controls(wildcards.evaluation),
        frames=PLAN.section("evaluation.frames"),
        data=PLAN.asked_data(),
        max_rejected=PLAN.max_rejected,
        cache=PLAN.frame_cache,
        state=PLAN.state,
        processes=PLAN.processes,
        environment=PLAN.environment("predict"),
        code=PLAN.code("predict"),
    script:
        "../scripts/predict.py"


# Of all that the models answered, what the report shows.
rule sample_responses:
    input:
        samples=rules.sample_frames.output.samples,
        predictions=PLAN.predictions(
            PLAN.evaluations("heatmaps"), PAPERS, first_seed=True
        ),
    output:
        predictions="<results>/predictions/samples.parquet",
    log:
        "<logs>/sample_responses.log",
    benchmark:
        "<benchmarks>/sample_responses.jsonl"
    conda:
        "../envs/paper.yaml"
    params:
        environment=PLAN.environment("paper"),
        code=PLAN.code("sample_responses"),
    script:
        "../scripts/sample_responses.py"
