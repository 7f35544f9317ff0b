# Raw data, downloaded or generated, and what the other rules read of them.


include: f"data_{PLAN.config.data.source}.smk"


rule index_videos:
    input:
        videos="<results>/raw/training/videos",
    output:
        table="<results>/data/videos.parquet",
        rejected="<results>/data/rejected/videos.jsonl",
    log:
        "<logs>/index_videos.log",
    benchmark:
        "<benchmarks>/index_videos.jsonl"
    conda:
        "../envs/data.yaml"
    params:
        raw=PLAN.exchanged("training/videos"),
        max_rejected=PLAN.max_rejected,
        environment=PLAN.environment("data"),
        code=PLAN.code("index_videos"),
    script:
        "../scripts/index_videos.py"


rule prepare_training:
    input:
        **{
            name: f"<results>/raw/training/{TRAINING_FILES[name]}"
            for name in TRAINING_FILES
        },
        videos=rules.index_videos.output.table,
        folder=rules.index_videos.input.videos,
    output:
        **{name: f"<results>/data/{name}.jsonl" for name in TRAINING_FILES},
        heldout="<results>/data/heldout.jsonl",
        rejected="<results>/data/rejected/training.jsonl",
    log:
        "<logs>/prepare_training.log",
    benchmark:
        "<benchmarks>/prepare_training.jsonl"
    conda:
        "../envs/data.yaml"
    params:
        raw=PLAN.exchanged("training/*"),
        data=PLAN.section("data", "heldout_fraction"),
        max_rejected=PLAN.max_rejected,
        environment=PLAN.environment("data"),
        code=PLAN.code("prepare_training"),
    script:
        "../scripts/prepare_training.py"


rule prepare_benchmark:
    input:
        raw=PLAN.raw_benchmark,
    output:
        questions="<results>/data/questions/{benchmark}.parquet",
        rejected="<results>/data/rejected/{benchmark}.jsonl",
        subtitles=directory("<results>/data/subtitles/{benchmark}"),
    log:
        "<logs>/prepare_benchmark/{benchmark}.log",
    benchmark:
        "<benchmarks>/prepare_benchmark/{benchmark}.jsonl"
    conda:
        "../envs/data.yaml"
    params:
        raw=PLAN.exchanged_benchmarks,
        benchmark=lambda wildcards: PLAN.benchmark(wildcards.benchmark),
        published=PLAN.published_size,
        max_rejected=PLAN.max_rejected,
        environment=PLAN.environment("data"),
        code=PLAN.code("prepare_benchmark"),
    script:
        "../scripts/prepare_benchmark.py"


# Every later stage takes its frames from the cache that this fills; the output lists what lies in it.
rule build_training_frames:
    input:
        rows=[f"<results>/data/{name}.jsonl" for name in TRAINING_FILES],
        videos=rules.index_videos.input.videos,
    output:
        listing="<results>/data/frames/training.json",
        rejected="<results>/data/rejected/frames-training.jsonl",
    log:
        "<logs>/build_training_frames.log",
    benchmark:
        "<benchmarks>/build_training_frames.jsonl"
    conda:
        "../envs/data.yaml"
    params:
        raw=PLAN.exchanged("training/videos"),
        frames=PLAN.training_frames(),
        overlay=PLAN.section("data.overlay"),
        decoder=PLAN.config.data.decoder,
        cache=PLAN.frame_cache,
        environment=PLAN.environment("data"),
        code=PLAN.code("build_frames"),
    script:
        "../scripts/build_frames.py"


use rule build_training_frames as build_frames with:
    input:
        rows=PLAN.per_job("<results>/data/questions/{benchmark}.parquet"),
        videos=PLAN.raw_videos,
        subtitles=PLAN.per_job("<results>/data/subtitles/{benchmark}"),
    output:
        listing=f"<results>/data/frames/{PLAN.share}.json",
        rejected=f"<results>/data/rejected/frames-{PLAN.share}.jsonl",
    log:
        f"<logs>/build_frames/{PLAN.share}.log",
    benchmark:
        f"<benchmarks>/build_frames/{PLAN.share}.jsonl"
    params:
        raw=PLAN.exchanged_benchmarks,
        frames=[PLAN.section("evaluation.frames")],
        overlay=PLAN.asked_overlay(),
        decoder=PLAN.config.data.decoder,
        cache=PLAN.frame_cache,
        environment=PLAN.environment("data"),
        code=PLAN.code("build_frames"),


# For the report, so that it can be made where the videos are not.
rule sample_frames:
    input:
        questions=[
            f"<results>/data/questions/{name}.parquet"
            for name in PLAN.benchmarks("generic", "reasoning")
        ],
        videos=[
            f"<results>/raw/benchmarks/{name}"
            for name in PLAN.benchmarks("generic", "reasoning")
        ],
        subtitles=[
            f"<results>/data/subtitles/{name}"
            for name in PLAN.benchmarks("generic", "reasoning")
        ],
    output:
        samples="<results>/data/samples.parquet",
    log:
        "<logs>/sample_frames.log",
    benchmark:
        "<benchmarks>/sample_frames.jsonl"
    conda:
        "../envs/data.yaml"
    params:
        raw=PLAN.exchanged("benchmarks/*"),
        shown=PLAN.section("figures", "sample_questions", "sample_frames"),
        frames=PLAN.section("evaluation.frames"),
        data=PLAN.asked_data(),
        cache=PLAN.frame_cache,
        environment=PLAN.environment("data"),
        code=PLAN.code("sample_frames"),
    script:
        "../scripts/sample_frames.py"
