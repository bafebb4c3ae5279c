"""`netcost show MODEL`: counts one network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from netcost.cli import options, output
from netcost.text.errors import VerdictError
from netcost.text.formats import DRAWN

if TYPE_CHECKING:
    from netcost.counting.analysis import Analysis
    from netcost.counting.fitting import BatchSearch, Fit
    from netcost.profiling.language import LanguageBounds
    from netcost.profiling.roofline import Peaks
    from netcost.targets.naming import Target
    from netcost.tracing import TrainStep

VIEWERS = ("model-explorer", "dot", "graphml")
"""Formats for viewers of graphs, as in `netcost.graph.viewers`."""

SHOW_FORMATS = (*DRAWN, *VIEWERS)


def show(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="One network.")],
    by: Annotated[str | None, typer.Option(help="Group the cost by module, kind, block or op.")] = None,
    depth: options.Depth = 1,
    verify: Annotated[
        bool, typer.Option("--verify", help="Also count with fvcore and torch; explain differences.")
    ] = False,
    peaks: options.Peaks = None,
    inputs: options.Inputs = None,
    code: options.InputsCode = None,
    batch: options.Batch = None,
    past: options.Past = None,
    new: options.New = None,
    memory: options.Memory = None,
    dtype: options.Dtype = None,
    arguments: options.Arguments = None,
    download: options.Download = False,
    train: options.Train = False,
    step: options.Step = None,
    optimizer: options.Optimizer = None,
    amp: options.Amp = None,
    loss: options.Loss = None,
    passes: options.Passes = None,
    kernels_of: options.KernelsOf = None,
    fits: options.Fits = None,
    largest_batch: options.LargestBatch = None,
    concrete: options.Concrete = False,
    format_name: Annotated[str | None, options.format_option(SHOW_FORMATS)] = None,
    out: options.Output = None,
    quiet: options.Quiet = False,
    strict: options.Strict = False,
    debug: options.Debug = False,  # noqa: ARG001  # read by app.run, which is where errors end
) -> int:
    """Count one network and show the cost of its parts; with --peaks, also its minimum time. Nothing is timed.

    Examples: netcost show googlenet --by module --depth 1; netcost show mobilenet_v2 --arg width=0.35
    --input 1x3x160x160; netcost show transformers:LlamaForCausalLM --past
    4096 --new 1 --dtype bf16
    """
    format_name = output.check_request(format_name, out, SHOW_FORMATS)
    from netcost.counting.analysis import analyze
    from netcost.counting.breakdown import require_grouping
    from netcost.counting.fitting import capacity
    from netcost.graph import viewers
    from netcost.profiling.shown import ShownAnalysis
    from netcost.timing.subjects import in_element_type

    if by is not None:
        require_grouping(by)
    for size in filter(None, (fits, largest_batch, memory)):
        capacity(size)  # refuses what does not parse before anything is counted
    options.allow_downloads(download)
    timing = options.timing(None, dtype=dtype)
    target = options.target(model, arguments, options.all_inputs(inputs, code), batch)
    plain = in_element_type(target, timing)
    target = options.in_step(plain, past, new)
    asked = options.train_step(
        step, fits or largest_batch, optimizer=optimizer, amp=amp, loss=loss, passes=passes, device=kernels_of
    )
    analysis = analyze(target, mode="train" if train else "eval", concrete=concrete, step=asked)
    roof = None
    if peaks is not None:
        from netcost.profiling.roofline import given_peaks

        with output.progress_bar(quiet) as progress:
            roof = given_peaks(peaks, progress=progress)
    bounds = None if roof is None or target.step is None else _bounds(analysis, plain, roof, memory or peaks or "")
    checked = checked_step = None
    if verify:
        from netcost.counting.crosscheck import crosscheck
        from netcost.counting.crosscheck_step import crosscheck_step

        checked = crosscheck(target)
        checked_step = None if analysis.training is None else crosscheck_step(target, analysis.training)
    fit, search = _fitted(analysis, target, asked, fits, largest_batch)
    shown = ShownAnalysis(analysis, by, depth, roof, checked, fit, search, checked_step, bounds)
    if format_name in VIEWERS:
        count = analysis.count
        output.emit(viewers.written(analysis.model, count.graph, count.kinds, count.costs, format_name), out)
    else:
        output.show_result(shown, format_name, out, quiet=quiet)
    output.refuse_unknown(analysis.figures.every_unknown_op, strict)
    if fits is not None and fit is not None and fit.verdict == "does not fit":
        raise VerdictError(f"{analysis.model}: the training step does not fit into {fits}; try a smaller --batch")
    return 0


def _bounds(analysis: Analysis, plain: Target, peaks: Peaks, memory: str) -> LanguageBounds:
    """Return the bounds of a language model in this step, and of the prefill of its context."""
    from netcost.counting.analysis import analyze
    from netcost.counting.fitting import DEVICES, capacity
    from netcost.profiling.language import language_bounds
    from netcost.targets.libraries.steps import with_step

    assert analysis.language is not None
    prefill = analyze(with_step(plain, 0, analysis.language.context, last_word=True))
    is_size = memory.lower() in DEVICES or memory[:1].isdigit()
    return language_bounds(analysis, prefill, peaks, capacity(memory) if is_size else None)


def _fitted(
    analysis: Analysis, target: Target, step: TrainStep | None, fits: str | None, largest: str | None
) -> tuple[Fit | None, BatchSearch | None]:
    """Return the step in the memory asked for, and the largest batch there, if asked for."""
    if analysis.training is None or step is None:
        return None, None
    from netcost.counting.analysis import count_step
    from netcost.counting.fitting import fit, largest_batch

    memory = fits or largest
    search = (
        None if largest is None else largest_batch(lambda batch: count_step(target.with_batch(batch), step), largest)
    )
    return (None if memory is None else fit(analysis.training, memory)), search
