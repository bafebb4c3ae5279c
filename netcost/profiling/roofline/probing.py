"""How fast this device multiplies, streams and launches -> Peaks.

Every probe is a call repeated back to back: a sample is as many calls as take `SAMPLE_S`, the device waited for once
at its end. The clock and the workbench that makes the calls are injected.

Reference: Williams, Waterman and Patterson, "Roofline" (CACM 52(4), 2009); copy and triad are those of McCalpin's
STREAM, whose rule is that each array holds four times the last-level cache.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from netcost.profiling.roofline.caches import Cache
from netcost.profiling.roofline.peaks import DTYPES, MEMORY, Bandwidth, Peaks, Product, Rate
from netcost.text import units
from netcost.text.errors import MeasurementError, NetcostError
from netcost.timing.environment import LoadMeter, flushed_denormals, read_environment, require_device, thread_number
from netcost.timing.sampling import Clock, Progress, Run

SAMPLE_S = 0.02
"""A sample lasts at least this long (seconds): a rate that is sustained, and next to which a clock is nothing."""

FEWEST_SAMPLES = 3
MOST_CALLS = 10_000

LONGEST_CALL_S = 1.0
"""A product that takes longer (seconds) in the smallest size is not worth waiting for."""

CACHES_AN_ARRAY = 4
"""How many times the last-level cache an array beyond it holds."""

MEMORY_SHARE = 0.25
"""The share of the available memory that all arrays together may take."""

FLOAT_BYTES = 4


class Workbench(Protocol):
    """What probing needs of a device; a test brings its own."""

    name: str
    sizes: tuple[int, ...]
    """Rows and columns of the matrices to try, in rising order."""

    def active(self) -> AbstractContextManager[object]:
        """The device is ready within."""

    def product(self, dtype: str, size: int) -> Run:
        """One product of two square matrices."""

    def streams(self, elements: int) -> tuple[Run, Run]:
        """Copy and triad over the same arrays of so many float32s."""

    def smallest(self) -> Run:
        """The smallest operator."""

    def synchronize(self) -> None:
        """Wait until the device has finished."""

    def caches(self, threads: int) -> tuple[Cache, ...]:
        """The caches, from the smallest to the last level; one at least."""

    def available_memory(self) -> int | None:
        """Bytes that may be allocated; None where nobody knows."""


def measure_peaks(
    device: str = "cpu",
    threads: int | None = None,
    *,
    budget_s: float = 10.0,
    progress: Progress | None = None,
    clock: Clock = time.perf_counter,
    workbench: Callable[[str], Workbench] | None = None,
    meter: Callable[[], LoadMeter] = LoadMeter,
) -> Peaks:
    """What the device can do at best; some ten seconds.

    Args:
        device: "cpu", "cuda" or "cuda:N".
        threads: that torch uses within an operator; its present number unless given.
        budget_s: seconds for everything; each probe is sampled `FEWEST_SAMPLES` times however long that takes.
        progress: told the share done, and what is being done.
        clock, workbench, meter: of the time, of what runs, and of the load by others.

    Raises:
        MeasurementError: there is no such device, or it lacks the memory.
    """
    if workbench is None:
        from netcost.profiling.roofline.workbench import TorchWorkbench

        require_device(device)
        workbench = TorchWorkbench
    with thread_number(threads) as used, flushed_denormals():
        bench, load = workbench(device), meter()
        caches = bench.caches(used)
        parts = len(DTYPES) + len(caches) + 2
        probe = _Probe(bench, clock, budget_s / parts, progress or (lambda _share, _text: None), parts)
        with bench.active():
            products, missing = probe.products()
            bandwidths = probe.bandwidths(caches)
            launch_s = probe.launch()
        doubt = load.doubt()
        return Peaks(
            device=device,
            threads=used,
            products=products,
            bandwidths=bandwidths,
            launch_s=launch_s,
            missing=missing,
            environment=read_environment(device, used).to_dict(),
            notes=(*_size_notes(caches, bandwidths), *([f"{doubt}; {doubt.remedy}."] if doubt else [])),
        )


class _Probe:
    """The parts of a measurement, one after the other, each with its share of the budget (seconds)."""

    def __init__(self, bench: Workbench, clock: Clock, share_s: float, tell: Progress, parts: int) -> None:
        self._bench, self._clock, self._share_s = bench, clock, share_s
        self._tell, self._parts, self._done = tell, parts, 0

    def products(self) -> tuple[tuple[Product, ...], dict[str, str]]:
        """The product of each element type, and why one has none."""
        found: list[Product] = []
        missing: dict[str, str] = {}
        for dtype in DTYPES.values():
            self._next(f"matrix product, {dtype}")
            try:
                found.append(self._product(dtype))
            except NetcostError as error:
                missing[dtype] = str(error)
            except Exception as error:  # an element type that the device does not do is no end of the others
                missing[dtype] = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        return tuple(found), missing

    def bandwidths(self, caches: Sequence[Cache]) -> tuple[Bandwidth, ...]:
        """From the smallest cache to the memory."""
        found = []
        for level, cache_bytes, array_bytes in _levels(caches, self._bench.available_memory()):
            self._next(f"streaming, {level}")
            elements = array_bytes // FLOAT_BYTES
            copy, triad = self._bench.streams(elements)
            copied, added = 2 * elements * FLOAT_BYTES, 3 * elements * FLOAT_BYTES
            rates = (self._rate(copy, copied, 0.5), self._rate(triad, added, 0.5))
            found.append(Bandwidth(level, cache_bytes, elements * FLOAT_BYTES, *rates))
        return tuple(found)

    def launch(self) -> tuple[float, ...]:
        """Seconds a call of the smallest operator."""
        self._next("launch overhead")
        return self._sampled(self._bench.smallest(), self._share_s)

    def _product(self, dtype: str) -> Product:
        """The fastest of the sizes that the share of the budget allows."""
        tried: list[Product] = []
        for index, size in enumerate(self._bench.sizes):
            run, work = self._bench.product(dtype, size), 2 * size**3
            once_s = self._once(run)
            if once_s > LONGEST_CALL_S and not tried:
                raise MeasurementError(f"a product of {size} x {size} takes {units.seconds(once_s)}")
            tried.append(Product(dtype, size, self._rate(run, work, 1 / len(self._bench.sizes))))
            larger = self._bench.sizes[index + 1 : index + 2]
            if any(once_s * (each / size) ** 3 * FEWEST_SAMPLES > self._share_s for each in larger):
                break
        return max(tried, key=lambda each: each.flops_per_s.best)

    def _rate(self, run: Run, work: int, part: float) -> Rate:
        """Work a second, given a part of the share."""
        return Rate(tuple(work / call_s for call_s in self._sampled(run, part * self._share_s)))

    def _sampled(self, run: Run, budget_s: float) -> tuple[float, ...]:
        """Seconds a call, one number a sample, after a first call that does not count."""
        begun = self._clock()
        self._once(run)
        calls = min(MOST_CALLS, max(1, round(SAMPLE_S / max(self._once(run), SAMPLE_S / MOST_CALLS))))
        samples: list[float] = []
        while len(samples) < FEWEST_SAMPLES or self._clock() - begun < budget_s:
            samples.append(self._once(run, calls) / calls)
        return tuple(samples)

    def _once(self, run: Run, calls: int = 1) -> float:
        """Seconds that so many calls take, back to back."""
        begun = self._clock()
        for _ in range(calls):
            run()
        self._bench.synchronize()
        return self._clock() - begun

    def _next(self, what: str) -> None:
        self._tell(self._done / self._parts, what)
        self._done += 1


def _levels(caches: Sequence[Cache], available_bytes: int | None) -> Iterator[tuple[str, int | None, int]]:
    """Name, capacity and size of an array, for each cache and for the memory.

    The three arrays of a triad fill half of a cache, or four times the cache before it: the best that the level gives.
    """
    before: int | None = None
    for cache in caches:
        filled = cache.size_bytes // 2
        yield cache.level, cache.size_bytes, (filled if before is None else min(filled, 4 * before)) // 3
        before = cache.size_bytes
    wanted = CACHES_AN_ARRAY * caches[-1].size_bytes
    affordable = wanted if available_bytes is None else int(MEMORY_SHARE * available_bytes / 3)
    yield MEMORY, None, min(wanted, affordable)


def _size_notes(caches: Sequence[Cache], bandwidths: Sequence[Bandwidth]) -> Iterator[str]:
    """On which sizes the streaming rests."""
    last, memory = caches[-1], bandwidths[-1]
    how = "assumed, because the machine does not tell" if last.assumed else "read from the system"
    yield f"The last-level cache holds {units.data_size(last.size_bytes)} ({how})."
    if memory.array_bytes < CACHES_AN_ARRAY * last.size_bytes - FLOAT_BYTES:
        times = units.times(memory.array_bytes / last.size_bytes)
        yield f"Memory does not allow arrays of more than {times} that; part of their streaming is from the cache."
