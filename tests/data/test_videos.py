from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from video_r2.config import Frames
from video_r2.data.videos import Decoder, lost_end, probe, read_frames, sample_times
from video_r2.errors import RejectedRecord

DECODERS: tuple[Decoder, ...] = ("decord", "pyav")
ReadNumbers = Callable[[np.ndarray], list[int]]


def sampling(fps: float = 2.0, max_frames: int = 128) -> Frames:
    return Frames(fps=fps, max_frames=max_frames, min_pixels=1, max_pixels=100_000)


# --- sampling ---------------------------------------------------------------------------------------------------------


def test_sample_times_follow_the_rate_where_it_divides_the_video() -> None:
    assert sample_times(8, 10, sampling(2)).tolist() == [half / 2 for half in range(16)]


def test_sample_times_are_even_in_number_and_cover_the_whole_video() -> None:
    # 9 s at 1 fps are 9 samples; 8 of them spread over 90 frames are 11.25 frames apart.
    assert sample_times(9, 10, sampling(1)) == pytest.approx([0.0, 1.1, 2.2, 3.3, 4.5, 5.6, 6.7, 7.8])


def test_sample_times_spread_evenly_over_a_video_longer_than_the_cap_up_to_its_last_frame() -> None:
    expected = [*(1.5 * sample for sample in range(15)), 23.9]
    assert sample_times(24, 10, sampling(2, 16)) == pytest.approx(expected)
    assert sample_times(8, 10, sampling(2, 16))[-1] == 7.5  # as many as there are


def test_sample_times_never_repeat_a_frame_of_a_video_with_few() -> None:
    # 20 frames in 2 s, asked for at 30 fps.
    assert sample_times(2, 10, sampling(30)) == pytest.approx([frame / 10 for frame in range(20)])


@pytest.mark.parametrize(
    ("seconds", "fps", "count"), [(0.4, 10, 1), (0.5, 10, 1), (0.1, 10, 1), (0.6, 10, 2), (3, 1, 2)]
)
def test_sample_times_of_a_short_video(seconds: float, fps: float, count: int) -> None:
    assert len(sample_times(seconds, fps, sampling(2))) == count


@given(
    frames=st.integers(1, 20_000),
    fps=st.sampled_from([1.0, 8.0, 10.0, 12.0, 24.0, 30_000 / 1001, 60.0]),
    rate=st.floats(0.1, 60),
    cap=st.integers(1, 200),
)
def test_sample_times_properties(frames: int, fps: float, rate: float, cap: int) -> None:
    seconds = frames / fps
    times = sample_times(seconds, fps, sampling(rate, cap))
    shown = np.rint(times * fps).astype(int)
    assert times[0] == 0
    assert np.allclose(shown, times * fps, atol=1e-6)
    assert len(set(shown.tolist())) == len(times)
    assert shown[-1] < frames
    assert len(times) <= cap
    assert len(times) == 1 or len(times) % 2 == 0
    # Pairs round 1 sample up to 2; otherwise the rate is never exceeded.
    assert len(times) <= max(2, seconds * rate + 1e-3)
    # Evenly: neighbours are apart by the mean distance, up to one frame.
    if len(times) > 1:
        is_capped = seconds * rate + 1e-6 >= cap + 1
        assert np.all(np.abs(np.diff(shown[:-1] if is_capped else shown) - frames / len(times)) < 1)
        assert frames - shown[-1] < (2 if is_capped else frames / len(times) + 1)


# --- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["video.mp4", "video.mkv", "video.avi"])
@pytest.mark.parametrize("decoder", DECODERS)
def test_read_frames_gives_the_frame_that_is_on_screen(
    make_video: Callable[..., Path], read_numbers: ReadNumbers, name: str, decoder: Decoder
) -> None:
    path = make_video(name, codec="mpeg4" if name.endswith("avi") else "libx264")
    # Frame 7 is shown from 0.7 s to 0.8 s; a time within it asks for it.
    frames, times = read_frames(path, [0.0, 0.1, 0.75, 1.17, 2.0, 3.9], decoder)
    assert read_numbers(frames) == [0, 1, 7, 11, 20, 39]
    assert times == pytest.approx([0.0, 0.1, 0.7, 1.1, 2.0, 3.9], abs=1e-3)
    assert frames.dtype == np.uint8
    assert frames.shape == (6, 84, 112, 3)


@pytest.mark.parametrize("decoder", DECODERS)
def test_read_frames_of_webm(make_video: Callable[..., Path], read_numbers: ReadNumbers, decoder: Decoder) -> None:
    path = make_video("video.webm", codec="libvpx-vp9", reorder=0)
    frames, _ = read_frames(path, np.arange(0, 4, 0.5), decoder)
    assert read_numbers(frames) == list(range(0, 40, 5))


@pytest.mark.parametrize("fps", [8, 12, 25, 30])
@pytest.mark.parametrize("size", [(112, 112), (130, 98), (64, 200)])
def test_both_decoders_give_the_same_pixels(make_video: Callable[..., Path], fps: int, size: tuple[int, int]) -> None:
    path = make_video(frames=60, fps=fps, size=size)
    info = probe(path)
    times = sample_times(info.seconds, info.fps, sampling(3))
    (one, one_times), (other, other_times) = (read_frames(path, times, decoder) for decoder in DECODERS)
    assert np.abs(one.astype(int) - other.astype(int)).max() <= 2
    assert np.array_equal(one_times, other_times)
    assert one_times == pytest.approx(times, abs=1e-3)


def test_probe_says_what_a_video_is(make_video: Callable[..., Path]) -> None:
    info = probe(make_video(frames=60, fps=12, size=(130, 98)), check_tail=True)
    assert (info.seconds, info.fps, info.frames, info.width, info.height) == (5.0, 12.0, 60, 130, 98)


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_variable_frame_rate_keeps_true_times(
    make_video: Callable[..., Path], read_numbers: ReadNumbers, decoder: Decoder
) -> None:
    # Frame 3 stays on screen from 0.3 s to 2.3 s.
    path = make_video(frames=10, milliseconds=[0, 100, 200, 300, 2300, 2400, 2500, 4500, 4600, 4700], reorder=0)
    frames, times = read_frames(path, [0.1, 0.3, 1.5, 2.2, 2.4, 4.6], decoder)
    assert read_numbers(frames) == [1, 3, 3, 3, 5, 8]
    assert times == pytest.approx([0.1, 0.3, 1.5, 2.2, 2.4, 4.6], abs=1e-3)


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_turned_video_is_read_as_it_is_displayed(make_video: Callable[..., Path], decoder: Decoder) -> None:
    path = make_video(size=(112, 84))
    content = bytearray(path.read_bytes())
    matrix = content.find(b"tkhd") + 4 + 4 + 20 + 16  # after version, times, ids and layers: ISO 14496-12, 8.3.2
    assert struct.unpack(">9i", content[matrix : matrix + 36])[0] == 1 << 16
    content[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    info = probe(path)
    assert (info.width, info.height) == (84, 112)
    frames, _ = read_frames(path, [0.0], decoder)
    assert frames.shape == (1, 112, 84, 3)
    # Turned clockwise, the red bar at the top comes to the right.
    red = frames[0, :, :, 0].astype(int) - frames[0, :, :, 1]
    assert red[:, -6:].mean() > 100
    assert abs(red[:, :6].mean()) < 30


def test_times_must_ascend(make_video: Callable[..., Path]) -> None:
    path = make_video()
    for times in ([1.0, 0.5], [], [[0.0]]):
        with pytest.raises(ValueError, match="ascending"):
            read_frames(path, np.array(times), "pyav")


# --- files that cannot be used, or not as a whole ---------------------------------------------------------------------


def cut(path: Path, share: float, fill: bytes | None = None) -> Path:
    """Damage a video that has its index in front, from `share` of its pictures on: left out, or filled."""
    content = path.read_bytes()
    begin = content.find(b"mdat")
    assert 0 <= content.find(b"moov") < begin
    keep = begin + int((len(content) - begin) * share)
    rest = len(content) - keep
    path.write_bytes(content[:keep] + (fill * rest)[:rest] if fill else content[:keep])
    return path


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("fill", [None, b"\0", b"\xa5\x3c\x91"], ids=["missing", "zeros", "garbage"])
def test_a_damaged_tail_leaves_the_rest_usable(
    make_video: Callable[..., Path], read_numbers: ReadNumbers, decoder: Decoder, fill: bytes | None
) -> None:
    path = cut(make_video(frames=80, key_every=10, movflags="faststart"), 0.7, fill)
    assert lost_end(path, probe(make_video("whole.mp4", frames=80, key_every=10), check_tail=True)) is None
    info = probe(path, check_tail=True)
    assert 40 <= info.frames < 80
    note = lost_end(path, info)
    assert note is not None
    assert f"last {8 - info.frames / 10:.1f} of 8.0 seconds" in note.reason
    assert (note.file, bool(note.cure)) == (str(path), True)
    assert info.seconds == pytest.approx(info.frames / 10)
    times = np.arange(80) / 10
    frames, seen = read_frames(path, times, decoder)
    # What is returned is sound and stands at its true time; nothing has moved up.
    assert read_numbers(frames) == np.rint(seen * 10).astype(int).tolist()
    assert len(frames) == info.frames


def test_wherever_a_file_breaks_off_no_frame_stands_for_another(
    make_video: Callable[..., Path], read_numbers: ReadNumbers
) -> None:
    """Between two frames, too: of B-frames, some that are shown before the last one of the file are lost."""
    path = make_video(frames=80, key_every=10, movflags="faststart")
    content = path.read_bytes()
    with av.open(str(path)) as container:
        ends = [packet.pos + packet.size for packet in container.demux(video=0) if packet.size]
    for end in [end + change for end in ends[44:] for change in (-1, 0, 1)]:
        path.write_bytes(content[:end])
        info = probe(path, check_tail=True)
        frames, seen = read_frames(path, np.arange(80) / 10, "pyav")
        assert read_numbers(frames) == np.rint(seen * 10).astype(int).tolist(), end
        assert len(frames) == info.frames


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("fill", [None, b"\0"], ids=["missing", "zeros"])
def test_a_video_of_which_less_than_half_is_left_is_set_aside(
    make_video: Callable[..., Path], decoder: Decoder, fill: bytes | None
) -> None:
    path = cut(make_video(frames=80, key_every=10, movflags="faststart"), 0.3, fill)
    with pytest.raises(RejectedRecord, match="fewer than half") as caught:
        read_frames(path, np.arange(0, 8, 0.5), decoder)
    assert caught.value.file == str(path)
    assert caught.value.cure
    with pytest.raises(RejectedRecord, match="fewer than half"):
        probe(path, check_tail=True)


@pytest.mark.parametrize("decoder", DECODERS)
def test_damage_in_the_middle_costs_only_its_own_frames(
    make_video: Callable[..., Path], read_numbers: ReadNumbers, decoder: Decoder
) -> None:
    path = make_video(frames=80, key_every=10, movflags="faststart")
    content = bytearray(path.read_bytes())
    begin = content.find(b"mdat") + (len(content) - content.find(b"mdat")) // 2
    content[begin : begin + 60] = b"\xa5" * 60
    path.write_bytes(content)
    frames, seen = read_frames(path, np.arange(80) / 10, decoder)
    numbers = np.rint(seen * 10).astype(int).tolist()
    assert read_numbers(frames) == numbers
    assert 40 <= len(numbers) < 80
    assert {0, 79} <= set(numbers)


@pytest.mark.parametrize("decoder", DECODERS)
def test_times_after_the_end_have_no_frame(make_video: Callable[..., Path], decoder: Decoder) -> None:
    path = make_video(frames=20)
    frames, times = read_frames(path, [0.0, 1.0, 5.0], decoder)
    assert times == pytest.approx([0.0, 1.0])
    assert len(frames) == 2


def test_what_is_no_video_is_set_aside_with_its_reason(
    tmp_path: Path, make_video: Callable[..., Path], make_sound: Callable[[], Path]
) -> None:
    empty, text, folder = tmp_path / "empty.mp4", tmp_path / "text.mp4", tmp_path / "folder.mp4"
    empty.touch()
    text.write_text("hello", encoding="utf-8")
    folder.mkdir()
    headless = make_video("headless.mp4")
    content = headless.read_bytes()
    headless.write_bytes(content[: content.find(b"moov")])
    reasons = {
        empty: "empty file",
        text: "cannot be read as a video",
        folder: "cannot be read: Is a directory",
        headless: "cannot be read as a video",
        tmp_path / "missing.mp4": "cannot be read: No such file",
        make_sound(): "holds no video",
        make_video("none.mp4", frames=0): "holds no video",
        cut(make_video("lost.mp4", movflags="faststart"), 0.0): "has no frames that can be read",
        make_video("order.avi", codec="libx264"): "order",
    }
    for path, reason in reasons.items():
        for read in (lambda path: probe(path), lambda path: read_frames(path, [0.0], "decord")):
            with pytest.raises(RejectedRecord, match=reason) as caught:
                read(path)
            assert caught.value.file == str(path)
            assert caught.value.cure


def test_a_file_that_was_mended_is_read_again(make_video: Callable[..., Path]) -> None:
    path = make_video(frames=10)
    assert probe(path).frames == 10
    make_video(frames=30)
    assert probe(path).frames == 30
