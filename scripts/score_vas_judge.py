"""VAS by a judge: how much concrete visual evidence the trace of every prediction claims."""

from video_r2.judge import judge_of
from video_r2.metrics.summaries import score_files
from video_r2.metrics.visual_attention_score import score_evidence
from video_r2.run import Job, run


def main(job: Job) -> None:
    semantics = job.params.semantics
    with judge_of(job) as judge:
        score_files(job, "vas_judge", lambda records, adapter: score_evidence(records, judge, semantics), judge=judge)


if __name__ == "__main__":
    run(main, globals()["snakemake"])
