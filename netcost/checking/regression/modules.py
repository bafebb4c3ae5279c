"""Which modules changed: added, removed, or with other figures; and which only have another name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from netcost.checking.snapshot import Module
from netcost.counting.breakdown import ADDITIVE


class ModuleStatus(StrEnum):
    """What happened to a module."""

    CHANGED = "changed"
    ADDED = "added"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class ModuleChange:
    """A module then and now.

    Args:
        path: its name in the model.
        old: None where it was not there.
        new: None where it is not there.
    """

    path: str
    old: Module | None
    new: Module | None

    @property
    def status(self) -> ModuleStatus:
        """What happened to it."""
        if self.old is None:
            return ModuleStatus.ADDED
        return ModuleStatus.REMOVED if self.new is None else ModuleStatus.CHANGED

    @property
    def type(self) -> str:
        """Name of its class; of both where that changed."""
        types = dict.fromkeys(module.type for module in (self.old, self.new) if module is not None)
        return " → ".join(types)

    def delta(self, figure: str) -> int | None:
        """New - old (units), a module that is not there having nothing; None where a figure is not known."""
        old = 0 if self.old is None else self.old.figures[figure]
        new = 0 if self.new is None else self.new.figures[figure]
        return None if old is None or new is None else new - old

    @property
    def deltas(self) -> dict[str, int | None]:
        """New - old of everything that adds up over modules."""
        return {figure: self.delta(figure) for figure in ADDITIVE}


class ModuleDiff(NamedTuple):
    """The modules that changed, largest first, and the new names of those that did not: old path -> new path."""

    changes: tuple[ModuleChange, ...]
    renamed: dict[str, str]


def diff(old: Mapping[str, Module], new: Mapping[str, Module]) -> ModuleDiff:
    """Compare modules by their paths; where the path or the class is another, by their figures too.

    The class matters because paths are often numbers: a layer put into a row of layers renames all behind it.
    """
    other = {path for path, module in old.items() if path not in new or _is_another(module, new[path])}
    gone = {path: old[path] for path in other if old[path].works}
    come = {path: module for path, module in new.items() if (path not in old or path in other) and module.works}
    renamed = _same(gone, come, lambda module: (module.type, *_figures(module)))
    renamed |= _same(_without(gone, renamed), _without(come, renamed.values()), _figures)
    gone, come = _without(gone, renamed), _without(come, renamed.values())
    found = [ModuleChange(path, gone.get(path), come.get(path)) for path in {**gone, **come}]
    for path, module in old.items():
        if path not in other and _figures(module) != _figures(new[path]):
            found.append(ModuleChange(path, module, new[path]))
    whole = {figure: _most(old, new, figure) for figure in ADDITIVE}
    return ModuleDiff(tuple(sorted(found, key=lambda change: (-_weight(change, whole), change.path))), renamed)


def _is_another(old: Module, new: Module) -> bool:
    """Whether a path now names another module, and not the same one with more to do or with another class name."""
    return old.type != new.type and _figures(old) != _figures(new)


def _figures(module: Module) -> tuple[int | None, ...]:
    return tuple(module.figures[figure] for figure in ADDITIVE)


def _without(modules: Mapping[str, Module], paths: Iterable[str]) -> dict[str, Module]:
    taken = set(paths)
    return {path: module for path, module in modules.items() if path not in taken}


def _same(gone: Mapping[str, Module], come: Mapping[str, Module], key: Callable[[Module], Hashable]) -> dict[str, str]:
    """Pairs of the two sides with the same key, in the order of their paths."""
    waiting: dict[Hashable, list[str]] = defaultdict(list)
    for path in sorted(come, reverse=True):
        waiting[key(come[path])].append(path)
    return {path: waiting[key(gone[path])].pop() for path in sorted(gone) if waiting[key(gone[path])]}


def _most(old: Mapping[str, Module], new: Mapping[str, Module], figure: str) -> int:
    """The figure of all modules together, of the side where it is larger."""
    return max(sum(module.figures[figure] or 0 for module in side.values()) for side in (old, new))


def _weight(change: ModuleChange, whole: Mapping[str, int]) -> float:
    """The largest share of the whole, in any figure, that the module has more or less than before."""
    return max(abs(delta or 0) / (whole[figure] or 1) for figure, delta in change.deltas.items())
