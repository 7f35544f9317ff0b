"""Every rule in the environment that it names, as Snakemake makes it, with a stand-in for conda (tests/stand_in_conda.py)."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml
from chaos import Run, differences
from hub_server import environment, serving
from stand_in_conda import install

pytestmark = [pytest.mark.environments, pytest.mark.long]

SMOKE = "profiles/local/smoke.yaml"
CONDA = ["--software-deployment-method", "conda"]
WITH_TORCH = {"train", "predict", "score"}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    # Not below pytest's folders, which stay for a while: the environments have gigabytes.
    with tempfile.TemporaryDirectory(prefix="environments-") as made:
        yield Path(made)


@pytest.fixture(scope="module")
def variables(folder: Path) -> dict[str, str]:
    """The variables of a user who has conda, and uv from `make env`."""
    install(folder / "conda")
    paths = [folder / "conda" / "bin", Path(sys.executable).parent, os.environ["PATH"]]
    # An hour of a compiler, where there is one, is not what is tested.
    return {"PATH": os.pathsep.join(map(str, paths)), "FLASH_ATTENTION": "no"}


class CondaRun(Run):
    """Runs in a copy of the repository, each rule in its own environment."""

    def __init__(
        self, root: Path, folder: Path, experiment: str, variables: Mapping[str, str], *arguments: str
    ) -> None:
        super().__init__(root, folder, experiment, *arguments, "--conda-prefix", str(folder.parent / "made"), *CONDA)
        self.environment = variables

    def ran(self) -> set[str]:
        """The rules that have run."""
        return {path.relative_to(self.results / "benchmarks").parts[0].partition(".")[0] for path in self._records()}


def published(root: Path, folder: Path, variables: Mapping[str, str]) -> CondaRun:
    """A run of the shortest way to tables and figures."""
    return CondaRun(root, folder, "miniature", variables, "published", "--profile", "local")


@pytest.fixture(scope="module")
def chain(root: Path, folder: Path, variables: Mapping[str, str]) -> CondaRun:
    run = CondaRun(root, folder / "chain", "smoke", variables, "all", "--profile", "local", "--configfile", SMOKE)
    assert run.ends_well(), run.said[-6000:]
    return run


def test_every_rule_of_the_miniature_runs_in_its_own_environment(root: Path, chain: CondaRun) -> None:
    used = rules_by_environment(root)
    rules = {rule for of_one in used.values() for rule in of_one}
    assert rules - chain.ran() == {
        "fetch_dataset",
        "fetch_benchmark",
        "fetch_model",
        "released",
        "validation",
        "published",
    }
    made = list((chain.folder.parent / "made").glob("*.env_setup_done"))
    assert len(made) == len(used) == 6


def test_only_what_computes_with_torch_has_torch(root: Path, chain: CondaRun) -> None:
    environments = {kind: site_packages(chain, root / "envs" / f"{kind}.yaml") for kind in rules_by_environment(root)}
    assert {kind for kind, packages in environments.items() if (packages / "torch").exists()} == WITH_TORCH


def test_what_comes_out_is_what_one_environment_gives(root: Path, chain: CondaRun) -> None:
    if "SMOKE_CHAIN" not in os.environ:
        pytest.skip("SMOKE_CHAIN names no folder that test_chain.py has run the chain in")
    local = Run(root, Path(os.environ["SMOKE_CHAIN"]), "smoke")
    made = chain.made()
    assert len([name for name in made if name.startswith("tables/")]) > 40
    assert differences(local.made(), made) == []


def test_sources_are_fetched_in_their_own_environment(
    root: Path, folder: Path, variables: Mapping[str, str], chain: CondaRun
) -> None:
    paper = yaml.safe_load((root / "config.yaml").read_text(encoding="utf-8"))
    overlay = {
        "experiment": "fetched",
        "data": {"dataset": "owner/training"},
        "benchmarks": dict.fromkeys(paper["benchmarks"])
        | {"mmvu": {"label": "MMVU", "group": "reasoning", "adapter": "mmvu", "hub": "owner/mmvu"}},
        "models": {"base": {"hub": "owner/base"}},
    }
    manifests = [f"results/fetched/raw/manifests/{name}.json" for name in ("benchmarks/mmvu", "models/base/seed-0")]
    files = {"mmvu": {"a.parquet": b"rows", "README.md": b"---\n---\n"}, "base": {"model.safetensors": b"weights"}}
    with serving(training={"x.json": b"[]"}, **files) as hub:
        asking = {**environment(hub.address), **variables}
        run = CondaRun(
            root, folder / "fetched", "fetched", asking, *manifests, "--cores", "2", "--configfile", "o.yaml"
        )
        (run.folder / "o.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
        assert run.ends_well(), run.said[-6000:]
    assert (run.results / "models/base/seed-0/model.safetensors").read_bytes() == b"weights"


@pytest.mark.parametrize("rule", ["fetch_dataset", "released", "validation"])
def test_rules_without_a_job_there_find_what_they_import(root: Path, chain: CondaRun, rule: str) -> None:
    """As the others' scripts are imported when they run."""
    [kind] = [kind for kind, rules in rules_by_environment(root).items() if rule in rules]
    python = site_packages(chain, root / "envs" / f"{kind}.yaml").parents[2] / "bin" / "python"
    program = f"import runpy; runpy.run_path('scripts/{rule}.py')"
    done = subprocess.run(
        [python, "-c", program], cwd=root, env={"PYTHONPATH": "scripts"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_what_an_environment_lacks_is_missed_though_snakemakes_own_has_it(
    root: Path, folder: Path, variables: Mapping[str, str]
) -> None:
    __import__("seaborn")
    run = published(root, folder / "lacking", variables)
    without("seaborn", run.folder / "envs" / "paper")
    assert not run.ends_well()
    assert "ModuleNotFoundError: No module named 'seaborn'" in run.said


def test_a_pin_file_does_not_skip_what_pip_installs(root: Path, folder: Path, variables: Mapping[str, str]) -> None:
    run = published(root, folder / "pinned", variables)
    (run.folder / "envs" / "paper.linux-64.pin.txt").write_text("@EXPLICIT\n")
    assert run.ends_well(), run.said[-6000:]
    assert "Using pinnings from" in run.said
    assert (run.results / "published/figures/tac_heatmap.png").exists()


def test_a_file_that_is_not_what_the_lock_says_is_refused(
    root: Path, folder: Path, variables: Mapping[str, str]
) -> None:
    run = published(root, folder / "tampered", variables)
    script = run.folder / "envs" / "paper.post-deploy.sh"
    text = script.read_text(encoding="utf-8")
    script.write_text(
        re.sub(r"(?<=\bseaborn==)(.*\n)(    --hash.*\n)+", r"\1    --hash=sha256:" + "0" * 64 + "\n", text)
    )
    assert not run.ends_well()
    assert "hash" in run.said.lower()
    assert not (run.results / "published/figures").exists()


def rules_by_environment(root: Path) -> dict[str, set[str]]:
    """The rules with a script, by the name of the environment."""
    found: dict[str, set[str]] = {}
    for path in (root / "rules").glob("*.smk"):
        for block in re.split(r"^ *rule ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
            if named := re.search(r"envs/(\w+)\.yaml", block):
                found.setdefault(named[1], set()).add(block.partition(":")[0])
    return found


def site_packages(run: CondaRun, file: Path) -> Path:
    """Where the packages of an environment lie: Snakemake keeps a copy of the file beside it."""
    copies = [path for path in (run.folder.parent / "made").glob("*.yaml") if path.read_text() == file.read_text()]
    [packages] = copies[0].with_suffix("").glob("lib/python3.*/site-packages")
    return packages


def without(package: str, stem: Path) -> None:
    """Take a package out of what an environment names and installs."""
    for ending, entry in ((".in", rf"^{package}\n"), (".post-deploy.sh", rf"^{package}==.*\n(    --hash.*\n)+")):
        file = stem.with_suffix(ending)
        less, times = re.subn(entry, "", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
        assert times == 1
        file.write_text(less, encoding="utf-8")
