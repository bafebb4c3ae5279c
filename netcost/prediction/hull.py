"""The hull of the measured networks: the reasons for which a network lies outside, so that nothing is predicted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from netcost.counting import Analysis
from netcost.counting.operators import batch_of, operator_facts
from netcost.prediction.coefficients import Coefficients
from netcost.text import units

SLACK = 1.5
"""A share of the time, and a whole time, may leave the measured range by this factor."""

LEAST_SHARE = 0.05
"""A part of the time so small may be in work that was rarely measured."""


def kinds_of(analysis: Analysis) -> frozenset[str]:
    """Return the finer kinds of a network's operators."""
    return frozenset(fact.kind for fact in operator_facts(analysis.count))


def reasons(analysis: Analysis, known: Coefficients) -> Iterator[str]:
    """Yield the reasons, in words, for which a network as counted is not like those that were measured."""
    graph, batch = analysis.graph, batch_of(analysis.graph)
    if analysis.unknown_ops:
        yield f"no rule counts {', '.join(analysis.unknown_ops)}"
    foreign = sorted(kinds_of(analysis) - {*known.kinds, "unknown"})
    if foreign:
        yield f"no measured network had: {', '.join(foreign)}"
    least, most = known.batches
    if not least <= batch <= most:
        measured = f"at batch {least:,}" if least == most else f"at batches of {least:,} to {most:,}"
        yield f"batch {batch:,}; measured {measured}"
    if graph.mode != "eval":
        yield "training mode; measured in evaluation"
    known_types = {"float32", *(("float16", "bfloat16") if known.precision == "half" else ())}
    types = {tensor.dtype for tensor in graph.parameters.values()} - known_types
    if types:
        yield f"weights in {', '.join(sorted(types))}; measured with {', '.join(sorted(known_types))}"
    if [len(tensor.shape) for tensor in graph.inputs] != [4] or graph.inputs[0].dtype not in known_types:
        yield f"the input is not one image in {', '.join(sorted(known_types))}; measured with images"


def outside(parts: Mapping[str, float], known: Coefficients) -> Iterator[str]:
    """Yield the reasons for which a time lies outside, by its parts.

    Args:
        parts: predicted seconds per sample, by column.
    """
    total = sum(parts.values())
    least, most = known.sample_s
    if not least / SLACK <= total <= most * SLACK:
        span = f"{units.seconds(least)} to {units.seconds(most)}"
        yield f"{units.seconds(total)} per sample; measured networks took {span}"
    if not total:  # a network that only makes views
        return
    for name, seconds in parts.items():
        share, measured = seconds / total, known.largest_shares.get(name, 0.0)
        if share > min(max(SLACK * measured, LEAST_SHARE), (1 + measured) / 2):
            most_text = units.percent(measured)
            yield f"{units.percent(share)} of the time in {name}; in measured networks at most {most_text}"
