"""One forward pass on shapes, and the model afterwards as it was before."""

from __future__ import annotations

import copy
import gc
import sys
import traceback
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.lazy import LazyModuleMixin
from torch.utils._pytree import tree_map_only

from netcost.graph.graph import Graph
from netcost.text.errors import DataDependentError, ForwardError, NetcostError, RequestError
from netcost.tracing.arguments import lacks_values
from netcost.tracing.attribution import ModuleStack
from netcost.tracing.memory import spec_of
from netcost.tracing.recorder import CPU, Recorder

MODES = ("eval", "train")
DATA_PARALLEL = (nn.DataParallel, nn.parallel.DistributedDataParallel)
SEQUENCES = frozenset({list, deque})
CONTAINERS = frozenset({dict, OrderedDict, defaultdict, set}) | SEQUENCES


def trace(model: nn.Module, *args: Any, mode: str = "eval", concrete: bool = False, **kwargs: Any) -> Graph:
    """Run the forward pass on the meta device, and record every operator.

    The model is as before afterwards: parameters, buffers, hooks, attributes (and what lists, dicts and sets among
    them hold), training flags, gradients and the random state. Nothing is computed and nothing of its size is
    allocated. `torch.compile` and data-parallel wrappers are looked through; `torch.autocast` inside is ignored, so
    element types are those of weights and inputs.

    Args:
        model: the network; its tensors may lie on any device, the meta device included.
        args: inputs of its forward, of any nesting; tensors lend their shapes and types only.
        mode: "eval", or "train" for auxiliary heads and batch statistics.
        concrete: run a copy of the model on the real tensors instead, for a forward pass that looks at values;
            an input on the meta device is replaced by random values, or zeros where it holds indices.
        kwargs: keyword inputs of its forward.

    Raises:
        DataDependentError: the forward pass looks at values and `concrete` is off.
        ForwardError: the model's own code raised; the message names its file and line.
        RequestError: the mode is unknown, or the model has no shapes yet (or no values, if `concrete`).
    """
    if mode not in MODES:
        raise RequestError(f"mode {mode!r} is unknown; expected one of {', '.join(MODES)}")
    imported = len(sys.modules)
    graph = _traced(model, args, kwargs, mode, concrete)
    if len(sys.modules) > imported:
        # What torch imports on the first use of some kernels keeps the frames that led there, and their tensors,
        # alive: lifetimes are those of the model only once nothing more is imported.
        graph = _traced(model, args, kwargs, mode, concrete)
    return graph


def _traced(model: nn.Module, args: Any, kwargs: Any, mode: str, concrete: bool) -> Graph:
    original = _unwrapped(model)
    model = _copied(original) if concrete else original
    members = dict(model.named_modules())
    parameters = _parameters(members)
    stack = ModuleStack({id(module): path for path, module in members.items()})
    device = next((tensor.device for tensor in parameters.values()), CPU)
    names = {id(tensor): name for name, tensor in parameters.items()}
    specs = {name: spec_of(tensor) for name, tensor in parameters.items()}
    recorder = Recorder(stack, names, specs, concrete, device)
    real_rnn = concrete and any(isinstance(module, nn.RNNBase) for module in members.values())
    # Hooks of a copy may still write to lists of the original.
    held = original.modules() if concrete else members.values()
    with paused_collection(), _untouched(list(held)), _quiet_torch(real_rnn), torch.inference_mode():
        _set_training(model, members.values(), mode == "train")
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
            parameters=specs,
            weight_bytes=_weight_bytes(members, parameters),
            storages=recorder.lifetimes(),
            modules={path: type(module).__name__ for path, module in members.items()},
            calls=stack.calls,
            mode=mode,
        )


def _set_training(model: nn.Module, members: Iterable[nn.Module], training: bool) -> None:
    """What `model.train(training)` does, without its cost where no module does it in a way of its own."""
    for module in members:
        kind = type(module)
        is_plain = kind.train is nn.Module.train and kind.eval is nn.Module.eval
        if not is_plain or isinstance(module, torch.jit.ScriptModule):  # whose flag lies elsewhere
            model.train(training)
            return
    for module in members:
        module.__dict__["training"] = training


def _unwrapped(model: nn.Module) -> nn.Module:
    """The network inside `torch.compile` and data-parallel wrappers, which say where and how it runs, not what."""
    if not isinstance(model, nn.Module):
        raise RequestError(f"{model!r} is a {type(model).__name__}; expected an nn.Module")
    inner = getattr(model, "module" if isinstance(model, DATA_PARALLEL) else "_orig_mod", None)
    return model if inner is None else _unwrapped(inner)


def _copied(model: nn.Module) -> nn.Module:
    """A copy of the model with its values."""
    if any(tensor.is_meta for tensor in model.parameters()):
        raise RequestError("concrete=True runs on values, and this model has none (meta device); build it on the CPU")
    computed = [
        value
        for module in model.modules()
        for value in module.__dict__.values()
        if isinstance(value, Tensor) and not value.is_leaf  # torch refuses to copy these
    ]
    try:
        return copy.deepcopy(model, {id(tensor): tensor.detach().clone() for tensor in computed})
    except Exception as error:
        raise RequestError(
            f"concrete=True runs a copy of the model, and it cannot be copied: {described(error)}"
        ) from error


def _forward(model: nn.Module, members: dict[str, nn.Module], args: Any, kwargs: Any) -> Any:
    """Call the model; what it raises becomes one line that says where."""
    try:
        return model(*args, **kwargs)
    except Exception as error:
        module = _raised_in(error, members)
        if isinstance(error, DataDependentError) or lacks_values(error):
            reason = _placed(error, str(error)) if isinstance(error, DataDependentError) else described(error)
            raise DataDependentError(
                f"{f'module {module!r}' if module else 'the model'} asks for the values of a tensor: {reason}. "
                "Tracing has shapes only; trace on real tensors with --concrete (concrete=True)"
            ) from error
        if isinstance(error, NetcostError):
            raise
        where = f" in module {module!r}" if module else ""
        raise ForwardError(f"the forward pass raised{where}: {described(error)}") from error


def _raised_in(error: Exception, members: dict[str, nn.Module]) -> str:
    """Name of the innermost of the model's modules that was running."""
    names = {id(module): path for path, module in members.items()}
    running = [id(frame.f_locals.get("self")) for frame, _ in traceback.walk_tb(error.__traceback__)]
    return next((names[each] for each in reversed(running) if each in names), "")


def described(error: BaseException) -> str:
    """The error's type and first line, and the file and line of the code that raised it, torch's own left out."""
    first = str(error).strip().splitlines()[0] if str(error).strip() else "no message"
    return _placed(error, f"{type(error).__name__}: {first}")


def _placed(error: BaseException, text: str) -> str:
    """The text with the file and line of the user's code that raised the error; as it is if none was running."""
    here, torch_home = Path(__file__).parent.parent, Path(torch.__file__).parent
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if not _inside(frame.filename, here, torch_home)]
    return f"{text} ({Path(theirs[-1].filename).name}:{theirs[-1].lineno})" if theirs else text


def _inside(filename: str, *folders: Path) -> bool:
    path = Path(filename)
    in_zoo = "zoo" in path.parts and "netcost" in path.parts
    return not in_zoo and (filename.startswith("<") or any(path.is_relative_to(folder) for folder in folders))


def _tensors_in(value: Any, seen: set[int]) -> Iterator[Tensor]:
    """The tensors in a nest of containers, data classes and plain objects, in order."""
    if isinstance(value, Tensor):
        yield value
    elif id(value) not in seen:
        seen.add(id(value))
        for part in _parts(value):
            yield from _tensors_in(part, seen)


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return value.values()
    if isinstance(value, list | tuple | set):
        return value
    if isinstance(value, nn.Module | type):
        return ()
    if is_dataclass(value):
        return [getattr(value, each.name) for each in fields(value)]
    return vars(value).values() if hasattr(value, "__dict__") else ()


def _parameters(members: dict[str, nn.Module]) -> dict[str, Tensor]:
    """Every unique parameter by its first qualified name."""
    found: dict[str, Tensor] = {}
    seen: set[int] = set()
    for path, module in members.items():
        if isinstance(module, LazyModuleMixin):
            raise RequestError(
                f"{f'module {path!r}' if path else 'the model'} is a {type(module).__name__}: its weights have no "
                "shapes before its first forward pass; run the model once on an input, model(x), and trace it then"
            )
        for name, tensor in module._parameters.items():
            if tensor is not None and id(tensor) not in seen:
                seen.add(id(tensor))
                found[f"{path}.{name}" if path else name] = tensor
    return found


def _weight_bytes(members: dict[str, nn.Module], parameters: dict[str, Tensor]) -> int:
    """Bytes of all unique parameters and buffers."""
    buffers = {id(b): b for module in members.values() for b in module._buffers.values() if b is not None}
    return sum([tensor.nbytes for tensor in (*parameters.values(), *buffers.values())])


@contextmanager
def paused_collection() -> Iterator[None]:
    """Without Python's cyclic garbage collection: it would walk all that torch has imported, 0.2 s at a time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def _untouched(members: Sequence[nn.Module]) -> Iterator[None]:
    """Put every module's attributes, parameters, buffers, submodules and hooks back as they were."""
    scripted = [(module, module.training) for module in members if isinstance(module, torch.jit.ScriptModule)]
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
    """Each of the containers, and each one in them at any depth: with a copy of what it holds, or empty."""
    filled: list[tuple[Any, Any]] = []
    empty: list[Any] = []
    seen: set[int] = set()
    for container in containers:  # which grows as we go
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
    """Torch's settings as a trace needs them, and as before afterwards; the random state is kept.

    Off are the fused attention path, which hides its operators; compilation; autocast, which does not see shapes; and
    where recurrent layers run on real tensors, the kernels that only some devices have for them.
    """
    state = torch.random.get_rng_state()
    fast_path = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    backends: list[Any] = [torch.backends.mkldnn, torch.backends.cudnn] if real_rnn else []
    enabled = [backend.enabled for backend in backends]
    for backend in backends:
        backend.enabled = False
    # Nothing is compiled before the compiler is imported.
    eager = torch.compiler.set_stance("force_eager") if "torch._dynamo" in sys.modules else nullcontext()
    try:
        with _no_autocast(), eager:
            yield
    finally:
        for backend, was_enabled in zip(backends, enabled, strict=True):
            backend.enabled = was_enabled
        torch.backends.mha.set_fastpath_enabled(fast_path)
        torch.random.set_rng_state(state)


@contextmanager
def _no_autocast() -> Iterator[None]:
    """Autocast off, and kept off: entering `torch.autocast` calls `torch.set_autocast_enabled`."""
    switch = torch.set_autocast_enabled
    enabled = [device for device in ("cpu", "cuda") if torch.is_autocast_enabled(device)]
    for device in enabled:
        switch(device, False)
    torch.set_autocast_enabled = lambda *_: None
    try:
        yield
    finally:
        torch.set_autocast_enabled = switch
        for device in enabled:
            switch(device, True)
