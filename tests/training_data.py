"""A checkpoint to start from and rows about real videos, for tiny trainings."""

from __future__ import annotations

import json
from pathlib import Path

from tiny import FRAMES, tiny_model

from video_r2 import config
from video_r2.data.conversations import Conversation, Medium, write_jsonl
from video_r2.data.encode import write_video
from video_r2.data.frames import FrameCache
from video_r2.data.world import make_film


def write_data(folder: Path) -> None:
    """Write a checkpoint to start from, and six rows about four videos."""
    model, processor = tiny_model()
    model.save_pretrained(folder / "start")
    processor.save_pretrained(folder / "start")
    for number in range(4):
        write_video(make_film(str(number), str(number), (8, 9), [2], (56, 56)), folder / f"{number}.mp4")
    cache = FrameCache(folder / "cache", FRAMES, config.Overlay(), "pyav")
    videos = [str(folder / f"{number}.mp4") for number in range(4)]
    clips = [cache.entry(video, None) for video in videos]
    (folder / "clips.json").write_text(json.dumps(clips), encoding="utf-8")
    rows = []
    for number in range(6):
        colour, letter = ("red", "A") if number % 2 else ("blue", "B")
        question = f"What colour is the circle at 00:0{number}?\nOptions:\nA. red\nB. blue"
        trace = f"<think>00:0{number}-00:08: {colour}.</think><answer>{letter}</answer>"
        video = Medium(str(folder / f"{number % 4}.mp4"))
        rows.append(Conversation(str(number), "video", [video], question, trace, f"{colour}.", letter, {}))
    write_jsonl(folder / "rows.jsonl", rows)
