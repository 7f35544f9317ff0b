"""TAC, think-answer consistency, of every prediction."""

from video_r2.judge import judge_of
from video_r2.metrics.consistency import score_consistency
from video_r2.metrics.summaries import score_files
from video_r2.run import Job, run


def main(job: Job) -> None:
    semantics = job.params.semantics
    with judge_of(job) as judge:
        score_files(
            job, "tac", lambda records, adapter: score_consistency(records, adapter, judge, semantics), judge=judge
        )


if __name__ == "__main__":
    run(main, globals()["snakemake"])
