"""Add what was fetched to sources.lock.yaml; or move sources to what their revisions are now.

A run does the first by itself when it ends; this does it for one that was killed. The next run fetches a source that was moved
again.
"""

import argparse
from pathlib import Path

from video_r2.command import run_command
from video_r2.data.sources import Pinned, Source, merge_records, read_lock, repin
from video_r2.errors import UserError

ROOT = Path(__file__).parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--update", nargs="+", default=[], metavar="OWNER/NAME", help="sources to move")
    parser.add_argument("--root", type=Path, default=ROOT, help="the repository (default: this one)")
    given = parser.parse_args()
    lock = given.root / "sources.lock.yaml"

    for key in merge_records(lock, sorted(given.root.glob("results/*/sources"))):
        print(f"{key}: added")
    for name in given.update:
        entries = {key: entry for key, entry in read_lock(lock).items() if name in (key, key.rpartition("@")[0])}
        if not entries:
            raise UserError(f"has no entry of {name}", file=lock, cure="fetch it, and it gets one")
        for key, entry in entries.items():
            move(lock, key, entry)
    print(f"{lock.name}: {len(read_lock(lock))} sources")


def move(lock: Path, key: str, entry: Pinned) -> None:
    from video_r2.data.hub import explain, resolve

    hub, _, revision = key.rpartition("@")
    source = Source(hub=hub, kind=entry.kind, revision=revision)
    try:
        commit = resolve(source)
    except Exception as error:
        explained = explain(error, source)
        if explained is None:
            raise
        raise explained from error
    if commit == entry.commit:
        print(f"{key}: has not moved")
        return
    repin(lock, key, Pinned(entry.kind, commit, {}))
    print(f"{key}: {entry.commit[:12]} -> {commit[:12]}; the next run fetches it")


if __name__ == "__main__":
    run_command(main)
