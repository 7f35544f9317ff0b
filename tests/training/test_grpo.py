from __future__ import annotations

import copy
import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from datasets import Dataset
from tiny import tiny_model
from trl import GRPOConfig, GRPOTrainer

import train_grpo
from video_r2.config import RewardWeights, TemporalAlignment
from video_r2.data.conversations import Conversation, Medium
from video_r2.judge.rules import RuleJudge
from video_r2.model.generation import Completion
from video_r2.model.loading import attention_implementation, training_implementation
from video_r2.model.shared_prefix import Branch, Tree, make_shared_prefix_batch
from video_r2.rewards.combined import RewardModel
from video_r2.training.grpo import VideoGRPOTrainer, group_advantages


def test_advantages_by_hand() -> None:
    # Mean 1; deviations -1, 0, 1; unbiased standard deviation 1.
    advantages = group_advantages(torch.tensor([[0.0, 1.0, 2.0], [5.0, 5.0, 5.0]]))
    assert advantages[0].tolist() == pytest.approx([-1 / 1.0001, 0.0, 1 / 1.0001])
    assert advantages[1].tolist() == [0.0, 0.0, 0.0]
    assert not math.isnan(advantages.sum())
    # Of those that are known the mean is 1 again; one alone has nothing to be compared with.
    missing = math.nan
    advantages = group_advantages(
        torch.tensor([[0.0, 1.0, missing, 2.0], [missing, 3.0, missing, missing], [missing] * 4])
    )
    assert advantages[0].tolist() == pytest.approx([-1 / 1.0001, 0.0, 0.0, 1 / 1.0001])
    assert advantages[1:].tolist() == [[0.0] * 4] * 2


@pytest.mark.parametrize(("kl_weight", "weighted"), [(0.0, False), (0.3, False), (0.3, True)])
@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_loss_and_gradients_equal_those_of_trl(tmp_path, kl_weight: float, weighted: bool, temperature: float) -> None:
    model, processor = tiny_model()
    model.save_pretrained(tmp_path / "model")  # trl loads its own reference from where the model came from
    model = type(model).from_pretrained(tmp_path / "model")
    arguments = GRPOConfig(
        output_dir=str(tmp_path),
        per_device_train_batch_size=6,
        num_generations=3,
        beta=kl_weight,
        use_bias_correction_kl=weighted,
        temperature=temperature,
        loss_type="grpo",
        max_completion_length=7,
        bf16=False,
        report_to="none",
        use_cpu=True,
        gradient_checkpointing=False,
    )
    random = torch.Generator().manual_seed(0)
    prompts = [torch.randint(20, 250, (length,), generator=random) for length in (9, 5)]
    completions = [torch.randint(20, 250, (length,), generator=random) for length in (7, 3, 5, 1, 6, 2)]
    advantages = torch.tensor([1.0, -0.5, -0.5, 0.7, 0.3, -1.0])
    reference = copy.deepcopy(model)
    with torch.no_grad():
        for weight in reference.parameters():
            weight.add_(0.02 * torch.randn(weight.shape, generator=random))

    # trl: every completion carries its prompt, prompts padded on the left.
    model.set_attn_implementation(attention_implementation("eager"))
    reference.set_attn_implementation(attention_implementation("eager"))
    theirs = GRPOTrainer(
        model=model,
        reward_funcs=lambda completions, **_: [0.0] * len(completions),
        args=arguments,
        train_dataset=Dataset.from_dict({"prompt": ["a"] * 6}),
        processing_class=processor,
    )
    theirs.current_gradient_accumulation_steps = 1
    inputs = {
        "prompt_ids": pad([prompts[at // 3] for at in range(6)], "left"),
        "prompt_mask": pad([torch.ones_like(prompts[at // 3]) for at in range(6)], "left"),
        "completion_ids": pad(completions, "right"),
        "completion_mask": pad([torch.ones_like(completion) for completion in completions], "right"),
        "advantages": advantages,
    }
    if kl_weight:
        with torch.no_grad():
            theirs.ref_model.load_state_dict(reference.state_dict())
            inputs["ref_per_token_logps"] = theirs._get_per_token_logps_and_entropies(
                theirs.ref_model,
                torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], 1),
                torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], 1),
                inputs["completion_ids"].shape[1],
            )[0]
    model.train()
    model.zero_grad()
    expected = theirs._compute_loss(theirs.model, inputs)
    expected.backward()
    expected_gradients = {
        name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None
    }

    # Ours: a group is one row.
    for each in (model, reference):
        each.set_attn_implementation(training_implementation("eager"))
    ours = VideoGRPOTrainer(model, reference if kl_weight else None, processor, None, None, arguments, [], 100)
    trees = [
        Tree(tuple(prompt.tolist()), (), tuple(Branch((), tuple(said.tolist())) for said in completions[at : at + 3]))
        for at, prompt in zip((0, 3), prompts, strict=True)
    ]
    model.zero_grad()
    loss = ours.policy_loss(make_shared_prefix_batch(processor, model, trees), advantages)
    loss.backward()

    torch.testing.assert_close(loss, expected.to(loss.dtype), atol=1e-6, rtol=1e-5)
    assert expected_gradients
    for name, gradient in expected_gradients.items():
        torch.testing.assert_close(dict(model.named_parameters())[name].grad, gradient, atol=1e-6, rtol=1e-4)
    if kl_weight:
        assert ours.observed["kl"][0] == pytest.approx(theirs._metrics["train"]["kl"][0], rel=1e-4)
    assert ours.observed["entropy"][0] == pytest.approx(theirs._metrics["train"]["entropy"][0], rel=1e-4)


def pad(rows: list[torch.Tensor], side: str) -> torch.Tensor:
    length = max(map(len, rows))
    return torch.stack(
        [
            torch.nn.functional.pad(row, (length - len(row), 0) if side == "left" else (0, length - len(row)))
            for row in rows
        ]
    )


def test_the_judge_of_the_gate_is_given_the_question() -> None:
    """What a bare number in the answer counts is said in the question alone."""
    examples = [
        Conversation(
            id=unit,
            kind="video",
            media=[Medium("v.mp4")],
            question=f"How many {unit} does it last?\nThink first, then answer.",
            trace="",
            think="",
            answer="120",
            grounding={},
        )
        for unit in ("seconds", "hours")
    ]
    reward_model = RewardModel(RewardWeights(), TemporalAlignment(), RuleJudge())
    rewards = train_grpo.reward_function(reward_model, examples)
    completion = "<think>The walk takes 2 minutes.</think><answer>120</answer>"
    assert rewards([completion] * 2, examples)["consistency"] == [1.0, 0.0]
    assert rewards([completion], examples[1:])["consistency"] == [0.0]


def groups_of(size: int, folder: Path) -> GRPOConfig:
    return GRPOConfig(
        output_dir=str(folder),
        per_device_train_batch_size=size,
        num_generations=size,
        bf16=False,
        report_to="none",
        use_cpu=True,
        gradient_checkpointing=False,
    )


def test_a_rollout_without_a_reward_moves_nothing_and_is_counted(tmp_path) -> None:
    model, processor = tiny_model()
    totals = [1.0, math.nan, 3.0, 2.0]

    def rewards(completions: list[str], examples: list[Conversation]) -> dict[str, list[float]]:
        return {"total": totals, "gate": [1.0, math.nan, 0.0, 1.0]}

    trainer = VideoGRPOTrainer(model, None, processor, None, rewards, groups_of(4, tmp_path), [], 100)
    example = Conversation("one", "video", [Medium("v.mp4")], "Which?", "", "", "", {})
    completions = [Completion(tokens=(30, 31), finished=True)] * 4
    assert trainer.score([example], [completions])[0].tolist() == pytest.approx([-1 / 1.0001, 0.0, 1 / 1.0001, 0.0])
    logged = trainer.observed
    assert logged["rewards_missing"] == [0.25]
    assert logged["reward/total"] == [2.0]
    assert logged["reward/gate"] == pytest.approx([2 / 3])
    assert logged["groups_without_variance"] == [0.0]
    totals[:] = [math.nan, 2.0, 2.0, 2.0]
    trainer.score([example], [completions])
    assert logged["groups_without_variance"] == [0.0, 1.0]


def test_no_two_rollouts_of_a_step_share_their_random_numbers(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step may be accumulated over several batches of prompts."""
    model, processor = tiny_model()
    trainer = VideoGRPOTrainer(model, None, processor, None, None, groups_of(2, tmp_path), [], 100)
    draws: list[int] = []

    def generate(policy, prompts, **settings):
        draws.extend(prompt.seed for prompt in prompts)
        return list(prompts)

    prefix = SimpleNamespace(embeddings=torch.zeros(3, 4))
    monkeypatch.setattr("video_r2.training.grpo.generate", generate)
    monkeypatch.setattr("video_r2.training.grpo.make_prefix", lambda *_: prefix)
    examples = [Conversation(str(at), "video", [Medium("v.mp4")], "Which?", "", "", "", {}) for at in range(2)]
    for step in (0, 0, 0, 1, 1):
        trainer.state.global_step = step
        assert [len(group) for group in trainer.generate_groups(examples, [None, None])] == [2, 2]
    assert len(set(draws)) == len(draws) == 20
