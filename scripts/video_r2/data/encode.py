"""Films of the generated world as H.264 files, the same bytes on every run."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from multiprocessing import get_context
from pathlib import Path

import av
import numpy as np
from tqdm import tqdm

from video_r2.data import world
from video_r2.data.subtitles import format_srt
from video_r2.errors import UserError
from video_r2.files import replacing

# One thread and no timestamps of the build: a file depends on its film alone, not on the machine's number of cores.
ENCODER = {"preset": "ultrafast", "crf": "20", "threads": "1", "fflags": "+bitexact"}
CONTAINER = {"fflags": "+bitexact", "movflags": "+faststart"}


def write_video(film: world.Film, path: Path) -> None:
    """Encode `film` as H.264 in an MP4 file, and its subtitles beside it as `.srt` where it has some.

    Raises:
        UserError: if the file cannot be written, or PyAV cannot encode H.264.
    """
    try:
        with replacing(path) as temporary:
            _encode(film, temporary)
        if film.cues:
            with replacing(path.with_suffix(".srt")) as temporary:
                temporary.write_text(format_srt(film.cues), encoding="utf-8")
    except (av.FFmpegError, OSError) as error:
        raise UserError(
            f"the video cannot be written: {error}", file=path, cure="free space on the disk, and check its permissions"
        ) from error


def _encode(film: world.Film, path: Path) -> None:
    with av.open(str(path), "w", format="mp4", options=CONTAINER) as container:
        stream = container.add_stream("libx264", rate=film.fps, options=ENCODER)
        stream.width, stream.height = film.size
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, film.fps)
        for index, picture in enumerate(_pictures(film)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _pictures(film: world.Film) -> Iterable[np.ndarray]:
    """Every frame of the film in order; a picture in which nothing moves is drawn once."""
    drawn: dict[tuple[int, float], np.ndarray] = {}
    for index in range(film.seconds * film.fps):
        time = index / film.fps
        scene = next((at for at, scene in enumerate(film.scenes) if scene.start <= time < scene.end), -1)
        moves = scene >= 0 and world.MOTIONS[film.scenes[scene].motion] != (0, 0)
        key = (scene, time if moves else 0.0)
        if key not in drawn:
            drawn[key] = world.render(film, time)
        yield drawn[key]


def write_videos(films: Iterable[tuple[world.Film, Path]], processes: int) -> None:
    """Encode many films, `processes` at once, with a progress bar."""
    pairs = list(films)
    # Forked, because a spawned process would run the rule's script, which Snakemake wrote, once more.
    with ProcessPoolExecutor(processes, mp_context=get_context("fork")) as pool:
        done = pool.map(_write_pair, pairs, chunksize=8)
        for _ in tqdm(done, total=len(pairs), desc="encoding videos", unit="video"):
            pass


def _write_pair(pair: tuple[world.Film, Path]) -> None:
    write_video(*pair)
