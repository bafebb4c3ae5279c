"""What netcost guards, as `[tool.netcost]` of pyproject.toml or a file like netcost.toml says it.

Nothing is loaded here: models are named, and their names are looked up when they are counted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, TypeVar

from netcost.checking.limits import Limits, parse_budget, parse_tolerance
from netcost.text.documents import TOML, Source, shown
from netcost.text.errors import RequestError
from netcost.text.reading import Constraint, Node, NonNegativeInt

T = TypeVar("T")

PROJECT_FILE = "pyproject.toml"
BASELINE_FILE = "netcost-baseline.json"
LARGEST_FILE = 4 * 2**20
"""Bytes that settings may have: reading TOML takes seconds per megabyte."""

Name = Annotated[str, Constraint("the name of a model", bool)]
KEYS = ("baseline", "depth", "tolerance", "budget", "latency", "targets")
TARGET_KEYS = ("name", "model", "input", "args", "train", "concrete", "depth", "tolerance", "budget", "latency")


@dataclass(frozen=True, slots=True)
class TargetConfig:
    """What is counted.

    Args:
        name: what reports and the baseline call it.
        model: a target, like "googlenet" or "net.py:Net"; or a pattern of the zoo's names, like "module:*".
        inputs: like "1x3x224x224"; none for the model's own.
        arguments: passed to the architecture.
        train: count training mode.
        concrete: trace on real tensors.
        depth: levels of modules that the baseline tells apart; None for the innermost ones.
    """

    name: str
    model: str
    inputs: tuple[str, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)
    train: bool = False
    concrete: bool = False
    depth: int | None = None

    @property
    def is_pattern(self) -> bool:
        """Whether `model` stands for several of the zoo."""
        return any(sign in self.model for sign in "*?[")


@dataclass(frozen=True, slots=True)
class LatencyRule:
    """How much slower than another model a target may be, both timed in one run.

    Args:
        relative_to: the other model, or the name of another target.
        max_ratio: latency / the other's.
    """

    relative_to: Name
    max_ratio: Annotated[float, Constraint("a ratio above 0, like 1.2", lambda ratio: ratio > 0)]


@dataclass(frozen=True, slots=True)
class Guard:
    """A target, and what it must not exceed.

    Args:
        subject: what is counted.
        limits: its own tolerances and budgets over those of all targets.
        latency: what it is timed against, if it is.
        place: where the file says so, for messages.
    """

    subject: TargetConfig
    limits: Limits = field(default_factory=Limits)
    latency: LatencyRule | None = None
    place: str = ""


@dataclass(frozen=True, slots=True)
class Config:
    """A file of settings.

    Args:
        folder: that the file is in: models' files, modules and the baseline are looked for from there.
        file: as messages name it; empty where there is none.
        asked: the file, where it was asked for by name.
        baseline: path of the baseline.
        names_baseline: whether the file says where the baseline is; then it has to be there.
        guards: the targets, patterns among them not looked up.
        common: what a target has that says nothing of its own.
    """

    folder: Path
    file: str = ""
    asked: str = ""
    baseline: Path = Path(BASELINE_FILE)
    names_baseline: bool = False
    guards: tuple[Guard, ...] = ()
    common: Guard = field(default_factory=lambda: Guard(TargetConfig("", "")))


def load(path: str | None = None) -> Config:
    """The settings in the file, or else in the nearest pyproject.toml that has any; without one, none.

    Raises:
        RequestError: a file is missing, is not TOML, or says what cannot be meant; the message names file and key.
    """
    if path is not None:
        file = Path(path).absolute()
        values = _settings(file)
        if values is None:
            raise RequestError(f"{shown(file)}: has no [tool.netcost]; expected the settings there")
        return replace(_config(file, values), asked=path)
    here = Path.cwd()
    for folder in (here, *here.parents):
        file = folder / PROJECT_FILE
        values = _settings(file) if file.is_file() else None
        if values is not None:
            return _config(file, values)
        if (folder / ".git").exists():
            break
    return Config(here, baseline=here / BASELINE_FILE)


def root_of(folder: Path) -> Path:
    """The repository that the folder is in, or the folder itself where it is in none."""
    folder = folder.resolve()
    return next((each for each in (folder, *folder.parents) if (each / ".git").exists()), folder)


def _settings(file: Path) -> Node | None:
    """What the file says to netcost; None where a pyproject.toml says nothing to it."""
    document = Node.of_file(file, Source(shown(file), format=TOML), LARGEST_FILE)
    if file.name != PROJECT_FILE:
        return document
    said = document.get("tool", {}).get("netcost")
    return None if said.value is None else said


def _config(file: Path, node: Node) -> Config:
    node.only(KEYS)
    common = Guard(TargetConfig("", "", depth=_depth(node, None)), _limits(node, Limits()), _latency(node, None))
    targets = node.get("targets", []).items()
    guards = tuple(_guard(target, common) for target in targets)
    _refuse_namesakes(targets, guards)
    return Config(
        folder=file.parent,
        file=node.source.name,
        baseline=_baseline(node.get("baseline", BASELINE_FILE), file.parent),
        names_baseline="baseline" in node,
        guards=guards,
        common=common,
    )


def _guard(node: Node, common: Guard) -> Guard:
    """One of the targets."""
    node.only(TARGET_KEYS)
    model = node["model"].read(Name)
    subject = TargetConfig(
        name=node.get("name", model).read(Name),
        model=model,
        inputs=_inputs(node.get("input", [])),
        arguments=_arguments(node.get("args", {})),
        train=node.get("train", False).read(bool),
        concrete=node.get("concrete", False).read(bool),
        depth=_depth(node, common.subject.depth),
    )
    if subject.is_pattern and "name" in node:
        node["name"].fail(f"found {subject.name!r}; {model!r} is a pattern, and each model that it finds has its own")
    limits = _limits(node, common.limits)
    return Guard(subject, limits, _latency(node, common.latency), f"{node.source.name}: {node.place}")


def _inputs(node: Node) -> tuple[str, ...]:
    """One input, or a list of them."""
    several = node.value if isinstance(node.value, list) else [node.value]
    if not all(isinstance(each, str) for each in several):
        node.refuse("text like '1x3x224x224', or a list of such")
    return tuple(several)


def _arguments(node: Node) -> dict[str, Any]:
    """Arguments of the architecture."""
    for argument in node.entries().values():
        try:
            json.dumps(argument.value, allow_nan=False)  # the process that counts a revision gets them as JSON
        except (TypeError, ValueError):
            argument.refuse("a number, text, true, false or a list of these")
    return node.read(dict[str, Any])


def _depth(node: Node, default: int | None) -> int | None:
    depth: int | None = node.get("depth", default).read(NonNegativeInt | None)
    return depth


def _limits(node: Node, common: Limits) -> Limits:
    """The limits that the table states, over the common ones."""
    return Limits(
        tolerance={**common.tolerance, **_parsed(node.get("tolerance", {}), parse_tolerance)},
        budget={**common.budget, **_parsed(node.get("budget", {}), parse_budget)},
    )


def _parsed(node: Node, parse: Callable[[str, object], T]) -> dict[str, T]:
    parsed = {}
    for key, written in node.entries().items():
        try:
            parsed[key] = parse(key, written.value)
        except RequestError as error:
            written.fail(str(error))
    return parsed


def _latency(node: Node, common: LatencyRule | None) -> LatencyRule | None:
    if "latency" not in node:
        return common
    node["latency"].only(("relative_to", "max_ratio"))
    return node["latency"].read(LatencyRule)


def _baseline(node: Node, folder: Path) -> Path:
    """The path of the baseline, which lies in the repository whatever links lead there."""
    written = node.read(str)
    try:
        path = folder / written
        inside = path.resolve().is_relative_to(root_of(folder)) and not Path(written).is_absolute()
    except (OSError, ValueError, RuntimeError) as error:  # a loop of links, a null byte
        node.refuse(f"a path ({error})")
    if not written or not inside:
        node.refuse("a path in the repository, from the file's own folder")
    return path


def _refuse_namesakes(targets: list[Node], guards: tuple[Guard, ...]) -> None:
    names = [guard.subject.name for guard in guards]
    for index, name in enumerate(names):
        if name in names[:index]:
            targets[index]["name"].fail(
                f"{name!r} is the name of targets[{names.index(name)}], too; give it another `name`"
            )
