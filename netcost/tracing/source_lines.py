"""Finds the line of a network's own code that called an operator, or that constructed a layer.

Frames of torch, of netcost and of Python itself are passed over, and those of other libraries too, unless the network
is theirs: of a network that someone built from timm's layers it is their line that counts, of timm's network timm's.
"""

from __future__ import annotations

import inspect
import os
import sys
import sysconfig
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import get_ident
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as torch_modules

from netcost.graph.graph import SourceLine
from netcost.tracing.arguments import Args
from netcost.tracing.recorder import Position, Recorder

USER = "the user"
NOBODY = ""
INSTALLED = ("site-packages", "dist-packages")
"""Folders of installed packages."""

_PACKAGE = Path(__file__).parents[1]
_ZOO = str(_PACKAGE / "zoo") + os.sep
_PASSED_OVER = tuple(
    str(folder) + os.sep for folder in (Path(torch.__file__).parent, _PACKAGE, sysconfig.get_paths()["stdlib"])
)
_ENDS = frozenset({str(_PACKAGE / "tracing" / "forward.py"), str(_PACKAGE / "targets" / "naming.py")})
"""Files of netcost that call the network's code: further out, a frame is not the network's."""
_CONTAINERS = str(Path(torch.nn.modules.container.__file__))


@cache
def owner(file: str) -> str:
    """Return whose code a file is: `USER`, `NOBODY` for torch, netcost and Python, or an installed package's folder."""
    if file.startswith(_ZOO):
        return _ZOO
    parts = Path(file).parts
    places = [index for index, part in enumerate(parts) if part in INSTALLED]
    if file.startswith("<") or (not places and file.startswith(_PASSED_OVER)) or file.startswith(_PASSED_OVER[:2]):
        return NOBODY
    return str(Path(*parts[: places[-1] + 2])) if places and len(parts) > places[-1] + 2 else USER


def owner_of(model: nn.Module) -> str:
    """Return whose network it is, by the file of its class."""
    try:
        return owner(inspect.getfile(type(model)))
    except (OSError, TypeError):  # a class that was made at run time, or in a terminal
        return NOBODY


def innermost(lines: Mapping[str, SourceLine], own: str) -> SourceLine | None:
    """Return the line that counts, of the innermost line of each owner: the user's, or else the network's own."""
    return lines.get(USER) or (lines.get(own) if own else None)


class LineRecorder(Recorder):  # type: ignore[no-untyped-call]  # torch leaves __init_subclass__ untyped
    """Records one forward pass, and for each operator the line of code that called it.

    Args:
        given: as for `Recorder`.
        own: whose network it is, as `owner_of` returns it.
    """

    def __init__(self, *given: Any, own: str) -> None:
        super().__init__(*given)
        self.lines: list[SourceLine | None] = []
        self._own = own

    def __torch_dispatch__(self, func: Any, types: Any, args: Args = (), kwargs: Any = None) -> Any:
        result = super().__torch_dispatch__(func, types, args, kwargs)
        self._note_lines()
        return result

    def record(self, name: str, operands: Mapping[str, Tensor], arguments: Mapping[str, Any], outputs: Any) -> None:
        """Record an operator that did not come through torch's dispatcher."""
        super().record(name, operands, arguments, outputs)
        self._note_lines()

    def return_to(self, position: Position) -> None:
        """Forget everything recorded since."""
        super().return_to(position)
        del self.lines[position.ops :]

    def _note_lines(self) -> None:
        new = len(self.ops) - len(self.lines)
        if new > 0:
            self.lines += [innermost(_lines_of(sys._getframe(2)), self._own)] * new


def _lines_of(frame: FrameType | None, within: nn.Module | None = None) -> dict[str, SourceLine]:
    """Return the innermost line of each owner on the way out from `frame`, the user's last.

    Args:
        within: a module whose own constructor is passed over.
    """
    lines: dict[str, SourceLine] = {}
    while frame is not None and USER not in lines and frame.f_code.co_filename not in _ENDS:
        code = frame.f_code
        who = owner(code.co_filename)
        if who and who not in lines and not (within is not None and _constructs(frame, within)):
            lines[who] = SourceLine(code.co_filename, frame.f_lineno)
        frame = frame.f_back
    return lines


def _constructs(frame: FrameType, module: nn.Module) -> bool:
    """True for a frame of the module's own constructor."""
    names = frame.f_code.co_varnames
    return frame.f_code.co_name == "__init__" and bool(names) and frame.f_locals.get(names[0]) is module


class ConstructionLines:
    """Lines where modules were constructed; they are noted while `noting` is open.

    A layer with weights is noted where its constructor was called, any other where it was put into its parent.
    """

    def __init__(self) -> None:
        self._lines: weakref.WeakKeyDictionary[nn.Module, dict[str, SourceLine]] = weakref.WeakKeyDictionary()

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Listen to torch's global hooks, in this thread alone."""
        thread = get_ident()

        def construct(module: nn.Module, _name: str, _tensor: Any) -> None:
            if get_ident() == thread and module not in self._lines:
                self._lines[module] = _lines_of(sys._getframe(1), within=module)

        def put(parent: nn.Module, _name: str, child: Any) -> None:
            if get_ident() == thread and isinstance(child, nn.Module) and child not in self._lines:
                frame = sys._getframe(1).f_back  # of the method that registers
                is_packed = frame is not None and frame.f_code.co_filename == _CONTAINERS
                self._lines[child] = _lines_of(frame, within=parent if is_packed else None)

        hooks = [
            torch_modules.register_module_parameter_registration_hook(construct),
            torch_modules.register_module_buffer_registration_hook(construct),
            torch_modules.register_module_module_registration_hook(put),
        ]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def of(self, model: nn.Module) -> dict[str, SourceLine]:
        """Return the line of each module of the model by its qualified name, where one was noted."""
        own = owner_of(model)
        found = {
            path: innermost(self._lines[module], own) for path, module in model.named_modules() if module in self._lines
        }
        return {path: line for path, line in found.items() if line is not None}
