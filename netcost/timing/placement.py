"""Placement of a model's weights in main memory, which changes its speed at random.

Two instances of one network differ in speed, because the pages that the system happens to give to one are scattered
differently in the caches and the address translation than those of the other. On the machine of the reports, twelve
pairs of equal instances of a chain of 20 linear layers (21 MB) had ratios from 0.92 to 1.02, each of them constant
over the whole measurement; chains of convolutions differed by 0.3 % to 0.8 %. No number of rounds can separate such a
difference from one between networks. So the weights are moved before each sample: every round draws a new placement,
which turns it into noise that the interval covers. One part stays: where Python keeps the modules themselves. Of two
equal instances, the one built first is 0.3 % to 0.5 % slower, which the threshold of a verdict covers.

Reference: Curtsinger and Berger, "Stabilizer: statistically sound performance evaluation" (ASPLOS 2013).
"""

from __future__ import annotations

import ctypes
import mmap
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from netcost.timing.sampling import Clock, Run

ALWAYS_MOVED = 10  # before this many samples the weights are moved, however slow: the fewest rounds with an interval
LARGEST_BYTES = 2**28  # weights beyond this stay: moving them would take longer than many a sample, and memory
LINE, PAGE = 64, 4096  # bytes of a cache line, to which torch aligns tensors, and of a page
MOVING_SHARE = 0.5  # after the first moves, further ones may take this share of the time

WARMING_CALLS = 4
"""Untimed calls before a sample. The networks that ran in between, and the moving, leave the caches colder than in a
loop of calls, and they take several calls to fill. Of the chain of linear layers above, the first call after another
network's took 30 % longer than those of a loop, the second 15 %, the third 2 % and the fourth 1 %; of chains of
convolutions, 10 %, 2 %, 1 % and 0.5 %."""

WARMED_S = 0.05
"""Untimed calls end once they have taken this long (seconds): filling caches takes a few milliseconds in all. A network
with longer calls goes without."""


class Placement:
    """The addresses of one model's weights and buffers. The tensors stay the same objects, with the same values."""

    def __init__(self, model: nn.Module) -> None:
        self.model, self._own = model, list[tuple[Tensor, Tensor]]()
        self._chance = random.Random()

    def move(self) -> None:
        """Move every weight and buffer in main memory to fresh pages; those too large stay."""
        with torch.inference_mode(False), torch.no_grad():
            if not self._own:
                held = (*self.model.parameters(), *self.model.buffers())
                self._own = [(tensor, tensor.data) for tensor in held if _is_movable(tensor)]
            storages = {
                storage.data_ptr(): storage for storage in (tensor.untyped_storage() for tensor, _ in self._own)
            }
            if moved := self._copy(storages):
                for tensor, _ in self._own:
                    storage = moved[tensor.untyped_storage().data_ptr()]
                    view = torch.empty(0, dtype=tensor.dtype)
                    tensor.data = view.set_(storage, tensor.storage_offset(), tensor.shape, tensor.stride())

    def restore(self) -> None:
        """Put everything back where it was before the first move."""
        with torch.inference_mode(False), torch.no_grad():
            for tensor, own in self._own:
                tensor.data = own
        self._own = []

    def _copy(self, storages: dict[int, torch.UntypedStorage]) -> dict[int, torch.UntypedStorage]:
        """Copy the storages side by side into new pages, by their old addresses; tensors that share memory still do."""
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
    """Yield a model's placement; the weights are put back afterwards."""
    placement = Placement(model)
    try:
        yield placement
    finally:
        placement.restore()


class UntimedSetup:
    """Runs before each sample, outside the clock: moves the weights to fresh pages and re-warms the caches.

    Without a placement, the weights stay: they are a runtime's own, or code relies on their addresses.
    """

    def __init__(self, placement: Placement | None, run: Run, clock: Clock = time.perf_counter) -> None:
        self._placement, self._run, self._clock = placement, run, clock
        self._begun, self._moves, self._moving_s, self._call_s = clock(), 0, 0.0, 0.0

    def __call__(self) -> None:
        """Move the weights, while there is time, and call the model a few times."""
        if self._placement is not None:
            self._move(self._placement)
        begun = self._clock()
        for _ in range(WARMING_CALLS):
            now = self._clock()
            if self._call_s >= WARMED_S or now - begun >= WARMED_S:
                return
            self._run()
            self._call_s = self._clock() - now

    def _move(self, placement: Placement) -> None:
        if self._moves == 0:
            self._begun = self._clock()
        now = self._clock()
        if self._moves < ALWAYS_MOVED or self._moving_s <= MOVING_SHARE * (now - self._begun):
            placement.move()
            self._moves += 1
            self._moving_s += self._clock() - now


def _is_movable(tensor: Tensor) -> bool:
    """True for a tensor that is a plain, non-empty block of main memory."""
    odd = tensor.is_quantized or tensor.is_inference() or tensor.is_conj() or tensor.is_neg()
    plain = type(tensor.data) is Tensor and tensor.device.type == "cpu" and tensor.layout == torch.strided
    return plain and not odd and tensor.untyped_storage().nbytes() > 0


def _new_pages(size: int) -> mmap.mmap:
    """Allocate bytes in pages new to this process; they return to the system with the last tensor in them."""
    if not hasattr(mmap, "MAP_ANONYMOUS"):
        return mmap.mmap(-1, size)
    return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_POPULATE", 0))
