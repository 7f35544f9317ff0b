"""A journal after every way in which writing it can end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from video_r2.journal import Journal

ENTRIES = [{"id": f"q{number}", "text": text} for number, text in enumerate(["red", "", "two\nlines", "日本", "a b"])]
TEXTS = st.dictionaries(st.text(max_size=8), st.text(max_size=30) | st.integers() | st.none(), max_size=4)


def write(path: Path, entries: list[dict]) -> bytes:
    with Journal(path) as journal:
        journal.append(entries)
    return path.read_bytes()


@given(batches=st.lists(st.lists(TEXTS, max_size=4), max_size=4))
def test_what_was_appended_is_read_back(tmp_path_factory: pytest.TempPathFactory, batches: list[list[dict]]) -> None:
    path = tmp_path_factory.mktemp("journal") / "a" / "b.jsonl"
    for number, batch in enumerate(batches):
        with Journal(path) as journal:
            assert journal.entries == [entry for earlier in batches[:number] for entry in earlier]
            journal.append(batch)
    assert Journal(path).entries == [entry for batch in batches for entry in batch]


@pytest.mark.filterwarnings("error")
def test_a_cut_at_any_byte_costs_the_entry_that_it_cuts(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    content = write(path, ENTRIES)
    for length in range(len(content) + 1):
        path.write_bytes(content[:length])
        whole = content[:length].count(b"\n")
        with Journal(path) as journal:
            assert journal.entries == ENTRIES[:whole]
            journal.append(ENTRIES[whole:])
        assert path.read_bytes() == content


def test_a_flipped_bit_costs_the_entry_that_it_is_in_and_is_told(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    content = write(path, ENTRIES)
    for place in range(0, len(content) - 1, 3):
        spoiled = bytearray(content)
        spoiled[place] ^= 1 << place % 8
        path.write_bytes(spoiled)
        with pytest.warns(UserWarning, match="damaged and will be made again"), Journal(path) as journal:
            left = journal.entries
        # An end of line that became another character, or the other way round, spoils both sides of it.
        assert len(ENTRIES) - 2 <= len(left) < len(ENTRIES)
        assert [entry for entry in ENTRIES if entry in left] == left
        assert path.with_name("j.jsonl.damaged").read_bytes() == spoiled
        # Set aside once: what is left is whole.
        with Journal(path) as journal:
            assert journal.entries == left


OPENER = "import sys; from video_r2.journal import Journal; Journal(sys.argv[1]).close()"


def test_there_is_one_writer(tmp_path: Path, root: Path) -> None:
    command = [sys.executable, "-c", OPENER, str(tmp_path / "j.jsonl")]
    environment = {**os.environ, "PYTHONPATH": str(root / "scripts")}
    with Journal(tmp_path / "j.jsonl"):
        refused = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert f"another process is at this: process {os.getpid()}" in refused.stderr
    assert subprocess.run(command, env=environment, check=False).returncode == 0


WRITER = """
import sys
from video_r2.journal import Journal
with Journal(sys.argv[1]) as journal:
    number = len(journal.entries)
    while True:
        journal.append([{"number": number + at, "text": "x" * 500} for at in range(3)])
        number += 3
        print(number, flush=True)
"""


def test_what_was_said_to_be_written_is_there_after_a_kill(tmp_path: Path, root: Path) -> None:
    path, known = tmp_path / "j.jsonl", 0
    for turn in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(root / "scripts")},
        )
        assert process.stdout is not None
        known = int(process.stdout.readline())
        time.sleep(0.02 * turn)
        process.send_signal(signal.SIGKILL)
        known = max([known, *(int(line) for line in process.stdout.read().split())])
        process.wait()
        with Journal(path) as journal:
            assert len(journal.entries) >= known
            assert [entry["number"] for entry in journal.entries] == list(range(len(journal.entries)))
