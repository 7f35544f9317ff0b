"""Write the generated world's training sets and validation split, and the videos that they speak of."""

from pathlib import Path

from video_r2 import config
from video_r2.data import encode, training_sets
from video_r2.evaluation.prompts import make_asker
from video_r2.run import Job, run


def main(job: Job) -> None:
    """Outputs: sft, sft_clean, grpo, validation (JSON), videos (folder). Parameters: world, prompts."""
    world = config.World.model_validate(job.params.world)
    ask = make_asker(world, config.Prompts.model_validate(job.params.prompts), "think")
    training, validation = training_sets.training_films(world), training_sets.validation_films(world)
    noisy, clean = training_sets.sft_rows(training, world, ask)
    training_sets.write_training(Path(job.output.sft), noisy)
    training_sets.write_training(Path(job.output.sft_clean), clean)
    training_sets.write_training(Path(job.output.grpo), training_sets.grpo_rows(training, world, ask))
    training_sets.write_training(Path(job.output.validation), training_sets.validation_rows(validation, world, ask))
    videos = Path(job.output.videos)
    encode.write_videos([(film, videos / f"{film.name}.mp4") for film in [*training, *validation]], job.threads)


if __name__ == "__main__":
    run(main, globals()["snakemake"])
