"""Matrix products, streams and the smallest operator, on torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

import torch

from netcost.profiling.roofline.caches import Cache, cpu_caches
from netcost.profiling.roofline.peaks import DTYPES
from netcost.timing.devices import open_device, translating_out_of_memory
from netcost.timing.environment import available_memory
from netcost.timing.sampling import Run

T = TypeVar("T")

CPU_SIZES = (512, 1024, 2048)
GPU_SIZES = (2048, 4096, 8192)


class TorchWorkbench:
    """A device that torch drives.

    Args:
        name: "cpu", "cuda" or "cuda:N".

    Raises:
        MeasurementError: torch sees no such device.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._device = open_device(name)
        self._where = torch.device(name)
        self._is_gpu = self._where.type == "cuda"
        self.sizes: tuple[int, ...] = GPU_SIZES if self._is_gpu else CPU_SIZES

    @contextmanager
    def active(self) -> Iterator[None]:
        """As networks run: the device is torch's current one, and nothing is kept for gradients."""
        with self._device.active(), torch.inference_mode():
            yield

    def product(self, dtype: str, size: int) -> Run:
        """One product of two square matrices, into a third; random ones, on which a GPU draws the most power."""
        element = getattr(torch, next(name for name, short in DTYPES.items() if short == dtype))

        def make() -> Run:
            left, right = (torch.rand(size, size, device=self._where).to(element) for _ in range(2))
            return partial(torch.mm, left, right, out=torch.empty_like(left))

        return self._within(make)

    def streams(self, elements: int) -> tuple[Run, Run]:
        """Copy and triad over the same three arrays."""

        def make() -> tuple[Run, Run]:
            first, second, third = (torch.ones(elements, device=self._where) for _ in range(3))
            return partial(second.copy_, first), partial(torch.add, first, second, alpha=3, out=third)

        return self._within(make)

    def smallest(self) -> Run:
        """The sum of two numbers, into a third."""
        first, second, third = (torch.ones(1, device=self._where) for _ in range(3))
        return partial(torch.add, first, second, out=third)

    def synchronize(self) -> None:
        """Wait until the device has finished."""
        self._device.synchronize()

    def caches(self, threads: int) -> tuple[Cache, ...]:
        """Of the processor, or the one that a GPU's multiprocessors share."""
        if not self._is_gpu:
            return cpu_caches(threads)
        return (Cache("L2", torch.cuda.get_device_properties(self._where).L2_cache_size),)

    def available_memory(self) -> int | None:
        """Bytes that may be allocated."""
        return torch.cuda.mem_get_info(self._where)[0] if self._is_gpu else available_memory()

    def _within(self, make: Callable[[], T]) -> T:
        return translating_out_of_memory(make, self.name, torch.cuda.empty_cache if self._is_gpu else lambda: None)
