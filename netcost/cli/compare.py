"""`netcost compare MODEL …`: counts and times networks side by side, or compares saved runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netcost.cli import options, output
from netcost.text.errors import RequestError
from netcost.text.formats import DRAWN

if TYPE_CHECKING:
    from netcost.comparison.batches import Sweep
    from netcost.comparison.result import Comparison
    from netcost.targets.naming import Target

FOR_SAVED = frozenset({"models", "saved", "format_name", "out", "quiet", "strict", "debug"})
"""Parameters that apply to saved runs."""


def compare(
    context: typer.Context,
    models: Annotated[
        list[str] | None, typer.Argument(metavar="MODEL...", help="Networks; the first is the base.")
    ] = None,
    saved: Annotated[
        list[str] | None,
        typer.Option("--from", metavar="FILE", help="Compare runs saved with --format json; more files may follow."),
    ] = None,
    device: options.DeviceOrNone = "cpu",
    inputs: options.Inputs = None,
    code: options.InputsCode = None,
    batch: options.Batches = None,
    past: options.Past = None,
    new: options.New = None,
    llm: Annotated[
        bool, typer.Option("--llm", help="Each language model twice: prefill of --past tokens, and the next step.")
    ] = False,
    threads: options.Threads = None,
    dtype: options.Dtype = None,
    memory_format: options.MemoryFormat = None,
    backend: options.Backends = "eager",
    cold_cache: options.ColdCache = False,
    budget: Annotated[
        float | None,
        typer.Option(min=0.0, help="Time budget in seconds for all networks [default: 10, or 10 per batch size]."),
    ] = None,
    precision: Annotated[
        float, typer.Option(min=0.0, help="Stop early at this half-width of the ratio's 95 % interval.")
    ] = 0.02,
    peaks: options.Peaks = None,
    on: options.On = None,
    isolate: Annotated[bool, typer.Option("--isolate", help="Time each network in its own process.")] = False,
    arguments: options.Arguments = None,
    download: options.Download = False,
    train: options.Train = False,
    step: options.Step = None,
    optimizer: options.Optimizer = None,
    amp: options.Amp = None,
    loss: options.Loss = None,
    passes: options.Passes = None,
    concrete: options.Concrete = False,
    format_name: options.DrawnFormat = None,
    out: options.Output = None,
    quiet: options.Quiet = False,
    strict: options.Strict = False,
    debug: options.Debug = False,  # noqa: ARG001  # read by app.run, which is where errors end
) -> int:
    """Count and time networks side by side.

    Examples: netcost compare googlenet mobilenet_v2; netcost compare torchvision:resnet50 timm:convnext_tiny
    --device none --format markdown -o cost.md; netcost compare googlenet --batch 1,2,4,8; netcost compare
    mobilenet_v2 --backend eager,compile,onnxruntime,openvino; netcost compare --from before.json after.json
    """
    format_name = output.check_request(format_name, out, DRAWN)
    if saved:
        loaded = _load([*saved, *(models or ())], context)
        output.show_result(loaded, format_name, out, quiet=quiet)
        output.refuse_unknown(loaded.unknown_ops, strict)
        return 0
    if not models:
        raise RequestError("nothing to compare; name a MODEL, such as googlenet, or saved runs: --from a.json b.json")
    parsed, batches = options.parse_arguments(arguments), options.parse_batches(batch)
    timing = options.timing(
        device,
        threads=threads,
        dtype=dtype,
        memory_format=memory_format,
        backends=backend,
        cold_cache=cold_cache,
        isolate=isolate,
        budget=budget,
        precision=precision,
    )
    options.allow_downloads(download)
    from netcost.profiling.roofline import given_peaks
    from netcost.targets.naming import resolve
    from netcost.timing.subjects import in_element_type, subjects

    asked = options.train_step(step, None, optimizer=optimizer, amp=amp, loss=loss, passes=passes)
    given = options.all_inputs(inputs, code)
    targets = [in_element_type(resolve(model, parsed, given), timing) for model in models]
    targets = _in_steps(targets, past, new, llm)
    subjects(targets, None, timing)  # refuses a wrong request before peaks are measured
    with output.progress_bar(quiet) as progress:
        roof = None if peaks is None else given_peaks(peaks, device, threads, progress)
        how = {"mode": "train" if train else "eval", "concrete": concrete, "step": asked}
        result = _run(targets, batches, timing=timing, peaks=roof, on=on or (), progress=progress, **how)
    if len(result.errors) == len(result.entries):
        raise result.errors[0]
    output.show_result(result.run_by(output.command()), format_name, out, quiet=quiet)
    for error in result.errors:
        typer.echo(f"netcost: {error}", err=True)
    output.refuse_unknown(result.unknown_ops, strict)
    return max((error.exit_code for error in result.errors), default=0)


def _in_steps(targets: Sequence[Target], past: int | None, new: int | None, both: bool) -> list[Target]:
    """Return the targets in the step asked for; `both` a prefill and the step after it, named so."""
    if not both:
        return [options.in_step(target, past, new) for target in targets]
    if not past:
        raise RequestError("--llm sets the prefill of a context beside the next step; add its length: --past 4096")
    steps = [(0, past), (past, new or 1)]
    pairs = [(target, options.in_step(target, *step)) for target in targets for step in steps]
    return [replace(stepped, name=f"{target.name}, {stepped.step.title}") for target, stepped in pairs if stepped.step]


def _run(targets: Sequence[Target], batches: tuple[int, ...], **options: Any) -> Comparison | Sweep:
    """Compare at one batch size, or sweep over several."""
    if len(batches) > 1:
        from netcost.comparison.batches import sweep

        return sweep(targets, batches, **options)
    from netcost.comparison.running import compare

    return compare(targets, batch=batches[0] if batches else None, **options)


def _load(paths: Sequence[str], context: typer.Context) -> Comparison | Sweep:
    """Load saved runs; refuse options that only apply to a new run, and missing files."""
    for parameter in context.command.params:
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        if name not in FOR_SAVED and source is not None and source.name == "COMMANDLINE":
            raise RequestError(f"{parameter.opts[0]} is for a new run; leave it out, or leave out --from")
    missing = next((path for path in paths if not Path(path).exists()), None)
    if missing is not None:
        raise RequestError(f"--from: there is no file {missing!r}; all arguments name runs saved with --format json")
    from netcost.comparison.saved import load_comparison

    return load_comparison(*paths)
