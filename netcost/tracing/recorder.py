"""The dispatch mode that runs each operator on shapes alone and records it.

Under `torch.inference_mode` a dispatch mode sees operators before torch decomposes them: `conv2d`, `batch_norm` and
`scaled_dot_product_attention` arrive whole. An operator with a counting rule is recorded whole. Any other composite
operator is decomposed, and its parts are recorded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves, tree_map_only

from netcost.graph import rules
from netcost.graph.graph import CONSTANT, MODEL_INPUT, Op, Storage, TensorSpec
from netcost.text.errors import DataDependentError
from netcost.tracing import higher_order
from netcost.tracing.answers import DATA, on_own_device
from netcost.tracing.arguments import (
    SCALARS,
    Args,
    Keywords,
    classify,
    is_large,
    is_sparse,
    keeps_values,
    lacks_values,
    on_device,
    replace,
    shadow,
    without_masks,
)
from netcost.tracing.attribution import ModuleStack
from netcost.tracing.inputs import InputSpec
from netcost.tracing.layouts import META
from netcost.tracing.memory import Handle, Memory, dtype_name, spec_of
from netcost.tracing.nests import tensors_in, with_tensors
from netcost.tracing.plan import Plan
from netcost.tracing.quantised import (
    DEQUANTISER,
    as_quantised,
    fingerprint,
    is_quantised,
    packed_arguments,
    packed_objects,
    packed_weights,
    unpacked,
)
from netcost.tracing.weights import refuse_unsupported, stored_in

CPU = torch.device("cpu")

MASKED = frozenset({"aten.index", "aten._unsafe_index", "aten.index_put", "aten.index_put_"})
"""Operators whose second argument may hold boolean masks; the result's size then depends on their values."""

REPEAT = "aten.repeat_interleave"
SIZED_AS = frozenset({"aten.expand_as", "aten.view_as", "aten.reshape_as"})
"""Operators of a tensor that take the shape alone of another: a small mask keeps its values beside a shape."""

SIZED_BY_VALUES = MASKED | {REPEAT}
"""Operators whose result has as many elements as the values of an operand say."""

SHAPED_LIKE = frozenset(
    {"aten.zeros_like", "aten.ones_like", "aten.full_like", "aten.new_zeros", "aten.new_ones", "aten.new_full"}
)
"""Operators that use the shape and type of their tensor alone, so that their result has values even beside a shape."""

LARGE_LIKE = 1 << 16
"""Elements above which such a result is kept as a shape only."""

LARGE_KEPT = 1 << 23
"""Bytes above which a tensor from outside that the pass writes to loses its values, instead of being put back."""

TENSORS = frozenset({Tensor, nn.Parameter})

CHANCE_NOTE = "The pass looked at random numbers, so that its operators, and these figures, may hang on chance."


class Position(NamedTuple):
    """Lengths of a recorder's lists at one moment."""

    ops: int
    memories: int
    workspaces: int


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves __init_subclass__ untyped
    """Records one forward pass.

    Args:
        ops: the list that grows with each operator.
        stack: tells which module is running.
        parameters: unique parameters of the model, by name.
        device: the model's own.
        concrete: run on the real tensors instead of on shapes.
    """

    supports_higher_order_operators = True

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # The default wraps every dispatched call and imports the compiler (0.8 s); nothing is compiled here.
        return False

    def __init__(
        self,
        ops: list[Op],
        stack: ModuleStack,
        parameters: Mapping[str, Tensor],
        device: torch.device = CPU,
        concrete: bool = False,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it so
        self.ops = ops
        self.notes: list[str] = []
        self.failure: Exception | None = None  # the last that an operator raised; TorchScript drops its words
        self._keeps_constants = True  # with their values
        self._has_drawn = False  # random numbers that the model can look at
        self._memories: list[Memory] = []
        self._workspaces: list[Storage] = []
        self._stack = stack
        self._has_quantised = False  # tensors of which only the spec has the true type
        self._packed: dict[Any, deque[str | None]] = {}  # names of packed weights by their values, in turn
        self._names = {id(tensor): name for name, tensor in parameters.items()}
        self._parts: dict[int, str] = {}  # names of the parameters that wrap other tensors, by these
        for name, tensor in parameters.items():
            if type(tensor) not in TENSORS:
                self._parts |= {id(part): name for part in stored_in(tensor) if part is not tensor}
        self.parameters = {name: spec_of(tensor) for name, tensor in parameters.items()}
        self.concrete = concrete
        self._device = device
        self._plans = _PLANS.setdefault(len(rules.RULES), {})
        self._kept: dict[int, tuple[torch.UntypedStorage, torch.UntypedStorage]] = {}  # with what they held before
        self._shaped_before: dict[int, tuple[Tensor, Tensor]] = {}  # tensors by id, each with its former self
        self._shared: dict[int, Memory] = {}  # of constants, by storage
        self._over_one: dict[int, Memory] = {}  # of the caller's tensors over one memory, by id
        self._copies: dict[int, torch.UntypedStorage] = {}  # of such memory, where values are kept
        # The caller's tensors by id, each with its stand-in: a tensor passed twice stays one tensor in the model.
        self._admitted: dict[int, tuple[Tensor, Tensor]] = {}
        # Tensors that the forward pass did not make, by id. Their handles are kept here, not on the model's tensors.
        self._outside: dict[int, tuple[Tensor, Handle]] = {}

    def adopt_packed(self, members: Mapping[str, nn.Module]) -> None:
        """Name the weights that the modules of the model hold packed, and count them among its parameters."""
        for name, tensor, _ in packed_weights(members):
            self.parameters[name] = spec_of(tensor)
            self._packed.setdefault(fingerprint(tensor), deque()).append(name)

    def adopt_stand_ins(self, parameters: Mapping[str, Tensor]) -> None:
        """Name the shapes that the modules hold in place of their weights."""
        self._names |= {id(tensor): name for name, tensor in parameters.items()}

    def admitted(self, call: Any) -> Any:
        """Return a copy of a call's arguments on stand-ins; the caller holds its own during the whole forward pass.

        Tensors over one memory stay so, and count it once.
        """
        storages: dict[int, list[Tensor]] = {}
        for tensor in tensors_in(call):
            refuse_unsupported("an input", tensor)
            if not is_sparse(tensor):
                storages.setdefault(tensor.untyped_storage()._cdata, []).append(tensor)
        for several in storages.values():
            if len(several) > 1:
                size = min(several[0].untyped_storage().nbytes(), sum(spec_of(tensor).size_bytes for tensor in several))
                memory = Memory(size, -1, MODEL_INPUT)
                self._memories.append(memory)
                self._over_one |= {id(tensor): memory for tensor in several}
        return with_tensors(call, self.admit)

    def admit(self, tensor: Tensor) -> Tensor:
        """Return the stand-in for a tensor of the caller, always the same one."""
        if id(tensor) not in self._admitted:
            memory = self._over_one.get(id(tensor))
            if tensor.is_meta and self.concrete:
                stand_in = InputSpec.of(tensor).random(torch.Generator().manual_seed(0)).to(self._device)
            elif not (self.concrete or keeps_values(tensor) or is_sparse(tensor)):
                stand_in = shadow(tensor)
            elif memory is None or tensor.is_conj() or tensor.is_neg():
                stand_in = tensor.detach().clone()
            else:
                stand_in = self._view_of_copy(tensor)
            spec = spec_of(tensor if tensor.is_quantized else stand_in)
            self._has_quantised |= tensor.is_quantized
            if memory is None:
                memory = Memory(spec.size_bytes, -1, MODEL_INPUT)
                self._memories.append(memory)
            stand_in.__dict__["_netcost"] = Handle(self.ops, spec, memory)
            self._admitted[id(tensor)] = (tensor, stand_in)
        return self._admitted[id(tensor)][1]

    def _view_of_copy(self, tensor: Tensor) -> Tensor:
        """Return the tensor over a copy of its memory, the same copy for all tensors over that memory."""
        storage = tensor.untyped_storage()
        if storage._cdata not in self._copies:
            self._copies[storage._cdata] = storage.clone()  # type: ignore[no-untyped-call]  # torch leaves it so
        view = torch.empty(0, dtype=tensor.dtype, device=tensor.device)
        return view.set_(self._copies[storage._cdata], tensor.storage_offset(), tensor.shape, tensor.stride())

    def source_of(self, tensor: Tensor) -> int:
        """Return the index of the operator that last wrote `tensor`, or `MODEL_INPUT` or `CONSTANT`."""
        return self._handle(tensor).memory.writer

    def __torch_dispatch__(self, func: Any, types: Any, args: Args = (), kwargs: Any = None) -> Any:
        try:
            return self._dispatched(func, args, kwargs)
        except Exception as error:
            self.failure = error
            raise

    def _dispatched(self, func: Any, args: Args, kwargs: Any) -> Any:
        plan = self._plans.get(func)
        if plan is None:
            plan = self._plans[func] = Plan(func)
        if plan.decompose:
            if plan.takes_functions:
                return higher_order.run(self, func, args, kwargs or {})
            return self._decomposed(func, args, kwargs or {})
        if plan.is_idle(args):
            return args[0]
        tensors: list[Tensor] = []
        roles: list[str] = []
        arguments: dict[str, Any] = {}
        for role, value in zip(plan.roles, args, strict=False):
            kind = type(value)
            if kind in TENSORS:
                tensors.append(value)
                roles.append(role)
            elif kind in SCALARS:
                arguments[role] = value
            elif value is not None:
                classify(role, value, tensors, roles, arguments)
        kwargs = kwargs or {}
        for role, value in kwargs.items():
            classify(role, value, tensors, roles, arguments)
        if plan.takes_device:
            arguments.pop("device", None)  # counts do not depend on it
        # Handles are read before the operator runs, because an in-place operator changes its inputs.
        handles: list[Handle] = []
        specs: list[TensorSpec] = []
        sources: list[int] = []
        parameters: list[str | None] = []
        for tensor in tensors:
            handle = tensor.__dict__.get("_netcost")
            if handle is None or handle.ops is not self.ops:
                handle = self._handle(tensor)
            memory = handle.memory
            handles.append(handle)
            specs.append(handle.spec)
            sources.append(memory.writer)
            parameters.append(memory.parameter)
        result = None
        if self.concrete and plan.writes:  # the model is a copy, but its code may write elsewhere
            for tensor, role, handle in zip(tensors, roles, handles, strict=True):
                if role in plan.writes and handle.memory.born < 0 and handle.memory.parameter is None:
                    self._keep(tensor, plan.reshapes or bool(plan.results))
        rule = None if self.concrete else plan.shape_rule
        if plan.reads_values and any(handle.memory.lost for handle in handles):
            raise DataDependentError(plan.name)
        # A shape rule reads shapes alone, so its operands need no shadows, but its result must be a meta tensor.
        if rule is not None and self._yields_shapes(plan, tensors):
            result, rule = rule(*args, **kwargs), None
        if result is None and not self.concrete and (plan.takes_device or len(tensors) != 1 or not tensors[0].is_meta):
            args, kwargs, tensors = self._on_meta(plan, args, kwargs, tensors, roles)
            if rule is not None and self._yields_shapes(plan, tensors):  # weights gave up their values
                result = rule(*args, **kwargs)
        if type(result) is Tensor:
            outputs, is_view = self._shaped(plan, result, tensors[0], handles[0]), False
        else:
            result = self._kernel(plan, args, kwargs, tensors) if result is None else result
            outputs, is_view = self._outputs(plan, result, tensors, roles, handles)
            if plan.draws or (self._has_drawn and any(handle.memory.drawn for handle in handles)):
                self._follow_chance(result)
        if outputs is not None:
            if plan.quantises or self._has_quantised:
                outputs = self._quantised(plan, arguments, specs, result, outputs)
            if plan.packed:
                self._add_packed(plan, arguments, (specs, roles, sources, parameters))
            if plan.results:  # they are written, not read
                kept = [index for index, role in enumerate(roles) if role not in plan.results]
                roles, specs = [roles[index] for index in kept], [specs[index] for index in kept]
                sources, parameters = [sources[index] for index in kept], [parameters[index] for index in kept]
            op = Op(
                plan.name,
                tuple(specs),
                outputs,
                tuple(roles),
                arguments,
                tuple(sources),
                tuple(parameters),
                is_view,
                *self._stack.place(),
            )
            if plan.workspace is not None:
                index = len(self.ops)
                self._workspaces.append(Storage(plan.workspace(op), index, index))
            self.ops.append(op)
        return result

    def _quantised(
        self,
        plan: Plan,
        arguments: dict[str, Any],
        specs: list[TensorSpec],
        result: Any,
        outputs: tuple[TensorSpec, ...],
    ) -> tuple[TensorSpec, ...]:
        """Give the stand-ins that came out the quantised type that they have on a device, and return all specs."""
        asked = arguments.get("dtype") if plan.quantises else None
        kinds = [spec.dtype for spec in specs if is_quantised(spec)]
        dtype = kinds[0] if asked is None and kinds else dtype_name(asked) if asked is not None else ""
        if not dtype or self.concrete or plan.name == DEQUANTISER:
            return outputs
        self._has_quantised = True
        for tensor in result if isinstance(result, (list, tuple)) else (result,):
            if isinstance(tensor, Tensor) and tensor.is_meta:
                handle = self._handle(tensor)
                handle.spec = as_quantised(handle.spec, dtype)
                if handle.memory.born == len(self.ops):
                    handle.memory.size_bytes = handle.spec.size_bytes
        return tuple([as_quantised(spec, dtype) for spec in outputs])

    def _add_packed(
        self,
        plan: Plan,
        arguments: dict[str, Any],
        operands: tuple[list[TensorSpec], list[str], list[int], list[str | None]],
    ) -> None:
        """Put the weights inside packed parameters among the operands, and their strides among the arguments."""
        specs, roles, sources, parameters = operands
        packed = [item for role in plan.packed for item in packed_objects(arguments.pop(role, ()))]
        arguments |= packed_arguments(packed)
        for role, tensor, spec in [weight for item in packed for weight in unpacked(item)]:
            specs.append(spec)
            roles.append(role)
            sources.append(CONSTANT)
            names: deque[str | None] = self._packed.get(fingerprint(tensor)) or deque([None])
            parameters.append(names[0])
            if len(names) > 1:  # equal weights of several layers
                names.rotate(-1)

    def _decomposed(self, func: OpOverload, args: Args, kwargs: Keywords) -> Any:
        """Run the parts of a composite operator; some compare the devices of their tensors first."""
        before = self.position()
        try:
            with self:
                return func.decompose(*args, **kwargs)
        except RuntimeError as error:
            if isinstance(error, DataDependentError) or self.concrete or not lacks_values(error):
                raise
        self.return_to(before)
        args, kwargs = tree_map_only(Tensor, self._shadow_of, (args, kwargs))
        self._keeps_constants = False  # they would meet shapes again
        try:
            with self:
                return func.decompose(*args, **kwargs)
        finally:
            self._keeps_constants = True

    def _on_meta(
        self, plan: Plan, args: Args, kwargs: Keywords, tensors: list[Tensor], roles: list[str]
    ) -> tuple[Args, Keywords, list[Tensor]]:
        """Replace weights, and all operands beside a shape-only tensor, by their shadows on the meta device.

        Small tensors that depend on neither (tables, indices, ranges) keep their values, whatever device they were
        asked for, so that the model may look at them.
        """
        device = META
        real = [tensor for tensor in tensors if not tensor.is_meta]
        if not tensors and plan.takes_device:
            kwargs = {"device": CPU, **kwargs}
            device = CPU if self._keeps_constants and not is_large(args) else META
        elif plan.name in SHAPED_LIKE and self._may_hold_values(args, tensors[0]):
            tensors = [torch.empty_strided(tensors[0].shape, tensors[0].stride(), dtype=tensors[0].dtype)]
            args = (tensors[0], *args[1:])
            kwargs, device = {**kwargs, "device": CPU}, CPU
        elif plan.name in SIZED_AS and not (tensors[0].is_meta or self._must_shadow(plan, (), tensors[:1], roles[:1])):
            tensors = [tensors[0], torch.zeros(1).expand(tensors[1].shape)]  # its values do not matter
            args, kwargs = tuple(tensors), {}
        elif real and len(real) == len(tensors) and not self._must_shadow(plan, args, tensors, roles):
            device = real[0].device
        elif real:
            if plan.name in SIZED_BY_VALUES and any(self._handle(tensor).memory.lost for tensor in real):
                raise DataDependentError(plan.name)
            if plan.name in MASKED:
                args = (args[0], without_masks(args[1]), *args[2:])
            elif plan.name == REPEAT and roles[-1] == "repeats" and not tensors[-1].is_meta:
                kwargs = {**kwargs, "output_size": int(tensors[-1].sum())}
            args = tuple([replace(value, self._shadow_of) for value in args])
            kwargs = {role: replace(value, self._shadow_of) for role, value in kwargs.items()}
            tensors = [self._shadow_of(tensor) for tensor in tensors]
        if plan.takes_device:
            args, kwargs = on_device(args, kwargs, device)
        return args, kwargs, tensors

    def _may_hold_values(self, args: Args, like: Tensor) -> bool:
        """True for a small tensor of ones, say, that the network asks for; not for the seed of a gradient.

        Autograd demands that one on the device of what it differentiates.
        """
        is_seed = torch.is_grad_enabled() or like.numel() == 1
        return like.numel() <= LARGE_LIKE and not is_large(args) and not is_seed and self._keeps_constants

    def _must_shadow(self, plan: Plan, args: Args, tensors: list[Tensor], roles: list[str]) -> bool:
        """True where operands that all hold values must lose them: weights, large ones, and large ones written to."""
        if plan.packed:
            return True
        for tensor, role in zip(tensors, roles, strict=True):
            memory = self._handle(tensor).memory
            if memory.lost or memory.parameter is not None:
                return True
            if memory.born < 0 and role in plan.writes and not self._keep(tensor, plan.reshapes or bool(plan.results)):
                return True
        return is_large(args, tensors)

    def _keep(self, tensor: Tensor, reshaped: bool = False) -> bool:
        """Keep what a small tensor from outside holds, to be put back after the pass; False where it is too large."""
        if tensor.is_meta or tensor.layout is not torch.strided:
            return False
        storage = tensor.untyped_storage()
        if storage.nbytes() > LARGE_KEPT:
            return False
        with _disable_current_modes():
            if storage._cdata not in self._kept:
                self._kept[storage._cdata] = (storage, storage.clone())  # type: ignore[no-untyped-call]  # torch leaves it so
            if reshaped:
                self._shaped_before.setdefault(id(tensor), (tensor, DATA.__get__(tensor)))
        return True

    def close(self) -> None:
        """Put back what the pass wrote into tensors from outside."""
        for storage, before in self._kept.values():
            if storage.nbytes() != before.nbytes():
                storage.resize_(before.nbytes())
            storage.copy_(before)
        for tensor, former in self._shaped_before.values():
            DATA.__set__(tensor, former)
        self._kept.clear()
        self._shaped_before.clear()

    def note_replacement(self, tensor: Tensor, value: Tensor) -> bool:
        """Keep the former data, to be put back; a shape cannot replace values, which are lost instead."""
        with _disable_current_modes():
            self._shaped_before.setdefault(id(tensor), (tensor, DATA.__get__(tensor)))
        source, memory = self._handle(value).memory, self._handle(tensor).memory
        memory.lost |= source.lost or (value.is_meta and not tensor.is_meta)
        memory.writer = source.writer if source.writer >= 0 else memory.writer
        return tensor.is_meta or not value.is_meta or tensor.shape != value.shape  # which torch refuses in its words

    def note_values(self, tensor: Tensor) -> None:
        """Refuse values that are lost, and keep those that NumPy may write to."""
        memory = self._handle(tensor).memory
        if memory.lost:
            raise DataDependentError("Tensor.numpy")
        if memory.born < 0:
            self._keep(tensor)

    def _shadow_of(self, tensor: Tensor) -> Tensor:
        """Return the meta tensor that stands for `tensor`, always the same one."""
        if tensor.is_meta or is_sparse(tensor):
            return tensor
        handle = self._handle(tensor)
        if handle.shadow is None:
            self._has_quantised |= tensor.is_quantized
            handle.shadow = shadow(tensor)
            handle.shadow.__dict__["_netcost"] = Handle(self.ops, handle.spec, handle.memory)
        return handle.shadow

    def _handle(self, tensor: Tensor) -> Handle:
        """Return the handle of `tensor`; a tensor from outside the forward pass is a parameter or a constant."""
        handle: Handle | None = tensor.__dict__.get("_netcost")
        if handle is not None and handle.ops is self.ops:
            return handle
        outside = self._outside.get(id(tensor))
        if outside is None:
            name = self._names.get(id(tensor))
            spec = spec_of(tensor) if name is None else self.parameters[name]
            name = name or self._parts.get(id(tensor))
            memory = Memory(0, -1, CONSTANT, name)
            if name is None and not is_sparse(tensor):  # buffers may be views of one memory
                memory = self._shared.setdefault(tensor.untyped_storage()._cdata, memory)
            outside = self._outside[id(tensor)] = (tensor, Handle(self.ops, spec, memory))
        return outside[1]

    def _kernel(self, plan: Plan, args: Args, kwargs: Keywords, tensors: list[Tensor]) -> Any:
        """Run torch's own kernel; on the meta device it computes shapes."""
        try:
            return on_own_device(plan.kernel, args, kwargs)
        except (RuntimeError, TypeError) as error:
            if lacks_values(error) and any(tensor.is_meta for tensor in tensors):
                raise DataDependentError(plan.name) from error
            raise

    def _yields_shapes(self, plan: Plan, tensors: list[Tensor]) -> bool:
        """True where the result is a shape only: an operand is one, and so is the operand that is written to."""
        if not tensors or tensors[0].is_meta:
            return bool(tensors)
        return not plan.writes and any(tensor.is_meta for tensor in tensors)

    def _shaped(self, plan: Plan, result: Tensor, first: Tensor, handle: Handle) -> tuple[TensorSpec, ...] | None:
        """Return the spec of a shape rule's result: a new tensor, or the first operand, which was written to.

        None where it was not written to (dropout in eval).
        """
        index = len(self.ops)
        if result is not first:
            spec = spec_of(result)
            memory = self._new_memory(result, spec.size_bytes)
            result.__dict__["_netcost"] = Handle(self.ops, spec, memory)
            return (spec,)
        if not plan.writes:
            return None
        handle.memory.writer = index
        handle.memory.lost = True
        return (handle.spec,)

    def _outputs(
        self, plan: Plan, result: Any, tensors: list[Tensor], roles: list[str], handles: list[Handle]
    ) -> tuple[tuple[TensorSpec, ...] | None, bool]:
        """Return the specs of the outputs, new ones first and then those written to, and True where they are views.

        The specs are None where nothing happened: the operator returned its input (dropout in eval) or only a number,
        or took no tensor at all (a profiler's mark).
        """
        specs: list[TensorSpec] = []
        is_view = bool(tensors)
        returned = False
        for tensor in result if isinstance(result, (list, tuple)) else (result,):
            if not isinstance(tensor, Tensor):
                continue
            returned = True
            known: Handle | None = tensor.__dict__.get("_netcost")
            if (known is not None and known.ops is self.ops) or id(tensor) in self._outside:
                continue
            memory = self._aliased(tensor, tensors, handles) if plan.aliases else None
            spec = spec_of(tensor)
            if memory is None:
                is_view = False
                size = spec.size_bytes if is_sparse(tensor) else tensor.untyped_storage().nbytes()
                memory = self._new_memory(tensor, size)
            tensor.__dict__["_netcost"] = Handle(self.ops, spec, memory)
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

    def _new_memory(self, tensor: Tensor, size_bytes: int) -> Memory:  # noqa: ARG002  # a training step looks at it
        """Note the memory of a tensor that the operator to be recorded has made."""
        index = len(self.ops)
        memory = Memory(size_bytes, index, index)
        self._memories.append(memory)
        return memory

    def _written(self, plan: Plan, tensors: list[Tensor], roles: list[str], handles: list[Handle]) -> list[TensorSpec]:
        """Return the specs of the operands that were written to, and mark the operator as their memory's writer."""
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
        """Return the memory that `tensor` shares with an input of the operator, or None."""
        for candidate, handle in zip(tensors, handles, strict=True):
            if torch._C._is_alias_of(tensor, candidate):  # type: ignore[attr-defined]  # left out of torch's stubs
                return handle.memory
        return None

    def _follow_chance(self, result: Any) -> None:
        """Mark the values that a random operator made, or another made of such; note where they are looked at."""
        made = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        if not made:
            self.note_chance()
        for tensor in made:
            if not tensor.is_meta:
                self._handle(tensor).memory.drawn = self._has_drawn = True

    def note_chance(self) -> None:
        """Note, once, that the operators of the pass hang on random numbers."""
        if CHANCE_NOTE not in self.notes:
            self.notes.append(CHANCE_NOTE)

    def record(
        self, name: str, operands: Mapping[str, Tensor], arguments: Mapping[str, Any], outputs: Sequence[Tensor]
    ) -> None:
        """Record an operator that did not come through torch's dispatcher; its outputs are new tensors."""
        handles = [self._handle(tensor) for tensor in operands.values()]
        module, call, phase = self._stack.place()
        for tensor in outputs:
            memory = self._new_memory(tensor, tensor.nbytes)
            tensor.__dict__["_netcost"] = Handle(self.ops, spec_of(tensor), memory)
        self.ops.append(
            Op(
                name,
                inputs=tuple(handle.spec for handle in handles),
                outputs=tuple(map(spec_of, outputs)),
                roles=tuple(operands),
                arguments=arguments,
                sources=tuple(handle.memory.writer for handle in handles),
                parameters=tuple(handle.memory.parameter for handle in handles),
                module=module,
                call=call,
                phase=phase,
            )
        )

    def position(self) -> Position:
        """Return the place that recording has come to."""
        return Position(len(self.ops), len(self._memories), len(self._workspaces))

    def return_to(self, position: Position) -> None:
        """Forget everything recorded since."""
        del self.ops[position.ops :], self._memories[position.memories :], self._workspaces[position.workspaces :]

    def lifetimes(self) -> tuple[Storage, ...]:
        """Return every block of activation memory with its lifetime; a block that is alive now lives to the end."""
        last = len(self.ops) - 1
        kept = [
            Storage(memory.size_bytes, memory.born, last if memory.died is None or memory.born < 0 else memory.died)
            for memory in self._memories
        ]
        return (*kept, *self._workspaces)


_PLANS: dict[int, dict[OpOverload, Plan]] = {}
"""Plans by the number of counting rules, since a rule that is added later changes which operators stay whole."""
