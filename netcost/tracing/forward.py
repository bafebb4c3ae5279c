"""Runs one forward pass on shapes, and leaves the model as it was before."""

from __future__ import annotations

import copy
import gc
import inspect
import sys
import traceback
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import fields, is_dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.lazy import LazyModuleMixin
from torch.nn.parameter import is_lazy
from torch.utils._pytree import tree_map_only

from netcost.graph.graph import Graph
from netcost.text.errors import DataDependentError, ForwardError, NetcostError, RequestError
from netcost.tracing.arguments import lacks_values
from netcost.tracing.attribution import ModuleStack
from netcost.tracing.memory import spec_of
from netcost.tracing.recorder import Recorder

MODES = ("eval", "train")
DATA_PARALLEL = (nn.DataParallel, nn.parallel.DistributedDataParallel)
SEQUENCES = frozenset({list, deque})
CONTAINERS = frozenset({dict, OrderedDict, defaultdict, set}) | SEQUENCES

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
    original = _unwrapped(model)
    if concrete:
        _parameters(dict(original.named_modules()))  # which refuses what cannot be copied
    model = _copied(original) if concrete else original
    members = dict(model.named_modules())
    parameters = _parameters(members)
    stack = ModuleStack({id(module): path for path, module in members.items()})
    recorder = Recorder(stack, parameters, concrete)
    real_rnn = concrete and any(isinstance(module, nn.RNNBase) for module in members.values())
    # Hooks of a copy may still write to lists of the original.
    held = original.modules() if concrete else members.values()
    with paused_collection(), _untouched(list(held)), _quiet_torch(real_rnn), torch.inference_mode():
        set_training(model, mode == "train")
        args, kwargs = tree_map_only(Tensor, recorder.admit, (args, kwargs))
        inputs = [spec_of(leaf) for leaf in _tensors_in((args, kwargs), set())]
        with stack, recorder:
            result = _forward(model, members, args, kwargs)
        outputs = list(_tensors_in(result, set()))
        return Graph(
            ops=tuple(recorder.ops),
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


def set_training(model: nn.Module, training: bool) -> None:
    """Do what `model.train(training)` does, without its cost where no module overrides it.

    A `train` that takes no mode, as that of a class which trains itself, is not called: the flags are set.
    """
    members = list(model.modules())
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
    if type(model).__name__ == "ExportedProgram":  # no import of torch.export, which takes seconds
        exported: Any = model
        return _unwrapped(exported.module())
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
        raise ForwardError(f"the forward pass raised{where}: {described(error)}{_advice(model)}") from error


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


def _tensors_in(value: Any, seen: set[int]) -> Iterator[Tensor]:
    """Yield the tensors in nested containers, data classes and plain objects, in order."""
    if isinstance(value, Tensor):
        yield value
    elif id(value) not in seen and not isinstance(value, nn.Module | type):
        seen.add(id(value))
        parts: Iterable[Any] = ()
        if isinstance(value, Mapping):
            parts = value.values()
        elif isinstance(value, list | tuple | set):
            parts = value
        elif is_dataclass(value):
            parts = [getattr(value, field.name) for field in fields(value)]
        elif hasattr(value, "__dict__"):
            parts = vars(value).values()
        for part in parts:
            yield from _tensors_in(part, seen)


def _parameters(members: dict[str, nn.Module]) -> dict[str, Tensor]:
    """Return every unique parameter by its first qualified name."""
    unique: dict[int, tuple[str, Tensor]] = {}
    for path, module in members.items():
        if isinstance(module, LazyModuleMixin):
            raise RequestError(
                f"{f'module {path!r}' if path else 'the model'} is a {type(module).__name__}: its weights have no "
                "shapes before its first forward pass; run the model once on an input, model(x), and trace it then"
            )
        for name, tensor in (*module._parameters.items(), *module._buffers.items()):
            full_name = f"{path}.{name}" if path else name
            if tensor is not None:
                _refuse_without_shape(full_name, tensor)
            if tensor is not None and name in module._parameters and id(tensor) not in unique:
                unique[id(tensor)] = (full_name, tensor)
    return dict(unique.values())


def _refuse_without_shape(name: str, tensor: Tensor) -> None:
    """Refuse a weight or buffer that a shape cannot stand for."""
    if is_lazy(tensor):
        raise RequestError(
            f"{name!r} is a {type(tensor).__name__}: it has no shape yet; give it one before it is traced"
        )
    if tensor.layout is not torch.strided:
        raise RequestError(f"{name!r} is a tensor of layout {tensor.layout}; expected a dense one, tensor.to_dense()")


def _weight_bytes(members: dict[str, nn.Module], parameters: dict[str, Tensor]) -> int:
    """Return the bytes of all unique parameters and buffers."""
    buffers = [buffer for module in members.values() for buffer in module._buffers.values() if buffer is not None]
    unique = {id(buffer): buffer for buffer in buffers}
    return sum([tensor.nbytes for tensor in (*parameters.values(), *unique.values())])


@contextmanager
def paused_collection() -> Iterator[None]:
    """Pause Python's cyclic garbage collection, which would walk all that torch has imported, 0.2 s at a time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def _untouched(members: Sequence[nn.Module]) -> Iterator[None]:
    """Restore every module's attributes, parameters, buffers, submodules and hooks at the end."""
    scripted = [
        (module, module.training)
        for module in members
        if isinstance(module, torch.jit.ScriptModule) and hasattr(module, "training")  # a frozen one has no mode
    ]
    filled, empty = _contents([module.__dict__ for module in members if not isinstance(module, torch.jit.ScriptModule)])
    parameters = [tensor for module in members for tensor in module._parameters.values() if tensor is not None]
    gradients = [(tensor, tensor.requires_grad, tensor.grad) for tensor in parameters]
    try:
        yield
    finally:
        for container, kept in filled:
            container.clear()
            (container.extend if type(container) in SEQUENCES else container.update)(kept)
        for container in empty:
            if container:
                container.clear()
        for module, training in scripted:
            module.training = training
        for tensor, requires_grad, gradient in gradients:
            if tensor.requires_grad is not requires_grad:
                tensor.requires_grad_(requires_grad)
            if tensor.grad is not gradient:
                tensor.grad = gradient


def _contents(containers: list[Any]) -> tuple[list[tuple[Any, Any]], list[Any]]:
    """Return the containers, and those inside them at any depth: filled ones with a copy each, and empty ones."""
    filled: list[tuple[Any, Any]] = []
    empty: list[Any] = []
    seen: set[int] = set()
    for container in containers:  # the list grows meanwhile
        filled.append((container, container.copy()))
        values = container.values() if isinstance(container, dict) else container
        for value in [value for value in values if type(value) in CONTAINERS]:
            if not value:
                empty.append(value)
            elif id(value) not in seen:
                seen.add(id(value))
                containers.append(value)
    return filled, empty


@contextmanager
def _quiet_torch(real_rnn: bool) -> Iterator[None]:
    """Switch torch to the settings that a trace needs; restore them, and the random state, at the end.

    Off are the fused attention path, which hides its operators; compilation; autocast, which does not see shapes; and
    where recurrent layers run on real tensors, the kernels that only some devices have for them.
    """
    with ExitStack() as undo:
        undo.callback(torch.random.set_rng_state, torch.random.get_rng_state())
        undo.callback(torch.backends.mha.set_fastpath_enabled, torch.backends.mha.get_fastpath_enabled())
        torch.backends.mha.set_fastpath_enabled(False)
        backends: list[Any] = [torch.backends.mkldnn, torch.backends.cudnn] if real_rnn else []
        for backend in backends:
            undo.callback(setattr, backend, "enabled", backend.enabled)
            backend.enabled = False
        for device in filter(torch.is_autocast_enabled, ("cpu", "cuda")):
            undo.callback(torch.set_autocast_enabled, device, True)
            torch.set_autocast_enabled(device, False)
        undo.callback(setattr, torch, "set_autocast_enabled", torch.set_autocast_enabled)
        torch.set_autocast_enabled = lambda *_: None  # entering `torch.autocast` calls it
        # TorchScript compares the constants of a frozen module by value before it optimises it.
        undo.callback(torch._C._set_graph_executor_optimize, torch._C._get_graph_executor_optimize())
        torch._C._set_graph_executor_optimize(False)
        if "torch._dynamo" in sys.modules:  # nothing is compiled before the compiler is imported
            undo.enter_context(torch.compiler.set_stance("force_eager"))
        yield
