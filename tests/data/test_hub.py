"""Downloads, from a real HTTP server on this machine that speaks the hub's protocol, and what comes out of archives."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from video_r2.data.hub import place, unpack
from video_r2.errors import UserError

SCRIPTS = Path(__file__).parents[2] / "scripts"
SECRET = "hf_nobody_may_see_this"  # noqa: S105 - a token for no hub but the one below
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """A hub with one repository, that counts what is fetched and can be made to fail."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = dict(files)
        self.fetched: list[str] = []
        self.refusal: tuple[int, str] | None = None
        self.spoil = ""
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                self.answer(head=True)

            def do_GET(self) -> None:
                self.answer(head=False)

            def answer(self, head: bool) -> None:
                path = self.path.partition("?")[0]
                if hub.refusal is not None:
                    self.reply(hub.refusal[0], b"{}", head, {"X-Error-Code": hub.refusal[1]})
                elif "/revision/" in path and not path.endswith(("/main", COMMIT)):
                    self.reply(404, b"{}", head, {"X-Error-Code": "RevisionNotFound"})
                elif "/revision/" in path:
                    self.reply(200, json.dumps({"id": "owner/name", "sha": COMMIT}).encode(), head, {})
                elif "/tree/" in path:
                    self.reply(200, json.dumps([hub.entry(name) for name in hub.files]).encode(), head, {})
                else:
                    name = path.partition(f"/resolve/{COMMIT}/")[2]
                    content = hub.files[name]
                    if not head:
                        hub.fetched.append(name)
                        content = bytes(len(content)) if name == hub.spoil else content
                    digest = hashlib.sha256(hub.files[name]).hexdigest()
                    self.reply(200, content, head, {"ETag": f'"{digest}"', "X-Repo-Commit": COMMIT})

            def reply(self, status: int, body: bytes, head: bool, headers: Mapping[str, str]) -> None:
                self.send_response(status)
                for key, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(key, value)
                self.end_headers()
                if not head:
                    self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def entry(self, name: str) -> dict[str, object]:
        content = self.files[name]
        lfs = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 100}
        return {"type": "file", "path": name, "size": len(content), "oid": "0" * 40, "lfs": lfs}

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"


def tar_of(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def zip_of(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture
def hub() -> Iterator[Hub]:
    made = Hub(
        {
            "README.md": b"---\n---\n",
            "videos/one.tar": tar_of({"a.mp4": b"video a", "deep/b.mp4": b"video b"}),
            "subtitles.tar": tar_of({"subtitles/a.srt": b"cue a", "subtitles/deep/b.srt": b"cue b"}),
            "video-r2-sft-dataset.json": b"[1]",
            "video-r2-grpo-dataset.json": b"[2]",
            "model.safetensors": b"weights",
            "config.json": b"{}",
            "modeling.py": b"raise SystemExit",
        }
    )
    yield made
    made.server.shutdown()
    made.server.server_close()


def fetch(
    script: str, address: str, output: object, params: object, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a rule's script in a process of its own; the hub's address is read when it is imported."""
    code = (
        "import json, sys\n"
        "from types import SimpleNamespace as Names\n"
        f"from {script} import main\n"
        "from video_r2.errors import UserError\n"
        "output, params = (json.loads(text) for text in sys.argv[1:])\n"
        "try:\n"
        "    main(Names(output=Names(**output), params=Names(**params), wildcards=Names(benchmark='x', model='x')))\n"
        "except UserError as error:\n"
        "    sys.exit(f'error: {error}')\n"
    )
    # scripts/predict.py switches the hub off when another test imports it; huggingface_hub obeys TRANSFORMERS_OFFLINE too.
    settings_of_the_hub = ("HF_", "TRANSFORMERS_")
    kept = {
        key: value
        for key, value in os.environ.items()
        if "proxy" not in key.lower() and not key.startswith(settings_of_the_hub)
    }
    settings = {"HF_ENDPOINT": address, "HF_HUB_DISABLE_XET": "1", "PYTHONPATH": str(SCRIPTS), "HF_TOKEN": SECRET}
    return subprocess.run(
        [sys.executable, "-c", code, json.dumps(output), json.dumps(params)],
        env={**kept, **settings, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def fetch_benchmark(address: str, raw: Path, revision: str = "main", **environment: str) -> str:
    """Fetch a benchmark; what went wrong, or nothing."""
    benchmark = {"label": "x", "group": "generic", "adapter": "minerva", "hub": "owner/name", "revision": revision}
    done = fetch("fetch_benchmark", address, {"raw": str(raw)}, {"benchmark": benchmark}, **environment)
    assert done.returncode == (1 if "error: " in done.stderr else 0), done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    assert SECRET not in done.stdout + done.stderr
    return done.stderr.partition("error: ")[2]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_training_data_are_unpacked_with_subtitles_beside_the_videos(hub: Hub, tmp_path: Path) -> None:
    raw = tmp_path / "results/paper/raw/training"
    output = {
        "sft": str(raw / "video-r2-sft-dataset.json"),
        "grpo": str(raw / "video-r2-grpo-dataset.json"),
        "videos": str(raw / "videos"),
    }
    done = fetch("fetch_dataset", hub.address, output, {"dataset": "owner/name", "revision": "main"})
    assert done.returncode == 0, done.stderr
    assert f"revision main is commit {COMMIT}" in done.stdout
    found = contents(raw)
    assert {name for name in found if name.startswith(("videos", "subtitles"))} == {
        "videos/a.mp4",
        "videos/a.srt",
        "videos/deep/b.mp4",
        "videos/deep/b.srt",
    }
    assert (found["videos/deep/b.mp4"], found["videos/deep/b.srt"]) == (b"video b", b"cue b")
    assert found["video-r2-sft-dataset.json"] == b"[1]"


def test_a_model_comes_without_code_and_with_its_weights(hub: Hub, tmp_path: Path) -> None:
    checkpoint = tmp_path / "results/paper/models/x/seed-0"
    model = {"stage": "hub", "hub": "owner/name", "revision": COMMIT}
    done = fetch("fetch_model", hub.address, {"checkpoint": str(checkpoint)}, {"model": model})
    assert done.returncode == 0, done.stderr
    found = contents(checkpoint)
    assert found["model.safetensors"] == b"weights"
    assert "modeling.py" not in found
    assert f"{hashlib.sha256(b'weights').hexdigest()}  model.safetensors" in found["SHA256SUMS"].decode().splitlines()


def test_a_model_without_safetensors_is_refused(hub: Hub, tmp_path: Path) -> None:
    del hub.files["model.safetensors"]
    model = {"stage": "hub", "hub": "owner/name"}
    output = {"checkpoint": str(tmp_path / "results/paper/models/x/seed-0")}
    done = fetch("fetch_model", hub.address, output, {"model": model})
    assert "record owner/name: has no weights as safetensors" in done.stderr


def test_a_second_download_fetches_nothing_again(hub: Hub, tmp_path: Path) -> None:
    raw = tmp_path / "results/paper/raw/benchmarks/x"
    assert not fetch_benchmark(hub.address, raw)
    first = contents(raw)
    assert len(hub.fetched) == len(hub.files)
    # As Snakemake does before it repeats a job, the output is removed; the download lies elsewhere.
    for path in sorted(raw.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert not fetch_benchmark(hub.address, raw)
    assert contents(raw) == first
    assert len(hub.fetched) == len(hub.files)


def test_a_damaged_file_is_removed_and_downloaded_anew(hub: Hub, tmp_path: Path) -> None:
    raw = tmp_path / "results/paper/raw/benchmarks/x"
    hub.spoil = "model.safetensors"
    assert "model.safetensors: came damaged and was removed" in fetch_benchmark(hub.address, raw)
    hub.spoil, hub.fetched = "", []
    assert not fetch_benchmark(hub.address, raw)
    assert hub.fetched == ["model.safetensors"]
    assert contents(raw)["model.safetensors"] == b"weights"


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (
            403,
            "GatedRepo",
            "access has to be asked for (cure: accept the terms on https://huggingface.co/datasets/owner",
        ),
        (404, "RepoNotFound", "the hub has no dataset of this name"),
        (500, "", "the hub answered 500"),
    ],
)
def test_a_refusal_is_explained(hub: Hub, tmp_path: Path, status: int, code: str, reason: str) -> None:
    hub.refusal = status, code
    assert reason in fetch_benchmark(hub.address, tmp_path / "results/paper/raw/benchmarks/x")


def test_an_unknown_revision_is_explained(hub: Hub, tmp_path: Path) -> None:
    message = fetch_benchmark(hub.address, tmp_path / "results/paper/raw/benchmarks/x", revision="v9")
    assert "there is no revision 'v9'" in message


def test_a_hub_that_is_not_there_and_one_that_is_switched_off(tmp_path: Path) -> None:
    raw = tmp_path / "results/paper/raw/benchmarks/x"
    assert "the hub cannot be reached (cure: check the network" in fetch_benchmark("http://127.0.0.1:9", raw)
    assert "downloads are switched off (cure: unset" in fetch_benchmark("http://127.0.0.1:9", raw, HF_HUB_OFFLINE="1")


def test_a_download_that_does_not_fit_is_not_begun(hub: Hub, small_disk: Path) -> None:
    # 3 MB of an archive and as much of what it holds, and 3 MB of a model, on a disk of 8 MB.
    hub.files["videos/one.tar"] = tar_of({"a.mp4": bytes(3 * 10**6)})
    hub.files["model.safetensors"] = bytes(3 * 10**6)
    message = fetch_benchmark(hub.address, small_disk / "results/paper/raw/benchmarks/x")
    assert "downloading and unpacking owner/name needs 9." in message
    assert "MB on this disk, and 8.3" in message
    assert hub.fetched == []
    del hub.files["model.safetensors"]
    assert not fetch_benchmark(hub.address, small_disk / "results/paper/raw/benchmarks/x")
    # What is there already is not needed once more.
    (small_disk / "results/paper/raw/benchmarks/x/videos/a.mp4").unlink()
    (small_disk / "ballast").write_bytes(bytes(2 * 10**6))
    assert not fetch_benchmark(hub.address, small_disk / "results/paper/raw/benchmarks/x")


# --- archives ---------------------------------------------------------------------------------------------------------


def test_archives_are_unpacked_where_they_lie_also_in_pieces(tmp_path: Path) -> None:
    source = tmp_path / "source"
    whole = tar_of({"videos/long.mp4": bytes(range(256)) * 500})
    files = {"video/clips.zip": zip_of({"x/1.mp4": b"one"}), "table.parquet": b"rows", ".cache/lock": b""}
    pieces = {
        f"all.tar.part.a{letter}": whole[start : start + 50_000]
        for letter, start in zip("abc", (0, 50_000, 100_000), strict=True)
    }
    for name, content in {**files, **pieces}.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(content)
    place(source, tmp_path / "target")
    assert contents(tmp_path / "target") == {
        "video/x/1.mp4": b"one",
        "table.parquet": b"rows",
        "videos/long.mp4": bytes(range(256)) * 500,
    }


@pytest.mark.parametrize("name", ["../outside.mp4", "/outside.mp4"])
def test_nothing_is_unpacked_outside_of_the_folder(tmp_path: Path, name: str) -> None:
    target = tmp_path / "deep" / "target"
    (tmp_path / "a.tar").write_bytes(tar_of({name: b"x"}))
    (tmp_path / "a.zip").write_bytes(zip_of({name: b"x"}))
    for archive in ("a.tar", "a.zip"):
        # Refused, or put inside: either will do.
        with suppress(UserError):
            unpack([tmp_path / archive], target)
    assert {path.name for path in tmp_path.rglob("outside.mp4") if target not in path.parents} == set()
    assert not Path("/outside.mp4").exists()


@pytest.mark.parametrize("name", ["a.tar", "a.zip", "a.tar.gz"])
def test_a_damaged_archive_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"PK\x03\x04 not an archive" * 40)
    with pytest.raises(UserError, match=rf"{name}: cannot be unpacked: .*cure: remove it"):
        unpack([tmp_path / name], tmp_path / "target")


def test_a_truncated_tar_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(tar_of({"a.mp4": bytes(5000)})[:3000])
    with pytest.raises(UserError, match="cannot be unpacked"):
        unpack([tmp_path / "a.tar"], tmp_path / "target")
