"""Group relative policy optimisation for video (paper section 3.3), on transformers' Trainer with trl's GRPOConfig.

trl's GRPOTrainer takes images, not videos, and each of its rollouts carries a copy of the prompt. Here a group shares its
prompt: the video goes through the frozen tower once in a run, the prompt is read once when a group is generated, and once
forward and backward when the policy is updated. Loss and gradients equal GRPOTrainer's (tests/training/test_grpo.py).
"""

from __future__ import annotations

import copy
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol, cast

import torch
from accelerate.data_loader import SeedableRandomSampler
from torch.utils.data import Sampler
from transformers import Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor
from trl import GRPOConfig
from trl.models import prepare_deepspeed, unwrap_model_for_generation

from video_r2.config import Grpo
from video_r2.data.conversations import Conversation
from video_r2.errors import UserError
from video_r2.model.generation import Completion, Prompt, generate, make_prefix, make_suffix
from video_r2.model.inputs import Media, VideoFeatures
from video_r2.model.shared_prefix import Branch, SharedPrefixBatch, Tree, encode_tree, make_shared_prefix_batch
from video_r2.training.examples import VideoEncoder
from video_r2.training.layout import Share, share_of
from video_r2.training.optimizer import trainer_arguments
from video_r2.training.processes import gather, place
from video_r2.training.sft import numbers_of
from video_r2.training.sharding import STAGES
from video_r2.training.trainer import SavingTrainer
from video_r2.training.upkeep import Upkeep

ADVANTAGE_EPSILON = 1e-4  # the release's; keeps a group of equal rewards at advantage 0


class Rewards(Protocol):
    """Scores completions: a list per component, one of them called "total"."""

    def __call__(self, completions: list[str], examples: list[Conversation]) -> dict[str, list[float]]: ...


def group_advantages(rewards: torch.Tensor) -> torch.Tensor:
    """Rewards (groups x group size) less their group's mean, over its unbiased standard deviation.

    A rollout whose reward is missing (NaN) counts in neither and has advantage 0.
    """
    known = ~rewards.isnan()
    number = known.sum(1, keepdim=True)
    centred = torch.where(known, rewards - rewards.nansum(1, keepdim=True) / number, 0.0)
    deviation = (centred.square().sum(1, keepdim=True) / (number - 1).clamp(min=1)).sqrt()
    return centred / (deviation + ADVANTAGE_EPSILON)


def grpo_loss(
    log_probs: torch.Tensor,
    old_log_probs: torch.Tensor,
    reference_log_probs: torch.Tensor | None,
    advantages: torch.Tensor,
    mask: torch.Tensor,
    *,
    kl_weight: float,
    clip: tuple[float, float],
    weighted_divergence: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Clipped policy loss and KL penalty, averaged over each completion's tokens, then over completions.

    Args:
        log_probs, old_log_probs, reference_log_probs, mask: completions x tokens.
        advantages: completions.
        clip: how far the probability ratio may fall below and rise above 1 and still count.
        weighted_divergence: weigh the divergence by the probability ratio, which makes its gradient unbiased; the
            release does not.

    Returns:
        the loss, and the KL divergence of every token (0 without a reference).
    """
    ratio = torch.exp(log_probs - old_log_probs)
    advantage = advantages[:, None]
    loss = -torch.min(ratio * advantage, ratio.clamp(1 - clip[0], 1 + clip[1]) * advantage)
    divergence = torch.zeros_like(loss)
    if reference_log_probs is not None:
        behind = reference_log_probs - log_probs
        divergence = torch.exp(behind) - behind - 1
        loss = loss + kl_weight * divergence * (ratio if weighted_divergence else 1)
    return ((loss * mask).sum(1) / mask.sum(1).clamp(min=1)).mean(), divergence.detach()


class SharedExamples(Sampler[int]):
    """Examples in the order of accelerate's sampler, each so often in a row: once for every process that shares it."""

    def __init__(self, examples: int, seed: int, parts: int) -> None:
        self._order = SeedableRandomSampler(range(examples), data_seed=seed)
        self._parts = parts

    def __iter__(self) -> Iterator[int]:
        for example in self._order:
            yield from [example] * self._parts

    def __len__(self) -> int:
        return len(self._order) * self._parts

    def set_epoch(self, epoch: int) -> None:
        self._order.set_epoch(epoch)


class VideoGRPOTrainer(SavingTrainer):
    """GRPO over prompts with videos; a batch is a list of prompts, each of which becomes a group of rollouts.

    Where there are more processes than prompts, several share a prompt: each generates a part of its group and learns from
    it; advantages are those of the whole group.

    Args:
        reference: the model that the KL divergence is taken from; None if its weight is 0.
        rewards: scores the completions.
        max_prompt_tokens: tokens that a prompt may have, those of its videos included.
        share: what of an optimizer step one process computes; by default all.
    """

    args: GRPOConfig

    def __init__(
        self,
        model: Qwen2_5_VLForConditionalGeneration,
        reference: Qwen2_5_VLForConditionalGeneration | None,
        processor: Qwen2_5_VLProcessor,
        encode: VideoEncoder,
        rewards: Rewards,
        args: GRPOConfig,
        examples: Sequence[Conversation],
        max_prompt_tokens: int,
        share: Share | None = None,
    ) -> None:
        super().__init__(
            model=model,
            args=args,
            train_dataset=numbers_of(examples),
            data_collator=lambda rows: {"examples": [examples[row["example"]] for row in rows]},
            processing_class=processor,
        )
        self.policy = model
        self.processor = processor
        self.parts = 1 if share is None else share.parts
        self.group_size = cast(int, args.num_generations) // self.parts  # of which this process sees to so many
        self.reference = reference
        if reference is not None and self.is_deepspeed_enabled:
            self.reference = prepare_deepspeed(reference, self.accelerator)
        self.encode = encode
        self.rewards = rewards
        self.max_prompt_tokens = max_prompt_tokens
        self._next_batch = -1, 0  # the optimizer step, and how many of its batches there have been
        self.observed: dict[str, list[float]] = defaultdict(list)
        # The loss is a mean over completions, not over the tokens of the accumulated batches.
        self.model_accepts_loss_kwargs = False

    def compute_loss(self, model: Any, inputs: dict[str, Any], *unused: Any, **ignored: Any) -> torch.Tensor:
        """Generate a group for each prompt, score it, and take the loss of the policy on it."""
        examples: list[Conversation] = inputs["examples"]
        media = self.encode(examples)
        completions = self.generate_groups(examples, media)
        advantages = self.score(examples, completions).flatten().to(model.device)
        batch = make_shared_prefix_batch(self.processor, self.policy, self._trees(examples, media, completions))
        return self.policy_loss(batch, advantages)

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int] | None:
        if self.parts == 1:
            return super()._get_train_sampler(train_dataset)
        return SharedExamples(len(cast(Any, self.train_dataset)), cast(int, self.args.data_seed), self.parts)

    def policy_loss(self, batch: SharedPrefixBatch, advantages: torch.Tensor) -> torch.Tensor:
        """Loss of the policy on groups whose branches have these advantages (one per branch, in order)."""
        # Wrapped, where the gradients are to be added up over processes.
        log_probs, entropy, mask = self.token_log_probs(self.model_wrapped, batch)
        with torch.no_grad():
            reference = None if self.reference is None else self.token_log_probs(self.reference, batch)[0]
        loss, divergence = grpo_loss(
            log_probs,
            log_probs.detach(),  # on-policy: every group is used for one update
            reference,
            advantages,
            mask,
            kl_weight=self.args.beta,
            clip=(self.args.epsilon, self.args.epsilon_high or self.args.epsilon),
            weighted_divergence=self.args.use_bias_correction_kl,
        )
        tokens = mask.sum().clamp(min=1)
        self.observe(kl=float((divergence * mask).sum() / tokens), entropy=float((entropy * mask).sum() / tokens))
        return loss

    @torch.no_grad()
    def generate_groups(
        self, examples: Sequence[Conversation], media: Sequence[Media[VideoFeatures]]
    ) -> list[list[Completion]]:
        """Sample a group of completions for every example; each has random numbers of its own.

        Raises:
            UserError: if a prompt is longer than it may be; a group's memory grows with it.
        """
        size = self.group_size
        limit = cast(int, self.args.max_completion_length)
        prompts: list[Prompt] = []
        rank, processes = place()
        first_member = rank % self.parts * size
        first_prompt = (self._batch_of_step() * (processes // self.parts) + rank // self.parts) * len(examples)
        with self._generating():
            for at, (example, shown) in enumerate(zip(examples, media, strict=True), first_prompt):
                prefix, suffix = (
                    make_prefix(self.policy, self.processor, shown),
                    make_suffix(self.processor, example.parts[-1]),
                )
                if (tokens := len(prefix.embeddings) + len(suffix)) > self.max_prompt_tokens:
                    raise UserError(
                        f"its prompt has {tokens} tokens, more than training.grpo.max_prompt_tokens = "
                        f"{self.max_prompt_tokens}",
                        file=example.media[0].path,
                        record=example.id,
                        cure="raise it, show fewer or smaller frames (training.grpo.frames), or leave the example out",
                    )
                group = ((self.args.seed * 1_000_003 + self.state.global_step) * 1_009 + at) * size * self.parts
                members = range(first_member, first_member + size)
                prompts += [Prompt(prefix, suffix, limit, group + member) for member in members]
            completions = generate(
                self.policy,
                prompts,
                batch=len(prompts),
                temperature=self.args.temperature,
                top_k=self.args.top_k or 0,
            )
        return [completions[start : start + size] for start in range(0, len(completions), size)]

    @contextmanager
    def _generating(self) -> Iterator[None]:
        """Have the policy ready to generate: whole on every device, since completions end at different lengths."""
        plugin = self.accelerator.state.deepspeed_plugin
        in_shares = plugin is not None and plugin.zero_stage == STAGES["zero3"]
        whole: AbstractContextManager[Any] = (
            unwrap_model_for_generation(self.model_wrapped, self.accelerator) if in_shares else nullcontext()
        )
        self.policy.eval()
        with whole, self.accelerator.autocast():
            yield
        self.policy.train()

    def _batch_of_step(self) -> int:
        """Number of the next batch among those that this process has in the optimizer step."""
        step, at = self._next_batch
        at = at if step == self.state.global_step else 0
        self._next_batch = self.state.global_step, at + 1
        return at

    def score(self, examples: Sequence[Conversation], groups: Sequence[Sequence[Completion]]) -> torch.Tensor:
        """Advantages of this process's completions, groups x completions."""
        tokenizer = self.processor.tokenizer
        texts = [tokenizer.decode(list(completion.tokens)) for group in groups for completion in group]
        repeated = [example for example, group in zip(examples, groups, strict=True) for _ in group]
        components = self.rewards(texts, repeated)
        own = torch.tensor(components["total"]).view(len(groups), -1)
        part = place()[0] % self.parts
        first = place()[0] - part
        total = torch.cat(gather(own)[first : first + self.parts], dim=1) if self.parts > 1 else own
        advantages = group_advantages(total)
        lengths = [len(completion.tokens) for group in groups for completion in group]
        finished = [completion.finished for group in groups for completion in group]
        self.observe(
            length=sum(lengths) / len(lengths),
            finished=sum(finished) / len(finished),
            empty=sum(not text.strip() for text in texts) / len(texts),
            groups_without_variance=float(
                (total.nan_to_num(-math.inf).amax(1) <= total.nan_to_num(math.inf).amin(1)).float().mean()
            ),
            rewards_missing=float(own.isnan().float().mean()),
        )
        for name, values in components.items():
            known = [value for value in values if math.isfinite(value)]
            if known:
                self.observe(**{f"reward/{name}": sum(known) / len(known)})
        return advantages.chunk(self.parts, dim=1)[part]

    def token_log_probs(
        self, model: torch.nn.Module, batch: SharedPrefixBatch
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Log-probability at the sampling temperature, entropy and mask of every completion token: completions x tokens."""
        with self.accelerator.autocast():
            outputs = model(**batch.model_inputs(), use_cache=False, logits_to_keep=batch.before)
        logits = outputs.logits[0].float() / self.args.temperature
        all_log_probs = logits.log_softmax(-1)
        chosen = all_log_probs.gather(1, batch.said_tokens()[:, None])[:, 0]
        with torch.no_grad():
            entropies = -(all_log_probs.exp() * all_log_probs).sum(-1)
        return batch.by_branch(chosen), batch.by_branch(entropies), batch.by_branch(torch.ones_like(chosen))

    def _trees(
        self,
        examples: Sequence[Conversation],
        media: Sequence[Media[VideoFeatures]],
        groups: Sequence[Sequence[Completion]],
    ) -> list[Tree]:
        end = (self.processor.tokenizer.eos_token_id,)
        trees = []
        for example, shown, group in zip(examples, media, groups, strict=True):
            prompt = encode_tree(self.processor, shown, example.parts[-1], [("", "", "")])
            prefix = (*prompt.prefix, *prompt.branches[0].given)
            said = [completion.tokens + (end if completion.finished else ()) for completion in group]
            trees.append(Tree(prefix, shown.videos, tuple(Branch((), tokens) for tokens in said)))
        return trees

    def observe(self, **values: float) -> None:
        """Keep values until they are logged, averaged over the steps in between."""
        for name, value in values.items():
            self.observed[name].append(value)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        of_all: dict[str, list[float]] = defaultdict(list)
        for observed in gather(dict(self.observed)):
            for name, values in observed.items():
                of_all[name] += values
        averages = {name: sum(values) / len(values) for name, values in of_all.items()}
        self.observed.clear()
        super().log({**logs, **averages}, start_time)


def train_grpo(
    model: Qwen2_5_VLForConditionalGeneration,
    processor: Qwen2_5_VLProcessor,
    encode: VideoEncoder,
    rewards: Rewards,
    examples: Sequence[Conversation],
    settings: Grpo,
    seed: int,
    upkeep: Upkeep,
    load: Callable[[], Qwen2_5_VLForConditionalGeneration],
) -> tuple[Qwen2_5_VLForConditionalGeneration, list[dict[str, float]]]:
    """Train all weights of the language model, from the last saved state if there is one.

    Vision tower and merger stay as they are. The KL divergence is taken from `model` as it is given.

    Args:
        load: gives the start once more, in float32, where the trained model is in shares.

    Returns:
        the model (of several processes in the first one), and what was logged at every step: loss, reward components, KL,
        entropy, length.

    Raises:
        Interrupted: if training was asked to leave and its state is saved.
        UserError: if training has gone wrong, or cannot begin.
    """
    torch.manual_seed(seed)
    model.model.visual.requires_grad_(False)
    share = share_of(settings.prompts_per_step, settings.per_device_batch, upkeep.layout.processes, settings.group_size)
    arguments = GRPOConfig(
        **trainer_arguments(settings, share, seed, upkeep),
        logging_steps=1,
        num_generations=settings.group_size,
        generation_batch_size=settings.group_size * settings.prompts_per_step,
        temperature=settings.temperature,
        top_k=settings.top_k,
        max_completion_length=settings.max_new_tokens,
        beta=settings.kl_weight,
        loss_type="grpo",
        use_bias_correction_kl=False,
    )
    if settings.sharding != "none":
        encode.keep_tower_whole(arguments.device)
    reference = copy.deepcopy(model).eval().requires_grad_(False) if settings.kl_weight else None
    trainer = VideoGRPOTrainer(
        model, reference, processor, encode, rewards, arguments, examples, settings.max_prompt_tokens, share
    )
    log = trainer.train_on(upkeep)
    return cast(Qwen2_5_VLForConditionalGeneration, trainer.whole(load)), log
