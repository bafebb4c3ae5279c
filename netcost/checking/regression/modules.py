"""Compares the modules of two snapshots: added, removed, changed or only renamed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from netcost.checking.snapshot import Module
from netcost.counting.breakdown import ADDITIVE


class ModuleStatus(StrEnum):
    """The kind of a module's change."""

    CHANGED = "changed"
    ADDED = "added"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class ModuleChange:
    """A module before and after."""

    path: str  # its name in the model
    old: Module | None  # None for an added module
    new: Module | None  # None for a removed module

    @property
    def status(self) -> ModuleStatus:
        """The kind of change."""
        if self.old is None:
            return ModuleStatus.ADDED
        return ModuleStatus.REMOVED if self.new is None else ModuleStatus.CHANGED

    @property
    def type(self) -> str:
        """The name of its class; both names where it changed."""
        return " → ".join(dict.fromkeys(module.type for module in (self.old, self.new) if module is not None))

    def delta(self, figure: str) -> int | None:
        """Return new - old (units), where an absent module costs 0; None where a figure is unknown."""
        old = 0 if self.old is None else self.old.figures[figure]
        new = 0 if self.new is None else self.new.figures[figure]
        return None if old is None or new is None else new - old

    @property
    def deltas(self) -> dict[str, int | None]:
        """New - old of each additive metric."""
        return {figure: self.delta(figure) for figure in ADDITIVE}


class ModuleDiff(NamedTuple):
    """The differences between two sets of modules."""

    changes: tuple[ModuleChange, ...]  # largest first
    renamed: dict[str, str]  # old path -> new path of modules with the same cost


def diff(old: Mapping[str, Module], new: Mapping[str, Module]) -> ModuleDiff:
    """Compare modules by path; where the path or the class differs, by their figures too.

    The class matters because paths are often numbers: a layer inserted into a sequence renames all layers after it.
    """
    replaced = {path for path, module in old.items() if path not in new or _is_another(module, new[path])}
    removed = {path: old[path] for path in replaced if old[path].works}
    added = {path: module for path, module in new.items() if (path not in old or path in replaced) and module.works}
    renamed = _pairs(removed, added, lambda module: (module.type, *_figures(module)))
    renamed |= _pairs(_without(removed, renamed), _without(added, renamed.values()), _figures)
    removed, added = _without(removed, renamed), _without(added, renamed.values())
    changes = [ModuleChange(path, removed.get(path), added.get(path)) for path in {**removed, **added}]
    changes += [
        ModuleChange(path, module, new[path])
        for path, module in old.items()
        if path not in replaced and _figures(module) != _figures(new[path])
    ]
    whole = {figure: max(_sum(old, figure), _sum(new, figure)) for figure in ADDITIVE}
    return ModuleDiff(tuple(sorted(changes, key=lambda change: (-_weight(change, whole), change.path))), renamed)


def _is_another(old: Module, new: Module) -> bool:
    """Return True where both class and cost differ: the path now names another module."""
    return old.type != new.type and _figures(old) != _figures(new)


def _figures(module: Module) -> tuple[int | None, ...]:
    return tuple(module.figures[figure] for figure in ADDITIVE)


def _without(modules: Mapping[str, Module], paths: Iterable[str]) -> dict[str, Module]:
    taken = set(paths)
    return {path: module for path, module in modules.items() if path not in taken}


def _pairs(
    removed: Mapping[str, Module], added: Mapping[str, Module], key: Callable[[Module], Hashable]
) -> dict[str, str]:
    """Pair modules with the same key, in the order of their paths."""
    waiting: dict[Hashable, list[str]] = defaultdict(list)
    for path in sorted(added, reverse=True):
        waiting[key(added[path])].append(path)
    return {path: waiting[key(removed[path])].pop() for path in sorted(removed) if waiting[key(removed[path])]}


def _sum(modules: Mapping[str, Module], figure: str) -> int:
    return sum(module.figures[figure] or 0 for module in modules.values())


def _weight(change: ModuleChange, whole: Mapping[str, int]) -> float:
    """Return the module's largest change of any figure, as a share of the whole network."""
    return max(abs(delta or 0) / (whole[figure] or 1) for figure, delta in change.deltas.items())
