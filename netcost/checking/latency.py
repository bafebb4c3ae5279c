"""`netcost check --latency`: each target timed side by side with itself at a revision, or with another model.

Each side has a process of its own, in the folder and with the modules of its own tree, and both are alive while they
are timed in the same rounds. What comes out above its bound is measured again before it fails, in new processes: the
place of things in memory, by which processes of one program differ, is then drawn anew.

Everything timed here was counted before, by `record_in` where a revision is concerned, which has refused a base whose
modules would come from the working tree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import NamedTuple

from netcost.checking.config import Config, Guard, TargetConfig
from netcost.checking.recording import Progress, recipe_of
from netcost.checking.regression import SAMPLINGS, Attempt, CheckVerdict, LatencyResult, TargetResult
from netcost.checking.selection import all_guards
from netcost.text.errors import NetcostError
from netcost.timing.measurement import Measurement
from netcost.timing.ratios import ratio_of_rounds
from netcost.timing.setting import Timing
from netcost.timing.workers import Recipe, Worker, WorkerPlace, measure_in

LIMIT = 0.05
"""How much slower than at the base revision a target may be, as a share, unless told."""

PRECISION = 0.02
"""Half width of the ratio's interval at which timing stops, as a share; half the limit where that is less."""


@dataclass(frozen=True, slots=True)
class LatencyGate:
    """How latency is held: measured in which way, and with which limit.

    Args:
        timing: of each sampling, which times two networks; 10 s unless it says.
        limit: how much slower than at the base revision a target may be, as a share.
    """

    timing: Timing = Timing()
    limit: float = LIMIT


class Side(NamedTuple):
    """What is timed: in words, where, and how it is made."""

    name: str
    place: WorkerPlace
    recipe: Recipe


@dataclass(frozen=True, slots=True)
class Pairing:
    """A target, and what its latency is held against.

    Args:
        target: its name.
        to: what it is held against, in words.
        bound: the largest ratio that passes.
        base, now: the two sides.
        is_relative: whether `base` is another model of the same tree.
    """

    target: str
    to: str
    bound: float
    base: Side
    now: Side
    is_relative: bool = False


Measure = Callable[[Sequence[Side], Timing, Progress | None], Sequence[Measurement]]


def with_latency(
    results: Sequence[TargetResult],
    pairings: Sequence[Pairing],
    gate: LatencyGate,
    progress: Progress | None = None,
    measure: Measure | None = None,
) -> tuple[TargetResult, ...]:
    """The results with what each target's latency came to.

    Args:
        measure: times the sides; in workers unless given.

    Raises:
        NetcostError: a side cannot be measured; the message says which.
    """
    found: dict[str, list[LatencyResult]] = {}
    for index, pairing in enumerate(pairings):
        told = _within(progress, index, len(pairings))
        found.setdefault(pairing.target, []).append(held(pairing, gate, told, measure))
    return tuple(replace(result, latencies=tuple(found.get(result.name, ()))) for result in results)


def held(
    pairing: Pairing, gate: LatencyGate, progress: Progress | None = None, measure: Measure | None = None
) -> LatencyResult:
    """Measure a pairing, and again before it fails."""
    precision = PRECISION if pairing.is_relative else min(PRECISION, gate.limit / 2)
    timing = replace(gate.timing, precision=precision)
    samplings: list[Attempt] = []
    while len(samplings) < SAMPLINGS:
        base, now = (measure or in_workers)((pairing.base, pairing.now), timing, progress)
        samplings.append(Attempt(base, now, ratio_of_rounds(pairing.to, base, now)))
        if samplings[-1].verdict(pairing.bound) is not CheckVerdict.FAILS:
            break
    return LatencyResult(pairing.to, pairing.bound, tuple(samplings), pairing.is_relative)


def in_workers(sides: Sequence[Side], timing: Timing, progress: Progress | None) -> Sequence[Measurement]:
    """Time the sides in the same rounds, each in a new process that ends afterwards.

    Raises:
        NetcostError: a side cannot be measured; the message says which.
    """
    with ExitStack() as stack:
        workers = [(stack.enter_context(Worker(side.place)), side.recipe) for side in sides]
        results = measure_in(workers, timing, progress)
    measurements = []
    for side, result in zip(sides, results, strict=True):
        if isinstance(result, NetcostError):
            raise type(result)(f"{side.name} cannot be timed: {result}") from result
        measurements.append(result)
    return measurements


def against_revision(
    guards: Iterable[Guard], revision: str, limit: float, then: WorkerPlace, here: WorkerPlace
) -> Iterable[Pairing]:
    """Each target with itself at a revision.

    Args:
        limit: how much slower it may be, as a share.
        then, here: where the revision's and the present code run.
    """
    for guard in guards:
        name, recipe = guard.subject.name, recipe_of(guard.subject)
        base = Side(f"{name!r} at {revision}", then, recipe)
        yield Pairing(name, revision, 1 + limit, base, Side(repr(name), here, recipe))


def against_others(config: Config, guards: Iterable[Guard], here: WorkerPlace) -> Iterable[Pairing]:
    """Each target that has a rule for its latency with the model that the rule names."""
    known = all_guards(config)
    for guard in ruled(guards):
        assert guard.latency is not None, "it has a rule"
        other, name = guard.latency.relative_to, guard.subject.name
        subject = known[other].subject if other in known else TargetConfig(other, other)
        base, now = Side(repr(other), here, recipe_of(subject)), Side(repr(name), here, recipe_of(guard.subject))
        yield Pairing(name, repr(other), guard.latency.max_ratio, base, now, is_relative=True)


def ruled(guards: Iterable[Guard]) -> list[Guard]:
    """The targets that have a rule for their latency; none is held against itself."""
    return [guard for guard in guards if guard.latency and guard.latency.relative_to != guard.subject.name]


def not_timed(guards: Iterable[Guard]) -> tuple[str, ...]:
    """That rules for latency were not looked at."""
    names = [guard.subject.name for guard in ruled(guards)]
    return (f"not timed, so the latency rule was not checked: {', '.join(names)} (--latency does)",) if names else ()


def _within(progress: Progress | None, at: int, count: int) -> Progress | None:
    """Progress of one pairing as progress of all."""
    return None if progress is None else lambda share, text: progress((at + share) / count, text)
