"""The arguments of timed calls: each call gets them as they were given, also where a call changes them.

A key-value cache grows with every call. What a call changes is copied from the original again, outside the clock
before each timed call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

import torch
from torch import Tensor

from netcost.timing.conversion import Call
from netcost.timing.sampling import Run
from netcost.tracing.inputs import GivenInput, Input
from netcost.tracing.nests import is_fixed, state_of, tensors_in, with_tensors


class Arguments:
    """The arguments of one network, as copies: the caller's own are never passed on."""

    def __init__(self, call: Call) -> None:
        self._given: Call = with_tensors(call, _copy)
        self._next, self._is_used, self._written = self._given, False, frozenset[int]()
        self._may_change = not all(map(is_fixed, (*call[0], *call[1].values())))
        self.renewing: Run | None = None  # before each timed call; None where a call changes nothing

    @property
    def given(self) -> Call:
        """Return the arguments as they were given, in memory that stays."""
        return self._given

    def bound(self, function: Callable[..., object], trial: Callable[..., object] | None = None) -> Run:
        """Return the run that calls the function with them.

        Where a list, a dict or an object is among them, the function (or `trial` in place of one that would be
        compiled) is called once now, to see what it changes.
        """
        if self._may_change:
            self._try(trial or function)
        if self.renewing is None:
            args, kwargs = self._given
            return lambda: function(*args, **kwargs)

        def run() -> object:
            if self._is_used:
                self._renew()
            self._is_used = True
            args, kwargs = self._next
            return function(*args, **kwargs)

        return run

    def _try(self, function: Callable[..., object]) -> None:
        """Call once with a copy, and look at the state of the copy before and after."""
        trial = with_tensors(self._given, _copy)
        tensors = tensors_in(trial)  # kept, so that no new tensor gets the identity of one of these
        before, versions = state_of(trial), [_version(tensor) for tensor in tensors]
        with suppress(Exception), torch.inference_mode():  # the first call will raise it again
            function(*trial[0], **trial[1])
        if state_of(trial) != before:
            given = zip(tensors_in(self._given), tensors, versions, strict=True)
            self._written = frozenset(id(own) for own, tensor, version in given if _version(tensor) != version)
            self.renewing = self._renew
            self._renew()

    def _renew(self) -> None:
        """Copy the containers and objects as they were given, and the tensors that a call writes to."""
        self._next = with_tensors(self._given, lambda own: own.clone() if id(own) in self._written else own)
        self._is_used = False


def copies_note(inputs: Sequence[Input]) -> tuple[str, ...]:
    """Make the note on inputs that a call may change; none without such inputs."""
    given = [entry.value for entry in inputs if isinstance(entry, GivenInput) and not is_fixed(entry.value)]
    if not given:
        return ()
    kinds = ", ".join(dict.fromkeys(type(value).__name__ for value in given))
    return (f"Inputs that a call changes ({kinds}) are given to each call as they were; copying them is not timed.",)


def both(first: Run | None, second: Run | None) -> Run | None:
    """Return the run of one after the other, where both are given."""
    if first is None or second is None:
        return first or second
    return lambda: (first(), second())


def _copy(tensor: Tensor) -> Tensor:
    """Return a tensor of its own memory with the same values and strides; an expanded one cannot be written to."""
    is_plain = tensor.layout == torch.strided and not tensor.is_nested
    return tensor if is_plain and 0 in tensor.stride() else tensor.detach().clone()


def _version(tensor: Tensor) -> int | None:
    return None if tensor.is_inference() else tensor._version
