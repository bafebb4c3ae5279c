"""Matrix products, streams and the smallest operator, on torch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch

from netcost.profiling.roofline.caches import Cache, cpu_caches
from netcost.profiling.roofline.peaks import DTYPES
from netcost.timing.devices import open_device, translating_out_of_memory
from netcost.timing.environment import available_memory
from netcost.timing.sampling import Run


class TorchWorkbench:
    """Everything that probing needs of a device ("cpu", "cuda", "cuda:N"); a test brings its own.

    `sizes` are rows and columns of the matrices to try, in rising order. No such device is a MeasurementError.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._device = open_device(name)
        self._where = torch.device(name)
        self._is_gpu = self._where.type == "cuda"
        self.sizes = (2048, 4096, 8192) if self._is_gpu else (512, 1024, 2048)
        self._release = torch.cuda.empty_cache if self._is_gpu else lambda: None

    @contextmanager
    def active(self) -> Iterator[None]:
        """Make the device torch's current one within, and keep nothing for gradients, as when networks run."""
        with self._device.active(), torch.inference_mode():
            yield

    def product(self, dtype: str, size: int) -> Run:
        """Return the product of two square matrices, into a third; random ones, with which a GPU draws most power."""
        element = getattr(torch, next(name for name, short in DTYPES.items() if short == dtype))

        def make() -> Run:
            left, right = (torch.rand(size, size, device=self._where).to(element) for _ in range(2))
            return partial(torch.mm, left, right, out=torch.empty_like(left))

        return translating_out_of_memory(make, self.name, self._release)

    def streams(self, elements: int) -> tuple[Run, Run]:
        """Return copy and triad over the same three arrays of float32."""

        def make() -> tuple[Run, Run]:
            first, second, third = (torch.ones(elements, device=self._where) for _ in range(3))
            return partial(second.copy_, first), partial(torch.add, first, second, alpha=3, out=third)

        return translating_out_of_memory(make, self.name, self._release)

    def smallest(self) -> Run:
        """Return the smallest operator: the sum of two numbers, into a third."""
        first, second, third = (torch.ones(1, device=self._where) for _ in range(3))
        return partial(torch.add, first, second, out=third)

    def synchronize(self) -> None:
        """Wait until the device has finished."""
        self._device.synchronize()

    def caches(self, threads: int) -> tuple[Cache, ...]:
        """Return the caches of the processor, last level at the end, or the one that a GPU's multiprocessors share."""
        if not self._is_gpu:
            return cpu_caches(threads)
        return (Cache("L2", torch.cuda.get_device_properties(self._where).L2_cache_size),)

    def available_memory(self) -> int | None:
        """Return the bytes that may be allocated; None if unknown."""
        return torch.cuda.mem_get_info(self._where)[0] if self._is_gpu else available_memory()
