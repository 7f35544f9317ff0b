"""Write the generated world's training sets and validation split, and the videos that they speak of."""

from pathlib import Path

from video_r2 import config
from video_r2.data import encode, miniature
from video_r2.evaluation.prompts import make_asker
from video_r2.run import Job, run


def main(job: Job) -> None:
    """Outputs: sft, sft_clean, grpo, validation (JSON), videos (folder). Parameters: world, prompts."""
    world = config.World.model_validate(job.params.world)
    ask = make_asker(world, config.Prompts.model_validate(job.params.prompts), "think")
    training, validation = miniature.training_films(world), miniature.validation_films(world)
    noisy, clean = miniature.sft_rows(training, world, ask)
    miniature.write_training(Path(job.output.sft), noisy)
    miniature.write_training(Path(job.output.sft_clean), clean)
    miniature.write_training(Path(job.output.grpo), miniature.grpo_rows(training, world, ask))
    miniature.write_training(Path(job.output.validation), miniature.validation_rows(validation, world, ask))
    videos = Path(job.output.videos)
    encode.write_videos([(film, videos / f"{film.name}.mp4") for film in [*training, *validation]], job.threads)


if __name__ == "__main__":
    run(main, globals()["snakemake"])
