"""Sample questions with frames of their videos and every model's response, as a page of the report."""

from pathlib import Path

import pandas as pd

from video_r2 import config, records
from video_r2.data.frames import FrameCache
from video_r2.paper.exhibits import read_scores
from video_r2.paper.output import write_text
from video_r2.paper.report import Strip, samples_page
from video_r2.run import Job, run


def main(job: Job) -> None:
    predictions = pd.concat(
        [records.read_table(path, records.PREDICTION) for path in job.input.predictions], ignore_index=True
    )
    data = config.Data.model_validate(job.params.data)
    settings = config.Figures.model_validate(job.params.figures)
    frames = config.Frames.model_validate(job.params.frames)
    cache = FrameCache(Path(job.params.cache), frames, data.overlay, data.decoder)

    def load(video: str, subtitle: str) -> Strip:
        clip = cache.load(video, subtitle or None)
        return Strip(clip.frames, clip.times)

    page = samples_page(
        predictions[predictions["seed"] == predictions["seed"].min()],
        read_scores(job.input.scores),
        labels={name: entry["label"] for name, entry in job.params.evaluations.items()},
        benchmarks={name: entry["label"] for name, entry in job.params.benchmarks.items()},
        number=settings.sample_questions,
        load=load,
        frames=settings.sample_frames,
    )
    write_text(job.output[0], page)


if __name__ == "__main__":
    run(main, globals()["snakemake"])
