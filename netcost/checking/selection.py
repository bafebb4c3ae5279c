"""Which targets a command is about: those of the settings, or those that it names."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from netcost.checking.config import Config, Guard, TargetConfig
from netcost.text.errors import RequestError
from netcost.text.names import suggestion
from netcost.zoo.catalogue import ARCHITECTURES, MODULES, matching


def selected(
    config: Config, models: Sequence[str] = (), inputs: Sequence[str] = (), arguments: Mapping[str, Any] | None = None
) -> list[Guard]:
    """The targets called `models`, or all of the settings.

    Args:
        models: names of targets, patterns of them, or models that the settings do not name.
        inputs: of a model that the settings do not name.
        arguments: of such a model.

    Raises:
        RequestError: there is nothing to check, a pattern finds nothing, or a name is nearly that of a target.
    """
    known = all_guards(config)
    if not models and not known:
        where = f"{config.file} names no targets" if config.file else "no pyproject.toml has a [tool.netcost]"
        raise RequestError(f"{where}; list them as [[tool.netcost.targets]], or name a MODEL")
    chosen: dict[str, Guard] = {} if models else dict(known)
    for model in models:
        found = {name: guard for name, guard in known.items() if name == model or fnmatch.fnmatchcase(name, model)}
        chosen.update(found or _unnamed(config, known, model, tuple(inputs), dict(arguments or {})))
    if (inputs or arguments) and any(name in known for name in chosen):
        named = next(name for name in chosen if name in known)
        raise RequestError(f"--input and --arg do not go with {named!r}, which has its own in {config.file!r}")
    return list(chosen.values())


def all_guards(config: Config) -> dict[str, Guard]:
    """Every target of the settings by its name, patterns looked up; one that is named itself stands for itself."""
    found: dict[str, Guard] = {}
    for guard in config.guards:
        if guard.subject.is_pattern:
            found.update({each.subject.name: each for each in _expanded(guard)})
    return found | {guard.subject.name: guard for guard in config.guards if not guard.subject.is_pattern}


def _expanded(guard: Guard) -> Iterable[Guard]:
    try:
        names = matching(guard.subject.model)
    except RequestError as error:
        raise RequestError(f"{guard.place}.model: {error}") from error
    return (replace(guard, subject=replace(guard.subject, name=name, model=name)) for name in names)


def _unnamed(
    config: Config, known: Mapping[str, Guard], model: str, inputs: tuple[str, ...], arguments: dict[str, Any]
) -> dict[str, Guard]:
    """A model that the settings do not name: what they say of all targets holds for it."""
    common = config.common.subject
    subject = TargetConfig(model, model, inputs, arguments, depth=common.depth)
    if subject.is_pattern:
        found = (replace(config.common, subject=replace(subject, name=name, model=name)) for name in matching(model))
        return {guard.subject.name: guard for guard in found}
    near = suggestion(model, known)
    if near and model not in ARCHITECTURES and model not in MODULES and ":" not in model:
        raise RequestError(f"no target {model!r} in {config.file!r}{near}")
    return {model: replace(config.common, subject=subject)}
