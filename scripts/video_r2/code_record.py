"""What the code of finished jobs was made of, by its digest: results/<experiment>/code/<digest>.json.

A digest tells that code has changed. With its parts beside it, `make why` can tell which function.
"""

from __future__ import annotations

import json
from pathlib import Path

from video_r2 import code_digest
from video_r2.files import replacing


def keep(output: str | Path, digest: str, script: Path, root: Path) -> None:
    """Write down the parts of the code that made `output`, unless they are known or have changed since the job began.

    Args:
        output: a file of the job's, below results/<experiment>.
        digest: of the code, as the job was given it.
        script: the rule's.
        root: folder of the scripts and of the library.
    """
    path = _path(output, digest)
    if path.exists():
        return
    parts = code_digest.parts(script, root)
    if code_digest.digest_of(parts) != digest:
        return
    with replacing(path) as temporary:
        temporary.write_text(json.dumps({"script": script.stem, "parts": parts}, indent=1) + "\n", encoding="utf-8")


def read(output: str | Path, digest: str) -> dict[str, str] | None:
    """The parts of the code that made `output`, as `code_digest.parts` gave them, or None where they were not recorded."""
    try:
        parts = json.loads(_path(output, digest).read_text(encoding="utf-8"))["parts"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return dict(parts) if isinstance(parts, dict) else None


def _path(output: str | Path, digest: str) -> Path:
    experiment = Path(*Path(output).parts[:2])
    return experiment / "code" / f"{digest}.json"
