"""Processes that train together: what they add up, and what happens when one of them ends."""

from __future__ import annotations

import os
import time

import pytest
import torch

from video_r2.training.processes import (
    add_over_processes,
    any_of_them,
    collect_shares,
    exchange_shares,
    own_share,
    place,
    run_in_processes,
)


def test_every_process_gets_the_sum() -> None:
    def work() -> list[torch.Tensor]:
        rank, number = place()
        tensors = [torch.full((2, 3), float(rank + 1)), torch.tensor(10.0 * rank)]
        add_over_processes(tensors)
        return [torch.tensor(number), *tensors]

    number, matrix, scalar = run_in_processes(work, 3)
    assert number == 3
    assert torch.equal(matrix, torch.full((2, 3), 6.0))  # 1 + 2 + 3
    assert scalar == 30.0  # 0 + 10 + 20
    assert place() == (0, 1)


def test_a_share_is_told_to_the_others() -> None:
    def work() -> list[torch.Tensor]:
        tensors = [torch.zeros(2) for _ in range(5)]
        for tensor in own_share(tensors):
            tensor += 10.0 + place()[0]
        exchange_shares(tensors)
        return tensors

    assert [tensor.tolist() for tensor in run_in_processes(work, 2)] == [[10.0 + at % 2] * 2 for at in range(5)]
    assert [tensor.tolist() for tensor in run_in_processes(work, 1)] == [[10.0] * 2] * 5


def test_shares_are_collected_bit_by_bit() -> None:
    values = [-0.0, 0.0, float("inf"), 1e-45, -1.5]

    def work() -> list[torch.Tensor]:
        shapes = [torch.zeros(1) for _ in values]
        own = {id(shape) for shape in own_share(shapes)}
        mine = [torch.tensor([v]) if id(s) in own else None for v, s in zip(values, shapes, strict=True)]
        return collect_shares(mine, shapes)

    expected = [value.hex() for value in torch.tensor(values).tolist()]
    for processes in (1, 2, 3):
        assert [each.item().hex() for each in run_in_processes(work, processes)] == expected


def test_what_one_process_says_all_of_them_know() -> None:
    assert run_in_processes(lambda: any_of_them(place()[0] == 1, False, True), 2) == [True, False, True]
    assert run_in_processes(lambda: any_of_them(True, False), 1) == [True, False]


def test_one_process_is_this_one() -> None:
    assert run_in_processes(os.getpid, 1) == os.getpid()


def test_when_one_process_ends_the_others_end_with_an_error() -> None:
    def work() -> None:
        if place()[0] == 1:
            os._exit(1)
        add_over_processes([torch.zeros(3)])

    started = time.monotonic()
    with pytest.raises(RuntimeError):
        run_in_processes(work, 2)
    assert time.monotonic() - started < 60  # no waiting for a process that is gone
    assert place() == (0, 1)
