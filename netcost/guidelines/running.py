"""Tries the guidelines and the networks setting by setting -> Findings.

Each finished setting is handed to `keep`, and a saved one that suffices is not measured again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from netcost.guidelines import g1, g2, g3, g4
from netcost.guidelines.findings import Findings
from netcost.guidelines.grid import FULL_S, PRECISION, QUICK_S, Task, grid
from netcost.guidelines.guideline import GUIDELINES, Guideline
from netcost.guidelines.networks.study import Study, study
from netcost.guidelines.options import Options
from netcost.guidelines.resuming import measure_missing, part_of
from netcost.guidelines.saved import Saved
from netcost.guidelines.trial import Goal, Trial
from netcost.text.errors import RequestError
from netcost.text.version import __version__
from netcost.timing.devices import require_device
from netcost.timing.environment import Environment, read_environment
from netcost.timing.measuring import random_call
from netcost.timing.runtimes import require_runtimes
from netcost.timing.sampling import Progress

ALL = tuple(guideline.name for guideline in (g1.G1, g2.G2, g3.G3, g4.G4))
NETWORKS = "networks"

Keep = Callable[[Findings], None]


def run(
    names: Sequence[str] = ALL,
    options: Options | None = None,
    *,
    saved: Saved | None = None,
    keep: Keep | None = None,
    progress: Progress | None = None,
) -> Findings:
    """Try guidelines and networks on a device.

    Each setting has an equal share of the budget; time that one leaves over goes to those after it.

    Args:
        names: "g1" to "g4", and "networks".
        options: the device and the timing; the defaults of `Options` unless given. Device "none" times nothing: the
            variants are counted, and `saved` is shown.
        saved: a run to go on with. Its results that suffice are taken over; those that were not asked for stay in.
        keep: handed the findings so far after each setting.
        progress: told the share that is done, and what goes on.

    Raises:
        RequestError: a guideline is unknown, or `saved` or the peaks are from another environment.
        MeasurementError: there is no such device.
    """
    options = options or Options()
    keep_findings: Keep = keep or (lambda _: None)
    if options.peaks is not None and options.timing.is_timed:
        options.peaks.require(options.timing.device)
    environment = require(names, options, saved, with_peaks=options.peaks is not None)
    asked, with_networks = _guidelines(names), NETWORKS in names
    before = Findings(()) if saved is None else saved.findings
    guidelines = [known for known in map(GUIDELINES.get, GUIDELINES) if known in {*asked, *before.guidelines}]
    networks = before.networks or (Study() if with_networks else None)
    if options.peaks is not None and networks is not None:
        networks = replace(networks, peaks=options.peaks)
    findings = replace(before, guidelines=tuple(guidelines), networks=networks)
    if environment is None:
        return findings
    findings = replace(findings, environment=environment.to_dict(), version=__version__, setting=options.setting)
    parts, threads = bool(asked) + with_networks, _threads(options, environment)
    if asked:
        to_try = [guideline for guideline in guidelines if guideline in asked]
        tasks = grid(to_try, options.timing.device, threads, quick=options.quick, batch=options.batch)
        findings = _try(tasks, findings, options, keep_findings, part_of(progress, 0, parts))
    if not with_networks:
        return findings
    networks = study(
        options,
        threads,
        saved=networks,
        keep=lambda networks: keep_findings(replace(findings, networks=networks)),
        progress=part_of(progress, parts - 1, parts),
    )
    return replace(findings, networks=networks)


def require(names: Sequence[str], options: Options, saved: Saved | None, *, with_peaks: bool) -> Environment | None:
    """Refuse a run that cannot be done, before anything is measured, peaks included; raises as `run` does.

    Args:
        with_peaks: True where the options have peaks, or will have them.

    Returns:
        the environment of the timing; None where nothing is to be timed.
    """
    _guidelines(names)
    has_networks = NETWORKS in names or (saved is not None and saved.findings.networks is not None)
    if with_peaks and not has_networks:
        raise RequestError("--peaks is for networks, which were not asked for: netcost guidelines networks --peaks …")
    if not options.timing.is_timed:
        return None
    require_runtimes(options.timing.backends)
    environment = read_environment(require_device(options.timing.device), options.timing.threads)
    if options.elementwise_share is not None or options.time_by_kind is not None:
        options.timing.refuse("a run with --profile", "dtype", "memory_format", "backend", "cold_cache")
    if saved is not None:
        saved.require(environment.to_dict())
        saved.require_setting(options.setting)
        if NETWORKS in names:
            saved.require_threads(options.timing.device, max(_threads(options, environment)), options.batch or 1)
    return environment


def _guidelines(names: Sequence[str]) -> list[Guideline]:
    """Return the guidelines among the names, each once."""
    return [GUIDELINES.get(name) for name in dict.fromkeys(names) if name != NETWORKS]


def _threads(options: Options, environment: Environment) -> list[int]:
    """Return the numbers of threads to try, in rising order; on a GPU, that of the host."""
    is_free = options.timing.device == "cpu" and options.timing.threads is None
    return sorted({1, environment.threads}) if is_free else [environment.threads]


def _try(tasks: Sequence[Task], before: Findings, options: Options, keep: Keep, progress: Progress | None) -> Findings:
    """Return the findings with every task tried."""
    goal = options.goal(len(tasks), full_s=FULL_S, quick_s=QUICK_S, precision=PRECISION)
    saved = {trial.task: trial for trial in before.trials}
    findings = replace(before, planned=len({*saved, *tasks}), goal=goal)
    trials = measure_missing(
        tasks,
        saved,
        measure_trial,
        suffices=lambda trial: trial.suffices(goal) and not _lacks_profile(trial, options),
        options=options,
        goal=goal,
        keep=lambda trials: keep(replace(findings, trials=trials)),
        progress=progress,
    )
    return replace(findings, trials=trials)


def _lacks_profile(trial: Trial, options: Options) -> bool:
    """True where a profile was asked for that this trial has not."""
    is_asked = options.elementwise_share is not None and trial.task.guideline is g4.G4
    return is_asked and all(times.elementwise_time_share is None for times in trial.series)


def measure_trial(
    task: Task, granted_s: float, progress: Progress | None = None, *, options: Options, goal: Goal
) -> Trial:
    """Time the variants of a task side by side for `granted_s` seconds.

    The goal is recorded: `granted_s` has its budget, and the time that others have left over.
    """
    setting = task.setting
    ready = [(made.name, made.build(), random_call(made.input_shape(setting.batch))) for made in task.variants]
    stopped, times = options.sample(ready, setting.device, setting.threads, Goal(granted_s, goal.precision), progress)
    if task.guideline is g4.G4 and options.elementwise_share is not None:
        for name, model, call in ready:
            if not times[name].error:
                share = options.elementwise_share(model, call, setting)
                times[name] = replace(times[name], elementwise_time_share=share)
    return Trial(task=task, goal=goal, stopped=stopped, series=tuple(times.values()))
