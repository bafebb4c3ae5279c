"""Finds what each target was at a git revision: the same, another by the settings of then, moved, or not there yet."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from netcost.checking.config import Config, Guard, TargetConfig, load
from netcost.checking.recording import Counter, Outcome, Progress, Record, Tree
from netcost.checking.revision import commit_of, renamed_files
from netcost.checking.selection import all_guards
from netcost.text.errors import AbsentTargetError, RequestError


@dataclass(frozen=True, slots=True)
class Match:
    """A target at the revision."""

    subject: TargetConfig
    outcome: Outcome  # an AbsentTargetError where the revision has no such target
    was: str = ""  # its model then, where that has another name


@dataclass(frozen=True, slots=True)
class Earlier:
    """The revision's tree, with the targets that its own settings name."""

    tree: Tree
    targets: Mapping[str, TargetConfig]  # by name
    present: frozenset[str]  # names of the present settings' targets
    problem: str = ""  # why its settings could not be read

    @classmethod
    def of(cls, config: Config, here: Tree, root: Path) -> Earlier:
        """Read the settings of the revision that is checked out in `root`.

        Where it has none, or none that can be read, each target is looked for as it is named now.
        """
        folder = root / here.folder.relative_to(here.root)
        own, problem = None, ""
        source = config.source
        if source is not None and source.resolve().is_relative_to(here.root):
            file = root / source.resolve().relative_to(here.root)
            try:
                own = load(str(file)) if file.is_file() else None
            except RequestError as error:
                # A pyproject.toml without [tool.netcost] is none of netcost's yet.
                problem = "" if "has no [tool.netcost]" in str(error) else str(error)
        # A folder that one side alone names may hold what a copy from elsewhere would stand in for.
        search = tuple(dict.fromkeys((*(() if own is None else own.path), *config.path)))
        targets = {} if own is None else {name: guard.subject for name, guard in all_guards(own).items()}
        return cls(Tree(root, folder, search, here.root), targets, frozenset(all_guards(config)), problem)

    @property
    def gone(self) -> dict[str, TargetConfig]:
        """Return the targets whose names the present settings do not have."""
        return {name: subject for name, subject in self.targets.items() if name not in self.present}

    def remarks(self, matches: Mapping[str, Match], against: str) -> tuple[str, ...]:
        """Say what the comparison as a whole leaves out: settings that do not read, and targets that are gone."""
        is_whole = self.present <= matches.keys()  # else some targets alone were asked for
        found = {match.subject.name for match in matches.values()}
        gone = ", ".join(sorted(self.gone.keys() - found)) if is_whole else ""
        remarks = [f"the settings at {against} cannot be read: {self.problem}"] if self.problem else []
        return (*remarks, *([f"a target at {against}, but no longer checked: {gone}"] if gone else []))


def earlier_of(
    earlier: Earlier,
    counter: Counter,
    guards: Sequence[Guard],
    outcomes: Mapping[str, Outcome],
    revision: str,
    progress: Progress | None = None,
) -> dict[str, Match]:
    """Count at the revision what each target was there.

    Args:
        outcomes: of the targets now, by name.
        progress: receives the share done and a text.
    """
    replaces = earlier.tree.replaces
    assert replaces is not None, "a revision stands in for a working tree"
    renamed = renamed_files(replaces, commit_of(replaces, revision))
    matches = {}
    for index, guard in enumerate(guards):
        subject, outcome = guard.subject, outcomes[guard.subject.name]
        if progress is not None:
            progress(index / len(guards), f"counting {subject.name}")
        matches[subject.name] = _match(earlier, counter, subject, outcome, renamed)
    return matches


def _match(
    earlier: Earlier,
    counter: Counter,
    subject: TargetConfig,
    now: Outcome,
    renamed: Mapping[str, str],
) -> Match:
    """Count the first that the revision has: the target by its settings, as it is now, or as it was before a move."""
    if not earlier.tree.folder.is_dir():
        return Match(subject, AbsentTargetError(f"there is no folder {earlier.tree.folder.name!r}"))
    first: Match | None = None
    for candidate in _candidates(earlier, subject, now, renamed):
        asked = replace(candidate, depth=subject.depth)  # modules of different levels cannot be compared
        outcome = counter.count(asked)
        match = Match(asked, outcome, candidate.model if candidate.model != subject.model else "")
        if not isinstance(outcome, AbsentTargetError):
            return match
        first = first or match
    assert first is not None, "there is always one candidate"
    return replace(first, was="")


def _candidates(
    earlier: Earlier,
    subject: TargetConfig,
    now: Outcome,
    renamed: Mapping[str, str],
) -> Iterator[TargetConfig]:
    if subject.name in earlier.targets:
        yield earlier.targets[subject.name]
        return
    yield subject
    place, _, attribute = subject.model.rpartition(":")
    if not place or not isinstance(now, Record):
        return
    namesakes = [other for other in earlier.gone.values() if other.model.rpartition(":")[2] == attribute]
    if len(namesakes) == 1:
        yield namesakes[0]
    file = now.code.file
    if file in renamed:
        yield replace(subject, model=f"{_place_before(place, file, renamed[file], earlier.tree)}:{attribute}")


def _place_before(place: str, file: str, old: str, tree: Tree) -> str:
    """Return the file or module that a target named before its file was renamed from `old` to `file`."""
    if place.endswith(".py"):
        return os.path.relpath(tree.root / old, tree.folder)
    above = len(_dotted(file)) - len(place.split("."))  # folders above the outermost package
    return ".".join(_dotted(old)[max(0, above) :])


def _dotted(file: str) -> tuple[str, ...]:
    """Return the parts of a module's name, from the root of the repository on."""
    path = PurePosixPath(file)
    return (path.parent if path.stem == "__init__" else path.with_suffix("")).parts
