"""Read a benchmark's own columns into the table of questions; set aside what cannot be used."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from video_r2 import config, records
from video_r2.data.benchmarks import read_benchmark
from video_r2.data.rejected import require_few, write_rejected
from video_r2.metrics.averages import averaging_of
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
    if published is not None:
        for warning in unlike_published(name, benchmark.adapter, questions["category"], len(rejected), published):
            print(f"warning: {warning}", file=sys.stderr)
    require_few(job.input.raw, rejected, found, job.params.max_rejected)
    records.write_table(job.output.questions, questions, records.QUESTION)


def unlike_published(
    name: str, adapter: str, categories: Sequence[str], rejected: int, published: int
) -> Iterator[str]:
    """In what a benchmark is not what was published: its questions, or the parts that its average is over."""
    usable, found = len(categories), len(categories) + rejected
    if found != published:
        yield f"{name} was published with {published} questions, and has {found} here"
    if usable != published and rejected:
        yield f"{name} was published with {published} questions, of which {usable} can be used here ({rejected} set aside)"
    averaging = averaging_of(adapter)
    if averaging.lacks(categories):
        parts = len(averaging.parts_of(categories))
        yield f"{name} is averaged over {parts} parts, and was published over {averaging.parts}: see the notes of the tables"


if __name__ == "__main__":
    run(main, globals()["snakemake"])
