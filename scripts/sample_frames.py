"""Frames of the sample questions' videos, for the report: small enough to be handed on where videos are not."""

from pathlib import Path

import pandas as pd

from video_r2 import config, records
from video_r2.data.frames import Clip, FrameCache
from video_r2.data.samples import choose_samples, make_samples
from video_r2.run import Job, run


def main(job: Job) -> None:
    params = job.params
    questions = pd.concat(
        [records.read_table(path, records.QUESTION) for path in job.input.questions], ignore_index=True
    )
    data = config.Data.model_validate(params.data)
    frames = config.Frames.model_validate(params.frames)
    cache = FrameCache(Path(params.cache), frames, data.overlay, data.decoder)

    def load(video: str, subtitle: str) -> Clip:
        return cache.load(video, subtitle or None)

    chosen = choose_samples(questions, params.shown["sample_questions"])
    samples = make_samples(chosen, load, params.shown["sample_frames"])
    records.write_table(job.output.samples, samples, records.SAMPLE)


if __name__ == "__main__":
    run(main, globals()["snakemake"])
