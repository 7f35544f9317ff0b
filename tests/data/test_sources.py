"""The table of sources, the lock, and what makes a fetch run again."""

from __future__ import annotations

import multiprocessing
import subprocess
from pathlib import Path

import pytest

from video_r2.data.sources import FIRST, Pinned, Record, Sources, merge_records, read_lock, write_lock
from video_r2.errors import UserError
from video_r2.workflow import Plan, read_config

ROOT = Path(__file__).parents[2]
ONE, OTHER = "1" * 40, "2" * 40
SUMS = {"a b.json": "a" * 64, "videos/x.tar": "b" * 64}


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    (tmp_path / "sources.yaml").write_text(
        "owner/name: {kind: dataset, purpose: tests, revision: v1, files: ['*.tar']}\n"
    )
    return Sources(tmp_path, tmp_path / "results/x")


def fetched(sources: Sources, commit: str, order: str, files: dict[str, str] | None = None) -> Record:
    """Leave the record of a fetch."""
    source = sources.source("owner/name", "dataset", None)
    record = Record(source.key, "dataset", commit, order, files or SUMS)
    record.write(sources.record_file(source))
    return record


def order(sources: Sources) -> str:
    """The order, as a new start of the workflow finds it."""
    again = Sources(sources.lock_file.parent, sources.records.parent)
    return again.order(again.source("owner/name", "dataset", None))


def test_the_table_knows_exactly_what_the_paper_downloads() -> None:
    plan = Plan(read_config([ROOT / "config.yaml"], {}), ROOT / "scripts")
    asked = {source.hub for source in plan.all_sources()} | {plan.config.judge.model}
    assert asked == plan.sources.table.keys()
    kinds = {"model": 0, "dataset": 0}
    for source in plan.all_sources():
        kinds[source.kind] += 1
    assert kinds == {"model": 11, "dataset": 12}
    assert plan.benchmark_source("mvbench").revision == "video"  # lmms-eval's tasks/mvbench/_default_template_yaml
    trusted = [name for name in plan.models("hub") if "*.py" in plan.model_source(name).files]
    assert trusted == ["internvl2_5"]


def test_the_table_may_be_overruled_and_lack_a_source(sources: Sources) -> None:
    assert sources.source("owner/name", "dataset", None).key == "owner/name@v1"
    assert sources.source("owner/name", "dataset", "v2").key == "owner/name@v2"
    other = sources.source("owner/mine", "model", None)
    assert (other.revision, other.files[0]) == ("main", "*.safetensors")
    with pytest.raises(UserError, match="owner/name is a dataset, and not a model"):
        sources.source("owner/name", "model", None)


def test_a_wrong_entry_of_the_table_is_named(tmp_path: Path) -> None:
    (tmp_path / "sources.yaml").write_text("owner/name: {kind: dataset, purpose: tests, sha256: {a.tar: 12}}\n")
    with pytest.raises(UserError, match=r"sources\.yaml: owner/name: .*\n.*sha256\.a\.tar"):
        _ = Sources(tmp_path, tmp_path).table


def test_records_of_sources_have_names_of_their_own(sources: Sources) -> None:
    revisions = ["main", "a/b", "a--b", "refs/pr/1", "ü", "a b", "a_b"]
    files = {sources.record_file(sources.source("owner/name", "dataset", revision)).name for revision in revisions}
    assert len(files) == len(revisions) - 1  # a/b and a--b: no hub has both
    assert all(name.isascii() or "ü" in name for name in files)


# --- the lock ---------------------------------------------------------------------------------------------------------


def test_the_lock_is_read_as_it_was_written_and_sha256sum_understands_it(tmp_path: Path) -> None:
    entries = {"owner/name@v: 1 #x": Pinned("dataset", ONE, SUMS), "a/b@main": Pinned("model", OTHER, {})}
    write_lock(tmp_path / "lock.yaml", entries)
    assert read_lock(tmp_path / "lock.yaml") == entries
    (tmp_path / "some file").write_bytes(b"x")
    digest = subprocess.run(["sha256sum", tmp_path / "some file"], capture_output=True, text=True, check=True).stdout[
        :64
    ]
    write_lock(tmp_path / "lock.yaml", {"a/b@main": Pinned("dataset", ONE, {"some file": digest})})
    listed = "".join(
        line.strip() + "\n" for line in (tmp_path / "lock.yaml").read_text().splitlines() if "some" in line
    )
    (tmp_path / "SUMS").write_text(listed)
    subprocess.run(["sha256sum", "--check", "--strict", "SUMS"], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize(
    "text",
    [
        "a/b@main: {kind: dataset, commit: main, files: ''}",
        "a/b@main: {kind: dataset, files: ''}",
        f"a/b@main: {{kind: dataset, commit: '{ONE}', files: 'abc  x'}}",
        f"a/b@main: {{kind: dataset, commit: '{ONE}', files: '{'a' * 64}'}}",
        "<<<<<<< HEAD",
        "[a, b]",
        "a/b@main: 7",
    ],
)
def test_a_spoiled_lock_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "lock.yaml").write_text(f"{text}\n")
    with pytest.raises(UserError, match=r"lock\.yaml: is not a lock of sources: .*cure: take it from the repository"):
        read_lock(tmp_path / "lock.yaml")


def test_the_first_entry_of_a_source_changes_no_order(sources: Sources) -> None:
    assert order(sources) == FIRST
    fetched(sources, ONE, FIRST)
    assert order(sources) == FIRST
    assert merge_records(sources.lock_file, [sources.records]) == ["owner/name@v1"]
    assert read_lock(sources.lock_file) == {"owner/name@v1": Pinned("dataset", ONE, SUMS)}
    assert order(sources) == FIRST
    sources.lock_file.unlink()
    assert order(sources) == FIRST


@pytest.mark.parametrize(
    "change", [Pinned("dataset", OTHER, {}), Pinned("dataset", ONE, {**SUMS, "a b.json": "c" * 64})]
)
def test_another_entry_changes_the_order_until_it_is_fetched(sources: Sources, change: Pinned) -> None:
    fetched(sources, ONE, FIRST)
    write_lock(sources.lock_file, {"owner/name@v1": change})
    changed = order(sources)
    assert changed != FIRST
    fetched(sources, change.commit, changed, {**SUMS, **change.files})
    assert order(sources) == changed
    # The files of an entry that had none are filled in; that changes nothing either.
    merge_records(sources.lock_file, [sources.records])
    assert read_lock(sources.lock_file)["owner/name@v1"].files == {**SUMS, **change.files}
    assert order(sources) == changed


def test_someone_elses_lock_is_the_first_order_and_stays_it(sources: Sources) -> None:
    write_lock(sources.lock_file, {"owner/name@v1": Pinned("dataset", ONE, SUMS)})
    given = order(sources)
    assert given.startswith(ONE[:12])
    fetched(sources, ONE, given)
    assert order(sources) == given


def test_what_is_locked_is_never_changed_by_a_record(sources: Sources) -> None:
    write_lock(sources.lock_file, {"owner/name@v1": Pinned("dataset", OTHER, {"x": "d" * 64})})
    before = sources.lock_file.read_bytes()
    fetched(sources, ONE, FIRST)
    assert merge_records(sources.lock_file, [sources.records]) == []
    assert sources.lock_file.read_bytes() == before
    (sources.records / "broken.json").write_text("{")
    assert merge_records(sources.lock_file, [sources.records, sources.records / "nowhere"]) == []


def _merge_one_after_the_other(lock_file: Path, folder: Path, first: int, barrier: multiprocessing.Barrier) -> None:  # type: ignore[valid-type]
    barrier.wait()
    for number in range(first, first + 20):
        Record(f"owner/{number}@main", "dataset", ONE, FIRST, SUMS).write(folder / f"{number}.json")
        merge_records(lock_file, [folder])


def test_runs_that_write_the_lock_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(4)
    writers = [
        context.Process(
            target=_merge_one_after_the_other, args=(tmp_path / "lock.yaml", tmp_path / f"{at}", 20 * at, barrier)
        )
        for at in range(4)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert read_lock(tmp_path / "lock.yaml").keys() == {f"owner/{number}@main" for number in range(80)}
