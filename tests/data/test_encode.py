"""Films as files: what is in them, and that they are the same bytes every time."""

from __future__ import annotations

import hashlib
from pathlib import Path

import av
import numpy as np
import pytest

from video_r2.data import encode, world
from video_r2.data.subtitles import format_srt
from video_r2.errors import UserError


def film(name: str = "film", fps: int = 10, seconds: tuple[int, int] = (8, 12)) -> world.Film:
    return world.make_film(name, f"test {name}", seconds, [fps], (112, 112))


def spoken_film() -> world.Film:
    return next(made for number in range(100) if (made := film(f"spoken-{number}")).cues)


@pytest.mark.parametrize("fps", [8, 10, 12])
def test_a_video_shows_the_film_at_its_rate(tmp_path: Path, fps: int) -> None:
    made = film(fps=fps)
    encode.write_video(made, tmp_path / "film.mp4")
    with av.open(str(tmp_path / "film.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.width, stream.height) == ("h264", 112, 112)
        assert stream.average_rate == fps
        frames = [(frame.time, frame.to_ndarray(format="rgb24")) for frame in container.decode(stream)]
    assert [time for time, _ in frames] == pytest.approx([index / fps for index in range(made.seconds * fps)])
    for time, picture in frames[:: fps // 2]:
        difference = np.abs(picture.astype(int) - world.render(made, time).astype(int)).mean()
        assert difference < 6, f"at {time} s"


def test_the_same_film_gives_the_same_bytes_from_any_number_of_processes(tmp_path: Path) -> None:
    films = [film(f"film-{number}") for number in range(10)]

    def digests(folder: Path, processes: int) -> list[str]:
        encode.write_videos([(made, folder / f"{made.name}.mp4") for made in films], processes)
        return [hashlib.sha256((folder / f"{made.name}.mp4").read_bytes()).hexdigest() for made in films]

    one, two = digests(tmp_path / "one", 1), digests(tmp_path / "two", 2)
    assert one == two
    assert len(set(one)) == len(films)


def test_subtitles_lie_beside_the_video_where_the_film_has_some(tmp_path: Path) -> None:
    silent = next(made for number in range(100) if not (made := film(f"silent-{number}")).cues)
    spoken = spoken_film()
    for made in (silent, spoken):
        encode.write_video(made, tmp_path / f"{made.name}.mp4")
    assert not (tmp_path / f"{silent.name}.srt").exists()
    text = (tmp_path / f"{spoken.name}.srt").read_text(encoding="utf-8")
    assert text.count(" --> ") == len(spoken.cues)
    assert all(word in text for _, _, word in spoken.cues)


def test_srt_is_written_as_players_read_it() -> None:
    text = format_srt([(0, 2.5, "sun"), (3661.25, 3662, "two\nlines")])
    assert text == ("1\n00:00:00,000 --> 00:00:02,500\nsun\n\n2\n01:01:01,250 --> 01:01:02,000\ntwo\nlines\n")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"file/film\.mp4: the video cannot be written"):
        encode.write_video(film(), tmp_path / "file" / "film.mp4")


@pytest.mark.parametrize("seconds", range(4, 39))
def test_there_is_a_film_of_every_length_that_the_configuration_allows(seconds: int) -> None:
    film = world.make_film("film", "test", (seconds, seconds), [8], (112, 112))
    assert film.seconds == seconds
    assert seconds - world.STEP <= film.scenes[-1].end <= seconds
