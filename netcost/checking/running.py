"""Runs `netcost check` and `netcost baseline update`: counts targets and compares them with what is recorded."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from netcost.checking.baseline import Baseline, read
from netcost.checking.config import PROJECT_FILE, Config, Guard, root_of
from netcost.checking.latency import (
    LatencyGate,
    against_others,
    against_revision,
    not_timed,
    with_latency,
    with_latency_rule,
)
from netcost.checking.recording import Progress, Record, at_depths, record_all, record_in
from netcost.checking.regression import UPDATE, CheckReport, TargetResult, compare
from netcost.checking.revision import checked_out, place_in, repository
from netcost.checking.selection import selected
from netcost.checking.snapshot import Snapshot
from netcost.text.documents import shown
from netcost.text.errors import NetcostError, RequestError
from netcost.text.version import __version__
from netcost.timing.devices import require_device


def torch_version() -> str:
    """Return torch's version without its build: the same baseline is written with and without CUDA."""
    version: str = torch.__version__
    return version.partition("+")[0]


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
        progress: receives the share done and a text.

    Raises:
        RequestError: the baseline is missing or damaged, or a target or revision does not exist.
        MeasurementError: the device does not exist.
        NetcostError: a target cannot be counted or timed.
    """
    guards = selected(config, models, inputs, arguments)
    if gate is not None:
        require_device(gate.timing.device)
        if base is None and not with_latency_rule(guards):
            raise RequestError(
                "--latency has nothing to compare a target with; give --base REVISION, or give a target "
                'latency = {relative_to = "mobilenet_v2", max_ratio = 1.2}'
            )
    if base is not None:
        return _against_revision(config, guards, base, exact, gate, progress)
    baseline = _baseline_for(config, guards)
    old = {} if baseline is None else baseline.targets
    records = record_all(at_depths(guards, old), config.folder, progress)
    file, versions = ("", ()) if baseline is None else (shown(config.baseline), other_versions(baseline))
    results = _compared(guards, old, records, exact, missing=file and f"has no entry in {file!r}")
    if gate is not None:
        here = place_in(root_of(config.folder), config.folder.resolve())
        results = with_latency(results, list(against_others(config, guards, here)), gate, progress)
    return CheckReport(
        results,
        against=file and f"baseline {file!r}",
        baseline=file,
        settings=config.file or PROJECT_FILE,
        updating=_update_command(config),
        stale=() if models else tuple(sorted(set(old) - set(records))),
        remarks=(*versions, *not_timed(guards, gate)),
        exact=exact,
    )


def _against_revision(
    config: Config, guards: Sequence[Guard], base: str, exact: bool, gate: LatencyGate | None, progress: Progress | None
) -> CheckReport:
    """Count both sides, each in a worker; then time them while the revision is still checked out."""
    root, folder = repository(config.folder), config.folder.resolve()
    report_progress = progress or (lambda _share, _text: None)
    against = f"revision {base!r}"
    with checked_out(root, base) as tree:
        base_folder = tree / folder.relative_to(root)
        report_progress(0.0, f"counting at {base}")
        old = _record_revision(guards, against, root, tree, base_folder)
        report_progress(0.5, "counting here")
        records = record_in(root, folder, guards)
        results = _compared(guards, {name: record.snapshot for name, record in old.items()}, records, exact)
        if gate is not None:
            here, then = place_in(root, folder), place_in(tree, base_folder, replaces=root)
            pairings = [
                *against_revision(guards, against, gate.limit, then, here),
                *against_others(config, guards, here),
            ]
            results = with_latency(results, pairings, gate, progress)
    remarks, settings = not_timed(guards, gate), config.file or PROJECT_FILE
    return CheckReport(results, against, settings=settings, remarks=remarks, exact=exact)


def _record_revision(guards: Sequence[Guard], revision: str, root: Path, tree: Path, folder: Path) -> dict[str, Record]:
    """Count the targets with the revision's code, which is checked out in `tree`."""
    try:
        if not folder.is_dir():
            raise RequestError(f"there is no folder {str(folder.relative_to(tree))!r}")
        return record_in(tree, folder, guards, replaces=root)
    except NetcostError as error:
        raise type(error)(f"at {revision}: {error}") from error


def _compared(
    guards: Sequence[Guard], old: Mapping[str, Snapshot], records: Mapping[str, Record], exact: bool, missing: str = ""
) -> tuple[TargetResult, ...]:
    """Compare each target with its old snapshot; `missing` is the problem of one without a snapshot."""
    results = []
    for guard in guards:
        name = guard.subject.name
        now, place = records[name]
        problems = (missing,) if missing and name not in old else ()
        results.append(compare(name, old.get(name), now, guard.limits, exact=exact, problems=problems, place=place))
    return tuple(results)


def update(
    config: Config,
    models: Sequence[str] = (),
    *,
    inputs: Sequence[str] = (),
    arguments: Mapping[str, Any] | None = None,
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
    records = record_all(guards, config.folder, progress)
    kept = old if models else {}
    new = {name: record.snapshot for name, record in records.items()}
    results = tuple(compare(name, old.get(name), snapshot) for name, snapshot in new.items())
    dropped = tuple(sorted(set(old) - set(new) - set(kept)))
    report = CheckReport(results, baseline=shown(config.baseline))
    return Update(config.baseline, Baseline({**kept, **new}, __version__, torch_version()), report, dropped, remarks)


def _update_command(config: Config) -> tuple[str, ...]:
    """Return the command that writes the baseline of these settings."""
    return (*UPDATE, "--config", config.asked) if config.asked else UPDATE


def _read(config: Config) -> Baseline:
    return read(config.baseline, shlex.join(_update_command(config)))


def _baseline_for(config: Config, guards: Sequence[Guard]) -> Baseline | None:
    """Return the baseline; None where it does not exist and every target has a budget instead."""
    if config.baseline.exists() or config.names_baseline:
        return _read(config)
    without_budget = next((guard.subject.name for guard in guards if not guard.limits.budget), None)
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
