"""One instrumented forward pass as a trace that Perfetto and chrome://tracing open.

It is written here and not by torch's profiler, whose traces name the machine. The modules are slices around their
operators.

Reference: Trace Event Format, complete ("X") and metadata ("M") events; times in microseconds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from netcost.counting import breakdown
from netcost.counting.count import Count
from netcost.profiling.operator_timer import Span
from netcost.profiling.probes import Pass
from netcost.timing import stats

PROCESS = 1
HOST, GPU = 1, 2
"""Numbers of the tracks; arbitrary."""


def chrome_trace(count: Count, passes: tuple[Pass, ...]) -> str:
    """Return the pass whose operators take the median time, as JSON; it names no host, user or path."""
    shown = middle(passes)
    spans = [(index, span) for index, span in enumerate(shown.spans) if span is not None]
    start = min((span.begun for _, span in spans), default=0.0)
    slices = [
        *_modules(count, spans, start),
        *(_operator(count, index, span, shown.times_s[index], start) for index, span in spans),
    ]
    slices.sort(key=lambda event: (event["ts"], -event["dur"]))  # the outer one first
    kernels = [_slice(GPU, name, "kernel", begun - start, ended - begun) for name, begun, ended in shown.kernels]
    # The class, because a model may be asked for by a path.
    process = _named("process_name", f"netcost: {count.graph.modules.get('', 'model')}", HOST)
    tracks = [_named("thread_name", "host", HOST), *([_named("thread_name", "GPU", GPU)] if kernels else [])]
    return json.dumps({"displayTimeUnit": "ms", "traceEvents": [process, *tracks, *slices, *kernels]}) + "\n"


def middle(passes: tuple[Pass, ...]) -> Pass:
    """Return the pass whose operators together are closest to the median of all passes."""
    typical = stats.median([sum(run.times_s) for run in passes])
    return min(passes, key=lambda run: abs(sum(run.times_s) - typical))


def _modules(count: Count, spans: list[tuple[int, Span]], start: float) -> Iterator[dict[str, Any]]:
    """Yield a slice for every module, at every depth, around its operators that ran without a break."""
    ops, types = count.graph.ops, count.graph.modules
    deepest = max((op.module.count(".") + 1 for op in ops if op.module), default=0)
    for depth in range(deepest + 1):
        paths = {index: breakdown.truncated(ops[index].module, depth) for index, _ in spans}
        for path, group in groupby(spans, key=lambda numbered: paths[numbered[0]]):
            members = [span for _, span in group]
            levels = path.count(".") + 1 if path else 0
            if levels == depth:  # otherwise a shallower slice is the same
                begun, ended = members[0].begun, members[-1].ended
                yield _slice(HOST, path or breakdown.WHOLE, types.get(path, "module"), begun - start, ended - begun)


def _operator(count: Count, index: int, span: Span, time_s: float, start: float) -> dict[str, Any]:
    """Return the slice of one operator, with its cost."""
    op, kind, cost = count.graph.ops[index], count.kinds[index], count.costs[index]
    costs = {name: getattr(cost, name) for name in ("mult_adds", "flops", "memory_access_bytes")}
    details = {"operator": index, "module": op.module, "time_s": time_s, **costs}
    return {**_slice(HOST, op.name, str(kind), span.begun - start, span.elapsed_s), "args": details}


def _slice(track: int, name: str, category: str, begun_s: float, elapsed_s: float) -> dict[str, Any]:
    times = {"ts": round(begun_s * 1e6, 3), "dur": round(elapsed_s * 1e6, 3)}
    return {"ph": "X", "pid": PROCESS, "tid": track, "name": name, "cat": category, **times}


def _named(metadata: str, name: str, track: int) -> dict[str, Any]:
    return {"ph": "M", "pid": PROCESS, "tid": track, "name": metadata, "args": {"name": name}}
