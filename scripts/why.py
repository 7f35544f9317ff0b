"""Say which jobs would run, and why: which input, which setting, which function is not what it was. Nothing is written."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from video_r2 import reruns
from video_r2.command import run_command


def main() -> None:
    """Plan as Snakemake would, and tell the reasons; the exit status is 0 unless the configuration is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", default=["all"], help="rules or files (default: all)")
    parser.add_argument("--profile", default="local", help="local (the miniature, default) or slurm (the paper)")
    parser.add_argument("--configfile", nargs="+", default=[], help="overlays, as for snakemake")
    parser.add_argument("--config", nargs="+", default=[], metavar="KEY=VALUE", help="single keys, as for snakemake")
    parser.add_argument("--json", action="store_true", help="every job by itself: rule, outputs, causes, follows")
    given = parser.parse_args()

    arguments = [*given.targets, "--profile", given.profile]
    for option in ("configfile", "config"):
        if getattr(given, option):
            arguments += [f"--{option}", *getattr(given, option)]
    plan = reruns.planned(arguments, Path(__file__).parent)
    if plan is None:
        sys.exit(1)
    print(json.dumps(asdict(plan), indent=1) if given.json else reruns.told(plan))


if __name__ == "__main__":
    run_command(main)
