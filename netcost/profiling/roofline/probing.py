"""Measures how fast this device multiplies, streams and launches -> Peaks.

Each probe repeats one call back to back: a sample is as many calls as take `SAMPLE_S`, with one wait for the device at
its end. The clock and the workbench that makes the calls are injected.

Reference: Williams, Waterman and Patterson, "Roofline" (CACM 52(4), 2009); copy and triad are those of McCalpin's
STREAM, whose rule is that each array holds four times the last-level cache.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from netcost.profiling.roofline.caches import Cache
from netcost.profiling.roofline.peaks import DTYPES, Bandwidth, Peaks, Product, Rate, impossible
from netcost.text import units
from netcost.text.errors import MeasurementError, NetcostError
from netcost.timing.devices import require_device
from netcost.timing.environment import LoadMeter, flushed_denormals, read_environment, thread_number
from netcost.timing.sampling import Clock, Progress, Run

if TYPE_CHECKING:
    from netcost.profiling.roofline.workbench import TorchWorkbench

SAMPLE_S = 0.02
"""Shortest sample (seconds): long enough for a sustained rate, and for the clock's own time not to count."""

FEWEST_SAMPLES = 3
MEASURED_AGAIN = 2
"""Times that bandwidths which cannot be are measured again."""

MOST_CALLS = 10_000

LONGEST_CALL_S = 1.0
"""An element type whose product takes longer (seconds) in the smallest size is not measured."""

CACHES_PER_ARRAY = 4
"""Size of an array in memory, in last-level caches."""

MEMORY_SHARE = 0.25
"""The share of the available memory that all arrays together may take."""

FLOAT_BYTES = 4


def measure_peaks(
    device: str = "cpu",
    threads: int | None = None,
    *,
    budget_s: float = 10.0,
    progress: Progress | None = None,
    clock: Clock = time.perf_counter,
    workbench: Callable[[str], TorchWorkbench] | None = None,
    meter: Callable[[], LoadMeter] = LoadMeter,
) -> Peaks:
    """Measure the highest rates of the device, in about ten seconds.

    Args:
        device: "cpu", "cuda" or "cuda:N".
        threads: of torch within an operator; torch's present number unless given.
        budget_s: seconds for everything; each probe is sampled at least `FEWEST_SAMPLES` times.
        progress: called with the share done and the present step.
        clock, workbench, meter: for the time, the calls, and the load by other programs.

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
            for _ in range(MEASURED_AGAIN):
                if impossible(bandwidths):  # a moment of load, mostly
                    again = probe.bandwidths(caches)
                    bandwidths = tuple(map(_together, bandwidths, again))
            launch_s = probe.launch()
        doubt = load.doubt()
        notes = (*_size_notes(caches, bandwidths), *([f"{doubt}; {doubt.remedy}."] if doubt else []))
        environment = read_environment(device, used).to_dict()
        return Peaks(device, used, products, bandwidths, launch_s, missing, environment, notes)


class _Probe:
    """The parts of a measurement, one after the other, each with its share of the budget (seconds)."""

    def __init__(self, bench: TorchWorkbench, clock: Clock, share_s: float, progress: Progress, parts: int) -> None:
        self._bench, self._clock, self._share_s = bench, clock, share_s
        self._progress, self._parts, self._done = progress, parts, 0

    def products(self) -> tuple[tuple[Product, ...], dict[str, str]]:
        """Return the product of each element type, and the reason for each that has none."""
        products: list[Product] = []
        missing: dict[str, str] = {}
        for dtype in DTYPES.values():
            self._begin(f"matrix product, {dtype}")
            try:
                products.append(self._product(dtype))
            except NetcostError as error:
                missing[dtype] = str(error)
            except Exception as error:  # an element type that the device does not support must not stop the others
                missing[dtype] = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        return tuple(products), missing

    def bandwidths(self, caches: Sequence[Cache]) -> tuple[Bandwidth, ...]:
        """Return bandwidths from the smallest cache to the memory."""
        bandwidths = []
        for level, cache_bytes, array_bytes in _levels(caches, self._bench.available_memory()):
            self._begin(f"streaming, {level}")
            elements = array_bytes // FLOAT_BYTES
            size_bytes = elements * FLOAT_BYTES
            copy, triad = self._bench.streams(elements)
            rates = (self._rate(copy, 2 * size_bytes, 0.5), self._rate(triad, 3 * size_bytes, 0.5))
            bandwidths.append(Bandwidth(level, cache_bytes, size_bytes, *rates))
        return tuple(bandwidths)

    def launch(self) -> tuple[float, ...]:
        """Return seconds per call of the smallest operator."""
        self._begin("launch overhead")
        return self._sampled(self._bench.smallest(), self._share_s)

    def _product(self, dtype: str) -> Product:
        """Return the fastest of the sizes that the share of the budget allows."""
        products: list[Product] = []
        for index, size in enumerate(self._bench.sizes):
            run, work = self._bench.product(dtype, size), 2 * size**3
            once_s = self._timed(run)
            if once_s > LONGEST_CALL_S and not products:
                raise MeasurementError(f"a product of {size} x {size} takes {units.seconds(once_s)}")
            products.append(Product(dtype, size, self._rate(run, work, 1 / len(self._bench.sizes))))
            larger = self._bench.sizes[index + 1 : index + 2]
            if any(once_s * (next_size / size) ** 3 * FEWEST_SAMPLES > self._share_s for next_size in larger):
                break
        return max(products, key=lambda product: product.flops_per_s.best)

    def _rate(self, run: Run, work: int, part: float) -> Rate:
        """Return work per second, measured in a part of the share."""
        return Rate(tuple(work / call_s for call_s in self._sampled(run, part * self._share_s)))

    def _sampled(self, run: Run, budget_s: float) -> tuple[float, ...]:
        """Return seconds per call, one number per sample, after a first call that does not count."""
        begun = self._clock()
        self._timed(run)
        calls = min(MOST_CALLS, max(1, round(SAMPLE_S / max(self._timed(run), SAMPLE_S / MOST_CALLS))))
        samples: list[float] = []
        while len(samples) < FEWEST_SAMPLES or self._clock() - begun < budget_s:
            samples.append(self._timed(run, calls) / calls)
        return tuple(samples)

    def _timed(self, run: Run, calls: int = 1) -> float:
        """Return the seconds of this number of calls, back to back."""
        begun = self._clock()
        for _ in range(calls):
            run()
        self._bench.synchronize()
        return self._clock() - begun

    def _begin(self, step: str) -> None:
        self._progress(min(1.0, self._done / self._parts), step)
        self._done += 1


def _together(first: Bandwidth, again: Bandwidth) -> Bandwidth:
    """Put the samples of two measurements of a level together."""
    copy, triad = first.copy.samples + again.copy.samples, first.triad.samples + again.triad.samples
    return replace(first, copy=Rate(copy), triad=Rate(triad))


def _levels(caches: Sequence[Cache], available_bytes: int | None) -> Iterator[tuple[str, int | None, int]]:
    """Yield name, capacity and size of an array, for each cache and for the memory.

    The three arrays of a triad fill half of a cache, or four times the cache before it: the best that the level gives.
    """
    before: int | None = None
    for cache in caches:
        filled = cache.size_bytes // 2
        yield cache.level, cache.size_bytes, (filled if before is None else min(filled, 4 * before)) // 3
        before = cache.size_bytes
    wanted = CACHES_PER_ARRAY * caches[-1].size_bytes
    affordable = wanted if available_bytes is None else int(MEMORY_SHARE * available_bytes / 3)
    yield "memory", None, min(wanted, affordable)


def _size_notes(caches: Sequence[Cache], bandwidths: Sequence[Bandwidth]) -> Iterator[str]:
    """Yield notes on the sizes of caches and arrays."""
    last, memory = caches[-1], bandwidths[-1]
    source = "assumed: this machine does not report it" if last.assumed else "read from the system"
    yield f"The last-level cache holds {units.data_size(last.size_bytes)} ({source})."
    if memory.array_bytes < CACHES_PER_ARRAY * last.size_bytes - FLOAT_BYTES:
        times = units.times(memory.array_bytes / last.size_bytes)
        yield f"Memory does not allow arrays of more than {times} that; part of their streaming is from the cache."
