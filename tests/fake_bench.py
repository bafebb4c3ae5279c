"""A made-up device whose peaks are known to the digit, for tests of probing."""

from contextlib import nullcontext

from fake_clock import Clock
from fake_device import quiet_meter

from netcost.profiling.roofline import Peaks, measure_peaks
from netcost.profiling.roofline.caches import Cache

CACHES = (Cache("L2", 2**21), Cache("L3", 2**25))
FLOPS_PER_S = {"fp32": 2.0**36, "bf16": 2.0**38, "fp16": 2.0**37}
BYTES_PER_S = {"L2": 2.0**36, "L3": 2.0**34, "memory": 2.0**32}
LAUNCH_S = 2.0**-18


class Bench:
    """Multiplies, streams and launches at fixed rates, on a made-up clock; takes no time to launch what it queues."""

    name = "cpu"
    sizes = (2**9, 2**10, 2**11)

    def __init__(self, clock, caches=CACHES, memory=2**33, flops_per_s=FLOPS_PER_S):
        self.clock, self.memory, self.flops_per_s = clock, memory, flops_per_s
        self._caches = caches
        self.queued_s = 0.0
        self.asked = []

    def active(self):
        return nullcontext()

    def product(self, dtype, size):
        self.asked.append((dtype, size))
        rate = self.flops_per_s[dtype]
        if isinstance(rate, Exception):
            raise rate
        return lambda: self._queue(2 * size**3 / rate)

    def streams(self, elements):
        size = 4 * elements
        self.asked.append(("streams", size))
        level = next((cache.level for cache in self._caches if 3 * size <= cache.size_bytes), "memory")
        rate = BYTES_PER_S.get(level, BYTES_PER_S["memory"])
        return lambda: self._queue(2 * size / rate), lambda: self._queue(3 * size / (rate / 2))

    def smallest(self):
        return lambda: self._queue(LAUNCH_S)

    def synchronize(self):
        self.clock.spend(self.queued_s)
        self.queued_s = 0.0

    def caches(self, _threads):
        return self._caches

    def available_memory(self):
        return self.memory

    def _queue(self, seconds):
        self.queued_s += seconds


def made_up_peaks(threads: int | None = None) -> Peaks:
    """Those of the made-up device: 2^36 FLOP/s, and 2^32 bytes a second from memory."""
    bench = Bench(Clock())
    return measure_peaks(threads=threads, budget_s=0.0, clock=bench.clock, workbench=lambda _: bench, meter=quiet_meter)
