"""Optimise a checkpoint by GRPO for accuracy, format and temporal alignment."""

from functools import partial
from pathlib import Path

import torch

from video_r2 import config
from video_r2.data.conversations import Conversation
from video_r2.data.frames import FrameCache
from video_r2.data.options import options_in
from video_r2.evaluation.prompts import asked_questions
from video_r2.judge import judge_of
from video_r2.judge.server import new_address
from video_r2.model.loading import load_model, load_processor, training_implementation
from video_r2.reading.answering import number_of
from video_r2.rewards.combined import RewardModel
from video_r2.run import Job, run
from video_r2.training.checkpoint import save_checkpoint
from video_r2.training.examples import VideoEncoder, usable_examples
from video_r2.training.grpo import Rewards, train_grpo
from video_r2.training.launch import launch
from video_r2.training.processes import tell
from video_r2.training.sharding import is_held_in_bf16, load_to_train
from video_r2.training.upkeep import Upkeep


def main(job: Job) -> None:
    """Inputs: start (checkpoint), rows, frames. Output: checkpoint.

    Parameters: seed, settings, semantics, judge, judge_service, temporal_alignment, overlay, decoder, cache, upkeep.
    """
    launch(train, job, config.Grpo.model_validate(job.params.settings))


def train(job: Job, upkeep: Upkeep) -> None:
    """Train from the job's last saved state, or from the start, to the checkpoint."""
    settings = config.Grpo.model_validate(job.params.settings)
    overlay = config.Overlay.model_validate(job.params.overlay)
    torch.set_num_threads(job.threads)
    processor = load_processor(job.input.start)
    model = load_to_train(job.input.start, settings)
    model.set_attn_implementation(training_implementation(settings.attention))
    cache = FrameCache(Path(job.params.cache), settings.frames, overlay, job.params.decoder)
    examples = usable_examples(job.input.rows, job.input.frames, cache)
    encode = VideoEncoder(model, processor, cache)
    load = partial(load_model, job.input.start, settings.attention)
    with judge_of(job, shared=tell(new_address())) as judge:
        reward_model = RewardModel(
            settings.rewards,
            config.TemporalAlignment.model_validate(job.params.temporal_alignment),
            judge,
            job.params.semantics,
        )
        rewards = reward_function(reward_model, examples)
        model, log = train_grpo(model, processor, encode, rewards, examples, settings, job.params.seed, upkeep, load)
        print(judge.report())

    manifest = {
        "stage": "grpo",
        "seed": job.params.seed,
        "start": str(job.input.start),
        "examples": len(examples),
        "settings": settings.model_dump(),
    }
    save_checkpoint(job.output.checkpoint, model, processor, manifest, log, is_held_in_bf16(settings))


def reward_function(reward_model: RewardModel, examples: list[Conversation]) -> Rewards:
    """What rewards completions of some of the examples, each beside the example that it is of."""
    asked = asked_questions([example.question for example in examples])
    questions = {example.id: question for example, question in zip(examples, asked, strict=True)}

    def rewards(completions: list[str], of: list[Conversation]) -> dict[str, list[float]]:
        options = [options_in(example.question) for example in of]
        return reward_model(
            completions,
            targets=[example.answer for example in of],
            answer_types=[answer_type(example, some) for example, some in zip(of, options, strict=True)],
            options=options,
            groundings=[example.grounding for example in of],
            questions=[questions[example.id] for example in of],
        )

    return rewards


def answer_type(example: Conversation, options: list[str]) -> str:
    """The kind of answer that a training example wants, which its row does not say."""
    if options:
        return "choice"
    return "text" if number_of(example.answer) is None else "number"


if __name__ == "__main__":
    run(main, globals()["snakemake"])
