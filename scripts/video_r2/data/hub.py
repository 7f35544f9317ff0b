"""Downloads from the Hugging Face hub: pinned to a commit, resumed, checked, unpacked."""

from __future__ import annotations

import io
import re
import tarfile
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

import httpx2
from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import filter_repo_objects
from tqdm import tqdm

from video_r2.checksums import sha256_of
from video_r2.errors import UserError
from video_r2.files import link_or_copy
from video_r2.space import require_space

Kind = Literal["model", "dataset"]

# Weights as safetensors only, and no code of the repository's own.
MODEL_FILES = ("*.safetensors", "*.json", "*.txt", "*.jinja", "*.model", "README.md", "LICENSE*")
ARCHIVE = re.compile(r"\.(?:zip|tar|tar\.gz|tgz)$")
PART = re.compile(r"^(?P<archive>.+\.(?:zip|tar|tar\.gz|tgz))\.(?:part[._-]?)?(?:[a-z]{2}|\d{2,3})$")
BLOCK = 1 << 20


@dataclass(frozen=True)
class Download:
    """A repository's files on disk, as of one commit."""

    folder: Path
    commit: str


def download(repo: str, kind: Kind, revision: str, cache: Path, patterns: Sequence[str] | None = None) -> Download:
    """Download a repository into `cache`, go on where an earlier attempt stopped, and check what came.

    The folder is named by the commit, so that a branch that moves on is downloaded afresh and never mixed.

    Args:
        repo: hub id.
        revision: commit, tag or branch.
        cache: folder that keeps downloads between runs.
        patterns: which files; default all.

    Raises:
        UserError: if the repository, the revision or the network is not there, access is not granted, a file came
            damaged, or there is no space for them; each with its cure.
    """
    api = HfApi()
    try:
        commit = api.repo_info(repo, repo_type=kind, revision=revision).sha
        if commit is None:
            raise UserError(f"the hub names no commit for revision {revision!r}", record=repo)
        print(f"{repo}: revision {revision} is commit {commit}")
        folder = cache / f"{repo.replace('/', '--')}-{commit[:12]}"
        entries = api.list_repo_tree(repo, recursive=True, revision=commit, repo_type=kind)
        wanted = list(patterns) if patterns else None
        files = list(
            filter_repo_objects(
                (entry for entry in entries if isinstance(entry, RepoFile)),
                allow_patterns=wanted,
                key=lambda entry: entry.path,
            )
        )
        require_space(cache, _size(folder, files), f"downloading and unpacking {repo}")
        snapshot_download(repo, repo_type=kind, revision=commit, local_dir=folder, allow_patterns=wanted)
    except Exception as error:
        explained = _explained(error, repo, kind, revision)
        if explained is None:
            raise
        raise explained from error
    _verify(folder, files)
    return Download(folder, commit)


def _explained(error: Exception, repo: str, kind: Kind, revision: str) -> UserError | None:
    """What a failed download means for the user; none if it is no failure of a download."""
    # Gated and missing repositories are HTTP errors too: from the particular to the general.
    if isinstance(error, GatedRepoError):
        page = f"https://huggingface.co/{'datasets/' if kind == 'dataset' else ''}{repo}"
        return UserError(
            "access has to be asked for", record=repo, cure=f"accept the terms on {page}, then log in: hf auth login"
        )
    if isinstance(error, RepositoryNotFoundError | HFValidationError):
        return UserError(
            f"the hub has no {kind} of this name, or you may not see it",
            record=repo,
            cure="check the id in the configuration; log in with `hf auth login` if it is private",
        )
    if isinstance(error, RevisionNotFoundError):
        return UserError(
            f"there is no revision {revision!r}", record=repo, cure="give a commit, tag or branch that exists"
        )
    if isinstance(error, OfflineModeIsEnabled):
        return UserError("downloads are switched off", record=repo, cure="unset HF_HUB_OFFLINE")
    if isinstance(error, LocalEntryNotFoundError | httpx2.TransportError):
        return UserError(
            "the hub cannot be reached",
            record=repo,
            cure="check the network and run again: it goes on where it stopped; on a node without network, run the "
            "rules fetch_* on one that has it",
        )
    if isinstance(error, HfHubHTTPError):
        return UserError(
            f"the hub answered {error.response.status_code}",
            record=repo,
            cure="run again later: it goes on where it stopped",
        )
    return None


def _size(folder: Path, files: Iterable[RepoFile]) -> int:
    """Bytes that are still to come, and those of the archives once more: what they hold is videos, which do not shrink."""
    archives = sum(file.size for file in files if ARCHIVE.search(file.path) or PART.match(file.path))
    return archives + sum(file.size for file in files if not (folder / file.path).is_file())


def _verify(folder: Path, files: Iterable[RepoFile]) -> None:
    """Compare every downloaded file with the size and, for large files, the checksum that the hub states."""
    present = [(folder / file.path, file) for file in files if (folder / file.path).is_file()]
    for path, file in tqdm(present, desc="checking", unit="file"):
        whole = path.stat().st_size == file.size and (file.lfs is None or sha256_of(path) == file.lfs.sha256)
        if not whole:
            path.unlink()
            raise UserError(
                "came damaged and was removed", file=path, cure="run again: only this file is downloaded anew"
            )


def place(source: Path, target: Path, leave: Sequence[str] = ()) -> None:
    """Put downloaded files into `target`: archives unpacked where they lie, everything else linked or copied.

    Args:
        leave: names of files at the top of `source` that are left out.

    Raises:
        UserError: if an archive is damaged, or holds something outside of its folder.
    """
    inner = {path: path.relative_to(source) for path in sorted(source.rglob("*")) if path.is_file()}
    files = [path for path, name in inner.items() if ".cache" not in name.parts and str(name) not in leave]
    parts: dict[Path, list[Path]] = {}
    for path in tqdm(files, desc="placing files", unit="file"):
        goal = target / inner[path]
        part = PART.match(path.name)
        if part:
            parts.setdefault(goal.with_name(part["archive"]), []).append(path)
        elif ARCHIVE.search(path.name):
            unpack([path], goal.parent)
        else:
            link_or_copy(path, goal)
    for goal, pieces in parts.items():
        unpack(pieces, goal.parent)


def unpack(pieces: Sequence[Path], target: Path, without: str = "") -> None:
    """Unpack a zip or tar archive, given whole or in pieces in order, into `target`.

    Args:
        without: a leading folder that is left out of the paths.

    Raises:
        UserError: if the archive is damaged, or holds something outside of its folder.
    """
    target.mkdir(parents=True, exist_ok=True)
    try:
        if ".zip" in pieces[0].name:
            if len(pieces) > 1:
                raise UserError(
                    "a zip archive in pieces cannot be read", file=pieces[0], cure="join and unpack it by hand"
                )
            with zipfile.ZipFile(pieces[0]) as archive:
                for entry in archive.infolist():
                    entry.filename = _inner(entry.filename, without)
                    if entry.filename:
                        archive.extract(entry, target)
        else:
            with tarfile.open(fileobj=io.BufferedReader(_Joined(pieces), BLOCK), mode="r|*") as tar:
                for member in tar:
                    name = _inner(member.name, without)
                    if name:
                        tar.extract(member.replace(name=name), target, filter="data")
    except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
        raise UserError(
            f"cannot be unpacked: {error}", file=pieces[0], cure="remove it and run again: it is downloaded anew"
        ) from error


def _inner(name: str, without: str) -> str:
    """`name` below the folder `without`; empty for that folder itself."""
    parts = PurePosixPath(name).parts
    inner = "/".join(parts[1:] if without and parts[:1] == (without,) else parts)
    return f"{inner}/" if inner and name.endswith("/") else inner


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
