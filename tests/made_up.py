"""Measurements and comparisons that nobody took, for tests of what is said of them."""

from dataclasses import replace

from netcost.comparison.entry import Entry, Run
from netcost.comparison.result import Comparison
from netcost.counting.figures import Figures
from netcost.profiling import Profile
from netcost.profiling.probes import Pass
from netcost.text.metrics import METRICS
from netcost.timing import doubts, environment
from netcost.timing.measurement import Effort, Measurement
from netcost.timing.sampling import Stop
from netcost.timing.setting import EffectiveSetting

STEADY = (1.0, 1.0, 1.0, 1.25, 1.0, 0.75, 1.0, 1.0, 1.25, 1.0, 0.75, 1.0)
"""Twelve rounds around one second, whose median is known well."""


def times(scale):
    return tuple(scale * seconds for seconds in STEADY)


def measurement(scale=1.0, batch=1, **changes):
    """A measurement whose median is `scale` seconds."""
    plain = Measurement(
        device="cpu",
        threads=2,
        batch=batch,
        setting=EffectiveSetting(),
        compile_s=None,
        first_call_s=2.0 * scale,
        warmup_s=(scale, scale),
        calls_per_sample=1,
        times_s=times(scale),
        device_times_s=None,
        effort=Effort(precision=0.02, budget_s=10.0, spent_s=4.5, stopped=Stop.PRECISE),
    )
    return replace(plain, **changes)


def figures(model, batch=1, **values):
    counted = {name: index for index, name in enumerate(METRICS, start=1)}
    return Figures(model, ((batch, 3, 8, 8),), {**counted, "parallelism": 1.5, **values}, {})


def machine(**changes):
    """The environment of a machine, always the same one."""
    plain = replace(environment.read_environment(), cpu="Quick CPU", threads=2, load_per_core=0.0, variables={})
    return replace(plain, **changes)


def profile(analysis, environment, peaks=None):
    """As if each operator had taken a nanosecond an element that it reads or writes, and Python 1 ms beside them."""
    times_s = tuple(1e-9 * cost.memory_access for cost in analysis.count.costs)
    passes = (Pass((None,) * len(times_s), times_s, 1e-3),) * 12
    whole = (sum(times_s) + 1e-3,) * 12
    parts = {"plain_s": whole, "instrumented_s": whole, "passes": passes, "peaks": peaks}
    return Profile(analysis=analysis, environment=environment, **parts)


DOUBTS = (
    doubts.TooFewRounds(3, 10),
    doubts.WideSpread(1.0, 0.5),
    doubts.Drift(1.0, 2.0),
    doubts.OtherLoad(0.5, 2),
    doubts.Throttled(("power cap", "power brake")),
    doubts.TooFast(1e-6),
    doubts.SlowFirstCall(5.0, 0.1),
    doubts.LaunchBound(1.0, 0.9, 0.5),
)
"""One of each kind."""


def comparison(*measurements, environment=None):
    """Networks a, b, c … with these measurements, in one run."""
    names = "abcdefgh"[: len(measurements)]
    entries = [
        Entry(name, figures(name, (measurement.batch or 1) if measurement else 1), measurement=measurement)
        for name, measurement in zip(names, measurements, strict=True)
    ]
    return Comparison(tuple(entries), (Run(environment or machine()),)).with_ratios([0] * len(entries))
