"""Several processes of one thread each: on a CPU they train a small model faster than one process of several threads."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.distributed

from video_r2.errors import UserError

Result = TypeVar("Result")
Item = TypeVar("Item")

PEER_IS_GONE = re.compile(r"Connection (?:closed|reset) by peer")  # what gloo says of it
LOOPBACK = {"linux": "lo", "darwin": "lo0"}.get(sys.platform, "")  # the interface's name


def run_in_processes(work: Callable[[], Result], number: int) -> Result:
    """Run `work` in `number` forked processes that belong to one process group of torch.distributed.

    Returns:
        what `work` returns in the first of them, which is this one.

    Raises:
        RuntimeError: if a process ended before the work was done.
    """
    torch.set_num_threads(1)
    if number == 1:
        return work()
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        others = [
            get_context("fork").Process(target=_take_part, args=(work, rank, number, store), daemon=True)
            for rank in range(1, number)
        ]
        for other in others:
            other.start()
        try:
            result = _join(work, 0, number, store)
            for other in others:
                other.join()
        finally:
            for other in others:
                other.kill()
    return result


def _take_part(work: Callable[[], Result], rank: int, number: int, store: Path) -> None:
    """What the other processes do. Where the first one ends, for whatever reason, they have nothing to say."""
    try:
        _join(work, rank, number, store)
    except UserError:
        sys.exit(1)  # what is wrong with a training is wrong in all of them
    except RuntimeError as error:
        if not PEER_IS_GONE.search(str(error)):
            raise
        sys.exit(1)


def _join(work: Callable[[], Result], rank: int, number: int, store: Path) -> Result:
    os.environ.setdefault("GLOO_SOCKET_IFNAME", LOOPBACK)
    torch.distributed.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=number)
    try:
        return work()
    finally:
        torch.distributed.destroy_process_group()


def place() -> tuple[int, int]:
    """Rank of this process and number of processes; 0 and 1 outside of a group."""
    if not torch.distributed.is_initialized():
        return 0, 1
    return torch.distributed.get_rank(), torch.distributed.get_world_size()


def add_over_processes(tensors: Iterable[torch.Tensor]) -> None:
    """Replace every tensor by its sum over the processes."""
    tensors = list(tensors)
    if place()[1] == 1:
        return
    together = torch.cat([tensor.flatten() for tensor in tensors])
    torch.distributed.all_reduce(together)
    for tensor, summed in zip(tensors, together.split([tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(summed.view_as(tensor))


def tell(value: Item) -> Item:
    """Give, in every process, the value of the first one."""
    told: list[Any] = [value]
    if place()[1] > 1:
        torch.distributed.broadcast_object_list(told)
    return told[0]


def gather(value: Item) -> list[Item]:
    """Give, in every process, the values of all of them, in the order of their ranks; wait until all are here."""
    number = place()[1]
    if number == 1:
        return [value]
    gathered: list[Any] = [None] * number
    torch.distributed.all_gather_object(gathered, value)
    return gathered


def own_share(items: Sequence[Item]) -> list[Item]:
    """What this process sees to of things that the processes share out: every one in turn."""
    rank, number = place()
    return list(items[rank::number])


@torch.no_grad()
def exchange_shares(tensors: Sequence[torch.Tensor]) -> None:
    """Replace every tensor by that of the process in whose `own_share` it is."""
    own = {id(tensor) for tensor in own_share(tensors)}
    for tensor in tensors:
        if id(tensor) not in own:
            tensor.zero_()
    add_over_processes(tensors)


@torch.no_grad()
def collect_shares(tensors: Sequence[torch.Tensor | None], like: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Give, in every process, a copy of each tensor of the process in whose `own_share` it is, bit by bit.

    Args:
        tensors: 32-bit numbers; None where they are not this process's.
        like: tensors of the same shapes, in the same order.
    """
    bits = [
        (torch.zeros_like(shape) if tensor is None else tensor.clone()).view(
            torch.int32
        )  # a sum of floats would lose -0.0
        for tensor, shape in zip(tensors, like, strict=True)
    ]
    add_over_processes(bits)
    return [each.view(shape.dtype) for each, shape in zip(bits, like, strict=True)]


def any_of_them(*said: bool) -> list[bool]:
    """For each of some facts, whether any of the processes says so: what all of them can act upon together."""
    facts = torch.tensor([int(each) for each in said])
    add_over_processes([facts])
    return [bool(each) for each in facts]
