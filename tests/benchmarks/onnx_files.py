"""Does a network cost the same when its exported ONNX file is read back?

Each network is exported by torch and counted again from the file. Multiply-adds must be equal; so must parameters, once
batch norms are folded into the convolution before them, as the exporter does: their two values per channel go, and a
convolution without a bias gets one. No operator may be unknown. Beside it stand onnx-tool's MACs of the same file, of
convolutions and products alone, less the one per output that it counts for a bias. With --files, every file under the
folders is only read: one that netcost refuses is listed, and anything but one of its own errors is a failure.

    python tests/benchmarks/onnx_files.py [--models NAME ...] [--timm N] [--files FOLDER ...] [-o FILE]
"""

import contextlib
import io
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from math import prod
from pathlib import Path
from typing import Any

import torch
from findings import Requirement, finish, parser_of
from torch import nn

import netcost
from netcost.graph.cost import CONVOLUTIONS
from netcost.graph.graph import uses_running_statistics
from netcost.text.errors import NetcostError
from netcost.text.tables import Column, from_records
from netcost.timing.measuring import random_call

PRODUCTS = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})

COLUMNS = (
    Column("model", "Model"),
    Column("mult_adds", "Mult-adds", "exact"),
    Column("file_mult_adds", "in the file", "exact"),
    Column("onnx_tool", "by onnx-tool", "exact"),
    Column("params", "Params, folded", "exact"),
    Column("file_params", "in the file", "exact"),
    Column("unknown", "Unknown operators"),
    Column("error", "Error"),
)


def classifiers() -> list[str]:
    """Return torchvision's classifiers."""
    from torchvision import models

    return [f"torchvision:{name}" for name in models.list_models(models)]


def timm_networks(number: int) -> list[str]:
    """Return the first pretrained network of as many families of timm, by name."""
    import timm

    families: dict[str, str] = {}
    for name in timm.list_models(pretrained=False):
        families.setdefault(name.split("_")[0].rstrip("0123456789"), name)
    return [f"timm:{name}" for name in list(families.values())[:number]]


def folded_params(analysis: netcost.Analysis) -> int:
    """Return the parameters after each batch norm directly behind a convolution is folded into it."""
    count, params = analysis.count, analysis.params
    readers = [0] * len(count.graph.ops)
    for op in count.graph.ops:
        for source in {source for source in op.sources if source >= 0}:
            readers[source] += 1
    for op in count.graph.ops:
        source = max(op.sources, default=-1)
        if uses_running_statistics(op) and source >= 0 and count.kinds[source] in CONVOLUTIONS and readers[source] == 1:
            channels = op.inputs[0].shape[1]
            params -= (len(op.inputs) - 3) * channels  # weight and bias; the statistics are no parameters
            params += 0 if len(count.graph.ops[source].inputs) > 2 else channels
    return params


def onnx_tool_macs(path: Path, inputs: dict[str, Any]) -> int | None:
    """Return onnx-tool's MACs of convolutions and products; None where it fails."""
    import onnx_tool

    try:
        graph = onnx_tool.Model(str(path)).graph
        graph.shape_infer(inputs)
        graph.profile()
        nodes = [node for node in graph.nodemap.values() if node.op_type in PRODUCTS]
        biases = sum(prod(graph.tensormap[node.output[0]].get_shape()) for node in nodes if len(node.input) > 2)
        return int(sum(node.macs[0] for node in nodes) - biases)
    except Exception:  # of its own
        return None


def compared(name: str) -> dict[str, Any]:
    """Export a network, count it from the file, and return both counts."""
    target = netcost.resolve(name)
    analysis = netcost.analyze(target)
    record: dict[str, Any] = {"model": name, "mult_adds": analysis.mult_adds, "params": folded_params(analysis)}
    model = target.build().eval()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is not None:
            module.running_mean.normal_()
    with torch.no_grad():  # as trained: the exporter leaves out biases of zero
        for parameter in model.parameters():
            if not parameter.any():
                parameter.normal_()
    args, kwargs = random_call(target.required_inputs(), model=model)
    with tempfile.TemporaryDirectory() as folder, silent(), torch.no_grad():
        path = Path(folder) / "network.onnx"
        try:
            program = torch.onnx.export(model, args, kwargs=kwargs, dynamo=True, verbose=False)
            assert program is not None
            program.save(path)
            read = netcost.analyze(str(path))
            names = [value.name for value in program.model.graph.inputs]
            macs = onnx_tool_macs(path, {key: value.numpy() for key, value in zip(names, args, strict=False)})
        except Exception as error:  # of the exporter, or ours
            return {**record, "error": f"{type(error).__name__}: {str(error).splitlines()[0][:100]}"}
    unknown = " ".join(read.unknown_ops) or None
    return {
        **record,
        "file_mult_adds": read.mult_adds,
        "file_params": read.params,
        "onnx_tool": macs,
        "unknown": unknown,
    }


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """Keep libraries from printing."""
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield


def read_files(folders: Sequence[str]) -> tuple[int, list[str], list[str]]:
    """Read every ONNX file under the folders; return their number, the refusals and the internal errors."""
    paths = sorted({path for folder in folders for path in Path(folder).rglob("*.onnx")})
    refused, failed = [], []
    for path in paths:
        try:
            with silent():
                netcost.analyze(str(path))
        except NetcostError as error:
            refused.append(f"{path.parent.name}/{path.name}: {str(error).replace(str(path), '')[:140]}")
        except Exception as error:
            failed.append(f"{path.parent.name}/{path.name}: {type(error).__name__}: {str(error)[:140]}")
    return len(paths), refused, failed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison; exit with 1 where a count differs."""
    parser = parser_of(__doc__)
    parser.add_argument("--models", nargs="*", help="targets [default: torchvision's classifiers]")
    parser.add_argument("--timm", type=int, default=0, help="networks of timm beside them")
    parser.add_argument("--files", nargs="*", default=(), help="folders of files that are only read")
    options = parser.parse_args(arguments)
    names = classifiers() if options.models is None else options.models
    records = []
    for name in [*names, *timm_networks(options.timm)]:
        records.append(compared(name))
        print({key: value for key, value in records[-1].items() if value is not None}, flush=True)
    findings = []
    read = [record for record in records if "error" not in record]
    if records:
        for key, title in (("mult_adds", "Mult-adds"), ("params", "Parameters")):
            equal = sum(record[key] == record[f"file_{key}"] for record in read)
            findings.append(Requirement(f"{title} equal", equal, low=len(records), unit="exact"))
    notes = []
    if options.files:
        number, refused, failed = read_files(options.files)
        findings.append(Requirement(f"Internal errors in {number} files", len(failed), high=0, unit="exact"))
        notes = [f"{number} files, {len(refused)} refused in a line.", *failed, *refused]
        print("\n".join(notes), flush=True)
    heading = "Networks counted from their exported files"
    table = from_records(COLUMNS, records, notes=notes)
    return finish(heading, [table], findings, options.output, ["onnx", "onnxscript", "torchvision", "timm"])


if __name__ == "__main__":
    sys.exit(main())
