"""Look whether everything that a run needs is there: environment, disk, cluster, GPUs, token, judge, sources.

The exit status is 1 where something is wrong that a run cannot do without.
"""

import argparse
import sys
from pathlib import Path

from video_r2.command import run_command
from video_r2.doctor import examine
from video_r2.workflow import Plan, read_config

ROOT = Path(__file__).parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--configfile", nargs="+", default=[], help="overlays over config.yaml, as for snakemake")
    parser.add_argument("--offline", action="store_true", help="ask neither the hub nor the judge's server")
    given = parser.parse_args()

    plan = Plan(read_config([ROOT / "config.yaml", *given.configfile], {}), ROOT / "scripts")
    is_well = True
    for title, findings in examine(plan, network=not given.offline):
        print(title, *findings, "", sep="\n")
        is_well = is_well and all(finding.level != "wrong" for finding in findings)
    print("Nothing is in the way." if is_well else "Something is in the way: see WRONG above.")
    sys.exit(not is_well)


if __name__ == "__main__":
    run_command(main)
