"""VAS by attention: where the generated tokens of every prediction look, in the model's final layer."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from video_r2 import config
from video_r2.data.frames import FrameCache
from video_r2.errors import RejectedRecord
from video_r2.evaluation.attention_scores import AttentionShare, evenly_spaced, read_attention
from video_r2.evaluation.controls import clip_change
from video_r2.evaluation.kept import Question, kept_results
from video_r2.evaluation.prefixes import PrefixReader
from video_r2.files import paths
from video_r2.metrics.accuracy import Score
from video_r2.metrics.summaries import score_tables, summarise_without_interval, write_summary
from video_r2.records import PREDICTION, read_table
from video_r2.run import Job, run

METRIC = "vas_attention"


def main(job: Job) -> None:
    """Score the responses, or as many of each benchmark as the configuration asks for."""
    params = job.params
    evaluation = config.Evaluation.model_validate(params.evaluation)
    decoding = config.Decoding.model_validate(params.decoding)
    data = config.Data.model_validate(params.data)
    folder = paths(job.input.checkpoint)[0]
    frames = FrameCache(Path(params.cache), config.Frames.model_validate(params.frames), data.overlay, data.decoder)
    frames.expect(paths(job.input.frames)[0])
    chosen: set[Question] = set()
    for path in paths(job.input.predictions):
        rows = read_table(path, PREDICTION)
        ids = evenly_spaced(rows["id"].tolist(), params.attention["attention_questions"])
        chosen |= {
            (benchmark, name) for benchmark, name in zip(rows["benchmark"], rows["id"], strict=True) if name in ids
        }
    with kept_results(job, AttentionShare, paths(job.output.scores)[0]) as kept:
        reader = PrefixReader.of_checkpoint(folder, decoding, frames, clip_change(evaluation.control))

        def score(records: Sequence[Mapping[str, Any]], adapter: str) -> list[Score]:
            return [
                Score(None, {"missing": share.reason})
                if isinstance(share, RejectedRecord)
                else Score(100 * share.video, share.detail)
                for share in read_attention(reader, records, decoding.batch, kept)
            ]

        tables = score_tables(job, METRIC, score, lambda record: (record["benchmark"], record["id"]) in chosen)
        # The table that shows them has the interval of their mean: for another one, no model is to be asked again.
        for table, record, _, summary in tables:
            write_summary(summary, summarise_without_interval(table, record, METRIC, table["score"].mean()))


if __name__ == "__main__":
    run(main, globals()["snakemake"])
