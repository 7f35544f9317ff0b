"""The HTML report: Snakemake's own, with every exhibit, its caption, and how it came about."""

import json
import subprocess
import sys
from pathlib import Path

from video_r2.errors import UserError
from video_r2.files import replacing
from video_r2.run import Job, run


def main(job: Job) -> None:
    """Inputs: the exhibits. Parameters: target (that makes them), snakefile, command_line (this run's settings)."""
    params = job.params
    configfiles, settings = params.command_line["configfiles"], params.command_line["config"]
    command = [sys.executable, "-m", "snakemake", params.target, "--snakefile", params.snakefile, "--cores", "1"]
    command.append("--nolock")  # the run that this is a job of holds the lock
    if configfiles:
        command += ["--configfile", *configfiles]
    if settings:
        command += ["--config", *(f"{key}={json.dumps(value)}" for key, value in settings.items())]
    with replacing(job.output[0]) as temporary:
        # Snakemake tells the kind of report by the ending.
        page = temporary.with_suffix(".html")
        made = subprocess.run([*command, "--report", str(page)], text=True, capture_output=True, check=False)
        print(made.stdout, told(made.stderr), sep="")
        if made.returncode or not page.exists():
            raise UserError("Snakemake could not make the report", file=job.output[0], cure=f"see {Path(job.log[0])}")
        page.replace(temporary)


def told(said: str) -> str:
    """What Snakemake said, its warnings of files that were not made here (as all of an archive's) in one line."""
    lines = said.splitlines()
    others = [line for line in lines if not line.startswith("Missing metadata for file")]
    if len(others) < len(lines):
        others.append(f"{len(lines) - len(others)} files were not made here: the report does not tell when they were")
    return "\n".join(others)


if __name__ == "__main__":
    run(main, globals()["snakemake"])
