"""What the code of a job was made of is left beside its results, whole and true, or not at all."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from video_r2 import code_digest, code_record
from video_r2.run import run


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "scripts" / "score.py"
    path.parent.mkdir()
    path.write_text("def main():\n    return 1\n\n\nif __name__ == '__main__':\n    main()\n", encoding="utf-8")
    return path


def test_the_parts_are_read_as_they_were_kept(script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    output = "results/e/scores/tac/sft/seed-0/mvbench.parquet"
    digest = code_digest.digest(script, script.parent)
    code_record.keep(output, digest, script, script.parent)
    assert [path.name for path in Path("results/e/code").iterdir()] == [f"{digest}.json"]
    assert code_record.read("results/e/report.html", digest) == code_digest.parts(script, script.parent)
    assert code_record.read("results/other/report.html", digest) is None


def test_code_that_changed_while_the_job_ran_is_not_kept(
    script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code_record.keep("results/e/report.html", "0" * 16, script, script.parent)
    assert not Path("results").exists()


def test_a_damaged_record_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("results/e/code").mkdir(parents=True)
    for at, text in enumerate(["", "{", "[]", '{"parts": 1}', "null"]):
        Path(f"results/e/code/{at}.json").write_text(text, encoding="utf-8")
        assert code_record.read("results/e/report.html", str(at)) is None


def test_a_job_whose_code_cannot_be_recorded_ends_well_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("results").write_text("a file where the folder should be", encoding="utf-8")
    scripts = Path(code_record.__file__).parents[1]
    digest = code_digest.digest(scripts / "report.py", scripts)
    done = []
    space = {"__file__": str(scripts / "report.py"), "done": done}
    exec("def main(job):\n    done.append(job)", space)  # noqa: S102 - as Snakemake runs a script: with its place as __file__
    job = SimpleNamespace(
        input=[], output=["results/e/report.html"], params=SimpleNamespace(code=digest), log=[], rule="report"
    )
    run(space["main"], job)
    assert done == [job]
    assert "what the code was made of is not recorded" in capsys.readouterr().err


def test_code_that_was_edited_since_the_run_began_does_not_run(capsys: pytest.CaptureFixture[str]) -> None:
    scripts = Path(code_record.__file__).parents[1]
    space = {"__file__": str(scripts / "report.py")}
    exec("def main(job):\n    raise AssertionError", space)  # noqa: S102
    job = SimpleNamespace(
        input=[], output=["results/e/report.html"], params=SimpleNamespace(code="0" * 16), log=[], rule="report"
    )
    with pytest.raises(SystemExit) as stopped:
        run(space["main"], job)
    assert stopped.value.code == 1
    assert "error: the code of report has been edited since this run began" in capsys.readouterr().err
