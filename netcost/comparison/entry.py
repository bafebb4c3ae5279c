"""One network of a comparison, and what the networks of one run have in common."""

from __future__ import annotations

from dataclasses import dataclass

from netcost.counting.analysis import Analysis
from netcost.counting.figures import Figures
from netcost.profiling.roofline import Roofline
from netcost.text.errors import NetcostError
from netcost.text.version import __version__
from netcost.timing.environment import Environment
from netcost.timing.measurement import Measurement
from netcost.timing.ratios import Ratio


@dataclass(frozen=True, slots=True)
class Run:
    """What the networks of one run have in common.

    Args:
        environment: of the timing; None where nothing was timed.
        name: of the file that it was read from; "" for a run of this process.
        version: of the netcost that ran.
        command: the command line that ran it; "" where it was none.
    """

    environment: Environment | None = None
    name: str = ""
    version: str = __version__
    command: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One network of a comparison.

    Args:
        model: as it was asked for.
        figures: its cost; None where it could not be counted.
        analysis: its cost with the graph; None for one that was read from a file or counted in a worker, too.
        measurement: its latency; None where it was not measured.
        ratio: its latency in units of another network's.
        error: why something is missing.
        run: the index of the run it belongs to.
        roofline: of one that was counted in a worker, without a latency; for others it follows from the analysis.
    """

    model: str
    figures: Figures | None = None
    analysis: Analysis | None = None
    measurement: Measurement | None = None
    ratio: Ratio | None = None
    error: NetcostError | None = None
    run: int = 0
    roofline: Roofline | None = None

    @property
    def verdict(self) -> str | None:
        """Faster or slower than the other network, or "cannot tell"; None where there is no ratio."""
        return None if self.ratio is None else self.ratio.verdict

    @property
    def batch(self) -> int | None:
        """The first size of the first input."""
        if self.measurement is not None:
            return self.measurement.batch
        return self.figures.inputs[0][0] if self.figures and self.figures.inputs and self.figures.inputs[0] else None
