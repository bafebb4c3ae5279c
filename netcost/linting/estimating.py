"""Estimates the seconds that findings save: by the peaks of a device, or by its coefficients (`netcost.prediction`)."""

from __future__ import annotations

from dataclasses import dataclass, field

from netcost.counting import Analysis
from netcost.linting.finding import Network, Saving
from netcost.prediction.predicting import coefficients, predicted_one, rates_in
from netcost.profiling.roofline import Peaks


@dataclass(frozen=True, slots=True)
class Rates:
    """The seconds that a device takes per unit of work.

    Args:
        of: the words for their source.
        mult_adds: seconds per multiply-add.
        bytes: seconds per byte of memory access.
        kernels: seconds per kernel.
        reasons: why nothing can be told; empty where it can.
    """

    of: str
    mult_adds: float = 0.0
    bytes: float = 0.0
    kernels: float = 0.0
    reasons: tuple[str, ...] = field(default=())

    @classmethod
    def of_peaks(cls, peaks: Peaks) -> Rates:
        """Return the least times that peaks allow, in float32."""
        rate = peaks.flops_per_s("float32")
        return cls("the device's peaks", 2 / rate if rate else 0.0, 1 / peaks.bandwidths[-1].best, min(peaks.launch_s))

    def seconds(self, saving: Saving) -> float | None:
        """Return the seconds that a change saves, below 0 where it costs; None where nothing can be told."""
        if self.reasons:
            return None
        arithmetic = saving.mult_adds * self.mult_adds
        return saving.memory_access_bytes * self.bytes + saving.kernels * self.kernels + arithmetic


def rates_on(network: Network, model: str, on: str) -> Rates:
    """Return the rates of a device that need not be here: the averages of its predicted time for the whole network.

    Args:
        model: the name of the network.
        on: a device such as "rtx4090", or a file of `netcost calibrate`.
    """
    known = coefficients(on)
    analysis = Analysis(network.count, model)
    words = f"the coefficients of {known.title or known.device}"
    if reasons := predicted_one(model, analysis, known).reasons:
        return Rates(words, reasons=reasons)
    found = rates_in(analysis, known)
    mult_adds, size_bytes, launches = [found.get(unit, 0.0) for unit in ("mult_adds", "bytes", "launches")]
    return Rates(words, mult_adds, size_bytes, launches)
