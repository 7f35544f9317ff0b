"""What every rule's script has in common: its log, and how it ends when something is wrong.

A script cannot begin with `from __future__ import annotations`: Snakemake puts lines of its own before it. Threads are
limited by Snakemake, which sets `OMP_NUM_THREADS` and its like to the rule's threads before Python starts.
"""

from __future__ import annotations

import atexit
import errno
import glob
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, Protocol, TextIO, cast

from video_r2 import code_digest, code_record
from video_r2.errors import Interrupted, UserError
from video_r2.given_params import require_given
from video_r2.provenance import record
from video_r2.provenance.attempts import Attempts
from video_r2.provenance.circumstances import Beginning
from video_r2.training.watch import ASKING

ROOT = Path(__file__).parents[1]  # folder of the scripts and of the library


class Job(Protocol):
    """The part of the `snakemake` object that scripts use."""

    input: Any
    output: Any
    params: Any
    wildcards: Any
    log: Any
    threads: int
    resources: Any
    rule: str


class Tee:
    """A text stream that passes everything on to the terminal and keeps finished lines in a log file.

    A progress bar redraws its line with carriage returns; of those, the log keeps the last state only. A log that cannot be
    written any more, on a full disk, is given up: what ends the job is told all the same.
    """

    def __init__(self, terminal: TextIO, log: TextIO) -> None:
        self._terminal = terminal
        self._log = log
        self._is_kept = True
        self._line = ""

    def write(self, text: str) -> int:
        self._terminal.write(text)
        *finished, rest = (self._line + text).split("\n")
        if finished:
            self._keep("".join(f"{_last_state(line)}\n" for line in finished))
        self._line = _last_state(rest)
        return len(text)

    def flush(self) -> None:
        self._terminal.flush()
        self._keep("")

    def close(self) -> None:
        """Write what is left of an unfinished line; the terminal stays open."""
        if self._line.strip():
            self._keep(f"{self._line}\n")
        self._line = ""
        self.flush()

    def _keep(self, text: str) -> None:
        if self._is_kept:
            try:
                self._log.write(text)
                self._log.flush()
            except OSError as error:
                self._is_kept = False
                self._terminal.write(f"warning: the log ends here: {error}\n")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._terminal, name)


def _last_state(line: str) -> str:
    return line.rstrip("\r").rpartition("\r")[2]


def run(main: Callable[[Job], None], job: Job) -> None:
    """Run a rule's `main`, its output copied to the rule's log; a user's error ends it without a traceback."""
    with _logged(job):
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # else tokenizers warn about every forked data loader
        for asking in ASKING:
            signal.signal(asking, leave)
        # lmms-eval silences the warnings of a process that imports it.
        warnings.filterwarnings("default", category=UserWarning)
        attempts = Attempts(job)
        beginning = Beginning(attempts)
        try:
            _clear_up(job)
            inputs = _look(main, job)
            main(job)
            _remember(main, job, beginning, inputs)
            attempts.end(job)
        except Interrupted as notice:
            print(notice, file=sys.stderr)
            sys.exit(os.EX_TEMPFAIL)  # to a scheduler: not done, run it again
        except UserError as error:
            _stop(str(error))
        except Exception as error:
            if _tells_of_a_full_disk(error):
                file = getattr(error, "filename", None) or next(iter(job.output), None)
                _stop(str(UserError("the disk is full", file=file, cure="free some space and run again")))
            traceback.print_exc()
            sys.exit(1)
        finally:
            attempts.leave()
    if main.__globals__.get("__name__") == "__main__":
        _end_process()


def _clear_up(job: Job) -> None:
    """Remove what an earlier attempt that was killed had begun to write beside the outputs, which no other job writes."""
    for output in map(Path, job.output):
        for begun in output.parent.glob(f".{glob.escape(output.name)}.????????"):
            if begun.is_file():
                begun.unlink(missing_ok=True)


def _end_process() -> NoReturn:
    """End a process whose work is done: to take down all that torch and transformers have imported takes two seconds."""
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(os.EX_OK)


def _look(main: Callable[[Job], None], job: Job) -> list[record.Input]:
    """See that the code and the parameters are what the run began with, and the inputs what was made; what these are.

    Raises:
        UserError: if they are not.
    """
    digest = getattr(job.params, "code", None)
    if digest is None:
        return []
    require_given(job)
    if code_digest.digest(_script(main), ROOT) != digest:
        raise UserError(
            f"the code of {job.rule} has been edited since this run began, which would take its result for that of the code "
            "before",
            cure="run again when the other jobs have ended",
        )
    return record.inputs_of(job)


def _script(main: Callable[[Job], None]) -> Path:
    """A rule's script: Snakemake runs a copy, and tells it where it is from as its `__file__`."""
    return ROOT / Path(main.__globals__["__file__"]).name


def _remember(main: Callable[[Job], None], job: Job, beginning: Beginning, inputs: list[record.Input]) -> None:
    """Write down how the outputs came about, and what the code was made of.

    Whatever is wrong here, the result is there and good.
    """
    digest = getattr(job.params, "code", None)
    if digest is None:
        return
    script = _script(main)
    for told, write in (
        ("what the code was made of", lambda: code_record.keep(job.output[0], digest, script, ROOT)),
        ("how the outputs came about", lambda: record.keep(job, script, beginning, inputs)),
    ):
        try:
            write()
        except Exception as error:
            print(f"warning: {told} is not recorded: {error}", file=sys.stderr)


@contextmanager
def _logged(job: Job) -> Iterator[None]:
    if not job.log:
        yield
        return
    try:
        Path(job.log[0]).parent.mkdir(parents=True, exist_ok=True)
        # Not in a `with`: on a full disk closing it fails, too, and would take the place of what ended the job.
        log = open(job.log[0], "w", encoding="utf-8", errors="backslashreplace", buffering=1)  # noqa: SIM115
    except OSError as error:
        print(f"warning: no log is kept: {error}", file=sys.stderr)
        yield
        return
    out, err = Tee(sys.stdout, log), Tee(sys.stderr, log)
    try:
        with redirect_stdout(cast(TextIO, out)), redirect_stderr(cast(TextIO, err)):
            yield
    finally:
        out.close()
        err.close()
        with suppress(OSError):  # what could not be written was told
            log.close()


def _tells_of_a_full_disk(error: BaseException | None) -> bool:
    """Whether the error, or one that it came from, is for want of space; not every library gives the error's number."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if any(os.strerror(number) in str(error) for number in (errno.ENOSPC, errno.EDQUOT)):
            return True
        error = error.__cause__ or error.__context__
    return False


def _stop(message: str) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(1)


def leave(number: int, frame: FrameType | None) -> NoReturn:
    """Unwind when asked to, so that temporary files are removed and a trainer can save."""
    raise SystemExit(128 + number)
