"""A runtime as the timing sees it: it turns a network and its arguments into a run."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree

from netcost.text.errors import MeasurementError, RequestError
from netcost.timing.arguments import Arguments
from netcost.timing.conversion import Call
from netcost.timing.sampling import Run
from netcost.timing.setting import EXECUTORCH, ONNXRUNTIME, OPENVINO

if TYPE_CHECKING:
    from netcost.timing.devices import Device

NEEDED = {
    ONNXRUNTIME: ("onnxruntime", "onnx", "onnxscript"),
    OPENVINO: ("openvino", "onnx", "onnxscript"),
    EXECUTORCH: ("executorch",),
}
"""Packages of a runtime; the extra of netcost that brings them is called like the runtime."""


@dataclass(frozen=True, slots=True)
class NetworkCall:
    """A network on its device with the arguments of its calls, to be run by a runtime.

    Args:
        model: in evaluation mode and in the type asked for.
        arguments: of each call.
        device: that it is on.
        threads: of the CPU, within an operator.
        outputs: tensors that eager returned for these arguments.
        dtype: as it was asked for, or None.
    """

    model: nn.Module
    arguments: Arguments
    device: Device
    threads: int
    outputs: Sequence[Tensor] = ()
    dtype: str | None = None

    def fixed_call(self, form: str) -> Call:
        """Return the arguments of each call, which it must not change.

        Args:
            form: words for what the runtime takes, in the error.

        Raises:
            MeasurementError: a call changes them.
        """
        self.arguments.bound(self.model)
        if self.arguments.renewing is not None:
            raise MeasurementError(f"a call changes its inputs, and {form} cannot; try --backend eager")
        return self.arguments.given


@dataclass(frozen=True, slots=True)
class Started:
    """A network in its runtime.

    Args:
        run: calls it once.
        outputs: returns the tensors in the result of a run.
        details: version, threads and options, in words; None for those of torch.
    """

    run: Run
    outputs: Callable[[Any], list[Tensor]]
    details: str | None = None


@dataclass(frozen=True, slots=True)
class Runtime:
    """A way to execute networks.

    Args:
        name: word of `--backend`.
        title: in errors.
        doing: in progress: "compiling".
        start: prepares the network.
        own_threads: True where it has threads beside torch's, and chooses the layout of tensors itself.
    """

    name: str
    title: str
    doing: str
    start: Callable[[NetworkCall], Started]
    own_threads: bool = False


def flat_tensors(result: object) -> list[Tensor]:
    """Return the tensors in a result of torch, in the order of its containers."""
    return [leaf for leaf in _pytree.tree_leaves(result) if isinstance(leaf, Tensor)]


def require_runtimes(names: Sequence[str]) -> None:
    """Refuse runtimes whose packages are not installed.

    Raises:
        RequestError: a package is missing; the message names the extra.
    """
    for name in names:
        missing = [package for package in NEEDED.get(name, ()) if find_spec(package) is None]
        if missing:
            raise RequestError(
                f"--backend {name} needs {' and '.join(missing)}, not installed here; run: pip install "
                f"'netcost[{name}]'"
            )


def runtime_version(name: str) -> str | None:
    """Return package and version of a runtime ("onnxruntime 1.32.0"); None for torch's own, or where it is missing."""
    packages = NEEDED.get(name, ())
    if not packages or find_spec(packages[0]) is None:
        return None
    return f"{packages[0]} {version(packages[0])}"


def imported(package: str) -> Any:
    """Import a runtime's package.

    Raises:
        MeasurementError: it is installed, and does not import.
    """
    try:
        return importlib.import_module(package)
    except Exception as error:  # of its own libraries
        raise MeasurementError(f"{package} does not import: {error}") from None


def version_of(package: Any) -> str:
    """Return a package's version without the build."""
    return str(package.__version__).partition("-")[0]


def exported_text() -> str:
    """Return in words which torch has exported a network."""
    return f"exported by torch {torch.__version__.partition('+')[0]}"


def threads_text(used: int, asked: int) -> str:
    """Return the number of threads in words, with the number asked for where it is another."""
    words = f"{used} thread{'' if used == 1 else 's'}"
    return words if used == asked else f"{words} where {asked} {'was' if asked == 1 else 'were'} asked for"
