"""Networks counted and timed in processes of their own: one that crashes or leaks takes nothing with it.

    with Worker() as worker:
        worker.analyse(Recipe("net.py:Net", inputs=(InputSpec((1, 3, 8, 8)),)))

A worker runs `serving`, a loop that obeys one order at a time. It may have another folder for its own, with other code
in it, such as an older revision of the user's (`Place`); netcost itself is always the one that started it. Orders and
answers are lines of JSON, never pickles. `measure_in` times what workers have built in the rounds of `sampling`, in
random order and one at a time, each on its own clock.
"""

from netcost.timing.workers.measuring import measure_in, measure_isolated
from netcost.timing.workers.places import Place
from netcost.timing.workers.process import Worker
from netcost.timing.workers.recipes import Recipe, recipe_of

__all__ = ["Place", "Recipe", "Worker", "measure_in", "measure_isolated", "recipe_of"]
