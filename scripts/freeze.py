"""Pack a finished experiment into one archive, from which its exhibits can be made without data, models or GPU."""

import argparse
import os
from pathlib import Path

from video_r2.command import run_command
from video_r2.errors import UserError
from video_r2.frozen import freeze


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, help="folder of the experiment, for example results/miniature")
    parser.add_argument("--archive", type=Path, help="to be written (default: <results>-frozen.tar.gz)")
    given = parser.parse_args()
    results = Path(os.path.abspath(given.results))
    archive = Path(os.path.abspath(given.archive or results.with_name(f"{results.name}-frozen.tar.gz")))
    if results.parent.name != "results":
        raise UserError("is not the folder of an experiment", file=given.results, cure="give results/<experiment>")
    os.chdir(results.parents[1])  # paths in records begin here
    contents = freeze(Path("results", results.name), archive)
    print(
        f"{archive}: {archive.stat().st_size / 1e6:.1f} MB, {len(contents.exhibits)} files of exhibits, "
        f"{len(contents.needed)} that they are made of, {len(contents.provenance)} records"
    )


if __name__ == "__main__":
    run_command(main)
