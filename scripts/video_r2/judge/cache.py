"""What a judge's server has answered, kept in a file, so that no question is paid twice."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import sqlite3
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from video_r2.errors import UserError

Result = TypeVar("Result")

CHECKSUM = 16  # hexadecimal digits
BUSY_SECONDS = 60.0  # how long one waits for another that writes
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def key_of(request: Mapping[str, Any]) -> str:
    """Digest of a request: of its model, prompt, schema, sampling settings and question."""
    text = json.dumps(request, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class ReplyCache:
    """Replies by the key of their request (`key_of`), in a SQLite file.

    Threads may share a cache, and processes its file. Every reply is written as it comes: what a killed process was told is
    kept. A damaged file is set aside with a warning and begun anew. A file that cannot be used at all (a full disk, no right
    to write) is warned of once, and then done without: a cache is no reason to stop.

    Args:
        path: the file; it is made, with its folder, when it is first needed.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._usable = True

    def get(self, key: str) -> Any | None:
        """The reply that was kept for a key; None if there is none."""
        # As bytes: what damage has left need not be text.
        ask = "SELECT CAST(reply AS BLOB) FROM replies WHERE key = ?"
        row = self._use(lambda base: base.execute(ask, (key,)).fetchone(), None)
        if row is None:
            return None
        checksum, _, text = row[0].decode("utf-8", "replace").partition(" ")
        if checksum != _checksum(key, text):
            warnings.warn(f"{self._path}: a kept reply is damaged; the judge is asked again", stacklevel=2)
            return None
        return json.loads(text)

    def put(self, key: str, reply: Any) -> None:
        """Keep a reply."""
        text = json.dumps(reply)
        row = (key, f"{_checksum(key, text)} {text}")  # SQLite does not notice damage within a value
        self._use(lambda base: base.execute("INSERT OR REPLACE INTO replies VALUES (?, ?)", row), None)

    def close(self) -> None:
        """Close the file; it opens again when it is needed."""
        with self._lock:
            self._forget()

    def _use(self, do: Callable[[sqlite3.Connection], Result], otherwise: Result) -> Result:
        with self._lock:
            if not self._usable:
                return otherwise
            try:
                try:
                    return do(self._opened())
                except sqlite3.DatabaseError as error:
                    if not _tells_of_damage(error):
                        raise
                    self._forget()
                    self._begin_anew()
                    return do(self._opened())
            except (sqlite3.Error, OSError) as error:
                self._usable = False
                self._forget()
                warnings.warn(f"{self._path}: going on without the judge's cache: {error}", stacklevel=4)
                return otherwise

    def require_own(self) -> None:
        """Raise a `UserError` if the path cannot be that of a cache, or is that of a text of the user's."""
        above = next(folder for folder in self._path.absolute().parents if folder.exists())
        if self._path.is_dir() or not above.is_dir():
            what = "is a folder" if self._path.is_dir() else f"cannot be a file: {above} is no folder"
            raise UserError(what, file=self._path, cure="name a file for the cache")
        try:
            with self._path.open("rb") as file:
                begins = file.read(4096)
        except OSError:
            return
        if begins and b"\0" not in begins:
            raise UserError("is no file of replies", file=self._path, cure="name another one for the cache")

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = _open(self._path)
            # Not a write-ahead log, which needs memory that machines on one network file system do not share.
            self._connection.execute("PRAGMA journal_mode = TRUNCATE")
            # Waiting for the disk at every reply costs more than asking again after a power failure, and a killed process
            # loses nothing by it.
            self._connection.execute("PRAGMA synchronous = OFF")
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, reply TEXT NOT NULL) WITHOUT ROWID"
            )
        return self._connection

    def _forget(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _begin_anew(self) -> None:
        """Set the damaged file aside, unless another process has done so already."""
        with _locked(self._path.with_name(f"{self._path.name}.lock")):
            if not _is_damaged(self._path):
                return
            number = 1
            while (aside := self._path.with_name(f"{self._path.name}.damaged-{number}")).exists():
                number += 1
            # Its journal must never be played back into the new file.
            self._path.with_name(f"{self._path.name}-journal").unlink(missing_ok=True)
            self._path.replace(aside)
        warnings.warn(
            f"{self._path}: the judge's cache is damaged; set aside as {aside.name}, begun anew", stacklevel=5
        )


def _checksum(key: str, text: str) -> str:
    return hashlib.sha256(f"{key} {text}".encode()).hexdigest()[:CHECKSUM]


def _open(path: Path) -> sqlite3.Connection:
    # Every statement is a transaction of its own.
    return sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)


def _is_damaged(path: Path) -> bool:
    if not path.is_file():
        return False
    with contextlib.closing(_open(path)) as base:
        try:
            return bool(base.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok")
        except sqlite3.DatabaseError as error:
            if not _tells_of_damage(error):
                raise
            return True


def _tells_of_damage(error: sqlite3.DatabaseError) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock that one process at a time can hold; it is freed if the process dies."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
