"""`netcost search SPACE`: thousands of candidates, counted side by side, ranked, and resumed."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from netcost.cli import options, output
from netcost.text.errors import RequestError
from netcost.text.formats import DRAWN
from netcost.text.units import parse_quantity


def search(
    space: Annotated[
        list[str],
        typer.Argument(
            metavar="SPACE...",
            help="path/to/file.py:function, whose parameters are annotated with Choice[0.5, 1.0] or Range[1, 5], or "
            "which yields names of targets; or targets, and patterns of them: 'timm:*'.",
        ),
    ],
    vary: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=V,V...",
            help="Values of an argument of the architecture, or of resolution or batch; may be repeated.",
        ),
    ] = None,
    inputs: options.Inputs = None,
    code: options.InputsCode = None,
    budgets: Annotated[
        list[str] | None,
        typer.Option(
            "--budget",
            metavar="'METRIC <= N'",
            help="Limit like 'mult_adds <= 300M', 'peak_memory_bytes <= 64MB' or 'latency <= 3 ms'; may be repeated.",
        ),
    ] = None,
    minimize: Annotated[
        list[str] | None,
        typer.Option(metavar="METRIC", help="Metric to make small; may be repeated: the front is of all objectives."),
    ] = None,
    maximize: Annotated[
        list[str] | None, typer.Option(metavar="METRIC", help="Metric to make large; may be repeated.")
    ] = None,
    on: options.On = None,
    sample: Annotated[
        int | None, typer.Option(min=1, help="Number of candidates to count, each once [default: all].")
    ] = None,
    strategy: Annotated[
        str | None,
        typer.Option(
            help="all, random, or Optuna's: tpe for objectives, nsga2 for samples of many thousands [default: all, or "
            "random with --sample]."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of random, tpe and nsga2.")] = 0,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=0, help="Number of workers; 0 for one per core.")] = 0,
    engine: Annotated[
        str, typer.Option(help="processes of this machine, ray or dask, on this machine or on a cluster that runs.")
    ] = "processes",
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds that a candidate may take.")] = 60.0,
    memory_limit: Annotated[
        str, typer.Option(metavar="SIZE", help="Memory that a worker may allocate (Linux), or none.")
    ] = "8GB",
    results: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.jsonl",
            help="File with a line per candidate, from which the same command goes on [default: named after the "
            "space, in this folder].",
        ),
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Most candidates in the table.")] = 20,
    finalists: Annotated[
        int, typer.Option(min=0, help="Time this many here, the first of the front; needs --device.")
    ] = 0,
    device: Annotated[str | None, typer.Option(help="Device for --finalists: cpu, cuda or cuda:1.")] = None,
    threads: options.Threads = None,
    format_name: options.DrawnFormat = None,
    out: options.Output = None,
    quiet: options.Quiet = False,
    strict: options.Strict = False,
    debug: options.Debug = False,  # noqa: ARG001  # read by app.run, which is where errors end
) -> int:
    """Count the candidates of a space side by side, and rank them: budgets, objectives, and their Pareto front.

    Each candidate is a line of a file as soon as it is counted; after an interruption, the same command goes on.

    Examples: netcost search mobilenet_v2 --vary width=0.5,0.75,1.0 --vary resolution=160,192,224 --minimize mult_adds
    --maximize params; netcost search space.py:space --input 1x3x224x224 --budget 'mult_adds <= 300M' --minimize
    memory_access --sample 10000; netcost search 'timm:*' --jobs 2
    """
    format_name = output.check_request(format_name, out, DRAWN)
    if finalists and device is None:
        raise RequestError("--finalists times networks here; say where: --device cpu")
    if not finalists and (device, threads) != (None, None):
        raise RequestError("--device and --threads are for --finalists; add --finalists 10, or leave them out")
    allowed = None if memory_limit == "none" else int(parse_quantity(memory_limit))
    timing = options.timing(device, threads=threads)
    given = options.all_inputs(inputs, code)
    choices = _choices(vary)
    from netcost.search.searching import Engine, Strategy, measure_finalists
    from netcost.search.searching import search as searched
    from netcost.search.spaces import space_of

    chosen = Strategy(strategy, sample, seed)
    whole = space_of(space, choices, given)
    file = results or f"{_slug(space)}-{whole.to_dict()['digest'][:6]}.jsonl"
    with output.progress_bar(quiet) as progress:
        try:
            result = searched(
                whole,
                budgets=budgets or (),
                minimize=minimize or (),
                maximize=maximize or (),
                on=on or (),
                strategy=chosen,
                engine=Engine(engine, jobs, timeout, allowed),
                results=file,
                top=top,
                progress=progress,
            )
        except KeyboardInterrupt:
            typer.echo(f"netcost: what is counted so far is in {file!r}; the same command goes on", err=True)
            raise
        if finalists:
            result = measure_finalists(result, finalists, timing, progress)
    output.show_result(result, format_name, out, quiet=quiet)
    output.refuse_unknown(result.unknown_ops, strict)
    return 0


def _choices(written: Sequence[str] | None) -> dict[str, list[Any]]:
    """Read `width=0.5,0.75,1.0` as {"width": [0.5, 0.75, 1.0]}; a value that is not a Python literal is text."""
    choices: dict[str, list[Any]] = {}
    for text in written or ():
        name, separator, values = text.partition("=")
        parts = [part.strip() for part in re.split(r",(?![^(]*\))", values)]
        if not separator or not name.isidentifier() or not all(parts):
            raise RequestError(f"--vary {text!r} does not parse; expected name=value,value, like width=0.5,0.75,1.0")
        if name in choices:
            raise RequestError(f"--vary {name} is given twice; name all its values at once: {name}=1,2,3")
        choices[name] = [_value(part) for part in parts]
        if name in ("resolution", "batch") and not all(type(one) is int and one > 0 for one in choices[name]):
            raise RequestError(f"--vary {text!r}: expected whole numbers of 1 or more, like {name}=1,2,4")
    return choices


def _value(written: str) -> Any:
    try:
        return ast.literal_eval(written)
    except (ValueError, SyntaxError):
        return written


def _slug(space: Sequence[str]) -> str:
    """Return the name of a space as part of a file's name."""
    words = re.sub(r"\W+", "-", "-".join(space)).strip("-")
    return f"search-{words}" if len(words) <= 40 else f"search-{hashlib.sha256(words.encode()).hexdigest()[:12]}"
