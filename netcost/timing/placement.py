"""Where a model's weights lie in main memory, which is part of how fast it runs, and is chance.

Two instances of one network differ, because the pages that the system happened to give to one are scattered
differently in the caches and the address translation than those of the other. On the machine of the reports, twelve
pairs of equal instances of a chain of 20 linear layers (21 MB) had ratios from 0.92 to 1.02, each of them steady for
as long as it was looked at; chains of convolutions differed by 0.3 % to 0.8 %. No number of rounds tells such a
difference from one of the networks. So the weights are moved before each sample, and every round draws a placement
anew: then placement is noise like any other, and the interval knows it. What stays is where Python keeps the modules
themselves: of two equal instances, the one built first is 0.3 % to 0.5 % slower, which the threshold of a verdict
covers.

Reference: Curtsinger and Berger, "Stabilizer: statistically sound performance evaluation" (ASPLOS 2013).
"""

from __future__ import annotations

import ctypes
import mmap
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

Clock = Callable[[], float]
Run = Callable[[], object]

LARGEST_BYTES = 2**28
"""Weights beyond this stay where they are: moving them would take longer than many a sample, and memory."""

ALWAYS_MOVED = 10
"""So often the weights are moved before a sample, however long it takes: the fewest rounds with an interval."""

MOVING_SHARE = 0.5
"""After that, they are moved as long as this takes no more than this share of the time."""

WARMING_CALLS = 4
"""So many calls that are not timed come before a sample: what others ran in between, and the moving, have left the
caches as they never are in a loop, and they do not fill at once. Of the chain of linear layers above, the first call
after another network's took 30 % longer than those of a loop, the second 15 %, the third 2 % and the fourth 1 %; of
chains of convolutions, 10 %, 2 %, 1 % and 0.5 %."""

WARMED_S = 0.05
"""Once such calls have taken so long (seconds), they are enough: filling caches takes a few milliseconds in all. A
network with calls longer than this goes without."""

LINE, PAGE = 64, 4096
"""Bytes of a cache line, to which torch aligns tensors, and of a page."""


class Placement:
    """Where the weights and buffers of one model lie. The tensors stay the same objects, with the same values."""

    def __init__(self, model: nn.Module) -> None:
        self.model, self._own = model, list[tuple[Tensor, Tensor]]()
        self._chance = random.Random()

    def move(self) -> None:
        """Put every weight and buffer of main memory into pages that the system gives now; those too large stay."""
        with torch.inference_mode(False), torch.no_grad():
            if not self._own:
                self._own = [(tensor, tensor.data) for tensor in _movable(self.model)]
            tensors = [tensor for tensor, _ in self._own]
            storages = {each.untyped_storage().data_ptr(): each.untyped_storage() for each in tensors}
            moved = self._copied(storages)
            for tensor in tensors if moved else ():
                storage = moved[tensor.untyped_storage().data_ptr()]
                tensor.data = _viewed(storage, tensor)

    def restore(self) -> None:
        """Put everything back where it was before the first move."""
        with torch.inference_mode(False), torch.no_grad():
            for tensor, own in self._own:
                tensor.data = own
        self._own = []

    def _copied(self, storages: dict[int, torch.UntypedStorage]) -> dict[int, torch.UntypedStorage]:
        """Copies of the storages side by side in new pages, by their old addresses: what shared memory, shares it."""
        sizes = {address: -(-storage.nbytes() // LINE) * LINE for address, storage in storages.items()}
        if not 0 < sum(sizes.values()) <= LARGEST_BYTES:
            return {}
        memory = _new_pages(sum(sizes.values()) + PAGE)
        offset = LINE * self._chance.randrange(PAGE // LINE)
        copies = {}
        for address, storage in storages.items():
            copy = torch.frombuffer(memory, dtype=torch.uint8, count=storage.nbytes(), offset=offset)
            ctypes.memmove(copy.data_ptr(), address, storage.nbytes())  # torch would wake all its threads for it
            copies[address] = copy.untyped_storage()
            offset += sizes[address]
        return copies


@contextmanager
def placed(model: nn.Module) -> Iterator[Placement]:
    """A model's placement, put back afterwards."""
    placement = Placement(model)
    try:
        yield placement
    finally:
        placement.restore()


class UntimedSetup:
    """What comes before a sample and is no part of its time: another placement of the weights, and warm caches.

    Args:
        placement: of the model's weights.
        run: one call of the model.
        clock: seconds, from any origin.
    """

    def __init__(self, placement: Placement, run: Run, clock: Clock = time.perf_counter) -> None:
        self._placement, self._run, self._clock = placement, run, clock
        self._begun, self._moves, self._moving_s, self._call_s = clock(), 0, 0.0, 0.0

    def __call__(self) -> None:
        """Renew."""
        if self._moves == 0:
            self._begun = self._clock()
        now = self._clock()
        if self._moves < ALWAYS_MOVED or self._moving_s <= MOVING_SHARE * (now - self._begun):
            self._placement.move()
            self._moves += 1
            self._moving_s += self._clock() - now
        begun = self._clock()
        for _ in range(WARMING_CALLS):
            now = self._clock()
            if self._call_s >= WARMED_S or now - begun >= WARMED_S:
                return
            self._run()
            self._call_s = self._clock() - now


def _movable(model: nn.Module) -> list[Tensor]:
    """Weights and buffers in main memory that are plain blocks of it."""
    held: Sequence[Tensor] = [*model.parameters(), *model.buffers()]
    return [each for each in held if _is_plain(each) and each.untyped_storage().nbytes() > 0]


def _is_plain(tensor: Tensor) -> bool:
    odd = tensor.is_quantized or tensor.is_inference() or tensor.is_conj() or tensor.is_neg()
    plain = type(tensor.data) is Tensor and tensor.device.type == "cpu" and tensor.layout == torch.strided
    return plain and not odd


def _viewed(storage: torch.UntypedStorage, like: Tensor) -> Tensor:
    """A tensor of the storage, as `like` is of its own."""
    empty = torch.empty(0, dtype=like.dtype)
    return empty.set_(storage, like.storage_offset(), like.shape, like.stride())


def _new_pages(size: int) -> mmap.mmap:
    """So many bytes in pages that are new to this process; they return to the system with the last tensor in them."""
    if not hasattr(mmap, "MAP_ANONYMOUS"):
        return mmap.mmap(-1, size)
    return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_POPULATE", 0))
