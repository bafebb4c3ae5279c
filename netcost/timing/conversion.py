"""A model and its inputs made what a measurement asks for: of another element type, memory format or place.

The caller's model stays as it is: what has to change is changed on a deep copy, and nothing is copied without need.
"""

from __future__ import annotations

import copy
import inspect
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from netcost.text.errors import MeasurementError, RequestError
from netcost.timing.setting import COMPILE, EffectiveSetting, Timing, observed_dtype

Call = tuple[tuple[Any, ...], dict[str, Any]]
"""Positional and named arguments of a model."""

FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


def converted(model: nn.Module, timing: Timing) -> nn.Module:
    """The model with weights of the element type asked for and memory format; one that has to change is a deep copy.

    Integer weights keep their type, and only four-dimensional floating-point ones have a memory format. What is to be
    compiled is a copy in any case: compiling leaves its marks on a module.

    Raises:
        MeasurementError: the model cannot be copied.
    """
    if timing.backend != COMPILE and all(_is_of(tensor, timing) for tensor in _held(model)):
        return model
    model = copied(model)
    for tensor in _held(model):
        tensor.data = _of_setting(tensor.data, timing)
    return model


def converted_call(call: Call, timing: Timing) -> Call:
    """The inputs of the element type asked for and memory format, by the same rules."""
    changed: Call = over_tensors(call, lambda tensor: _of_setting(tensor, timing))
    return changed


def observed(model: nn.Module, call: Call, timing: Timing) -> EffectiveSetting:
    """Fill in what the timing leaves open from the model and its inputs."""
    floating = [tensor for tensor in (*_held(model), *_tensors(call)) if tensor.is_floating_point()]
    names = (str(tensor.dtype).removeprefix("torch.") for tensor in floating)
    last = any(_is_channels_last(tensor) for tensor in floating)
    return EffectiveSetting(
        dtype=timing.dtype or observed_dtype(names),
        memory_format=timing.memory_format or ("channels_last" if last else "contiguous"),
        backend=timing.backend,
        cold_cache=timing.cold_cache,
    )


def moved(model: nn.Module, call: Call, where: torch.device) -> tuple[nn.Module, Call]:
    """Model and inputs at `where`; a model that is elsewhere is copied."""
    held = _held(model)
    if any(tensor.is_meta for tensor in held):
        raise RequestError(f"{type(model).__name__} is on the meta device and has no weights to run; build a real one")
    if any(tensor.device != where for tensor in held):
        model = copied(model).to(where)
    return model, over_tensors(call, lambda tensor: tensor.to(where))


def copied(model: nn.Module) -> nn.Module:
    """A deep copy.

    Raises:
        MeasurementError: the model holds something that cannot be copied.
    """
    try:
        return copy.deepcopy(model)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise MeasurementError(f"cannot be copied: {first_line(error)}; time it by a function that builds it") from None


def is_out_of_memory(error: Exception) -> bool:
    """Torch has an exception for GPUs; on a CPU it raises a plain RuntimeError with these words."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)


def over_tensors(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """The same tuple, list, mapping, tensor or other value, each of its tensors changed."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, Mapping):
        return {name: over_tensors(each, change) for name, each in value.items()}
    if not isinstance(value, tuple | list):
        return value
    parts = [over_tensors(each, change) for each in value]
    return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)


def _tensors(value: Any) -> Iterator[Tensor]:
    """The tensors in a tuple, list, mapping, tensor or other value."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping | tuple | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _tensors(each)


def compiled(model: nn.Module) -> Callable[..., object]:
    """The model as torch.compile has it: for its own shapes alone, and sharing nothing with another compiled one.

    Batch sizes of one network would otherwise meet a kernel of any batch size, and after eight of them none at all.
    """
    options: dict[str, Any] = {"dynamic": False}
    if "isolate_recompiles" in inspect.signature(torch.compile).parameters:  # a recent addition to torch
        options["isolate_recompiles"] = True
    made: Callable[..., object] = torch.compile(model, **options)
    return made


@contextmanager
def quiet_compiler() -> Iterator[None]:
    """Compiling neither warns nor logs within, and what fails does so in one line that says what to do instead.

    Raises:
        MeasurementError: whatever was raised within.
    """
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except MeasurementError:
        raise
    except Exception as error:
        raise MeasurementError(f"torch.compile: {first_line(error)}; try --backend eager") from None
    finally:
        logging.disable(before)


def first_line(error: Exception) -> str:
    """An error's name and the first thing that it says: torch's own go on for pages."""
    name, lines = type(error).__name__, [line.strip() for line in str(error).splitlines() if line.strip()]
    said = " ".join(lines[:2]) if lines and lines[0].endswith(":") else "".join(lines[:1])
    return f"{name}: {said}" if said else name


def _held(model: nn.Module) -> list[Tensor]:
    return [*model.parameters(), *model.buffers()]


def _is_of(tensor: Tensor, timing: Timing) -> bool:
    """Whether the tensor is of that type and format already, or has neither."""
    if not tensor.is_floating_point():
        return True
    typed = timing.torch_dtype is None or tensor.dtype is getattr(torch, timing.torch_dtype)
    laid = timing.memory_format is None or tensor.dim() != 4
    return typed and (laid or tensor.is_contiguous(memory_format=FORMATS[timing.memory_format or "contiguous"]))


def _of_setting(tensor: Tensor, timing: Timing) -> Tensor:
    """The tensor of that type and format; the very same one where it is so already."""
    if not tensor.is_floating_point():
        return tensor
    if timing.torch_dtype is not None:
        tensor = tensor.to(getattr(torch, timing.torch_dtype))
    if timing.memory_format is not None and tensor.dim() == 4:
        tensor = tensor.contiguous(memory_format=FORMATS[timing.memory_format])
    return tensor


def _is_channels_last(tensor: Tensor) -> bool:
    """Whether the channels lie closest together; with one channel, or one pixel, both formats are the same."""
    return tensor.dim() == 4 and not tensor.is_contiguous() and tensor.is_contiguous(memory_format=torch.channels_last)
