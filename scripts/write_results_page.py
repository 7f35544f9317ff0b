"""Write docs/results.md from a finished run: `python scripts/write_results_page.py results/miniature docs --commit abc1234`."""

import argparse
from pathlib import Path

from video_r2.command import run_command
from video_r2.paper.results_page import write_results_page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, help="folder of the experiment, for example results/miniature")
    parser.add_argument("docs", type=Path, help="folder that results.md and figures/ are written to")
    parser.add_argument("--commit", required=True, help="commit of the checkout that made the results")
    arguments = parser.parse_args()
    written = write_results_page(arguments.results, arguments.docs, arguments.commit)
    print("\n".join(map(str, written)))


if __name__ == "__main__":
    run_command(main)
