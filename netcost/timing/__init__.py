"""Timing: measures the latency of networks -> Measurement.

One value holds all settings, `Timing`: device, threads, element type, memory format, backend, caches, budget and
precision. `measure_all` times several networks in the same rounds, in random order within each (`sampling`), so that
a slow moment of the machine slows all of them. Ratios are taken round by round (`ratios`); their 95 % intervals come
from ranks, and verdicts from the intervals (`stats`). Evaluation mode, no gradients, denormals flushed, warm-up until
the times have settled. Before each sample the weights move to fresh pages of memory (`placement`), because two
instances of one network differ by up to 8 %. Every raw time is kept. Reasons to trust a measurement less are values
(`doubts`), printed as warnings with a remedy. Sampling ends when the interval is narrow enough or the budget is spent.

    >>> from netcost.timing import Timing
    >>> Timing("cpu", threads=1, dtype="bf16", budget_s=2.0).is_timed
    True
    >>> Timing(backend="tensorrt")
    Traceback (most recent call last):
        ...
    netcost.text.errors.RequestError: --backend 'tensorrt' is unknown; expected one of eager, compile

Options that change the model (`--dtype`, `--memory-format`, `--backend compile`) change a copy (`conversion`,
`preparation`). `--cold-cache` overwrites the last-level cache before each call, outside the clock. On a GPU, the times
of wall clock and CUDA events are both kept (`devices`, `gpu`). `workers/` times networks in processes of their own: a
crash of one is an error in its column, and no more.

What belongs here: a warning of the timer (a class in `doubts`, with its detector), a device, a backend.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netcost.text.lazy import resolver

if TYPE_CHECKING:
    from netcost.timing.conversion import Call, copied
    from netcost.timing.devices import Device, open_device
    from netcost.timing.doubts import Doubt
    from netcost.timing.environment import Environment, read_environment, require_device
    from netcost.timing.measurement import Effort, Measurement
    from netcost.timing.measuring import measure, measure_all, random_call
    from netcost.timing.ratios import Ratio, ratio_of_rounds, ratio_of_runs
    from netcost.timing.sampling import Clock, Progress, Stop
    from netcost.timing.setting import NO_DEVICE, EffectiveSetting, Timing, TimingOptions, timing_of
    from netcost.timing.subjects import subject, subjects

# Resolved on first use: verdicts on saved times need no torch.
_PLACES = {
    "Call": "conversion",
    "Clock": "sampling",
    "Device": "devices",
    "Doubt": "doubts",
    "EffectiveSetting": "setting",
    "Effort": "measurement",
    "Environment": "environment",
    "Measurement": "measurement",
    "NO_DEVICE": "setting",
    "Progress": "sampling",
    "Ratio": "ratios",
    "Stop": "sampling",
    "Timing": "setting",
    "TimingOptions": "setting",
    "copied": "conversion",
    "measure": "measuring",
    "measure_all": "measuring",
    "open_device": "devices",
    "random_call": "measuring",
    "ratio_of_rounds": "ratios",
    "ratio_of_runs": "ratios",
    "read_environment": "environment",
    "require_device": "environment",
    "subject": "subjects",
    "subjects": "subjects",
    "timing_of": "setting",
}

__all__ = [
    "NO_DEVICE",
    "Call",
    "Clock",
    "Device",
    "Doubt",
    "EffectiveSetting",
    "Effort",
    "Environment",
    "Measurement",
    "Progress",
    "Ratio",
    "Stop",
    "Timing",
    "TimingOptions",
    "copied",
    "measure",
    "measure_all",
    "open_device",
    "random_call",
    "ratio_of_rounds",
    "ratio_of_runs",
    "read_environment",
    "require_device",
    "subject",
    "subjects",
    "timing_of",
]

__getattr__ = resolver(__name__, _PLACES)
