"""Make every exhibit of an archive of scripts/freeze.py anew, and compare: no data, no models, no GPU.

The exit status is 1 if the archive cannot be used, or an exhibit comes out otherwise.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from video_r2.command import run_command
from video_r2.frozen import compare, not_as_it_was, snakemake_arguments, unpack

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path)
    parser.add_argument("--cores", default="all", help="for Snakemake (default: all)")
    given = parser.parse_args()
    contents = unpack(given.archive, ROOT)
    if others := not_as_it_was(given.archive, contents, ROOT):
        print("warning: this repository is not the one that made them, which may make them otherwise:", file=sys.stderr)
        print(*(f"  {other}" for other in others), sep="\n", file=sys.stderr)
    arguments = snakemake_arguments(contents, ROOT)
    command = [sys.executable, "-m", "snakemake", *arguments, "--cores", given.cores, "--quiet", "host", "rules"]
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        sys.exit("error: Snakemake could not make the exhibits; it has said why")
    found = compare(contents, ROOT)
    print(
        f"{len(found.same)} files of exhibits came out as they were frozen, byte by byte: results/{contents.experiment}"
    )
    if found.others:
        print(f"others: {', '.join(found.others)}")
        sys.exit(
            f"error: {len(found.others)} did not (cure: use commit {contents.commit}, and the versions of its lock)"
        )


if __name__ == "__main__":
    run_command(main)
