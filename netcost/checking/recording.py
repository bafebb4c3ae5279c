"""Counting targets, to be kept or compared: a snapshot of each, and where its model is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import chdir
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from netcost.checking.config import Guard, Subject, root_of
from netcost.checking.places import place_of
from netcost.checking.regression import Place
from netcost.checking.snapshot import Snapshot, take
from netcost.counting.analysis import analyze
from netcost.targets.naming import resolve
from netcost.text.errors import NetcostError
from netcost.tracing import paused_collection

Progress = Callable[[float, str], None]


class Record(NamedTuple):
    """A counted target.

    Args:
        snapshot: its cost.
        place: where its model is written, if that is in the repository.
    """

    snapshot: Snapshot
    place: Place | None = None


def record_all(guards: Iterable[Guard], folder: Path, progress: Progress | None = None) -> dict[str, Record]:
    """Count targets as they are in a folder; each by its name.

    Args:
        guards: the targets.
        folder: that models' files and modules are looked for in. It is the current folder meanwhile.
        progress: told how much is done.

    Raises:
        NetcostError: one cannot be counted; the message says which.
    """
    guards = list(guards)
    found = {}
    with chdir(folder):
        for at, guard in enumerate(guards):
            subject = guard.subject
            if progress is not None:
                progress(at / len(guards), f"counting {subject.name}")
            try:
                found[subject.name] = record(subject, root_of(folder))
            except NetcostError as error:
                where = f"{guard.place} ({subject.name!r})" if guard.place else f"target {subject.name!r}"
                raise type(error)(f"{where}: {error}") from error
    return found


def record(subject: Subject, root: Path) -> Record:
    """Count one target.

    Args:
        root: the repository, from which its file is named.
    """
    with paused_collection():
        target = resolve(subject.model, subject.arguments, subject.inputs)
        model = target.build() if subject.concrete else target.build_weightless()
        mode = "train" if subject.train else "eval"
        analysis = analyze(model, target.required_inputs(), mode=mode, concrete=subject.concrete)
    snapshot = take(analysis.count, analysis.metrics(), subject.model, subject.depth)
    return Record(snapshot, place_of(type(model), subject.model, root))


def at_depths(guards: Iterable[Guard], old: Mapping[str, Snapshot]) -> list[Guard]:
    """The targets with as many levels of modules as their old snapshots tell apart: others cannot be compared."""
    return [
        replace(guard, subject=replace(guard.subject, depth=old[guard.subject.name].depth))
        if guard.subject.name in old
        else guard
        for guard in guards
    ]
