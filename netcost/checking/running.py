"""`netcost check` and `netcost baseline update`: targets counted, and held against what is recorded of them."""

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
    Pairing,
    against_others,
    against_revision,
    not_timed,
    ruled,
    with_latency,
)
from netcost.checking.recording import Progress, Record, at_depths, record_all, record_in
from netcost.checking.regression import UPDATE, CheckReport, TargetResult, compare
from netcost.checking.revision import checked_out, place_in, repository
from netcost.checking.selection import selected
from netcost.checking.snapshot import Snapshot
from netcost.text.documents import shown
from netcost.text.errors import NetcostError, RequestError
from netcost.text.version import __version__
from netcost.timing.environment import require_device


def torch_version() -> str:
    """Return torch's version without its build: the same file is written with and without CUDA."""
    version: str = torch.__version__
    return version.partition("+")[0]


@dataclass(frozen=True, slots=True)
class Update:
    """A baseline that is to be written.

    Args:
        path: of its file.
        baseline: what to write.
        report: what it changes.
        dropped: targets that are no more.
        remarks: what else to say.
    """

    path: Path
    baseline: Baseline
    report: CheckReport
    dropped: tuple[str, ...] = ()
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
    """Count targets and hold them against the baseline, or another revision, and their budgets.

    Args:
        config: the settings.
        models: names of targets, or models that the settings do not name; none for all targets.
        inputs: of a model that the settings do not name, like "1x3x224x224".
        arguments: of such a model.
        exact: whether any difference fails, for the better too.
        base: the git revision to compare with, instead of the baseline.
        gate: how latency is held, against the revision and by the targets' own rules; None times nothing.
        progress: told how much is done.

    Raises:
        RequestError: the baseline is missing or damaged, a target is none, or the revision is none.
        MeasurementError: there is no such device.
        NetcostError: a target cannot be counted or timed.
    """
    guards = selected(config, models, inputs, arguments)
    _require_timed(guards, base, gate)
    if base is not None:
        return _against_revision(config, guards, base, exact, gate, progress)
    baseline = _baseline_for(config, guards)
    old = {} if baseline is None else baseline.targets
    records = record_all(at_depths(guards, old), config.folder, progress)
    missing = () if baseline is None else (f"has no entry in {shown(config.baseline)!r}",)
    results = _compared(guards, old, records, exact, missing)
    if gate is not None:
        here = place_in(root_of(config.folder), config.folder.resolve())
        results = with_latency(results, list(against_others(config, guards, here)), gate, progress)
    file = "" if baseline is None else shown(config.baseline)
    return CheckReport(
        results,
        against=file and f"baseline {file!r}",
        baseline=file,
        settings=config.file or PROJECT_FILE,
        updating=updating(config),
        stale=() if models else tuple(sorted(set(old) - set(records))),
        remarks=(
            *(() if baseline is None else other_versions(baseline)),
            *(not_timed(guards) if gate is None else ()),
        ),
        exact=exact,
    )


def _require_timed(guards: Sequence[Guard], base: str | None, gate: LatencyGate | None) -> None:
    """Refuse to measure where there is nothing to measure, or no such device, before any work is done."""
    if gate is None:
        return
    require_device(gate.timing.device)
    if base is None and not ruled(guards):
        raise RequestError(
            "--latency has nothing to hold a target against; give --base REVISION, or a target "
            'latency = {relative_to = "mobilenet_v2", max_ratio = 1.2}'
        )


def _against_revision(
    config: Config, guards: Sequence[Guard], base: str, exact: bool, gate: LatencyGate | None, progress: Progress | None
) -> CheckReport:
    """Count both sides, each in a worker; then time them while the revision is still there."""
    root, say = repository(config.folder), progress or (lambda _share, _text: None)
    against = f"revision {base!r}"
    with checked_out(root, base) as tree:
        say(0.0, f"counting at {base}")
        old = _record_revision(config, guards, base, root, tree)
        say(0.5, "counting here")
        records = record_in(root, config.folder.resolve(), guards)
        results = _compared(guards, {name: each.snapshot for name, each in old.items()}, records, exact)
        if gate is not None:
            pairings = _pairings(config, guards, against, gate, root, tree)
            results = with_latency(results, pairings, gate, progress)
    remarks = not_timed(guards) if gate is None else ()
    return CheckReport(results, against, settings=config.file or PROJECT_FILE, remarks=remarks, exact=exact)


def _pairings(
    config: Config, guards: Sequence[Guard], revision: str, gate: LatencyGate, root: Path, tree: Path
) -> list[Pairing]:
    """What is timed: every target against the revision, and those with a rule of their own by it."""
    folder = config.folder.resolve()
    here, then = place_in(root, folder), place_in(tree, tree / folder.relative_to(root), replaces=root)
    return [*against_revision(guards, revision, gate.limit, then, here), *against_others(config, guards, here)]


def _record_revision(config: Config, guards: Sequence[Guard], base: str, root: Path, tree: Path) -> dict[str, Record]:
    """Count the targets with the revision's code."""
    folder = tree / config.folder.resolve().relative_to(root)
    try:
        if not folder.is_dir():
            raise RequestError(f"there is no folder {str(folder.relative_to(tree))!r}")
        return record_in(tree, folder, guards, replaces=root)
    except NetcostError as error:
        raise type(error)(f"at revision {base!r}: {error}") from error


def _compared(
    guards: Sequence[Guard],
    old: Mapping[str, Snapshot],
    records: Mapping[str, Record],
    exact: bool,
    missing: tuple[str, ...] = (),
) -> tuple[TargetResult, ...]:
    """Each target held against what it was.

    Args:
        missing: what is wrong with a target that nothing is known of.
    """
    return tuple(
        compare(
            name,
            old.get(name),
            records[name].snapshot,
            guard.limits,
            exact=exact,
            problems=() if name in old else missing,
            place=records[name].place,
        )
        for name, guard in ((guard.subject.name, guard) for guard in guards)
    )


def update(
    config: Config,
    models: Sequence[str] = (),
    *,
    inputs: Sequence[str] = (),
    arguments: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Update:
    """Count targets for the baseline: all of them, or some, beside which the others stay as they are.

    The arguments are those of `check`.

    Raises:
        RequestError: a target is none, or other targets cannot be kept because the baseline is damaged.
        NetcostError: a target cannot be counted.
    """
    guards = selected(config, models, inputs, arguments)
    remarks: tuple[str, ...] = ()
    try:
        old = read(config.baseline, shlex.join(updating(config))).targets if config.baseline.exists() else {}
    except RequestError as error:
        if models:
            raise
        old, remarks = {}, (f"replaced, because {error}",)
    records = record_all(guards, config.folder, progress)
    kept = {name: old[name] for name in old if models}
    new = {name: each.snapshot for name, each in records.items()}
    results = tuple(compare(name, old.get(name), snapshot) for name, snapshot in new.items())
    dropped = tuple(sorted(set(old) - set(new) - set(kept)))
    report = CheckReport(results, baseline=shown(config.baseline))
    return Update(config.baseline, Baseline({**kept, **new}, __version__, torch_version()), report, dropped, remarks)


def updating(config: Config) -> tuple[str, ...]:
    """The command that writes the baseline of these settings."""
    return (*UPDATE, "--config", config.asked) if config.asked else UPDATE


def _baseline_for(config: Config, guards: Sequence[Guard]) -> Baseline | None:
    """The baseline; None where there is none and every target has a budget to keep instead."""
    if config.baseline.exists() or config.names_baseline:
        return read(config.baseline, shlex.join(updating(config)))
    bare = next((guard.subject.name for guard in guards if not guard.limits.budget), None)
    if bare is not None:
        file = shown(config.baseline)
        raise RequestError(
            f"{bare!r} has no budget, and there is no baseline {file!r}; write it: {shlex.join(updating(config))}"
        )
    return None


def other_versions(baseline: Baseline) -> tuple[str, ...]:
    """That the baseline was counted with another netcost or torch, which may count otherwise."""
    then = {"netcost": baseline.netcost, "torch": baseline.torch}
    now = {"netcost": __version__, "torch": torch_version()}
    return tuple(
        f"the baseline was counted with {name} {then[name]}, this with {now[name]}"
        for name in then
        if then[name] != now[name]
    )
