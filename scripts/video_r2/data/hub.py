"""Downloads from the Hugging Face hub: pinned to a commit, resumed in the middle of a file, checked.

huggingface_hub speaks to the hub; since its version 2 it begins a file of which a job got a part from the start, so where a
file is kept while it comes is decided here.
"""

from __future__ import annotations

import hashlib
import io
import json
import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import httpx2
from huggingface_hub import HfApi, constants, hf_hub_download, hf_hub_url
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.file_download import http_get
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import build_hf_headers, disable_progress_bars, filter_repo_objects, get_token
from tqdm import tqdm

from video_r2.checksums import sha256_of
from video_r2.data.archives import is_archive
from video_r2.data.sources import CODE_FILES, Pinned, Record, Source, read_lock, read_record
from video_r2.errors import UserError
from video_r2.files import replacing
from video_r2.space import require_space
from video_r2.state import held

Result = TypeVar("Result")

AT_ONCE = 8  # files that are downloaded at a time
PATIENCE = (1.0, 5.0, 20.0, 60.0)  # seconds waited after one failure and the next, before it is told
LONGEST_WAIT = 600.0  # seconds that the hub may ask to wait
TRY_AGAIN = frozenset({408, 429, 500, 502, 503, 504})


@dataclass(frozen=True)
class Download:
    """A repository's files on disk, as of one commit.

    Attributes:
        folder: where they are.
        sizes: bytes by path below it.
        files: SHA-256 by path below it.
    """

    source: Source
    folder: Path
    commit: str
    sizes: Mapping[str, int]
    files: Mapping[str, str]

    def write_manifest(self, path: str | Path) -> None:
        """Write down what was downloaded: where it is from, and every file with its size and checksum."""
        listed = [{"path": name, "bytes": self.sizes[name], "sha256": self.files[name]} for name in sorted(self.files)]
        about = {"hub": self.source.hub, "kind": self.source.kind, "revision": self.source.revision}
        with replacing(path) as temporary:
            temporary.write_text(
                json.dumps({**about, "commit": self.commit, "files": listed}, indent=1), encoding="utf-8"
            )

    def remember(self, path: str | Path, order: str) -> None:
        """Leave the record that the lock is made of, once all that the fetch makes is there."""
        Record(self.source.key, self.source.kind, self.commit, order, dict(self.files)).write(path)


def download(source: Source, cache: Path, lock: Path | None = None) -> Download:
    """Download a repository into `cache`, go on where an earlier attempt stopped, and check what came.

    The commit is the lock's; without an entry there, the one that an unfinished attempt began with; else what the revision is
    now. The folder is named by the commit, so that a branch that moves on is downloaded afresh and never mixed. Where all
    that is locked is there, a hub that cannot be asked is no reason to fail.

    Args:
        cache: folder that keeps downloads between runs.
        lock: the lock of sources.

    Raises:
        UserError: if the repository, the revision or the network is not there, access is not granted, a file came
            damaged or is not what the lock or the table says, or there is no space; each with its cure.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with held(cache / f"{source.slug}.lock"):
        try:
            return _download(source, cache, read_lock(lock).get(source.key) if lock else None)
        except Exception as error:
            explained = explain(error, source)
            if explained is None:
                raise
            raise explained from error


def folder_of(source: Source, commit: str, cache: Path) -> Path:
    """Where a source's files are kept, as of a commit."""
    return cache / f"{source.hub.replace('/', '--')}-{commit[:12]}"


def _download(source: Source, cache: Path, locked: Pinned | None) -> Download:
    begun = cache / f"{source.slug}.json"
    commit = locked.commit if locked else _commit(source, read_record(begun))
    said = "as locked" if locked else f"revision {source.revision}"
    print(f"{source.hub}: {said}, commit {commit}")
    folder = folder_of(source, commit, cache)
    if not locked:
        Record(source.key, source.kind, commit, "", {}).write(begun)

    has_all = locked is not None and bool(locked.files) and all((folder / name).is_file() for name in locked.files)
    try:
        if has_all:
            resolve(source, commit)  # fails at once, where a listing tries for a while
        listed = _patiently(lambda: _listing(source, commit))
    except (HfHubHTTPError, OfflineModeIsEnabled, httpx2.TransportError) as error:
        kept = _kept(source, folder, locked) if locked and has_all else None
        if kept is None:
            raise
        print(f"the hub was not asked ({type(error).__name__}); all that is locked is here")
        return kept
    if not listed:
        patterns = ", ".join(source.files) or "everything"
        raise UserError(f"holds no file of those wanted ({patterns})", record=source.key, cure="check its revision")
    expected = {**source.sha256, **(locked.files if locked else {})}
    for name, file in listed.items():
        if file.lfs is not None and file.lfs.sha256 != expected.get(name, file.lfs.sha256):
            raise _other(name, expected[name], file.lfs.sha256, source, locked)
    require_space(cache, _needed(folder, listed.values()), f"downloading and unpacking {source.hub}")
    _fetch(source, commit, folder, listed)

    found = _checksums(folder, listed)
    for name, file in listed.items():
        stated = file.lfs.sha256 if file.lfs else None
        if (stated is not None and found[name] != stated) or (
            stated is None and _blob_id(folder / name) != file.blob_id
        ):
            (folder / name).unlink()
            raise UserError(
                "came damaged and was removed", file=folder / name, cure="run again: only this file is downloaded anew"
            )
        if found[name] != expected.get(name, found[name]):
            raise _other(name, expected[name], found[name], source, locked)
    return _downloaded(source, folder, commit, found)


def _kept(source: Source, folder: Path, locked: Pinned) -> Download | None:
    """What an earlier download left, if it is what the lock says."""
    found = _checksums(folder, filter_repo_objects(locked.files, allow_patterns=source.files or None))
    # An entry from before a model's code was trusted does not know the code.
    has_code = any(filter_repo_objects(found, allow_patterns=CODE_FILES)) or not set(CODE_FILES) & set(source.files)
    is_as_locked = has_code and all(found[name] == locked.files[name] for name in found)
    return _downloaded(source, folder, locked.commit, found) if is_as_locked else None


def _downloaded(source: Source, folder: Path, commit: str, found: Mapping[str, str]) -> Download:
    return Download(source, folder, commit, {name: (folder / name).stat().st_size for name in found}, found)


def _commit(source: Source, begun: Record | None) -> str:
    if begun is not None:
        return begun.commit
    return _patiently(lambda: resolve(source))


def resolve(source: Source, revision: str | None = None) -> str:
    """The commit that a revision is now: the source's own, or another one."""
    info = HfApi().repo_info(source.hub, repo_type=source.kind, revision=revision or source.revision, timeout=30)
    if info.sha is None:
        raise UserError(f"the hub names no commit for revision {source.revision!r}", record=source.hub)
    return str(info.sha)


def _listing(source: Source, commit: str) -> dict[str, RepoFile]:
    """The files that are wanted, by path."""
    entries = HfApi().list_repo_tree(source.hub, recursive=True, revision=commit, repo_type=source.kind)
    files = (entry for entry in entries if isinstance(entry, RepoFile) and entry.path != ".gitattributes")
    wanted = filter_repo_objects(files, allow_patterns=source.files or None, key=lambda entry: entry.path)
    listed = {file.path: file for file in wanted}
    for name in listed:
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or "\\" in name:
            raise UserError(f"names a file outside of its folder: {name!r}", record=source.key, cure="do not use it")
    return listed


def _other(name: str, expected: str, found: str, source: Source, locked: Pinned | None) -> UserError:
    where = "sources.lock.yaml" if locked and name in locked.files else "sources.yaml"
    return UserError(
        f"is not the file that {where} knows: its SHA-256 is {found}, and should be {expected}",
        record=f"{source.key}: {name}",
        cure=f"if its authors changed it on purpose, correct {where}; else do not use it",
    )


def _needed(folder: Path, files: Iterable[RepoFile]) -> int:
    """Bytes that are still to come, and those of the archives once more: what they hold is videos, which do not shrink."""
    files = list(files)
    archives = sum(file.size for file in files if is_archive(file.path))
    return archives + sum(file.size for file in files if not (folder / file.path).is_file())


def _checksums(folder: Path, names: Iterable[str]) -> dict[str, str]:
    names = sorted(names)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        sums = pool.map(lambda name: sha256_of(folder / name), names)
        return dict(zip(names, tqdm(sums, total=len(names), desc="checking", unit="file"), strict=True))


def _blob_id(path: Path) -> str:
    """What git calls a file's contents; the hub states nothing else of small files."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


# --- one file after the other -----------------------------------------------------------------------------------------


def _fetch(source: Source, commit: str, folder: Path, listed: Mapping[str, RepoFile]) -> None:
    missing = [file for file in listed.values() if not _is_whole(folder / file.path, file)]
    disable_progress_bars()  # one for everything, and not one a file
    total = sum(file.size for file in missing)
    with tqdm(total=total, unit="B", unit_scale=True, desc="downloading") as bar, ThreadPoolExecutor(AT_ONCE) as pool:
        progress = _Progress(bar)
        try:
            fetched = pool.map(
                lambda file: _patiently(lambda: _fetch_file(source, commit, folder, file, progress)), missing
            )
            for _ in fetched:
                pass
        finally:
            progress.stop()  # where one file has failed, the others need not be waited for
            pool.shutdown(wait=False, cancel_futures=True)


def _is_whole(path: Path, file: RepoFile) -> bool:
    return path.is_file() and path.stat().st_size == file.size


def _fetch_file(source: Source, commit: str, folder: Path, file: RepoFile, progress: _Progress) -> None:
    """One file, from where an earlier attempt stopped, moved into place when all of it is there."""
    path = folder / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    if file.size > constants.MAX_HTTP_DOWNLOAD_SIZE:
        # Only the hub's own protocol has files of this size; it begins them from the start.
        hf_hub_download(source.hub, file.path, repo_type=source.kind, revision=commit, local_dir=folder)
        progress.count(file.size)
        return
    partial = folder / ".partial" / file.path
    partial.parent.mkdir(parents=True, exist_ok=True)
    with partial.open("ab") as raw:
        if raw.tell() > file.size:
            raw.truncate(0)
        there = raw.seek(0, io.SEEK_END)
        progress.count(there)
        http_get(
            hf_hub_url(source.hub, file.path, repo_type=source.kind, revision=commit),
            _Counted(raw, progress),  # type: ignore[arg-type]
            resume_size=there,
            headers=build_hf_headers(),
            expected_size=file.size,
        )
    partial.replace(path)


class _Progress:
    """How much has come, of all files together, and whether it goes on."""

    def __init__(self, bar: tqdm) -> None:
        self._bar = bar
        self._lock = threading.Lock()
        self._is_stopped = False

    def count(self, change: int) -> None:
        """Count bytes; to count stops a download that is not to go on."""
        if self._is_stopped:
            raise _StoppedError
        with self._lock:
            self._bar.update(change)

    def stop(self) -> None:
        self._is_stopped = True


class _StoppedError(Exception):
    """Another file has failed, or the job is to end."""


class _Counted:
    """A file that counts what is written to its end."""

    def __init__(self, file: Any, progress: _Progress) -> None:
        self._file = file
        self._progress = progress

    def write(self, data: bytes) -> int:
        self._progress.count(len(data))
        return int(self._file.write(data))

    def truncate(self) -> int:
        """Cut off what lies behind this place: the hub gives the whole file where it was asked for the rest."""
        place = self._file.tell()
        self._progress.count(place - self._file.seek(0, io.SEEK_END))
        self._file.seek(place)
        return int(self._file.truncate())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def _patiently(attempt: Callable[[], Result]) -> Result:
    """Try again where the hub is overloaded or the network fails, after the time that the hub asks for."""
    for wait in PATIENCE:
        try:
            return attempt()
        except HfHubHTTPError as error:
            if error.response.status_code not in TRY_AGAIN:
                raise
            wait = _asked_wait(error.response.headers.get("Retry-After")) or wait
            reason = f"the hub answered {error.response.status_code}"
        except httpx2.TransportError as error:
            reason = str(error) or type(error).__name__
        print(f"{reason}; trying again in {wait:g} s")
        time.sleep(min(wait, LONGEST_WAIT) * random.uniform(1, 1.1))
    return attempt()


def _asked_wait(header: str | None) -> float | None:
    try:
        return max(float(header or ""), 0.0)
    except ValueError:  # a date; nobody has seen the hub send one
        return None


# --- what went wrong --------------------------------------------------------------------------------------------------

RUN_AGAIN = "run again: it goes on where it stopped"


def explain(error: Exception, source: Source) -> UserError | None:
    """What a failed request means for the user; none if it is no failure of a request."""
    # Gated and missing repositories are HTTP errors too: from the particular to the general.
    if isinstance(error, GatedRepoError):
        return UserError(
            "access has to be asked for",
            record=source.hub,
            cure=f"accept the terms on {source.page}, then log in: hf auth login, or set HF_TOKEN",
        )
    if isinstance(error, RevisionNotFoundError):
        return UserError(
            f"there is no revision {source.revision!r}",
            record=source.hub,
            cure="give a commit, tag or branch that exists",
        )
    if isinstance(error, RepositoryNotFoundError | HFValidationError):
        return UserError(
            f"the hub has no {source.kind} of this name, or you may not see it",
            record=source.hub,
            cure="check the id in the configuration; log in with `hf auth login` if it is private",
        )
    if isinstance(error, OfflineModeIsEnabled):
        return UserError("downloads are switched off", record=source.hub, cure="unset HF_HUB_OFFLINE")
    if isinstance(error, HfHubHTTPError):
        return _explained_answer(error, source)
    if isinstance(error, LocalEntryNotFoundError | httpx2.TransportError):
        return UserError(
            "the hub cannot be reached",
            record=source.hub,
            cure=f"check the network and {RUN_AGAIN}; on a node without network, run the rules fetch_* on one that has it",
        )
    if isinstance(error, json.JSONDecodeError):
        return UserError(
            "what answers is no hub, but perhaps the page of a proxy or of a login",
            record=source.hub,
            cure=f"open {source.page} from this machine, log in to its network, and {RUN_AGAIN}",
        )
    if isinstance(error, OSError) and "Consistency check failed" in str(error):
        return UserError("a file came with another size than the hub states", record=source.hub, cure=RUN_AGAIN)
    return None


def _explained_answer(error: HfHubHTTPError, source: Source) -> UserError:
    status = error.response.status_code
    if status == 401:
        token = "does not accept your token" if get_token() else "wants to know who you are"
        return UserError(f"the hub {token}", record=source.hub, cure="log in: hf auth login, or set HF_TOKEN")
    if status == 403:
        return UserError(
            "your token may not read this",
            record=source.hub,
            cure=f"accept the terms on {source.page} if it has any, and let the token read gated repositories (its settings)",
        )
    if status == 429:
        return UserError("the hub wants fewer requests", record=source.hub, cure=f"wait some minutes and {RUN_AGAIN}")
    return UserError(f"the hub answered {status}", record=source.hub, cure=f"later {RUN_AGAIN}")
