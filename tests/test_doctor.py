"""What `make doctor` finds, with stand-ins for a cluster's programs and a hub on this machine; and `make lock-sources`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import yaml
from hub_server import SECRET, Hub, environment, serving

from video_r2.cluster import cluster
from video_r2.config import validate
from video_r2.data.sources import FIRST, Pinned, Record, read_lock, write_lock
from video_r2.doctor import judge
from video_r2.errors import UserError
from video_r2.slurm import require_programs
from video_r2.workflow import Plan

HTTP = "http://127.0.0.1:9"


@pytest.fixture
def hub() -> Iterator[Hub]:
    files = {"a.parquet": b"rows"}
    with serving(minerva=files, mmvu=files, training=files, base=files) as made:
        yield made


@pytest.fixture
def overlay(root: Path, tmp_path: Path) -> Path:
    """The paper with four sources of the hub above."""
    paper = yaml.safe_load((root / "config.yaml").read_text())
    kept = {name: {"hub": f"owner/{name}"} for name in ("minerva", "mmvu")}
    models = ["base", "sft", "grpo", "grpo_tar", "grpo_tar_gate"]
    evaluations = [name for name, entry in paper["evaluations"].items() if entry["model"] in models]
    settings = {
        "data": {"dataset": "owner/training"},
        "benchmarks": {name: kept.get(name) for name in paper["benchmarks"]},
        "models": {name: None for name in paper["models"] if name not in models} | {"base": {"hub": "owner/base"}},
        "evaluations": {name: None for name in paper["evaluations"] if name not in evaluations},
        "judge": {"url": f"{HTTP}/v1"},
    }
    (tmp_path / "overlay.yaml").write_text(yaml.safe_dump(settings))
    return tmp_path / "overlay.yaml"


def stand_in(folder: Path, **programs: str) -> dict[str, str]:
    """A PATH of its own with programs that say this."""
    folder.mkdir()
    for name, said in programs.items():
        (folder / name.replace("_", "-")).write_text(f"#!/bin/sh\ncat <<'END'\n{said}\nEND\n")
        (folder / name.replace("_", "-")).chmod(0o755)
    (folder / "cat").symlink_to("/bin/cat")
    return {"PATH": str(folder)}


def doctor(root: Path, address: str, overlay: Path, more: Mapping[str, str], *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "scripts/doctor.py", "--configfile", str(overlay), *arguments],
        cwd=root,
        env=environment(address, PYTHONPATH="scripts", **more),
        capture_output=True,
        text=True,
        check=False,
    )
    assert SECRET not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout


def test_everything_in_the_way_is_told_at_once(root: Path, hub: Hub, overlay: Path, tmp_path: Path) -> None:
    hub.repositories["owner/minerva"].gated = True
    hub.repositories["owner/mmvu"].refusal = (401, "")
    del hub.repositories["owner/base"]
    programs = stand_in(
        tmp_path / "bin",
        sbatch="",
        sinfo="long*|up|4|infinite|(null)|1|1\nshort|down|2|1-00:00:00|gpu:a100:8|2000000|128",
        squeue="",
        nvidia_smi="H100, 80 GiB",
        conda="",
    )
    status, said = doctor(root, hub.address, overlay, programs)
    assert status == 1
    assert "note  partition short: down, 2 nodes, a100:8, 24 h" in said
    assert "ok    partition long*: up, 4 nodes, no GPU, no limit" in said
    assert "no partition has GPUs" not in said
    assert "ok    H100, 80 GiB" in said
    assert "note  no nvcc: environments are made without flash-attn" in said
    assert f"note  no server at {HTTP}/v1" in said
    assert f"WRONG {HTTP}/v1 is another machine on every node" in said
    assert (
        "ok    dataset owner/training: not in sources.yaml; revision main, not locked yet; licence: see its page"
        in said
    )
    assert "WRONG dataset owner/minerva" in said
    assert "-> access has to be asked for: accept the terms on https://huggingface.co/datasets/owner/minerva" in said
    assert "WRONG dataset owner/mmvu" in said
    assert "-> the hub does not accept your token: log in" in said
    assert "WRONG model owner/base" in said
    assert "-> the hub has no model of this name, or you may not see it" in said
    assert hub.asked == []


def test_where_nothing_can_be_asked_that_is_said_and_is_no_fault(root: Path, overlay: Path, tmp_path: Path) -> None:
    programs = stand_in(tmp_path / "bin")
    status, said = doctor(root, HTTP, overlay, programs)
    assert (status, said.count("WRONG")) == (0, 0), said
    assert "no sbatch: --profile slurm can be planned here" in said
    assert "note  dataset owner/minerva" in said
    assert "-> the hub cannot be reached" in said
    assert "Nothing is in the way." in said


def test_packages_that_are_not_those_of_the_lock_are_named(root: Path, tmp_path: Path) -> None:
    from video_r2.doctor import environment as examined

    (tmp_path / "requirements.lock").write_text(
        "numpy==0.0.1 \\\n    --hash=sha256:0\nno-such-package==1.0\nof-windows==1.0 ; sys_platform == 'win32' \\\n"
    )
    absent, wrong = [finding for finding in examined(tmp_path / "requirements.lock") if "requirements" in finding.what]
    assert (absent.level, absent.what) == (
        "note" if shutil.which("conda") else "wrong",
        "not installed, of requirements.lock: no-such-package",
    )
    assert wrong.level == "wrong"
    assert wrong.what.startswith("not as in requirements.lock: numpy ")
    assert not [finding for finding in examined(root / "requirements.lock") if finding.level == "wrong"]


# --- the lock ---------------------------------------------------------------------------------------------------------


def lock_sources(root: Path, address: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "scripts/lock_sources.py", "--root", str(folder), *arguments],
        cwd=root,
        env=environment(address, PYTHONPATH="scripts", PATH=os.environ["PATH"]),
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_source_is_moved_on_purpose_alone(root: Path, hub: Hub, tmp_path: Path) -> None:
    lock, old = tmp_path / "sources.lock.yaml", hub.repositories["owner/mmvu"].commit()
    Record("owner/mmvu@main", "dataset", old, FIRST, {"a.parquet": "a" * 64}).write(
        tmp_path / "results/x/sources/m.json"
    )
    other = Pinned("model", "1" * 40, {})
    write_lock(lock, {"owner/base@main": other})
    assert lock_sources(root, HTTP, tmp_path).stdout == "owner/mmvu@main: added\nsources.lock.yaml: 2 sources\n"
    hub.repositories["owner/mmvu"].files["b.parquet"] = b"more"
    new = hub.repositories["owner/mmvu"].commit()
    moved = lock_sources(root, hub.address, tmp_path, "--update", "owner/mmvu")
    assert f"owner/mmvu@main: {old[:12]} -> {new[:12]}; the next run fetches it" in moved.stdout
    assert read_lock(lock) == {"owner/base@main": other, "owner/mmvu@main": Pinned("dataset", new, {})}
    assert "has not moved" in lock_sources(root, hub.address, tmp_path, "--update", "owner/mmvu").stdout
    unknown = lock_sources(root, HTTP, tmp_path, "--update", "owner/nothing")
    assert "error: " in unknown.stderr
    assert "has no entry of owner/nothing" in unknown.stderr
    unreached = lock_sources(root, HTTP, tmp_path, "--update", "owner/mmvu")
    assert "the hub cannot be reached" in unreached.stderr


@pytest.mark.parametrize(("program", "level"), [(sys.executable, "ok"), ("/nowhere/vllm", "wrong")])
def test_a_server_that_jobs_start_needs_its_program(program: str, level: str) -> None:
    settings = validate({"judge": {"serve": {"command": [program, "{port}"]}}})
    (found,) = judge(cast(Plan, SimpleNamespace(config=settings)), network=True)
    assert found.level == level
    assert program in found.what
    assert ("make judge" in found.cure) == (level == "wrong")


@pytest.mark.parametrize(
    ("judge_settings", "behaviour", "level", "said"),
    [
        ({"model": "m"}, [{"id": "other"}, {"id": "m"}], "ok", "/v1 answers, and serves m"),
        ({"model": "m"}, [{"id": "other"}], "wrong", "/v1 serves other, and not m"),
        ({"model": "m"}, None, "ok", "/v1 answers"),  # has no list
    ],
)
def test_a_server_at_an_address_is_asked_for_its_models(
    judge_settings: dict, behaviour: object, level: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no sbatch
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    with listing(behaviour) as url:
        settings = validate({"judge": {**judge_settings, "url": url}})
        (found,) = judge(cast(Plan, SimpleNamespace(config=settings)), network=True)
        assert (found.level, found.what.removeprefix(url.removesuffix("/v1"))) == (level, said)
        monkeypatch.setenv("OPENAI_API_KEY", "another")
        (found,) = judge(cast(Plan, SimpleNamespace(config=settings)), network=True)
        assert (found.level, found.what) == ("wrong", f"{url} answers 401")


@contextmanager
def listing(models: object) -> Iterator[str]:
    """A server that tells its models to whoever has the key."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.headers["Authorization"] == "Bearer secret"
            self.send_response(200 if known else 401)
            self.end_headers()
            self.wfile.write(json.dumps({"data": models}).encode() if known else b"")

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()


# --- the cluster ------------------------------------------------------------------------------------------------------

SINFO = """cpu*|up|9|12:00:00|(null)|64000|16
gpu|up|4|2-00:00:00|gpu:a100:8(S:0-1),gpu:h100:4|1000000|64
gpu|up|1|2-00:00:00|gpu:h100:2|250000|16
old|up|2|infinite|gpu:4|400000|12
mixed|up|2|infinite|gpu:8|250000+|12+
uneven|up|2|infinite|gpu:8|2000000|16
uneven|up|2|infinite|gpu:8|256000|64"""


@pytest.mark.parametrize(
    ("site", "wrong"),
    [
        ("{partition: cpu, gpu_partition: gpu, gpu_type: a100, max_hours: 12, account: Lab}", []),
        (
            "{gpu_partition: old, training_gpus: 4, max_hours: 12}",
            [
                "train_grpo asks for up to 480,000 MB, and no node of partition old has more than 400,000",
                "train_grpo asks for 16 cores, and no node of partition old has more than 12",
            ],
        ),
        ("{gpu_partition: old, training_gpus: 3, max_hours: 12}", []),
        ("{gpu_partition: gpu, gpu_type: h100, training_gpus: 4, node_memory: 1000001, max_hours: 12}", []),
        ("{gpu_partition: mixed, max_hours: 12}", []),  # of nodes that differ the least is known alone
        (
            "{gpu_partition: uneven, max_hours: 12}",
            ["train_grpo asks for up to 960,000 MB and 32 cores, and no node of partition uneven has both"],
        ),
        (
            "{gpu_partition: 'old', training_gpus: 4, node_memory: 300000, max_hours: 12}",
            ["train_grpo asks for 16 cores, and no node of partition old has more than 12"],
        ),
        (
            "{partition: cpus, gpu_partition: 'gpu,gpus'}",
            [
                "there is no partition cpus",
                "there is no partition gpus",
                "partition gpu takes no job above 48 h, and train_grpo asks for 60 h",
            ],
        ),
        ("{max_hours: 12}", ["partition cpu has no GPUs"]),  # jobs with GPUs go to the default as well
        ("{gpu_partition: gpu, gpu_type: v100, max_hours: 12}", ["no GPU of partition gpu is of type v100"]),
        ("{gpu_partition: old, gpu_type: a100, max_hours: 9}", ["no GPU of partition old is of type a100"]),
        (
            "{gpu_partition: gpu, gpu_type: h100, max_hours: 12}",
            ["training_gpus is 8, and no node of partition gpu has more than 4"],
        ),
        (
            "{gpu_partition: gpu, max_hours: 49}",
            [
                "partition cpu takes no job above 12 h, and max_hours is 49",
                "partition gpu takes no job above 48 h, and max_hours is 49",
            ],
        ),
        ("{gpu_partition: gpu, max_hours: 12, account: labs}", ["account labs is not yours"]),
        (
            "{partition: cpu, gpu_partition: old, training_gpus: 3}",
            [],
        ),  # no rule without GPUs asks for more than 12 hours
        ("{gpu_typ: a100}", ["these settings cannot be used:\n  gpu_typ: there is no such key"]),
    ],
)
def test_the_site_is_held_against_the_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, site: str, wrong: list[str]
) -> None:
    programs = stand_in(tmp_path / "bin", sbatch="", squeue="", sinfo=SINFO, sacctmgr="lab\nother", scontrol="")
    for name, value in programs.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    Path("site.yaml").write_text(site)
    found = list(cluster())
    told = [each.what.partition("; got")[0] for each in found if each.level == "wrong"]
    assert told == wrong
    assert all(each.cure for each in found if each.level == "wrong")


def test_a_program_that_slurm_is_asked_by_is_missed_before_a_job_is_submitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor = SimpleNamespace(get_status_command=lambda: "sacct")
    monkeypatch.setenv("PATH", stand_in(tmp_path / "bin", sbatch="", squeue="")["PATH"])
    with pytest.raises(UserError, match=r"no program 'sacct'.*--slurm-status-command squeue"):
        require_programs(executor)
    executor.get_status_command = lambda: "squeue"
    require_programs(executor)
    (tmp_path / "a space").mkdir()
    monkeypatch.chdir(tmp_path / "a space")
    with pytest.raises(UserError, match="the path has a space in it"):
        require_programs(executor)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="no program 'sbatch'"):
        require_programs(executor)
