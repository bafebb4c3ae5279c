"""The guidelines and the networks, tried setting by setting -> Findings.

What is finished is kept as it goes, and what was saved is not measured again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from netcost.guidelines import g1, g2, g3, g4
from netcost.guidelines.budget import share_out
from netcost.guidelines.findings import Findings
from netcost.guidelines.grid import FULL_S, PRECISION, QUICK_S, Conditions, Task, grid
from netcost.guidelines.guideline import GUIDELINES, Guideline
from netcost.guidelines.networks.study import Study, study
from netcost.guidelines.options import Options
from netcost.guidelines.saved import Saved
from netcost.guidelines.trial import Goal, Trial, series_of, stop_of
from netcost.text.errors import RequestError
from netcost.text.version import __version__
from netcost.timing.environment import Environment, read_environment, require_device
from netcost.timing.measuring import random_call
from netcost.timing.sampling import Progress

ALL = tuple(each.name for each in (g1.G1, g2.G2, g3.G3, g4.G4))
NETWORKS = "networks"

Keep = Callable[[Findings], None]
Key = tuple[str, Conditions]


def run(
    names: Sequence[str] = ALL,
    options: Options | None = None,
    *,
    saved: Saved | None = None,
    keep: Keep | None = None,
    progress: Progress | None = None,
) -> Findings:
    """Try guidelines and networks on a device.

    Each setting has the same share of the budget; what one leaves over goes to those after it.

    Args:
        names: "g1" to "g4", and "networks".
        options: on what and how; the defaults of `Options` unless given. Device "none" times nothing: what is to be
            timed is counted, and `saved` is shown.
        saved: a run to go on with; what suffices of it is taken over, and what was not asked for stays in.
        keep: handed what there is after each setting.
        progress: told the share done and what is being done.

    Raises:
        RequestError: no such guideline, or `saved` or the peaks are from another environment.
        MeasurementError: there is no such device.
    """
    options = options or Options()
    if options.peaks is not None and options.timing.is_timed:
        options.peaks.require(options.timing.device)
    environment = require(names, options, saved, with_peaks=options.peaks is not None)
    asked = _guidelines(names)
    found = _shown(asked, NETWORKS in names, None if saved is None else saved.findings)
    if options.peaks is not None and found.networks is not None:
        found = replace(found, networks=replace(found.networks, peaks=options.peaks))
    if environment is None:
        return found
    found = replace(found, environment=environment.to_dict(), version=__version__)
    both = bool(asked) and NETWORKS in names
    if asked:
        found = _try(asked, found, options, _threads(options, environment), keep, _half(progress, 0, both))
    if NETWORKS not in names:
        return found

    def keep_networks(networks: Study) -> None:
        if keep is not None:
            keep(replace(found, networks=networks))

    numbers = _threads(options, environment)
    networks = study(options, numbers, saved=found.networks, keep=keep_networks, progress=_half(progress, 1, both))
    return replace(found, networks=networks)


def require(names: Sequence[str], options: Options, saved: Saved | None, *, with_peaks: bool) -> Environment | None:
    """Refuse what `run` could not do, before anything is measured, peaks included.

    Args:
        names, options, saved: as for `run`.
        with_peaks: whether the options have peaks, or will have them.

    Returns:
        the environment of the timing; None where nothing is to be timed.

    Raises:
        RequestError, MeasurementError: as for `run`.
    """
    _guidelines(names)
    has_networks = NETWORKS in names or (saved is not None and saved.findings.networks is not None)
    if with_peaks and not has_networks:
        raise RequestError("--peaks is for networks, which were not asked for: netcost guidelines networks --peaks …")
    if not options.timing.is_timed:
        return None
    environment = read_environment(require_device(options.timing.device), options.timing.threads)
    if saved is not None:
        saved.require(environment.to_dict())
        if NETWORKS in names:
            saved.require_threads(options.timing.device, max(_threads(options, environment)))
    return environment


def _guidelines(names: Sequence[str]) -> list[Guideline]:
    """The guidelines among the names, each once."""
    return [GUIDELINES.get(name) for name in dict.fromkeys(names) if name != NETWORKS]


def _shown(asked: Sequence[Guideline], with_networks: bool, saved: Findings | None) -> Findings:
    """What was saved, and what was asked for beside it."""
    before = saved or Findings(())
    guidelines = {*asked, *before.guidelines}
    return replace(
        before,
        guidelines=tuple(each for each in map(GUIDELINES.get, GUIDELINES) if each in guidelines),
        networks=before.networks or (Study() if with_networks else None),
    )


def _threads(options: Options, environment: Environment) -> list[int]:
    """Numbers of threads to try, in rising order; on a GPU, that of the host."""
    is_free = options.timing.device == "cpu" and options.timing.threads is None
    return sorted({1, environment.threads}) if is_free else [environment.threads]


def _half(progress: Progress | None, half: int, is_half: bool) -> Progress | None:
    """The progress of one of two parts, or of the only one."""
    if progress is None or not is_half:
        return progress
    return lambda share, text: progress((half + share) / 2, text)


def _try(
    asked: Sequence[Guideline],
    before: Findings,
    options: Options,
    threads: Sequence[int],
    keep: Keep | None,
    progress: Progress | None,
) -> Findings:
    """The findings with every setting of the grid tried."""
    tasks = grid(
        [each for each in before.guidelines if each in asked], options.timing.device, threads, quick=options.quick
    )
    goal = options.goal(len(tasks), full_s=FULL_S, quick_s=QUICK_S, precision=PRECISION)
    done = {trial.task.key: trial for trial in before.trials}
    todo = [task for task in tasks if task.key not in done or not _suffices(done[task.key], goal, options)]
    empty = replace(before, planned=len({*done, *(task.key for task in tasks)}), goal=goal)

    def measure(task: Task, granted_s: float, part: Progress | None) -> Trial:
        return measure_trial(task, options, goal, granted_s, part)

    def after(task: Task, trial: Trial) -> None:
        done[task.key] = trial
        if keep is not None:
            keep(replace(empty, trials=_in_order(done, tasks)))

    share_out(todo, goal.budget_s, measure, after, clock=options.clock, progress=progress)
    return replace(empty, trials=_in_order(done, tasks))


def _suffices(trial: Trial, goal: Goal, options: Options) -> bool:
    """Whether measuring it again would add nothing: neither better times, nor a profile that was asked for."""
    asked = options.elementwise_share is not None and trial.task.guideline is g4.G4
    profiled = any(each.elementwise_time_share is not None for each in trial.series)
    return trial.suffices(goal) and (profiled or not asked)


def _in_order(done: Mapping[Key, Trial], tasks: Sequence[Task]) -> tuple[Trial, ...]:
    """The trials of the grid in its order, after those that were saved beside it."""
    planned = [task.key for task in tasks]
    beside = [key for key in done if key not in planned]
    return tuple(done[key] for key in (*beside, *planned) if key in done)


def measure_trial(
    task: Task, options: Options, goal: Goal, granted_s: float, progress: Progress | None = None
) -> Trial:
    """Time the variants of a task side by side.

    Args:
        goal: when it is to stop, which is recorded.
        granted_s: seconds that it may take: those of the goal, and what others have left over.
    """
    setting = task.setting
    share = options.elementwise_share if task.guideline is g4.G4 else None
    ready = [(each.name, each.build(), random_call(each.input_shape(setting.batch))) for each in task.variants]
    timing = options.timing_on(setting.device, setting.threads, granted_s, goal.precision)
    results = options.time_all(ready, timing, progress)
    shares = [None if share is None else share(model, call, setting) for _, model, call in ready]
    series = tuple(
        series_of(name, result, its) for (name, _, _), result, its in zip(ready, results, shares, strict=True)
    )
    return Trial(task=task, goal=goal, stopped=stop_of(results), series=series)
