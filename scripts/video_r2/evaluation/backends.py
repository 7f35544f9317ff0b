"""What a checkpoint is asked by."""

from __future__ import annotations

from dataclasses import dataclass

from video_r2 import config
from video_r2.data.frames import FrameCache
from video_r2.evaluation.answering import Answerer
from video_r2.evaluation.controls import clip_change
from video_r2.evaluation.prefixes import PrefixReader
from video_r2.evaluation.qwen import QwenAnswerer


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint, and all that its answers depend on besides the questions: what a process is given to load it.

    Attributes:
        folder: the checkpoint's.
        control: what is taken away from the clips.
        seed: of sampling.
    """

    folder: str
    decoding: config.Decoding
    frames: FrameCache
    control: str
    seed: int

    def open(self) -> Answerer:
        """Load it.

        Raises:
            UserError: if it cannot be.
        """
        reader = PrefixReader.of_checkpoint(self.folder, self.decoding, self.frames, clip_change(self.control))
        return QwenAnswerer(reader, self.decoding, self.seed)
