"""Temporal alignment (F1) of every prediction whose question has a known grounding."""

from video_r2 import config
from video_r2.judge import judge_of
from video_r2.metrics.summaries import score_files
from video_r2.metrics.temporal import grounding_of, score_alignment
from video_r2.rewards.embedding import SentenceEmbedder
from video_r2.run import Job, run


def main(job: Job) -> None:
    settings = config.TemporalAlignment.model_validate(job.params.temporal_alignment)
    embed = SentenceEmbedder(settings.sentence_model)
    semantics = job.params.semantics
    with judge_of(job) as judge:
        score_files(
            job,
            "temporal_f1",
            lambda records, adapter: score_alignment(records, judge, embed, settings, semantics),
            applies=lambda record: bool(grounding_of(record)),
            judge=judge,
        )


if __name__ == "__main__":
    run(main, globals()["snakemake"])
