"""`netcost profile MODEL`: times the operators of a forward pass."""

from __future__ import annotations

from typing import Annotated

import typer

from netcost.cli import options, output
from netcost.text.formats import DRAWN


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
    --trace googlenet.json; netcost profile resnet18 --step train --by phase
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
    timing.refuse("a profile", "backend")
    asked = options.train_step(step, None, optimizer=optimizer, amp=amp, loss=loss, passes=passes)
    from netcost.profiling import profile as run
    from netcost.profiling.roofline import given_peaks
    from netcost.profiling.shown import ShownProfile
    from netcost.profiling.tables import require_grouping
    from netcost.timing.devices import require_device

    if by is not None:
        require_grouping(by, asked is not None)
    target = options.target(model, arguments, options.all_inputs(inputs, code), batch)
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
