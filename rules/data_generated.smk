# A world of videos with training sets and benchmarks, where nothing is downloaded.

TRAINING_FILES = {
    "sft": "video-r2-sft-dataset.json",
    "sft_clean": "video-r2-sft-clean-dataset.json",
    "grpo": "video-r2-grpo-dataset.json",
    "validation": "validation.json",
}


rule generate_world:
    output:
        **{
            name: f"<results>/raw/training/{TRAINING_FILES[name]}"
            for name in TRAINING_FILES
        },
        videos=directory("<results>/raw/training/videos"),
    log:
        "<logs>/generate_world.log",
    benchmark:
        "<benchmarks>/generate_world.jsonl"
    conda:
        "../envs/data.yaml"
    params:
        world=PLAN.section("data.world"),
        prompts=PLAN.section("prompts"),
        environment=PLAN.environment("data"),
        code=PLAN.code("generate_world"),
    script:
        "../scripts/generate_world.py"


# Apart from the training sets, so that another benchmark costs no training.
rule generate_benchmark:
    output:
        raw=directory("<results>/raw/benchmarks/{benchmark}"),
    log:
        "<logs>/generate_benchmark/{benchmark}.log",
    benchmark:
        "<benchmarks>/generate_benchmark/{benchmark}.jsonl"
    conda:
        "../envs/data.yaml"
    params:
        world=PLAN.section("data.world", *BenchmarkFilms.model_fields),
        benchmark=lambda wildcards: PLAN.benchmark(wildcards.benchmark),
        environment=PLAN.environment("data"),
        code=PLAN.code("generate_benchmark"),
    script:
        "../scripts/generate_benchmark.py"
