"""Conversion of a model and its inputs to another element type, memory format or device.

The caller's model stays as it is: changes are made on a deep copy, and nothing is copied without need.
"""

from __future__ import annotations

import inspect
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from netcost.text.errors import MeasurementError, RequestError
from netcost.timing.setting import COMPILE, EffectiveSetting, Timing, observed_dtype
from netcost.tracing.nests import copied_module, tensors_in, with_tensors

Call = tuple[tuple[Any, ...], dict[str, Any]]  # positional and named arguments of a model

FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


def converted(model: nn.Module, timing: Timing) -> nn.Module:
    """Return the model with weights of the element type and memory format asked for; a deep copy if any must change.

    Integer weights keep their type, and only four-dimensional floating-point ones have a memory format. A model to be
    compiled is always copied: compiling leaves marks on a module.

    Raises:
        MeasurementError: the model cannot be copied.
    """
    if timing.backend != COMPILE and all(_in_setting(tensor, timing) is tensor for tensor in _weights(model)):
        return model
    model = copied(model)
    for tensor in _weights(model):
        tensor.data = _in_setting(tensor.data, timing)
    return model


def converted_call(call: Call, timing: Timing) -> Call:
    """Return the inputs in the element type and memory format asked for, by the same rules."""
    changed: Call = with_tensors(call, lambda tensor: _in_setting(tensor, timing))
    return changed


def observed(model: nn.Module, call: Call, timing: Timing) -> EffectiveSetting:
    """Return the timing's setting; parts that it leaves open are read from the model and its inputs."""
    floating = [tensor for tensor in (*_weights(model), *tensors_in(call)) if tensor.is_floating_point()]
    names = (str(tensor.dtype).removeprefix("torch.") for tensor in floating)
    # With one channel, or one pixel, both formats are the same.
    images = (tensor for tensor in floating if _is_image(tensor) and not tensor.is_contiguous())
    last = any(tensor.is_contiguous(memory_format=torch.channels_last) for tensor in images)
    return EffectiveSetting(
        dtype=timing.dtype or observed_dtype(names),
        memory_format=timing.memory_format or ("channels_last" if last else "contiguous"),
        backend=timing.backend,
        cold_cache=timing.cold_cache,
    )


def moved(model: nn.Module, call: Call, where: torch.device) -> tuple[nn.Module, Call]:
    """Return model and inputs on the device `where`; a model that is elsewhere is copied."""
    weights = _weights(model)
    if any(tensor.is_meta for tensor in weights):
        raise RequestError(f"{type(model).__name__} is on the meta device and has no weights to run; build a real one")
    if any(tensor.device != where for tensor in weights):
        model = copied(model).to(where)
    return model, with_tensors(call, lambda tensor: tensor.to(where))


def copied(model: nn.Module) -> nn.Module:
    """Return a deep copy.

    Raises:
        MeasurementError: a part of the model cannot be copied.
    """
    try:
        return copied_module(model)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise MeasurementError(f"cannot be copied: {first_line(error)}; time it by a function that builds it") from None


def is_out_of_memory(error: Exception) -> bool:
    """True for an error of memory: torch has an exception for GPUs; on a CPU, a plain RuntimeError with these words."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)


def compiled(model: nn.Module) -> Callable[..., object]:
    """Compile the model with torch.compile, for its own shapes alone, with no state shared with other compiled models.

    Otherwise, several batch sizes of one network would get a kernel for any batch size, and after eight of them none.
    """
    options: dict[str, Any] = {"dynamic": False}
    if "isolate_recompiles" in inspect.signature(torch.compile).parameters:  # a recent addition to torch
        options["isolate_recompiles"] = True
    function: Callable[..., object] = torch.compile(model, **options)
    return function


@contextmanager
def quiet_compiler(name: str = "torch.compile") -> Iterator[None]:
    """Silence the compiler's warnings and logs within; an exception becomes a MeasurementError with the way out."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except MeasurementError:
        raise
    except Exception as error:
        raise MeasurementError(f"{name}: {first_line(error)}; try --backend eager") from None
    finally:
        logging.disable(before)


def first_line(error: Exception) -> str:
    """Return an error's name and its first line, or two where the first ends in a colon: torch's own have pages."""
    name, lines = type(error).__name__, [line.strip() for line in str(error).splitlines() if line.strip()]
    text = " ".join(lines[:2]) if lines and lines[0].endswith(":") else "".join(lines[:1])
    return f"{name}: {text}" if text else name


def _weights(model: nn.Module) -> list[Tensor]:
    return [*model.parameters(), *model.buffers()]


def _in_setting(tensor: Tensor, timing: Timing) -> Tensor:
    """Return the tensor in the type and format asked for; the very same one where it has them already."""
    if not tensor.is_floating_point():
        return tensor
    if timing.torch_dtype is not None:
        tensor = tensor.to(getattr(torch, timing.torch_dtype))
    if timing.memory_format is not None and _is_image(tensor):
        tensor = tensor.contiguous(memory_format=FORMATS[timing.memory_format])
    return tensor


def _is_image(tensor: Tensor) -> bool:
    """True for a tensor that has a memory format."""
    return tensor.layout == torch.strided and not tensor.is_nested and tensor.dim() == 4
