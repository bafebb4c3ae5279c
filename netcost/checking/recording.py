"""Counts targets: the snapshot of each, and the place of its model in the source."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import chdir
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from netcost.checking.baseline import Baseline, parse, render
from netcost.checking.config import Guard, TargetConfig, root_of
from netcost.checking.places import place_of
from netcost.checking.regression import Place
from netcost.checking.revision import own_folders, place_in, refuse_strays
from netcost.checking.snapshot import Snapshot, take
from netcost.counting.analysis import analyze
from netcost.targets.inputs import is_code
from netcost.targets.loading import importable
from netcost.targets.naming import resolve
from netcost.text.errors import MeasurementError, NetcostError, RequestError
from netcost.timing.workers import Recipe, Worker
from netcost.timing.workers.worker import PATIENCE_S
from netcost.tracing import parse_input, paused_collection

Progress = Callable[[float, str], None]


class Record(NamedTuple):
    """A counted target."""

    snapshot: Snapshot
    place: Place | None = None  # of its model, where that is in the repository


def record_all(guards: Iterable[Guard], folder: Path, progress: Progress | None = None) -> dict[str, Record]:
    """Count targets as they are in a folder; return the records by name.

    Args:
        folder: models' files and modules are looked up there, and in `src` as for `place_in`; it is the current folder
            meanwhile.
        progress: receives the share done and a text.

    Raises:
        NetcostError: a target cannot be counted; the message says which.
    """
    root = root_of(folder)
    with chdir(folder), importable(*own_folders(root, folder.resolve())):
        return _count_each(guards, lambda subject: _record(recipe_of(subject), root, **_mode(subject)), progress)


def record_in(
    root: Path,
    folder: Path,
    guards: Iterable[Guard],
    replaces: Path | None = None,
    *,
    patience_s: float = PATIENCE_S,
) -> dict[str, Record]:
    """Count targets in a worker with the code of another tree.

    Args:
        root, folder, replaces: of the code, as for `place_in`.
        patience_s: time limit per target (seconds).

    Raises:
        NetcostError: a target cannot be counted there.
    """
    try:
        with Worker(place_in(root, folder, replaces), patience_s=patience_s) as worker:
            records = _count_each(guards, lambda subject: _record_by(worker, subject, root_of(folder)))
            if replaces is not None:
                worker.call(refuse_strays, str(replaces), str(root))
            return records
    except MeasurementError as error:  # the user's code ended its process or hangs: nothing was measured
        raise RequestError(str(error)) from error


def _count_each(
    guards: Iterable[Guard], count: Callable[[TargetConfig], Record], progress: Progress | None = None
) -> dict[str, Record]:
    """Count each target; an error names the target."""
    guards = list(guards)
    records = {}
    for index, guard in enumerate(guards):
        subject = guard.subject
        if progress is not None:
            progress(index / len(guards), f"counting {subject.name}")
        try:
            records[subject.name] = count(subject)
        except NetcostError as error:
            where = f"{guard.place} ({subject.name!r})" if guard.place else f"target {subject.name!r}"
            raise type(error)(f"{where}: {error}") from error
    return records


def recipe_of(subject: TargetConfig) -> Recipe:
    """Return the recipe that builds a target.

    Raises:
        RequestError: an input does not parse.
    """
    return Recipe(
        subject.model,
        subject.arguments,
        tuple(written if is_code(written) else parse_input(written) for written in subject.inputs),
    )


def _mode(subject: TargetConfig) -> dict[str, Any]:
    return {"train": subject.train, "concrete": subject.concrete, "depth": subject.depth}


def _record(recipe: Recipe, root: Path, train: bool, concrete: bool, depth: int | None) -> Record:
    """Count one target; its place is relative to the repository's `root`."""
    with paused_collection():
        target = resolve(recipe.target, recipe.arguments, recipe.inputs)
        model = target.build() if concrete else target.build_weightless()
        mode = "train" if train else "eval"
        analysis = analyze(model, target.required_inputs(), mode=mode, concrete=concrete)
    snapshot = take(analysis.count, analysis.metrics(), recipe.target, depth, analysis.input_values)
    return Record(snapshot, place_of(type(model), recipe.target, root))


def _record_by(worker: Worker, subject: TargetConfig, root: Path) -> Record:
    """Count one target in a worker."""
    answer = worker.call(record_here, recipe_of(subject).to_dict(), str(root), **_mode(subject))
    [snapshot] = parse(answer["baseline"].encode(), "the process that counts").targets.values()
    return Record(snapshot, answer["place"] and Place(*answer["place"]))


def record_here(recipe: Mapping[str, Any], root: str, train: bool, concrete: bool, depth: int | None) -> dict[str, Any]:
    """Count one target; return plain values, with the snapshot as the text of a baseline, which is read strictly."""
    snapshot, place = _record(Recipe.from_dict(recipe), Path(root), train, concrete, depth)
    return {"baseline": render(Baseline({recipe["target"]: snapshot})), "place": place}


def at_depths(guards: Sequence[Guard], old: Mapping[str, Snapshot]) -> list[Guard]:
    """Return the targets with the depth of their old snapshots: modules of different levels cannot be compared."""
    depths = {guard.subject.name: guard.subject.depth for guard in guards}
    depths |= {name: snapshot.depth for name, snapshot in old.items()}
    return [replace(guard, subject=replace(guard.subject, depth=depths[guard.subject.name])) for guard in guards]
