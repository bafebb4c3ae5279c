"""Whole networks: which count explains their latency, and does Table 8's order come out on this device?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import median
from typing import Any, NamedTuple

from netcost.guidelines.budget import share_out
from netcost.guidelines.networks.decomposition import DECOMPOSED, Part, decompose
from netcost.guidelines.networks.explaining import (
    MetricFit,
    bootstrap_interval,
    explain,
    leave_one_family_out,
    spearman,
)
from netcost.guidelines.networks.panels import (
    REFERENCE,
    TABLE8,
    ZOO,
    Panel,
    PanelTimes,
    counted,
    family,
    measure_panel,
    plan,
)
from netcost.guidelines.networks.table8 import TABLE_8
from netcost.guidelines.options import Options
from netcost.guidelines.trial import Goal, VariantTimes
from netcost.profiling.roofline import Peaks, under_roof
from netcost.timing.sampling import Progress
from netcost.timing.stats import Interval

FULL_S, QUICK_S = 600.0, 75.0
"""Seconds for all panels together, unless told."""

PRECISION = 0.02
"""Half width of a ratio's interval at which a panel may stop, unless told: latencies differ by far more."""

METRICS = ("mult_adds", "params", "memory_access", "memory_access_fused", "kernels")
"""What might explain latency, in netcost's words; a roofline joins them where the device's peaks are known."""

ROOFLINE = "roofline_s"


class NetworkLatency(NamedTuple):
    """Of a network, by way of the reference that it ran beside (seconds)."""

    median_s: float
    ci95_s: Interval | None


class RankAgreement(NamedTuple):
    """How an order of networks stands to the order of the paper's speeds on one of its devices."""

    order: str
    platform: str
    networks: int
    rho: float | None
    ci95: Interval | None


@dataclass(frozen=True)
class Study:
    """Networks timed, and what follows.

    Args:
        times: a panel each.
        planned: panels of the plan, and those that were saved beside it.
        goal: when each of them was to stop; None where nothing was timed.
        peaks: of the device, measured; None leaves the roofline out.
        seconds_by_kind: of the networks of Figure 2, by a profile.
    """

    times: tuple[PanelTimes, ...] = ()
    planned: int = 0
    goal: Goal | None = None
    peaks: Peaks | None = None
    seconds_by_kind: Mapping[str, Mapping[str, float]] | None = None

    def of(self, kind: str) -> list[PanelTimes]:
        """The panels of one kind."""
        return [each for each in self.times if each.panel.kind == kind]

    @property
    def errors(self) -> list[str]:
        """What could not be measured."""
        return [f"{each.panel}: {one.error}" for each in self.times for one in each.series if one.error is not None]

    @cached_property
    def reference_s(self) -> list[float]:
        """The reference's median in each panel of the zoo (seconds): how far the machine drifted."""
        return [each.series[0].median_s for each in self.of(ZOO) if each.series[0].median_s]

    @cached_property
    def latencies(self) -> dict[str, NetworkLatency]:
        """Of each network of the zoo that ran: its ratio to the reference, round by round, in the reference's time."""
        if not self.reference_s:
            return {}
        unit_s = median(self.reference_s)
        found = {REFERENCE: NetworkLatency(unit_s, None)}
        for each in self.of(ZOO):
            for series in each.series[1:]:
                ratio = series.ratio_to(each.series[0], unit_s)
                if ratio is not None:
                    found[series.name] = NetworkLatency(ratio.median, ratio.ci95)
        return found

    @cached_property
    def explanations(self) -> list[MetricFit]:
        """How well each metric explains these latencies."""
        names = list(self.latencies)
        if not names:
            return []
        seconds = [self.latencies[name].median_s for name in names]
        return [
            explain(metric, [self.metric(metric, name) for name in names], seconds, list(map(family, names)))
            for metric in (*METRICS, *((ROOFLINE,) if self.peaks else ()))
        ]

    def predictions(self, metric: str) -> dict[str, float]:
        """Of each network, the latency that the metric tells / the measured one, with the constant of other families.

        Empty where there is only one family, or a network whose metric is 0.
        """
        names = list(self.latencies)
        values = [self.metric(metric, name) for name in names]
        found = leave_one_family_out(
            values, [self.latencies[name].median_s for name in names], list(map(family, names))
        )
        return dict(zip(names, found, strict=True)) if found else {}

    def metric(self, metric: str, name: str) -> float:
        """A metric of a network of the zoo."""
        if metric == ROOFLINE and self.peaks is not None:
            analysis = counted(name)
            return under_roof(analysis.count, analysis.peak_memory_bytes, self.peaks).bound_s
        return float(getattr(counted(name), metric))

    @cached_property
    def agreements(self) -> list[RankAgreement]:
        """Orders of Table 8's networks here, and that of their mult-adds, beside the paper's."""
        fewest = {row.name: -float(row.mult_adds) for row in TABLE_8}
        orders = {"fewest mult-adds": fewest}
        for each in self.of(TABLE8):
            orders[str(each.panel)] = {one.name: 1 / one.median_s for one in each.series if one.median_s}
        published = {"GPU": {row.name: row.gpu for row in TABLE_8}, "ARM": {row.name: row.arm for row in TABLE_8}}
        return [
            _agreement(order, platform, speeds, theirs)
            for order, speeds in orders.items()
            for platform, theirs in published.items()
        ]

    @cached_property
    def parts(self) -> list[Part]:
        """Figure 2's networks by kind of operator."""
        seconds = self.seconds_by_kind or {}
        return [part for network in DECOMPOSED for part in decompose(network, seconds.get(network))]

    def table8_series(self, name: str) -> list[tuple[Panel, VariantTimes]]:
        """The times of a network of Table 8, panel by panel."""
        return [(each.panel, one) for each in self.of(TABLE8) for one in each.series if one.name == name]

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers: raw times, and what follows from them."""
        return {
            "planned": self.planned,
            "goal": None if self.goal is None else self.goal._asdict(),
            "peaks": None if self.peaks is None else self.peaks.to_dict(),
            "seconds_by_kind": None
            if self.seconds_by_kind is None
            else {name: dict(kinds) for name, kinds in self.seconds_by_kind.items()},
            "explanations": [each.to_dict() for each in self.explanations],
            "networks": [self._network(name) for name in self.latencies],
            "table8": [self._row(row.name) for row in TABLE_8],
            "agreements": [
                {**each._asdict(), "ci95": None if each.ci95 is None else list(each.ci95)} for each in self.agreements
            ],
            "decomposition": [part.to_dict() for part in self.parts],
            "panels": [
                {
                    **each.panel.to_dict(),
                    **each.to_dict(),
                    "series": [one.to_dict() for one in each.series],
                }
                for each in self.times
            ],
        }

    def _network(self, name: str) -> dict[str, Any]:
        found = self.latencies[name]
        return {
            "network": name,
            "family": family(name),
            **{metric: getattr(counted(name), metric) for metric in METRICS},
            ROOFLINE: None if self.peaks is None else self.metric(ROOFLINE, name),
            "latency_s": found.median_s,
            "latency_ci95_s": None if found.ci95_s is None else list(found.ci95_s),
        }

    def _row(self, name: str) -> dict[str, Any]:
        [row] = [each for each in TABLE_8 if each.name == name]
        return {
            "network": name,
            "architecture": row.architecture,
            "input": [1, 3, row.side, row.side],
            "published_mflops": row.mflops,
            "mult_adds": row.mult_adds,
            "paper_gpu_batches_per_s": row.gpu,
            "paper_arm_images_per_s": row.arm,
            "latencies": [
                {"threads": panel.threads, "batch": panel.batch, "median_s": series.median_s}
                for panel, series in self.table8_series(name)
            ],
        }


def _agreement(order: str, platform: str, ours: Mapping[str, float], theirs: Mapping[str, float]) -> RankAgreement:
    names = [name for name in theirs if name in ours]
    one, other = [ours[name] for name in names], [theirs[name] for name in names]

    def rho(units: Sequence[int]) -> float | None:
        return spearman([one[index] for index in units], [other[index] for index in units])

    return RankAgreement(order, platform, len(names), rho(range(len(names))), bootstrap_interval(len(names), rho))


def study(
    options: Options,
    threads: Sequence[int],
    *,
    saved: Study | None = None,
    keep: Callable[[Study], None] | None = None,
    progress: Progress | None = None,
) -> Study:
    """Time the zoo and Table 8.

    Args:
        threads: numbers of CPU threads in rising order: Table 8 runs with the first, as on ARM, and the last; the zoo
            with the last.
        saved: a study to go on with; its panels that suffice are taken over.
        keep: handed what there is after each panel.
        progress: told the share done and what is being done.
    """
    panels = plan(options.timing.device, threads, options.quick)
    goal = options.goal(len(panels), full_s=FULL_S, quick_s=QUICK_S, precision=PRECISION)
    before = saved or Study()
    done = {each.panel: each for each in before.times}
    todo = [panel for panel in panels if panel not in done or not done[panel].suffices(goal)]
    peaks = options.peaks or before.peaks
    planned = len({*done, *panels})
    empty = Study(planned=planned, goal=goal, peaks=peaks, seconds_by_kind=before.seconds_by_kind)

    def measure(panel: Panel, granted_s: float, part: Progress | None) -> PanelTimes:
        return measure_panel(panel, granted_s, part, goal=goal, options=options)

    def found() -> Study:
        beside = [panel for panel in done if panel not in panels]
        return replace(empty, times=tuple(done[panel] for panel in (*beside, *panels) if panel in done))

    def after(panel: Panel, times: PanelTimes) -> None:
        done[panel] = times
        if keep is not None:
            keep(found())

    share_out(todo, goal.budget_s, measure, after, clock=options.clock, progress=progress)
    return replace(found(), seconds_by_kind=_profiled(options, threads[-1]) or before.seconds_by_kind)


def _profiled(options: Options, threads: int) -> dict[str, Mapping[str, float]]:
    """The time of each kind of operator in Figure 2's networks, where there is a profile."""
    if options.time_by_kind is None:
        return {}
    asked = {name: options.time_by_kind(name, options.timing.device, threads) for name in DECOMPOSED}
    return {name: kinds for name, kinds in asked.items() if kinds is not None}
