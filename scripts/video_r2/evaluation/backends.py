"""What a checkpoint is asked by."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from transformers import CONFIG_MAPPING

from video_r2 import config
from video_r2.data.frames import FrameCache
from video_r2.errors import UserError
from video_r2.evaluation.answering import Answerer
from video_r2.evaluation.clips import Clips
from video_r2.evaluation.controls import clip_change
from video_r2.evaluation.lmms_models import LmmsAnswerer
from video_r2.evaluation.prefixes import PrefixReader
from video_r2.evaluation.qwen import QwenAnswerer
from video_r2.evaluation.vllm_engine import VllmAnswerer


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint, and all that its answers depend on besides the questions: what a process is given to load it.

    Attributes:
        folder: the checkpoint's.
        backend: what it is asked by.
        control: what is taken away from the clips.
        seed: of sampling.
    """

    folder: str
    backend: config.Backend
    decoding: config.Decoding
    frames: FrameCache
    control: str
    seed: int

    def open(self) -> Answerer:
        """Load it.

        Raises:
            UserError: if it cannot be, or holds code of its own that is not trusted.
        """
        if self.backend.kind == "qwen2_5_vl":
            reader = PrefixReader.of_checkpoint(self.folder, self.decoding, self.frames, clip_change(self.control))
            return QwenAnswerer(reader, self.decoding, self.seed)
        require_trust(Path(self.folder), self.backend.trust_remote_code)
        clips = Clips(self.frames, self.control, self.backend.max_frames)
        if self.backend.kind == "vllm":
            return VllmAnswerer.of_checkpoint(self.folder, self.backend, self.decoding, clips, self.seed)
        return LmmsAnswerer.of_checkpoint(self.folder, self.backend, self.decoding, clips, self.seed)


def require_trust(folder: Path, trusted: bool) -> None:
    """See that no code of a checkpoint's own is run that is not trusted, and that what is trusted is there.

    Some libraries run it whatever they are told, so that it must not even lie there.

    Raises:
        UserError: if there is code, or none will do without, and it is not trusted; or if it is trusted and missing.
    """
    try:
        settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(
            f"holds no model: its config.json cannot be read ({error})", file=folder, cure="make the checkpoint again"
        ) from error
    code = [path.name for path in sorted(folder.glob("*.py"))]
    needs_code = "auto_map" in settings and settings.get("model_type") not in CONFIG_MAPPING
    if not trusted and (code or needs_code):
        what = f"holds code of its own ({', '.join(code)})" if code else "is a model that only its own code can load"
        raise UserError(
            f"{what}, which is not run unless it is trusted",
            file=folder,
            cure="read the code at the hub; then set backend.trust_remote_code: true for this model, or leave it out",
        )
    if trusted and needs_code and not code:
        raise UserError(
            "the code that it needs was not downloaded",
            file=folder,
            cure="delete the folder: with trust_remote_code, it is fetched again with its code",
        )
