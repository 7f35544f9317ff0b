"""What the environments of the rules name, and what their scripts install. tests/environments makes them."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from video_r2.errors import UserError
from video_r2.packages import named_versions

KINDS = ["data", "paper", "predict", "report", "score", "train"]
JUDGE = "judge"  # its server's: no rule's, with a torch of its own
# Says torch's CUDA; as pip, fetches the source and keeps what it was to fetch and to build.
PYTHON_OF_FLASH_ATTENTION = """
case "$*" in
-c*) echo 13 ;;
*" download "*)
    { cat "${@: -1}"; echo "$@"; } >$CONDA_PREFIX/wanted
    cp $CONDA_PREFIX/flash_attn-2.tar.gz "$(sed 's/.*--dest \\([^ ]*\\).*/\\1/' <<<"$*")" ;;
*) cp "${@: -1}/setup.py" $CONDA_PREFIX/built.py ;;
esac
"""
ENTRY = re.compile(
    r"^(?P<name>[\w.-]+)==(?P<version>[^\s;]+)(?: ; (?P<marker>.*?))? \\\n(?P<hashes>(?:    --hash=.*\n?)+)", re.M
)


def locked(text: str) -> set[tuple[str, str, frozenset[str]]]:
    """Name, version and checksums of every package of a lock; for some, another version with a newer Python."""
    return {
        (entry["name"], entry["version"], frozenset(re.findall(r"sha256:\w+", entry["hashes"])))
        for entry in ENTRY.finditer(text)
    }


def lock_of(root: Path, kind: str) -> str:
    script = (root / "envs" / f"{kind}.post-deploy.sh").read_text(encoding="utf-8")
    return script.partition("<<'LOCK'\n")[2].partition("\nLOCK\n")[0]


def named_by(root: Path, kind: str) -> set[str]:
    lines = (root / "envs" / f"{kind}.in").read_text(encoding="utf-8").splitlines()
    return {name for line in lines if (name := line.partition("#")[0].strip())}


def needed(names: set[str]) -> set[str]:
    """What these packages bring with them, as their own metadata say, and they themselves."""
    found: set[tuple[str, str]] = set()
    waiting = [(canonicalize_name(name), "") for name in names]
    while waiting:
        if (at := waiting.pop()) in found:
            continue
        found.add(at)
        for line in distribution(at[0]).requires or []:
            wanted = Requirement(line)
            if wanted.marker is None or wanted.marker.evaluate({"extra": at[1]}):
                name = canonicalize_name(wanted.name)
                waiting += [(name, ""), *((name, extra) for extra in wanted.extras)]
    return {name for name, _ in found}


def test_there_are_these_kinds(root: Path) -> None:
    for ending in ("yaml", "in"):
        assert sorted(path.stem for path in (root / "envs").glob(f"*.{ending}")) == sorted([*KINDS, JUDGE])


def test_the_judges_server_is_locked_with_checksums(root: Path) -> None:
    (wanted,) = named_by(root, JUDGE)
    text = lock_of(root, JUDGE)
    packages = locked(text)
    assert wanted in {f"{name}=={version}" for name, version, _ in packages}
    assert {"torch", "transformers", "safetensors"} <= {name for name, *_ in packages}
    named = [line for line in text.splitlines() if re.match(r"[\w.-]+(\[|==)", line)]
    assert len(named) == len(packages) > 150  # each with its checksums
    assert all(checksums for *_, checksums in packages)
    # None stands there twice, and nothing is installed that is not named.
    assert len({canonicalize_name(name) for name, *_ in packages}) == len(packages)


def test_make_judge_installs_what_is_locked(root: Path, tmp_path: Path) -> None:
    """With a stand-in for conda, and a lock without packages, in a copy of the Makefile's folder."""
    for name in ("Makefile", "envs/judge.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((root / name).read_bytes())
    vllm = "$CONDA_PREFIX/bin/vllm"
    script = f"mkdir -p $CONDA_PREFIX/bin; echo 'echo 1.0' >{vllm}; chmod +x {vllm}; echo $CONDA_PREFIX >>installed"
    (tmp_path / "envs/judge.post-deploy.sh").write_text(script)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv/.complete").touch()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/conda").write_text('#!/bin/sh\necho "$@" >>asked\n')
    (tmp_path / "bin/conda").chmod(0o755)
    variables = {**os.environ, "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    command = ["make", "--old-file", ".venv/.complete", "judge"]
    for _ in range(2):  # the second finds it made
        subprocess.run(command, cwd=tmp_path, env=variables, check=True, stdout=subprocess.DEVNULL)
    assert (tmp_path / "asked").read_text() == "env create --yes --prefix .judge --file envs/judge.yaml\n"
    assert (tmp_path / "installed").read_text() == f"{tmp_path}/.judge\n"


@pytest.mark.parametrize("kind", KINDS)
def test_an_environment_installs_what_the_lock_has(root: Path, kind: str) -> None:
    lock = locked((root / "requirements.lock").read_text(encoding="utf-8"))
    assert len(lock) > 200
    installed = locked(lock_of(root, kind))
    assert len(installed) >= len(named_by(root, kind))
    assert installed - lock == set()


@pytest.mark.parametrize("kind", KINDS)
def test_an_environment_installs_what_it_names_with_all_that_this_needs_and_nothing_else(root: Path, kind: str) -> None:
    entries = ENTRY.finditer(lock_of(root, kind))
    here = {entry["name"] for entry in entries if not entry["marker"] or Marker(entry["marker"]).evaluate()}
    assert here == needed(named_by(root, kind))


def test_scripts_are_what_the_generator_writes(root: Path, tmp_path: Path) -> None:
    for path in (root / "envs").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    uv = tmp_path / "uv"  # resolves as it has done before
    uv.write_text(f"#!/bin/sh\nsed \"1,/<<'LOCK'/d; /^LOCK/,\\$d\" {root}/envs/$(basename $3 .in).post-deploy.sh\n")
    uv.chmod(0o755)
    subprocess.run(["bash", root / "scripts/lock_environments.sh", uv, "requirements.lock", tmp_path], check=True)
    for kind in [*KINDS, JUDGE]:
        name = f"{kind}.post-deploy.sh"
        assert (tmp_path / name).read_text() == (root / "envs" / name).read_text(), "make lock-environments"


@pytest.mark.parametrize(("python", "numpy"), [("3.11", "1.9"), ("3.12", "2.0")])
def test_a_package_counts_in_the_version_that_its_python_gets(tmp_path: Path, python: str, numpy: str) -> None:
    (tmp_path / "own.yaml").write_text(f"dependencies: [python={python}, pip]\n")
    (tmp_path / "own.in").write_text("numpy\n")
    (tmp_path / "own.post-deploy.sh").write_text(
        "numpy==1.9 ; python_full_version < '3.12' \\\n    --hash=sha256:0\n"
        "numpy==2.0 ; python_full_version >= '3.12' \\\n    --hash=sha256:1\n"
    )
    assert named_versions(tmp_path / "own") == {"python": python, "pip": "", "numpy": numpy}


def test_what_is_named_and_not_installed_is_told_before_a_run(root: Path, tmp_path: Path) -> None:
    for path in (root / "envs").glob("paper.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    assert named_versions(tmp_path / "paper")["python"] == "3.11"
    (tmp_path / "paper.in").write_text("numpy\ncowsay # drawn as well\n")
    named_versions.cache_clear()
    with pytest.raises(UserError, match=r"cowsay: not installed.*make lock-environments"):
        named_versions(tmp_path / "paper")


def test_what_a_script_imports_itself_is_named_by_its_environment(root: Path) -> None:
    """The library sees to the rest: when it is imported, only the environment's own packages are left."""
    brought = packages_distributions()
    for path in (root / "rules").glob("*.smk"):
        for block in re.split(r"^ *rule ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
            script, kind = re.search(r"scripts/(\w+)\.py", block), re.search(r"envs/(\w+)\.yaml", block)
            if script and kind:
                tree = ast.parse((root / "scripts" / f"{script[1]}.py").read_text(encoding="utf-8"))
                modules = {
                    alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
                }
                modules |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
                others = {module.partition(".")[0] for module in modules} - sys.stdlib_module_names - {"video_r2"}
                assert {canonicalize_name(brought[module][0]) for module in others} <= named_by(root, kind[1]), script


def test_snakemakes_packages_are_no_fallback(root: Path, tmp_path: Path) -> None:
    """A script finds them at the end of its path, as Snakemake puts them there, until it imports the library."""
    site = tmp_path / "site-packages"
    (site / "snakemake").mkdir(parents=True)
    (site / "snakemake" / "__init__.py").touch()
    (site / "only_there.py").touch()
    program = f"""
import sys
sys.path.append({str(site)!r})
sys.path.append({str(root / "scripts")!r})
import importlib.util as find, snakemake
print(bool(find.find_spec("only_there")))
import video_r2
print(bool(find.find_spec("only_there")), bool(find.find_spec("video_r2.records")))
"""
    # -S: without the packages of this Python, of which Snakemake is one.
    said = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["True", "False", "True"]


@pytest.mark.parametrize("kind", ["train", "predict"])
def test_what_builds_flash_attention_and_what_it_imports_is_there(root: Path, kind: str) -> None:
    assert {"torch", "einops", "ninja", "packaging", "psutil", "setuptools"} <= {
        name for name, *_ in locked(lock_of(root, kind))
    }


@pytest.mark.parametrize(
    ("nvcc", "wish", "built"),
    [(None, "yes", False), ("12.8", "yes", False), ("13.0", "yes", True), ("13.0", "no", False)],
)
def test_flash_attention_is_built_where_torchs_nvcc_is(
    root: Path, tmp_path: Path, nvcc: str | None, wish: str, built: bool
) -> None:
    (tmp_path / "flash_attn-2").mkdir()
    (tmp_path / "flash_attn-2" / "setup.py").write_text("flags = ['-std=c++17']\n")
    subprocess.run(["tar", "-czf", "flash_attn-2.tar.gz", "flash_attn-2"], cwd=tmp_path, check=True)
    programs = {"python": PYTHON_OF_FLASH_ATTENTION}
    if nvcc:
        programs["nvcc"] = f'echo "Cuda compilation tools, release {nvcc}, V{nvcc}.1"'
    commands = tmp_path / "bin"
    commands.mkdir()
    for name, program in programs.items():
        (commands / name).write_text(f"#!/bin/bash\n{program}\n")
        (commands / name).chmod(0o755)
    # Without the nvcc of this machine, should it have one.
    paths = [str(commands), *(path for path in os.environ["PATH"].split(":") if not Path(path, "nvcc").exists())]
    variables = {"PATH": ":".join(paths), "CONDA_PREFIX": str(tmp_path), "FLASH_ATTENTION": wish}
    subprocess.run(["bash", "-euo", "pipefail", root / "envs" / "flash-attention.sh"], env=variables, check=True)
    assert (tmp_path / "built.py").exists() == (tmp_path / "wanted").exists() == built
    if built:
        wanted, called = (tmp_path / "wanted").read_text().splitlines()
        assert re.fullmatch(r"flash-attn==[\d.post]+ --hash=sha256:[0-9a-f]{64}", wanted)
        assert "--no-build-isolation --no-deps --require-hashes" in called
        # torch's headers are C++20.
        assert (tmp_path / "built.py").read_text() == "flags = ['-std=c++20']\n"
