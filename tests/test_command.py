"""How the commands end that users call."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
from video_r2.command import run_command
from video_r2.errors import UserError

def many():
    for number in range(10**6):
        print(number)

def one_and_leave():
    print("x" * 10**5)
    raise SystemExit(1)

def fail():
    raise UserError("holds no video", file="a.mp4", cure="fetch it again")

run_command({main})
"""


def command(main: str, scripts: str) -> subprocess.Popen[str]:
    code = f"import sys; sys.path.insert(0, {scripts!r})" + PROGRAM.format(main=main)
    return subprocess.Popen([sys.executable, "-c", code], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.parametrize("main", ["many", "one_and_leave"])
def test_a_reader_who_has_seen_enough_ends_it_without_a_word(root, main: str) -> None:
    with command(main, str(root / "scripts")) as process:
        assert process.stdout is not None
        assert process.stdout.read(1) in ("0", "x")
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
        assert process.wait() == 141


def test_an_error_of_the_users_is_one_sentence(root) -> None:
    with command("fail", str(root / "scripts")) as process:
        assert process.communicate() == ("", "error: a.mp4: holds no video (cure: fetch it again)\n")
        assert process.returncode == 1
