"""Times each operator of a real forward pass, in the order in which a trace records them.

The timer sees the operators that `recorder` sees, by the same plans: one that has a counting rule is timed whole, any
other composite operator part by part. So the n-th operator that it times is the n-th of the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

from torch import Tensor
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode

from netcost.tracing.plan import Plan

_NOTHING = nullcontext()


class Span(NamedTuple):
    """One operator call.

    Args:
        name: aten's name without overload.
        begun: when it was called (seconds, on the host's clock).
        ended: when it returned: on a GPU, when it was launched.
        traced: True where a trace records it; dropout in evaluation mode, for example, only returns its input.
    """

    name: str
    begun: float
    ended: float
    traced: bool

    @property
    def elapsed_s(self) -> float:
        """Seconds from call to return."""
        return self.ended - self.begun


class OperatorTimer(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves __init_subclass__ untyped
    """Dispatch mode that times the operators that run while it is open; its own work lies between the spans.

    Args:
        clock: seconds, from any origin.
        around: opened around the n-th operator, for a profiler that must know it.
    """

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # The default wraps every dispatched call and imports the compiler (0.8 s); nothing is compiled here.
        return False

    def __init__(
        self, clock: Callable[[], float], around: Callable[[int], AbstractContextManager[object]] = lambda _: _NOTHING
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it so
        self.spans: list[Span] = []
        self._clock, self._around = clock, around
        self._plans: dict[OpOverload, Plan] = {}

    def __torch_dispatch__(self, func: OpOverload, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        plan = self._plans.get(func)
        if plan is None:
            plan = self._plans[func] = Plan(func)
        kwargs = kwargs or {}
        if plan.decompose:
            with self:
                return func.decompose(*args, **kwargs)
        clock = self._clock
        with self._around(len(self.spans)):
            begun = clock()
            result = func(*args, **kwargs)
            ended = clock()
        self.spans.append(Span(plan.name, begun, ended, _is_traced(plan, args, kwargs, result)))
        return result


def _is_traced(plan: Plan, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> bool:
    """True where `recorder.Recorder` records the call: it writes, it makes a tensor, or its effect is unknown."""
    if plan.is_idle(args):
        return False
    if plan.writes or plan.reshapes:
        return True
    given = _tensors((*args, *kwargs.values()))
    returned = _tensors(result if isinstance(result, list | tuple) else (result,))
    if any(all(tensor is not argument for argument in given) for tensor in returned):
        return True
    in_lists = any(_tensors(value) for value in args if isinstance(value, list | tuple))
    return not (returned or plan.known) and (bool(given) or in_lists)


def _tensors(values: Iterable[Any]) -> list[Tensor]:
    return [value for value in values if isinstance(value, Tensor)]
