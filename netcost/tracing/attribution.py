"""Attribution of operators to modules by torch's global forward hooks, which leave nothing on the model."""

from __future__ import annotations

from collections.abc import Mapping
from threading import get_ident
from typing import Any

from torch import nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

from netcost.graph.graph import Phase
from netcost.text.errors import ForwardError


class ModuleStack:
    """Tracks the running module of its thread while it is open as a context manager.

    Args:
        names: qualified name of each module by `id`; the operators of any other module (one made in the forward pass,
            say) belong to the module that called it.
    """

    def __init__(self, names: Mapping[int, str]) -> None:
        self.path = ""
        self.call = 0
        self.calls: dict[str, int] = {}
        self.callers: dict[tuple[str, int], tuple[str, int]] = {}
        self.elsewhere = ""  # the last module of the model that ran in another thread, whose operators nobody sees
        self._names = names
        self._stack: list[tuple[str, int]] = []

    def __enter__(self) -> ModuleStack:
        self._thread = get_ident()
        self._hooks = (
            register_module_forward_pre_hook(self._entering),
            register_module_forward_hook(self._leaving, always_call=True),  # an error may be caught further out
        )
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()
        if self.elsewhere:
            raise ForwardError(
                f"module {self.elsewhere!r} ran in another thread during the pass, where operators cannot be counted; "
                "run it in one thread"
            )

    def place(self) -> tuple[str, int, Phase]:
        """Return the module that is running, the number of its call, and the phase of the step."""
        return self.path, self.call, Phase.FORWARD

    def _entering(self, module: nn.Module, inputs: Any) -> None:
        if get_ident() == self._thread:  # torch calls global hooks for the modules of every thread
            self._enter_module(module, inputs)
        else:
            self.elsewhere = self._names.get(id(module), self.elsewhere)

    def _leaving(self, module: nn.Module, inputs: Any, output: Any) -> None:
        if get_ident() == self._thread:
            self._leave_module(module, inputs, output)

    def _enter_module(self, module: nn.Module, _: Any) -> None:
        self._stack.append((self.path, self.call))
        name = self._names.get(id(module))
        if name is not None:
            caller = self._stack[-1]
            self.path = name
            self.call = self.calls.get(name, 0)
            self.calls[name] = self.call + 1
            if caller != (name, self.call):  # as the model's own first call would be
                self.callers[name, self.call] = caller

    def _leave_module(self, _module: nn.Module, _args: Any, _output: Any) -> None:
        self.path, self.call = self._stack.pop()
