"""Comparison of a runtime's output with eager's: a runtime that computes something else is not timed."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from netcost.text import units
from netcost.text.errors import MeasurementError

TOLERANCES = {torch.float64: 1e-6, torch.float32: 1e-3, torch.float16: 0.03, torch.bfloat16: 0.1}
"""Largest difference between two outputs, as a share of the largest value, that the order of sums may cause. Rounding
grows with the depth: these are some 10 to 10,000 times the unit of a type, and a wrong operator changes more."""


def require_agreement(title: str, ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> None:
    """Refuse outputs that differ from eager's beyond the type's tolerance.

    Args:
        title: of the runtime.
        ours: outputs of eager.
        theirs: outputs of the runtime, in the same order.

    Raises:
        MeasurementError: they differ; the message has the largest difference.
    """
    if len(ours) != len(theirs):
        raise MeasurementError(f"{title} returns {len(theirs)} tensors where eager returns {len(ours)}; not timed")
    for number, (own, other) in enumerate(zip(ours, theirs, strict=True)):
        which = f"output {number + 1}" if len(ours) > 1 else "the output"
        if own.shape != other.shape:
            raise MeasurementError(
                f"{title}: {which} has the shape {tuple(other.shape)}, eager's {tuple(own.shape)}; not timed"
            )
        allowed, share = TOLERANCES.get(own.dtype.to_real(), 0.0), difference(own, other)
        if share > allowed:
            raise MeasurementError(
                f"{title}: {which} differs from eager's by up to {units.significant(share)} of its largest value, more "
                f"than the {units.significant(allowed)} that {str(own.dtype).removeprefix('torch.')} allows; not timed"
            )


def difference(own: Tensor, other: Tensor) -> float:
    """Return the largest difference as a share of the largest finite value; infinite where other values are finite."""
    one, two = map(_plain, (own, other))
    finite = one.isfinite()
    if not torch.equal(finite, two.isfinite()):
        return float("inf")
    one, two = one[finite], two[finite]
    largest = float(one.abs().max()) if one.numel() else 0.0
    gap = float((one - two).abs().max()) if one.numel() else 0.0
    return 0.0 if gap == 0 else gap / largest if largest > 0 else float("inf")


def _plain(tensor: Tensor) -> Tensor:
    """Return the values as 64-bit numbers in main memory, whatever they are kept as."""
    tensor = tensor.detach().cpu()
    if tensor.is_nested:
        tensor = torch.nested.to_padded_tensor(tensor, 0.0)
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    if tensor.layout != torch.strided:
        tensor = tensor.to_dense()
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor.resolve_conj())
    return tensor.to(torch.float64)
