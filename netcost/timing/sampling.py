"""Rounds in random order: callables are timed side by side.

`sample_rounds` is the method, on any callables and with an injected clock. A slow moment of the machine slows all
subjects of a round, so that `stats.ratio` can take their times round by round.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from netcost.text import units
from netcost.text.errors import MeasurementError, one_line
from netcost.text.notices import Notice
from netcost.timing import stats
from netcost.timing.setting import BUDGET_S, PRECISION

Clock = Callable[[], float]
Run = Callable[[], object]
Progress = Callable[[float, str], None]

FEWEST_ROUNDS = 3  # taken however long they last: of three times, an outlier is never the median
MAX_CALLS = 10_000  # per sample, where the clock is too coarse to see one call
LEAST_TOLD_S = 1.0  # a budget that is overrun by less than a second needs no word
SAMPLE_S = 100e-6  # calls shorter than this are several per sample, so that reading the clock costs little
WARMUP_CALLS = (2, 1000)  # fewest and most: the second call of a network may still allocate or choose kernels
WARMUP_S = 0.02  # a warm-up lasts at least this long: the time in which a governor raises the clock
WARMUP_SHARE = 0.3  # of the budget, for the first calls and warm-ups of all: a series with two modes never settles


class Stop(StrEnum):
    """The reason why sampling ended."""

    PRECISE = "precise"
    BUDGET = "budget"
    ROUNDS = "rounds"
    FAILED = "failed"


class Timed(Protocol):
    """Anything that can be timed: a `Subject` on our clock, or a network in another process, on that one's clock."""

    @property
    def name(self) -> str:
        """Return the name, for messages."""

    @property
    def is_single(self) -> bool:
        """True where a sample is one call and never several in a row."""

    def seconds(self, calls: int, clock: Clock, synchronize: Run) -> float:
        """Time `calls` calls in a row, each finished before the next; return the seconds of all together."""

    def set_up(self) -> object:
        """Run the untimed setup of a sample."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A callable to be timed in this process; its name is for messages."""

    name: str
    run: Run
    prepare: Run | None = None  # before each call, outside the clock; a sample is then a single call
    untimed_setup: Run | None = None  # before each sample of a round, outside the clock: see `placement`

    @property
    def is_single(self) -> bool:
        """True where a sample is one call and never several in a row."""
        return self.prepare is not None

    def seconds(self, calls: int, clock: Clock, synchronize: Run) -> float:
        """Time `calls` calls in a row on that clock, each finished before the next."""
        if self.prepare is not None:
            self.prepare()
            synchronize()
        begun = clock()
        for _ in range(calls):
            self.run()
            synchronize()
        return clock() - begun

    def set_up(self) -> object:
        """Run the untimed setup, if any."""
        return self.untimed_setup() if self.untimed_setup is not None else None


@dataclass(frozen=True, slots=True)
class Series:
    """All times of one subject: seconds per call, one per round, none left out.

    A sample is `calls` calls in a row, its time divided by them. With an `error`, the times are those before it.
    """

    name: str
    first_call_s: float | None
    warmup_s: tuple[float, ...]
    calls: int
    times_s: tuple[float, ...]
    error: MeasurementError | None


@dataclass(frozen=True, slots=True)
class Rounds:
    """The result: a series per subject, and its ratio to the first (None where either of the two failed)."""

    series: tuple[Series, ...]
    ratios: tuple[stats.RatioEstimate | None, ...]
    rounds: int
    stopped: Stop


class _Trial:
    """One subject on its way through first call, warm-up and rounds, until it ends or raises."""

    def __init__(self, subject: Timed, clock: Clock, synchronize: Run) -> None:
        self._subject, self._clock, self._synchronize = subject, clock, synchronize
        self._first: list[float] = []
        self._warmup: list[float] = []
        self._calls = 1
        self._times: list[float] = []
        self.error: MeasurementError | None = None

    def warm_up(self, share_s: float) -> None:
        """Call until the times settle or the share of the budget (seconds) is spent; choose the calls per sample."""
        begun = self._clock()
        self._sample(self._first, "in its first call")
        while self.error is None and not self._is_warm(self._clock() - begun, share_s):
            self._sample(self._warmup, "in warm-up")
        if self._warmup and not self._subject.is_single:
            call_s = stats.median(self._warmup[-3:])
            self._calls = MAX_CALLS if call_s * MAX_CALLS <= SAMPLE_S else math.ceil(SAMPLE_S / call_s)

    def take(self, round_number: int) -> None:
        """Take one sample, after its untimed setup."""
        self._sample(self._times, f"in round {round_number}", self._calls, with_setup=True)

    @property
    def sample_s(self) -> float:
        """The seconds of a sample, by the warm-up; 0 without one."""
        return self._calls * stats.median(self._warmup[-3:]) if self._warmup else 0.0

    def series(self) -> Series:
        """Return all times so far."""
        first = self._first[0] if self._first else None
        return Series(self._subject.name, first, tuple(self._warmup), self._calls, tuple(self._times), self.error)

    def _is_warm(self, elapsed_s: float, share_s: float) -> bool:
        fewest, most = WARMUP_CALLS
        if len(self._warmup) >= most or (len(self._warmup) >= fewest and elapsed_s >= share_s):
            return True
        return elapsed_s >= WARMUP_S and stats.settled(self._warmup)

    def _sample(self, times: list[float], when: str, calls: int = 1, with_setup: bool = False) -> None:
        """Append the seconds per call; an exception of the subject becomes its error."""
        try:
            if with_setup:
                self._subject.set_up()
            times.append(self._subject.seconds(calls, self._clock, self._synchronize) / calls)
        except Exception as error:
            # The text alone: a kept exception would keep its frames, and they the activations on the device.
            self.error = MeasurementError(f"{self._subject.name} failed {when}: {one_line(error)}")


def sample_rounds(
    subjects: Sequence[Timed],
    *,
    clock: Clock = time.perf_counter,
    synchronize: Run = lambda: None,
    rng: random.Random | None = None,
    precision: float = PRECISION,
    budget_s: float = BUDGET_S,
    min_rounds: int = FEWEST_ROUNDS,
    max_rounds: int = 1000,
    progress: Progress | None = None,
) -> Rounds:
    """Time the subjects side by side, in rounds that take one sample of each, in random order.

    Sampling goes on until every 95 % interval of a ratio to the first is narrower than ± `precision` of its median
    (for a single subject: the interval of its own median), or until the budget is spent. A slow subject may spend it
    before the `stats.MIN_ROUNDS` that an interval needs. The decision to stop looks at the width of the intervals,
    never at the verdict, so that stopping early favours no subject: on the twelve simulated machines of
    `tests/noise.py`, with noise, load in bursts, drift, heavy tails and placements in memory, at most 0.6 % of 1,000
    comparisons of equals ended in a verdict, and all of a true 10 % were called. That rests on the exact interval, the
    order of the rounds, and moved weights; the docstrings of `stats`, `_orders` and `placement` give the error rates
    without them.

    Args:
        clock: seconds, from any origin.
        synchronize: waits until the device has finished a call.
        rng: source of the order [default: one with a fixed seed].
        precision: half-width to reach, as a share; 0 is never reached and spends the whole budget.
        budget_s: seconds for everything, first calls and warm-up included; the round that spends it is the last one.
        min_rounds, max_rounds: the fewest, taken whatever they cost, and the most.
        progress: called between samples, with the share of the work that is done and the next step.
    """
    rng, report, begun = rng or random.Random(0), progress or (lambda _share, _text: None), clock()
    goal = _Goal(precision, budget_s, min_rounds, max_rounds)
    trials, told_s = [_Trial(subject, clock, synchronize) for subject in subjects], 0.0
    for subject, trial in zip(subjects, trials, strict=True):
        report(goal.share(0, clock() - begun), f"warming up {subject.name}")
        trial.warm_up(WARMUP_SHARE * budget_s / len(subjects))
        least = clock() - begun + min_rounds * sum(one.sample_s for one in trials)
        if least > max(budget_s, LEAST_TOLD_S, 2 * told_s):  # said again where the next networks take far longer
            told_s = least
            report(goal.share(0, clock() - begun), Notice(_beyond(least, budget_s, min_rounds, len(subjects))))
    rounds, orders = 0, _orders(trials, rng)
    while (stopped := goal.reached(trials, rounds, clock() - begun)) is None:
        report(goal.share(rounds, clock() - begun), f"round {rounds + 1}")
        rounds += 1
        for trial in next(orders):
            if trial.error is None:
                trial.take(rounds)
    report(1.0, "done")
    series = tuple(trial.series() for trial in trials)
    return Rounds(series, tuple(_ratio(series[0], other) for other in series), rounds, stopped)


def _orders(trials: Sequence[_Trial], rng: random.Random) -> Iterator[list[_Trial]]:
    """Draw the order of every round at random; of every four rounds, each pair of trials runs in either order in two.

    At random, so that no rhythm of the machine favours one of them. Equally often, because being first in a round may
    have a cost of its own. The ratios then fall into two groups, above and below the truth, and a search for a narrow
    interval, repeated round after round, would find one as soon as one group happened to prevail. With each round
    drawn independently and a cost of 5 % for being first, 32 % of 1,000 simulated comparisons of equals ended in a
    verdict; with balanced orders, none.
    """
    while True:
        drawn = [rng.sample(trials, len(trials)) for _ in range(2)]
        four = [*drawn, *(order[::-1] for order in drawn)]
        rng.shuffle(four)
        yield from four


def _beyond(least_s: float, budget_s: float, rounds: int, subjects: int) -> str:
    """Say that the fewest rounds take longer than the budget."""
    whose = "one network" if subjects == 1 else f"{subjects} networks"
    return (
        f"{rounds} rounds of {whose} take at least {units.seconds(least_s)}, warm-up included: more than "
        f"the budget of {units.seconds(budget_s)}; leave out the slowest or the largest batch sizes to stay within it"
    )


class _Goal:
    """The rule for stopping: precise enough, out of budget, out of rounds, or no subject left."""

    def __init__(self, precision: float, budget_s: float, min_rounds: int, max_rounds: int) -> None:
        if not 1 <= min_rounds <= max_rounds:
            raise ValueError(f"expected 1 <= min_rounds <= max_rounds, got {min_rounds} and {max_rounds}")
        self._precision, self._budget_s = precision, budget_s
        self._min_rounds, self._max_rounds = min_rounds, max_rounds
        self._look_at = max(min_rounds, stats.MIN_ROUNDS)  # with fewer there is no interval to look at

    def share(self, rounds: int, elapsed_s: float) -> float:
        """Return the share of the work that is done, at most one."""
        of_time = elapsed_s / self._budget_s if self._budget_s > 0 else 1.0
        return min(1.0, max(of_time, rounds / self._max_rounds))

    def reached(self, trials: Sequence[_Trial], rounds: int, elapsed_s: float) -> Stop | None:
        """Return the reason to stop after these rounds and seconds, or None."""
        if all(trial.error is not None for trial in trials):
            return Stop.FAILED
        spent, full = elapsed_s >= self._budget_s, rounds >= self._max_rounds
        if rounds < self._min_rounds or not (spent or full or rounds >= self._look_at):
            return None
        # Each look is another chance to meet an interval that is narrow by chance, so looks get rarer.
        self._look_at = rounds + 1 + rounds // 5
        if _is_precise([trial.series() for trial in trials], self._precision):
            return Stop.PRECISE
        if spent:
            return Stop.BUDGET
        return Stop.ROUNDS if full else None


def _ratio(first: Series, other: Series) -> stats.RatioEstimate | None:
    """Return the ratio other / first; None where either failed, or is shorter than the clock can see."""
    if first.error or other.error or min(first.times_s + other.times_s) <= 0:
        return None
    return stats.ratio(first.times_s, other.times_s)


def _is_precise(series: Sequence[Series], precision: float) -> bool:
    """True where every interval is narrow enough: of each ratio to the first, or of each median without a ratio."""
    going = [one for one in series if one.error is None]
    if series[0].error is None and len(going) > 1:
        ratios = [_ratio(series[0], other) for other in going[1:]]
        widths = [None if ratio is None else stats.relative_half_width(ratio.ci95, ratio.median) for ratio in ratios]
    else:
        widths = [stats.relative_half_width(stats.ci95(one.times_s), stats.median(one.times_s)) for one in going]
    return all(width is not None and width < precision for width in widths)
