"""What SFT and GRPO add to transformers' Trainer: a state that is whole, and leaving before the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import load_file, save_file
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer import TRAINER_STATE_NAME

from video_r2.errors import Interrupted
from video_r2.training.guards import EMPTY, NORM, VARIANCE
from video_r2.training.processes import any_of_them, gather, place
from video_r2.training.sharding import whole_weights
from video_r2.training.upkeep import Upkeep

WEIGHTS = "weights.safetensors"
FIGURES = {"loss": "loss", "grad_norm": NORM, "groups_without_variance": VARIANCE, "empty": EMPTY}  # names in the log


class SavingTrainer(Trainer):
    """A trainer that saves its state where its `upkeep` says, and takes it up again.

    The weights that are trained are saved by their names in the model; the others are those of the start. transformers'
    own checkpoint would not do: it names weights as the hub does, and passes over names that it does not find when it reads
    them again. Optimizer, schedule and random states are saved and read as transformers does; with DeepSpeed, weights too,
    by every process those that it has.
    """

    upkeep: Upkeep

    def _save_checkpoint(self, model: torch.nn.Module, trial: Any) -> None:
        with self.upkeep.saving(self.state.global_step) as folder:
            self._save_optimizer_and_scheduler(str(folder))
            self._save_rng_state(str(folder))
            if place()[0] == 0:
                self.state.save_to_json(str(folder / TRAINER_STATE_NAME))
                if not self.is_deepspeed_enabled:
                    trained = {name: weight.detach().contiguous() for name, weight in self.trained().items()}
                    save_file(trained, folder / WEIGHTS)

    @torch.no_grad()
    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: torch.nn.Module | None = None) -> None:
        saved = load_file(Path(resume_from_checkpoint, WEIGHTS))
        for name, weight in self.trained().items():
            weight.copy_(saved[name])

    def _prepare_input(self, data: Any) -> Any:
        # With DeepSpeed, transformers would round times to the precision of the weights.
        return data.to(self.args.device) if isinstance(data, torch.Tensor) else super()._prepare_input(data)

    def trained(self) -> dict[str, torch.nn.Parameter]:
        """The weights that are trained, by their names in the model."""
        parameters = cast(torch.nn.Module, self.model).named_parameters()
        return {name: weight for name, weight in parameters if weight.requires_grad}

    @torch.no_grad()
    def whole(self, load: Callable[[], torch.nn.Module]) -> torch.nn.Module:
        """The trained model, whole: of use in the first process only.

        Args:
            load: gives the model as training began; of a model in shares the trained weights are put into it.
        """
        if not self.is_deepspeed_enabled:
            return cast(torch.nn.Module, self.model)
        trained = whole_weights(self.trained())
        whole = load() if place()[0] == 0 else torch.nn.Module()
        parameters = dict(whole.named_parameters())
        for name, weight in trained.items():
            parameters[name].copy_(weight)
        return whole

    def train_on(self, upkeep: Upkeep) -> list[dict[str, float]]:
        """Train from the last saved state, or from the start if there is none.

        Returns:
            what was logged at every step.

        Raises:
            Interrupted: if training was asked to leave and its state is saved.
            UserError: if training has gone wrong, or there is no space for its states.
        """
        self.upkeep = upkeep
        if place()[0] == 0:
            trained = self.trained().values()
            # The optimizer keeps two figures for each weight in float32, and DeepSpeed the weight besides.
            figures = 3 if self.is_deepspeed_enabled else 2
            left = 2 if self.is_deepspeed_enabled and self.args.bf16 else 4  # bytes of a weight of the checkpoint
            upkeep.snapshots.make_room(
                sum(weight.nbytes + 4 * figures * weight.numel() for weight in trained),
                sum(left * weight.numel() for weight in cast(torch.nn.Module, self.model).parameters()),
            )
        looking = _Looking(self)
        self.add_callback(looking)
        last = upkeep.snapshots.last
        with upkeep.watch:
            self.train(resume_from_checkpoint=None if last is None else str(last))
        if looking.why is not None:
            raise Interrupted(self.state.global_step, self.state.max_steps, looking.why)
        return [entry for entry in self.state.log_history if "loss" in entry]

    def take_up(self, logged: Sequence[Mapping[str, float]]) -> None:
        """Told what had been logged before, when training goes on from a saved state."""


class _Looking(TrainerCallback):
    """Looks after every step whether training goes well, is to be saved, or is to leave.

    Attributes:
        why: who asked to leave; None if nobody did.
    """

    def __init__(self, trainer: SavingTrainer) -> None:
        self._trainer, self._upkeep = trainer, trainer.upkeep
        self.why: str | None = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **unused: Any
    ) -> None:
        self._upkeep.watch.saved(state.global_step)
        if state.global_step:
            print(f"going on from step {state.global_step} of {state.max_steps}")
            for entry in state.log_history:
                self._upkeep.guard.remember(_figures(entry))
            self._trainer.take_up(state.log_history)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **unused: Any) -> None:
        if state.global_step >= state.max_steps:
            return
        # A signal may reach one process only, and clocks differ: all do what one of them is to do.
        why = self._upkeep.watch.why
        leaving, due = any_of_them(why is not None, place()[0] == 0 and self._upkeep.watch.due(state.global_step))
        if leaving:
            self.why = next(filter(None, gather(why)))
            control.should_training_stop = True
        control.should_save = leaving or due

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any) -> None:
        # Before the state is saved: none is kept of a step that has gone wrong.
        if "loss" in given["logs"]:
            self._upkeep.guard.check(state.global_step, _figures(given["logs"]))

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **unused: Any) -> None:
        self._upkeep.watch.saved(state.global_step)


def _figures(logged: Mapping[str, float]) -> dict[str, float]:
    return {name: logged[key] for key, name in FIGURES.items() if key in logged}
