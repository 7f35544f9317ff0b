"""Train the base model from nothing on the generated world; it stands where Qwen2.5-VL-7B-Instruct stands in the paper."""

import random
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import torch
from tqdm import tqdm

from video_r2 import config
from video_r2.data.corpus import EXPLAIN, make_rows, sample_film
from video_r2.data.training_sets import base_films
from video_r2.evaluation.prompts import make_asker
from video_r2.model.inputs import make_patches
from video_r2.model.loading import training_implementation
from video_r2.model.scratch import make_model, make_processor, make_tokenizer
from video_r2.run import Job, run
from video_r2.training.base import train_base
from video_r2.training.checkpoint import save_checkpoint
from video_r2.training.processes import run_in_processes
from video_r2.training.upkeep import Upkeep, train_to_the_end


def main(job: Job) -> None:
    """Output: checkpoint. Parameters: seed, settings, world, prompts, overlay, upkeep."""
    train_to_the_end(job, train)


def train(job: Job, upkeep: Upkeep) -> None:
    """Train from the job's last saved state, or from the start, to the checkpoint."""
    settings = config.Base.model_validate(job.params.settings)
    world = config.Films.model_validate(job.params.world)
    prompts = config.Prompts.model_validate(job.params.prompts)
    overlay = config.Overlay.model_validate(job.params.overlay)
    seed: int = job.params.seed
    torch.set_num_threads(1)  # processes, not threads, share the work

    explaining = prompts.model_copy(update={"think": EXPLAIN})
    askers = make_asker(world, prompts, "direct"), make_asker(world, explaining, "think")
    films = base_films(world, settings.films)
    rng = random.Random(f"corpus {world.seed}")
    rows = make_rows(films, world.seconds, settings.questions_per_film, *askers, rng)
    branches = [branch for row in rows for branch in row["branches"]]
    texts = [f"{branch['prompt']}\n{branch['given']}{branch['response']}" for branch in branches]
    texts += [prompts.think] * len(films)  # the base model never sees it; SFT does, in as few tokens as other prompts
    tokenizer = make_tokenizer(texts, settings.shape.vocabulary)
    dtype = torch.bfloat16 if settings.bf16 else torch.float32
    processor = make_processor(tokenizer, settings.frames)
    model = make_model(settings.shape, tokenizer, seed)
    model.set_attn_implementation(training_implementation(settings.attention))

    # The films need no files: their frames are drawn as they are sampled.
    with ProcessPoolExecutor(job.threads, mp_context=get_context("fork")) as pool:
        clips = pool.map(partial(sample_film, frames=settings.frames, overlay=overlay), films, chunksize=16)
        clips = tqdm(clips, desc="films", unit="film", total=len(films), mininterval=5)
        patches = {
            film.name: make_patches(processor, clip.frames, clip.fps_effective).to(dtype)
            for film, clip in zip(films, clips, strict=True)
        }

    log = run_in_processes(lambda: train_base(model, processor, rows, patches, settings, seed, upkeep), job.threads)
    manifest = {
        "stage": "base",
        "seed": seed,
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "settings": settings.model_dump(),
        "world": world.model_dump(),
    }
    save_checkpoint(job.output.checkpoint, model, processor, manifest, log)


if __name__ == "__main__":
    run(main, globals()["snakemake"])
