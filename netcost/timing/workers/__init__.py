"""Processes that run a user's code: one that crashes, leaks or never ends takes nothing with it.

    recipe = Recipe("net.py:Net", inputs=(InputSpec((1, 3, 8, 8)),))
    with Worker() as worker:
        [latency] = measure_in([(worker, recipe)])

A worker runs `server`, a loop that handles one order at a time. Its folder may be another one, with other code in it,
such as an older revision of the user's (`WorkerPlace`); netcost itself is always the one that started it. Orders and
answers are lines of JSON, never pickles. `measure_in` times the networks that workers have built, in the rounds of
`sampling`: in random order and one at a time, each on its worker's clock. `Worker.call` calls a function of another
room there, such as the one that counts for `netcost check --base` or for `netcost compare --isolate`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netcost.text.lazy import resolver
from netcost.timing.workers.recipes import Recipe, recipe_of
from netcost.timing.workers.worker import PATIENCE_S, Worker, WorkerPlace

if TYPE_CHECKING:
    from netcost.timing.workers.measuring import measure_in

__all__ = ["PATIENCE_S", "Recipe", "Worker", "WorkerPlace", "measure_in", "recipe_of"]

# Resolved on first use: whoever only counts in a worker must not pay for torch.
__getattr__ = resolver(__name__, {"measure_in": "measuring"})
