"""The clips that a model is shown."""

from __future__ import annotations

from dataclasses import dataclass

from video_r2.data.frames import Clip, FrameCache, at_most
from video_r2.evaluation.controls import clip_change


@dataclass(frozen=True)
class Clips:
    """Clips of the frame cache, as one evaluation shows them.

    Attributes:
        control: what is taken away from them.
        max_frames: frames of one at most; None for all.
    """

    cache: FrameCache
    control: str = "none"
    max_frames: int | None = None

    def load(self, video: str, subtitle: str) -> Clip:
        """Give the clip of a video; `subtitle` is empty if there is none.

        Raises:
            RejectedRecord: if the video or the subtitle cannot be used.
        """
        clip = self.cache.load(video, subtitle or None)
        change = clip_change(self.control)
        clip = clip if change is None else change(clip)
        return clip if self.max_frames is None else at_most(clip, self.max_frames)
