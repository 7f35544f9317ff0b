"""The file that keeps what a judge's server answered: threads, processes, death, damage."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from loopback import Server, question_of

from video_r2.errors import UserError
from video_r2.judge import cache
from video_r2.judge.base import Reading
from video_r2.judge.cache import ReplyCache, key_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "judge.sqlite"


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    server.behaviour = lambda request, number: {"score": 6, "answer": "B"}
    yield server
    server.close()


def test_what_was_put_is_there_again_after_closing(path: Path) -> None:
    replies = ReplyCache(path)
    assert replies.get("k") is None
    replies.put("k", {"text": "ä", "score": 1.5})
    replies.close()
    assert replies.get("k") == ReplyCache(path).get("k") == {"text": "ä", "score": 1.5}
    replies.put("k", {"score": 2})
    assert ReplyCache(path).get("k") == {"score": 2}


def test_a_file_of_the_users_own_is_left_as_it_is(server: Server, path: Path) -> None:
    path.parent.mkdir()
    path.write_text('{"response": "B"}')
    with pytest.raises(UserError, match="is no file of replies"):
        server.judge(cache=str(path))
    assert path.read_text() == '{"response": "B"}'


def test_a_path_that_cannot_be_a_file_is_refused(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for path, why in ((tmp_path, "is a folder"), (tmp_path / "file" / "new" / "judge.sqlite", "file is no folder")):
        with pytest.raises(UserError, match=why):
            server.judge(cache=str(path))


def test_a_key_follows_all_that_is_asked(server: Server, monkeypatch) -> None:
    judge, other = server.judge(), server.judge(model="other")
    judge.visual_evidence("t")
    judge.visual_evidence("u")
    other.visual_evidence("t")
    judge.answer_in("t", [], "text")
    server.judge(timeout=9, retries=7).visual_evidence("t")
    first, *others, again = [
        key_of({name: part for name, part in request.items() if name not in ("path", "authorization")})
        for request in server.requests
    ]
    assert len({first, *others}) == 4
    assert again == first


def test_a_second_scoring_makes_no_call(server: Server, path: Path) -> None:
    texts = [f"trace {place}" for place in range(20)]
    first = server.judge(cache=str(path))
    scores = first.evidence_of(texts)
    assert (len(server.requests), first.sent) == (20, 20)
    again = server.judge(cache=str(path))
    assert again.evidence_of(texts) == scores
    assert (len(server.requests), again.asked, again.sent, again.missing) == (20, 20, 0, 0)
    # Another question about the same text, and another model, are other questions.
    again.answers_of([Reading(texts[0], "think", "text")])
    server.judge(cache=str(path), model="other").evidence_of(texts[:1])
    assert len(server.requests) == 22


def test_a_changed_prompt_is_asked_anew(server: Server, path: Path, monkeypatch) -> None:
    judge = server.judge(cache=str(path))
    judge.visual_evidence("t")
    monkeypatch.setattr("video_r2.judge.llm._prompt", lambda name: "Another wording.")
    judge.visual_evidence("t")
    assert len(server.requests) == 2


def test_failures_are_not_kept(server: Server, path: Path) -> None:
    server.behaviour = lambda request, number: {"score": 11} if number <= 3 else {"score": 6}
    assert server.judge(cache=str(path)).visual_evidence("t") is None
    assert server.judge(cache=str(path)).visual_evidence("t") == 6.0
    assert len(server.requests) == 4


def test_a_kept_reply_that_does_not_fit_is_asked_for_again(server: Server, path: Path) -> None:
    server.judge(cache=str(path)).visual_evidence("t")
    with closing(sqlite3.connect(path)) as base:
        ((key,),) = base.execute("SELECT key FROM replies")
    replies = ReplyCache(path)
    replies.put(key, {"score": 99})
    replies.close()
    assert server.judge(cache=str(path)).visual_evidence("t") == 6.0
    assert len(server.requests) == 2
    assert server.judge(cache=str(path)).visual_evidence("t") == 6.0
    assert len(server.requests) == 2


def test_many_threads_share_one(path: Path) -> None:
    replies = ReplyCache(path)

    def use(place: int) -> object:
        replies.put(f"{place % 50}", {"score": place % 50})
        return replies.get(f"{place % 50}")

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(use, range(400))) == [{"score": place % 50} for place in range(400)]


WRITE = """
import sys
from video_r2.judge.cache import ReplyCache
replies = ReplyCache(sys.argv[1])
for place in range(int(sys.argv[3])):
    replies.put(f"{sys.argv[2]}{place}", {"score": place})
    print(place, flush=True)
"""


def writer(root: Path, path: Path, name: str, number: int) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(root / "scripts")}
    command = [sys.executable, "-W", "error::UserWarning", "-c", WRITE, str(path), name, str(number)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def test_two_processes_at_once_lose_nothing(root: Path, path: Path) -> None:
    writers = [writer(root, path, name, 200) for name in "ab"]
    for each in writers:
        each.communicate()
        assert each.returncode == 0
    replies = ReplyCache(path)
    assert all(replies.get(f"{name}{place}") == {"score": place} for name in "ab" for place in range(200))


def test_what_a_killed_process_was_told_is_kept(root: Path, path: Path) -> None:
    with writer(root, path, "a", 1_000_000) as killed:
        assert killed.stdout is not None
        for _ in range(50):
            said = int(killed.stdout.readline())
        killed.send_signal(signal.SIGKILL)
        said = max([said, *(int(line) for line in killed.stdout.read().splitlines()[:-1])])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        replies = ReplyCache(path)
        assert all(replies.get(f"a{place}") == {"score": place} for place in range(said + 1))
        replies.put("b", 1)


@pytest.mark.parametrize("damage", ["no database", "cut off", "overwritten"])
def test_a_damaged_file_is_set_aside_and_begun_anew(server: Server, path: Path, damage: str) -> None:
    server.judge(cache=str(path)).evidence_of([f"{place}" * 50 for place in range(200)])
    content = path.read_bytes()
    assert len(content) > 8192
    damaged = {
        "no database": b"replies\0 of course" * 500,
        "cut off": content[:5000],
        "overwritten": content[:100] + b"\xff" * (len(content) - 100),
    }[damage]
    path.write_bytes(damaged)
    with pytest.warns(UserWarning, match=r"judge\.sqlite: the judge's cache is damaged; set aside as .*damaged-1"):
        assert server.judge(cache=str(path)).visual_evidence("t") == 6.0
    assert path.with_name("judge.sqlite.damaged-1").read_bytes() == damaged
    assert len(server.requests) == 201
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert server.judge(cache=str(path)).visual_evidence("t") == 6.0
    assert len(server.requests) == 201


@pytest.mark.parametrize(("old", "new"), [(b'"score": 6', b'"score": 7'), (b'"score": 6', b'"score\xff: 6')])
def test_a_kept_reply_with_a_damaged_byte_is_asked_for_again(
    server: Server, path: Path, old: bytes, new: bytes
) -> None:
    # Within a value SQLite notices nothing.
    server.judge(cache=str(path)).evidence_of(["t", "u"])
    content = path.read_bytes()
    assert content.count(old) == 2
    path.write_bytes(content.replace(old, new, 1))
    with pytest.warns(UserWarning, match=r"judge\.sqlite: a kept reply is damaged; the judge is asked again"):
        assert server.judge(cache=str(path)).evidence_of(["t", "u"]) == [6.0, 6.0]
    assert len(server.requests) == 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert server.judge(cache=str(path)).evidence_of(["t", "u"]) == [6.0, 6.0]
    assert len(server.requests) == 3


def test_two_that_find_the_damage_set_one_file_aside(path: Path) -> None:
    first, second = ReplyCache(path), ReplyCache(path)
    first.put("k", 1)
    second.put("l", 2)
    path.write_bytes(b"no database at all" * 500)
    with pytest.warns(UserWarning, match="damaged-1"):
        first.put("k", 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        second.put("l", 4)
    fresh = ReplyCache(path)
    assert (fresh.get("k"), fresh.get("l")) == (3, 4)
    assert len(list(path.parent.glob("*.damaged-*"))) == 1


def test_a_place_that_cannot_be_written_is_warned_of_once_and_done_without(server: Server) -> None:
    judge = server.judge(cache="/proc/self/judge.sqlite")  # a folder that holds what the system puts there
    with pytest.warns(UserWarning, match="going on without the judge's cache"):
        assert judge.evidence_of(["t", "u"]) == [6.0, 6.0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert judge.evidence_of(["v"]) == [6.0]


def test_who_finds_the_file_in_use_waits_for_it(path: Path) -> None:
    replies = ReplyCache(path)
    replies.put("k", 1)
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        threading.Timer(0.5, lambda: holder.execute("ROLLBACK")).start()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            replies.put("l", 2)
    assert replies.get("l") == 2


def test_who_waits_too_long_for_the_file_goes_on_without(path: Path, monkeypatch) -> None:
    monkeypatch.setattr(cache, "BUSY_SECONDS", 0.1)
    replies = ReplyCache(path)
    replies.put("k", 1)
    with sqlite3.connect(path, isolation_level=None) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        begun = time.monotonic()
        with pytest.warns(UserWarning, match="locked"):
            replies.put("l", 2)
        assert time.monotonic() - begun < 5
        holder.execute("ROLLBACK")
    assert ReplyCache(path).get("k") == 1


def test_the_question_is_kept_in_any_script(server: Server, path: Path) -> None:
    server.judge(cache=str(path)).visual_evidence("красный круг ●")
    assert question_of(server.requests[0]) == {"trace": "красный круг ●"}
    assert server.judge(cache=str(path)).visual_evidence("красный круг ●") == 6.0
    assert len(server.requests) == 1
