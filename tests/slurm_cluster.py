"""A real SLURM cluster of one node: munged, slurmctld and slurmd on loopback, with two terminals that stand in for GPUs.

`python tests/slurm_cluster.py start` starts it by hand and prints what to export, `stop` ends it. As root, since slurmd starts
jobs; on Debian: `apt install slurmctld slurmd slurm-client munge`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

PACKAGES = ["slurmctld", "slurmd", "slurm-client", "munge"]
DAEMONS = ["munged", "slurmctld", "slurmd"]
# A job's own srun finds the configuration here only: the executor takes SLURM_CONF out of its environment.
SITE = Path("/etc/slurm")
TEMPLATE = Path(__file__).parent / "slurm" / "slurm.conf"
GPU_TYPE = "standin"
GPUS = 2
# Of the paper's nodes, so that its rules can ask for what they ask for.
CPUS = 32
MEM_MB = 1_000_000
WAIT = 30.0  # seconds for the node to come up


def reason_against() -> str | None:
    """Why no cluster can be started here, if none can."""
    if os.geteuid() != 0:
        return "slurmd starts jobs as root only"
    if missing := [name for name in ("slurmctld", "slurmd", "munged", "squeue") if not shutil.which(name)]:
        return f"{', '.join(missing)} not installed (apt install {' '.join(PACKAGES)})"
    if not _address().startswith("127."):
        return f"{_host()} is not an address on loopback (write `127.0.0.1 {_host()}` at the top of /etc/hosts)"
    conf = SITE / "slurm.conf"
    if conf.exists():
        return f"this machine has a cluster ({conf} -> {conf.resolve()})"
    return None


def _host() -> str:
    return socket.gethostname().partition(".")[0]


def _address() -> str:
    try:
        return socket.gethostbyname(_host())
    except OSError:
        return ""


class Cluster:
    """A cluster whose state lies in a folder.

    Args:
        folder: for configuration, logs and state; its path must be short, because a socket lies below it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def environment(self) -> dict[str, str]:
        """What SLURM's commands need to find this cluster."""
        return {"SLURM_CONF": str(self.folder / "slurm.conf")}

    def start(self) -> None:
        """Start the daemons, and wait until the node takes jobs."""
        self._configure()
        socket_, key = self.folder / "run/munge.socket", self.folder / "munge.key"
        seed, log = self.folder / "run/munge.seed", self.folder / "log/munged.log"
        pid = self.folder / "run/munged.pid"
        self._daemon(
            "munged",
            *(f"--{name}={path}" for name, path in {"socket": socket_, "key-file": key, "seed-file": seed}.items()),
            *(f"--log-file={log}", f"--pid-file={pid}"),
        )
        self._daemon("slurmctld")
        self._daemon("slurmd")
        begun = time.monotonic()
        while self.ask("sinfo", "--noheader", "--format=%T", "--partition=cpu").strip() != "idle":
            if time.monotonic() > begun + WAIT:
                raise TimeoutError(f"the node does not come up; see {self.folder / 'log'}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Cancel all jobs and end the daemons."""
        with suppress(subprocess.SubprocessError):
            self.ask("scancel", f"--user={os.geteuid()}")
            while self.ask("squeue", "--noheader"):
                time.sleep(0.1)
        for name in reversed(DAEMONS):
            file = self.folder / "run" / f"{name}.pid"
            if file.exists():
                _end(int(file.read_text()))
                file.unlink(missing_ok=True)
        for name in ("slurm.conf", "gres.conf"):
            if (SITE / name).is_symlink() and (SITE / name).readlink().parent == self.folder:
                (SITE / name).unlink()

    def ask(self, *command: str) -> str:
        """What one of SLURM's commands prints."""
        done = subprocess.run(
            command, env={**os.environ, **self.environment}, text=True, capture_output=True, check=False
        )
        return done.stdout

    def _configure(self) -> None:
        for name in ("run", "log", "spool/slurmctld", "spool/slurmd"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)  # munged refuses folders that others may write to
        key = self.folder / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(128))
        filled = {
            "folder": self.folder,
            "host": _host(),
            "user": "root",
            "cpus": CPUS,
            "mem_mb": MEM_MB,
            "gpu_type": GPU_TYPE,
            "gpus": GPUS,
        }
        template = TEMPLATE.read_text(encoding="utf-8")
        lines = [line for line in template.splitlines() if line and not line.startswith("#")]
        (self.folder / "slurm.conf").write_text("\n".join(lines).format_map(filled) + "\n")
        # SLURM hands out GPUs by their device files; any two that exist will do.
        (self.folder / "gres.conf").write_text(
            f"NodeName={_host()} Name=gpu Type={GPU_TYPE} File=/dev/tty[0-{GPUS - 1}]\n"
        )
        SITE.mkdir(exist_ok=True)
        for name in ("slurm.conf", "gres.conf"):
            (SITE / name).unlink(missing_ok=True)
            (SITE / name).symlink_to(self.folder / name)

    def _daemon(self, name: str, *arguments: str) -> None:
        # With files for its streams: it keeps them, and who waits for the end of a pipe would wait as long as it lives.
        with (self.folder / "log" / "start.log").open("ab") as log:
            subprocess.run(
                [name, *arguments],
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                check=True,
            )


def _end(pid: int) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        for _ in range(100):
            if not Path(f"/proc/{pid}").exists():
                return
            time.sleep(0.1)


@contextmanager
def running(folder: Path) -> Iterator[Cluster]:
    """A cluster that takes jobs, and is gone afterwards; SLURM's commands find it by the environment of this process."""
    cluster = Cluster(folder)
    before: Mapping[str, str] = dict(os.environ)
    os.environ.update(cluster.environment)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        os.environ.clear()
        os.environ.update(before)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("do", choices=["start", "stop"])
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir(), "slurm-tests"))
    asked = parser.parse_args()
    cluster = Cluster(asked.folder)
    if asked.do == "stop":
        cluster.stop()
        return
    if reason := reason_against():
        sys.exit(f"error: {reason}")
    cluster.start()
    for name, value in cluster.environment.items():
        print(f"export {name}={value}")


if __name__ == "__main__":
    main()
