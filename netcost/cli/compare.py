"""`netcost compare MODEL …`: counted and timed side by side, now or in saved runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netcost.cli import options, output
from netcost.text.errors import RequestError

if TYPE_CHECKING:
    from netcost.comparison.batches import Sweep
    from netcost.comparison.result import Comparison
    from netcost.targets.naming import Target

FOR_SAVED = frozenset({"models", "saved", "format_name", "out", "quiet", "strict", "debug"})
"""Parameters that mean something where nothing is run."""


def compare(
    context: typer.Context,
    models: Annotated[
        list[str] | None, typer.Argument(metavar="MODEL...", help="One network or more; the first is the base.")
    ] = None,
    saved: Annotated[
        list[str] | None,
        typer.Option("--from", metavar="FILE", help="Compare runs saved with --format json; further files may follow."),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, or none to time nothing.")] = "cpu",
    inputs: options.Inputs = None,
    batch: options.Batches = None,
    threads: options.Threads = None,
    dtype: options.Dtype = None,
    memory_format: options.MemoryFormat = None,
    backend: options.Backend = "eager",
    cold_cache: options.ColdCache = False,
    budget: Annotated[
        float | None,
        typer.Option(
            min=0.0, help="Seconds for timing all networks together; 10 unless given, and in a sweep 10 a size."
        ),
    ] = None,
    precision: Annotated[
        float, typer.Option(min=0.0, help="Stop when the ratio's 95 % interval is within ± this share.")
    ] = 0.02,
    peaks: options.Peaks = None,
    isolate: Annotated[bool, typer.Option("--isolate", help="Time each network in a process of its own.")] = False,
    arguments: options.Arguments = None,
    train: options.Train = False,
    concrete: options.Concrete = False,
    format_name: options.Format = "table",
    out: options.Output = None,
    quiet: options.Quiet = False,
    strict: options.Strict = False,
    debug: options.Debug = False,  # noqa: ARG001  # read by app.run, which is where errors end
) -> int:
    """Count and time networks side by side.

    Examples: netcost compare googlenet mobilenet_v2; netcost compare torchvision:resnet50 timm:convnext_tiny
    --device none --format markdown -o cost.md; netcost compare googlenet --batch 1,2,4,8; netcost compare --from
    before.json after.json
    """
    output.check_request(format_name, out)
    if saved:
        loaded = _load([*saved, *(models or ())], context)
        output.show_result(loaded, format_name, out, quiet=quiet)
        if strict:
            output.refuse_unknown(loaded.unknown_ops)
        return 0
    if not models:
        raise RequestError("nothing to compare; name a MODEL, such as googlenet, or saved runs: --from a.json b.json")
    given, batches = options.parse_arguments(arguments), options.parse_batches(batch)
    timing = options.timing(
        device,
        threads=threads,
        dtype=dtype,
        memory_format=memory_format,
        backend=backend,
        cold_cache=cold_cache,
        isolate=isolate,
        budget=budget,
        precision=precision,
    )
    from netcost.profiling.roofline import given_peaks
    from netcost.targets.naming import resolve
    from netcost.timing.subjects import subjects

    targets = [resolve(model, given, inputs or ()) for model in models]
    subjects(targets, None, timing)  # refuses before peaks are measured
    with output.progress_bar(quiet) as progress:
        found = None if peaks is None else given_peaks(peaks, device, threads, progress)
        result = _run(
            targets,
            batches,
            timing=timing,
            mode="train" if train else "eval",
            concrete=concrete,
            peaks=found,
            progress=progress,
        )
    if len(result.errors) == len(result.entries):
        raise result.errors[0]
    output.show_result(result.run_by(output.command()), format_name, out, quiet=quiet)
    for error in result.errors:
        typer.echo(f"netcost: {error}", err=True)
    if strict:
        output.refuse_unknown(result.unknown_ops)
    return max((error.exit_code for error in result.errors), default=0)


def _run(targets: Sequence[Target], batches: tuple[int, ...], **options: Any) -> Comparison | Sweep:
    """One batch size compared, or several swept."""
    if len(batches) > 1:
        from netcost.comparison.batches import sweep

        return sweep(targets, batches, **options)
    from netcost.comparison.running import compare

    return compare(targets, batch=batches[0] if batches else None, **options)


def _load(paths: Sequence[str], context: typer.Context) -> Comparison | Sweep:
    """Saved runs.

    Raises:
        RequestError: a file is missing or damaged, or an option is given that only a new run could follow.
    """
    for parameter in context.command.params:
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        if name not in FOR_SAVED and source is not None and source.name == "COMMANDLINE":
            raise RequestError(f"{parameter.opts[0]} is for a new run; runs that were saved (--from) are as they were")
    missing = next((path for path in paths if not Path(path).exists()), None)
    if missing is not None:
        raise RequestError(f"--from: there is no file {missing!r}; all arguments name runs saved with --format json")
    from netcost.comparison.saved import load_comparison

    return load_comparison(*paths)
