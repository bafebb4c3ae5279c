"""Runs one forward pass on shapes, and leaves the model as it was before."""

from __future__ import annotations

import copy
import sys
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.lazy import LazyModuleMixin

from netcost.graph.graph import Graph, Op
from netcost.text.errors import DataDependentError, ForwardError, NetcostError, RequestError
from netcost.tracing.arguments import lacks_values
from netcost.tracing.attribution import ModuleStack
from netcost.tracing.leftovers import is_held, taken_out
from netcost.tracing.memory import spec_of
from netcost.tracing.recorder import CPU, Recorder
from netcost.tracing.state import paused_collection, quiet_torch, restored
from netcost.tracing.values import stand_ins, tensors_in

MODES = ("eval", "train")
DATA_PARALLEL = (nn.DataParallel, nn.parallel.DistributedDataParallel)

PACKAGE = Path(__file__).parent.parent
TORCH = Path(torch.__file__).parent


def trace(model: nn.Module, /, *args: Any, mode: str = "eval", concrete: bool = False, **kwargs: Any) -> Graph:
    """Run the forward pass on the meta device and record every operator.

    Afterwards the model is as it was before: parameters, buffers, hooks, attributes (and the contents of lists, dicts
    and sets among them), training flags, gradients and the random state. Nothing is computed, and no memory of the
    model's size is allocated. `torch.compile` and data-parallel wrappers are unwrapped. `torch.autocast` inside is
    ignored, so element types are those of weights and inputs.

    Args:
        model: the network; its tensors may be on any device, the meta device included.
        args: inputs of its forward, of any nesting; only the shapes and types of tensors are used.
        mode: "eval", or "train" for auxiliary heads and batch statistics.
        concrete: run a copy of the model on the real tensors instead, for a forward pass that looks at values;
            an input on the meta device is replaced by random values, or by zeros where it holds indices.
        kwargs: keyword inputs of its forward; `trace_call` takes those that are called `mode` or `concrete`.

    Raises:
        DataDependentError: the forward pass looks at values and `concrete` is off.
        ForwardError: the model's own code raised; the message names its file and line.
        RequestError: the mode is unknown, or the model has no shapes yet (or no values, if `concrete`).
    """
    return trace_call(model, args, kwargs, mode=mode, concrete=concrete)


def trace_call(
    model: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any], *, mode: str = "eval", concrete: bool = False
) -> Graph:
    """Do what `trace` does, with the inputs as values: any keyword of the forward pass may be among `kwargs`."""
    if mode not in MODES:
        raise RequestError(f"mode {mode!r} is unknown; expected one of {', '.join(MODES)}")
    imported = len(sys.modules)
    graph = _traced(model, args, kwargs, mode, concrete)
    if len(sys.modules) > imported:
        # Modules that torch imports on first use keep the calling frames, and their tensors, alive. Lifetimes are
        # those of the model only in a pass that imports nothing.
        graph = _traced(model, args, kwargs, mode, concrete)
    return graph


def _traced(model: nn.Module, args: Any, kwargs: Any, mode: str, concrete: bool) -> Graph:
    """Trace one pass, and see that none of its shape-only tensors lives on, whether it succeeds or raises."""
    ops: list[Op] = []
    try:
        graph = _recorded(ops, model, args, kwargs, mode, concrete)
    except Exception as error:
        traceback.clear_frames(error.__traceback__)  # which hold tensors of the pass
        taken_out(ops)
        raise
    return replace(graph, leftovers=taken_out(ops)) if is_held(ops) else graph


def _recorded(ops: list[Op], model: nn.Module, args: Any, kwargs: Any, mode: str, concrete: bool) -> Graph:
    original = _unwrapped(model)
    model = _copied(original) if concrete else original
    members = dict(model.named_modules())
    parameters = _parameters(members)
    stack = ModuleStack({id(module): path for path, module in members.items()})
    device = next((tensor.device for tensor in parameters.values() if not tensor.is_meta), CPU)
    recorder = Recorder(ops, stack, parameters, device, concrete)
    is_recurrent = any(isinstance(module, nn.RNNBase) for module in members.values())
    # Hooks of a copy may still write to lists of the original.
    held = original.modules() if concrete else members.values()
    with (
        paused_collection(),
        restored(list(held)),
        quiet_torch(device, is_recurrent),
        torch.no_grad(),
        # A dispatch mode then sees operators whole, before torch decomposes them for autograd.
        torch._C._AutoDispatchBelowAutograd(),
    ):
        _set_training(model, members.values(), mode == "train")
        args, kwargs = stand_ins((args, kwargs), recorder.admit)
        inputs = [spec_of(leaf) for leaf in tensors_in((args, kwargs))]
        with stack, recorder:
            result = _forward(model, members, args, kwargs)
        outputs = list(tensors_in(result))
        return Graph(
            ops=tuple(ops),
            inputs=tuple(inputs),
            outputs=tuple(spec_of(leaf) for leaf in outputs),
            output_sources=tuple(recorder.source_of(leaf) for leaf in outputs),
            parameters=recorder.parameters,
            weight_bytes=_weight_bytes(members, parameters),
            storages=recorder.lifetimes(),
            modules={path: type(module).__name__ for path, module in members.items()},
            calls=stack.calls,
            mode=mode,
        )


def _set_training(model: nn.Module, members: Iterable[nn.Module], training: bool) -> None:
    """Do what `model.train(training)` does, without its cost where no module overrides it."""
    for module in members:
        kind = type(module)
        is_plain = kind.train is nn.Module.train and kind.eval is nn.Module.eval
        if not is_plain or isinstance(module, torch.jit.ScriptModule):  # which keeps its flag elsewhere
            model.train(training)
            return
    for module in members:
        module.__dict__["training"] = training


def _unwrapped(model: nn.Module) -> nn.Module:
    """Return the network inside `torch.compile` and data-parallel wrappers."""
    if not isinstance(model, nn.Module):
        raise RequestError(f"{model!r} is a {type(model).__name__}; expected an nn.Module")
    inner = getattr(model, "module" if isinstance(model, DATA_PARALLEL) else "_orig_mod", None)
    return model if inner is None else _unwrapped(inner)


def _copied(model: nn.Module) -> nn.Module:
    """Return a copy of the model with its values."""
    if any(tensor.is_meta for tensor in model.parameters()):
        raise RequestError("concrete=True runs on values, and this model has none (meta device); build it on the CPU")
    attributes = [value for module in model.modules() for value in module.__dict__.values()]
    computed = [value for value in attributes if isinstance(value, Tensor) and not value.is_leaf]
    try:
        # Torch refuses to copy tensors that are not leaves.
        return copy.deepcopy(model, {id(tensor): tensor.detach().clone() for tensor in computed})
    except Exception as error:
        raise RequestError(
            f"concrete=True runs a copy of the model, and it cannot be copied: {described(error)}"
        ) from error


def _forward(model: nn.Module, members: dict[str, nn.Module], args: Any, kwargs: Any) -> Any:
    """Call the model; an error that it raises becomes one line that names the module, file and line."""
    try:
        return model(*args, **kwargs)
    except Exception as error:
        module = _raised_in(error, members)
        if isinstance(error, DataDependentError) or lacks_values(error):
            reason = _located(error, str(error)) if isinstance(error, DataDependentError) else described(error)
            raise DataDependentError(
                f"{f'module {module!r}' if module else 'the model'} asks for the values of a tensor: {reason}. "
                "Tracing has shapes only; trace on real tensors with --concrete (concrete=True)"
            ) from error
        if isinstance(error, NetcostError):
            raise
        where = f" in module {module!r}" if module else ""
        raise ForwardError(f"the forward pass raised{where}: {described(error)}") from error


def _raised_in(error: Exception, members: dict[str, nn.Module]) -> str:
    """Return the name of the innermost module of the model that was running."""
    names = {id(module): path for path, module in members.items()}
    running = [id(frame.f_locals.get("self")) for frame, _ in traceback.walk_tb(error.__traceback__)]
    return next((names[identity] for identity in reversed(running) if identity in names), "")


def described(error: BaseException) -> str:
    """Return the error's type and first line, and the file and line of the user's code that raised it."""
    first = str(error).strip().partition("\n")[0] or "no message"
    return _located(error, f"{type(error).__name__}: {first}")


def _located(error: BaseException, text: str) -> str:
    """Return the text with the file and line of the user's code that raised the error, if any was running."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_users(Path(frame.filename))]
    return f"{text} ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else text


def _is_users(path: Path) -> bool:
    """True where the code is neither torch's nor netcost's own; a network of the zoo counts as the user's."""
    is_ours = str(path).startswith("<") or path.is_relative_to(PACKAGE) or path.is_relative_to(TORCH)
    return not is_ours or path.is_relative_to(PACKAGE / "zoo")


def _parameters(members: dict[str, nn.Module]) -> dict[str, Tensor]:
    """Return every unique parameter by its first qualified name."""
    unique: dict[int, tuple[str, Tensor]] = {}
    for path, module in members.items():
        if isinstance(module, LazyModuleMixin):
            raise RequestError(
                f"{f'module {path!r}' if path else 'the model'} is a {type(module).__name__}: its weights have no "
                "shapes before its first forward pass; run the model once on an input, model(x), and trace it then"
            )
        for name, tensor in module._parameters.items():
            if tensor is not None and id(tensor) not in unique:
                unique[id(tensor)] = (f"{path}.{name}" if path else name, tensor)
    return dict(unique.values())


def _weight_bytes(members: dict[str, nn.Module], parameters: dict[str, Tensor]) -> int:
    """Return the bytes of all unique parameters and buffers."""
    buffers = [buffer for module in members.values() for buffer in module._buffers.values() if buffer is not None]
    unique = {id(buffer): buffer for buffer in buffers}
    return sum([tensor.nbytes for tensor in (*parameters.values(), *unique.values())])
