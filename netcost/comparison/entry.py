"""One network of a comparison, and the run that it belongs to."""

from __future__ import annotations

from dataclasses import dataclass

from netcost.counting.analysis import Analysis
from netcost.counting.figures import Figures
from netcost.prediction.predicted import PredictedLatency
from netcost.profiling.roofline import Roofline
from netcost.text.errors import NetcostError
from netcost.text.version import __version__
from netcost.timing.environment import Environment
from netcost.timing.measurement import Measurement
from netcost.timing.ratios import Ratio


@dataclass(frozen=True, slots=True)
class Run:
    """Properties that the networks of one run have in common.

    Args:
        environment: of the timing; None if nothing was timed.
        name: of the file that it was read from; "" for a run of this process.
        version: of the netcost that ran.
        command: the command line that ran it; "" if there was none.
        predicting: what its predictions rest on, in words; empty without any.
    """

    environment: Environment | None = None
    name: str = ""
    version: str = __version__
    command: str = ""
    predicting: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One network of a comparison.

    Args:
        model: its name, as the user gave it.
        backend: the runtime, where networks were timed in several.
        figures: its cost; None if it could not be counted.
        analysis: its cost with the graph; None also if it was read from a file or counted in a worker.
        measurement: its latency; None if it was not measured.
        ratio: its latency as a multiple of another network's.
        error: the reason for a missing part.
        run: the index of the run it belongs to.
        roofline: without a latency, if it was counted in a worker; otherwise it follows from the analysis.
        predicted: its latency on devices that are not here, in the order of their names on the command line.
    """

    model: str
    figures: Figures | None = None
    analysis: Analysis | None = None
    measurement: Measurement | None = None
    ratio: Ratio | None = None
    error: NetcostError | None = None
    run: int = 0
    roofline: Roofline | None = None
    predicted: tuple[PredictedLatency, ...] = ()
    backend: str | None = None

    @property
    def verdict(self) -> str | None:
        """Faster or slower than the other network, or "cannot tell"; None without a ratio."""
        return None if self.ratio is None else self.ratio.verdict

    @property
    def batch(self) -> int | None:
        """The first size of the first tensor among the inputs."""
        if self.measurement is not None:
            return self.measurement.batch
        return None if self.figures is None else self.figures.batch
