"""What a cluster calls its things, set in one place: site.yaml at the root of the repository, which the profile reads."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field

from video_r2.errors import UserError
from video_r2.files import read_yaml
from video_r2.sections import Section, checked

VARIABLE = "VIDEO_R2_SITE"  # of the environment: another file
FILE = "site.yaml"
EXAMPLE = "profiles/slurm/site.example.yaml"

NUMBERS = frozenset({"max_hours", "jobs", "training_gpus", "prediction_gpus", "node_memory"})

Word = Annotated[str, Field(pattern=r"^[^\s'\"]+$")]
Count = Annotated[int, Field(ge=1, strict=True)]  # "jobs: yes" is no 1


class Site(Section):
    """A cluster, as its users name it to sbatch; what is not set is left to the cluster."""

    account: Word | None = Field(None, description="Account that pays (sbatch -A).")
    qos: Word | None = Field(None, description="Quality of service (sbatch --qos).")
    partition: Word | None = Field(None, description="Partition of jobs without GPU (sbatch -p).")
    gpu_partition: Word | None = Field(None, description="Partition of jobs with GPUs, if another.")
    gpu_type: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.]+$")] | None = Field(
        None,
        description="Type of the GPUs (a100 in sbatch --gpus=a100:8), where the cluster has several; where its name has a "
        "hyphen, which the executor does not take: gpu_constraint.",
    )
    gpu_constraint: Word | None = Field(
        None, description="Feature of the nodes with GPUs (sbatch -C), where it tells the GPUs apart."
    )
    max_hours: Count | None = Field(None, description="Longest job that the partitions take.")
    jobs: Count = Field(100, description="Jobs in the cluster at once, queued ones too.")
    training_gpus: Count = Field(8, description="GPUs of a training, all on one node; the global batch stays as it is.")

    prediction_gpus: Count = Field(1, description="GPUs of a job that answers, which share its questions out.")
    node_memory: Count | None = Field(
        None, description="Memory of a node with GPUs, in MB: no job on GPUs asks for more."
    )

    @property
    def every_job(self) -> dict[str, str]:
        """Resources that every job asks for, as Snakemake reads them: expressions of Python."""
        return _expressions({"slurm_account": self.account, "qos": self.qos, "slurm_partition": self.partition})

    @property
    def on_gpus(self) -> dict[str, str]:
        """What a job with GPUs asks for besides: which."""
        return _expressions(self.gpus)

    @property
    def gpus(self) -> dict[str, str]:
        """The same as it is."""
        asked = {"slurm_partition": self.gpu_partition, "gpu_model": self.gpu_type, "constraint": self.gpu_constraint}
        return {name: value for name, value in asked.items() if value is not None}

    def memory(self, megabytes: int, gpus: int) -> str:
        """Memory of a job with so much for each GPU, as Snakemake reads it: twice as much where it comes again, if there is."""
        wanted = f"{megabytes * gpus} * min(attempt, 2)"
        return wanted if self.node_memory is None else f"min({wanted}, {self.node_memory})"

    def minutes(self, wanted: int) -> int:
        """Time limit of a job that is to have so many minutes."""
        return wanted if self.max_hours is None else min(wanted, 60 * self.max_hours)

    @property
    def options(self) -> dict[str, Any]:
        """Snakemake's own options that follow: how many jobs there may be at once, and how they are asked about."""
        return {"jobs": self.jobs, **_status_command()}


def _expressions(resources: Mapping[str, str | None]) -> dict[str, str]:
    return {name: repr(value) for name, value in resources.items() if value is not None}


def read_site() -> Site:
    """The site of this repository; where there is no file, one that leaves everything to the cluster.

    Raises:
        UserError: naming every wrong key; or if the environment names a file that is not there.
    """
    named = os.environ.get(VARIABLE)
    path = Path(named or FILE)
    if not path.exists():
        if named:
            raise UserError("there is no such file", file=path, cure=f"mend or unset {VARIABLE}")
        return Site()
    if not path.is_file():
        raise UserError("is no file", file=path, cure=f"see {EXAMPLE}")
    return checked(Site, _as_written(path), str(path), cure=f"see {EXAMPLE}")


def _as_written(path: Path) -> dict[str, Any]:
    """The file's keys; names that YAML takes for numbers, truths or dates (account: 0123) as they stand there."""
    given = read_yaml(path)
    texts = yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader) or {}  # noqa: S506 - makes nothing but texts
    names = {name for name, value in given.items() if isinstance(value, bool | int | float | date)} - NUMBERS
    return {**given, **{name: texts[name] for name in names}}


def for_profile() -> Site:
    """As `read_site`, for the profile: in its expressions a usual error would be told as one of YAML."""
    try:
        return read_site()
    except UserError as error:
        sys.exit(f"error: {error}")


def _status_command() -> dict[str, Any]:
    """How jobs are asked about: squeue where the cluster keeps no accounts for sacct to read; nothing where there is no SLURM.

    The executor takes sacct wherever it is installed, and would wait for its answers for ever.
    """
    command = shutil.which("scontrol")
    if command is None:
        return {}
    asked = subprocess.run([command, "show", "config"], text=True, capture_output=True, check=False)
    settings = dict(line.split("=", 1) for line in asked.stdout.replace(" ", "").splitlines() if "=" in line)
    keeps_accounts = settings.get("AccountingStorageType", "").endswith("slurmdbd")
    return {"slurm-status-command": "sacct" if keeps_accounts and shutil.which("sacct") else "squeue"}
