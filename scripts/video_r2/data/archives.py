"""Archives of videos, unpacked so that nothing they hold can do harm: no path, link or size gets out of its folder."""

from __future__ import annotations

import errno
import io
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Self

from tqdm import tqdm

from video_r2.errors import UserError
from video_r2.files import link_or_copy
from video_r2.space import require_space, size

ARCHIVE = re.compile(r"\.(?:zip|tar|tar\.gz|tgz)$", re.IGNORECASE)
PART = re.compile(
    r"^(?P<archive>.+\.(?:zip|tar|tar\.gz|tgz))\.(?:part[._-]?)?(?P<place>[a-z]{2}|\d{1,3})$", re.IGNORECASE
)
BLOCK = 1 << 20
# Videos do not shrink, subtitles to a tenth: what unpacks to more than this is made to fill a disk.
MOST_GROWTH = 100
GROWTH_ALLOWED = 10**9  # bytes that any archive may unpack to
MOST_MEMBERS = 1_000_000
SHOWN = 80  # characters of a name that is too long


def is_archive(name: str) -> bool:
    """Whether a file is an archive, or a piece of one."""
    return bool(ARCHIVE.search(name) or PART.match(name))


def place(source: Path, names: Sequence[str], target: Path, leave: Sequence[str] = ()) -> None:
    """Put downloaded files into `target`: archives unpacked where they lie, everything else linked or copied.

    Args:
        names: the files, by their paths below `source`.
        leave: those that are left out.

    Raises:
        UserError: if an archive is damaged, or holds what it should not (`unpack`).
    """
    parts: dict[Path, dict[int, Path]] = {}
    for name in tqdm(sorted(set(names) - set(leave)), desc="placing files", unit="file"):
        path, goal = source / name, target / name
        part = PART.match(path.name)
        if part:
            pieces = parts.setdefault(goal.with_name(part["archive"]), {})
            if other := pieces.get(_number(part["place"])):
                raise UserError(
                    f"{other.name} and {path.name} are the same piece of it",
                    file=goal.with_name(part["archive"]),
                    cure="name those of one of the two in sources.yaml",
                )
            pieces[_number(part["place"])] = path
        elif ARCHIVE.search(path.name):
            unpack([path], goal.parent)
        else:
            link_or_copy(path, goal)
    for goal, pieces in parts.items():
        first, last = min(pieces), max(pieces)
        if first > 1 or len(pieces) != last - first + 1:
            raise UserError(
                f"{len(pieces)} pieces of it are there, of which the first is number {first} and the last {last}",
                file=goal,
                cure="name all of its pieces in sources.yaml, or take the source at another revision",
            )
        unpack([pieces[number] for number in sorted(pieces)], goal.parent)


def _number(place: str) -> int:
    """The number of a piece: "ab" is 1, "07" is 7."""
    if place.isdecimal():
        return int(place)
    first, second = (ord(letter) - ord("a") for letter in place.lower())
    return 26 * first + second


def unpack(pieces: Sequence[Path], target: Path, without: str = "") -> None:
    """Unpack a zip or tar archive, given whole or in pieces in order, into `target`.

    What macOS adds to an archive of its own (`__MACOSX/`, `._name`) is left out.

    Args:
        without: a leading folder that is left out of the paths.

    Raises:
        UserError: if the archive is damaged, does not fit on the disk, or holds a path or a link out of its folder, a
            device, far more than its own size, a name that the file system does not take, or a file below a file.
    """
    target.mkdir(parents=True, exist_ok=True)
    allowance = _Allowance(pieces, target)
    try:
        if ".zip" in pieces[0].name.lower():
            _unzip(pieces, target, without, allowance)
        else:
            _untar(pieces, target, without, allowance)
        if allowance.replaced:
            print(f"note: of {pieces[0].name}, {allowance.replaced} files took the place of others of their name")
    except tarfile.FilterError as error:
        raise _refused(f"holds what a data archive does not: {error}", pieces[0]) from error
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise UserError(
            f"cannot be unpacked: {error}", file=pieces[0], cure="remove it and run again: it is downloaded anew"
        ) from error


def _unzip(pieces: Sequence[Path], target: Path, without: str, allowance: _Allowance) -> None:
    if len(pieces) > 1:
        raise UserError("a zip archive in pieces cannot be read", file=pieces[0], cure="join and unpack it by hand")
    with zipfile.ZipFile(pieces[0]) as archive:
        entries = archive.infolist()
        # All of it beforehand: a zip says what it holds, and reading stops where a file is longer than that.
        allowance.spend(sum(entry.file_size for entry in entries), len(entries))
        for entry in entries:
            name = _inner(entry.filename, without, pieces[0])
            if name:
                entry.filename = name
                with _told(name, pieces[0]):
                    if not entry.is_dir():
                        allowance.clear(target / name)
                    archive.extract(entry, target)


def _untar(pieces: Sequence[Path], target: Path, without: str, allowance: _Allowance) -> None:
    with tarfile.open(fileobj=io.BufferedReader(_Joined(pieces), BLOCK), mode="r|*", tarinfo=_Member) as tar:
        for member in tar:
            allowance.spend(member.size)
            name = _inner(member.name, without, pieces[0])
            if not name:
                continue
            if member.issym():
                # One that stays within could still be written through by a later member.
                raise _refused(f"holds a link, {member.name!r}", pieces[0])
            with _told(name, pieces[0]):
                if not member.isdir():
                    allowance.clear(target / name)
                tar.extract(member.replace(name=name), target, filter="data")


class _Member(tarfile.TarInfo):
    """The library takes a damaged header for the end of an archive: all that follows would be lost without a word."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if buf and not any(buf):  # the end
                raise
            if not buf:
                raise tarfile.ReadError("it ends before its end mark") from error
            raise tarfile.ReadError(f"a member's header is damaged: {error}") from error


def _inner(name: str, without: str, archive: Path) -> str:
    """`name` below the folder `without`; empty for that folder itself and for what is not wanted."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:", name):
        raise _refused(f"holds {name!r}, a path outside of its folder", archive)
    if "__MACOSX" in path.parts or path.name.startswith("._"):
        return ""
    inner = "/".join(path.parts[1:] if without and path.parts[:1] == (without,) else path.parts)
    return f"{inner}/" if inner and name.endswith("/") else inner


@contextmanager
def _told(name: str, archive: Path) -> Iterator[None]:
    """Say of a member that no file can be made of which one it is."""
    try:
        yield
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        why = "and a file where that needs a folder, or a folder where it is a file"
        raise _refused(f"holds {name!r}, {why}", archive) from error
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        shown = name if len(name) <= SHOWN else f"{name[:SHOWN]}…"
        raise UserError(
            f"holds {shown!r}, of a name that is too long for this file system",
            file=archive,
            cure="have the results on another file system, or check where the archive comes from",
        ) from error


def _refused(reason: str, archive: Path) -> UserError:
    return UserError(
        reason, file=archive, cure="do not trust this archive; check where it comes from, and the source's revision"
    )


class _Allowance:
    """How much an archive may still hold: measured by its own size, and by the space on the disk.

    Attributes:
        replaced: files that were there before.
    """

    def __init__(self, pieces: Sequence[Path], target: Path) -> None:
        self._archive = pieces[0]
        self._target = target
        self._most = max(GROWTH_ALLOWED, MOST_GROWTH * sum(piece.stat().st_size for piece in pieces))
        self._spent = 0
        self._members = 0
        self.replaced = 0

    def clear(self, path: Path) -> None:
        """Make room for a member: what is there may be a second name of a file that is kept elsewhere."""
        if path.is_file() or path.is_symlink():
            path.unlink()
            self.replaced += 1

    def spend(self, count: int, members: int = 1) -> None:
        self._spent += count
        self._members += members
        if self._spent > self._most:
            raise _refused(f"unpacks to {size(self._spent)} and more, {MOST_GROWTH} times its own size", self._archive)
        if self._members > MOST_MEMBERS:
            raise _refused(f"holds more than {MOST_MEMBERS:,} files", self._archive)
        require_space(self._target, count, f"unpacking {self._archive.name}")


class _Joined(io.RawIOBase):
    """Several files read as one."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = list(paths)
        self._file: io.BufferedReader | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while True:
            if self._file is None:
                if not self._paths:
                    return 0
                self._file = self._paths.pop(0).open("rb")
            if count := self._file.readinto(buffer):
                return count
            self._file.close()
            self._file = None
