"""How files are written (whole, or not at all) and set aside, and how those that users write are read."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from video_r2.errors import RejectedRecord, UserError


def paths(entry: Any) -> list[str]:
    """Paths of one named input or output of a job, which is a single file or a list of files."""
    return [str(entry)] if isinstance(entry, str | Path) else [str(path) for path in entry]


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, moved into place when the block ends well and removed when it does not."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: str | Path) -> Iterator[Path]:
    """The same for a folder: an empty one, which takes the place of what is at `path`."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.partial")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        shutil.rmtree(path, ignore_errors=True)
        temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def link_or_copy(path: Path, goal: Path) -> None:
    """Give a file a second name, or copy it where the file systems differ."""
    goal.parent.mkdir(parents=True, exist_ok=True)
    goal.unlink(missing_ok=True)
    try:
        os.link(path, goal)
    except OSError:
        shutil.copyfile(path, goal)


def synchronise(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# What keeps a file from being read that is the file's own: it is not there, or not for this user.
OF_THE_FILE = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG}
)


def unreadable(error: OSError, path: str | Path, cure: str) -> UserError:
    """What to raise where a file cannot be read: a RejectedRecord where that will not change, and else an error that ends the
    job, because it is the disk's or the network's: with a record less, the result would be another one for good.

    Args:
        cure: for a file that is not there.
    """
    if error.errno in OF_THE_FILE:
        return RejectedRecord(f"cannot be read: {error.strerror}", file=path, cure=cure)
    return UserError(
        f"cannot be read at the moment: {error.strerror}",
        file=path,
        cure="see to the disk and run again: it goes on where it was. If the file is lost, delete it: it is then left out",
    )


def require_readable(path: str | Path) -> None:
    """Read all of a file: what could not be decoded may be damaged, or on a disk that does not read.

    Raises:
        UserError: as `unreadable` says.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            while file.read(2**24):
                pass
    except OSError as error:
        raise unreadable(error, path, "fetch the file again, or leave it out") from error


def is_file(path: Path) -> bool:
    """Whether there is such a file; no file has a name that is too long."""
    try:
        return path.is_file()
    except OSError:
        return False


def files_below(folder: Path) -> Iterator[Path]:
    """The files of a folder and of all below it, also where these are links, each folder once."""
    seen: set[str] = set()
    for place, below, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:  # a link to a folder around it
            below.clear()
            continue
        seen.add(real)
        below.sort()
        yield from (path for name in sorted(names) if (path := Path(place, name)).is_file())


def is_of_the_system(path: Path) -> bool:
    """Whether a file is one that Finder, Explorer, a NAS or NFS leaves: ".DS_Store", "._v.mp4", "Thumbs.db", ".nfs0000".

    Args:
        path: relative to the folder that is looked through.
    """
    return any(part.startswith((".", "@eaDir")) or part in ("Thumbs.db", "desktop.ini") for part in path.parts)


def writable(text: str) -> str:
    """The text with a question mark for every lone surrogate, which JSON can hold and no file can."""
    return text.encode("utf-8", "replace").decode("utf-8")


def set_aside(path: Path) -> Path:
    """Rename what is damaged, so that it is not used and can be looked at; its new path."""
    aside = path.with_name(f"{path.name}.damaged")
    number = 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.damaged-{number}")
    path.rename(aside)
    return aside


class _OnceLoader(yaml.SafeLoader):
    """Refuses a key that a mapping has twice, of which YAML would take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        twice = [key for at, key in enumerate(keys) if key in keys[:at]]
        if twice:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {twice[0]!r} stands there twice", node.start_mark
            )
        return super().construct_mapping(node, deep)


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Read one YAML mapping."""
    try:
        text = Path(path).read_text(encoding="utf-8")
        content = _OnceLoader(text).get_single_data() or {}
    except FileNotFoundError as error:
        raise UserError("there is no such file", file=path) from error
    except UnicodeDecodeError as error:
        raise UserError(f"is not UTF-8 text (byte {error.start})", file=path, cure="save it as UTF-8") from error
    except yaml.YAMLError as error:
        raise UserError(f"is not valid YAML: {error}", file=path) from error
    if not isinstance(content, dict):
        raise UserError(f"holds a {type(content).__name__} where a mapping is needed", file=path)
    return content
