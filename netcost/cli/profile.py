"""`netcost profile MODEL`: times the operators of a forward pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from netcost.cli import options, output
from netcost.text.errors import RequestError
from netcost.text.formats import DRAWN

if TYPE_CHECKING:
    from netcost.targets.naming import Target
    from netcost.timing.setting import Timing


class ShownIn(NamedTuple):
    """The form of a result: grouping, levels of modules, format, file, and notes or none."""

    by: str | None
    depth: int
    format_name: str
    out: str | None
    quiet: bool


def profile(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="One network.")],
    device: options.Device = "cpu",
    by: Annotated[
        str | None,
        typer.Option(help="Group the time by op, kind, module, block or, of a step, phase [default: kind and op]."),
    ] = None,
    depth: options.Depth = 1,
    inputs: options.Inputs = None,
    code: options.InputsCode = None,
    batch: options.Batch = None,
    threads: options.Threads = None,
    dtype: options.Dtype = None,
    memory_format: options.MemoryFormat = None,
    backend: options.Backend = "eager",
    cold_cache: options.ColdCache = False,
    budget: options.Budget = 10.0,
    peaks: options.Peaks = None,
    trace: Annotated[
        str | None, typer.Option(metavar="FILE", help="Save one run as a trace for Perfetto or chrome://tracing.")
    ] = None,
    arguments: options.Arguments = None,
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
    """Show where the time of a forward pass, or of a training step, goes, operator by operator.

    Examples: netcost profile mobilenet_v2 --by kind; netcost profile googlenet --by module --peaks measure
    --trace googlenet.json; netcost profile resnet18 --step train --by phase; netcost profile resnet50 --backend
    onnxruntime
    """
    format_name = output.check_request(format_name, out, DRAWN)
    output.check_file(trace)
    timing = options.timing(
        device,
        threads=threads,
        dtype=dtype,
        memory_format=memory_format,
        backend=backend,
        cold_cache=cold_cache,
        budget=budget,
    )
    asked = options.train_step(step, None, optimizer=optimizer, amp=amp, loss=loss, passes=passes)
    from netcost.profiling import profile as run
    from netcost.profiling.roofline import given_peaks
    from netcost.profiling.shown import ShownProfile
    from netcost.profiling.tables import require_grouping
    from netcost.timing.devices import require_device
    from netcost.timing.setting import EAGER

    target = options.target(model, arguments, options.all_inputs(inputs, code), batch)
    if timing.backend != EAGER:
        others = {"--step": step, "--peaks": peaks, "--trace": trace, "--cold-cache": cold_cache or None}
        named = next((option for option, value in others.items() if value is not None), None)
        if named is not None:
            raise RequestError(f"a profile in a runtime has no {named}; leave it out, or --backend")
        return _in_runtime(target, timing, concrete, ShownIn(by, depth, format_name, out, quiet))
    if by is not None:
        require_grouping(by, asked is not None)
    require_device(device)
    target.required_inputs()
    with output.progress_bar(quiet) as progress:
        roof = None if peaks is None else given_peaks(peaks, device, threads, progress)
        result = run(target, timing=timing, peaks=roof, concrete=concrete, step=asked, progress=progress)
    if trace is not None:
        output.emit(result.chrome_trace(), trace)
    output.show_result(ShownProfile(result, by, depth), format_name, out, quiet=quiet)
    output.refuse_unknown(result.analysis.unknown_ops, strict)
    return 0


def _in_runtime(target: Target, timing: Timing, concrete: bool, shown: ShownIn) -> int:
    """Show the kernels that a runtime really ran."""
    from netcost.profiling.in_runtime import GROUPINGS, ShownRuntimeProfile, profile_in_runtime

    if shown.by is not None and shown.by not in GROUPINGS:
        raise RequestError(f"cannot group kernels by {shown.by!r}; expected one of {', '.join(GROUPINGS)}")
    with output.progress_bar(shown.quiet) as progress:
        result = profile_in_runtime(target, timing, concrete=concrete, progress=progress)
    output.show_result(
        ShownRuntimeProfile(result, shown.by, shown.depth), shown.format_name, shown.out, quiet=shown.quiet
    )
    return 0
