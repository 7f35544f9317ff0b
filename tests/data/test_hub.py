"""Downloads, from a real HTTP server on this machine that speaks the hub's protocol."""

from __future__ import annotations

import hashlib
import json
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from hub_archives import tar_of
from hub_server import Hub, run_python, serving

from video_r2.data.sources import Pinned, read_lock, read_record, write_lock

FETCH = """
import json, sys
from types import SimpleNamespace as Names
from importlib import import_module
from video_r2.errors import UserError
script, output, params = sys.argv[1], *(json.loads(text) for text in sys.argv[2:])
try:
    import_module(script).main(Names(output=Names(**output), params=Names(**params)))
except UserError as error:
    sys.exit(f"error: {error}")
"""


@pytest.fixture
def hub() -> Iterator[Hub]:
    files = {
        "README.md": b"---\n---\n",
        "videos/one.tar": tar_of({"a.mp4": b"video a", "deep/b.mp4": b"video b"}),
        "subtitles.tar": tar_of({"subtitles/a.srt": b"cue a", "subtitles/deep/b.srt": b"cue b"}),
        "video-r2-sft-dataset.json": b"[1]",
        "video-r2-grpo-dataset.json": b"[2]",
        "model.safetensors": b"weights",
        "config.json": b"{}",
        "modeling.py": b"raise SystemExit",
    }
    with serving(name=files) as made:
        yield made


def only(hub: Hub) -> Any:
    """The hub's one repository."""
    return hub.repositories["owner/name"]


def fetch(
    script: str, hub: Hub | str, output: dict[str, str], results: Path, source: dict[str, Any], **more: str
) -> subprocess.CompletedProcess[str]:
    """Run a rule's script in a process of its own; the hub's address is read when it is imported."""
    keep = {
        "cache": str(results / "cache/hub"),
        "lock": str(results / "sources.lock.yaml"),
        "record": str(results / "sources/x.json"),
    }
    params = {"source": {"revision": "main", **source}, "order": "first", "keep": keep}
    address = hub if isinstance(hub, str) else hub.address
    return run_python(FETCH, address, script, json.dumps(output), json.dumps(params), **more)


def fetch_benchmark(hub: Hub | str, results: Path, source: dict[str, Any] | None = None, **more: str) -> str:
    """Fetch a benchmark; what went wrong, or nothing."""
    output = {"raw": str(results / "raw/benchmarks/x"), "manifest": str(results / "manifest.json")}
    wanted = {"hub": "owner/name", "kind": "dataset", **(source or {})}
    done = fetch("fetch_benchmark", hub, output, results, wanted, **more)
    assert done.returncode == (1 if "error: " in done.stderr else 0), done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done.stderr.partition("error: ")[2]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def remove(folder: Path) -> None:
    """As Snakemake does with an output before it repeats a job."""
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# --- what comes -------------------------------------------------------------------------------------------------------


def test_the_training_data_are_unpacked_with_subtitles_beside_the_videos(hub: Hub, tmp_path: Path) -> None:
    raw = tmp_path / "raw/training"
    output = {
        "sft": str(raw / "video-r2-sft-dataset.json"),
        "grpo": str(raw / "video-r2-grpo-dataset.json"),
        "videos": str(raw / "videos"),
        "manifest": str(tmp_path / "manifest.json"),
    }
    patterns = ["video-r2-*-dataset.json", "videos/*.tar", "subtitles.tar"]
    source = {"hub": "owner/name", "kind": "dataset", "files": patterns}
    done = fetch("fetch_dataset", hub, output, tmp_path, source)
    assert done.returncode == 0, done.stderr
    commit = only(hub).commit()
    assert f"revision main, commit {commit}" in done.stdout
    assert contents(raw) == {
        "video-r2-sft-dataset.json": b"[1]",
        "video-r2-grpo-dataset.json": b"[2]",
        "videos/a.mp4": b"video a",
        "videos/a.srt": b"cue a",
        "videos/deep/b.mp4": b"video b",
        "videos/deep/b.srt": b"cue b",
    }
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert (manifest["hub"], manifest["revision"], manifest["commit"]) == ("owner/name", "main", commit)
    listed = {file["path"]: (file["bytes"], file["sha256"]) for file in manifest["files"]}
    assert listed["video-r2-sft-dataset.json"] == (3, sha256(b"[1]"))
    assert listed.keys() == {
        "video-r2-sft-dataset.json",
        "video-r2-grpo-dataset.json",
        "videos/one.tar",
        "subtitles.tar",
    }
    record = read_record(tmp_path / "sources/x.json")
    assert record is not None
    assert (record.source, record.commit, record.order) == ("owner/name@main", commit, "first")
    assert record.files == {name: sum for name, (_, sum) in listed.items()}


def test_a_model_comes_without_code_and_with_its_weights(hub: Hub, tmp_path: Path) -> None:
    checkpoint = tmp_path / "models/x"
    output = {"checkpoint": str(checkpoint), "manifest": str(tmp_path / "manifest.json")}
    source = {"hub": "owner/name", "kind": "model", "files": ["*.safetensors", "config.json"]}
    assert fetch("fetch_model", hub, output, tmp_path, source).returncode == 0
    found = contents(checkpoint)
    assert found.keys() == {"model.safetensors", "config.json", "SHA256SUMS"}
    assert f"{sha256(b'weights')}  model.safetensors" in found["SHA256SUMS"].decode().splitlines()
    del only(hub).files["model.safetensors"]
    remove(tmp_path)
    refused = fetch("fetch_model", hub, output, tmp_path, source)
    assert "record owner/name@main: has no weights as safetensors" in refused.stderr


def test_a_second_download_fetches_nothing_again(hub: Hub, tmp_path: Path) -> None:
    assert not fetch_benchmark(hub, tmp_path)
    first = contents(tmp_path / "raw")
    asked = sorted(hub.asked)
    assert asked == sorted((name, 0) for name in only(hub).files)
    remove(tmp_path / "raw")
    assert not fetch_benchmark(hub, tmp_path)
    assert contents(tmp_path / "raw") == first
    assert sorted(hub.asked) == asked


# --- what is cut, spoiled or too much ---------------------------------------------------------------------------------


def test_a_cut_connection_is_resumed_where_it_was_cut(hub: Hub, tmp_path: Path) -> None:
    only(hub).files["big.bin"] = bytes(range(256)) * 100_000
    hub.cuts["big.bin"] = [22_000_000, 1_000_000]
    assert not fetch_benchmark(hub, tmp_path, {"files": ["big.bin"]})
    # What comes is written in pieces of 10 MiB.
    assert hub.asked == [("big.bin", 0), ("big.bin", 20 * 2**20), ("big.bin", 20 * 2**20)]
    assert contents(tmp_path / "raw/benchmarks/x") == {"big.bin": bytes(range(256)) * 100_000}


@pytest.mark.parametrize("ranges", [True, False])
def test_a_killed_job_goes_on_in_the_middle_of_a_file(hub: Hub, tmp_path: Path, ranges: bool) -> None:
    """A part that an earlier process left is asked for no more, unless the hub gives all or nothing."""
    content = bytes(range(256)) * 4000
    only(hub).files["big.bin"] = content
    killed = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from video_r2.data.sources import Source\n"
        "wrote = hub._Counted.write\n"
        "def write(self, data):\n"
        "    wrote(self, data[:400_000]); self._file.flush(); os.kill(os.getpid(), 9)\n"
        "hub._Counted.write = write\n"
        "hub.download(Source(hub='owner/name', kind='dataset', revision='main', files=['big.bin']), Path(sys.argv[1]))\n"
    )
    assert run_python(killed, hub.address, str(tmp_path / "cache/hub")).returncode == -9
    (partial,) = (path for path in tmp_path.rglob("big.bin"))
    there = partial.stat().st_size
    assert 0 < there < len(content)
    hub.asked, hub.ranges = [], ranges
    assert not fetch_benchmark(hub, tmp_path, {"files": ["big.bin"]})
    # Where parts are not given, the answer to the same request is the whole file.
    assert hub.asked == [("big.bin", there if ranges else 0)]
    assert contents(tmp_path / "raw/benchmarks/x") == {"big.bin": content}


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_wrong_bytes_are_removed_and_downloaded_anew(hub: Hub, tmp_path: Path, name: str) -> None:
    """Of a large file the hub states the SHA-256; a small one is known by what git calls its contents."""
    hub.spoiled.add(name)
    assert f"{name}: came damaged and was removed" in fetch_benchmark(hub, tmp_path)
    assert not (tmp_path / "sources").exists()
    hub.spoiled.clear()
    hub.asked = []
    assert not fetch_benchmark(hub, tmp_path)
    assert hub.asked == [(name, 0)]
    assert contents(tmp_path / "raw/benchmarks/x")[name] == only(hub).files[name]


def test_a_file_damaged_on_this_disk_is_noticed(hub: Hub, tmp_path: Path) -> None:
    assert not fetch_benchmark(hub, tmp_path)
    (kept,) = (tmp_path / "cache/hub").rglob("model.safetensors")
    kept.unlink()
    kept.write_bytes(b"wEights")
    assert "model.safetensors: came damaged" in fetch_benchmark(hub, tmp_path)
    assert not fetch_benchmark(hub, tmp_path)


def test_a_download_that_does_not_fit_is_not_begun(hub: Hub, small_disk: Path) -> None:
    # 3 MB of an archive and as much of what it holds, and 3 MB of a model, on a disk of 8 MB.
    files = only(hub).files
    files["videos/one.tar"] = tar_of({"a.mp4": bytes(3 * 10**6)})
    files["model.safetensors"] = bytes(3 * 10**6)
    message = fetch_benchmark(hub, small_disk)
    assert "downloading and unpacking owner/name needs 9." in message
    assert "MB on this disk, and 8.3" in message
    assert hub.asked == []
    del files["model.safetensors"]
    (small_disk / "cache/hub/owner--name@main.json").unlink()
    assert not fetch_benchmark(hub, small_disk)
    # What is there already is not needed once more.
    (small_disk / "raw/benchmarks/x/videos/a.mp4").unlink()
    (small_disk / "ballast").write_bytes(bytes(2 * 10**6))
    assert not fetch_benchmark(hub, small_disk)


# --- what the hub says ------------------------------------------------------------------------------------------------


def test_a_busy_hub_is_asked_again_after_the_time_that_it_asks_for(hub: Hub, tmp_path: Path) -> None:
    hub.busy = [(429, {"Retry-After": "0"}), (503, {}), (429, {"Retry-After": "0"})]
    output = {"raw": str(tmp_path / "raw"), "manifest": str(tmp_path / "manifest.json")}
    done = fetch("fetch_benchmark", hub, output, tmp_path, {"hub": "owner/name", "kind": "dataset"})
    assert done.returncode == 0, done.stderr
    assert "the hub answered 429; trying again in 0" in done.stdout
    assert "the hub answered 503; trying again in 0.01 s" in done.stdout
    assert contents(tmp_path / "raw")["config.json"] == b"{}"


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        ((401, ""), "the hub does not accept your token (cure: log in: hf auth login, or set HF_TOKEN)"),
        (
            (403, ""),
            "your token may not read this (cure: accept the terms on https://huggingface.co/datasets/owner/name if",
        ),
        (
            (403, "GatedRepo"),
            "access has to be asked for (cure: accept the terms on https://huggingface.co/datasets/owner/name, then log in",
        ),
        ((404, "RepoNotFound"), "the hub has no dataset of this name"),
        ((429, ""), "the hub wants fewer requests (cure: wait some minutes and run again"),
        ((500, ""), "the hub answered 500 (cure: later run again: it goes on where it stopped)"),
    ],
)
def test_a_refusal_is_explained(hub: Hub, tmp_path: Path, refusal: tuple[int, str], reason: str) -> None:
    only(hub).refusal = refusal
    assert f"record owner/name: {reason}" in fetch_benchmark(hub, tmp_path)


def test_a_revision_or_a_file_that_is_not_there_is_explained(hub: Hub, tmp_path: Path) -> None:
    assert "there is no revision 'v9'" in fetch_benchmark(hub, tmp_path, {"revision": "v9"})
    message = fetch_benchmark(hub, tmp_path, {"files": ["*.parquet"]})
    assert "owner/name@main: holds no file of those wanted (*.parquet)" in message


def test_a_hub_that_is_not_there_and_one_that_is_switched_off(tmp_path: Path) -> None:
    assert "the hub cannot be reached (cure: check the network" in fetch_benchmark("http://127.0.0.1:9", tmp_path)
    assert "downloads are switched off (cure: unset" in fetch_benchmark(
        "http://127.0.0.1:9", tmp_path, HF_HUB_OFFLINE="1"
    )


def test_a_hub_that_cannot_be_asked_beforehand_is_warned_of_and_stops_no_run(hub: Hub, tmp_path: Path) -> None:
    """The machine that starts a run need not be one that jobs run on; but what is switched off is so for them, too."""
    require = (
        "import sys\n"
        "from pathlib import Path\n"
        "from video_r2.data import access\n"
        "from video_r2.data.sources import Source\n"
        "from video_r2.errors import UserError\n"
        "wanted = [Source(hub=f'owner/{name}', kind='dataset', revision='main') for name in ('name', 'other')]\n"
        "try:\n"
        "    access.require(wanted, {}, Path(sys.argv[1]))\n"
        "except UserError as error:\n"
        "    sys.exit(f'error: {error}')\n"
    )
    unreached = run_python(require, "http://127.0.0.1:9", str(tmp_path))
    assert unreached.returncode == 0, unreached.stderr
    assert unreached.stdout.count("warning: record owner/") == 2
    off = run_python(require, "http://127.0.0.1:9", str(tmp_path), HF_HUB_OFFLINE="1")
    assert "2 of the 2 sources that this run fetches cannot be had" in off.stderr
    assert "downloads are switched off" in off.stderr
    one = run_python(require, hub.address, str(tmp_path))
    assert "1 of the 2 sources that this run fetches cannot be had:\n  record owner/other: the hub has no" in one.stderr


# --- what is locked ---------------------------------------------------------------------------------------------------


def locked(hub: Hub, **other: str) -> Pinned:
    """An entry of the lock for what main is now, with other checksums for some files."""
    files = {name: sha256(content) for name, content in only(hub).files.items()}
    return Pinned("dataset", only(hub).commit(), {**files, **other})


def test_the_locked_commit_is_downloaded_wherever_main_has_moved(hub: Hub, tmp_path: Path) -> None:
    entry = locked(hub)
    write_lock(tmp_path / "sources.lock.yaml", {"owner/name@main": entry})
    only(hub).files["config.json"] = b'{"newer": true}'
    assert only(hub).commit() != entry.commit
    assert not fetch_benchmark(hub, tmp_path)
    assert contents(tmp_path / "raw/benchmarks/x")["config.json"] == b"{}"
    record = read_record(tmp_path / "sources/x.json")
    assert record is not None
    assert record.pinned == entry


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_file_with_another_checksum_than_the_lock_has_is_refused(hub: Hub, tmp_path: Path, name: str) -> None:
    write_lock(tmp_path / "sources.lock.yaml", {"owner/name@main": locked(hub, **{name: "0" * 64})})
    message = fetch_benchmark(hub, tmp_path)
    assert f"record owner/name@main: {name}: is not the file that sources.lock.yaml knows: its SHA-256 is" in message
    assert not (tmp_path / "raw").exists()
    if name == "model.safetensors":  # the hub itself says so, before anything is downloaded
        assert hub.asked == []


def test_a_file_with_another_checksum_than_the_table_has_is_refused(hub: Hub, tmp_path: Path) -> None:
    message = fetch_benchmark(hub, tmp_path, {"sha256": {"subtitles.tar": "1" * 64}})
    assert "subtitles.tar: is not the file that sources.yaml knows" in message


def test_what_is_locked_and_there_needs_no_network(hub: Hub, tmp_path: Path) -> None:
    assert not fetch_benchmark(hub, tmp_path)
    write_lock(tmp_path / "sources.lock.yaml", {"owner/name@main": locked(hub)})
    remove(tmp_path / "raw")
    assert not fetch_benchmark("http://127.0.0.1:9", tmp_path)
    assert (tmp_path / "raw/benchmarks/x/videos/a.mp4").read_bytes() == b"video a"
    (kept,) = (tmp_path / "cache/hub").rglob("config.json")
    kept.unlink()
    kept.write_bytes(b"{ }")
    assert "the hub cannot be reached" in fetch_benchmark("http://127.0.0.1:9", tmp_path)


def test_files_that_the_table_asks_for_besides_those_locked_are_fetched(hub: Hub, tmp_path: Path) -> None:
    assert not fetch_benchmark(hub, tmp_path, {"files": ["config.json"]})
    entry = Pinned("dataset", only(hub).commit(), {"config.json": sha256(b"{}")})
    write_lock(tmp_path / "sources.lock.yaml", {"owner/name@main": entry})
    assert not fetch_benchmark(hub, tmp_path, {"files": ["*.json"]})
    found = contents(tmp_path / "raw/benchmarks/x")
    assert found.keys() == {"config.json", "video-r2-sft-dataset.json", "video-r2-grpo-dataset.json"}


def test_code_that_is_trusted_later_comes_after_all(hub: Hub, tmp_path: Path) -> None:
    checkpoint = tmp_path / "models/x"
    output = {"checkpoint": str(checkpoint), "manifest": str(tmp_path / "manifest.json")}
    source = {"hub": "owner/name", "kind": "model", "files": ["*.safetensors", "config.json"]}
    assert fetch("fetch_model", hub, output, tmp_path, source).returncode == 0
    record = read_record(tmp_path / "sources/x.json")
    assert record is not None
    write_lock(tmp_path / "sources.lock.yaml", {"owner/name@main": record.pinned})
    trusted = {**source, "files": [*source["files"], "*.py"]}
    for wanted, has_code in ((source, False), (trusted, True), (source, False)):
        remove(checkpoint)
        assert fetch("fetch_model", hub, output, tmp_path, wanted).returncode == 0
        assert (checkpoint / "modeling.py").exists() == has_code


def test_an_attempt_that_was_broken_off_goes_on_with_its_commit(hub: Hub, tmp_path: Path) -> None:
    """Where there is no lock yet, a branch that moves between two attempts does not make the first one's work void."""
    begun = only(hub).commit()
    hub.spoiled.add("model.safetensors")
    assert "came damaged" in fetch_benchmark(hub, tmp_path)
    only(hub).files["config.json"] = b'{"newer": true}'
    hub.spoiled.clear()
    hub.asked = []
    assert not fetch_benchmark(hub, tmp_path)
    assert hub.asked == [("model.safetensors", 0)]
    assert json.loads((tmp_path / "manifest.json").read_text())["commit"] == begun
    assert read_lock(tmp_path / "sources.lock.yaml") == {}  # jobs only read it


@pytest.mark.parametrize("name", ["../../evil.bin", "videos/../../evil.bin", "/evil.bin"])
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with serving(name={"README.md": b"---\n---\n", name: b"evil"}) as hub:
        assert "names a file outside of its folder" in fetch_benchmark(hub, tmp_path)
    assert not list(tmp_path.rglob("evil.bin"))


def test_the_page_of_a_login_is_no_hub(tmp_path: Path) -> None:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>Please log in</html>")

        def log_message(self, *arguments: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        said = fetch_benchmark(f"http://127.0.0.1:{server.server_port}", tmp_path)
    finally:
        server.shutdown()
        server.server_close()
    assert "what answers is no hub" in said
