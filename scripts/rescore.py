"""Score predictions by the other semantics, too, from what the judge said when they were scored."""

from video_r2 import config, records
from video_r2.metrics.summaries import read_scores
from video_r2.paper.both_semantics import score_both_ways
from video_r2.rewards.embedding import SentenceEmbedder
from video_r2.run import Job, run


def main(job: Job) -> None:
    settings = config.TemporalAlignment.model_validate(job.params.temporal_alignment)
    scores = score_both_ways(
        job.input.predictions,
        read_scores(job.input.scores),
        job.params.adapters,
        job.params.semantics,
        SentenceEmbedder(settings.sentence_model),
        settings,
    )
    records.write_table(job.output.scores, scores, records.SCORE_BY_SEMANTICS)


if __name__ == "__main__":
    run(main, globals()["snakemake"])
