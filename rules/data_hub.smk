# The release's training data and the real benchmarks, downloaded at a pinned revision.

TRAINING_FILES = {
    "sft": "video-r2-sft-dataset.json",
    "grpo": "video-r2-grpo-dataset.json",
}


rule fetch_dataset:
    output:
        **{
            name: f"<results>/raw/training/{TRAINING_FILES[name]}"
            for name in TRAINING_FILES
        },
        videos=directory("<results>/raw/training/videos"),
    log:
        "<logs>/fetch_dataset.log",
    benchmark:
        "<benchmarks>/fetch_dataset.jsonl"
    conda:
        "../envs/data.yaml"
    params:
        dataset=PLAN.config.data.dataset,
        revision=PLAN.config.data.revision,
        environment=PLAN.environment("data"),
        code=PLAN.code("fetch_dataset"),
    script:
        "../scripts/fetch_dataset.py"


rule fetch_benchmark:
    output:
        raw=directory("<results>/raw/benchmarks/{benchmark}"),
    log:
        "<logs>/fetch_benchmark/{benchmark}.log",
    benchmark:
        "<benchmarks>/fetch_benchmark/{benchmark}.jsonl"
    conda:
        "../envs/data.yaml"
    params:
        benchmark=lambda wildcards: PLAN.benchmark(wildcards.benchmark),
        environment=PLAN.environment("data"),
        code=PLAN.code("fetch_benchmark"),
    script:
        "../scripts/fetch_benchmark.py"
