"""Models of other families, by the classes that lmms-eval has for them.

They are shown this project's frames and not those that they would choose: these repeat frames where a video has few, and some
of the classes read no .mkv or .webm. They answer one question at a time.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from lmms_eval.api.instance import GenerationResult, Instance
from lmms_eval.api.model import lmms
from lmms_eval.models import get_model, list_available_models
from loguru import logger
from PIL import Image
from transformers import AutoModelForImageTextToText

from video_r2 import config
from video_r2.data.frames import Clip
from video_r2.errors import RejectedRecord, UserError
from video_r2.evaluation.answering import Asked, Response, Responses, question_seed
from video_r2.evaluation.clips import Clips
from video_r2.evaluation.kept import Question
from video_r2.model.loading import available_attention

MEDIA = ("images", "videos", "audios")  # arguments of processors
TASK, SPLIT = "asked", "test"  # under which lmms-eval's model finds the question that it is asked


@dataclass(frozen=True)
class LmmsAnswerer:
    """Answers with a model class of lmms-eval.

    Attributes:
        name: of the class in lmms-eval's registry.
        model: its instance.
        decoding: temperature; a class that has no other way takes the likeliest token in its own way.
    """

    name: str
    model: Any
    decoding: config.Decoding
    clips: Clips
    seed: int

    @classmethod
    def of_checkpoint(
        cls, folder: str, backend: config.Backend, decoding: config.Decoding, clips: Clips, seed: int
    ) -> LmmsAnswerer:
        """Load a checkpoint, on the GPU where there is one.

        Raises:
            UserError: if lmms-eval has no such class, or the class cannot load it.
        """
        name = str(backend.model)
        if name not in list_available_models(include_aliases=True):
            raise UserError(
                f"lmms-eval has no model {name!r}", cure="see `python -m lmms_eval --model list` for its models"
            )
        try:
            kind = get_model(name)
            _mend(sys.modules[kind.__module__])
            model = kind(**_arguments(kind, folder, backend, decoding))
        except Exception as error:
            raise UserError(
                f"lmms-eval's model {name!r} cannot load it: {type(error).__name__}: {error}",
                file=folder,
                cure="see that backend.model and backend.arguments are those for this checkpoint (docs/models.md)",
            ) from error
        for place in ("processor", "_image_processor"):
            if callable(getattr(model, place, None)):
                setattr(model, place, _GivenMedia(getattr(model, place)))
        return cls(name, model, decoding, clips, seed)

    def answer(self, questions: Sequence[Asked], known: Set[Question]) -> Iterator[Responses]:
        """Answer those questions that are not known, one by one."""
        for asked in questions:
            if asked.key not in known:
                yield {asked.key: self._answer(asked)}

    def _answer(self, asked: Asked) -> Response:
        try:
            clip = self.clips.load(asked.video, asked.subtitle)
        except RejectedRecord as reason:
            return Response(asked.prompt, rejected=reason)
        torch.manual_seed(question_seed(self.seed, *asked.key))
        self.model.task_dict = {TASK: {SPLIT: [{}]}}
        errors: list[str] = []
        logger.enable("lmms_eval")
        sink = logger.add(errors.append, level="ERROR", format="{message}")
        try:
            (said,) = self.model.generate_until([self._request(asked, clip)])
        finally:
            logger.remove(sink)
            logger.disable("lmms_eval")
        if errors:  # the classes log them, and go on with an empty answer
            raise UserError(
                f"lmms-eval's model {self.name!r} failed: {errors[0].strip()}",
                record=" ".join(asked.key),
                cure="if it is for memory: fewer frames (backend.max_frames)",
            )
        return _response(asked, said, self.model)

    def _request(self, asked: Asked, clip: Clip) -> Instance:
        settings = {"max_new_tokens": asked.max_new_tokens, "temperature": self.decoding.temperature, "until": []}
        arguments: tuple[Any, ...]
        if self.model.is_simple:
            arguments = (asked.prompt, settings, lambda doc: [clip.frames], 0, TASK, SPLIT)
        else:
            content = [{"type": "video", "url": clip.frames}, {"type": "text", "text": asked.prompt}]
            arguments = (asked.prompt, lambda doc: [{"role": "user", "content": content}], settings, 0, TASK, SPLIT)
        metadata = {"task": TASK, "doc_id": 0, "repeats": 1}
        return Instance(request_type="generate_until", arguments=arguments, idx=0, metadata=metadata)


def _arguments(kind: type[lmms], folder: str, backend: config.Backend, decoding: config.Decoding) -> dict[str, Any]:
    """What a class is constructed with: of what this project knows, what the class takes; then the configured arguments."""
    device = "cuda:0" if torch.cuda.is_available() else "cpu"
    known = {
        "pretrained": folder,
        "device": device,
        "device_map": device,
        "batch_size": 1,
        "attn_implementation": available_attention(decoding.attention),
        "trust_remote_code": backend.trust_remote_code,
        "num_frames": None,  # the frames are chosen already
        "fps": None,
    }
    taken = inspect.signature(kind).parameters
    return {name: value for name, value in known.items() if name in taken} | backend.arguments


class _GivenMedia:
    """A processor that is not told of media that there are none of: those of transformers 5 do not take an empty list."""

    def __init__(self, processor: Any) -> None:
        self._processor = processor

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        given = {
            name: value for name, value in named.items() if name not in MEDIA or (value is not None and len(value))
        }
        return self._processor(*arguments, **given)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._processor, name)


def _mend(module: Any) -> None:
    """Mend what lmms-eval 0.7.3 does not do for the models of the paper.

    `huggingface` loads a model that answers about images without the head that it answers with. `internvl2` reads videos of a
    path alone.
    """
    if module.__name__ == "lmms_eval.models.chat.huggingface":
        module.AutoModel = AutoModelForImageTextToText
    if module.__name__ == "lmms_eval.models.simple.internvl2":

        def tiles(frames: np.ndarray, **unused: Any) -> tuple[torch.Tensor, list[int]]:
            return internvl2_tiles(frames, module.load_image)

        module.load_video = tiles


def internvl2_tiles(frames: np.ndarray, load_image: Any) -> tuple[torch.Tensor, list[int]]:
    """Each frame as one tile, as InternVL2's class takes a video: frames x 3 x side x side, and one tile for each frame."""
    return torch.cat([load_image(Image.fromarray(frame), max_num=1) for frame in frames]), [1] * len(frames)


def _response(asked: Asked, said: GenerationResult | str, model: Any) -> Response:
    """What lmms-eval's model gave back: not every class says how many tokens it made, and the end of a turn is one."""
    if isinstance(said, GenerationResult) and said.token_counts is not None:
        text, made = said.text, int(said.token_counts.output_tokens or 0)
        finished = made < asked.max_new_tokens
        return Response(asked.prompt, text, made - 1 if finished else made, finished)
    text = said.text if isinstance(said, GenerationResult) else said
    made = len(model.tokenizer.encode(text, add_special_tokens=False))
    return Response(asked.prompt, text, made, made < asked.max_new_tokens)
