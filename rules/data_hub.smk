# The release's training data and the real benchmarks, downloaded as of the commits in sources.lock.yaml.

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
        manifest="<results>/raw/manifests/training.json",
    log:
        "<logs>/fetch_dataset.log",
    benchmark:
        "<benchmarks>/fetch_dataset.jsonl"
    conda:
        "../envs/data.yaml"
    params:
        source=PLAN.dataset_source().model_dump(),
        order=PLAN.order(PLAN.dataset_source()),
        keep=lambda wildcards, input: PLAN.keep(PLAN.dataset_source()),
        environment=PLAN.environment("data"),
        code=PLAN.code("fetch_dataset"),
    script:
        "../scripts/fetch_dataset.py"


rule fetch_benchmark:
    output:
        raw=directory("<results>/raw/benchmarks/{benchmark}"),
        manifest="<results>/raw/manifests/benchmarks/{benchmark}.json",
    log:
        "<logs>/fetch_benchmark/{benchmark}.log",
    benchmark:
        "<benchmarks>/fetch_benchmark/{benchmark}.jsonl"
    conda:
        "../envs/data.yaml"
    params:
        source=lambda wildcards: PLAN.benchmark_source(wildcards.benchmark).model_dump(),
        order=lambda wildcards: PLAN.order(PLAN.benchmark_source(wildcards.benchmark)),
        keep=lambda wildcards, input: PLAN.keep(
            PLAN.benchmark_source(wildcards.benchmark)
        ),
        environment=PLAN.environment("data"),
        code=PLAN.code("fetch_benchmark"),
    script:
        "../scripts/fetch_benchmark.py"
