"""Read a benchmark's own columns into the table of questions; set aside what cannot be used."""

import sys
from pathlib import Path

from video_r2 import config, records
from video_r2.data.benchmarks import read_benchmark
from video_r2.data.rejected import require_few, write_rejected
from video_r2.run import Job, run


def main(job: Job) -> None:
    """Input: raw (folder or .jsonl). Outputs: questions, rejected, subtitles (folder of converted ones).

    Parameters: benchmark, published (number of questions), max_rejected; wildcard: benchmark.
    """
    name, subtitles = job.wildcards.benchmark, Path(job.output.subtitles)
    benchmark = config.Benchmark.model_validate(job.params.benchmark)
    # Empty for a benchmark whose subtitles are `.srt` files already.
    subtitles.mkdir(parents=True, exist_ok=True)
    questions, rejected = read_benchmark(name, job.input.raw, benchmark, subtitles)
    write_rejected(job.output.rejected, rejected)
    print(f"{name}: {len(questions)} questions, {len(rejected)} set aside")
    found, published = len(questions) + len(rejected), job.params.published
    if published is not None and found != published:
        print(f"warning: {name} was published with {published} questions, and has {found} here", file=sys.stderr)
    require_few(job.input.raw, rejected, found, job.params.max_rejected)
    records.write_table(job.output.questions, questions, records.QUESTION)


if __name__ == "__main__":
    run(main, globals()["snakemake"])
