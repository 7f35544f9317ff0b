"""What a cluster calls its things."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from video_r2.errors import UserError
from video_r2.site import EXAMPLE, Site, read_site


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VIDEO_R2_SITE", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_without_a_file_everything_is_left_to_the_cluster(here: Path) -> None:
    site = read_site()
    assert (site.every_job, site.on_gpus) == ({}, {})
    assert site.options == {"jobs": 100}


def test_what_the_file_says_becomes_expressions_of_python(here: Path) -> None:
    # "my-lab" as it stands would be a subtraction to Snakemake.
    (here / "site.yaml").write_text(
        "{account: my-lab, gpu_partition: gpu, gpu_type: a100, gpu_constraint: 'a&b', jobs: 7}"
    )
    site = read_site()
    assert site.every_job == {"slurm_account": "'my-lab'"}
    assert site.on_gpus == {"slurm_partition": "'gpu'", "gpu_model": "'a100'", "constraint": "'a&b'"}
    assert site.options == {"jobs": 7}


def test_no_job_is_longer_than_the_cluster_takes(here: Path) -> None:
    assert read_site().minutes(3600) == 3600
    (here / "site.yaml").write_text("max_hours: 24")
    assert (read_site().minutes(3600), read_site().minutes(60)) == (1440, 60)


def test_the_environment_may_name_another_file(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "site.yaml").write_text("account: one")
    (here / "other.yaml").write_text("account: two")
    monkeypatch.setenv("VIDEO_R2_SITE", "other.yaml")
    assert read_site().account == "two"
    monkeypatch.setenv("VIDEO_R2_SITE", "third.yaml")
    with pytest.raises(UserError, match=r"third\.yaml: there is no such file \(cure: mend or unset VIDEO_R2_SITE\)"):
        read_site()


def test_a_name_that_yaml_takes_for_a_number_is_a_name(here: Path) -> None:
    (here / "site.yaml").write_text("account: 0123\nqos: on\npartition: 2026-11-22\ngpu_partition: ~\njobs: 7\n")
    site = read_site()
    assert (site.account, site.qos, site.partition, site.gpu_partition) == ("0123", "on", "2026-11-22", None)
    assert site.jobs == 7
    assert site.every_job["slurm_account"] == "'0123'"


@pytest.mark.parametrize(
    "wrong", ["acount: lab", "account: my lab", "gpu_type: a-100", "jobs: 0", "jobs: yes", "training_gpus: none"]
)
def test_what_cannot_be_is_refused_with_where_to_look(here: Path, wrong: str) -> None:
    (here / "site.yaml").write_text(wrong)
    with pytest.raises(
        UserError, match=rf"site\.yaml: these settings cannot be used:\n  {wrong.split(':')[0]}: .*{EXAMPLE}"
    ):
        read_site()


@pytest.mark.parametrize(
    ("kept", "installed", "asked"),
    [
        ("accounting_storage/slurmdbd", True, "sacct"),
        ("accounting_storage/slurmdbd", False, "squeue"),
        ("accounting_storage/none", True, "squeue"),
        ("(null)", True, "squeue"),
    ],
)
def test_sacct_is_asked_where_accounts_are_kept(here: Path, kept: str, installed: bool, asked: str) -> None:
    (here / "scontrol").write_text(f"#!/bin/sh\necho 'AccountingStorageType   = {kept}'\n")
    (here / "scontrol").chmod(0o755)
    if installed:
        (here / "sacct").write_text("#!/bin/sh\n")
        (here / "sacct").chmod(0o755)
    assert read_site().options["slurm-status-command"] == asked


def test_the_example_names_every_key_and_sets_none(root: Path) -> None:
    text = (root / EXAMPLE).read_text(encoding="utf-8")
    assert yaml.safe_load(text) is None
    shown = [line.removeprefix("# ") for line in text.splitlines() if line.startswith("# ") and ":" in line.split()[1]]
    assert list(yaml.safe_load("\n".join(shown[-len(Site.model_fields) :]))) == list(Site.model_fields)
