"""How long models take: warm-up, rounds in random order, on a CPU or a GPU.

`sample_rounds` is the method, on any callables and with an injected clock. `measure` and `measure_all` apply it to
models: evaluation mode, no gradients, inputs allocated before, denormals flushed, and everything that they set put
back afterwards. Comparing models means taking them in the same rounds, so that what slows the machine down for a
while slows them all: the times of one `measure_all` stand side by side, and `stats.ratio` takes them round by round.
"""

from __future__ import annotations

import copy
import math
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, TypeVar

import torch
from torch import nn

from netcost import environment, stats
from netcost.errors import MeasurementError, NetcostError, RequestError

T = TypeVar("T")
Clock = Callable[[], float]
Run = Callable[[], object]
Progress = Callable[[float, str], None]
Call = tuple[tuple[Any, ...], dict[str, Any]]
"""Positional and named arguments of a model."""
Inputs = torch.Tensor | Sequence[Any] | Mapping[str, Any]
"""A shape, a tensor, or several of either, in order or by name."""

WARMUP_SHARE = 0.3
"""The share of the budget for first calls and warm-up, all subjects together: a series with two modes never settles."""

WARMUP_S = 0.02
"""Warm-up of a subject lasts at least this long (seconds): the time in which a governor raises the clock."""

WARMUP_CALLS = (2, 1000)
"""Fewest and most calls of a warm-up. The second call of a network may still allocate or choose kernels."""

SAMPLE_S = 100e-6
"""A subject faster than this (seconds) is called several times a sample, next to which reading a clock is nothing."""

MAX_CALLS = 10_000
"""Most calls a sample, where the clock is too coarse to see one."""


class Stop(StrEnum):
    """What ended the sampling."""

    PRECISE = "precise"
    BUDGET = "budget"
    ROUNDS = "rounds"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Subject:
    """Something to be timed."""

    name: str
    run: Run


@dataclass(frozen=True, slots=True)
class Series:
    """Everything seen of one subject: times in seconds a call, one a round, none left out.

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
    """What the rounds gave: a series for each subject, and its ratio to the first.

    A ratio is None where the subject or the first one failed: then there is no common base.
    """

    series: tuple[Series, ...]
    ratios: tuple[stats.RatioEstimate | None, ...]
    rounds: int
    stopped: Stop


class _Trial:
    """One subject on its way through first call, warm-up and rounds, until it ends or raises."""

    def __init__(self, subject: Subject, clock: Clock, synchronize: Callable[[], None]) -> None:
        self._subject, self._clock, self._synchronize = subject, clock, synchronize
        self._first: list[float] = []
        self._warmup: list[float] = []
        self._calls = 1
        self.times: list[float] = []
        self.error: MeasurementError | None = None

    def warm_up(self, share_s: float) -> None:
        """Call until the times have settled, within a share of the budget (seconds), and choose the calls a sample."""
        begun = self._clock()
        self._sample(self._first, "in its first call")
        while self.error is None and not self._is_warm(self._clock() - begun, share_s):
            self._sample(self._warmup, "in warm-up")
        if self._warmup:
            self._calls = _calls_per_sample(stats.median(self._warmup[-3:]))

    def take(self, round_number: int) -> None:
        """One sample."""
        self._sample(self.times, f"in round {round_number}", self._calls)

    def series(self) -> Series:
        """All that was seen."""
        first = self._first[0] if self._first else None
        return Series(self._subject.name, first, tuple(self._warmup), self._calls, tuple(self.times), self.error)

    def _is_warm(self, elapsed_s: float, share_s: float) -> bool:
        fewest, most = WARMUP_CALLS
        if len(self._warmup) >= most or (len(self._warmup) >= fewest and elapsed_s >= share_s):
            return True
        return elapsed_s >= WARMUP_S and stats.settled(self._warmup)

    def _sample(self, times: list[float], when: str, calls: int = 1) -> None:
        """Append the seconds a call, each call finished before the next; what the subject raises becomes its error."""
        try:
            begun = self._clock()
            for _ in range(calls):
                self._subject.run()
                self._synchronize()
            times.append((self._clock() - begun) / calls)
        except Exception as error:
            # The text alone: a kept exception would keep its frames, and they the activations on the device.
            self.error = MeasurementError(f"{self._subject.name} failed {when}: {_said(error)}")


def sample_rounds(
    subjects: Sequence[Subject],
    *,
    clock: Clock = time.perf_counter,
    synchronize: Callable[[], None] = lambda: None,
    rng: random.Random | None = None,
    precision: float = 0.02,
    budget_s: float = 10.0,
    min_rounds: int = stats.MIN_ROUNDS,
    max_rounds: int = 1000,
    progress: Progress | None = None,
) -> Rounds:
    """Time the subjects side by side, in rounds that call each of them once, in random order.

    Sampling goes on until every 95 % interval of a ratio to the first is narrower than ± `precision` (of its median;
    alone, that of the subject's own median), or the budget is spent. It looks at the width of the intervals and never
    at the verdict, so that stopping early favours none.

    Args:
        clock: seconds, from any origin.
        synchronize: waits until the device has finished a call.
        rng: source of the order; one with a fixed seed unless given.
        precision: half-width to reach, as a share; 0 is never reached and spends the whole budget.
        budget_s: seconds for everything, first calls and warm-up included; `min_rounds` are taken in any case.
        progress: told the share of the work that is done, and what goes on, between samples.
    """
    rng, tell, begun = rng or random.Random(0), progress or _silence, clock()
    goal = _Goal(precision, budget_s, min_rounds, max_rounds)
    trials = [_Trial(subject, clock, synchronize) for subject in subjects]
    for subject, trial in zip(subjects, trials, strict=True):
        tell(goal.share(0, clock() - begun), f"warming up {subject.name}")
        trial.warm_up(WARMUP_SHARE * budget_s / len(subjects))
    rounds = 0
    while (stopped := goal.reached(trials, rounds, clock() - begun)) is None:
        tell(goal.share(rounds, clock() - begun), f"round {rounds + 1}")
        rounds += 1
        going = [trial for trial in trials if trial.error is None]
        for trial in rng.sample(going, len(going)):
            trial.take(rounds)
    tell(1.0, "done")
    series = tuple(trial.series() for trial in trials)
    return Rounds(series, tuple(_ratio(series[0], other) for other in series), rounds, stopped)


class _Goal:
    """When to stop: precise enough, out of budget, out of rounds, or nobody left."""

    def __init__(self, precision: float, budget_s: float, min_rounds: int, max_rounds: int) -> None:
        if not 1 <= min_rounds <= max_rounds:
            raise ValueError(f"expected 1 <= min_rounds <= max_rounds, got {min_rounds} and {max_rounds}")
        self._precision, self._budget_s = precision, budget_s
        self._min_rounds, self._max_rounds = min_rounds, max_rounds
        self._look_at = min_rounds

    def share(self, rounds: int, elapsed_s: float) -> float:
        """The share of the work that is done, at most one."""
        of_time = elapsed_s / self._budget_s if self._budget_s > 0 else 1.0
        return min(1.0, max(of_time, rounds / self._max_rounds))

    def reached(self, trials: Sequence[_Trial], rounds: int, elapsed_s: float) -> Stop | None:
        """Why to stop after so many rounds and seconds, or None."""
        if all(trial.error is not None for trial in trials):
            return Stop.FAILED
        spent, full = elapsed_s >= self._budget_s, rounds >= self._max_rounds
        if rounds < self._min_rounds or not (spent or full or rounds >= self._look_at):
            return None
        # Intervals take milliseconds to compute: looking at ever larger steps keeps that a small part.
        self._look_at = rounds + 1 + rounds // 5
        if _is_precise([trial.series() for trial in trials], self._precision):
            return Stop.PRECISE
        if spent:
            return Stop.BUDGET
        return Stop.ROUNDS if full else None


def _said(error: Exception) -> str:
    """One line for an error; those of GPUs go on for several, with advice on debugging torch itself."""
    text = str(error) if isinstance(error, NetcostError) else f"{type(error).__name__}: {error}"
    return text.partition("\n")[0]


def _calls_per_sample(call_s: float) -> int:
    """How many calls of that length (seconds) a sample needs to be as long as `SAMPLE_S`."""
    return MAX_CALLS if call_s * MAX_CALLS <= SAMPLE_S else math.ceil(SAMPLE_S / call_s)


def _ratio(first: Series, other: Series) -> stats.RatioEstimate | None:
    """The ratio other / first; None where either failed, or is shorter than the clock can see."""
    if first.error or other.error or min(first.times_s + other.times_s) <= 0:
        return None
    return stats.ratio(first.times_s, other.times_s)


def _is_precise(series: Sequence[Series], precision: float) -> bool:
    """Whether every interval is narrow enough: of the ratios to the first, or of the medians where there are none."""
    going = [one for one in series if one.error is None]
    if series[0].error is None and len(going) > 1:
        ratios = [_ratio(series[0], other) for other in going[1:]]
        widths = [None if each is None else stats.relative_half_width(each.ci95, each.median) for each in ratios]
    else:
        widths = [stats.relative_half_width(stats.ci95(one.times_s), stats.median(one.times_s)) for one in going]
    return all(width is not None and width < precision for width in widths)


def _silence(_share: float, _text: str) -> None:
    """Progress that nobody follows."""


class Watch(Protocol):
    """A model's run as its device sees it: called by the sampling, and asked when all calls are over."""

    def __call__(self) -> object:
        """One call of the model."""

    def times(self) -> tuple[list[float], list[float]] | None:
        """Seconds that the host needed to launch each call, and seconds between the GPU events around it."""


class Device(Protocol):
    """What measuring needs of a device; a test brings its own."""

    name: str

    def active(self) -> AbstractContextManager[object]:
        """The device is torch's current one within, and torch's random state is kept."""

    def place(self, model: nn.Module, call: Call) -> tuple[nn.Module, Call]:
        """Model and inputs on the device; a model that is elsewhere is copied, the caller's stays where it is."""

    def watch(self, run: Run) -> Watch:
        """The run, with whatever the device can tell of each call."""

    def synchronize(self) -> None:
        """Wait until the device has finished."""

    def throttle_reasons(self) -> tuple[str, ...] | None:
        """Why the device holds its clocks back; None where it does not say."""


class HostRun:
    """A run that nothing but the wall's clock looks at."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def __call__(self) -> object:
        """One call."""
        return self._run()

    def times(self) -> None:
        """Nothing beyond the wall's clock."""


class EventRun:
    """A run between two GPU events, with the time that the host needs to launch it.

    Args:
        run: the model's run.
        new_event: makes an event that keeps time.
        clock: seconds, on the host.
    """

    def __init__(self, run: Run, new_event: Callable[[], Any], clock: Clock = time.perf_counter) -> None:
        self._run, self._new_event, self._clock = run, new_event, clock
        self._host: list[float] = []
        self._events: list[tuple[Any, Any]] = []

    def __call__(self) -> object:
        """One call, between two new events: reading one would make the host wait."""
        before, after = self._new_event(), self._new_event()
        begun = self._clock()
        before.record()
        result = self._run()
        after.record()
        self._host.append(self._clock() - begun)
        self._events.append((before, after))
        return result

    def times(self) -> tuple[list[float], list[float]]:
        """Seconds on the host and between the events, call by call; the device must have finished."""
        return self._host, [before.elapsed_time(after) / 1000 for before, after in self._events]


class CpuDevice:
    """The processor."""

    name = "cpu"

    def __init__(self) -> None:
        self._thermal_events = environment.thermal_events()

    def active(self) -> AbstractContextManager[object]:
        """Torch's random state is kept within."""
        return torch.random.fork_rng(devices=[])

    def place(self, model: nn.Module, call: Call) -> tuple[nn.Module, Call]:
        """Model and inputs in main memory."""
        return within_memory(lambda: moved(model, call, torch.device("cpu")), self.name)

    def watch(self, run: Run) -> HostRun:
        """The run alone."""
        return HostRun(lambda: within_memory(run, self.name))

    def synchronize(self) -> None:
        """Nothing: a call returns when it is finished."""

    def throttle_reasons(self) -> tuple[str, ...] | None:
        """Heat, where it slowed a core down since this device was opened."""
        before, now = self._thermal_events, environment.thermal_events()
        if before is None or now is None:
            return None
        return ("temperature",) if now > before else ()


class CudaDevice:
    """A GPU. Its events, clocks and memory are reached from here and nowhere else."""

    def __init__(self, name: str) -> None:
        self.name = name
        asked = torch.device(name)
        self._index = torch.cuda.current_device() if asked.index is None else asked.index
        self._driver = environment.open_driver(f"GPU-{torch.cuda.get_device_properties(self._index).uuid}")

    @contextmanager
    def active(self) -> Iterator[None]:
        """The GPU is torch's current one within, so that events go to its stream; the random state is kept."""
        with torch.cuda.device(self._index), torch.random.fork_rng(devices=[self._index]):
            yield

    def place(self, model: nn.Module, call: Call) -> tuple[nn.Module, Call]:
        """Model and inputs on the GPU."""
        where = torch.device("cuda", self._index)
        placed = within_memory(lambda: moved(model, call, where), self.name, torch.cuda.empty_cache)
        self.synchronize()
        return placed

    def watch(self, run: Run) -> EventRun:
        """The run between events."""
        return EventRun(
            lambda: within_memory(run, self.name, torch.cuda.empty_cache),
            lambda: torch.cuda.Event(enable_timing=True),  # type: ignore[no-untyped-call]  # torch leaves it so
        )

    def synchronize(self) -> None:
        """Wait until the GPU has finished."""
        torch.cuda.synchronize(self._index)

    def throttle_reasons(self) -> tuple[str, ...] | None:
        """What the driver names now, straight after sampling."""
        return None if self._driver is None else self._driver.throttle_reasons()


def open_device(name: str) -> Device:
    """The device called "cpu", "cuda" or "cuda:N".

    Raises:
        RequestError: netcost does not measure on devices of that name.
        MeasurementError: torch sees no such GPU.
    """
    return CpuDevice() if environment.require_device(name) == "cpu" else CudaDevice(name)


def moved(model: nn.Module, call: Call, where: torch.device) -> tuple[nn.Module, Call]:
    """Model and inputs at `where`; a model that is elsewhere is copied."""
    held = [*model.parameters(), *model.buffers()]
    if any(tensor.is_meta for tensor in held):
        raise RequestError(f"{type(model).__name__} is on the meta device and has no weights to run; build a real one")
    if any(tensor.device != where for tensor in held):
        model = copy.deepcopy(model).to(where)
    args, kwargs = call
    return model, (_sent(args, where), _sent(kwargs, where))


def _sent(value: Any, where: torch.device) -> Any:
    """The same tuple, list, mapping, tensor or other value, its tensors at `where`."""
    if isinstance(value, torch.Tensor):
        return value.to(where)
    if isinstance(value, Mapping):
        return {name: _sent(each, where) for name, each in value.items()}
    return type(value)(_sent(each, where) for each in value) if isinstance(value, tuple | list) else value


def within_memory(run: Callable[[], T], device: str, release: Callable[[], None] = lambda: None) -> T:
    """What `run` returns.

    Raises:
        MeasurementError: it ran out of memory; `release` was called, so that others can go on.
    """
    try:
        return run()
    except Exception as error:
        if not _is_out_of_memory(error):
            raise
    # Only out here is the traceback gone, and with it the activations that its frames hold.
    release()
    raise MeasurementError(f"out of memory: {device} cannot hold the model and its activations; try a smaller --batch")


def _is_out_of_memory(error: Exception) -> bool:
    """Torch has an exception for GPUs; on a CPU it raises a plain RuntimeError with these words."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)


@dataclass(frozen=True, slots=True)
class Measurement:
    """How long one model takes on one device: every time in seconds a call, as it was taken, with its doubts."""

    device: str
    threads: int
    batch: int | None
    first_call_s: float
    warmup_calls: int
    calls_per_sample: int
    times_s: tuple[float, ...]
    """On the wall's clock, from the call until the device has finished; one a round."""
    device_times_s: tuple[float, ...] | None
    """Between GPU events around the same calls; None on a CPU."""
    stopped: Stop
    doubts: tuple[stats.Doubt, ...] = ()

    @property
    def median_s(self) -> float:
        """The median time of a call (seconds)."""
        return stats.median(self.times_s)

    @property
    def ci95_s(self) -> stats.Interval | None:
        """The 95 % bootstrap interval of the median (seconds), or None with too few samples."""
        return stats.ci95(self.times_s)

    @property
    def iqr_s(self) -> float | None:
        """The interquartile range (seconds), or None with too few samples."""
        return stats.iqr(self.times_s)

    @property
    def samples(self) -> int:
        """The number of samples."""
        return len(self.times_s)

    @property
    def throughput_per_s(self) -> float | None:
        """Inputs a second: batch / median; None where the inputs have no batch."""
        return self.batch / self.median_s if self.batch is not None and self.median_s > 0 else None

    def to_dict(self) -> dict[str, Any]:
        """The "latency" object of `compare --format json`."""
        return {
            "device": self.device,
            "threads": self.threads,
            "batch": self.batch,
            "first_call_s": self.first_call_s,
            "median_s": self.median_s,
            "ci95_s": None if self.ci95_s is None else list(self.ci95_s),
            "iqr_s": self.iqr_s,
            "samples": self.samples,
            "throughput_per_s": self.throughput_per_s,
            "device_median_s": None if self.device_times_s is None else stats.median(self.device_times_s),
            "doubts": [doubt.to_dict() for doubt in self.doubts],
        }


def measure(
    model: nn.Module,
    inputs: Inputs,
    device: str = "cpu",
    threads: int | None = None,
    *,
    budget_s: float = 5.0,
    precision: float = 0.02,
    progress: Progress | None = None,
) -> Measurement:
    """How long one forward pass takes.

    Args:
        inputs: a shape such as (1, 3, 224, 224), a tensor, or several of either in order or by name; a shape stands
            for random normal values.
        threads: the number that torch uses within an operator, during the measurement; its present one unless given.
        budget_s, precision, progress: as for `sample_rounds`.

    Raises:
        MeasurementError: there is no such device, or the model failed on it.
        RequestError: the inputs, the threads or the device's name are none.
    """
    dtype = next((each.dtype for each in model.parameters() if each.is_floating_point()), torch.float32)
    named = (type(model).__name__, model, random_call(inputs, dtype))
    [result] = measure_all([named], device, threads, budget_s, precision, progress)
    if isinstance(result, MeasurementError):
        raise result
    return result


def measure_all(
    models: Sequence[tuple[str, nn.Module, Call]],
    device: str | Device = "cpu",
    threads: int | None = None,
    budget_s: float = 10.0,
    precision: float = 0.02,
    progress: Progress | None = None,
    *,
    clock: Clock = time.perf_counter,
    meter: Callable[[], environment.LoadMeter] = environment.LoadMeter,
) -> list[Measurement | MeasurementError]:
    """How long each of the models takes, side by side; for one that fails, its error, and the others go on.

    The n-th times of all results are of the same round.

    Args:
        models: name, module, and the arguments of its forward pass.
        device: its name, or an open one.
        clock, meter: of the time, and of the load by others.
    """
    device = open_device(device) if isinstance(device, str) else device
    with ExitStack() as stack:
        stack.enter_context(device.active())
        used = stack.enter_context(_thread_number(threads))
        stack.enter_context(environment.flushed_denormals())
        watches = [stack.enter_context(_ready(device, model, call)) for _, model, call in models]
        subjects = [Subject(name, watch) for (name, _, _), watch in zip(models, watches, strict=True)]
        load = meter()
        with torch.inference_mode():
            rounds = sample_rounds(
                subjects,
                clock=clock,
                synchronize=device.synchronize,
                budget_s=budget_s,
                precision=precision,
                progress=progress,
            )
        shared = (load.doubt(), stats.throttled(device.throttle_reasons()))
        context = _Context(device.name, used, rounds.stopped, tuple(doubt for doubt in shared if doubt is not None))
        return [
            series.error or context.measurement(series, watch, _batch(call))
            for series, watch, (_, _, call) in zip(rounds.series, watches, models, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class _Context:
    """What the measurements of one sampling have in common."""

    device: str
    threads: int
    stopped: Stop
    doubts: tuple[stats.Doubt, ...]

    def measurement(self, series: Series, watch: Watch, batch: int | None) -> Measurement:
        """The measurement of one series."""
        host, between = (_per_sample(seconds, series) for seconds in watch.times() or ((), ()))
        bound = stats.launch_bound(series.times_s, host, between) if between else None
        first_call_s = series.first_call_s
        assert first_call_s is not None, "a series without an error has a first call"
        own = (*stats.doubts_about(first_call_s, series.times_s), *((bound,) if bound else ()))
        return Measurement(
            device=self.device,
            threads=self.threads,
            batch=batch,
            first_call_s=first_call_s,
            warmup_calls=len(series.warmup_s),
            calls_per_sample=series.calls,
            times_s=series.times_s,
            device_times_s=between or None,
            stopped=self.stopped,
            doubts=(*own, *self.doubts),
        )


def random_call(inputs: Inputs, dtype: torch.dtype = torch.float32, seed: int = 0) -> Call:
    """The arguments that `inputs` stand for: tensors as they are, shapes as random normal values.

    The values come from a generator of their own; torch's stays as it is.
    """
    generator = torch.Generator().manual_seed(seed)
    if isinstance(inputs, Mapping):
        return (), {name: _tensor(value, dtype, generator) for name, value in inputs.items()}
    if isinstance(inputs, torch.Tensor) or all(isinstance(each, int) for each in inputs):
        return (_tensor(inputs, dtype, generator),), {}
    return tuple(_tensor(value, dtype, generator) for value in inputs), {}


def _tensor(value: Any, dtype: torch.dtype, generator: torch.Generator) -> torch.Tensor:
    if isinstance(value, torch.Tensor):
        return value
    if isinstance(value, Sequence) and value and all(isinstance(size, int) and size > 0 for size in value):
        return torch.randn(tuple(value), dtype=dtype, generator=generator)
    raise RequestError(f"input {value!r} is neither a tensor nor a shape; expected the like of (1, 3, 224, 224)")


@contextmanager
def _thread_number(threads: int | None) -> Iterator[int]:
    """Torch uses that many threads within an operator; yields the number that it does use."""
    if threads is not None and threads < 1:
        raise RequestError(f"--threads {threads!r}: expected 1 or more")
    before = torch.get_num_threads()
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        yield torch.get_num_threads()
    finally:
        if threads is not None:
            torch.set_num_threads(before)


@contextmanager
def _ready(device: Device, model: nn.Module, call: Call) -> Iterator[Watch]:
    """The model on the device and in evaluation mode; each module's own mode is put back afterwards."""
    try:
        placed, (args, kwargs) = device.place(model, call)
    except MeasurementError as error:
        yield HostRun(_raising(error))  # the others go on
        return
    modes = [(module, module.training) for module in placed.modules()]
    placed.eval()
    try:
        yield device.watch(lambda: placed(*args, **kwargs))
    finally:
        for module, training in modes:
            module.training = training


def _raising(error: MeasurementError) -> Run:
    def run() -> object:
        raise error

    return run


def _batch(call: Call) -> int | None:
    """The first size of the first tensor, or None where there is none."""
    args, kwargs = call
    shapes = (each.shape for each in (*args, *kwargs.values()) if isinstance(each, torch.Tensor) and each.dim() > 0)
    first = next(shapes, None)
    return None if first is None else int(first[0])


def _per_sample(seconds: Sequence[float], series: Series) -> tuple[float, ...]:
    """Seconds a call, sample by sample, from those of every call: the first one, warm-up, and then the rounds."""
    sampled = seconds[1 + len(series.warmup_s) :]
    starts = range(0, len(sampled), series.calls)
    return tuple(sum(sampled[at : at + series.calls]) / series.calls for at in starts)
