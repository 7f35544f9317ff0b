"""Whether what is to be downloaded can be had: asked of the hub beforehand, for all sources at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

from video_r2.data.hub import TRY_AGAIN, explain, folder_of
from video_r2.data.sources import Pinned, Source
from video_r2.errors import UserError

AT_ONCE = 8
TIMEOUT = 10.0  # seconds


@dataclass(frozen=True)
class Access:
    """What the hub says about a source.

    Attributes:
        state: downloaded already, open to this user, refused, or not known, as the hub cannot be reached or is busy.
        problem: why it is refused or not known.
    """

    source: Source
    state: Literal["downloaded", "open", "refused", "unknown"]
    problem: UserError | None = None


def check(sources: Sequence[Source], lock: Mapping[str, Pinned], cache: Path) -> list[Access]:
    """Ask about every source, several at a time; nothing is downloaded.

    Args:
        lock: entries by `Source.key`.
        cache: folder that keeps downloads.
    """
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda source: _check(source, lock.get(source.key), cache), sources))


def _check(source: Source, locked: Pinned | None, cache: Path) -> Access:
    folder = folder_of(source, locked.commit, cache) if locked else None
    if folder and locked and locked.files and all((folder / name).is_file() for name in locked.files):
        return Access(source, "downloaded")
    try:
        at = locked.commit if locked else source.revision
        HfApi().repo_info(source.hub, repo_type=source.kind, revision=at, timeout=TIMEOUT)
        HfApi().auth_check(source.hub, repo_type=source.kind)  # what is gated tells about itself, and gives no files
    except Exception as error:
        explained = explain(error, source)
        if explained is None:
            raise
        answered = isinstance(error, HfHubHTTPError) and error.response.status_code not in TRY_AGAIN
        refused = answered or isinstance(error, OfflineModeIsEnabled)
        return Access(source, "refused" if refused else "unknown", explained)
    return Access(source, "open")


def require(sources: Sequence[Source], lock: Mapping[str, Pinned], cache: Path) -> None:
    """Stop where one of the sources is refused, and say for all of them what to do.

    Where the hub cannot be reached from here a warning is printed: the jobs may run where it can.

    Raises:
        UserError: naming every source that cannot be had, each with its cure.
    """
    found = check(sources, lock, cache)
    for one in found:
        if one.state == "unknown":
            print(f"warning: {one.problem}")
    refused = [str(one.problem) for one in found if one.state == "refused"]
    if refused:
        listed = "\n  ".join(refused)
        raise UserError(
            f"{len(refused)} of the {len(sources)} sources that this run fetches cannot be had:\n  {listed}\n",
            cure="get access, or leave out what needs them; `make doctor` asks again",
        )
