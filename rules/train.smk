# Checkpoints: Hugging Face folders with a manifest and the curves of their training, downloaded or trained.


rule fetch_model:
    output:
        checkpoint=directory("<results>/models/{model}/seed-{seed}"),
        manifest="<results>/raw/manifests/models/{model}/seed-{seed}.json",
    log:
        "<logs>/fetch_model/{model}/seed-{seed}.log",
    benchmark:
        "<benchmarks>/fetch_model/{model}/seed-{seed}.jsonl"
    wildcard_constraints:
        model=one_of(PLAN.models("hub")),
    conda:
        "../envs/data.yaml"
    params:
        source=lambda wildcards: PLAN.model_source(wildcards.model).model_dump(),
        order=lambda wildcards: PLAN.order(PLAN.model_source(wildcards.model)),
        keep=lambda wildcards, input: PLAN.keep(PLAN.model_source(wildcards.model)),
        environment=PLAN.environment("data"),
        code=PLAN.code("fetch_model"),
    script:
        "../scripts/fetch_model.py"


# What the jobs serve that ask a judge of their own.
use rule fetch_model as fetch_judge with:
    output:
        checkpoint=directory("<results>/raw/judge"),
        manifest="<results>/raw/manifests/judge.json",
    log:
        "<logs>/fetch_judge.log",
    benchmark:
        "<benchmarks>/fetch_judge.jsonl"
    params:
        source=lambda wildcards: PLAN.judge_fetched().model_dump(),
        order=lambda wildcards: PLAN.order(PLAN.judge_fetched()),
        keep=lambda wildcards, input: PLAN.keep(PLAN.judge_fetched()),
        environment=PLAN.environment("data"),
        code=PLAN.code("fetch_model"),


rule train_base:
    output:
        checkpoint=directory("<results>/models/{model}/seed-{seed}"),
    log:
        "<logs>/train_base/{model}/seed-{seed}.log",
    benchmark:
        "<benchmarks>/train_base/{model}/seed-{seed}.jsonl"
    wildcard_constraints:
        model=one_of(PLAN.models("base")),
    conda:
        "../envs/train.yaml"
    params:
        seed=lambda wildcards: int(wildcards.seed),
        settings=lambda wildcards: PLAN.training(wildcards.model),
        world=PLAN.section("data.world", *Films.model_fields),
        prompts=PLAN.section("prompts"),
        overlay=PLAN.section("data.overlay"),
        upkeep=PLAN.upkeep,
        environment=PLAN.environment("train"),
        code=PLAN.code("train_base"),
    script:
        "../scripts/train_base.py"


rule train_sft:
    input:
        start=PLAN.start,
        rows=PLAN.training_rows,
        frames=rules.build_training_frames.output.listing,
    output:
        checkpoint=directory("<results>/models/{model}/seed-{seed}"),
    log:
        "<logs>/train_sft/{model}/seed-{seed}.log",
    benchmark:
        "<benchmarks>/train_sft/{model}/seed-{seed}.jsonl"
    wildcard_constraints:
        model=one_of(PLAN.models("sft")),
    priority: 1  # the longest way to the end leads over the models
    conda:
        "../envs/train.yaml"
    resources:
        # LoRA on 7B with 128 frames: eight devices share the batch and the frozen weights; each process loads 17 GB first.
        gpu=8,
        mem_mb=twice_when_again(400_000),
        runtime="12h",
    params:
        seed=lambda wildcards: int(wildcards.seed),
        settings=lambda wildcards: PLAN.training(wildcards.model),
        overlay=PLAN.section("data.overlay"),
        decoder=PLAN.config.data.decoder,
        cache=PLAN.frame_cache,
        upkeep=PLAN.upkeep,
        environment=PLAN.environment("train"),
        code=PLAN.code("train_sft"),
    script:
        "../scripts/train_sft.py"


rule train_grpo:
    input:
        start=PLAN.start,
        rows=PLAN.training_rows,
        frames=rules.build_training_frames.output.listing,
        judge_weights=ancient(PLAN.reward_weights),
        sentence_model=PLAN.reward_sentence_model,
    output:
        checkpoint=directory("<results>/models/{model}/seed-{seed}"),
    log:
        "<logs>/train_grpo/{model}/seed-{seed}.log",
    benchmark:
        "<benchmarks>/train_grpo/{model}/seed-{seed}.jsonl"
    wildcard_constraints:
        model=one_of(PLAN.models("grpo")),
    priority: 1  # the longest way to the end leads over the models
    conda:
        "../envs/train.yaml"
    resources:
        # All weights of the language model, their optimizer state and a reference model; each process loads 32 GB first.
        gpu=8,
        mem_mb=twice_when_again(480_000),
        runtime="48h",
    params:
        seed=lambda wildcards: int(wildcards.seed),
        settings=lambda wildcards: PLAN.training(wildcards.model),
        semantics=PLAN.config.semantics,
        judge=PLAN.reward_judge,
        judge_prompts=PLAN.reward_prompts,
        judge_service=PLAN.judge_service,
        temporal_alignment=PLAN.reward_alignment,
        overlay=PLAN.section("data.overlay"),
        decoder=PLAN.config.data.decoder,
        cache=PLAN.frame_cache,
        upkeep=PLAN.upkeep,
        environment=PLAN.environment("train"),
        code=PLAN.code("train_grpo"),
    script:
        "../scripts/train_grpo.py"
