"""Targets that can be counted and timed, made from names and modules: with inputs, in the element type asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from netcost.targets import Target, resolve
from netcost.text.errors import RequestError
from netcost.timing.conversion import copied
from netcost.timing.runtimes.runtime import require_runtimes
from netcost.timing.setting import Timing
from netcost.tracing import Input, InputSpec, input_specs
from netcost.tracing.nests import with_tensors

Models = str | Target | nn.Module | Sequence[str | Target | nn.Module]


def subjects(models: Models, inputs: Any, timing: Timing) -> list[Target]:
    """Turn models, or one, into targets in the element type asked for, with the inputs they get.

    Raises:
        RequestError: there is no model, a target is unknown, or its input is missing.
    """
    if isinstance(models, str | Target | nn.Module):  # an nn.Sequential is one network, not its layers
        models = [models]
    if not models:
        raise RequestError("compare needs at least one model")
    require_runtimes(timing.backends if timing.is_timed else ())
    return [subject(model, inputs, timing) for model in models]


def subject(model: str | Target | nn.Module, inputs: Any, timing: Timing) -> Target:
    """Turn one model into a target; every build is a new instance, so that the traced one is never the timed one.

    Raises:
        RequestError: the target is unknown, or its input is missing.
    """
    specs = None if inputs is None else input_specs(inputs)
    target = resolve(model, inputs=specs or ()) if isinstance(model, str) else model
    if isinstance(target, nn.Module):
        module = target
        if specs is None:
            raise RequestError(
                f"{type(module).__name__} has no input; give inputs=(1, 3, 224, 224), tensors, or --input 1x3x224x224"
            )
        target = Target(type(module).__name__, lambda: copied(module), None)
    if specs is not None:
        target = replace(target, inputs=specs)
    target.required_inputs()
    return in_element_type(target, timing)


def in_element_type(target: Target, timing: Timing) -> Target:
    """Return the target with floating-point weights and inputs of the type asked for; bytes are counted in it."""
    make, dtype = target.make, timing.torch_dtype
    if dtype is None:
        return target
    inputs = tuple(_in_type(entry, dtype) for entry in target.required_inputs())
    return replace(target, make=lambda: make().to(getattr(torch, dtype)), inputs=inputs)


def _in_type(entry: Input, dtype: str) -> Input:
    """Return an input with floating-point numbers of that type."""
    if isinstance(entry, InputSpec):
        return replace(entry, dtype=dtype) if getattr(torch, entry.dtype).is_floating_point else entry
    cast = getattr(torch, dtype)
    value = with_tensors(entry.value, lambda tensor: tensor.to(cast) if tensor.is_floating_point() else tensor)
    return replace(entry, value=value)
