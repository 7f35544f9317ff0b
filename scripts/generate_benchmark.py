"""Write one miniature benchmark in the real benchmark's columns, with its videos."""

from pathlib import Path

from video_r2 import config
from video_r2.data import encode, miniature_benchmarks
from video_r2.run import Job, run


def main(job: Job) -> None:
    """Output: raw (folder). Parameters: world, benchmark; wildcard: benchmark."""
    world = config.BenchmarkFilms.model_validate(job.params.world)
    benchmark = config.Benchmark.model_validate(job.params.benchmark)
    made = miniature_benchmarks.make_benchmark(job.wildcards.benchmark, benchmark, world)
    folder = Path(job.output.raw)
    miniature_benchmarks.write_benchmark(folder, made, benchmark)
    encode.write_videos([(film, folder / place) for film, place in made.films], job.threads)


if __name__ == "__main__":
    run(main, globals()["snakemake"])
