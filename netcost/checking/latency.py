"""Latency checks (`netcost check --latency`): times each target against itself at a revision, or another model.

Each side runs in a process of its own, in the folder and with the modules of its own tree. Both are alive while they
are timed in the same rounds. A ratio above its bound is measured again in new processes before it fails: processes of
one program differ in their memory layout, which is then drawn anew.

Everything timed here was counted before, with the code of its own tree; what could not be counted is not timed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import NamedTuple

from netcost.checking.config import Config, Guard, TargetConfig
from netcost.checking.recording import Progress, recipe_of
from netcost.checking.regression import SAMPLINGS, Attempt, CheckVerdict, LatencyResult, TargetResult
from netcost.checking.selection import all_guards, with_latency_rule
from netcost.text.errors import NetcostError
from netcost.timing.measurement import Measurement
from netcost.timing.ratios import ratio_of_rounds
from netcost.timing.setting import Timing
from netcost.timing.workers import Recipe, Worker, WorkerPlace, measure_in

LIMIT = 0.05
"""Default limit: how much slower than at the base revision a target may be, as a share."""

PRECISION = 0.02
"""Half-width of the ratio's interval at which timing stops, as a share; half the limit where that is smaller."""


@dataclass(frozen=True, slots=True)
class LatencyGate:
    """Conditions of the latency check."""

    timing: Timing = Timing()  # of each attempt, which times two networks; 10 s by default
    limit: float = LIMIT  # how much slower than at the base revision a target may be, as a share


class Side(NamedTuple):
    """One of two networks that are timed together."""

    name: str  # for messages
    place: WorkerPlace
    recipe: Recipe


@dataclass(frozen=True, slots=True)
class Pairing:
    """A target and the network that its latency is compared with."""

    target: str  # its name
    to: str  # the other network, for messages
    bound: float  # the largest ratio now / base that passes
    base: Side
    now: Side
    is_relative: bool = False  # True where `base` is another model of the same tree


Measure = Callable[[Sequence[Side], Timing, Progress | None], Sequence[Measurement]]


def with_latency(
    results: Sequence[TargetResult], pairings: Sequence[Pairing], gate: LatencyGate, progress: Progress | None = None
) -> tuple[TargetResult, ...]:
    """Time all pairings of counted targets; return the results with the latencies, or with the error of a side."""
    latencies: dict[str, list[LatencyResult]] = {}
    errors = {result.name: result.error for result in results if result.error is not None}
    for index, pairing in enumerate(pairings):
        if pairing.target in errors:
            continue
        part = _part_of(progress, index, len(pairings))
        try:
            latencies.setdefault(pairing.target, []).append(measure_pairing(pairing, gate, part))
        except NetcostError as error:
            errors[pairing.target] = error
    return tuple(
        replace(result, latencies=(*result.latencies, *latencies.get(result.name, ())), error=errors.get(result.name))
        for result in results
    )


def measure_pairing(
    pairing: Pairing, gate: LatencyGate, progress: Progress | None = None, measure: Measure | None = None
) -> LatencyResult:
    """Time both sides, and again before the rule counts as broken.

    Args:
        measure: times the sides; `in_workers` by default.
    """
    precision = PRECISION if pairing.is_relative else min(PRECISION, gate.limit / 2)
    timing = replace(gate.timing, precision=precision)
    attempts: list[Attempt] = []
    while len(attempts) < SAMPLINGS:
        base, now = (measure or in_workers)((pairing.base, pairing.now), timing, progress)
        attempts.append(Attempt(base, now, ratio_of_rounds(pairing.to, base, now)))
        if attempts[-1].verdict(pairing.bound) is not CheckVerdict.FAILS:
            break
    return LatencyResult(pairing.to, pairing.bound, tuple(attempts), pairing.is_relative)


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
    guards: Iterable[Guard],
    revision: str,
    limit: float,
    then: WorkerPlace,
    here: WorkerPlace,
    subjects: Mapping[str, TargetConfig],
) -> Iterable[Pairing]:
    """Pair each target with itself at a revision; one that is new there has no pair.

    Args:
        limit: how much slower it may be, as a share.
        then, here: where the revision's and the present code run.
        subjects: what each target was at the revision, by name.
    """
    for guard in guards:
        name = guard.subject.name
        if name in subjects:
            base = Side(f"{name!r} at {revision}", then, recipe_of(subjects[name]))
            yield Pairing(name, revision, 1 + limit, base, Side(repr(name), here, recipe_of(guard.subject)))


def against_others(config: Config, guards: Iterable[Guard], here: WorkerPlace) -> Iterable[Pairing]:
    """Pair each target that has a latency rule with the model that the rule names."""
    known = all_guards(config)
    for guard in with_latency_rule(guards):
        assert guard.latency is not None, "it has a rule"
        other, name = guard.latency.relative_to, guard.subject.name
        subject = known[other].subject if other in known else TargetConfig(other, other)
        base, now = Side(repr(other), here, recipe_of(subject)), Side(repr(name), here, recipe_of(guard.subject))
        yield Pairing(name, repr(other), guard.latency.max_ratio, base, now, is_relative=True)


def _part_of(progress: Progress | None, index: int, count: int) -> Progress | None:
    """Return the progress of one pairing as a part of the whole."""
    return None if progress is None else lambda share, text: progress((index + share) / count, text)
