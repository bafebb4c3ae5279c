"""Profiling: where the time of a forward pass goes, and what the device could do at best.

`profile` takes turns between plain and instrumented runs (`operator_timer` sees the operators that a trace records),
and joins their times to the counted graph: time and share per operator, kind, module or block beside mult-adds and
memory access. The operators and one line for the gap between them (Python and dispatch; on a GPU, launches and
idling) add up to the plain run, and a note says how well. `chrome` writes one run as a trace for Perfetto.
`roofline/` measures what the machine can do (matrix products, streaming through each cache, launches) and says how
near a network comes to that.

    >>> import netcost
    >>> found = netcost.profile("lenet5", budget_s=0.05)
    >>> abs(found.operators_s + found.gap_s - found.total_s) < 1e-9
    True
    >>> found.by_kind()["kind"].iloc[-1]
    '(gap)'

What belongs here: another instrument (a probe), another view of the times, another peak of the device.

A package and not a module `profile`: that would hide the function of the same name.
"""

from netcost.profiling.result import Profile
from netcost.profiling.running import profile

__all__ = ["Profile", "profile"]
