"""Search: which network should it be? A published one for a device -> NetworkChoice; one of a space -> SearchResult.

`choose` ranks timm's pretrained networks: `pretrained` reads the facts that come with netcost, `choosing` predicts the
latency of all of them on a device, and `choice` is the result. `listed` is the list of the zoo, from saved counts.

    >>> from netcost.search import choose
    >>> choice = choose("rtx4090", "<= 60 ms", families=["resnet"], image_size=224)
    >>> best, *others = choice.front
    >>> best.latency_s <= 0.060, all(one.latency_s < best.latency_s for one in others)
    (True, True)

`search` counts the candidates of a space: `spaces` makes them, values all, `strategies` proposes some, `engine` passes
each to a worker that counts it (`counted`), `journal` keeps it in a file, and `result` is the front within the budgets
(`objectives`). `finalists` of either are timed here.

    >>> from netcost.search.spaces import space_of
    >>> space = space_of(["mobilenet_v2"], {"width": (0.5, 1.0), "resolution": (160, 224)})
    >>> len(space), space[1].label
    (4, 'mobilenet_v2 width=0.5 resolution=224')

`netcost explain pareto_front` and `netcost explain published_accuracy` say more. This belongs here: another limit (a
field of `ChoiceLimits`), another table of accuracy or another way of running (a file of facts, written by
`tests/benchmarks/pretrained.py`), another strategy, and what looks for a network. No file is called `choose` or
`search`: a module of that name would hide the function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netcost.text.lazy import resolver

if TYPE_CHECKING:
    from netcost.search.choice import Candidate, ChoiceLimits, NetworkChoice
    from netcost.search.choosing import choose
    from netcost.search.result import SearchResult
    from netcost.search.searching import Engine, Strategy, search
    from netcost.search.spaces import Choice, Range, SearchCandidate, Space

# Resolved on first use: a job of a cluster, which passes candidates on to its worker, must not pay for torch.
_PLACES = {
    **dict.fromkeys(("Candidate", "ChoiceLimits", "NetworkChoice"), "choice"),
    **dict.fromkeys(("Choice", "Range", "SearchCandidate", "Space"), "spaces"),
    **dict.fromkeys(("Engine", "Strategy", "search"), "searching"),
    "SearchResult": "result",
    "choose": "choosing",
}

__all__ = [
    "Candidate",
    "Choice",
    "ChoiceLimits",
    "Engine",
    "NetworkChoice",
    "Range",
    "SearchCandidate",
    "SearchResult",
    "Space",
    "Strategy",
    "choose",
    "search",
]

__getattr__ = resolver(__name__, _PLACES)
