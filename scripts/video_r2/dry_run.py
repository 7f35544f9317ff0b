"""What Snakemake would do, asked through its API: its jobs, their reasons and their resources. Nothing is written."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from snakemake.api import SnakemakeApi
from snakemake.cli import parse_args, parse_config
from snakemake.settings.enums import Quietness
from snakemake.settings.types import (
    ConfigSettings,
    DAGSettings,
    DeploymentSettings,
    ExecutionSettings,
    OutputSettings,
    ResourceSettings,
)

from video_r2.errors import UserError

Told = TypeVar("Told")


def dry_run(arguments: Sequence[str], read: Callable[[Any], Told]) -> Told | None:
    """Plan as `snakemake` would with these arguments.

    Args:
        arguments: of Snakemake's command line: targets, --profile, --configfile, --config.
        read: given the workflow with its jobs planned, what is to be known of it.

    Returns:
        None where Snakemake cannot plan; it has said why.

    Raises:
        UserError: if an overlay is missing.
    """
    _, given = parse_args([*arguments, "--dry-run"])
    for path in given.configfile or ():
        if not Path(path).is_file():
            raise UserError("there is no such file", file=path, cure="--configfile names overlays that exist")
    # With this quietness Snakemake stops when the plan is made.
    output = OutputSettings(dryrun=True, quiet={Quietness.RULES, Quietness.PROGRESS}, log_level_override=logging.ERROR)
    with SnakemakeApi(output) as api:
        try:
            workflow_api = api.workflow(
                resource_settings=ResourceSettings(
                    cores=sys.maxsize,  # a job's threads are those that it would have elsewhere
                    overwrite_threads=given.set_threads,
                    overwrite_resources=given.set_resources,
                    default_resources=given.default_resources,
                ),
                config_settings=ConfigSettings(
                    config=parse_config(given.config), configfiles=given.configfile or (), config_args=given.config
                ),
                deployment_settings=DeploymentSettings(deployment_method=given.software_deployment_method),
                snakefile=given.snakefile,
                workdir=given.directory,
            )
            dag_api = workflow_api.dag(
                DAGSettings(
                    targets=given.targets,
                    forceall=given.forceall,
                    forcerun=given.forcerun,
                    force_incomplete=True,
                    allowed_rules=given.allowed_rules,
                    rerun_triggers=given.rerun_triggers,
                    max_checksum_file_size=given.max_checksum_file_size,
                )
            )
            dag_api.execute_workflow(
                executor="dryrun", execution_settings=ExecutionSettings(lock=False, retries=given.retries)
            )
            return read(workflow_api._workflow)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the plan, Snakemake words it
            api.print_exception(error)
            return None
