"""Networks as ONNX files, for runtimes that take them: exported by torch, or the very file of an ONNX target."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from netcost.targets.onnx_files.network import OnnxNetwork
from netcost.text.errors import MeasurementError
from netcost.timing.runtimes.runtime import NetworkCall, exported_text, flat_tensors


@dataclass(frozen=True, slots=True)
class OnnxForm:
    """A network as an ONNX file.

    Args:
        path: of the file.
        inputs: by the names of the graph's inputs, contiguous.
        exported: True for a file of ours.
    """

    path: Path
    inputs: dict[str, Tensor]
    exported: bool = True

    @property
    def source(self) -> str:
        """Return where the file comes from, in words."""
        return exported_text() if self.exported else "the file as it is"


@contextmanager
def onnx_form(network: NetworkCall) -> Iterator[OnnxForm]:
    """Yield the network as a file, which is gone afterwards if it is ours: a runtime has read it by then.

    Raises:
        MeasurementError: a call changes its inputs, or the file is of another type than was asked for.
    """
    args, kwargs = network.fixed_call("an ONNX graph")
    if isinstance(network.model, OnnxNetwork):
        if network.dtype is not None:
            raise MeasurementError(f"a file runs in its own type, not in {network.dtype}; leave out --dtype")
        yield OnnxForm(network.model.path, _by_name(network.model.input_names, args, kwargs), exported=False)
        return
    written = io.StringIO()
    with TemporaryDirectory(prefix="netcost-") as folder:
        with torch.inference_mode(False), torch.no_grad(), redirect_stdout(written), redirect_stderr(written):
            program = torch.onnx.export(network.model, args, kwargs=kwargs or None, dynamo=True, verbose=False)
            assert program is not None, "with dynamo=True, it returns the program"
            program.save(path := Path(folder) / "network.onnx")
        names = [str(value.name) for value in program.model.graph.inputs]
        yield OnnxForm(path, _by_name(names, args, kwargs))


def _by_name(names: Sequence[str], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Tensor]:
    """Return the tensors among the arguments by the graph's names of them."""
    given = {name: value for name, value in kwargs.items() if isinstance(value, Tensor)}
    others = iter(flat_tensors((args, {name: value for name, value in kwargs.items() if name not in given})))
    inputs = {name: given[name] if name in given else next(others, None) for name in names}
    missing = [name for name, value in inputs.items() if value is None]
    if missing:
        raise MeasurementError(f"the graph has the input {missing[0]!r}, for which the call has no tensor")
    return {name: value.contiguous() for name, value in inputs.items() if value is not None}
