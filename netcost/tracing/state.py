"""The model's and torch's state, put back as it was before a forward pass."""

from __future__ import annotations

import enum
import gc
import random
import sys
from array import array
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import chain, filterfalse, islice
from operator import itemgetter
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from netcost.tracing.answers import believed_device
from netcost.tracing.arguments import shadow
from netcost.tracing.iterators import copied, is_iterator, place_of
from netcost.tracing.settings import settings_restored

SEQUENCES = frozenset({list, deque})
CONTAINERS = frozenset({dict, OrderedDict, defaultdict, Counter, set}) | SEQUENCES
ATOMS = frozenset(
    {int, bool, float, str, type(None), tuple, Tensor, nn.Parameter, torch.Size, torch.dtype, torch.device, type}
    | {FunctionType, BuiltinFunctionType, MethodType, ModuleType}
)
"""Types of values that have no state of their own to put back; a tuple's items are not looked at."""

_COMMON = vars(nn.Module())
_COMMON_NAMES = tuple(_COMMON)
_common_containers = itemgetter(*[name for name, value in _COMMON.items() if isinstance(value, dict | set)])
"""Of the attributes that every module has first, those that are containers; in most modules, most are empty."""

LARGE_ARRAY = 1 << 23
"""Bytes above which an array of NumPy is not put back."""

SHARED = sys.stdlib_module_names | {"torch", "numpy"}
"""Packages whose objects, loggers and compiled graphs for example, are not taken for a model's own state."""

OWN = frozenset({"collections", "queue", "types"})
"""Modules of the standard library whose objects are: mappings, queues and namespaces."""


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
def restored(members: Sequence[nn.Module]) -> Iterator[list[tuple[Any, Any]]]:
    """Restore every module's attributes, parameters, buffers, submodules, hooks and plain objects at the end.

    Within it, the modules hold copies of their iterators. Those that cannot be copied are yielded with their places.
    """
    scripted = [
        (module, getattr(module, "training", None))  # a frozen one has no flag
        for module in members
        if isinstance(module, torch.jit.ScriptModule)
    ]
    filled, empty, others, iterators = _contents(
        [module for module in members if not isinstance(module, torch.jit.ScriptModule)]
    )
    copies = {id(iterator): made for iterator in iterators if (made := copied(iterator)) is not None}
    uncopied = [(iterator, place_of(iterator)) for iterator in iterators if id(iterator) not in copies]
    if copies:
        _exchange([container for container, _ in filled], copies)
    parameters = [tensor for module in members for tensor in module._parameters.values() if tensor is not None]
    gradients = [(tensor, tensor.requires_grad, tensor.grad) for tensor in parameters]
    try:
        yield uncopied
    finally:
        for container, kept in filled:
            container.clear()
            (container.extend if type(container) in SEQUENCES else container.update)(kept)
        for container in empty:
            if container:
                container.clear()
        for put_back in others:
            put_back()
        for module, training in scripted:
            if training is None:
                vars(module).pop("training", None)
            else:
                module.training = training
        for tensor, requires_grad, gradient in gradients:
            if tensor.requires_grad is not requires_grad:
                tensor.requires_grad_(requires_grad)
            if tensor.grad is not gradient:
                tensor.grad = gradient


def stand_in(members: Sequence[nn.Module], parameters: Mapping[str, Tensor]) -> None:
    """Replace weights that have values by shapes, wherever the modules hold them; within `restored`.

    Autograd demands a gradient on the device of its parameter.
    """
    shapes: dict[int, nn.Parameter] = {}
    for tensor in parameters.values():
        if not tensor.is_meta:
            shapes[id(tensor)] = nn.Parameter(shadow(tensor), requires_grad=tensor.requires_grad)
    if shapes:
        _exchange([container for container, _ in _contents(members)[0]], shapes)


def _exchange(containers: Sequence[Any], others: Mapping[int, Any]) -> None:
    """Put into dictionaries, lists and deques the others in place of the values that have these ids."""
    for container in containers:
        if not isinstance(container, set):
            entries = container.items() if isinstance(container, dict) else enumerate(container)
            for key, value in [entry for entry in entries if id(entry[1]) in others]:
                container[key] = others[id(value)]


def _contents(
    members: Sequence[nn.Module],
) -> tuple[list[tuple[Any, Any]], list[Any], list[Callable[[], Any]], list[Any]]:
    """Return the containers of the modules at any depth: filled ones with a copy each, and empty ones.

    The attributes of a plain object are a container too. Of what has another kind of state, return functions that put
    it back: random generators, arrays, classes, and objects with slots. Last, return the iterators.
    """
    filled: list[tuple[Any, Any]] = []
    empty: list[Any] = []
    others: list[Callable[[], Any]] = []
    iterators: list[Any] = []
    containers: list[Any] = [module.__dict__ for module in members]
    seen = set(map(id, containers))
    # Of these the contents are known: members, and tensors.
    registries = {id(held) for module in members for held in (module._modules, module._parameters, module._buffers)}
    for kind in {base for module in members for base in type(module).__mro__}:
        if kind.__module__.partition(".")[0] not in SHARED:
            held = {name: value for name, value in vars(kind).items() if name[:2] != "__"}
            others.append(partial(_set_class, kind, held))
            containers += [value for value in held.values() if type(value) in CONTAINERS and id(value) not in seen]
            seen |= set(map(id, containers))
    for container in containers:  # the list grows meanwhile
        filled.append((container, container.copy()))
        if id(container) in registries:
            continue
        values = container.values() if isinstance(container, dict) else container
        # The modules come first. To look at each of their common attributes took a tenth of a pass.
        if len(filled) <= len(members) and tuple(islice(container, len(_COMMON_NAMES))) == _COMMON_NAMES:
            common = _common_containers(container)
            empty += filterfalse(None, common)
            values = chain(filter(None, common), islice(values, len(_COMMON_NAMES), None))
        for value in values:
            kind = type(value)
            if kind in ATOMS:
                continue
            inner = value if kind in CONTAINERS else _attributes(value)
            if inner is None:
                if id(value) in seen:
                    continue
                seen.add(id(value))
                if is_iterator(value):
                    iterators.append(value)
                elif (put_back := _other_state(value)) is not None:
                    others.append(put_back)
                continue
            if not inner:
                empty.append(inner)
            elif id(inner) not in seen:
                seen.add(id(inner))
                containers.append(inner)
    return filled, empty, others, iterators


def _other_state(value: Any) -> Callable[[], Any] | None:
    """Return the function that puts back the state of a value without attributes; None where it has none."""
    kind = type(value)
    if kind is torch.Generator:
        return partial(value.set_state, value.get_state())
    if kind is random.Random:
        return partial(value.setstate, value.getstate())
    if kind.__module__.startswith("numpy.random") and hasattr(value, "bit_generator"):
        return partial(setattr, value.bit_generator, "state", value.bit_generator.state)
    if kind.__module__.startswith("numpy.random") and hasattr(value, "set_state"):
        return partial(value.set_state, value.get_state())
    if kind in (bytearray, array):
        return partial(value.__setitem__, slice(None), value[:])
    if kind.__module__ == "numpy":
        is_small = kind.__name__ == "ndarray" and value.nbytes <= LARGE_ARRAY and value.flags.writeable
        return partial(value.__setitem__, ..., value.copy()) if is_small else None
    names = slots_of(value)
    return partial(_set_slots, value, {name: getattr(value, name) for name in names}) if names else None


def slots_of(value: Any) -> list[str]:
    """Return the names of an object's slots that are set; none of one whose state is not a model's own."""
    if type(value).__module__.partition(".")[0] in SHARED | {"builtins"}:
        return []
    slots = (vars(kind).get("__slots__", ()) for kind in type(value).__mro__)
    names = [name for held in slots for name in ((held,) if isinstance(held, str) else held)]
    return [name for name in names if name[:2] != "__" and hasattr(value, name)]


def _set_slots(value: Any, before: Mapping[str, Any]) -> None:
    for name in slots_of(value):
        if name not in before:
            object.__delattr__(value, name)
    for name, kept in before.items():
        object.__setattr__(value, name, kept)  # past a frozen data class


def _set_class(kind: type, before: Mapping[str, Any]) -> None:
    """Put back what a class holds by name, as a counter of its instances' calls; dunder names are Python's own."""
    now = {name: value for name, value in vars(kind).items() if name[:2] != "__"}
    for name in now.keys() - before.keys():
        delattr(kind, name)
    for name, value in before.items():
        if name not in now or now[name] is not value:
            setattr(kind, name, value)


def _attributes(value: Any) -> dict[str, Any] | None:
    """Return the attributes of a plain object; None for a value without any, or whose state is not a model's own."""
    kind = type(value)
    if not isinstance(value, nn.Module) or isinstance(value, torch.jit.ScriptModule):
        is_shared = kind.__module__.partition(".")[0] in SHARED and kind.__module__ not in OWN
        if is_shared or isinstance(value, Tensor | type | enum.Enum):
            return None
    attributes = getattr(value, "__dict__", None)
    return attributes if type(attributes) is dict else None


@contextmanager
def quiet_torch(device: torch.device, is_recurrent: bool) -> Iterator[None]:
    """Switch torch to the settings that a trace needs; restore all settings and random states at the end.

    Off are the fused attention path, which hides its operators; compilation; autocast, which does not see shapes; and
    the kernels that only some devices have for recurrent layers.

    Args:
        device: the device that shape-only tensors say they are on.
        is_recurrent: the model has recurrent layers.
    """
    with ExitStack() as undo:
        undo.enter_context(settings_restored())
        undo.callback(torch.random.set_rng_state, torch.random.get_rng_state())
        undo.callback(random.setstate, random.getstate())
        if numpy := sys.modules.get("numpy"):
            undo.callback(numpy.random.set_state, numpy.random.get_state())
        undo.callback(torch.set_default_dtype, torch.get_default_dtype())
        undo.callback(torch.backends.mha.set_fastpath_enabled, torch.backends.mha.get_fastpath_enabled())
        torch.backends.mha.set_fastpath_enabled(False)
        if is_recurrent:  # past torch.backends, which refuses after `disable_global_flags()`, and warns of other flags
            undo.callback(torch._C._set_mkldnn_enabled, torch._C._get_mkldnn_enabled())
            undo.callback(torch._C._set_cudnn_enabled, torch._C._get_cudnn_enabled())
            torch._C._set_mkldnn_enabled(False)
            torch._C._set_cudnn_enabled(False)
        for kind in filter(torch.is_autocast_enabled, ("cpu", "cuda")):
            undo.callback(torch.set_autocast_enabled, kind, True)
            torch.set_autocast_enabled(kind, False)
        # TorchScript compares the constants of a frozen module by value before it optimises it.
        undo.callback(torch._C._set_graph_executor_optimize, torch._C._get_graph_executor_optimize())
        torch._C._set_graph_executor_optimize(False)
        undo.enter_context(believed_device(device))
        if "torch._dynamo" in sys.modules:  # nothing is compiled before the compiler is imported
            undo.enter_context(torch.compiler.set_stance("force_eager"))
        yield
