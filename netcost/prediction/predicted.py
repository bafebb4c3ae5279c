"""Predictions beside other figures of a network: plain values, for comparisons and checks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from netcost.counting import Analysis
from netcost.prediction.coefficients import Coefficients
from netcost.prediction.predicting import CANNOT_TELL, Prediction, counted, predicted_one
from netcost.targets import Target
from netcost.text import units
from netcost.text.errors import NetcostError, one_line


@dataclass(frozen=True, slots=True)
class PredictedLatency:
    """The predicted latency of a network on one device.

    Args:
        device: its name.
        batch: samples per pass; None where the network could not be counted.
        predicted_latency_s: seconds per pass; None where nothing can be told.
        predicted_interval90_s: seconds between which the measured latency lies with a chance of 90 %.
        reasons: why nothing can be told, in words.
    """

    device: str
    batch: int | None
    predicted_latency_s: float | None = None
    predicted_interval90_s: tuple[float, float] | None = None
    reasons: tuple[str, ...] = ()

    @classmethod
    def of(cls, found: Prediction) -> PredictedLatency:
        """Return the plain values of a prediction."""
        return cls(found.on.device, found.batch, found.latency_s, found.interval_s, found.reasons)

    @property
    def latency(self) -> float | str:
        """The latency as a cell of a table: seconds, or "cannot tell"."""
        return CANNOT_TELL if self.predicted_latency_s is None else self.predicted_latency_s

    @property
    def interval_text(self) -> str | None:
        """Both ends of the interval as people read them."""
        ends = self.predicted_interval90_s
        return None if ends is None else " – ".join(map(units.seconds, ends))

    @property
    def why(self) -> str:
        """The reasons for which nothing can be told."""
        return "; ".join(self.reasons)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        ends = self.predicted_interval90_s
        return {**asdict(self), "predicted_interval90_s": ends and list(ends), "reasons": list(self.reasons)}


def predicted_latencies(
    target: Target, analysis: Analysis | None, devices: Iterable[Coefficients]
) -> tuple[PredictedLatency, ...]:
    """Predict the latency of a target at its own batch on each device.

    Args:
        analysis: of the target, which need not be counted again where it is of the way that the device was measured in.
    """
    found = []
    for known in devices:
        fits = analysis is not None and analysis.graph.mode == "eval" and known.memory_format == "contiguous"
        try:
            own = analysis if fits else counted(target, None, None, known.memory_format)[1]
        except NetcostError as error:
            found.append(PredictedLatency(known.device, None, reasons=(one_line(error),)))
            continue
        assert own is not None, "it was counted"
        found.append(PredictedLatency.of(predicted_one(target.name, own, known)))
    return tuple(found)
