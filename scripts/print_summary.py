"""Print what a finished run made: `python scripts/print_summary.py results/miniature`."""

import argparse
import shutil
import sys
from pathlib import Path

from video_r2.command import run_command
from video_r2.paper.summary import summarise


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, help="folder of the experiment, for example results/miniature")
    arguments = parser.parse_args()
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    print(summarise(arguments.results, width), end="")


if __name__ == "__main__":
    run_command(main)
