"""Options that several commands share, and how their text is read."""

from __future__ import annotations

import ast
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netcost.text.errors import RequestError
from netcost.text.formats import FORMATS

if TYPE_CHECKING:
    from netcost.timing.setting import Timing

Format = Annotated[str, typer.Option("--format", "-f", help=f"How to write the result: {', '.join(FORMATS)}.")]
Models = Annotated[
    list[str] | None,
    typer.Argument(metavar="[MODEL...]", help="Targets of the settings, or other models; all targets unless given."),
]
ConfigFile = Annotated[
    str | None, typer.Option("--config", help="File of settings; the nearest pyproject.toml's [tool.netcost] if none.")
]
Output = Annotated[str | None, typer.Option("--output", "-o", help="File to write, whole or not at all.")]
Inputs = Annotated[
    list[str] | None,
    typer.Option("--input", "-i", help="Sizes like 1x3x224x224 or ids=1x128:int64; again for each further input."),
]
Arguments = Annotated[
    list[str] | None, typer.Option("--arg", help="Argument of the architecture, like width=0.5; may be repeated.")
]
Batch = Annotated[int | None, typer.Option(min=1, help="First dimension of every input.")]
Batches = Annotated[
    str | None,
    typer.Option("--batch", metavar="N[,N...]", help="First dimension of every input; several, like 1,2,4,8, sweep."),
]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads; torch's own number unless given.")]
Dtype = Annotated[
    str | None,
    typer.Option(help="Element type, fp32, bf16 or fp16; weights as they come, mostly fp32, unless given."),
]
MemoryFormat = Annotated[
    str | None,
    typer.Option(help="Of images and their weights, contiguous or channels_last; as they come unless given."),
]
Backend = Annotated[str, typer.Option(help="eager, or compile for torch.compile, whose own time is told apart.")]
ColdCache = Annotated[
    bool, typer.Option("--cold-cache", help="Overwrite the device's last-level cache before each call: for layers.")
]
Peaks = Annotated[
    str | None,
    typer.Option(
        metavar="FILE|measure", help="Peaks of the device: a file of `netcost device --format json`, or measure them."
    ),
]
Train = Annotated[bool, typer.Option("--train", help="Count training mode: auxiliary heads and batch statistics.")]
Concrete = Annotated[
    bool, typer.Option("--concrete", help="Trace on real tensors, for a forward pass that looks at values.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Fail (exit code 1) where an operator is unknown.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar and no notes.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


def timing(device: str | None, **given: Any) -> Timing:
    """Build the one value for how networks are timed from the options of a command.

    Args:
        device: as `--device` says, if it does.
        given: the other options by their names in `Timing`, "budget" for its seconds; None where left out.

    Raises:
        RequestError: a word is unknown.
    """
    from netcost.timing.setting import Timing

    named = {"budget_s" if name == "budget" else name: value for name, value in given.items() if value is not None}
    return Timing(device or Timing().device, **named)


def parse_batches(written: str | None) -> tuple[int, ...]:
    """`8` as (8,) and `1,2,4` as (1, 2, 4); nothing as ().

    Raises:
        RequestError: it is no list of whole numbers of 1 or more, each once.
    """
    parts = [] if written is None else [part.strip() for part in written.split(",")]
    if not all(part.isdecimal() and part.isascii() and 0 < int(part) < 2**31 for part in parts):
        raise RequestError(f"--batch {written!r} does not parse; expected a number of 1 or more, or several: 1,2,4,8")
    batches = tuple(map(int, parts))
    if len(set(batches)) < len(batches):
        raise RequestError(f"--batch {written!r} names a size twice; expected each once: 1,2,4,8")
    return batches


def parse_share(option: str, written: str) -> float:
    """`5%` or `0.05` as 0.05.

    Raises:
        RequestError: it is no share of 0 or more.
    """
    number = written.strip().removesuffix("%")
    try:
        share = float(number) / (100 if number != written.strip() else 1)
    except ValueError:
        share = math.nan
    if not (math.isfinite(share) and share >= 0):
        raise RequestError(f"{option} {written!r} does not parse; expected a share like 5% or 0.05")
    return share


def parse_arguments(written: Sequence[str] | None) -> dict[str, Any]:
    """`width=0.5` as {"width": 0.5}: a Python literal, or else the text itself.

    Raises:
        RequestError: there is no name or no value.
    """
    arguments: dict[str, Any] = {}
    for each in written or ():
        name, separator, value = each.partition("=")
        if not separator or not name.isidentifier():
            raise RequestError(f"--arg {each!r} does not parse; expected name=value, like width=0.5")
        try:
            arguments[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            arguments[name] = value
    return arguments
