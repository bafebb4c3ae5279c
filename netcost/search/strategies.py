"""Strategies: which candidates of a space are counted, in which order, from the figures of those before.

A strategy is asked for candidates a batch at a time, and told the figures of the whole batch before the next: so the
same seed proposes the same candidates, whatever the number of workers, and when a run is resumed.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from itertools import islice
from typing import Any

from netcost.search.spaces import Space
from netcost.text.errors import RequestError
from netcost.text.units import exact

OPTIMISERS = ("tpe", "nsga2")
"""Samplers of Optuna: TPE learns from every figure, in ever more time; NSGA-II takes no longer as figures add up."""

STRATEGIES = ("all", "random", *OPTIMISERS)

LARGEST_WHOLE_SPACE = 1_000_000
"""Candidates from which on a space is sampled, or refused."""

SMALLEST_BATCH, LARGEST_BATCH = 8, 48
"""Candidates that an optimiser proposes at a time, a generation: a tenth of the sample, within these bounds."""

REPEATS = 50
"""Proposals in a row without a new candidate after which the optimiser has nothing more to offer."""

Batch = list[int]
Told = Callable[[int], tuple[Sequence[float] | None, Sequence[float]]]
"""Gives the values (less is better; None after an error) and the excesses over each budget of a candidate."""


def every(space: Space) -> Iterator[Batch]:
    """Yield all candidates in their order.

    Raises:
        RequestError: there are too many.
    """
    if len(space) > LARGEST_WHOLE_SPACE:
        raise RequestError(f"the space has {exact(len(space))} candidates; choose some of them: --sample 10000")
    yield list(range(len(space)))


def sampled(space: Space, sample: int, seed: int) -> Iterator[Batch]:
    """Yield candidates by chance, each once; a larger sample of the same seed begins with a smaller one."""
    yield list(islice(_shuffled(len(space), seed), sample))


def _shuffled(size: int, seed: int) -> Iterator[int]:
    """Yield the numbers below `size` in random order, without a list of them (Fisher and Yates's shuffle)."""
    chance, moved = random.Random(seed), dict[int, int]()
    for place in range(size):
        other = chance.randrange(place, size)
        yield moved.get(other, other)
        moved[other] = moved.pop(place, place)


def optimised(space: Space, sample: int, seed: int, told: Told, objectives: int, name: str = "tpe") -> Iterator[Batch]:
    """Yield candidates as an optimiser of Optuna proposes them, a batch at a time; none is counted twice.

    Reference: Ozaki et al., "Multiobjective tree-structured Parzen estimator", Journal of Artificial Intelligence
    Research 73, 2022; Deb et al., "A fast and elitist multiobjective genetic algorithm: NSGA-II", IEEE Transactions on
    Evolutionary Computation 6(2), 2002.

    Args:
        sample: candidates to count.
        told: gives the values of a candidate that was yielded.
        objectives: number of values.
        name: one of `OPTIMISERS`.
    """
    optuna: Any = import_module("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    size_of_batch = max(SMALLEST_BATCH, min(LARGEST_BATCH, sample // 10))
    sampler = _sampler(optuna.samplers, name, size_of_batch, seed)
    study = optuna.create_study(directions=["minimize"] * objectives, sampler=sampler)
    distributions = {
        f"{number}": optuna.distributions.IntDistribution(0, size - 1)
        if number and _is_ordered(values)
        else optuna.distributions.CategoricalDistribution(range(size))
        for number, (size, values) in enumerate(zip(space.sizes, ((), *space.choices.values()), strict=True))
        if size > 1
    }
    counted: dict[int, None] = {}
    repeats = 0
    while len(counted) < min(sample, len(space)) and repeats < REPEATS:
        trials = [study.ask(distributions) for _ in range(size_of_batch)]
        numbers = [_number(space, trial.params) for trial in trials]
        new = list(dict.fromkeys(number for number in numbers if number not in counted))
        new = new[: sample - len(counted)]
        repeats = 0 if new else repeats + 1
        if new:
            yield new
        counted |= dict.fromkeys(new)
        for trial, number in zip(trials, numbers, strict=True):
            values, excesses = told(number) if number in counted else (None, ())
            trial.set_user_attr("excesses", [min(excess, 1e9) for excess in excesses])
            study.tell(trial, values, state=optuna.trial.TrialState.FAIL if values is None else None)


def _sampler(samplers: Any, name: str, population: int, seed: int) -> Any:
    constraints = {"constraints_func": lambda trial: trial.user_attrs.get("excesses", [1e9]), "seed": seed}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # constraints, and choices that hang together, are experimental in Optuna
        if name == "nsga2":
            return samplers.NSGAIISampler(population_size=population, **constraints)
        return samplers.TPESampler(multivariate=True, n_startup_trials=2 * population, **constraints)


def _is_ordered(values: Sequence[Any]) -> bool:
    return all(type(value) in (int, float) for value in values) and list(values) == sorted(values)


def _number(space: Space, places: dict[str, int]) -> int:
    """Return the number of the candidate with these places."""
    number = 0
    for index, size in enumerate(space.sizes):
        number = number * size + places.get(f"{index}", 0)
    return number
