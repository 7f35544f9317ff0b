"""vLLM as what answers: faster where a GPU has room for many questions at once. It is to be installed (docs/models.md)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from typing import Any

from transformers import AutoProcessor, Qwen2_5_VLProcessor

from video_r2 import config
from video_r2.data.frames import Clip
from video_r2.errors import RejectedRecord, UserError
from video_r2.evaluation.answering import Asked, Response, Responses, question_seed
from video_r2.evaluation.clips import Clips
from video_r2.evaluation.kept import Question

VIDEO = "<video>"  # what stands for a video in the turns of checkpoints that have no processor of transformers'


@dataclass(frozen=True)
class VllmAnswerer:
    """Answers with vLLM, a batch of questions at once.

    Attributes:
        engine: a vllm.LLM.
        sampling: vllm.SamplingParams.
        processor: writes a question as the checkpoint's chat template does.
    """

    engine: Any
    sampling: Any
    processor: Any
    decoding: config.Decoding
    clips: Clips
    seed: int

    @classmethod
    def of_checkpoint(
        cls, folder: str, backend: config.Backend, decoding: config.Decoding, clips: Clips, seed: int
    ) -> VllmAnswerer:
        """Load a checkpoint.

        Raises:
            UserError: if vLLM is not installed.
        """
        try:
            import vllm
        except ImportError as error:
            raise UserError(
                f"vLLM cannot be imported ({error})",
                cure="install it in the environment of predict (docs/models.md), or take the model's backend.kind: vllm away",
            ) from error
        engine = vllm.LLM(model=folder, **engine_settings(backend, decoding))
        processor = AutoProcessor.from_pretrained(folder, trust_remote_code=backend.trust_remote_code)
        return cls(engine, vllm.SamplingParams, processor, decoding, clips, seed)

    def answer(self, questions: Sequence[Asked], known: Set[Question]) -> Iterator[Responses]:
        """Answer those questions that are not known, `decoding.batch` at once."""
        left = [asked for asked in questions if asked.key not in known]
        for first in range(0, len(left), self.decoding.batch):
            yield self._answer(left[first : first + self.decoding.batch])

    def _answer(self, questions: Sequence[Asked]) -> Responses:
        responses: dict[Question, Response] = {}
        put: list[Asked] = []
        requests: list[dict[str, Any]] = []
        for asked in questions:
            try:
                if isinstance(asked.start, RejectedRecord):
                    raise asked.start
                clip = self.clips.load(asked.video, asked.subtitle)
            except RejectedRecord as reason:
                responses[asked.key] = Response(asked.prompt, rejected=reason)
                continue
            put.append(asked)
            requests.append(build_request(self.processor, asked, clip))
        sampling = [self.sampling(**sampling_settings(asked, self.decoding, self.seed)) for asked in put]
        outputs = self.engine.generate(requests, sampling, use_tqdm=False) if put else []
        for asked, output in zip(put, outputs, strict=True):
            said = output.outputs[0]
            text, finished = f"{asked.start}{said.text}", said.finish_reason == "stop"
            responses[asked.key] = Response(asked.prompt, text, len(said.token_ids) - finished, finished)
        return responses


def engine_settings(backend: config.Backend, decoding: config.Decoding) -> dict[str, Any]:
    """Arguments of vllm.LLM besides the model; the configured ones go before."""
    settings = {
        "dtype": "bfloat16" if decoding.bf16 else "float32",
        "max_num_seqs": decoding.batch,
        "limit_mm_per_prompt": {"image": 0, "video": 1},
        "trust_remote_code": backend.trust_remote_code,
    }
    return {**settings, **backend.arguments}


def sampling_settings(asked: Asked, decoding: config.Decoding, seed: int) -> dict[str, Any]:
    """Arguments of vllm.SamplingParams; every question draws from its own random numbers."""
    return {
        "temperature": decoding.temperature,
        "top_k": decoding.top_k,
        "max_tokens": asked.max_new_tokens,
        "seed": question_seed(seed, *asked.key) % 2**63,  # a signed number of 64 bits
    }


def build_request(processor: Any, asked: Asked, clip: Clip) -> dict[str, Any]:
    """A request to vllm.LLM.generate: the prompt with one placeholder for the video, the frames, and when they are seen.

    Frames are not sampled again, and those of a Qwen2.5-VL, which are at its size, not resized either. Without what goes with
    them it would take them for frames of a video of 24 a second.
    """
    number = len(clip.frames)
    times = {"fps": clip.fps_effective, "frames_indices": list(range(number)), "total_num_frames": number}
    told = {**times, "duration": number / clip.fps_effective}
    request: dict[str, Any] = {"multi_modal_data": {"video": [(clip.frames, told)]}}
    turns: Any
    if hasattr(processor, "video_processor"):
        turns = [{"role": "user", "content": [{"type": "video"}, {"type": "text", "text": asked.prompt}]}]
        request["mm_processor_kwargs"] = {"do_sample_frames": False}
        if isinstance(processor, Qwen2_5_VLProcessor):
            request["mm_processor_kwargs"]["do_resize"] = False
    else:
        turns = [{"role": "user", "content": f"{VIDEO}\n{asked.prompt}"}]
    text = processor.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    return {"prompt": f"{text}{asked.start}", **request}
