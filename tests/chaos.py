"""Kills a run of the workflow at moments drawn from a seed, again and again, and compares what it ends with, byte by byte.

`python tests/chaos.py --help` runs the chain at smoke size; tests/workflow/test_chaos.py a part of it.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import signal
import subprocess
import sys
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from types import MappingProxyType

import psutil
from disks import small_disk
from repository_copy import copy_repository

from video_r2.checksums import sha256_of

LOOK = 0.1  # seconds between looks at a run
FIRST = 5.0  # seconds that the first job takes, about
LONGEST = 60.0  # seconds that any job takes, about
# Everything that is computed but for logs, times, and drawings, which tell the time.
COMPARED = [
    "data/**/*.*",
    "models/**/*.safetensors",
    "models/**/log.jsonl",
    "predictions/**/*.*",
    "scores/**/*.*",
    "tables/*.*",
]


@dataclass(frozen=True)
class Moment:
    """When to kill, in terms of progress, and what.

    Attributes:
        jobs: so many jobs are done.
        seconds: and so long ago, or since the run was started again; or, if that comes first, one more job is done.
        workers: kill the processes of jobs alone, and not Snakemake and all that it has started.
    """

    jobs: int
    seconds: float
    workers: bool

    def __str__(self) -> str:
        return f"{'workers' if self.workers else 'all'} {self.seconds:.1f} s after {self.jobs} jobs"


class Run:
    """Runs of Snakemake in a copy of the repository.

    Args:
        root: the repository.
        folder: where its copy is made, if there is none of an earlier call.
        experiment: whose results are looked at.
        arguments: what Snakemake is given.

    Attributes:
        program: what starts Snakemake.
        environment: variables that it is given besides.
        starts: how often Snakemake was started.
        unlocked: how often its lock had to be removed by hand.
    """

    program: Sequence[str] = (sys.executable, "-m", "snakemake")
    environment: Mapping[str, str] = MappingProxyType({})

    def __init__(self, root: Path, folder: Path, experiment: str, *arguments: str) -> None:
        self.folder = folder
        if not folder.exists():
            folder.mkdir(parents=True)
            copy_repository(root, folder)
        self.results = folder / "results" / experiment
        self.starts = 0
        self.unlocked = 0
        self._arguments = arguments
        self._log = folder / "said.log"

    @property
    def said(self) -> str:
        """What Snakemake has said since it was last started."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def done(self) -> int:
        """Number of jobs that are done: each leaves a record of its time."""
        return len(self._records())

    def ends(self) -> list[float]:
        """Seconds of work to the end of each job that is done; a rest of the machine is none."""
        ended = sorted(record.stat().st_mtime for record in self._records())
        return list(accumulate((min(later - at, LONGEST) for at, later in pairwise(ended)), initial=FIRST))

    def _records(self) -> list[Path]:
        return list((self.results / "benchmarks").rglob("*.jsonl"))

    @contextmanager
    def running(self, *more: str) -> Iterator[subprocess.Popen[bytes]]:
        """A running Snakemake, all of whose processes are dead afterwards."""
        self.starts += 1
        with self._log.open("wb") as log:
            process = subprocess.Popen(
                [*self.program, *self._arguments, *more],
                cwd=self.folder,
                env={**os.environ, **self.environment},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield process
        finally:
            kill_group(process)

    def ends_well(self, *more: str) -> bool:
        """Run Snakemake to its end; whether that was a good one."""
        with self.running(*more) as process:
            return process.wait() == 0

    def disturbed(self, moments: Sequence[Moment], tell: Callable[[str], object] = lambda line: None) -> int:
        """Run Snakemake to a good end, with a kill at each moment and a start after it; how many kills there were."""
        waiting = list(moments)
        ended_well = False
        while not ended_well:
            before = len(waiting)
            with self.running() as process:
                while waiting and process.poll() is None:
                    if self.reached(process, waiting[0]) and _kill(process, waiting[0]):
                        tell(f"start {self.starts}, {self.done()} jobs done: killed {waiting.pop(0)}")
                ended_well = process.wait() == 0
            if not ended_well and len(waiting) == before:
                assert "--unlock" in self.said, self.said[-6000:]
                assert self.ends_well("--unlock"), self.said[-6000:]
                self.unlocked += 1
        return len(moments) - len(waiting)

    def reached(self, process: subprocess.Popen[bytes], moment: Moment) -> bool:
        """Wait for a moment; false if the run has ended before."""
        over = math.inf
        while process.poll() is None:
            done, now = self.done(), time.monotonic()
            if done >= moment.jobs:
                over = min(over, now + moment.seconds)
            if now >= over or done > moment.jobs:
                return True
            time.sleep(LOOK)
        return False

    def made(self) -> dict[str, str]:
        """Checksums of what is compared, by path below the results."""
        files = {file for pattern in COMPARED for file in self.results.glob(pattern) if file.is_file()}
        return {str(file.relative_to(self.results)): sha256_of(file) for file in sorted(files)}


def moments(ends: Sequence[float], kills: int, seed: int) -> list[Moment]:
    """Draw moments of a run that went as `ends` says, in their order; half of them, or one more, kill everything.

    None is in the last job, which a run that is faster than that one could end before its moment comes.
    """
    rng = random.Random(seed)
    drawn = sorted(rng.uniform(0, ends[-2]) for _ in range(kills))
    workers = [at % 2 == 1 for at in range(kills)]
    rng.shuffle(workers)
    jobs = [bisect_right(ends, at) for at in drawn]
    return [
        Moment(done, at - (ends[done - 1] if done else 0.0), alone)
        for at, done, alone in zip(drawn, jobs, workers, strict=True)
    ]


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill Snakemake and all that it has started, at once."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _kill(process: subprocess.Popen[bytes], moment: Moment) -> bool:
    """Kill what a moment says, as soon as it is there; false if the run has ended before."""
    if not moment.workers:
        kill_group(process)
        return True
    while process.poll() is None:
        with suppress(psutil.NoSuchProcess):
            workers = [child for child in psutil.Process(process.pid).children(recursive=True) if _is_worker(child)]
            for worker in workers:
                worker.kill()
            if workers:
                return True
        time.sleep(LOOK)
    return False


def _is_worker(process: psutil.Process) -> bool:
    return any(".snakemake/scripts/" in word for word in process.cmdline())


def differences(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """Files that one of two results lacks, or that differ."""
    return sorted(name for name in {*one, *other} if one.get(name) != other.get(name))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cores", default="1")
    parser.add_argument("--target", default="tables")
    parser.add_argument("--disk", type=int, nargs="+", default=[], metavar="MB", help="then fill disks of these sizes")
    parser.add_argument("folder", type=Path, help="for the copies; what an earlier call has finished is not done again")
    asked = parser.parse_args()
    root = Path(__file__).parents[1]
    snakemake = ["--profile", "local", "--configfile", "profiles/local/smoke.yaml", "--cores", asked.cores]

    def new(name: str) -> Run:
        return Run(root, asked.folder / name, "smoke", asked.target, *snakemake)

    calm, wild, full = new("undisturbed"), new("killed"), new("full")  # copies of the same code
    assert calm.ends_well(), calm.said[-6000:]
    ends = calm.ends()
    expected = calm.made()
    print(f"undisturbed: {len(ends)} jobs, {ends[-1]:.0f} s of work, {len(expected)} files to compare", flush=True)

    begun = time.monotonic()
    kills = wild.disturbed(moments(ends, asked.kills, asked.seed), lambda line: print(line, flush=True))
    different = differences(expected, wild.made())
    print(
        f"killed {kills} times, {wild.starts} starts in {time.monotonic() - begun:.0f} s, {wild.unlocked} times unlocked "
        f"by hand; {len(different)} of {len(expected)} files differ: {different}"
    )
    if asked.disk:
        with small_disk(full.folder / "results", asked.disk[0] * 2**20) as enlarge:
            for size in asked.disk[1:]:
                assert not full.ends_well(), f"{asked.disk} MB were not too small"
                print(f"{full.done()} jobs done before the disk was full; {size} MB from now on", flush=True)
                enlarge(size * 2**20)
            assert full.ends_well(), full.said[-6000:]
            missed = differences(expected, full.made())
        print(f"full disk: {len(missed)} of {len(expected)} files differ: {missed}")
        different += missed
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
