"""Search: which network should run on a device? Published accuracy against predicted latency -> NetworkChoice.

`pretrained` reads the facts that come with netcost: timm's pretrained networks with their published accuracy, and their
counts in each way of running, so that nothing has to be built. `choosing` predicts the latency of all of them with the
coefficients of a device (shipped, or from `netcost calibrate`), leaves out those unlike the networks measured, and
times the finalists here where asked to. `listed` is the list of the zoo, from saved counts. `choice` is the result: the
networks within the limits, and their Pareto front.

    >>> from netcost.search import choose
    >>> choice = choose("rtx4090", "<= 60 ms", families=["resnet"], image_size=224)
    >>> best, *others = choice.front
    >>> best.latency_s <= 0.060, all(one.latency_s < best.latency_s for one in others)
    (True, True)

`netcost explain pareto_front` and `netcost explain published_accuracy` say more. This belongs here: another limit (a
field of `ChoiceLimits`), another table of accuracy or another way of running (a file of facts, written by
`tests/benchmarks/pretrained.py`), and what looks for a network. No file is called `choose`: a module of that name would
hide the function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netcost.text.lazy import resolver

if TYPE_CHECKING:
    from netcost.search.choice import Candidate, ChoiceLimits, NetworkChoice
    from netcost.search.choosing import choose

# Resolved on first use: the saved list of the zoo is read without torch.
_PLACES = {"Candidate": "choice", "ChoiceLimits": "choice", "NetworkChoice": "choice", "choose": "choosing"}

__all__ = ["Candidate", "ChoiceLimits", "NetworkChoice", "choose"]

__getattr__ = resolver(__name__, _PLACES)
