"""A server on this machine that speaks the Hugging Face hub's protocol, keeps count, and fails when told to."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SCRIPTS = Path(__file__).parents[1] / "scripts"
SECRET = "hf_nobody_may_see_this"  # noqa: S105 - a token for no hub but the one below


@dataclass
class Repository:
    """A repository whose branch `main` can move; files that end in .json, .md or .py are git's own, the others LFS."""

    files: dict[str, bytes]
    refusal: tuple[int, str] | None = None  # status and the hub's own code, whatever is asked
    gated: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def commit(self) -> str:
        """The commit that main is now."""
        content = json.dumps({name: hashlib.sha256(data).hexdigest() for name, data in sorted(self.files.items())})
        name = hashlib.sha1(content.encode(), usedforsecurity=False).hexdigest()
        self.commits[name] = dict(self.files)
        return name


@dataclass
class Hub:
    """The server.

    Attributes:
        asked: every request for a file's content: its name, and the byte that it begins at.
        busy: answers given before any other, the first first: status and headers.
        spoiled: files whose bytes are other ones than the listing says.
        cuts: after how many bytes the connection is cut, the next times that a file is asked for.
        ranges: whether a part of a file can be asked for.
    """

    address: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    asked: list[tuple[str, int]] = field(default_factory=list)
    requests: int = 0
    busy: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    spoiled: set[str] = field(default_factory=set)
    cuts: dict[str, list[int]] = field(default_factory=dict)
    ranges: bool = True


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def answer(self) -> None:
        hub = self.hub
        hub.requests += 1
        if hub.busy:
            status, headers = hub.busy.pop(0)
            return self.reply(status, b"{}", headers)
        path = self.path.partition("?")[0].strip("/")
        path = path.removeprefix("api/models/").removeprefix("api/datasets/").removeprefix("datasets/")
        name = "/".join(path.split("/")[:2])
        rest = path.removeprefix(name).strip("/")
        repository = hub.repositories.get(name)
        if repository is None:
            return self.refuse(404, "RepoNotFound")
        if repository.refusal is not None:
            return self.refuse(*repository.refusal)
        what, _, below = rest.partition("/")
        if what in ("", "revision"):
            commit = repository.commit() if below in ("", "main") else below
            if commit not in repository.commits:
                return self.refuse(404, "RevisionNotFound")
            return self.reply(200, json.dumps({"id": name, "sha": commit}).encode())
        if repository.gated and what in ("auth-check", "resolve"):
            return self.refuse(403, "GatedRepo")
        if what == "auth-check":
            return self.reply(200, b"{}")
        commit, _, file = below.partition("/")
        files = repository.commits[commit]
        if what == "tree":
            return self.reply(200, json.dumps([_entry(name, data) for name, data in files.items()]).encode())
        return self.file(file, files[file])

    def file(self, name: str, content: bytes) -> None:
        start = 0
        if self.hub.ranges and (wanted := self.headers.get("Range")):
            start = int(wanted.removeprefix("bytes=").partition("-")[0])
        self.hub.asked.append((name, start))
        sent = bytes(len(content)) if name in self.hub.spoiled else content
        headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"'}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        cuts = self.hub.cuts.get(name, [])
        self.reply(206 if start else 200, sent[start:], headers, cut=cuts.pop(0) if cuts else None)

    def refuse(self, status: int, code: str) -> None:
        self.reply(status, b"{}", {"X-Error-Code": code} if code else {})

    def reply(self, status: int, body: bytes, headers: Mapping[str, str] = {}, cut: int | None = None) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:cut])
        if cut is not None:
            self.wfile.flush()
            self.close_connection = True
            self.connection.close()

    def finish(self) -> None:
        with suppress(OSError, ValueError):  # it was cut
            super().finish()

    def log_message(self, format: str, *args: object) -> None:
        pass


def _entry(name: str, content: bytes) -> dict[str, object]:
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    entry: dict[str, object] = {"type": "file", "path": name, "size": len(content), "oid": blob}
    if not name.endswith((".json", ".md", ".py")):
        entry["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 100}
    return entry


@contextmanager
def serving(**repositories: Mapping[str, bytes]) -> Iterator[Hub]:
    """The hub, for as long as the block lasts; repositories `owner/<name>` by name."""
    hub = Hub(repositories={f"owner/{name}": Repository(dict(files)) for name, files in repositories.items()})
    for repository in hub.repositories.values():
        repository.commit()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


def environment(address: str, **more: str) -> dict[str, str]:
    """What a process needs to take `address` for the hub, and to find no other one."""
    # scripts/predict.py switches the hub off when another test imports it; huggingface_hub obeys TRANSFORMERS_OFFLINE too.
    kept = {
        key: value
        for key, value in os.environ.items()
        if "proxy" not in key.lower() and not key.startswith(("HF_", "TRANSFORMERS_"))
    }
    return {**kept, "HF_ENDPOINT": address, "HF_HUB_DISABLE_XET": "1", "HF_TOKEN": SECRET, **more}


def run_python(code: str, address: str, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a program that asks this hub; it is not as patient as it would be elsewhere, and tells nobody the token."""
    head = "from video_r2.data import hub; hub.PATIENCE = (0.01, 0.01, 0.01)\n"
    done = subprocess.run(
        [sys.executable, "-c", head + code, *arguments],
        env=environment(address, PYTHONPATH=str(SCRIPTS), **more),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert SECRET not in done.stdout + done.stderr
    return done
