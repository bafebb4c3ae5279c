"""Runs `netcost check` and `netcost baseline update`: counts targets and compares them with what is recorded."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netcost.checking.baseline import Baseline, read
from netcost.checking.config import Config, Guard
from netcost.checking.earlier import Earlier, Match, earlier_of
from netcost.checking.recording import (
    Counter,
    Outcome,
    Progress,
    Record,
    Tree,
    at_depths,
    count_all,
    of_target,
    torch_version,
)
from netcost.checking.regression import UPDATE, CheckReport, PredictedResult, TargetResult, compare
from netcost.checking.revision import checked_out, repository
from netcost.checking.selection import not_timed, selected, with_latency_rule
from netcost.checking.snapshot import Snapshot
from netcost.text.documents import shown
from netcost.text.errors import AbsentTargetError, NetcostError, RequestError
from netcost.text.settings import PROJECT_FILE
from netcost.text.version import __version__
from netcost.timing.workers import PATIENCE_S

if TYPE_CHECKING:
    from netcost.checking.latency import LatencyGate

# `netcost.checking.latency` is imported by the functions that time: it imports torch, which only the workers need.


@dataclass(frozen=True, slots=True)
class Update:
    """A new baseline, not yet written."""

    path: Path
    baseline: Baseline
    report: CheckReport  # its differences from the old baseline
    dropped: tuple[str, ...] = ()  # recorded names that are no longer targets
    remarks: tuple[str, ...] = ()


def check(
    config: Config,
    models: Sequence[str] = (),
    *,
    inputs: Sequence[str] = (),
    arguments: Mapping[str, Any] | None = None,
    exact: bool = False,
    base: str | None = None,
    gate: LatencyGate | None = None,
    patience_s: float = PATIENCE_S,
    progress: Progress | None = None,
) -> CheckReport:
    """Count targets again and compare them with the baseline, or with a git revision, and with their budgets.

    Args:
        models: names of targets, or models that the settings do not name; empty for all targets.
        inputs: of a model that the settings do not name, like "1x3x224x224".
        arguments: of such a model.
        exact: fail on any difference, improvements included.
        base: git revision to compare with, instead of the baseline.
        gate: times each target against `base` and by its own latency rule; None times nothing.
        patience_s: time limit for counting one target (seconds).
        progress: receives the share done and a text.

    A target that cannot be counted or timed has its error in the report; the others go on.

    Raises:
        RequestError: the baseline is missing or damaged, or the revision does not exist.
        MeasurementError: the device does not exist.
    """
    guards = selected(config, models, inputs, arguments)
    if gate is not None:
        from netcost.timing.devices import require_device

        require_device(gate.timing.device)
        if base is None and not with_latency_rule(guards):
            raise RequestError(
                "--latency has nothing to compare a target with; give --base REVISION, or give a target "
                'latency = {relative_to = "mobilenet_v2", max_ratio = 1.2}'
            )
    if base is not None:
        return _against_revision(config, guards, base, exact, gate, patience_s, progress)
    baseline = _baseline_for(config, guards)
    old = {} if baseline is None else baseline.targets
    tree = Tree.here(config)
    with Counter(tree, patience_s) as counter:
        outcomes = count_all(counter, at_depths(guards, old), progress, predicts=True)
    file, versions = ("", ()) if baseline is None else (shown(config.baseline), other_versions(baseline))
    missing = file and f"has no entry in {file!r}"
    results = tuple(_result(guard, outcomes, old.get(guard.subject.name), exact, missing) for guard in guards)
    if gate is not None:
        from netcost.checking.latency import against_others, with_latency

        results = with_latency(results, list(against_others(config, guards, tree.place)), gate, progress)
    return CheckReport(
        results,
        against=file and f"baseline {file!r}",
        baseline=file,
        settings=config.file or PROJECT_FILE,
        updating=_update_command(config),
        stale=() if models else tuple(sorted(set(old) - set(outcomes))),
        remarks=(*versions, *not_timed(guards, gate is not None)),
        exact=exact,
    )


def _against_revision(
    config: Config,
    guards: Sequence[Guard],
    base: str,
    exact: bool,
    gate: LatencyGate | None,
    patience_s: float,
    progress: Progress | None,
) -> CheckReport:
    """Count both sides, each in a worker; then time them while the revision is still checked out."""
    root, here = repository(config.folder), Tree.here(config)
    against = f"revision {base!r}"
    with checked_out(root, base) as tree:
        earlier = Earlier.of(config, here, tree)
        # Both workers start before either counts.
        with Counter(here, patience_s) as counter, Counter(earlier.tree, patience_s) as then:
            outcomes = count_all(counter, guards, _half(progress, 0.0, "here"), predicts=True)
            found = earlier_of(earlier, then, guards, outcomes, base, _half(progress, 0.5, f"at {base}"))
        results = tuple(_compared(guard, outcomes, found[guard.subject.name], exact, against) for guard in guards)
        if gate is not None:
            from netcost.checking.latency import against_others, against_revision, with_latency

            subjects = {name: match.subject for name, match in found.items() if isinstance(match.outcome, Record)}
            pairings = [
                *against_revision(guards, against, gate.limit, earlier.tree.place, here.place, subjects),
                *against_others(config, guards, here.place),
            ]
            results = with_latency(results, pairings, gate, progress)
    remarks = (*earlier.remarks(found, against), *not_timed(guards, gate is not None))
    return CheckReport(results, against, settings=config.file or PROJECT_FILE, remarks=remarks, exact=exact)


def _compared(guard: Guard, outcomes: Mapping[str, Outcome], match: Match, exact: bool, against: str) -> TargetResult:
    """Compare a target with what it was at a revision."""
    then = match.outcome
    result = _result(guard, outcomes, then.snapshot if isinstance(then, Record) else None, exact)
    if isinstance(then, Record):
        return replace(result, was=match.was, elsewhere={**then.code.elsewhere, **result.elsewhere})
    if result.error is not None:
        return result
    if isinstance(then, AbsentTargetError):
        return replace(result, absence=f"{against} has none: {then}")
    return replace(result, error=type(then)(f"at {against}: {then}"))


def _result(
    guard: Guard, outcomes: Mapping[str, Outcome], old: Snapshot | None, exact: bool, missing: str = ""
) -> TargetResult:
    """Compare a target with its old snapshot; `missing` is the problem of one without a snapshot."""
    name, outcome = guard.subject.name, outcomes[guard.subject.name]
    if not isinstance(outcome, Record):
        return TargetResult(name, None, old, error=of_target(guard, outcome))
    problems = (missing,) if missing and old is None else ()
    result = compare(name, old, outcome.snapshot, guard.limits, exact=exact, problems=problems)
    budgets = zip(
        guard.limits.latency.items(), outcome.predicted, strict=False
    )  # of no budget where none was asked for
    predicted = tuple(PredictedResult.of(on, budget, plain) for (on, budget), plain in budgets)
    return replace(result, latencies=predicted, **outcome.code._asdict())


def _half(progress: Progress | None, begun: float, where: str) -> Progress | None:
    """Return the progress of one of two sides as a part of the whole."""
    return None if progress is None else lambda share, text: progress(begun + share / 2, f"{text} {where}")


def update(
    config: Config,
    models: Sequence[str] = (),
    *,
    inputs: Sequence[str] = (),
    arguments: Mapping[str, Any] | None = None,
    patience_s: float = PATIENCE_S,
    progress: Progress | None = None,
) -> Update:
    """Count targets for a new baseline: all of them, or those named, which leaves the others as they are.

    The arguments are those of `check`.

    Raises:
        RequestError: a target does not exist, or the baseline is damaged and its other targets would be lost.
        NetcostError: a target cannot be counted.
    """
    guards = selected(config, models, inputs, arguments)
    old: Mapping[str, Snapshot] = {}
    remarks: tuple[str, ...] = ()
    try:
        old = _read(config).targets if config.baseline.exists() else {}
    except RequestError as error:
        if models:
            raise
        remarks = (f"replaced, because {error}",)
    with Counter(Tree.here(config), patience_s) as counter:
        outcomes = count_all(counter, guards, progress)
    kept = old if models else {}
    new = {name: outcome.snapshot for name, outcome in outcomes.items() if isinstance(outcome, Record)}
    uncounted = ((guard, outcomes[guard.subject.name]) for guard in guards)
    _refuse_uncounted([of_target(guard, error) for guard, error in uncounted if isinstance(error, NetcostError)])
    results = tuple(_result(guard, outcomes, old.get(guard.subject.name), exact=False) for guard in guards)
    dropped = tuple(sorted(set(old) - set(new) - set(kept)))
    report = CheckReport(results, baseline=shown(config.baseline))
    return Update(config.baseline, Baseline({**kept, **new}, __version__, torch_version()), report, dropped, remarks)


def _refuse_uncounted(errors: Sequence[NetcostError]) -> None:
    """Raise the first error: a baseline without some of its targets would guard less than it says."""
    if errors:
        more = f" (and {len(errors) - 1} more targets that cannot be counted)" if len(errors) > 1 else ""
        raise type(errors[0])(f"{errors[0]}{more}; nothing is written")


def _update_command(config: Config) -> tuple[str, ...]:
    """Return the command that writes the baseline of these settings."""
    return (*UPDATE, "--config", config.asked) if config.asked else UPDATE


def _read(config: Config) -> Baseline:
    return read(config.baseline, shlex.join(_update_command(config)))


def _baseline_for(config: Config, guards: Sequence[Guard]) -> Baseline | None:
    """Return the baseline; None where it does not exist and every target has a budget instead."""
    if config.baseline.exists() or config.names_baseline:
        return _read(config)
    without_budget = next((guard.subject.name for guard in guards if not guard.limits.has_budget), None)
    if without_budget is not None:
        file, command = shown(config.baseline), shlex.join(_update_command(config))
        raise RequestError(f"{without_budget!r} has no budget, and there is no baseline {file!r}; write it: {command}")
    return None


def other_versions(baseline: Baseline) -> tuple[str, ...]:
    """Return a remark for each of netcost and torch whose version differs from the baseline's."""
    then = {"netcost": baseline.netcost, "torch": baseline.torch}
    now = {"netcost": __version__, "torch": torch_version()}
    return tuple(
        f"the baseline was counted with {name} {then[name]}, this with {now[name]}"
        for name in then
        if then[name] != now[name]
    )
