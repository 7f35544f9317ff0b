"""Fine-tune a checkpoint on timestamped traces."""

from functools import partial
from pathlib import Path

import torch

from video_r2 import config
from video_r2.data.frames import FrameCache
from video_r2.model.loading import load_model, load_processor
from video_r2.run import Job, run
from video_r2.training.checkpoint import save_checkpoint
from video_r2.training.examples import VideoEncoder, usable_examples
from video_r2.training.launch import launch
from video_r2.training.sft import train_sft
from video_r2.training.sharding import is_held_in_bf16, load_to_train
from video_r2.training.upkeep import Upkeep


def main(job: Job) -> None:
    """Inputs: start (checkpoint), rows, frames. Output: checkpoint.

    Parameters: seed, settings, overlay, decoder, cache, upkeep.
    """
    launch(train, job, config.Sft.model_validate(job.params.settings))


def train(job: Job, upkeep: Upkeep) -> None:
    """Train from the job's last saved state, or from the start, to the checkpoint."""
    settings = config.Sft.model_validate(job.params.settings)
    overlay = config.Overlay.model_validate(job.params.overlay)
    torch.set_num_threads(job.threads)
    processor = load_processor(job.input.start)
    model = load_to_train(job.input.start, settings)
    cache = FrameCache(Path(job.params.cache), settings.frames, overlay, job.params.decoder)
    examples = usable_examples(job.input.rows, job.input.frames, cache)

    encode = VideoEncoder(model, processor, cache)
    load = partial(load_model, job.input.start, settings.attention)
    model, log = train_sft(model, processor, encode, examples, settings, job.params.seed, upkeep, load)
    manifest = {
        "stage": "sft",
        "seed": job.params.seed,
        "start": str(job.input.start),
        "examples": len(examples),
        "settings": settings.model_dump(),
    }
    save_checkpoint(job.output.checkpoint, model, processor, manifest, log, is_held_in_bf16(settings))


if __name__ == "__main__":
    run(main, globals()["snakemake"])
