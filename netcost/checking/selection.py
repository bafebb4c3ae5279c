"""Selects the targets of a command: all those of the settings, or those that the user names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from netcost.checking.config import Config, Guard, TargetConfig
from netcost.text.errors import RequestError
from netcost.text.registry import suggestion

# The zoo is imported by the functions that need its names: it imports torch, which only the workers need.


def selected(
    config: Config, models: Sequence[str] = (), inputs: Sequence[str] = (), arguments: Mapping[str, Any] | None = None
) -> list[Guard]:
    """Return the targets called `models`, or all targets of the settings.

    Args:
        models: names of targets, patterns of them, or models that the settings do not name.
        inputs: of a model that the settings do not name.
        arguments: of such a model.

    Raises:
        RequestError: there is nothing to check, a pattern matches nothing, or a name is misspelled.
    """
    known = all_guards(config)
    if not models and not known:
        where = f"{config.file} names no targets" if config.file else "no pyproject.toml has a [tool.netcost]"
        raise RequestError(f"{where}; list them as [[tool.netcost.targets]], or name a MODEL")
    chosen: dict[str, Guard] = {} if models else dict(known)
    for model in models:
        matches = {name: guard for name, guard in known.items() if name == model or fnmatchcase(name, model)}
        chosen.update(matches or _unnamed(config, known, model, tuple(inputs), dict(arguments or {})))
    named = next((name for name in chosen if name in known), None)
    if (inputs or arguments) and named is not None:
        raise RequestError(f"--input and --arg do not apply to {named!r}; change its entry in {config.file!r}")
    return list(chosen.values())


def all_guards(config: Config) -> dict[str, Guard]:
    """Return every target of the settings by name, patterns expanded; a target's own entry overrides a pattern."""
    patterns = [guard for guard in config.guards if guard.subject.is_pattern]
    expanded = {guard.subject.name: guard for pattern in patterns for guard in _expanded(pattern)}
    return expanded | {guard.subject.name: guard for guard in config.guards if not guard.subject.is_pattern}


def with_latency_rule(guards: Iterable[Guard]) -> list[Guard]:
    """Return the targets that have a latency rule; a rule does not compare a target with itself."""
    return [guard for guard in guards if guard.latency and guard.latency.relative_to != guard.subject.name]


def not_timed(guards: Iterable[Guard], is_timed: bool) -> tuple[str, ...]:
    """Return the remark that latency rules were not checked; none where they are, or without rules."""
    names = "" if is_timed else ", ".join(guard.subject.name for guard in with_latency_rule(guards))
    return (f"latency rules not checked: {names}; add --latency to time them",) if names else ()


def _expanded(guard: Guard) -> Iterable[Guard]:
    from netcost.zoo.catalogue import matching

    try:
        names = matching(guard.subject.model)
    except RequestError as error:
        raise RequestError(f"{guard.place}.model: {error}" if guard.place else str(error)) from error
    return (replace(guard, subject=replace(guard.subject, name=name, model=name)) for name in names)


def _unnamed(
    config: Config, known: Mapping[str, Guard], model: str, inputs: tuple[str, ...], arguments: dict[str, Any]
) -> dict[str, Guard]:
    """Return guards for a model that the settings do not name, with the common settings."""
    subject = TargetConfig(model, model, inputs, arguments, depth=config.common.subject.depth)
    guard = replace(config.common, subject=subject)
    if subject.is_pattern:
        return {expanded.subject.name: expanded for expanded in _expanded(guard)}
    near = suggestion(model, known)
    if near and ":" not in model and not _is_of_zoo(model):
        raise RequestError(f"no target {model!r} in {config.file!r}{near}")
    return {model: guard}


def _is_of_zoo(name: str) -> bool:
    from netcost.zoo.catalogue import ARCHITECTURES, MODULES

    return name in ARCHITECTURES or name in MODULES
