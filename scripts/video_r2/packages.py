"""The versions of packages that an environment names, and those that are installed here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version

from packaging.requirements import Requirement

from video_r2.errors import UserError
from video_r2.files import read_yaml


@cache
def named_versions(stem: Path) -> Mapping[str, str]:
    """Versions of what the files of an environment name, those of pip's packages from the script that installs them."""
    of_conda = dict(
        package.split("=") if "=" in package else (package, "")
        for package in read_yaml(stem.with_suffix(".yaml"))["dependencies"]
    )
    python = {"python_version": of_conda["python"], "python_full_version": of_conda["python"]}
    script = stem.with_suffix(".post-deploy.sh")
    text = script.read_text(encoding="utf-8")
    lines = re.findall(r"^[\w.-]+==.+(?= \\$)", text, flags=re.MULTILINE)
    built = dict(re.findall(r"'([\w.-]+)==(\S+) --hash=", text))  # from source, such as flash-attn
    locked = {
        entry.name: str(entry.specifier).removeprefix("==")
        for entry in map(Requirement, lines)
        if entry.marker is None or entry.marker.evaluate(python)
    }
    named = stem.with_suffix(".in").read_text(encoding="utf-8").splitlines()
    names = [name for line in named if (name := line.partition("#")[0].strip())]
    if missing := [name for name in names if name not in locked]:
        raise UserError(f"{', '.join(missing)}: not installed", file=script, cure="make lock-environments")
    return of_conda | {name: locked[name] for name in names} | built


ABSENT = "not installed"


@cache
def used_version(package: str, named: str) -> str:
    """The version of a package in this environment, as far as it is not the one that is named.

    Of one that is not installed the named version says nothing: no job uses it here.
    """
    if not named:
        return named
    try:
        installed = python_version() if package == "python" else version(package).partition("+")[0]
    except PackageNotFoundError:
        return ABSENT
    if package == "python":
        installed = ".".join(installed.split(".")[: len(named.split("."))])
    return named if installed == named else f"{named} ({installed} is installed)"
