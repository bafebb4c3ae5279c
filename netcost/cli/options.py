"""Options that several commands share, and the parsing of their text."""

from __future__ import annotations

import ast
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netcost.text.errors import RequestError
from netcost.text.formats import DRAWN, FORMATS

if TYPE_CHECKING:
    from netcost.targets.naming import Target
    from netcost.timing.setting import Timing
    from netcost.tracing import TrainStep


def format_option(formats: Sequence[str]) -> Any:
    """Return the option `--format` of a command that writes these formats."""
    default = "by the suffix of the output file, else table"
    return typer.Option("--format", "-f", help=f"Output format: {', '.join(formats)} [default: {default}].")


Format = Annotated[str | None, format_option(FORMATS)]
DrawnFormat = Annotated[str | None, format_option(DRAWN)]
Models = Annotated[
    list[str] | None, typer.Argument(metavar="[MODEL...]", help="Targets, or other models [default: all targets].")
]
ConfigFile = Annotated[
    str | None, typer.Option("--config", help="Settings file [default: nearest pyproject.toml with [tool.netcost]].")
]
Output = Annotated[
    str | None, typer.Option("--output", "-o", help="File to write, whole or not at all; its suffix gives the format.")
]
Inputs = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        "-i",
        metavar="[NAME=]VALUE",
        help="Shape like 1x3x224x224, ids=1x128:int64 or step=:int64 (one number), or a value by name: "
        "use_cache=false, x=none, step=50, mode=train; text that reads otherwise in quotes: \"mode='none'\". "
        "May be repeated.",
    ),
]
InputsCode = Annotated[
    str | None,
    typer.Option(
        "--inputs",
        metavar="FILE.py:FUNCTION",
        help="Function that makes the inputs: it returns a tuple args, a dict of keywords, or (args, kwargs).",
    ),
]
Arguments = Annotated[
    list[str] | None,
    typer.Option(
        "--arg",
        help="Argument of every architecture, like width=0.5; may be repeated. Of one: 'mobilenet_v2(width=0.5)'.",
    ),
]
Batch = Annotated[int | None, typer.Option(min=1, help="Batch size: the first dimension of every input.")]
Batches = Annotated[
    str | None, typer.Option("--batch", metavar="N[,N...]", help="Batch size, or several for a sweep: 1,2,4,8.")
]
Past = Annotated[
    int | None,
    typer.Option(min=0, help="Tokens in the cache of a language model before the step that is counted [default: 0]."),
]
New = Annotated[
    int | None,
    typer.Option(min=1, help="New tokens of that step: 1 decodes, more are a prefill [default: 1 with --past]."),
]
Memory = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE|DEVICE",
        help="With --past and --peaks: memory for the longest context, 24GB or rtx3090 [default: that of the peaks].",
    ),
]
Download = Annotated[
    bool, typer.Option("--download", help="Fetch a missing configuration of hf:org/name; nothing else is requested.")
]
Depth = Annotated[int, typer.Option(min=0, help="Levels of modules to show.")]
Device = Annotated[str, typer.Option(help="Device: cpu, cuda or cuda:1.")]
DeviceOrNone = Annotated[str, typer.Option(help="Device: cpu, cuda or cuda:1; none to time nothing.")]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads [default: torch's own number].")]
Budget = Annotated[float, typer.Option(min=0.0, help="Time budget in seconds.")]
Dtype = Annotated[
    str | None, typer.Option(help="Element type: fp32, bf16 or fp16 [default: that of the weights, mostly fp32].")
]
MemoryFormat = Annotated[
    str | None, typer.Option(help="Layout of images and weights: contiguous or channels_last [default: unchanged].")
]
Backend = Annotated[
    str,
    typer.Option(
        help="eager, compile for torch.compile, cudagraph for a CUDA graph, export for AOTInductor, onnxruntime, "
        "openvino or executorch; their setup is timed separately."
    ),
]
Backends = Annotated[
    str,
    typer.Option(
        "--backend",
        metavar="NAME[,NAME...]",
        help="eager, compile for torch.compile, cudagraph for a CUDA graph, export for AOTInductor, onnxruntime, "
        "openvino or executorch; several are timed side by side, each network in each. Their setup is timed apart.",
    ),
]
ColdCache = Annotated[
    bool, typer.Option("--cold-cache", help="Overwrite the device's last-level cache before each call; for layers.")
]
Peaks = Annotated[
    str | None,
    typer.Option(
        metavar="FILE|measure|DEVICE",
        help="Peaks of the device: a file from `netcost device --format json`, `measure` to measure them now, or "
        "those of a data sheet: h100, a100, rtx4090.",
    ),
]
On = Annotated[
    list[str] | None,
    typer.Option(
        "--on",
        metavar="DEVICE|FILE",
        help="Predict the latency on rtx3090, rtx4090, rtx5090, i9-10940x, or by a file of `netcost calibrate`; may be "
        "repeated.",
    ),
]
Train = Annotated[bool, typer.Option("--train", help="Count training mode: auxiliary heads and batch statistics.")]
Step = Annotated[str | None, typer.Option(help="Count a training step as well: train.")]
Optimizer = Annotated[
    str | None, typer.Option(help="Optimizer of the step: sgd, momentum, adam, adamw or none [default: sgd].")
]
Amp = Annotated[str | None, typer.Option(help="Element type of autocast in the step: bf16 or fp16.")]
Loss = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|MODULE:FUNCTION",
        help="Loss of the step: cross-entropy, mean or a function of the output [default: the network's own, or "
        "cross-entropy of classes].",
    ),
]
Passes = Annotated[int | None, typer.Option(min=1, help="Passes per step: gradients are added up over them.")]
Fits = Annotated[
    str | None, typer.Option(metavar="SIZE|DEVICE", help="Say if a training step fits: 24GB, 24GiB or rtx3090.")
]
LargestBatch = Annotated[
    str | None, typer.Option(metavar="SIZE|DEVICE", help="Search the largest batch of a training step that fits.")
]
KernelsOf = Annotated[str | None, typer.Option(help="Device whose kernels the step has: cuda or cpu [default: cuda].")]
Concrete = Annotated[
    bool, typer.Option("--concrete", help="Trace on real tensors, for a forward pass that depends on values.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Exit with code 1 if an operator has no counting rule.")]
TimeLimit = Annotated[
    float | None, typer.Option(min=1.0, help="Time limit for counting one target, in seconds [default: 600].")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress bar and no notes.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


def timing(device: str | None, **given: Any) -> Timing:
    """Build a `Timing` from options that are named like its fields, but for `budget` (seconds); None is the default.

    `backends`, in place of `backend`, may name several.
    """
    from netcost.timing.setting import Timing

    words = {"budget": "budget_s", "backends": "backend"}
    named = {words.get(name, name): value for name, value in given.items() if value is not None}
    timing = Timing(device or Timing().device, **named)
    if "backends" not in given:
        timing.require_one_backend()
    return timing


def train_step(step: str | None, fits: str | None, **given: Any) -> TrainStep | None:
    """Build a `TrainStep` from options that are named like its fields; None where no step is asked for."""
    named = {name: value for name, value in given.items() if value is not None}
    if step is None and fits is None:
        for name in named:
            option = "kernels-of" if name == "device" else name
            raise RequestError(f"--{option} describes a training step; add --step train")
        return None
    if step not in (None, "train"):
        raise RequestError(f"unknown step {step!r}; expected train")
    from netcost.targets import loading

    return loading.train_step(named)


def target(model: str, arguments: Sequence[str] | None, inputs: Sequence[str] | None, batch: int | None) -> Target:
    """Resolve one MODEL with the values of `--arg`, `--input` and `--batch`."""
    parsed = parse_arguments(arguments)
    from netcost.targets.naming import resolve

    resolved = resolve(model, parsed, inputs or ())
    return resolved if batch is None else resolved.with_batch(batch)


def allow_downloads(asked: bool) -> None:
    """Let configurations of the hub be fetched where `--download` asks for it."""
    from netcost.targets.libraries import hub

    hub.DOWNLOADS.set(asked)


def in_step(target: Target, past: int | None, new: int | None) -> Target:
    """Return the target of the step that `--past` and `--new` ask for, or the target as it is."""
    if past is None and new is None:
        return target
    from netcost.targets.libraries.steps import with_step

    return with_step(target, past, new)


def all_inputs(written: Sequence[str] | None, code: str | None) -> tuple[str, ...]:
    """Return the values of `--input`, and that of `--inputs`."""
    if code is None:
        return tuple(written or ())
    from netcost.targets.input_code import is_code

    if not is_code(code):
        raise RequestError(
            f"--inputs {code!r} does not parse; expected path/to/file.py:function or package.module:function"
        )
    return (code, *(written or ()))


def parse_batches(written: str | None) -> tuple[int, ...]:
    """Read `8` as (8,), `1,2,4` as (1, 2, 4) and None as (); each size is 1 or more and occurs once."""
    parts = [] if written is None else [part.strip() for part in written.split(",")]
    if not all(part.isdecimal() and part.isascii() and 0 < int(part) < 2**31 for part in parts):
        raise RequestError(f"--batch {written!r} does not parse; expected a number of 1 or more, or several: 1,2,4,8")
    batches = tuple(map(int, parts))
    if len(set(batches)) < len(batches):
        raise RequestError(f"--batch {written!r} names a size twice; expected each once: 1,2,4,8")
    return batches


def parse_share(option: str, written: str) -> float:
    """Read `5%` or `0.05` as 0.05; a share is 0 or more."""
    number = written.strip().removesuffix("%")
    try:
        share = float(number) / (100 if number != written.strip() else 1)
    except ValueError:
        share = math.nan
    if not (math.isfinite(share) and share >= 0):
        raise RequestError(f"{option} {written!r} does not parse; expected a share like 5% or 0.05")
    return share


def parse_arguments(written: Sequence[str] | None) -> dict[str, Any]:
    """Read `width=0.5` as {"width": 0.5}; a value that is not a Python literal is text."""
    arguments: dict[str, Any] = {}
    for argument in written or ():
        name, separator, value = argument.partition("=")
        if not separator or not name.isidentifier():
            raise RequestError(f"--arg {argument!r} does not parse; expected name=value, like width=0.5")
        try:
            arguments[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            arguments[name] = value
    return arguments
