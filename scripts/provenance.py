"""Tell how a result came about: every job behind it, back to the checksums of the raw files.

The exit status is 1 if something is no longer what it was when the result was made.
"""

import argparse
import os
import shutil
import sys
from pathlib import Path

from video_r2.command import run_command
from video_r2.errors import UserError
from video_r2.provenance.cell import find_cell
from video_r2.provenance.chain import trace
from video_r2.provenance.raw import raw_files
from video_r2.provenance.record import output_of
from video_r2.provenance.told import as_json, told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="a result, such as results/miniature/tables/main_accuracy.csv")
    parser.add_argument(
        "--cell",
        nargs=2,
        metavar=("ROW", "COLUMN"),
        help="only what one number of the table is made of: what its row is called (name or label of an evaluation or a "
        "model, a claim, a file), and its column (a benchmark, an average, a quantity, or a name at the head of the CSV file)",
    )
    parser.add_argument("--files", action="store_true", help="name every raw file with its checksum")
    parser.add_argument("--json", action="store_true", help="everything that is recorded")
    given = parser.parse_args()
    asked = below_results(given.file)
    target = output_of(asked)
    if target != asked:
        print(f"{asked} is part of {target}", file=sys.stderr)
    cell = find_cell(target, *given.cell) if given.cell else None
    chain = trace(cell.table, cell.follow) if cell else trace(target)
    raw = raw_files(chain, cell.benchmarks if cell else None)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 120
    print(as_json(chain, raw, cell) if given.json else told(chain, raw, cell, given.files, width))
    sys.exit(1 if chain.changed else 0)


def below_results(file: Path) -> str:
    """Go to the folder that Snakemake ran in, which paths in records are below of; the file's path from there."""
    parts = Path(os.path.abspath(file)).parts
    if "results" not in parts[:-2]:
        raise UserError("is not below results/<experiment>", file=file, cure="give a file that the workflow made")
    at = len(parts) - 1 - parts[::-1].index("results")
    os.chdir(Path(*parts[:at]))
    return str(Path(*parts[at:]))


if __name__ == "__main__":
    run_command(main)
