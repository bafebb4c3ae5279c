"""What netcost guards, as `[tool.netcost]` of pyproject.toml or a file like netcost.toml says it.

Nothing is loaded here: models are named, and their names are looked up when they are counted.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import isfinite
from pathlib import Path
from typing import Any, TypeVar

from netcost.checking.limits import Limits, parse_budget, parse_tolerance
from netcost.text.entries import LARGEST, Entries, shown
from netcost.text.errors import RequestError

T = TypeVar("T")

PROJECT_FILE = "pyproject.toml"
BASELINE_FILE = "netcost-baseline.json"
KEYS = ("baseline", "depth", "tolerance", "budget", "latency", "targets")
TARGET_KEYS = ("name", "model", "input", "args", "train", "concrete", "depth", "tolerance", "budget", "latency")


@dataclass(frozen=True, slots=True)
class Subject:
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
class Latency:
    """How much slower than another model a target may be, both timed in one run.

    Args:
        relative_to: the other model, or the name of another target.
        max_ratio: latency / the other's.
    """

    relative_to: str
    max_ratio: float


@dataclass(frozen=True, slots=True)
class Guard:
    """A target, and what it must not exceed.

    Args:
        subject: what is counted.
        limits: its own tolerances and budgets over those of all targets.
        latency: what it is timed against, if it is.
        place: where the file says so, for messages.
    """

    subject: Subject
    limits: Limits = field(default_factory=Limits)
    latency: Latency | None = None
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
    common: Guard = field(default_factory=lambda: Guard(Subject("", "")))


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


def _settings(file: Path) -> Entries | None:
    """What the file says to netcost; None where a pyproject.toml says nothing to it."""
    name = shown(file)
    try:
        values: dict[str, Any] = tomllib.loads(file.read_bytes().decode("utf-8"))
    except OSError as error:
        raise RequestError(f"{name}: cannot be read: {error.strerror}; expected a TOML file") from error
    except (ValueError, RecursionError) as error:  # of TOML and of UTF-8
        raise RequestError(f"{name}: is not TOML: {error}") from error
    if file.name != PROJECT_FILE:
        return Entries(name, values)
    tool = Entries(name, values).table("tool")
    return tool.table("netcost") if "netcost" in tool else None


def _config(file: Path, entries: Entries) -> Config:
    entries.only(KEYS)
    common = Guard(Subject("", "", depth=_depth(entries, None)), _limits(entries, Limits()), _latency(entries, None))
    guards = tuple(_guard(each, common) for each in entries.tables("targets"))
    _refuse_namesakes(entries, guards)
    return Config(
        folder=file.parent,
        file=entries.source,
        baseline=_baseline(entries, file.parent),
        names_baseline="baseline" in entries,
        guards=guards,
        common=common,
    )


def _guard(entries: Entries, common: Guard) -> Guard:
    """One of the targets."""
    entries.only(TARGET_KEYS)
    model = entries.get("model", str)
    subject = Subject(
        name=entries.find("name", str, model),
        model=model,
        inputs=_inputs(entries),
        arguments=_arguments(entries),
        train=entries.find("train", bool, False),
        concrete=entries.find("concrete", bool, False),
        depth=_depth(entries, common.subject.depth),
    )
    if subject.is_pattern and "name" in entries:
        raise entries.wrong(
            "name", f"is {subject.name!r}; {model!r} is a pattern, and each model that it finds has one"
        )
    if not subject.name or not model:
        raise entries.wrong("name" if model else "model", "is empty; expected the name of a model")
    limits = _limits(entries, common.limits)
    return Guard(subject, limits, _latency(entries, common.latency), f"{entries.source}: {entries.place}")


def _inputs(entries: Entries) -> tuple[str, ...]:
    """One input, or a list of them."""
    written = entries.values.get("input", [])
    several = written if isinstance(written, list) else [written]
    if not all(isinstance(each, str) for each in several):
        raise entries.wrong("input", f"is {written!r}; expected text like '1x3x224x224', or a list of such")
    return tuple(several)


def _arguments(entries: Entries) -> dict[str, Any]:
    """Arguments of the architecture."""
    table = entries.table("args")
    for key, value in table.values.items():
        try:
            json.dumps(value, allow_nan=False)  # the process that counts a revision gets them as JSON
        except (TypeError, ValueError) as error:
            raise table.wrong(key, f"is {value!r}; expected a number, text, true, false or a list of these") from error
    return dict(table.values)


def _depth(entries: Entries, default: int | None) -> int | None:
    if "depth" not in entries:
        return default
    depth = entries.get("depth", int)
    if not 0 <= depth <= LARGEST:
        raise entries.wrong("depth", f"is {depth}; expected how many levels of modules to tell apart")
    return depth


def _limits(entries: Entries, common: Limits) -> Limits:
    """The limits that the table states, over the common ones."""
    return Limits(
        tolerance={**common.tolerance, **_parsed(entries.table("tolerance"), parse_tolerance)},
        budget={**common.budget, **_parsed(entries.table("budget"), parse_budget)},
    )


def _parsed(entries: Entries, parse: Callable[[str, object], T]) -> dict[str, T]:
    parsed = {}
    for key, written in entries.values.items():
        try:
            parsed[key] = parse(key, written)
        except RequestError as error:
            raise entries.wrong(key, str(error)) from error
    return parsed


def _latency(entries: Entries, common: Latency | None) -> Latency | None:
    if "latency" not in entries:
        return common
    table = entries.table("latency")
    table.only(("relative_to", "max_ratio"))
    latency = Latency(table.get("relative_to", str), table.get("max_ratio", float))
    if not (isfinite(latency.max_ratio) and latency.max_ratio > 0):
        raise table.wrong("max_ratio", f"is {latency.max_ratio}; expected a ratio above 0, like 1.2")
    if not latency.relative_to:
        raise table.wrong("relative_to", "is empty; expected the name of a model")
    return latency


def _baseline(entries: Entries, folder: Path) -> Path:
    """The path of the baseline, which lies in the repository whatever links lead there."""
    written = entries.find("baseline", str, BASELINE_FILE)
    try:
        path = folder / written
        inside = path.resolve().is_relative_to(root_of(folder)) and not Path(written).is_absolute()
    except (OSError, ValueError, RuntimeError) as error:  # a loop of links, a null byte
        raise entries.wrong("baseline", f"is {written!r}, which is no path: {error}") from error
    if not written or not inside:
        raise entries.wrong(
            "baseline", f"is {written!r}; expected a path in the repository, from the file's own folder"
        )
    return path


def _refuse_namesakes(entries: Entries, guards: tuple[Guard, ...]) -> None:
    names = [guard.subject.name for guard in guards]
    for at, name in enumerate(names):
        if name in names[:at]:
            first = names.index(name)
            raise entries.wrong(f"targets[{at}].name", f"is {name!r}, as of targets[{first}]; give it another `name`")
