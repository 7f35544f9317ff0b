"""Say what a run is going to take before anything is submitted: jobs, GPU-hours and disk of every rule. Nothing is written."""

import argparse
import json
import sys
from dataclasses import asdict

from video_r2.command import run_command
from video_r2.planning import plan as planning
from video_r2.site import read_site


def main() -> None:
    """Plan as Snakemake would; the figures are a model's (docs/cluster.md), corrected by what has run here."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", default=["all"], help="rules or files (default: all)")
    parser.add_argument("--profile", default="slurm", help="slurm (the paper, default) or local (the miniature)")
    parser.add_argument("--configfile", nargs="+", default=[], help="overlays, as for snakemake")
    parser.add_argument("--config", nargs="+", default=[], metavar="KEY=VALUE", help="single keys, as for snakemake")
    parser.add_argument("--json", action="store_true", help="every rule with the hours of each job and its bytes")
    given = parser.parse_args()

    arguments = [*given.targets, "--profile", given.profile]
    for option in ("configfile", "config"):
        if getattr(given, option):
            arguments += [f"--{option}", *getattr(given, option)]
    plan = planning.planned(arguments, read_site())
    if plan is None:
        sys.exit(1)
    print(json.dumps(asdict(plan), indent=1) if given.json else planning.told(plan))


if __name__ == "__main__":
    run_command(main)
