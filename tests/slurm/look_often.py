"""Snakemake, but for looking at its jobs every half second, where the profile has it wait for 20 s and more."""

from __future__ import annotations

import asyncio
import signal
import sys

from snakemake.cli import main
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor


async def half_a_second(executor: RemoteExecutor) -> None:
    await asyncio.sleep(0.5)


RemoteExecutor.sleep = half_a_second

if __name__ == "__main__":
    sys.argv[0] = "snakemake"
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # ignored, where the tests run in the background of a shell
    main()
