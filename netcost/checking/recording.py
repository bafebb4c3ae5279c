"""Counts targets, each in a worker, so that no code of a model can end, hang or change the process of the check."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import NamedTuple, Self

from netcost.checking.baseline import parse
from netcost.checking.config import Config, Guard, TargetConfig, root_of
from netcost.checking.places import CountedCode
from netcost.checking.regression import Place
from netcost.checking.revision import place_in
from netcost.checking.snapshot import Snapshot
from netcost.text.errors import MeasurementError, NetcostError, RequestError, TimeLimitError
from netcost.timing.workers import PATIENCE_S, Recipe, Worker, WorkerPlace
from netcost.timing.workers.messages import Message, error_from_dict

Progress = Callable[[float, str], None]


class Record(NamedTuple):
    """A counted target."""

    snapshot: Snapshot
    code: CountedCode
    predicted: tuple[Message, ...] = ()  # latency per device that was asked for, as plain values


Outcome = Record | NetcostError


class Tree(NamedTuple):
    """The code to count: a working tree, or a revision that is checked out."""

    root: Path
    folder: Path  # in it; models' files and modules are looked up there
    search: tuple[str, ...] = ()  # further folders of its modules, relative to `folder`
    replaces: Path | None = None  # root of the working tree that a revision stands in for

    @classmethod
    def here(cls, config: Config) -> Tree:
        """Return the working tree around the settings."""
        return cls(root_of(config.folder), config.folder.resolve(), config.path)

    @property
    def place(self) -> WorkerPlace:
        """Return the place where its code runs."""
        return place_in(self.root, self.folder, self.replaces, search=self.search)


class Counter:
    """Counts the targets of a tree in a worker, and goes on in a new one after code that ended or changed it.

    The worker starts with the `with` block, and is not waited for: those of two trees start side by side.
    """

    def __init__(self, tree: Tree, patience_s: float = PATIENCE_S) -> None:
        self._tree, self._patience_s = tree, patience_s
        self._stack = ExitStack()
        self._worker: Worker | None = None
        self._is_fresh = True  # True where the worker has counted nothing yet

    def __enter__(self) -> Self:
        """Start the worker."""
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        """End the worker."""
        self._stack.close()

    def count(self, subject: TargetConfig, on: Sequence[str] = ()) -> Outcome:
        """Count one target, and predict its latency on devices.

        Where it fails after others in the same worker, it is tried again in a new one: the code of an earlier target
        may be to blame. One that gives no answer in time is not tried again.
        """
        was_fresh = self._worker is None or self._is_fresh
        outcome = self._counted(subject, on)
        if isinstance(outcome, NetcostError) and not was_fresh and not isinstance(outcome, TimeLimitError):
            self._stop()
            outcome = self._counted(subject, on)
        if isinstance(outcome, MeasurementError):  # its code ended the process, or hangs: nothing was measured
            return RequestError(str(outcome))
        return outcome

    def _counted(self, subject: TargetConfig, on: Sequence[str]) -> Outcome:
        tree = self._tree
        worker = self._worker or self._start()
        self._is_fresh = False
        try:
            answer = worker.ask(
                "call",
                function="netcost.checking.counter:count_target",
                args=[recipe_of(subject).to_dict(), str(tree.root), str(tree.replaces or "")],
                kwargs={
                    "train": subject.train,
                    "concrete": subject.concrete,
                    "step": None if subject.step is None else dict(subject.step),
                    "depth": subject.depth,
                    **({"on": list(on)} if on else {}),
                },
            )
        except NetcostError as error:
            self._stop()
            return error
        if not answer["clean"]:
            self._stop()
        return error_from_dict(answer["error"]) if "error" in answer else _record(answer)

    def _start(self) -> Worker:
        self._worker = self._stack.enter_context(Worker(self._tree.place, patience_s=self._patience_s))
        self._is_fresh = True
        return self._worker

    def _stop(self) -> None:
        self._stack.close()
        self._worker = None


def count_all(
    counter: Counter, guards: Iterable[Guard], progress: Progress | None = None, predicts: bool = False
) -> dict[str, Outcome]:
    """Count each target; return the outcomes by name.

    Args:
        predicts: predict the latencies that have a budget.
        progress: receives the share done and a text.
    """
    guards = list(guards)
    outcomes = {}
    for index, guard in enumerate(guards):
        if progress is not None:
            progress(index / len(guards), f"counting {guard.subject.name}")
        outcomes[guard.subject.name] = counter.count(guard.subject, tuple(guard.limits.latency) if predicts else ())
    return outcomes


def of_target(guard: Guard, error: NetcostError) -> NetcostError:
    """Return the error with the target's name, and where the settings define it."""
    name = repr(guard.subject.name)
    return type(error)(f"{f'{guard.place} ({name})' if guard.place else f'target {name}'}: {error}")


def at_depths(guards: Sequence[Guard], old: Mapping[str, Snapshot]) -> list[Guard]:
    """Return the targets with the depth of their old snapshots: modules of different levels cannot be compared."""
    depths = {guard.subject.name: guard.subject.depth for guard in guards}
    depths |= {name: snapshot.depth for name, snapshot in old.items()}
    return [replace(guard, subject=replace(guard.subject, depth=depths[guard.subject.name])) for guard in guards]


def torch_version() -> str:
    """Return torch's version without its build: the same baseline is written with and without CUDA."""
    if "torch" not in sys.modules:  # importing it takes seconds
        with suppress(metadata.PackageNotFoundError):  # a build that was not installed
            return metadata.version("torch").partition("+")[0]
    import torch

    return str(torch.__version__).partition("+")[0]


def recipe_of(subject: TargetConfig) -> Recipe:
    """Return the recipe that builds a target; its inputs are parsed in the worker."""
    return Recipe(subject.model, subject.arguments, subject.inputs)


def _record(answer: Message) -> Record:
    [snapshot] = parse(answer["baseline"].encode(), "the process that counts").targets.values()
    place, file, absent = answer["code"]
    code = CountedCode(place and Place(*place), file, absent)
    return Record(snapshot, code, tuple(answer.get("predicted", ())))
