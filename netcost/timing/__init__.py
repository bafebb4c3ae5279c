"""Timing: measures the latency of networks -> Measurement.

`Timing` is one object that holds all settings: device, threads, element type, memory format, backend, caches, budget
and precision. `measure_all` times several networks in the same rounds, in random order within each (`sampling`), so
that a slow moment of the machine slows all of them. Ratios are taken round by round (`ratios`); their 95 % intervals
come from ranks, and verdicts from the intervals (`stats`). Networks run in evaluation mode without gradients; denormal
numbers become zero; calls are repeated until the times have settled. Before each sample the weights move to fresh pages
of memory (`placement`), because two instances of one network differ by up to 8 %. Every raw time is kept. Reasons to
trust a measurement less are values (`doubts`), printed as warnings with a remedy. Sampling ends when the interval is
narrow enough or the budget is spent.

    >>> from netcost.timing import Timing
    >>> Timing("cpu", threads=1, dtype="bf16", budget_s=2.0).is_timed
    True
    >>> Timing(backend="tensorrt")
    Traceback (most recent call last):
        ...
    netcost.text.errors.RequestError: --backend 'tensorrt' is unknown; expected one of eager, ...

Options that change the model (`--dtype`, `--memory-format`, `--backend compile`) change a copy (`conversion`,
`preparation`). `runtimes/` has a file per word of `--backend`; what a runtime computes is compared with eager's output
before it is timed. `--cold-cache` overwrites the last-level cache before each call, which is not part of the measured
time. On a GPU, the wall-clock times and those between CUDA events are both kept (`devices`, `gpu`). `workers/` times
networks in processes of their own: if one crashes, its column shows an error and the others continue.

`netcost explain drift` says what that warning means and what to do; each other warning has its own page, and `netcost
explain interval` says how sure a latency is.

This belongs here: a warning of the timer (a class in `doubts`, with its detector), a device; a runtime in `runtimes/`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netcost.text.lazy import resolver

if TYPE_CHECKING:
    from netcost.timing.devices import open_device
    from netcost.timing.doubts import Doubt
    from netcost.timing.environment import Environment
    from netcost.timing.measurement import Measurement
    from netcost.timing.measuring import measure, measure_all
    from netcost.timing.ratios import Ratio
    from netcost.timing.setting import EffectiveSetting, Timing, TimingOptions

# Resolved on first use: verdicts on saved times need no torch.
_PLACES = {
    "Doubt": "doubts",
    "EffectiveSetting": "setting",
    "Environment": "environment",
    "Measurement": "measurement",
    "Ratio": "ratios",
    "Timing": "setting",
    "TimingOptions": "setting",
    "measure": "measuring",
    "measure_all": "measuring",
    "open_device": "devices",
}

__all__ = [
    "Doubt",
    "EffectiveSetting",
    "Environment",
    "Measurement",
    "Ratio",
    "Timing",
    "TimingOptions",
    "measure",
    "measure_all",
    "open_device",
]

__getattr__ = resolver(__name__, _PLACES)
