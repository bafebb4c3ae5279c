"""Comparison: networks side by side, counted and timed -> Comparison.

`compare` counts each network and times all of them in the same rounds; the first is the base of the ratios. `sweep`
does so over batch sizes and names each network's knee: the smallest batch whose throughput surely reaches 90 % of the
best. `load_comparison` puts saved runs side by side: within a run, ratios are taken round by round; between runs,
from independent bootstraps of both medians, with 5 % instead of 1 % between "faster" and "cannot tell", and no
verdict if environment, setting or batch differ.

    >>> from netcost.comparison import compare
    >>> comparison = compare(["lenet5", "alexnet"], device="none")
    >>> [(entry.model, entry.figures.values["params"]) for entry in comparison.entries]
    [('lenet5', 61706), ('alexnet', 61100840)]

Words of its tables: `netcost explain ratio`, `netcost explain cannot_tell`, `netcost explain knee`.

Each file uses the ones before: `entry` is one network, `side_by_side` the tables of several, `result` the
`Comparison`, `running` makes it, `batches` is the sweep and `saved` reads a file. This belongs here: a row of the table
(a `Column` in `side_by_side`), and another way to put networks side by side. No file is called `compare`: a module of
that name would hide the function.
"""

from netcost.comparison.batches import Sweep, sweep
from netcost.comparison.entry import Entry, Run
from netcost.comparison.result import Comparison
from netcost.comparison.running import compare
from netcost.comparison.saved import load_comparison

__all__ = ["Comparison", "Entry", "Run", "Sweep", "compare", "load_comparison", "sweep"]
