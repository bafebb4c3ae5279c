"""What people name, as targets that can be counted and timed: each with its inputs, in the element type asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from netcost.targets import Target, resolve
from netcost.text.errors import RequestError
from netcost.timing.conversion import copied
from netcost.timing.setting import Timing
from netcost.tracing import InputSpec, input_specs


def subjects(models: Sequence[str | Target | nn.Module], inputs: Any, timing: Timing) -> list[Target]:
    """Turn models into targets in the element type asked for, with the inputs they get.

    Raises:
        RequestError: a target is unknown, its input missing, or there is none at all.
    """
    if not models:
        raise RequestError("compare needs at least one model")
    return [subject(model, inputs, timing) for model in models]


def subject(model: str | Target | nn.Module, inputs: Any, timing: Timing) -> Target:
    """Turn one model into a target; each time it is built, it is another instance, so that none is traced and timed.

    Raises:
        RequestError: the target is unknown, or its input missing.
    """
    specs = () if inputs is None else input_specs(inputs)
    target = resolve(model, inputs=specs) if isinstance(model, str) else model
    if isinstance(target, nn.Module):
        module = target
        if not specs:
            raise RequestError(f"{type(module).__name__} has no input; give inputs=(1, 3, 224, 224), tensors, or --input 1x3x224x224")
        target = Target(type(module).__name__, lambda: copied(module), None)
    if specs:
        target = replace(target, inputs=specs)
    target.required_inputs()
    return in_element_type(target, timing)


def in_element_type(target: Target, timing: Timing) -> Target:
    """The target with floating-point weights and inputs of the type asked for, so that its bytes are counted so."""
    make, dtype = target.make, timing.torch_dtype
    if dtype is None:
        return target

    def is_floating(spec: InputSpec) -> bool:
        found: torch.dtype = getattr(torch, spec.dtype)
        return found.is_floating_point

    inputs = tuple(replace(spec, dtype=dtype) if is_floating(spec) else spec for spec in target.required_inputs())
    return replace(target, make=lambda: make().to(getattr(torch, dtype)), inputs=inputs)
