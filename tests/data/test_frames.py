from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as transforms
from transformers.models.qwen2_vl.video_processing_qwen2_vl import smart_resize

from video_r2.config import Frames, Overlay
from video_r2.data import frames, overlay
from video_r2.data.frames import PATCH, Clip, FrameCache, build_clip, model_size, resize, room_for, share_room
from video_r2.errors import RejectedRecord, UserError

MakeVideo = Callable[..., Path]
FRAMES = Frames(fps=2.0, max_frames=16, min_pixels=84 * 112, max_pixels=112 * 112)
OVERLAY = Overlay()


def cache(root: Path, frames: Frames = FRAMES, drawn: Overlay = OVERLAY) -> FrameCache:
    return FrameCache(root, frames, drawn, "pyav")


def same(one: Clip, other: Clip) -> bool:
    return (
        np.array_equal(one.frames, other.frames)
        and np.array_equal(one.times, other.times)
        and one.fps_effective == other.fps_effective
    )


@pytest.fixture
def subtitle(tmp_path: Path) -> Path:
    path = tmp_path / "film.srt"
    path.write_text("1\n00:00:01,000 --> 00:00:01,900\nfox\n", encoding="utf-8")
    return path


# --- several clips of one prompt --------------------------------------------------------------------------------------


def numbered(frames: int, fps: float = 1.0) -> Clip:
    """A clip whose frames show their numbers."""
    pictures = np.broadcast_to(np.arange(frames, dtype=np.uint8)[:, None, None, None], (frames, 2, 2, 3))
    return Clip(pictures, np.arange(frames) / fps, fps)


def test_clips_share_the_room_of_one() -> None:
    room = Frames(fps=1.0, max_frames=16)
    # 12 + 4 frames fit. Of 16 + 8, each has a pair, and six pairs are shared out as 7 to 3: 4 and 1.
    for lengths, kept in (([12, 4], [12, 4]), ([16, 8], [10, 4]), ([16, 16], [8, 8]), ([16, 1, 1], [12, 1, 1])):
        shared = share_room([numbered(length) for length in lengths], room)
        assert [len(clip.frames) for clip in shared] == kept
    long, short = share_room([numbered(16), numbered(8, fps=2.0)], room)
    assert long.frames[:, 0, 0, 0].tolist() == [0, 1, 3, 4, 6, 8, 9, 11, 12, 14]
    assert long.times.tolist() == [0, 1, 3, 4, 6, 8, 9, 11, 12, 14]
    assert long.fps_effective == pytest.approx(10 / 16)
    assert short.times.tolist() == [0, 1, 2, 3]
    assert short.fps_effective == 1.0
    # To the model an image is two frames: eight take the room of sixteen.
    assert room_for(room) == len(share_room([numbered(1)] * 8, room)) == 8


@given(
    clips=st.lists(
        st.integers(1, 40).map(lambda pairs: 2 * pairs) | st.sampled_from([1, 3, 9]), min_size=1, max_size=20
    ),
    most=st.integers(1, 80),
)
def test_no_prompt_has_more_pairs_of_frames_than_one_video(clips: list[int], most: int) -> None:
    room = Frames(fps=1.0, max_frames=most)
    if len(clips) == 1 or len(clips) > room_for(room):
        return
    shared = share_room([numbered(length) for length in clips], room)
    assert sum(-(-len(clip.frames) // 2) for clip in shared) <= max(1, most // 2)
    for length, clip in zip(clips, shared, strict=True):
        shown = clip.frames[:, 0, 0, 0].tolist()
        assert shown
        assert shown == sorted(set(shown)) == clip.times.astype(int).tolist()  # frames that are there, each once
        assert len(shown) == length or len(shown) % 2 == 0


# --- images -----------------------------------------------------------------------------------------------------------


def test_an_image_is_a_clip_of_one_frame_without_a_clock(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (84, 112, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "sized.png")
    clip = cache(tmp_path / "cache").load(tmp_path / "sized.png", None)
    assert np.array_equal(clip.frames, pixels[None])  # at the model's size, it is as it was: nothing is drawn on it
    assert clip.times.tolist() == [0.0]
    assert same(cache(tmp_path / "cache").load(tmp_path / "sized.png", None), clip)
    # No setting of the clock makes it another clip; one of the size does.
    larger_clock = Overlay(clock_size=0.2)
    key = cache(tmp_path / "cache").key(tmp_path / "sized.png", None)
    assert cache(tmp_path / "cache", drawn=larger_clock).key(tmp_path / "sized.png", None) == key
    smaller = FRAMES.model_copy(update={"min_pixels": 56 * 56, "max_pixels": 56 * 84})
    assert cache(tmp_path / "cache", smaller).load(tmp_path / "sized.png", None).frames.shape == (1, 56, 56, 3)


def test_an_image_is_looked_at_upright_and_in_colours(tmp_path: Path) -> None:
    sideways = Image.new("L", (112, 84), 100)
    turned = sideways.getexif()
    turned[0x0112] = 6  # orientation: to be turned by a quarter
    sideways.save(tmp_path / "turned.jpg", exif=turned)
    assert frames.read_image(tmp_path / "turned.jpg").shape == (1, 112, 84, 3)
    Image.new("RGBA", (112, 84), (255, 0, 0, 255)).save(tmp_path / "clear.webp", lossless=True)
    assert frames.read_image(tmp_path / "clear.webp")[0, 0, 0].tolist() == [255, 0, 0]


def test_an_image_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "none.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    Image.new("RGB", (4000, 10)).save(tmp_path / "line.png")
    for name, reason in (("none.png", "is not an image that can be read"), ("line.png", "more than 200 times")):
        with pytest.raises(RejectedRecord, match=reason):
            cache(tmp_path / "cache").load(tmp_path / name, None)
    with pytest.raises(RejectedRecord, match="cannot be read"):
        cache(tmp_path / "cache").load(tmp_path / "missing.png", None)


# --- clips ------------------------------------------------------------------------------------------------------------


def test_a_clip_is_the_video_sampled_drawn_on_and_resized(
    tmp_path: Path, make_video: MakeVideo, read_numbers: Callable[[np.ndarray], list[int]], subtitle: Path
) -> None:
    video = make_video(frames=40, fps=10, size=(224, 168))
    bare = build_clip(video, None, FRAMES.model_copy(update={"overlay": False}), OVERLAY, "pyav")
    # 4 s at 2 fps; 168 x 224 pixels, scaled by sqrt(12544 / 37632) = 0.577, are 96.99 x 129.3: down to multiples of 28.
    assert bare.frames.shape == (8, 84, 112, 3)
    assert bare.times == pytest.approx(np.arange(8) / 2)
    assert bare.fps_effective == 2.0
    assert read_numbers(bare.frames) == [0, 5, 10, 15, 20, 25, 30, 35]

    drawn = build_clip(video, subtitle, FRAMES, OVERLAY, "pyav")
    plain = build_clip(video, None, FRAMES, OVERLAY, "pyav")
    changed = [not np.array_equal(one, other) for one, other in zip(drawn.frames, plain.frames, strict=True)]
    assert changed == [False, False, True, True, False, False, False, False]  # 1.0 s and 1.5 s
    # Drawn before the resize: the clock is that of the source resolution.
    source = build_clip(
        video, None, Frames(fps=2.0, max_frames=16, min_pixels=1, max_pixels=224 * 168), OVERLAY, "pyav"
    )
    assert source.frames.shape == (8, 168, 224, 3)
    assert np.array_equal(plain.frames, resize(source.frames, FRAMES))


def test_a_damaged_tail_keeps_times_and_rate(make_video: MakeVideo) -> None:
    video = make_video(frames=80, key_every=10, movflags="faststart")
    content = video.read_bytes()
    begin = content.find(b"mdat") + int((len(content) - content.find(b"mdat")) * 0.7)
    video.write_bytes(content[:begin] + bytes(len(content) - begin))
    clip = build_clip(video, None, FRAMES, OVERLAY, "decord")
    assert 8 <= len(clip.frames) < 16
    assert clip.times == pytest.approx(np.arange(len(clip.frames)) / 2)
    assert clip.fps_effective == 2.0


def test_a_video_shorter_than_a_sample_is_one_frame(make_video: MakeVideo) -> None:
    clip = build_clip(make_video(frames=3), None, FRAMES, OVERLAY, "pyav")
    assert len(clip.frames) == 1
    assert clip.fps_effective == FRAMES.fps


def test_what_cannot_be_used_is_refused_and_not_remembered(
    tmp_path: Path, make_video: MakeVideo, subtitle: Path
) -> None:
    clips = cache(tmp_path / "cache")
    video = make_video()
    content = video.read_bytes()
    video.write_bytes(content[:200])
    with pytest.raises(RejectedRecord, match="cannot be read as a video"):
        clips.load(video, None)
    with pytest.raises(RejectedRecord, match="cannot be read: No such file"):
        clips.load(tmp_path / "none.mp4", None)
    # Reading this fails as a bad disk does.
    (tmp_path / "unreadable.mp4").symlink_to("/proc/self/mem")
    with pytest.raises(UserError, match=r"unreadable\.mp4: cannot be read at the moment: Input/output error") as told:
        clips.load(tmp_path / "unreadable.mp4", None)
    assert not isinstance(told.value, RejectedRecord)  # with a video less, the result would be another one
    video.write_bytes(content)
    assert len(clips.load(video, None).frames) == 8
    subtitle.write_bytes(b"\xff\xfe")
    with pytest.raises(RejectedRecord, match="not UTF-8"):
        clips.load(video, subtitle)


# --- sizes ------------------------------------------------------------------------------------------------------------

sides = st.integers(8, 4000)


@given(height=sides, width=sides, smallest=st.integers(1, 200_000), room=st.integers(1, 200_000))
def test_model_size_is_that_of_the_processor(height: int, width: int, smallest: int, room: int) -> None:
    limits = Frames(min_pixels=smallest, max_pixels=smallest + room)
    if max(height, width) / min(height, width) > 200:
        with pytest.raises(RejectedRecord, match="more than 200 times"):
            model_size(height, width, limits)
    else:
        expected = smart_resize(height, width, PATCH, limits.min_pixels, limits.max_pixels)
        assert model_size(height, width, limits) == expected


@given(height=st.integers(56, 2160), width=st.integers(56, 3840))
def test_the_processor_has_nothing_left_to_resize(height: int, width: int) -> None:
    limits = Frames(min_pixels=100_352, max_pixels=151_200)
    if max(height, width) > 5 * min(height, width):
        return
    size = model_size(height, width, limits)
    assert model_size(*size, limits) == size
    assert all(side % 28 == 0 for side in size)
    assert size[0] * size[1] <= 151_200


def test_the_resize_is_that_of_the_processor() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (2, 360, 640, 3), dtype=np.uint8)
    ours = resize(pictures, Frames(min_pixels=100_352, max_pixels=151_200))
    channels_first = torch.from_numpy(pictures).permute(0, 3, 1, 2)
    theirs = transforms.resize(channels_first, list(ours.shape[1:3]), InterpolationMode.BICUBIC, antialias=True)
    assert np.abs(ours.astype(int) - theirs.permute(0, 2, 3, 1).numpy()).max() <= 1


def test_frames_of_the_right_size_stay_as_they_are() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (2, 112, 112, 3), dtype=np.uint8)
    assert resize(pictures, FRAMES) is pictures


# --- the cache --------------------------------------------------------------------------------------------------------


def test_a_clip_is_built_once_and_comes_back_the_same(tmp_path: Path, make_video: MakeVideo, subtitle: Path) -> None:
    video = make_video()
    built = cache(tmp_path / "cache").load(video, subtitle)
    stored = cache(tmp_path / "cache").path(video, subtitle)
    written = stored.stat().st_mtime_ns
    assert same(cache(tmp_path / "cache").load(video, subtitle), built)
    assert stored.stat().st_mtime_ns == written
    assert same(build_clip(video, subtitle, FRAMES, OVERLAY, "pyav"), built)


def test_the_key_is_the_contents_and_not_the_name(tmp_path: Path, make_video: MakeVideo, subtitle: Path) -> None:
    video = make_video()
    copy = tmp_path / "elsewhere.mp4"
    copy.write_bytes(video.read_bytes())
    assert cache(tmp_path).key(copy, subtitle) == cache(tmp_path / "other").key(video, subtitle)


def test_the_key_follows_everything_that_shapes_a_clip(
    tmp_path: Path, make_video: MakeVideo, subtitle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video, other_video = make_video(), make_video("other.mp4", frames=41)
    other_subtitle = tmp_path / "other.srt"
    other_subtitle.write_text(subtitle.read_text(encoding="utf-8").replace("fox", "owl"), encoding="utf-8")
    keys = [
        cache(tmp_path).key(video, subtitle),
        cache(tmp_path).key(video, None),
        cache(tmp_path).key(video, other_subtitle),
        cache(tmp_path).key(other_video, subtitle),
        cache(tmp_path, drawn=Overlay(clock_size=0.1)).key(video, subtitle),
        FrameCache(tmp_path, FRAMES, OVERLAY, "decord").key(video, subtitle),
    ]
    for change in ({"fps": 1.0}, {"max_frames": 8}, {"min_pixels": 1}, {"max_pixels": 84 * 112}, {"overlay": False}):
        keys.append(cache(tmp_path, FRAMES.model_copy(update=change)).key(video, subtitle))
    monkeypatch.setattr(overlay, "FONT", overlay.FONT.with_name("DejaVuSans-Bold.ttf"))
    keys.append(cache(tmp_path).key(video, subtitle))
    assert len(set(keys)) == len(keys)


def test_without_the_overlay_neither_subtitle_nor_style_matters(
    tmp_path: Path, make_video: MakeVideo, subtitle: Path
) -> None:
    bare = FRAMES.model_copy(update={"overlay": False})
    video = make_video()
    keys = {
        cache(tmp_path, bare).key(video, subtitle),
        cache(tmp_path, bare).key(video, None),
        cache(tmp_path, bare, Overlay(clock_size=0.1)).key(video, None),
    }
    assert len(keys) == 1


def test_a_clips_digest_tells_what_it_shows_and_when() -> None:
    frames, times = np.zeros((2, 28, 28, 3), np.uint8), np.array([0.0, 0.5])
    other = frames.copy()
    other[1, 27, 27, 2] = 1
    clips = [
        Clip(frames, times, 2.0),
        Clip(other, times, 2.0),
        Clip(frames, np.array([0.0, 0.6]), 2.0),
        Clip(frames, times, 1.0),
        Clip(frames.reshape(2, 14, 56, 3), times, 2.0),
    ]
    assert len({clip.digest for clip in clips}) == len(clips)
    assert Clip(frames.copy(), times.copy(), 2.0).digest == clips[0].digest


def test_a_changed_file_is_another_clip(tmp_path: Path, make_video: MakeVideo) -> None:
    clips = cache(tmp_path / "cache")
    video = make_video(frames=40)
    before = clips.load(video, None)
    make_video(frames=60)
    assert len(before.frames) == 8
    assert len(clips.load(video, None).frames) == 12


def test_a_clip_that_is_listed_is_given_as_it_was_or_not_at_all(tmp_path: Path, make_video: MakeVideo) -> None:
    """A video that is damaged while a job reads it must neither be left out nor be shown as it is then."""
    video, other = make_video("a.mp4"), make_video("b.mp4", frames=6)
    listing = tmp_path / "clips.json"
    listing.write_text(json.dumps([cache(tmp_path / "cache").entry(video, None)]))

    def expecting(root: str = "cache") -> FrameCache:
        clips = cache(tmp_path / root)
        clips.expect(listing)
        return clips

    whole = video.read_bytes()
    shown = expecting().load(video, None)
    assert same(expecting("another").load(video, None), shown)  # drawn anew of the same file
    assert not expecting().is_listed(other, None)
    assert expecting().load(other, None).frames.shape[0] > 0
    for damaged in (b"", whole[: len(whole) // 2], other.read_bytes()):
        video.write_bytes(damaged)
        for clips in (expecting(), expecting("another")):
            with pytest.raises(UserError, match=r"a\.mp4: is not what its frames were drawn from") as told:
                clips.load(video, None)
            assert not isinstance(told.value, RejectedRecord)
    video.unlink()
    with pytest.raises(UserError, match="cannot be read") as told:
        expecting().load(video, None)
    assert not isinstance(told.value, RejectedRecord)

    # A checksum that was noted before is no proof of what is drawn now.
    video.write_bytes(whole)
    entries = json.loads(listing.read_text())
    listing.write_text(json.dumps([{**entries[0], "sha256": "0" * 64}]))
    with pytest.raises(UserError, match="other frames"):
        expecting().load(video, None)


def test_the_digest_of_a_settled_file_is_remembered_by_later_processes(tmp_path: Path, make_video: MakeVideo) -> None:
    video = make_video(frames=40)
    content = video.read_bytes()
    key = cache(tmp_path / "cache").key(video, None)
    long_ago = video.stat().st_mtime - 3600
    os.utime(video, (long_ago, long_ago))
    assert cache(tmp_path / "cache").key(video, None) == key
    # Other contents of the same size at the same time of change cannot be told apart: the file is not read again.
    video.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(video, (long_ago, long_ago))
    assert cache(tmp_path / "cache").key(video, None) == key
    os.utime(video, (long_ago + 1, long_ago + 1))
    assert cache(tmp_path / "cache").key(video, None) != key
    # A note that is damaged, and be it by a digit, is made again.
    changed = cache(tmp_path / "cache").key(video, None)
    for damage in (b"\xff\x00", b"", b"0" * 64, b"0"):
        for note in (tmp_path / "cache" / "digests").rglob("*"):
            if note.is_file():
                note.write_bytes(damage + (note.read_bytes()[1:] if len(damage) == 1 else b""))
        assert cache(tmp_path / "cache").key(video, None) == changed != key


@pytest.mark.parametrize("place", [0.0, 0.3, 0.6, 0.9, 0.999])
@pytest.mark.parametrize("harm", ["flip", "cut", "empty"])
def test_a_damaged_clip_is_made_again_with_a_warning(
    tmp_path: Path, make_video: MakeVideo, place: float, harm: str
) -> None:
    clips = cache(tmp_path / "cache")
    video = make_video()
    clip = clips.load(video, None)
    stored = clips.path(video, None)
    content = bytearray(stored.read_bytes())
    at = int(place * len(content))
    if harm == "flip":
        content[at] ^= 0xFF
    stored.write_bytes({"flip": content, "cut": content[:at], "empty": b""}[harm])
    damaged = stored.read_bytes()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert same(clips.load(video, None), clip)
    # A flipped byte may lie in a field of the archive that nothing rests on, such as a file's date.
    assert told or harm == "flip"
    if told:
        assert f"{stored}: the cached clip is damaged" in str(told[0].message)
        assert stored.with_name(f"{stored.name}.damaged").read_bytes() == damaged
    assert same(clips.load(video, None), clip)


@pytest.mark.filterwarnings("ignore:.*the cached clip is damaged")
def test_no_flipped_bit_where_a_members_shape_stands_gives_another_clip(
    tmp_path: Path, make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = FRAMES.model_copy(update={"max_frames": 16, "min_pixels": 28 * 28, "max_pixels": 28 * 28})
    clips = cache(tmp_path / "cache", small)
    video = make_video(frames=40)
    clip = clips.load(video, None)
    monkeypatch.setattr(frames, "build_clip", lambda *arguments: clip)
    stored = clips.path(video, None)
    content = stored.read_bytes()
    for at in range(160, 210):
        for bit in range(8):
            damaged = bytearray(content)
            damaged[at] ^= 1 << bit
            stored.write_bytes(damaged)
            assert same(clips.load(video, None), clip), (at, bit)


@pytest.mark.filterwarnings("ignore:.*the cached clip is damaged")
def test_no_damage_to_the_archives_own_fields_gives_another_clip_or_an_error(
    tmp_path: Path, make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = FRAMES.model_copy(update={"max_frames": 2, "min_pixels": 28 * 28, "max_pixels": 28 * 28})
    clips = cache(tmp_path / "cache", small)
    video = make_video(frames=4)
    clip = clips.load(video, None)
    monkeypatch.setattr(frames, "build_clip", lambda *arguments: clip)  # built once is enough here
    stored = clips.path(video, None)
    content = stored.read_bytes()
    directory = content.index(b"PK\x01\x02")
    for at in [*range(0, directory, 23), *range(directory, len(content))]:
        for bit in (0, 3, 6):
            spoiled = bytearray(content)
            spoiled[at] ^= 1 << bit
            stored.write_bytes(spoiled)
            assert same(clips.load(video, None), clip), (at, bit)


def test_processes_share_a_cache(tmp_path: Path, make_video: MakeVideo, subtitle: Path) -> None:
    videos = [make_video(f"{number}.mp4", frames=20 + number) for number in range(6)]
    program = (
        "import sys; from pathlib import Path; from video_r2.config import Frames, Overlay\n"
        "from video_r2.data.frames import FrameCache\n"
        "root, subtitle, settings, *videos = sys.argv[1:]\n"
        "clips = FrameCache(Path(root), Frames.model_validate_json(settings), Overlay(), 'pyav')\n"
        "for video in videos * 3: clips.load(video, subtitle)\n"
    )
    root = tmp_path / "cache"
    arguments = [str(root), str(subtitle), FRAMES.model_dump_json(), *map(str, videos)]
    command = [sys.executable, "-W", "error", "-c", program, *arguments]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    processes = [subprocess.Popen(command, env=environment) for _ in range(2)]
    assert [process.wait(120) for process in processes] == [0, 0]
    assert len([path for path in (root / "clips").rglob("*") if path.is_file()]) == len(videos)
    for video in videos:
        assert same(cache(root).load(video, subtitle), build_clip(video, subtitle, FRAMES, OVERLAY, "pyav"))
