"""A server of the judge's model that lives inside the job that asks it, and ends with it, however that ends.

    the job  ->  a supervisor (supervisor.py)  ->  the server and whatever it starts, a process group of its own

It listens on loopback at a port of its own and asks for a key that is made anew each time, so that jobs on one node neither
collide nor are asked by others. What it says goes to a log beside the job's.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import IO, NoReturn, cast

from video_r2 import config
from video_r2.errors import UserError
from video_r2.gpus import gpus_there
from video_r2.state import held

SUPERVISOR = Path(__file__).with_name("supervisor.py")
GRACE = 15.0  # seconds that a server is given to end by itself; SLURM gives a whole job 30
LOOK = 0.5  # seconds between two looks at a server that is coming up
TELL = 30.0  # seconds between two lines about it
LAST_LINES = 20  # of its log that are told when it fails
REFUSED = (401, 403)  # status
GPUS = "CUDA_VISIBLE_DEVICES"
NOT_ITS_OWN = ("PYTHONPATH", "PYTHONHOME", "OPENAI_API_KEY")  # of the job's environment


@dataclass(frozen=True)
class Address:
    """Where a server listens, and what whoever asks it must know."""

    port: int
    key: str = field(repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"


def new_address() -> Address:
    """A free port of loopback, and a new key."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return Address(free.getsockname()[1], secrets.token_urlsafe(32))


class JudgeServer:
    """Started by the first `start`, ended by `close`, and never started again: a server that dies is an error.

    Args:
        settings: what to start, and how long to wait for it.
        model: what it is to serve, and is asked for.
        log: file for what it says; one of an earlier server is replaced.
        shared: address that several processes of this node have agreed upon, each with an instance of its own: whichever asks
            first starts the server for all. None for one's own.
        weights: folder that the model lies in; None where the server finds it by its name.
    """

    def __init__(
        self,
        settings: config.JudgeServer,
        model: str,
        log: Path,
        shared: Address | None = None,
        weights: str | None = None,
    ) -> None:
        self.address = shared or new_address()
        self._settings = settings
        self._model = model
        self._weights = weights
        self._log = log
        self._is_shared = shared is not None
        self._held = _hold(self.address.port)
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._is_ready = False
        self._is_closed = False

    def start(self) -> None:
        """Have the server run and answer.

        Raises:
            UserError: if it cannot be started, has died or been closed, or does not come up in time; with its last words.
        """
        self.check()
        if self._is_ready:
            return
        with self._alone():
            if not (self._is_shared and self._answers()):
                self._launch()
                try:
                    self._wait()
                except BaseException:
                    self.close()
                    raise
        self._is_ready = True

    def check(self) -> None:
        """Raise a `UserError` if the server was here and is not any more."""
        if self._is_closed:
            raise UserError("the judge's server has been ended")
        code = self._supervisor.poll() if self._supervisor else None
        if code is not None:
            when = "while it was asked" if self._is_ready else "before it was up"
            self._fail(f"the judge's server ended {when} ({_ending(code)})", "mend what it says, or judge.serve")

    def close(self) -> None:
        """End the server, if this process has started one, with all that it has started itself."""
        self._is_closed = True
        if self._held is not None:
            self._held.close()
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is None:
            return
        with suppress(OSError), cast(IO[bytes], supervisor.stdin) as lifeline:
            lifeline.write(b"end\n")  # forked processes may keep it open
        try:
            supervisor.wait(GRACE + 10)
        except subprocess.TimeoutExpired:
            supervisor.kill()  # and the system the server
            supervisor.wait()
        if self._is_shared:
            self._lock.unlink(missing_ok=True)

    # --- coming up ----------------------------------------------------------------------------------------------------

    @property
    def _lock(self) -> Path:
        name = hashlib.sha256(self.address.key.encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir(), f"video-r2-judge-{name}")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Of the processes that share the server, one at a time looks for it and starts it."""
        if not self._is_shared:
            yield
            return
        with held(self._lock):
            yield

    def _launch(self) -> None:
        program, *arguments = (self._filled_in(word) for word in self._settings.command)
        found = shutil.which(program)
        if found is None:
            raise UserError(
                f"the judge's server cannot be started: there is no program {program!r}",
                cure="make judge; or name another program in judge.serve.command, or a server in judge.url",
            )
        found = os.path.abspath(found)  # not what a link of an environment leads to
        self._log.parent.mkdir(parents=True, exist_ok=True)
        supervised = [sys.executable, "-I", str(SUPERVISOR), str(os.getpid()), str(GRACE), found, *arguments]
        with self._log.open("wb") as log:
            self._supervisor = subprocess.Popen(
                supervised,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment(found),
                start_new_session=True,  # a terminal's signals come to the job only
            )
        print(f"judge: starting a server of {self._model} on {self._settings.gpus} GPUs; its log is {self._log}")

    def _filled_in(self, word: str) -> str:
        values = {
            "model": self._weights or self._model,
            "name": self._model,
            "port": self.address.port,
            "gpus": self._settings.gpus,
        }
        for name, value in values.items():
            word = word.replace(f"{{{name}}}", str(value))
        return word

    def _environment(self, program: str) -> dict[str, str]:
        """The job's, without what would reach into the server's own packages, and with its share of the GPUs."""
        kept = {name: value for name, value in os.environ.items() if name not in NOT_ITS_OWN}
        return {
            **kept,
            GPUS: last_gpus(self._settings.gpus, os.environ),
            "PATH": os.pathsep.join(filter(None, [os.path.dirname(program), kept.get("PATH")])),
            "PYTHONUNBUFFERED": "1",
            self._settings.key_variable: self.address.key,
            **({"HF_HUB_OFFLINE": "1"} if self._weights else {}),  # all is there; nothing is looked up in passing
        }

    def _wait(self) -> None:
        began = told = time.monotonic()
        while not self._answers():
            self.check()
            now = time.monotonic()
            if now - began > self._settings.wait:
                self._fail(
                    f"the judge's server was not up after {_minutes(self._settings.wait)}", "raise judge.serve.wait"
                )
            if now - told > TELL:
                told = now
                last = next(iter(self._last_words(1)), "nothing yet")
                waited, most = _minutes(now - began), _minutes(self._settings.wait)
                print(f"judge: not up after {waited} of at most {most}; the server says: {last[:200]}")
            time.sleep(LOOK)
        self.check()  # it may be another's that answers
        print(f"judge: the server is up after {_minutes(time.monotonic() - began)}")

    def _answers(self) -> bool:
        """Whether the server says that it is well, and does not refuse the key."""
        try:
            if _status(self.address, "/health") != 200:
                return False
            # What else is wrong with a list of models need not be: transformers has none where the hub's cache is missing.
            return _status(self.address, "/v1/models") not in REFUSED
        except (OSError, HTTPException):
            return False

    # --- going wrong --------------------------------------------------------------------------------------------------

    def _fail(self, reason: str, cure: str) -> NoReturn:
        words = "".join(f"\n  | {line}" for line in self._last_words(LAST_LINES)) or " nothing"
        raise UserError(f"{reason}; its last words:{words}\n", file=self._log, cure=cure)

    def _last_words(self, lines: int) -> list[str]:
        try:
            with self._log.open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - 2**16))
                said = log.read().decode("utf-8", "replace").replace(self.address.key, "(key)")
        except OSError:
            return []
        return list(deque((line.rstrip() for line in said.splitlines() if line.strip()), maxlen=lines))


def last_gpus(number: int, environment: Mapping[str, str]) -> str:
    """The last of the GPUs that a job sees, as CUDA_VISIBLE_DEVICES has them; a training computes on the first ones."""
    seen = environment.get(GPUS)
    devices = (
        [str(at) for at in range(len(gpus_there()))] if seen is None else [each for each in seen.split(",") if each]
    )
    if len(devices) < number:
        raise UserError(
            f"the judge's server wants {number} GPUs, of which this job has {len(devices)}",
            cure="judge.serve.gpus; or see that the GPUs' driver works (nvidia-smi)",
        )
    return ",".join(devices[len(devices) - number :])


def _hold(port: int) -> socket.socket | None:
    """Keep a port from being given to others, until a server listens there: on Linux both may be bound to it."""
    if sys.platform != "linux":
        return None
    holding = socket.socket()
    holding.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        holding.bind(("127.0.0.1", port))
    except OSError:  # on another node, or by a server that is there
        holding.close()
        return None
    return holding


def _status(address: Address, path: str) -> int:
    """HTTP status of a page; no proxy of the environment is asked."""
    connection = HTTPConnection("127.0.0.1", address.port, timeout=10)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {address.key}"})
        return connection.getresponse().status
    finally:
        connection.close()


def _ending(code: int) -> str:
    """How a process has ended, by its supervisor's exit code."""
    try:
        return signal.Signals(code - 128).name
    except ValueError:
        return f"code {code}"


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02} minutes"
