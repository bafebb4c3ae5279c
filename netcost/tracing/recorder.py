"""The dispatch mode that runs each operator on shapes alone and writes down what it did.

Under `torch.inference_mode` a dispatch mode sees operators before torch decomposes them: `conv2d`, `batch_norm` and
`scaled_dot_product_attention` arrive whole. One that has a counting rule is recorded whole; any other composite
operator is decomposed, and its parts are recorded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode

from netcost import rules
from netcost.errors import DataDependentError
from netcost.graph import CONSTANT, MODEL_INPUT, Op, Storage, TensorSpec
from netcost.tracing.attribution import ModuleStack
from netcost.tracing.inputs import InputSpec
from netcost.tracing.memory import Handle, Memory, spec_of
from netcost.tracing.plan import Plan

META = torch.device("meta")

CPU = torch.device("cpu")

LARGE_CONSTANT = 1 << 20
"""Elements above which a tensor that the forward pass makes is kept as a shape only."""

MASKED = frozenset({"aten.index", "aten._unsafe_index", "aten.index_put", "aten.index_put_"})
"""Operators whose second argument may be boolean masks, the sizes of which depend on their values."""

_META_WORDS = re.compile(r"\bmeta\b|register_meta|fake impl|unallocated storage", re.IGNORECASE)


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves __init_subclass__ untyped
    """Records one forward pass.

    Args:
        stack: says which module is running.
        parameters: name of each of the model's parameters, by `id`.
        concrete: run on the real tensors instead of on shapes.
        device: where inputs without values are made, if `concrete`.
    """

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # The default wraps every dispatched call and imports the compiler (0.8 s); nothing is compiled here.
        return False

    def __init__(
        self,
        stack: ModuleStack,
        parameters: Mapping[int, str],
        concrete: bool = False,
        device: torch.device = CPU,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it so
        self.ops: list[Op] = []
        self._memories: list[Memory] = []
        self._workspaces: list[Storage] = []
        self._stack = stack
        self._parameters = parameters
        self._concrete = concrete
        self._device = device
        self._plans = _PLANS.setdefault(len(rules.RULES), {})
        # The caller's tensors by id, each with its stand-in: one that is passed twice is one tensor in the model, too.
        self._admitted: dict[int, tuple[Tensor, Tensor]] = {}
        # Tensors that the forward pass did not make, by id: kept here, so that nothing is left on the model's.
        self._outside: dict[int, tuple[Tensor, Handle]] = {}

    def admit(self, tensor: Tensor) -> Tensor:
        """A stand-in for a tensor of the caller's, who holds it all through the forward pass."""
        if id(tensor) not in self._admitted:
            held = self._real(tensor) if self._concrete else _shadow(tensor)
            spec = spec_of(held)
            memory = Memory(spec.size_bytes, -1, MODEL_INPUT)
            self._memories.append(memory)
            held.__dict__["_netcost"] = Handle(self, spec, memory)
            self._admitted[id(tensor)] = (tensor, held)
        return self._admitted[id(tensor)][1]

    def _real(self, tensor: Tensor) -> Tensor:
        """A copy with values; random ones if it has none."""
        if not tensor.is_meta:
            return tensor.detach().clone()
        return InputSpec.of(tensor).random(torch.Generator().manual_seed(0)).to(self._device)

    def source_of(self, tensor: Tensor) -> int:
        """The operator that last wrote `tensor`, or `MODEL_INPUT` or `CONSTANT`."""
        return self._handle(tensor).memory.writer

    def __torch_dispatch__(self, func: OpOverload, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        plan = self._plans.get(func)
        if plan is None:
            plan = self._plans[func] = Plan(func)
        if plan.decompose:
            with self:
                return func.decompose(*args, **(kwargs or {}))
        tensors: list[Tensor] = []
        roles: list[str] = []
        arguments: dict[str, Any] = {}
        for role, value in zip(plan.roles, args, strict=False):
            if isinstance(value, Tensor):
                tensors.append(value)
                roles.append(role)
            elif value is not None:
                _sort(role, value, tensors, roles, arguments)
        if kwargs:
            for role, value in kwargs.items():
                _sort(role, value, tensors, roles, arguments)
        else:
            kwargs = {}
        if plan.takes_device:
            arguments.pop("device", None)  # counts do not depend on it
        handles = [self._handle(tensor) for tensor in tensors]
        # Read before it runs: an in-place operator changes what it is given.
        specs = tuple([handle.spec for handle in handles])
        sources = tuple([handle.memory.writer for handle in handles])
        parameters = tuple([handle.memory.parameter for handle in handles])
        result = None
        # A shape rule looks at shapes alone, so its operands need no shadows; what it gives back must be one.
        if plan.shape_rule is not None and not self._concrete and tensors and tensors[0].is_meta:
            result = plan.shape_rule(*args, **kwargs)
        if result is None:
            if not self._concrete:
                args, kwargs, tensors = self._on_meta(plan, args, kwargs, tensors, roles)
            result = self._kernel(func, plan, args, kwargs, tensors)
        outputs, is_view = self._outputs(plan, result, tensors, roles, handles)
        if outputs is not None:
            path, call = self._stack.path, self._stack.call
            op = Op(plan.name, specs, outputs, tuple(roles), arguments, sources, parameters, is_view, path, call)
            if plan.workspace is not None:
                index = len(self.ops)
                self._workspaces.append(Storage(plan.workspace(op), index, index))
            self.ops.append(op)
        return result

    def _on_meta(
        self, plan: Plan, args: tuple[Any, ...], kwargs: dict[str, Any], tensors: list[Tensor], roles: list[str]
    ) -> tuple[tuple[Any, ...], dict[str, Any], list[Tensor]]:
        """Replace weights, and whatever meets a shape-only tensor, by their shadows on the meta device.

        Small tensors that depend on neither (tables, indices, ranges) keep their values, wherever they were asked to
        be made or moved, so that the model may look at them.
        """
        if not tensors:
            if plan.takes_device:
                args, kwargs = _moved(args, {"device": CPU, **kwargs}, META if _is_large(args) else CPU)
            return args, kwargs, tensors
        device = META
        real = [tensor for tensor in tensors if not tensor.is_meta]
        if real:
            if len(real) == len(tensors) and not self._must_shadow(plan, args, tensors, roles):
                device = real[0].device
            else:
                if plan.name in MASKED:
                    args = (args[0], _without_masks(args[1]), *args[2:])
                args = tuple([_replace(value, self._shadow_of) for value in args])
                kwargs = {role: _replace(value, self._shadow_of) for role, value in kwargs.items()}
                tensors = [self._shadow_of(tensor) for tensor in tensors]
        if plan.takes_device:
            args, kwargs = _moved(args, kwargs, device)
        return args, kwargs, tensors

    def _must_shadow(self, plan: Plan, args: tuple[Any, ...], tensors: list[Tensor], roles: list[str]) -> bool:
        """Whether operands that all hold values must lose them: weights, large ones, and the model's own, written."""
        for tensor, role in zip(tensors, roles, strict=True):
            memory = self._handle(tensor).memory
            if memory.lost or memory.parameter is not None or (memory.born < 0 and role in plan.writes):
                return True
        return _is_large(args, tensors)

    def _shadow_of(self, tensor: Tensor) -> Tensor:
        """The meta tensor that stands for `tensor`, the same one each time."""
        if tensor.is_meta:
            return tensor
        handle = self._handle(tensor)
        if handle.shadow is None:
            handle.shadow = _shadow(tensor)
            handle.shadow.__dict__["_netcost"] = Handle(self, handle.spec, handle.memory)
        return handle.shadow

    def _handle(self, tensor: Tensor) -> Handle:
        """What is known of `tensor`; one from outside the forward pass is a parameter or a constant."""
        handle: Handle | None = tensor.__dict__.get("_netcost")
        if handle is not None and handle.recorder is self:
            return handle
        outside = self._outside.get(id(tensor))
        if outside is None:
            memory = Memory(0, -1, CONSTANT, self._parameters.get(id(tensor)))
            outside = self._outside[id(tensor)] = (tensor, Handle(self, spec_of(tensor), memory))
        return outside[1]

    def _kernel(
        self, func: OpOverload, plan: Plan, args: tuple[Any, ...], kwargs: dict[str, Any], tensors: list[Tensor]
    ) -> Any:
        """Run torch's own kernel: on the meta device it computes shapes."""
        try:
            return func(*args, **kwargs)
        except (RuntimeError, TypeError) as error:
            if lacks_values(error) and any(tensor.is_meta for tensor in tensors):
                raise DataDependentError(plan.name) from error
            raise

    def _outputs(
        self, plan: Plan, result: Any, tensors: list[Tensor], roles: list[str], handles: list[Handle]
    ) -> tuple[tuple[TensorSpec, ...] | None, bool]:
        """Specs of the outputs, new ones first and then those written to, and whether they are views.

        The specs are None where nothing happened: the operator gave back what it was given (dropout in eval), only a
        number, or took no tensor at all (a profiler's mark).
        """
        index = len(self.ops)
        specs: list[TensorSpec] = []
        is_view = bool(tensors)
        returned = False
        for tensor in result if isinstance(result, (list, tuple)) else (result,):
            if not isinstance(tensor, Tensor):
                continue
            returned = True
            known: Handle | None = tensor.__dict__.get("_netcost")
            if (known is not None and known.recorder is self) or id(tensor) in self._outside:
                continue
            memory = self._aliased(tensor, tensors, handles) if plan.aliases else None
            if memory is None:
                is_view = False
                memory = Memory(tensor.untyped_storage().nbytes(), index, index)
                self._memories.append(memory)
            spec = spec_of(tensor)
            tensor.__dict__["_netcost"] = Handle(self, spec, memory)
            specs.append(spec)
        if plan.reshapes:
            handles[0].spec = spec_of(tensors[0])
            return (handles[0].spec,), True
        if plan.writes:
            specs += self._written(plan, tensors, roles, handles)
            return tuple(specs), False
        if not specs and (returned or plan.known or not tensors):
            return None, False
        return tuple(specs), is_view and bool(specs)

    def _written(self, plan: Plan, tensors: list[Tensor], roles: list[str], handles: list[Handle]) -> list[TensorSpec]:
        """Specs of what an operator wrote to; it becomes the writer of that memory."""
        specs: list[TensorSpec] = []
        for tensor, role, handle in zip(tensors, roles, handles, strict=True):
            if role in plan.writes:
                handle.memory.writer = len(self.ops)
                handle.memory.lost = tensor.is_meta
                if handle.spec.shape != tuple(tensor.shape):
                    handle.spec = spec_of(tensor)  # `out=` takes the shape of the result
                specs.append(handle.spec)
        return specs

    def _aliased(self, tensor: Tensor, tensors: list[Tensor], handles: list[Handle]) -> Memory | None:
        """The memory that `tensor` shares with one of the operator's inputs, if it does."""
        address = tensor.untyped_storage()._cdata
        for candidate, handle in zip(tensors, handles, strict=True):
            if candidate.untyped_storage()._cdata == address:
                return handle.memory
        return None

    def lifetimes(self) -> tuple[Storage, ...]:
        """Every block of activation memory with its lifetime. What is alive now, lives to the end."""
        last = len(self.ops) - 1
        kept = [
            Storage(memory.size_bytes, memory.born, last if memory.died is None or memory.born < 0 else memory.died)
            for memory in self._memories
        ]
        return (*kept, *self._workspaces)


_PLANS: dict[int, dict[OpOverload, Plan]] = {}
"""Plans, by how many counting rules there are: one that is added later changes what is recorded whole."""


def _sort(role: str, value: Any, tensors: list[Tensor], roles: list[str], arguments: dict[str, Any]) -> None:
    """Put an argument of an operator where it belongs: tensors and lists of them are inputs, the rest arguments."""
    if isinstance(value, Tensor):
        tensors.append(value)
        roles.append(role)
    elif isinstance(value, (list, tuple)) and value and any(isinstance(item, Tensor) for item in value):
        for item in value:
            if isinstance(item, Tensor):
                tensors.append(item)
                roles.append(role)
    elif value is not None:
        arguments[role] = value


def _shadow(tensor: Tensor) -> Tensor:
    """A meta tensor laid out as `tensor`. Torch insists that a view of an ordinary tensor be one, too."""
    with torch.inference_mode(tensor.is_inference()):
        return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=META)


def _replace(value: Any, replacement: Callable[[Tensor], Tensor]) -> Any:
    """`value` with each tensor in it replaced; operators nest tensors in lists only one deep."""
    if isinstance(value, Tensor):
        return replacement(value)
    if isinstance(value, (list, tuple)):
        return type(value)([_replace(item, replacement) for item in value])
    return value


def _moved(
    args: tuple[Any, ...], kwargs: dict[str, Any], device: torch.device
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments with `device` wherever they name one."""
    if kwargs.get("device") is not None:
        kwargs = {**kwargs, "device": device}
    return tuple([device if isinstance(value, torch.device) else value for value in args]), kwargs


def _is_large(args: tuple[Any, ...], tensors: Sequence[Tensor] = ()) -> bool:
    """Whether an operator's result may have more elements than are worth computing.

    Judged by what the operands span when broadcast, and by the sizes asked for (`zeros`, `repeat`, `arange`).
    """
    shapes = [tensor.shape for tensor in tensors]
    spanned = (
        shapes[0].numel() if len(shapes) == 1 else prod(map(max, zip_longest(*map(reversed, shapes), fillvalue=1)))
    )
    asked = [
        prod(value) for value in args if isinstance(value, (list, tuple)) and all(type(size) is int for size in value)
    ]
    if not tensors:
        asked += [value for value in args if type(value) is int]
    return max([spanned, *asked]) > LARGE_CONSTANT


def _without_masks(indices: Sequence[Tensor | None]) -> list[Tensor | None]:
    """Indices with each mask that has values as the positions that it picks."""
    found: list[Tensor | None] = []
    for index in indices:
        if index is not None and index.dtype is torch.bool and not index.is_meta:
            found += index.nonzero(as_tuple=True)
        else:
            found.append(index)
    return found


def lacks_values(error: Exception) -> bool:
    """Whether torch complains that a tensor on the meta device has no values."""
    return isinstance(error, RuntimeError | TypeError) and _META_WORDS.search(str(error)) is not None
