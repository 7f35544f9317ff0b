"""Train the base model from nothing on the generated world; it stands where Qwen2.5-VL-7B-Instruct stands in the paper."""

import random
from pathlib import Path

import torch
from tqdm import tqdm

from video_r2 import config
from video_r2.data.conversations import read_jsonl
from video_r2.data.corpus import make_rows
from video_r2.data.frames import FrameCache
from video_r2.data.miniature import training_films
from video_r2.evaluation.prompts import make_asker
from video_r2.model.inputs import make_patches
from video_r2.model.loading import training_implementation
from video_r2.model.scratch import make_model, make_processor, make_tokenizer
from video_r2.run import Job, run
from video_r2.training.base import train_base
from video_r2.training.checkpoint import save_checkpoint


def main(job: Job) -> None:
    """Inputs: rows (training sets), videos (folder). Output: checkpoint.

    Parameters: seed, settings, world, prompts, overlay, decoder, cache.
    """
    settings = config.Base.model_validate(job.params.settings)
    world = config.World.model_validate(job.params.world)
    prompts = config.Prompts.model_validate(job.params.prompts)
    overlay = config.Overlay.model_validate(job.params.overlay)
    seed: int = job.params.seed
    torch.set_num_threads(job.threads)

    askers = make_asker(world, prompts, "direct"), make_asker(world, prompts, "think")
    # Videos that are held out to measure temporal alignment are in none of the training sets.
    trained_on = {Path(example.video).stem for rows in job.input.rows for example in read_jsonl(rows) if example.video}
    films = [film for film in training_films(world) if film.name in trained_on]
    rows = make_rows(films, settings.questions_per_film, *askers, random.Random(f"corpus {world.seed}"))
    texts = [row["prefix"] + branch["prompt"] + "\n" + branch["response"] for row in rows for branch in row["branches"]]
    tokenizer = make_tokenizer(texts, settings.shape.vocabulary)
    processor = make_processor(tokenizer, settings.frames)
    model = make_model(settings.shape, tokenizer, seed)
    model.set_attn_implementation(training_implementation(settings.attention))

    cache = FrameCache(Path(job.params.cache), settings.frames, overlay, job.params.decoder)
    patches = {}
    for film in tqdm(films, desc="clips", unit="film"):
        video = Path(job.input.videos) / f"{film.name}.mp4"
        subtitle = video.with_suffix(".srt")
        clip = cache.load(video, subtitle if subtitle.exists() else None)
        patches[film.name] = make_patches(processor, clip.frames, clip.fps_effective)

    log = train_base(model, processor, rows, patches, settings, seed)
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
