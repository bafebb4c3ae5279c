"""Settings: the targets to guard, read from `[tool.netcost]` of pyproject.toml or from a file like netcost.toml.

Nothing is loaded here: models are named, and their names are looked up when they are counted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, TypeVar

from netcost.checking.limits import Limits, parse_budget, parse_latency, parse_tolerance
from netcost.text.errors import RequestError
from netcost.text.reading import Constraint, Node, NonNegativeInt
from netcost.text.settings import settings

T = TypeVar("T")

BASELINE_FILE = "netcost-baseline.json"
LATENCY = "latency."
"""Begins the key of a budget of predicted latency, before the name of the device or file."""

Name = Annotated[str, Constraint("the name of a model", bool)]


@dataclass(frozen=True, slots=True)
class TargetConfig:
    """A network to count, and how."""

    name: str  # in reports and in the baseline
    model: str  # a target, like "googlenet" or "net.py:Net"; or a pattern of zoo names, like "module:*"
    inputs: tuple[str, ...] = ()  # like "1x3x224x224"; empty for the model's own
    arguments: Mapping[str, Any] = field(default_factory=dict)  # passed to the architecture
    train: bool = False  # count training mode
    concrete: bool = False  # trace on real tensors
    step: Mapping[str, Any] | None = None  # arguments of a `TrainStep` to count as well
    depth: int | None = None  # levels of modules that the baseline records; None for the innermost modules

    @property
    def is_pattern(self) -> bool:
        """True where `model` stands for several models of the zoo."""
        return any(sign in self.model for sign in "*?[")


@dataclass(frozen=True, slots=True)
class LatencyRule:
    """The largest latency of a target relative to another model, both timed in one run."""

    relative_to: Name  # the other model, or the name of another target
    max_ratio: Annotated[float, Constraint("a ratio above 0, like 1.2", lambda ratio: ratio > 0)]  # latency / other's


@dataclass(frozen=True, slots=True)
class Guard:
    """A target with its limits."""

    subject: TargetConfig
    limits: Limits = field(default_factory=Limits)  # its own tolerances and budgets over those of all targets
    latency: LatencyRule | None = None
    place: str = ""  # where the settings define it, for messages


@dataclass(frozen=True, slots=True)
class Config:
    """The content of a settings file."""

    folder: Path  # of the file: models' files, modules and the baseline are looked up from there
    path: tuple[str, ...] = ()  # further folders, relative to it, from which the tree's own modules are imported
    file: str = ""  # as messages name it; empty without a file
    asked: str = ""  # the file, where the user named it
    source: Path | None = None  # the file; None without one
    baseline: Path = Path(BASELINE_FILE)
    names_baseline: bool = False  # True where the file names the baseline, which must then exist
    guards: tuple[Guard, ...] = ()  # the targets; patterns are not expanded
    common: Guard = field(default_factory=lambda: Guard(TargetConfig("", "")))  # the defaults of every target


def load(path: str | None = None) -> Config:
    """Read the settings from `path`, or else from the nearest pyproject.toml that has any; there may be none.

    Raises:
        RequestError: a file is missing, is not TOML or holds an invalid value; the message names file and key.
    """
    found = settings(path)
    if found is None:
        here = Path.cwd()
        return Config(here, baseline=here / BASELINE_FILE)
    return replace(_config(*found), asked=path or "")


def root_of(folder: Path) -> Path:
    """Return the root of the git repository around the folder; outside a repository, the folder itself."""
    folder = folder.resolve()
    return next((parent for parent in (folder, *folder.parents) if (parent / ".git").exists()), folder)


def _config(file: Path, node: Node) -> Config:
    node.only(("baseline", "path", "depth", "tolerance", "budget", "latency", "targets", "lint"))
    depth = node.get("depth").read(NonNegativeInt | None)
    common = Guard(TargetConfig("", "", depth=depth), _limits(node, Limits()), _latency(node, None))
    targets = node.get("targets", []).items()
    guards = tuple(_guard(target, common) for target in targets)
    _refuse_duplicates(targets, guards)
    return Config(
        folder=file.parent,
        path=_path(node.get("path", []), file.parent),
        file=node.source.name,
        source=file,
        baseline=_baseline(node.get("baseline", BASELINE_FILE), file.parent),
        names_baseline="baseline" in node,
        guards=guards,
        common=common,
    )


def _guard(node: Node, common: Guard) -> Guard:
    known = ("name", "model", "input", "args", "train", "concrete", "step", "depth", "tolerance", "budget", "latency")
    node.only(known)
    model = node["model"].read(Name)
    subject = TargetConfig(
        name=node.get("name", model).read(Name),
        model=model,
        inputs=_inputs(node.get("input", [])),
        arguments=_arguments(node.get("args", {})),
        train=node.get("train", False).read(bool),
        concrete=node.get("concrete", False).read(bool),
        step=_step(node["step"]) if "step" in node else None,
        depth=node.get("depth", common.subject.depth).read(NonNegativeInt | None),
    )
    if subject.is_pattern and "name" in node:
        node["name"].fail(f"found {subject.name!r}; {model!r} is a pattern, whose models keep their names; remove it")
    limits = _limits(node, common.limits)
    return Guard(subject, limits, _latency(node, common.latency), f"{node.source.name}: {node.place}")


def _inputs(node: Node) -> tuple[str, ...]:
    """Read one input or a list of inputs."""
    inputs = node.value if isinstance(node.value, list) else [node.value]
    if not all(isinstance(written, str) for written in inputs):
        node.refuse("text like '1x3x224x224', or a list of such")
    return tuple(inputs)


def _step(node: Node) -> dict[str, Any]:
    """Read `"train"`, or a table of what describes a training step; its words are looked up when it is counted."""
    if node.value == "train":
        return {}
    node.only(("optimizer", "loss", "amp", "device", "passes"))
    return {
        name: entry.read(Annotated[int, Constraint("a number of 1 or more", lambda passes: passes > 0)])
        if name == "passes"
        else entry.read(Name)
        for name, entry in node.entries().items()
    }


def _arguments(node: Node) -> dict[str, Any]:
    """Read the architecture's arguments."""
    for argument in node.entries().values():
        try:
            json.dumps(argument.value, allow_nan=False)  # the process that counts a revision receives them as JSON
        except (TypeError, ValueError):
            argument.refuse("a number, text, true, false or a list of these")
    return node.read(dict[str, Any])


def _limits(node: Node, common: Limits) -> Limits:
    """Read the limits of a table, which override the common ones."""
    tolerances, budgets = node.get("tolerance", {}).entries(), node.get("budget", {}).entries()
    latencies = {key.removeprefix(LATENCY): budgets.pop(key) for key in [*budgets] if key.startswith(LATENCY)}
    if "latency" in budgets:  # latency.rtx4090 without quotes is a table to TOML
        latencies |= budgets.pop("latency").entries()
    return Limits(
        tolerance={**common.tolerance, **_parsed(tolerances, parse_tolerance)},
        budget={**common.budget, **_parsed(budgets, parse_budget)},
        latency={**common.latency, **_parsed(latencies, parse_latency)},
    )


def _parsed(nodes: Mapping[str, Node], parse: Callable[[str, object], T]) -> dict[str, T]:
    parsed = {}
    for key, written in nodes.items():
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


def _path(node: Node, folder: Path) -> tuple[str, ...]:
    """Read the folders of the tree's own modules, which must be inside the repository."""
    names = node.read(tuple[str, ...])
    for name in names:
        if Path(name).is_absolute() or not (folder / name).resolve().is_relative_to(root_of(folder)):
            node.refuse("folders inside the repository, relative to this file")
    return names


def _baseline(node: Node, folder: Path) -> Path:
    """Read the path of the baseline, which must be inside the repository even where it is a link."""
    written = node.read(str)
    try:
        path = folder / written
        inside = path.resolve().is_relative_to(root_of(folder)) and not Path(written).is_absolute()
    except (OSError, ValueError, RuntimeError) as error:  # a loop of links, a null byte
        node.refuse(f"a path ({error})")
    if not written or not inside:
        node.refuse("a path inside the repository, relative to this file")
    return path


def _refuse_duplicates(targets: list[Node], guards: tuple[Guard, ...]) -> None:
    names = [guard.subject.name for guard in guards]
    for index, name in enumerate(names):
        first = names.index(name)
        if first < index:
            targets[index]["name"].fail(f"{name!r} is also the name of targets[{first}]; give it another `name`")
