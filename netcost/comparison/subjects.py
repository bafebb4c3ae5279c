"""What people name, as targets that can be counted and timed: each with its inputs, in the element type asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import nn

from netcost.targets.naming import Target, resolve
from netcost.text.errors import RequestError
from netcost.timing.conversion import copied, in_setting
from netcost.timing.setting import Setting
from netcost.tracing import input_specs


def subjects(models: Sequence[str | Target | nn.Module], inputs: Any, setting: Setting) -> list[Target]:
    """What to count and time, in the setting's element type, with the inputs it gets.

    Raises:
        RequestError: a target is unknown, its input missing, or there is none at all.
    """
    if not models:
        raise RequestError("compare needs at least one model")
    return [_subject(model, inputs, setting) for model in models]


def _subject(model: str | Target | nn.Module, inputs: Any, setting: Setting) -> Target:
    """One target; each time it is built, it is another instance, so that the one that is timed was never traced."""
    specs = () if inputs is None else input_specs(inputs)
    target = resolve(model, inputs=specs) if isinstance(model, str) else model
    if isinstance(target, nn.Module):
        module = target
        target = Target(type(module).__name__, lambda: copied(module), None)
    if specs:
        target = replace(target, inputs=specs)
    target.required_inputs()
    return in_setting(target, setting)
