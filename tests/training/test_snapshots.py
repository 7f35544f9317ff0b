"""Saved states: whole or not there, the last ones kept, one process at a time."""

from __future__ import annotations

import multiprocessing
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from damages import DAMAGES, empty, fold

from video_r2.checksums import SUMS, write_sums
from video_r2.errors import UserError
from video_r2.training.snapshots import Snapshots

FILES = {
    "optimizer.pt": bytes(range(256)) * 20,
    "trainer_state.json": b'{"global_step": 3}',
    "weights.safetensors": b"w" * 999,
}
STATE_FILES = [*FILES, SUMS]


def save(snapshots: Snapshots, *steps: int) -> None:
    for step in steps:
        with snapshots.writing(step) as folder:
            for name, content in FILES.items():
                (folder / name).write_bytes(content + str(step).encode())


def save_half(snapshots: Snapshots, step: int) -> None:
    with snapshots.writing(step) as folder:
        (folder / "optimizer.pt").write_bytes(b"half")
        folder.read_bytes()


def there(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_state_has_checksums_that_a_user_can_check(tmp_path: Path) -> None:
    with Snapshots(tmp_path / "a", keep=2) as snapshots:
        save(snapshots, 7)
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", SUMS], cwd=tmp_path / "a/step-000000007", capture_output=True, text=True
    )
    assert checked.returncode == 0
    assert checked.stdout.count(": OK") == 3


def test_the_last_states_are_kept_and_the_newest_is_used(tmp_path: Path) -> None:
    with Snapshots(tmp_path, keep=2) as snapshots:
        assert (snapshots.last, snapshots.step) == (None, 0)
        save(snapshots, 9, 80, 700)
        assert snapshots.step == 700
    assert there(tmp_path) == ["lock", "step-000000080", "step-000000700"]
    with Snapshots(tmp_path, keep=2) as snapshots:
        assert snapshots.last == tmp_path / "step-000000700"


def test_what_was_being_written_is_no_state(tmp_path: Path) -> None:
    with Snapshots(tmp_path, keep=2) as snapshots:
        save(snapshots, 1)
        with pytest.raises(IsADirectoryError):
            save_half(snapshots, 2)
        assert there(tmp_path) == ["lock", "step-000000001"]
        assert snapshots.step == 1
    # A killed process cannot tidy up.
    shutil.copytree(tmp_path / "step-000000001", tmp_path / ".step-000000002")
    with Snapshots(tmp_path, keep=2) as snapshots:
        assert snapshots.step == 1
    assert there(tmp_path) == ["lock", "step-000000001"]


@pytest.mark.parametrize("name", STATE_FILES)
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_state_is_set_aside_with_what_is_wrong(
    tmp_path: Path, name: str, damage: Callable[[Path], None]
) -> None:
    with Snapshots(tmp_path, keep=3) as snapshots:
        save(snapshots, 1, 2, 3)
    damage(tmp_path / "step-000000003" / name)
    taken = Snapshots(tmp_path, keep=3)
    with pytest.warns(UserWarning, match=r"step-000000003: .* is damaged: ") as warned:
        taken.__enter__()
    assert name in str(warned[0].message) or damage is fold
    assert "set aside as step-000000003.damaged; an earlier one is used" in str(warned[0].message)
    assert taken.step == 2
    save(taken, 3)  # the number is free again
    taken.__exit__(None, None, None)
    assert "step-000000003.damaged" in there(tmp_path)


@pytest.mark.parametrize("bit", range(0, 8 * 70, 3))
def test_no_flipped_bit_of_the_checksums_goes_unnoticed(tmp_path: Path, bit: int) -> None:
    with Snapshots(tmp_path, keep=1) as snapshots:
        save(snapshots, 1)
    sums = tmp_path / "step-000000001" / SUMS
    content = bytearray(sums.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    sums.write_bytes(content)
    with pytest.warns(UserWarning, match="damaged"), Snapshots(tmp_path, keep=1) as snapshots:
        assert snapshots.last is None


def test_a_file_that_was_not_written_is_damage_too(tmp_path: Path) -> None:
    with Snapshots(tmp_path, keep=2) as snapshots:
        save(snapshots, 1)
    (tmp_path / "step-000000001" / "scaler.pt").write_bytes(b"")
    with pytest.warns(UserWarning, match=r"scaler\.pt \(0 bytes\) does not agree"), Snapshots(tmp_path, 2) as snapshots:
        assert snapshots.last is None


def test_every_damaged_state_has_a_name_of_its_own(tmp_path: Path) -> None:
    for _ in range(3):
        with Snapshots(tmp_path, keep=2) as snapshots:
            save(snapshots, 1)
        empty(tmp_path / "step-000000001" / SUMS)
        with pytest.warns(UserWarning, match="damaged"), Snapshots(tmp_path, keep=2):
            pass
    damaged = [f"step-000000001.damaged{number}" for number in ("", "-2", "-3")]
    assert there(tmp_path) == ["lock", *damaged]


def test_when_training_has_ended_its_states_make_way_for_what_it_made(tmp_path: Path) -> None:
    output = tmp_path / "model"
    (output / "deep").mkdir(parents=True)
    (output / "deep/weights").write_bytes(b"weights")
    write_sums(output)
    with Snapshots(tmp_path / "a", keep=2) as snapshots:
        assert not snapshots.restore(output)
        save(snapshots, 1)
        snapshots.end(output)
    assert there(tmp_path / "a") == ["lock", "made"]
    assert (tmp_path / "a/made/deep/weights").samefile(output / "deep/weights")  # no space is taken twice
    shutil.rmtree(output)
    with Snapshots(tmp_path / "a", keep=2) as snapshots:
        assert snapshots.last is None
        assert snapshots.restore(output)
    assert (output / "deep/weights").read_bytes() == b"weights"


def test_what_a_training_made_is_not_put_back_damaged(tmp_path: Path) -> None:
    output = tmp_path / "model"
    output.mkdir()
    (output / "weights").write_bytes(b"weights")
    write_sums(output)
    with Snapshots(tmp_path / "a", keep=2) as snapshots:
        snapshots.end(output)
    (output / "weights").write_bytes(b"waights")  # under both names
    with pytest.warns(UserWarning, match="weights .* does not agree"), Snapshots(tmp_path / "a", keep=2) as snapshots:
        assert not snapshots.restore(output)
    assert there(tmp_path / "a") == ["lock", "made.damaged"]


def test_a_state_of_nothing_is_damaged(tmp_path: Path) -> None:
    with Snapshots(tmp_path, keep=2) as snapshots:
        save(snapshots, 1)
        save(snapshots, 2)
    for file in (tmp_path / "step-000000002").iterdir():
        file.unlink()
    (tmp_path / "step-000000002" / SUMS).touch()
    with pytest.warns(UserWarning, match="it is empty"), Snapshots(tmp_path, keep=2) as snapshots:
        assert snapshots.step == 1


def _open_one(folder: Path, answers: multiprocessing.Queue[str]) -> None:
    try:
        with Snapshots(folder, keep=1):
            answers.put("taken")
    except UserError as error:
        answers.put(str(error))


def ask_another_process(folder: Path) -> str:
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    other = context.Process(target=_open_one, args=(folder, answers))
    other.start()
    answer = answers.get(timeout=60)
    other.join()
    return str(answer)


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with Snapshots(tmp_path, keep=1):
        assert "another process is at this: process " in ask_another_process(tmp_path)
        # It stays locked after somebody was turned away.
        assert "another process is at this: process " in ask_another_process(tmp_path)
    assert ask_another_process(tmp_path) == "taken"


def test_room_is_needed_for_the_states_and_what_training_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 3 states of 100 MB, 2 kept and 1 being written, and 50 MB of weights.
    usage = shutil.disk_usage(tmp_path)
    with Snapshots(tmp_path, keep=2) as snapshots:
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=350_000_000))
        snapshots.make_room(100_000_000, 50_000_000)
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=349_999_999))
        with pytest.raises(
            UserError, match=r"for 3 states of 0\.10 GB and 50\.00 MB of weights, needs 0\.35 GB on this disk"
        ):
            snapshots.make_room(100_000_000, 50_000_000)
        save(snapshots, 1)  # what is there already is not needed once more
        snapshots.make_room(100_000_000, 50_000_000)
