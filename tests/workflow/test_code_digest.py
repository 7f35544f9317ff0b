"""The digest of a rule's code follows what the code means."""

from __future__ import annotations

from pathlib import Path

import pytest

from video_r2 import code_digest
from video_r2.code_digest import digest
from video_r2.errors import UserError

SCRIPT = '''"""A script."""

from video_r2.metrics import mean


def main(job):
    """Do it."""
    return mean.mean(job)
'''
MODULES = {
    "video_r2/__init__.py": "",
    "video_r2/metrics/__init__.py": '"""Metrics."""\n',
    "video_r2/metrics/mean.py": "from video_r2.numbers import ZERO\n\ndef mean(of):\n    return sum(of, ZERO) / 2\n",
    "video_r2/numbers.py": "ZERO = 0\n",
    "video_r2/config.py": "KEY = 1\n",
    "video_r2/unrelated.py": "ONE = 1\n",
}


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    for name, text in {"score.py": SCRIPT, **MODULES}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def after(scripts: Path, name: str, old: str, new: str) -> str:
    path = scripts / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    forget()
    return digest(scripts / "score.py", scripts)


def forget() -> None:
    """Drop the trees of files, which are kept as long as a process lives: these tests change files."""
    for cached in (code_digest._tree, code_digest._imports, code_digest._meaning):
        cached.cache_clear()


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("score.py", "def main", "# Why.\n\n\ndef main"),
        ("score.py", '"""Do it."""', '"""Do it well."""'),
        ("score.py", "    return mean.mean(job)", "    return mean.mean(\n        job,\n    )"),
        ("video_r2/numbers.py", "ZERO = 0", "ZERO = 0  # nothing"),
        ("video_r2/metrics/__init__.py", "Metrics", "All metrics"),
        ("video_r2/unrelated.py", "1", "2"),
    ],
)
def test_what_changes_no_result_changes_no_digest(scripts: Path, name: str, old: str, new: str) -> None:
    before = digest(scripts / "score.py", scripts)
    assert after(scripts, name, old, new) == before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("score.py", "mean.mean(job)", "mean.mean(job) + 1"),
        ("video_r2/metrics/mean.py", "/ 2", "/ 3"),
        ("video_r2/numbers.py", "0", "1"),
        ("video_r2/metrics/__init__.py", '"""Metrics."""', "from video_r2 import unrelated"),
    ],
)
def test_what_may_change_a_result_changes_the_digest(scripts: Path, name: str, old: str, new: str) -> None:
    before = digest(scripts / "score.py", scripts)
    assert after(scripts, name, old, new) != before


def test_the_configuration_reaches_a_rule_through_its_params_only(scripts: Path) -> None:
    before = after(scripts, "score.py", "def main", "from video_r2.config import KEY\n\n\ndef main")
    assert after(scripts, "video_r2/config.py", "1", "2") == before


def test_the_digest_does_not_depend_on_the_place(scripts: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "scripts"
    scripts.rename(elsewhere)
    moved = digest(elsewhere / "score.py", elsewhere)
    elsewhere.rename(scripts)
    assert digest(scripts / "score.py", scripts) == moved


def test_code_that_is_no_python_is_named(scripts: Path) -> None:
    (scripts / "video_r2/numbers.py").write_text("def", encoding="utf-8")
    with pytest.raises(UserError, match=r"numbers\.py"):
        digest(scripts / "score.py", scripts)


def test_every_script_has_a_digest_of_its_own(root: Path) -> None:
    folder = root / "scripts"
    digests = {path.name: digest(path, folder) for path in sorted(folder.glob("*.py"))}
    assert len(set(digests.values())) == len(digests) > 20
