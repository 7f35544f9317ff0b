"""A judge's server that is started, behaves well or badly, and notes what it is: python judge_servers.py PORT NOTES BEHAVIOUR

Behaviours: well; stubborn (ignores SIGTERM); never (does not listen); dead (ends at once); half (ends at the third question);
parent (starts a process in a session of its own, and ends when it is asked to).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from video_r2 import config

KEY = "JUDGE_KEY"
REPLY = {"answer": "A", "score": 7, "consistent": True, "claims": []}


class Handler(BaseHTTPRequestHandler):
    behaviour = "well"
    questions = 0

    def do_GET(self) -> None:
        known = self.headers["Authorization"] == f"Bearer {os.environ[KEY]}"
        self._reply(200 if known or self.path == "/health" else 401, {"data": []})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        Handler.questions += 1
        if self.behaviour == "half" and Handler.questions == 3:
            print("out of memory", flush=True)
            os._exit(7)
        if self.headers["Authorization"] != f"Bearer {os.environ[KEY]}":
            self._reply(401, {})
        else:
            self._reply(200, {"choices": [{"message": {"content": json.dumps(REPLY)}}]})

    def _reply(self, status: int, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


def serve(port: int, notes: Path, behaviour: str) -> None:
    print(f"a server that is {behaviour}", flush=True)
    pids = [os.getpid(), os.getppid()]
    if behaviour == "parent":
        pids.append(subprocess.Popen(["sleep", "600"], start_new_session=True).pid)
    elif behaviour == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    elif behaviour == "dead":
        print("no such model", flush=True)
    with notes.open("a") as file:
        file.write(json.dumps({"pids": pids, "environment": dict(os.environ), "arguments": sys.argv[4:]}) + "\n")
    if behaviour == "dead":
        sys.exit(3)
    if behaviour == "never":
        time.sleep(600)
    Handler.behaviour = behaviour
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


def settings(notes: Path, behaviour: str = "well", **others: object) -> config.JudgeServer:
    """Settings that start such a server."""
    from video_r2 import config  # which the server itself cannot import

    command = [sys.executable, __file__, "{port}", str(notes), behaviour]
    given = {"command": command, "gpus": 0, "key_variable": KEY, "wait": 30, **others}
    return config.JudgeServer.model_validate(given)


def started(notes: Path) -> list[dict]:
    """What every server that was started has noted: its `environment`, and `pids`, its own and its supervisor's first."""
    return [json.loads(line) for line in notes.read_text().splitlines()] if notes.exists() else []


def running(notes: Path) -> list[int]:
    """Those of the noted processes that are there."""
    return [pid for note in started(notes) for pid in note["pids"] if is_running(pid)]


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(happens: Callable[[], bool], seconds: float = 20) -> None:
    ends = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < ends
        time.sleep(0.05)


if __name__ == "__main__":
    serve(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
