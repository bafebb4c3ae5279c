"""Runs one forward pass on shapes, and leaves the model as it was before."""

from __future__ import annotations

import gc
import inspect
import operator
import random
import re
import sys
import sysconfig
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, nullcontext
from contextvars import copy_context
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import CellType, MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.lazy import LazyModuleMixin

from netcost.graph.graph import Graph, Op
from netcost.text.errors import (
    SCRIPTED,
    DataDependentError,
    ForwardError,
    NetcostError,
    RequestError,
    ShapelessError,
    reason_of,
    text_of,
)
from netcost.tracing.answers import watching
from netcost.tracing.arguments import lacks_values
from netcost.tracing.attribution import ModuleStack
from netcost.tracing.inputs import InputSpec
from netcost.tracing.iterators import is_iterator, notes_on_advanced
from netcost.tracing.leftovers import is_held, taken_out
from netcost.tracing.memory import spec_of
from netcost.tracing.nests import brief, copied_module, tensors_in, with_tensors
from netcost.tracing.recorder import CPU, Recorder
from netcost.tracing.source_lines import LineRecorder, owner_of
from netcost.tracing.state import paused_collection, quiet_torch, restored, stand_in
from netcost.tracing.weights import FROZEN_NOTE, is_frozen, parameters_of, refuse_unsupported, weight_bytes

MODES = ("eval", "train")
Call = Callable[..., Any]
NEEDS_AUTOGRAD = re.compile("does not require grad|invalid gradient at index|InferenceMode::is_enabled")
"""Torch's complaints where a pass asks for gradients, or derivatives in forward mode, and autograd is off."""

DATA_PARALLEL = (nn.DataParallel, nn.parallel.DistributedDataParallel)

PACKAGE = Path(__file__).parent.parent
TORCH = Path(torch.__file__).parent
PYTHON = Path(sysconfig.get_path("stdlib"))


def trace(model: nn.Module | Call, /, *args: Any, mode: str = "eval", concrete: bool = False, **kwargs: Any) -> Graph:
    """Run the forward pass on the meta device and record every operator.

    Afterwards the model is as it was before: parameters, buffers, hooks, attributes (and the contents of lists, dicts
    and sets among them), training flags, gradients and the random state. Nothing is computed, and no memory of the
    model's size is allocated. `torch.compile` and data-parallel wrappers are unwrapped. `torch.autocast` inside is
    ignored, so element types are those of weights and inputs.

    Args:
        model: the network, a method of it (`model.generate`), or a function of tensors; its tensors may be on any
            device, the meta device included. Lazy layers are run once on a copy.
        args: inputs of its forward: tensors, other values, and containers and objects that hold them, which are
            copied. Only shape and type are used of a floating-point tensor of two or more dimensions; integers,
            flags, scalars and vectors keep their values, if they are given on a real device.
        mode: "eval", or "train" for auxiliary heads and batch statistics.
        concrete: run a copy of the model on the real tensors instead, for a forward pass that looks at values;
            an input on the meta device is replaced by random values.
        kwargs: keyword inputs of its forward; `trace_call` takes those that are called `mode` or `concrete`.

    Raises:
        DataDependentError: the forward pass looks at values and `concrete` is off.
        ForwardError: the model's own code raised; the message names its file and line.
        RequestError: the mode is unknown, or the model has no shapes yet (or no values, if `concrete`).
    """
    return trace_call(model, args, kwargs, mode=mode, concrete=concrete)


def trace_call(
    model: nn.Module | Call,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    *,
    mode: str = "eval",
    concrete: bool = False,
    lines: bool = False,
) -> Graph:
    """Do what `trace` does, with the inputs as values: any keyword of the forward pass may be among `kwargs`.

    Args:
        lines: find the line of code that called each operator as well.
    """
    if mode not in MODES:
        raise RequestError(f"mode {mode!r} is unknown; expected one of {', '.join(MODES)}")
    model, call = model_and_call(model)
    record = partial(_recorded, call=call, args=args, kwargs=kwargs, mode=mode, concrete=concrete, lines=lines)
    return settled(lambda shaped: _traced(partial(record, original=shaped)), model, call, args, kwargs)


def settled(traced: Callable[[nn.Module], Graph], model: nn.Module, call: Call, args: Any, kwargs: Any) -> Graph:
    """Trace the model, and once more where that imported something; lazy layers get their shapes in a copy first."""
    try:
        return _again_after_imports(partial(traced, model))
    except ShapelessError:
        if not any(map(_is_lazy, model.modules())):
            raise
    return _again_after_imports(partial(traced, _with_shapes(model, call, args, kwargs)))


def _again_after_imports(traced: Callable[[], Graph]) -> Graph:
    imported = len(sys.modules)
    try:
        graph = traced()
    except ForwardError:
        if len(sys.modules) == imported:
            raise
    else:
        if len(sys.modules) == imported:
            return graph
    # Modules that torch imports on first use keep the calling frames, and their tensors, alive: lifetimes are those of
    # the model only in a pass that imports nothing. The compiler among them is switched off in the second pass.
    return traced()


class Function(nn.Module):
    """A function of tensors as a network without weights."""

    def __init__(self, function: Call) -> None:
        super().__init__()
        self.function = function

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        return self.function(*args, **kwargs)


def model_and_call(model: Any) -> tuple[nn.Module, Call]:
    """Return the module that holds the weights, and what to call with it and the inputs."""
    if isinstance(model, nn.Module):
        return _unwrapped(model), operator.call
    if isinstance(model, MethodType) and isinstance(model.__self__, nn.Module):
        return model.__self__, model.__func__
    export = sys.modules.get("torch.export")
    if export is not None and isinstance(model, export.ExportedProgram):
        return model.module(), operator.call
    if callable(model) and not isinstance(model, type):
        return Function(model), operator.call
    kind = f"the class {model.__name__}" if isinstance(model, type) else brief(model)
    raise RequestError(f"the model is {kind}; expected an nn.Module, a method of one, or a function of tensors")


def _traced(record: Callable[..., Graph]) -> Graph:
    """Trace one pass; a pass that asks for gradients runs under autograd, which shows operators decomposed."""
    try:
        return swept(partial(record, autograd=False))
    except ForwardError as error:
        if not NEEDS_AUTOGRAD.search(str(error)):
            raise
    return swept(partial(record, autograd=True))


def swept(record: Callable[[list[Op]], Graph]) -> Graph:
    """Record into a list, and see that no shape-only tensor lives on afterwards, whether it succeeds or raises."""
    ops: list[Op] = []
    try:
        graph = copy_context().run(record, ops)  # so that context variables stay as they were
    except Exception as error:
        _clear_frames(error)  # which hold tensors of the pass
        if is_held(ops):
            taken_out(ops)
        raise
    return replace(graph, leftovers=taken_out(ops)) if is_held(ops) else graph


def _clear_frames(error: BaseException | None) -> None:
    """Let go of the local variables in the frames of an error, and of those that it came from."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
        for frame in frames:
            if frame.f_code is nn.Module._call_impl.__code__:  # whose arguments an inner function shares
                for cell in [part for part in gc.get_referents(frame) if isinstance(part, CellType)]:
                    del cell.cell_contents
        traceback.clear_frames(error.__traceback__)
        for frame in frames:
            frame.f_locals  # noqa: B018  # which Python up to 3.12 keeps as a copy, and renews when it is asked for
        error = error.__cause__ or error.__context__


def _recorded(
    ops: list[Op],
    original: nn.Module,
    call: Call,
    args: Any,
    kwargs: Any,
    mode: str,
    concrete: bool,
    autograd: bool,
    lines: bool,
) -> Graph:
    model = concrete_copy(original) if concrete else original
    members = dict(model.named_modules())
    parameters = parameters_of(members)
    kinds = set(map(type, members.values()))
    is_scripted = any(issubclass(kind, torch.jit.ScriptModule) for kind in kinds)
    frozen_note = [FROZEN_NOTE] if is_scripted and any(map(is_frozen, members.values())) else []
    stack = ModuleStack({id(module): path for path, module in members.items()})
    device = next((tensor.device for tensor in parameters.values() if not tensor.is_meta), CPU)
    given = (ops, stack, parameters, device, concrete)
    recorder = LineRecorder(*given, own=owner_of(model)) if lines else Recorder(*given)
    recorder.adopt_packed(members)
    is_recurrent = any(issubclass(kind, nn.RNNBase) for kind in kinds)
    # Hooks of a copy may still write to lists of the original.
    held = original.modules() if concrete else members.values()
    with (
        paused_collection(),
        restored(list(held)) as uncopied,
        quiet_torch(device, is_recurrent),
        closing(recorder),
        watching(recorder),
        torch.set_grad_enabled(autograd),
        # Below autograd, a dispatch mode sees operators whole, before torch decomposes them.
        nullcontext() if autograd else torch._C._AutoDispatchBelowAutograd(),
    ):
        if autograd and not concrete:
            stand_in(list(members.values()), parameters)
            parameters = parameters_of(members)
            recorder.adopt_stand_ins(parameters)
        set_training(model, mode == "train", list(members.values()))
        args, kwargs = recorder.admitted((args, kwargs))
        inputs = [spec_of(leaf) for leaf in tensors_in((args, kwargs))]
        with stack, recorder:
            before = random.getstate() if mode == "train" else None  # where a network may leave out layers by chance
            result = run_forward(partial(called, recorder, call, model), members, args, kwargs)
            if before is not None and random.getstate() != before:
                recorder.note_chance()
        outputs = list(tensors_in(result))
        return Graph(
            ops=tuple(ops),
            inputs=tuple(inputs),
            outputs=tuple(spec_of(leaf) for leaf in outputs),
            output_sources=tuple(recorder.source_of(leaf) for leaf in outputs),
            parameters=recorder.parameters,
            weight_bytes=weight_bytes(members, parameters),
            storages=recorder.lifetimes(),
            modules={path: type(module).__name__ for path, module in members.items()},
            calls=stack.calls,
            callers=stack.callers,
            names=_names(model, members),
            mode=mode,
            notes=(*recorder.notes, *frozen_note, *notes_on_advanced(uncopied)),
            lines=tuple(recorder.lines) if isinstance(recorder, LineRecorder) else (),
        )


def _names(model: nn.Module, members: Mapping[str, nn.Module]) -> dict[str, tuple[str, ...]]:
    """Return all names of each module that the model holds under several, by the first."""
    if sum([len(module._modules) for module in members.values()]) < len(members):  # each is held once
        return {}
    names: dict[int, list[str]] = {}
    for path, module in model.named_modules(remove_duplicate=False):
        names.setdefault(id(module), []).append(path)
    return {shared[0]: tuple(shared) for shared in names.values() if len(shared) > 1}


def set_training(model: nn.Module, training: bool, members: Sequence[nn.Module] | None = None) -> None:
    """Do what `model.train(training)` does, without its cost where no module overrides it.

    A `train` that takes no mode, as that of a class which trains itself, is not called: the flags are set.

    Args:
        members: all modules of the model, where the caller has them.
    """
    members = list(model.modules()) if members is None else members
    kinds: set[type[nn.Module]] = set(map(type, members))
    is_plain = all(kind.train is nn.Module.train and kind.eval is nn.Module.eval for kind in kinds)
    if is_plain and not any(
        issubclass(kind, torch.jit.ScriptModule) for kind in kinds
    ):  # which keeps its flag elsewhere
        for module in members:
            module.__dict__["training"] = training
        return
    others = [module for module in members if not _takes_mode(type(module))]
    for module in others:
        module.__dict__["train"] = partial(nn.Module.train, module)  # before that of the class
    try:
        model.train(training)
    finally:
        for module in others:
            del module.__dict__["train"]


def _takes_mode(kind: type[nn.Module]) -> bool:
    """True where the class's `train` takes a mode, as `nn.Module.train` does."""
    if kind.train is nn.Module.train:
        return True
    _, *parameters = inspect.signature(kind.train).parameters.values()
    first = parameters[0] if parameters else None
    if first is None or first.kind is first.KEYWORD_ONLY or first.kind is first.VAR_KEYWORD:
        return False
    says_so = first.name == "mode" or type(first.default) is bool or first.annotation in (bool, "bool")
    return says_so or first.kind is first.VAR_POSITIONAL


def _advice(model: nn.Module) -> str:
    """Name the network inside a class that trains itself; empty for an ordinary network."""
    inner = getattr(model, "model", None)
    if _takes_mode(type(model)) or not isinstance(inner, nn.Module):
        return ""
    return f"; {type(model).__name__} trains itself, and wraps a {type(inner).__name__}: take its attribute `model`"


def _unwrapped(model: nn.Module) -> nn.Module:
    """Return the network inside `torch.compile` and data-parallel wrappers."""
    inner = getattr(model, "module" if isinstance(model, DATA_PARALLEL) else "_orig_mod", None)
    return model if inner is None else _unwrapped(inner)


def concrete_copy(model: nn.Module) -> nn.Module:
    """Return a copy of a model to run on values; refuse one that has none."""
    weights = parameters_of(dict(model.named_modules())).values()  # which refuses what cannot be copied
    if any(tensor.is_meta for tensor in weights):
        raise RequestError("concrete=True runs on values, and this model has none (meta device); build it on the CPU")
    return _copied(model, "concrete=True runs a copy of the model")


def _copied(model: nn.Module, why: str) -> nn.Module:
    """Return a copy of the model with its values."""
    try:
        return copied_module(model)
    except Exception as error:
        raise RequestError(f"{why}, and it cannot be copied: {described(error)}") from error


def run_forward(call: Call, members: dict[str, nn.Module], args: Any, kwargs: Any) -> Any:
    """Call the model; an error that it raises becomes one line that names the module, file and line."""
    try:
        return call(*args, **kwargs)
    except (Exception, SystemExit) as error:
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
        hint = _missing_sizes(members, args, kwargs)
        raise ForwardError(f"the forward pass raised{where}: {described(error)}{_advice(members[''])}{hint}") from error


LAYERS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


def _missing_sizes(members: Mapping[str, nn.Module], args: Any, kwargs: Any) -> str:
    """Give the input as it should be typed, where the first convolution needs a batch or channels."""
    first = next((module for module in members.values() if isinstance(module, LAYERS)), None)
    tensors = [value for value in (*args, *kwargs.values()) if isinstance(value, Tensor)]
    if first is None or not tensors:
        return ""
    shape, needed = tuple(tensors[0].shape), LAYERS.index(next(kind for kind in LAYERS if isinstance(first, kind))) + 3
    lacks = {1: (1,), 2: (1, first.in_channels)}.get(needed - len(shape))
    if lacks is None:
        return ""
    what = "no batch" if len(lacks) == 1 else "neither batch nor channels"
    given, whole = ("x".join(map(str, sizes)) for sizes in (shape, (*lacks, *shape)))
    return f"; the input {given} has {what}: --input {whole}"


def called(recorder: Recorder, call: Call, /, *args: Any, **kwargs: Any) -> Any:
    """Call the model; an error of TorchScript becomes that of the operator, whose words it drops."""
    try:
        result = call(*args, **kwargs)
    except RuntimeError as error:
        if recorder.failure is None or SCRIPTED not in text_of(error):
            raise
        raise recorder.failure from error
    if is_iterator(result):
        raise ForwardError(
            f"the forward pass returned a {type(result).__name__}, which runs when something is taken from it; "
            "give a module whose forward runs it, and returns a list"
        )
    return result


def _raised_in(error: BaseException, members: dict[str, nn.Module]) -> str:
    """Return the name of the innermost module of the model that was running."""
    names = {id(module): path for path, module in members.items()}
    running = [id(frame.f_locals.get("self")) for frame, _ in traceback.walk_tb(error.__traceback__)]
    return next((names[identity] for identity in reversed(running) if identity in names), "")


def described(error: BaseException) -> str:
    """Return the error's type and first line, and the file and line of the user's code that raised it."""
    return _located(error, f"{type(error).__name__}: {reason_of(error)}")


def _located(error: BaseException, text: str) -> str:
    """Return the text with the file and line of the user's code that raised the error, if any was running."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_users(Path(frame.filename))]
    return f"{text} ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else text


def _is_users(path: Path) -> bool:
    """True where the code is not torch's, Python's or netcost's own; a network of the zoo counts as the user's."""
    is_ours = str(path).startswith("<") or path.is_relative_to(PACKAGE) or path.is_relative_to(TORCH)
    is_ours = is_ours or (path.is_relative_to(PYTHON) and "site-packages" not in path.parts)
    return not is_ours or path.is_relative_to(PACKAGE / "zoo")


def _is_lazy(module: nn.Module) -> bool:
    return isinstance(module, LazyModuleMixin) and module.has_uninitialized_params()


def _with_shapes(model: nn.Module, call: Call, args: Any, kwargs: Any) -> nn.Module:
    """Return a copy of a model with lazy layers after one pass on real tensors, which gives their weights a shape."""
    copied = _copied(model, "lazy layers get their shapes in a copy of the model")
    generator = torch.Generator().manual_seed(0)

    def real(tensor: Tensor) -> Tensor:
        refuse_unsupported("an input", tensor)
        return InputSpec.of(tensor).random(generator) if tensor.is_meta else tensor.detach().clone()

    with torch.no_grad(), quiet_torch(CPU, is_recurrent=False):
        run_forward(partial(call, copied), dict(copied.named_modules()), *with_tensors((args, kwargs), real))
    return copied
