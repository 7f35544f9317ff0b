"""Which decoder reads the generated videos faster: both read the same clips in turn; prints medians in milliseconds
of processor time, in which other work on the machine does not count.

Run as `PYTHONPATH=scripts python scripts/benchmark_decoders.py`.
"""

import statistics
import tempfile
import time
from pathlib import Path
from typing import get_args

from tqdm import tqdm

from video_r2 import config
from video_r2.data.encode import write_video
from video_r2.data.frames import build_clip
from video_r2.data.videos import Decoder, probe, read_frames, sample_times
from video_r2.data.world import make_film

FILMS, ROUNDS = 20, 5
FRAMES = config.Frames(fps=2.0, max_frames=16, min_pixels=112 * 112, max_pixels=112 * 112)
WORLD = config.World()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        videos = [Path(folder) / f"{number}.mp4" for number in range(FILMS)]
        for number, video in enumerate(videos):
            write_video(make_film(video.stem, str(number), WORLD.seconds, WORLD.fps, WORLD.size), video)
        took: dict[str, list[float]] = {}
        for _ in tqdm(range(ROUNDS), desc="reading", unit="round"):
            for video in videos:
                measure(video, took)
    for name, times in took.items():
        print(f"{name:>16} {1000 * statistics.median(times):6.1f} ms a clip")


def measure(video: Path, took: dict[str, list[float]]) -> None:
    info = probe(video)
    times = sample_times(info.seconds, info.fps, FRAMES)
    for decoder in get_args(Decoder):
        start = time.process_time()
        read_frames(video, times, decoder)
        took.setdefault(decoder, []).append(time.process_time() - start)
        start = time.process_time()
        build_clip(video, None, FRAMES, config.Overlay(), decoder)
        took.setdefault(f"{decoder}, drawn", []).append(time.process_time() - start)


if __name__ == "__main__":
    main()
