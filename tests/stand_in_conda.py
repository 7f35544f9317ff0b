"""A stand-in for conda, where no channel can be reached: plain virtual environments of this Python, with pip.

It answers what Snakemake asks of conda, and no more. What a file names besides Python and pip, it does not have.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import yaml

# Sourced by Snakemake: activate FOLDER
ACTIVATE = """
export CONDA_PREFIX=$1 PATH=$1/bin:$PATH
unset VIRTUAL_ENV
. "$1/variables.sh"
"""


def install(folder: Path) -> None:
    """Make a conda installation of one command, in `folder`/bin."""
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "activate").write_text(ACTIVATE)
    command = folder / "bin" / "conda"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).resolve()} {folder} "$@"\n')
    command.chmod(0o755)


def create(file: Path, folder: Path) -> None:
    """Make the environment of a file: one that names packages, or one that pins them."""
    if file.suffix == ".txt":
        named, variables = [line for line in file.read_text().splitlines() if not line.startswith(("#", "@"))], {}
    else:
        told = yaml.safe_load(file.read_text(encoding="utf-8"))
        named, variables = told["dependencies"], told.get("variables", {})
    if others := [name for name in named if not str(name).startswith(("python=", "pip"))]:
        sys.exit(f"PackagesNotFoundError: {others}")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    exports = [f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()]
    (folder / "variables.sh").write_text("".join(exports))


def main(prefix: str, *arguments: str) -> None:
    options = dict(pairwise(arguments))
    match arguments:
        case ["--version"]:
            print("conda 24.11.3")
        case ["info", "--json"]:
            print(json.dumps({"conda_prefix": prefix, "platform": "linux-64"}))
        case ["config", "--get", "channel_priority", "--json"]:
            print(json.dumps({"get": {"channel_priority": "strict"}}))
        case ["clean", *_]:
            pass  # nothing was packed
        case ["env", "create", *_] | ["create", *_]:
            create(Path(options["--file"]), Path(options["--prefix"]))
        case _:
            sys.exit(f"this stand-in for conda does not know: {' '.join(arguments)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
