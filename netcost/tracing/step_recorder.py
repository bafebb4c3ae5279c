"""The recorder of a training step: with autograd on, and with the lifetimes of storages instead of tensors."""

from __future__ import annotations

import weakref
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from netcost.graph.graph import CONSTANT, Content, Op, Phase, Storage, aten
from netcost.tracing.arguments import Args, Keywords
from netcost.tracing.attribution import ModuleStack
from netcost.tracing.layouts import META
from netcost.tracing.memory import Handle, Memory, spec_of
from netcost.tracing.plan import Plan
from netcost.tracing.recorder import Position, Recorder

UNNUMBERED = (1 << 63) - 1
"""Nodes that accumulate a parameter's gradient have larger sequence numbers than this, all the same."""

STATES = frozenset(aten("zeros rand randn"))
"""Operators that make the first state of a recurrent layer."""

_in_backward = torch._C._current_graph_task_id  # -1 outside
_current_node = torch._C._current_autograd_node
_sequence_number = torch._C._autograd._get_sequence_nr


class StepStack(ModuleStack):
    """Tracks the running module; in backward, the one that ran when the forward pass made the node that runs now.

    Autograd numbers its nodes in the order in which they are made. The number at each entering and leaving of a module
    is enough to find the module of any node.

    Args:
        names: qualified name of each module by `id`.
        owners: name of the module that holds each parameter, by the parameter's `id`.
    """

    def __init__(self, names: Mapping[int, str], owners: Mapping[int, str]) -> None:
        super().__init__(names)
        self.phase = Phase.FORWARD
        self._owners = owners
        self._numbers: list[int] = []
        self._running: list[tuple[str, int]] = []
        self._last = ("", 0)
        self._mark()

    def _mark(self) -> None:
        self._numbers.append(_sequence_number())
        self._running.append((self.path, self.call))

    def _enter_module(self, module: nn.Module, inputs: Any) -> None:
        super()._enter_module(module, inputs)
        self._mark()

    def _leave_module(self, module: nn.Module, inputs: Any, output: Any) -> None:
        super()._leave_module(module, inputs, output)
        self._mark()

    def place(self) -> tuple[str, int, Phase]:
        """Return the module of the operator that runs, the number of its call, and the phase."""
        if self.phase is not Phase.BACKWARD or _in_backward() == -1:
            return self.path, self.call, self.phase
        # Autograd runs its nodes with gradients off, and a checkpoint what it runs again with gradients on.
        phase = Phase.RECOMPUTE if torch.is_grad_enabled() else Phase.BACKWARD
        if self._stack:
            return self.path, self.call, phase
        node = _current_node()
        if node is not None:  # else a sum of gradients that the last node completed
            number = node._sequence_nr()
            if number > UNNUMBERED:
                self._last = self._owners.get(id(getattr(node, "variable", None)), ""), 0
            else:
                index = bisect_right(self._numbers, number) - 1
                self._last = self._running[index] if index >= 0 else ("", 0)
        return *self._last, phase


class StepRecorder(Recorder):  # type: ignore[no-untyped-call]  # torch leaves __init_subclass__ untyped
    """Records a training step.

    A storage dies when torch frees it, whatever held it: autograd keeps copies of tensors that Python never sees.

    Args:
        recurrent: the model has recurrent layers. Torch refuses a first state on another device than their inputs.
    """

    def __init__(
        self,
        ops: list[Op],
        stack: StepStack,
        parameters: Mapping[str, Tensor],
        device: torch.device,
        concrete: bool,
        recurrent: bool = False,
    ) -> None:
        super().__init__(ops, stack, parameters, device, concrete)
        self._step = stack
        self._recurrent = recurrent
        self._by_storage: dict[int, Memory] = {}
        self._watched: dict[int, weakref.ref[Any]] = {}
        self._contents: dict[int, Content] = {}  # by the `id` of a memory

        for tensor in parameters.values():  # found again where autograd unpacks them
            self._by_storage[tensor.untyped_storage()._cdata] = self._handle(tensor).memory

    def admit(self, tensor: Tensor) -> Tensor:
        """Return the stand-in for a tensor of the caller, and note its memory."""
        stand_in = super().admit(tensor).requires_grad_(tensor.requires_grad)
        memory = self._handle(stand_in).memory
        self._contents[id(memory)] = Content.INPUTS
        self._watch(stand_in, memory)
        return stand_in

    def adopt(self, tensors: Iterable[Tensor], content: Content) -> None:
        """Note tensors that live before and after the step, such as the optimizer's state."""
        known = set(map(id, self._memories))
        for tensor in tensors:
            memory = self._by_storage.get(tensor.untyped_storage()._cdata)
            if memory is None:
                memory = Memory(tensor.untyped_storage().nbytes(), -1, CONSTANT)
                self._watch(tensor, memory)
            if id(memory) in known or memory.parameter is not None:  # a weight or a gradient, which is counted as such
                continue
            known.add(id(memory))
            memory.born, memory.writer = -1, CONSTANT
            self._memories.append(memory)
            self._contents[id(memory)] = content

    def return_to(self, position: Position) -> None:
        """Forget everything recorded since, also what was written to."""
        super().return_to(position)
        for memory in (*self._by_storage.values(), *(handle.memory for _, handle in self._outside.values())):
            if memory.writer >= position.ops:
                memory.writer = memory.born if 0 <= memory.born < position.ops else CONSTANT

    def mark_gradients(self, parameters: Mapping[str, Tensor]) -> None:
        """Note which memory holds gradients of parameters, and give sums that made one to the parameter's module."""
        for name, tensor in parameters.items():
            memory = None if tensor.grad is None else self._by_storage.get(tensor.grad.untyped_storage()._cdata)
            if memory is None:
                continue
            self._contents[id(memory)] = Content.GRADIENTS
            made = self.ops[memory.born]  # by the backward pass
            if made.name == "aten.add" and made.phase is Phase.BACKWARD:
                self.ops[memory.born] = made._replace(module=name.rpartition(".")[0], call=0)

    def lifetimes(self) -> tuple[Storage, ...]:
        """Return every block of memory but that of weights, with its lifetime and what it holds."""
        self._accumulate_in_place()
        last = len(self.ops) - 1
        phases = [op.phase for op in self.ops]
        backward = [index for index, phase in enumerate(phases) if phase is Phase.BACKWARD]
        blocks = []
        for memory in self._memories:
            died = last if memory.died is None or memory.born < 0 else memory.died
            content = self._contents.get(id(memory))
            if content is None:
                made = phases[memory.born] if 0 <= memory.born <= last else Phase.FORWARD
                following = bisect_right(backward, memory.born)
                is_kept = following < len(backward) and backward[following] <= died
                is_forward = made in (Phase.FORWARD, Phase.LOSS) and is_kept
                content = Content.ACTIVATIONS if made is Phase.RECOMPUTE or is_forward else Content.TEMPORARIES
            blocks.append(Storage(memory.size_bytes, memory.born, died, content))
        scratch = [storage._replace(content=Content.TEMPORARIES) for storage in self._workspaces]
        return (*blocks, *scratch)

    def close(self) -> None:
        """Stop watching storages, which would keep the recorder, and the tensors that it knows, alive."""
        super().close()
        self._watched.clear()

    def _accumulate_in_place(self) -> None:
        """Let a sum of two gradients take the memory of its first operand, where that dies with the sum.

        Where the gradients of several uses meet, autograd adds in place, except while a dispatch mode such as this one
        is on.
        """
        made = {memory.born: memory for memory in self._memories if memory.born >= 0}
        merged: dict[int, Memory] = {}  # by the index of the sum
        for index, op in enumerate(self.ops):
            is_sum = op.name == "aten.add" and op.phase is Phase.BACKWARD and len(op.inputs) == 2 and not op.arguments
            if not is_sum or op.inputs[0].shape != op.inputs[1].shape or index not in made:
                continue
            old = merged.get(op.sources[0]) or made.get(op.sources[0])
            new = made[index]
            if old is None or old.died != index or old.size_bytes != new.size_bytes or id(old) in self._contents:
                continue
            old.died = new.died
            if id(new) in self._contents:
                self._contents[id(old)] = self._contents[id(new)]
            merged[index] = old
        gone = {id(made[index]) for index in merged}
        self._memories = [memory for memory in self._memories if id(memory) not in gone]

    def _watch(self, tensor: Tensor, memory: Memory) -> None:
        """Let the memory live as long as torch's storage."""
        storage = tensor.untyped_storage()
        key = storage._cdata
        memory.tensors += 1
        self._by_storage[key] = memory

        def freed(_: object) -> None:
            if self._by_storage.get(key) is memory:
                del self._by_storage[key], self._watched[key]
            memory.tensors -= 1
            if memory.tensors == 0:
                memory.died = len(self.ops) - 1

        self._watched[key] = weakref.ref(storage, freed)

    def _new_memory(self, tensor: Tensor, size_bytes: int) -> Memory:
        memory = self._by_storage.get(tensor.untyped_storage()._cdata)
        if memory is None:
            memory = super()._new_memory(tensor, size_bytes)
            self._watch(tensor, memory)
        return memory

    def _handle(self, tensor: Tensor) -> Handle:
        """Return the handle of `tensor`; autograd unpacks what it saved as new tensors over known memory."""
        handle: Handle | None = tensor.__dict__.get("_netcost")
        if handle is not None and handle.ops is self.ops:
            return handle
        memory = None if id(tensor) in self._outside else self._by_storage.get(tensor.untyped_storage()._cdata)
        if memory is None:
            return super()._handle(tensor)
        handle = tensor.__dict__["_netcost"] = Handle(self.ops, spec_of(tensor), memory)
        return handle

    def _may_hold_values(self, args: Args, like: Tensor) -> bool:
        """Autograd demands a gradient, zeros too, on the device of what it differentiates."""
        return _in_backward() == -1 and super()._may_hold_values(args, like)

    def _must_shadow(self, plan: Plan, args: Args, tensors: list[Tensor], roles: list[str]) -> bool:
        """Leave the optimizer its values: it looks at the number of its step."""
        return self._step.phase is not Phase.OPTIMIZER and super()._must_shadow(plan, args, tensors, roles)

    def _on_meta(
        self, plan: Plan, args: Args, kwargs: Keywords, tensors: list[Tensor], roles: list[str]
    ) -> tuple[Args, Keywords, list[Tensor]]:
        """Make on the meta device what is asked for there, and the first state of a recurrent layer."""
        if not tensors and plan.takes_device:
            if self._recurrent and plan.name in STATES:
                kwargs = {**kwargs, "device": META}
            if kwargs.get("device") == META:
                return args, kwargs, tensors
        return super()._on_meta(plan, args, kwargs, tensors, roles)
