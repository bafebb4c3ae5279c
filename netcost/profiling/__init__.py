"""Profiling: the time of a forward pass operator by operator, and the highest rates of the device.

`profile` alternates plain and instrumented runs (`operator_timer` sees the operators that a trace records) and joins
their times to the counted graph: time and share per operator, kind, module or block beside mult-adds and memory access.
The operators and one line for the gap between them (Python and dispatch; on a GPU, launches and idling) add up to the
plain run, and a note says how exactly. `chrome` writes one run as a trace for Perfetto. `roofline/` measures the rates
that the machine reaches (matrix products, streaming through each cache, launches) and compares a network with them.

    >>> import netcost
    >>> result = netcost.profile("lenet5", budget_s=0.05)
    >>> abs(result.operators_s + result.gap_s - result.total_s) < 1e-9
    True
    >>> result.by_kind()["kind"].iloc[-1]
    '(gap)'

`profile_in_runtime` (in `in_runtime`) asks ONNX Runtime or OpenVINO which kernels it really ran, and joins them to the
graph by the names of nodes.

Words of its tables: `netcost explain gap`, `netcost explain roofline_bound`, `netcost explain ridge`.

This belongs here: another instrument (a probe), another view of the times, another peak of the device.

This package is not called `profile`, because that name would hide the function `netcost.profile`.
"""

from netcost.profiling.result import Profile
from netcost.profiling.running import profile

__all__ = ["Profile", "profile"]
