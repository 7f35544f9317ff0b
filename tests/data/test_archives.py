"""What comes out of archives, and what does not."""

from __future__ import annotations

import random
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hub_archives import tar_of, tar_of_links, zip_of

from video_r2.data import archives
from video_r2.data.archives import place, unpack
from video_r2.errors import UserError


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def unpacked(tmp_path: Path, name: str, archive: bytes, without: str = "") -> dict[str, bytes]:
    (tmp_path / name).write_bytes(archive)
    unpack([tmp_path / name], tmp_path / "deep/target", without)
    return contents(tmp_path / "deep/target")


def refusal(tmp_path: Path, name: str, archive: bytes) -> str:
    """Why an archive is refused; nothing of it may lie outside of its folder."""
    with pytest.raises(UserError) as refused:
        unpacked(tmp_path, name, archive)
    outside = [path for path in tmp_path.rglob("*") if tmp_path / "deep" not in [path, *path.parents]]
    assert [path.name for path in outside] == [name]
    return str(refused.value)


def test_archives_are_unpacked_where_they_lie_also_in_pieces(tmp_path: Path) -> None:
    source = tmp_path / "source"
    whole = tar_of({"videos/long.mp4": bytes(range(256)) * 500})
    files = {"video/clips.zip": zip_of({"x/1.mp4": b"one"}), "table.parquet": b"rows", "left.txt": b""}
    pieces = {
        f"all.tar.part.a{letter}": whole[start : start + 50_000]
        for letter, start in zip("abc", (0, 50_000, 100_000), strict=True)
    }
    for name, content in {**files, **pieces}.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(content)
    place(source, [*files, *pieces], tmp_path / "target", leave=["left.txt"])
    assert contents(tmp_path / "target") == {
        "video/x/1.mp4": b"one",
        "table.parquet": b"rows",
        "videos/long.mp4": bytes(range(256)) * 500,
    }


@pytest.mark.parametrize("make", [tar_of, zip_of])
def test_what_is_kept_elsewhere_under_a_second_name_is_not_written_to(
    tmp_path: Path, make: Callable[..., bytes]
) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    (source / "clip.mp4").write_bytes(b"as published")
    (source / "videos.TAR" if make is tar_of else source / "videos.ZIP").write_bytes(
        make({"clip.mp4": b"of the archive"})
    )
    place(source, [path.name for path in source.iterdir()], target)
    assert contents(target) == {"clip.mp4": b"of the archive"}
    assert (source / "clip.mp4").read_bytes() == b"as published"


@pytest.mark.parametrize("ending", ["part{}", "part{:02d}", "{:03d}"])
def test_pieces_are_joined_by_their_number_and_none_may_lack(tmp_path: Path, ending: str) -> None:
    source = tmp_path / "source"
    source.mkdir()
    whole = tar_of({f"{number}.mp4": bytes([number]) * 512 for number in range(12)})
    size = len(whole) // 12 + 1
    pieces = {f"v.tar.{ending.format(at + 1)}": whole[at * size : (at + 1) * size] for at in range(12)}
    for name, content in pieces.items():
        (source / name).write_bytes(content)
    place(source, list(pieces), tmp_path / "target")
    assert len(contents(tmp_path / "target")) == 12
    for lacking in (0, 5):
        with pytest.raises(UserError, match=r"v\.tar: 11 pieces of it are there, of which the first is number"):
            place(source, [name for at, name in enumerate(pieces) if at != lacking], tmp_path / "other")


def test_a_piece_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    for name in ("v.tar.part1", "v.tar.part01"):
        (tmp_path / "source" / name).write_bytes(b"x")
    with pytest.raises(UserError, match=r"v\.tar: v\.tar\.part01 and v\.tar\.part1 are the same piece of it"):
        place(tmp_path / "source", ["v.tar.part1", "v.tar.part01"], tmp_path / "target")


@pytest.mark.parametrize("kind", ["a.zip", "a.tar"])
def test_a_folder_takes_the_place_of_no_file(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "a").write_bytes(b"kept")
    make = zip_of if kind == "a.zip" else tar_of
    (tmp_path / kind).write_bytes(make({"a/b.mp4": b"b"}))
    with pytest.raises(UserError, match="a file where that needs a folder"):
        unpack([tmp_path / kind], target)
    assert (target / "a").read_bytes() == b"kept"


def test_an_archive_without_its_end_is_refused(tmp_path: Path) -> None:
    whole = tar_of({"a.mp4": b"a" * 512, "b.mp4": b"b" * 512})
    assert "cannot be unpacked: it ends before its end mark" in refusal(tmp_path, "a.tar", whole[:1024])


def test_what_macos_adds_and_a_leading_folder_are_left_out(tmp_path: Path) -> None:
    files = {"top/a.mp4": b"a", "top/deep/b.mp4": b"b", "top/._a.mp4": b"no video", "__MACOSX/top/a.mp4": b"no video"}
    assert unpacked(tmp_path, "a.tar", tar_of(files), "top") == {"a.mp4": b"a", "deep/b.mp4": b"b"}


@pytest.mark.parametrize(
    "name", ["../outside.mp4", "/outside.mp4", "a/../../outside.mp4", "..\\outside.mp4", "C:outside"]
)
@pytest.mark.parametrize("kind", ["a.tar", "a.tar.gz", "a.zip"])
def test_a_path_out_of_the_folder_is_refused(tmp_path: Path, name: str, kind: str) -> None:
    made = zip_of({name: b"x"}) if kind == "a.zip" else tar_of({name: b"x"}, "w:gz" if kind == "a.tar.gz" else "w")
    assert "a path outside of its folder (cure: do not trust this archive" in refusal(tmp_path, kind, made)
    assert not Path("/outside.mp4").exists()


@pytest.mark.parametrize(
    ("name", "goal", "kind"),
    [
        ("a", "/etc/passwd", tarfile.SYMTYPE),
        ("a", "../../outside", tarfile.SYMTYPE),
        ("a", "b", tarfile.SYMTYPE),
        ("a", "/etc/passwd", tarfile.LNKTYPE),
        ("a", "../../outside", tarfile.LNKTYPE),
        ("a", "", tarfile.CHRTYPE),
        ("a", "", tarfile.FIFOTYPE),
    ],
)
def test_a_link_or_a_device_is_refused(tmp_path: Path, name: str, goal: str, kind: bytes) -> None:
    message = refusal(tmp_path, "a.tar", tar_of_links((name, goal, kind)))
    assert "holds a link" in message or "holds what a data archive does not" in message
    assert "do not trust this archive" in message
    assert contents(tmp_path / "deep") == {}


@pytest.mark.parametrize("at", [0, 150])  # of a header: its name, its checksum
def test_a_damaged_header_is_not_taken_for_the_end(tmp_path: Path, at: int) -> None:
    made = bytearray(tar_of({"a.mp4": b"1", "b.mp4": b"2", "c.mp4": b"3"}))
    second = made.index(b"b.mp4")
    made[second + at] ^= 0xFF
    assert "a member's header is damaged" in refusal(tmp_path, "a.tar", bytes(made))


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    """The first member leads out of the folder, the second would be written there."""
    (tmp_path / "elsewhere").mkdir()
    made = tar_of_links(("x", str(tmp_path / "elsewhere"), tarfile.SYMTYPE)).rstrip(b"\0")
    made = made + bytes(-len(made) % 512) + tar_of({"x/written.mp4": b"x"})
    (tmp_path / "a.tar").write_bytes(made)
    with pytest.raises(UserError, match="holds a link, 'x'"):
        unpack([tmp_path / "a.tar"], tmp_path / "deep/target")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_an_archive_that_unpacks_to_far_more_than_itself_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "GROWTH_ALLOWED", 100_000)
    bomb = bytes(20_000_000)
    for name, made in [
        ("a.zip", zip_of({"a": bomb}, zipfile.ZIP_DEFLATED)),
        ("b.tar.gz", tar_of({"b": bomb}, "w:gz")),
    ]:
        (tmp_path / name).write_bytes(made)
        with pytest.raises(UserError, match=r"unpacks to 20\.00 MB and more, 100 times its own size"):
            unpack([tmp_path / name], tmp_path / "deep/target")
        assert contents(tmp_path / "deep") == {}
    # Subtitles may well shrink to a tenth.
    said = "\n".join(random.Random(0).choices([f"and then a word like {number}" for number in range(500)], k=40_000))
    assert unpacked(tmp_path, "c.zip", zip_of({"c": said.encode()}, zipfile.ZIP_DEFLATED)) == {"c": said.encode()}


def test_an_archive_that_lies_about_its_sizes_is_refused(tmp_path: Path) -> None:
    """A zip whose directory says 10 bytes of a file that has 5 million."""
    made = bytearray(zip_of({"a": bytes(5_000_000)}, zipfile.ZIP_DEFLATED))
    place_of_size = made.rindex(b"PK\x01\x02") + 24
    made[place_of_size : place_of_size + 4] = struct.pack("<I", 10)
    assert "cannot be unpacked" in refusal(tmp_path, "a.zip", bytes(made))
    assert sum(map(len, contents(tmp_path / "deep").values())) <= 10


def test_an_archive_of_too_many_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_MEMBERS", 3)
    for name, made in (("a.tar", tar_of), ("a.zip", zip_of)):
        (tmp_path / name).write_bytes(made({f"{number}.srt": b"" for number in range(4)}))
        with pytest.raises(UserError, match="holds more than 3 files"):
            unpack([tmp_path / name], tmp_path / "target")


def test_an_archive_that_does_not_fit_is_refused(small_disk: Path, tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(tar_of({f"{number}.mp4": bytes(3_000_000) for number in range(4)}))
    with pytest.raises(UserError, match=r"unpacking a\.tar needs 3\.00 MB on this disk"):
        unpack([tmp_path / "a.tar"], small_disk / "target")


@pytest.mark.parametrize("name", ["a.tar", "a.zip", "a.tar.gz"])
def test_a_damaged_archive_is_refused(tmp_path: Path, name: str) -> None:
    assert "cannot be unpacked: " in refusal(tmp_path, name, b"PK\x03\x04 not an archive" * 40)


@pytest.mark.parametrize(("name", "mode", "kept"), [("a.tar", "w", 3000), ("a.tar.gz", "w:gz", 200)])
def test_a_truncated_archive_is_refused(tmp_path: Path, name: str, mode: str, kept: int) -> None:
    made = tar_of({"a.mp4": bytes(range(256)) * 40}, mode)
    assert len(made) > kept
    assert "cannot be unpacked" in refusal(tmp_path, name, made[:kept])


@pytest.mark.parametrize("kind", ["a.tar", "a.zip"])
@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["a", "a/b.mp4"], "a.*: holds 'a/b.mp4', and a file where that needs a folder"),
        (["a/b.mp4", "a"], "a.*: holds 'a', and a file where that needs a folder, or a folder where it is a file"),
        (["x" * 300], rf"a.*: holds '{'x' * 80}…', of a name that is too long for this file system"),
        (["x" * 300 + "/a.mp4"], "too long for this file system"),
    ],
)
def test_a_member_that_no_file_can_be_made_of_is_named(
    tmp_path: Path, kind: str, names: list[str], reason: str
) -> None:
    members = dict.fromkeys(names, b"x")
    (tmp_path / kind).write_bytes((zip_of if kind == "a.zip" else tar_of)(members))
    with pytest.raises(UserError, match=reason):
        unpack([tmp_path / kind], tmp_path / "target")
