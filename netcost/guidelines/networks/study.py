"""The study of whole networks: the counts that explain their latency, and the order of Table 8 on this device."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import median
from typing import Any, NamedTuple

from netcost.guidelines.networks.decomposition import DECOMPOSED, Part, decompose
from netcost.guidelines.networks.explaining import MetricFit, explain, leave_one_family_out, rank_correlation
from netcost.guidelines.networks.panels import (
    REFERENCE,
    TABLE8,
    ZOO,
    PanelTimes,
    counted,
    family,
    measure_panel,
    plan,
)
from netcost.guidelines.networks.table8 import TABLE_8, Table8Row
from netcost.guidelines.options import Options
from netcost.guidelines.resuming import measure_missing
from netcost.guidelines.trial import Goal, plain
from netcost.profiling.roofline import Peaks, under_roof
from netcost.timing.sampling import Progress
from netcost.timing.stats import Interval

FULL_S, QUICK_S = 600.0, 75.0
"""Default seconds for all panels together."""

PRECISION = 0.02
"""Default half width of a ratio's interval at which a panel may stop: latencies differ by far more."""

METRICS = ("mult_adds", "params", "memory_access", "memory_access_fused", "kernels")
"""Metrics that might explain latency; a roofline joins them where the device's peaks are known."""

ROOFLINE = "roofline_s"


class NetworkLatency(NamedTuple):
    """The latency of a network, from its ratio to the reference that it ran beside (seconds)."""

    median_s: float
    ci95_s: Interval | None


class RankAgreement(NamedTuple):
    """The rank correlation between one order of networks and the paper's speeds on one of its devices."""

    order: str
    platform: str
    networks: int
    rho: float | None
    ci95: Interval | None


@dataclass(frozen=True)
class Study:
    """The times of networks, and the statistics over them.

    Args:
        times: one per panel.
        planned: number of panels in the plan, and of those that were saved beside it.
        goal: of each panel; None where nothing was timed.
        peaks: of the device, measured; None leaves the roofline out.
        seconds_by_kind: of the networks of Figure 2, by a profile.
    """

    times: tuple[PanelTimes, ...] = ()
    planned: int = 0
    goal: Goal | None = None
    peaks: Peaks | None = None
    seconds_by_kind: Mapping[str, Mapping[str, float]] | None = None

    def of(self, kind: str) -> list[PanelTimes]:
        """Return the panels of one kind."""
        return [timed for timed in self.times if timed.panel.kind == kind]

    @property
    def errors(self) -> list[str]:
        """Return the networks that could not be measured, and why."""
        return [f"{timed.panel}: {times.error}" for timed in self.times for times in timed.series if times.error]

    @cached_property
    def reference_s(self) -> list[float]:
        """Return the reference's median in each panel of the zoo (seconds): it shows how far the machine drifted."""
        return [timed.series[0].median_s for timed in self.of(ZOO) if timed.series[0].median_s]

    @cached_property
    def latencies(self) -> dict[str, NetworkLatency]:
        """Return the latency of each network of the zoo that ran: its ratio to the reference, round by round, times
        the reference's median."""
        if not self.reference_s:
            return {}
        unit_s = median(self.reference_s)
        latencies = {REFERENCE: NetworkLatency(unit_s, None)}
        for timed in self.of(ZOO):
            reference, *others = timed.series
            for times in others:
                if (ratio := times.ratio_to(reference, unit_s)) is not None:
                    latencies[times.name] = NetworkLatency(ratio.median, ratio.ci95)
        return latencies

    @cached_property
    def explanations(self) -> list[MetricFit]:
        """Return the fit of each metric to these latencies."""
        metrics = (*METRICS, *((ROOFLINE,) if self.peaks else ()))
        return [explain(metric, *self._against_latency(metric)) for metric in metrics if self.latencies]

    def predictions(self, metric: str) -> dict[str, float]:
        """Return predicted / measured latency per network, with the constant fitted to the other families.

        Empty with only one family, or where a network's metric is 0.
        """
        ratios = leave_one_family_out(*self._against_latency(metric))
        return dict(zip(self.latencies, ratios, strict=True)) if ratios else {}

    def _against_latency(self, metric: str) -> tuple[list[float], list[float], list[str]]:
        """Return the metric, the latency (seconds) and the family of each network."""
        values = [self.metric(metric, name) for name in self.latencies]
        return values, [latency.median_s for latency in self.latencies.values()], list(map(family, self.latencies))

    def metric(self, metric: str, name: str) -> float:
        """Return a metric of a network of the zoo."""
        if metric == ROOFLINE and self.peaks is not None:
            analysis = counted(name)
            return under_roof(analysis.count, analysis.peak_memory_bytes, self.peaks).bound_s
        return float(getattr(counted(name), metric))

    @cached_property
    def agreements(self) -> list[RankAgreement]:
        """Compare the orders of Table 8's networks by mult-adds and by speed here with the paper's speeds."""
        orders = {"fewest mult-adds": {row.name: -float(row.mult_adds) for row in TABLE_8}}
        for timed in self.of(TABLE8):
            orders[str(timed.panel)] = {times.name: 1 / times.median_s for times in timed.series if times.median_s}
        published = {"GPU": {row.name: row.gpu for row in TABLE_8}, "ARM": {row.name: row.arm for row in TABLE_8}}
        agreements = []
        for order, speeds in orders.items():
            for platform, theirs in published.items():
                names = [name for name in theirs if name in speeds]
                rho = rank_correlation([speeds[name] for name in names], [theirs[name] for name in names])
                agreements.append(RankAgreement(order, platform, len(names), *rho))
        return agreements

    @cached_property
    def parts(self) -> list[Part]:
        """Return Figure 2's networks by kind of operator."""
        seconds = self.seconds_by_kind or {}
        return [part for network in DECOMPOSED for part in decompose(network, seconds.get(network))]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values: raw times, and the statistics over them."""
        return {
            "planned": self.planned,
            "goal": plain(self.goal),
            "peaks": None if self.peaks is None else self.peaks.to_dict(),
            "seconds_by_kind": plain(self.seconds_by_kind),
            "explanations": [fit.to_dict() for fit in self.explanations],
            "networks": [
                {**self.figures(name), "latency_ci95_s": plain(self.latencies[name].ci95_s)} for name in self.latencies
            ],
            "table8": [self._table8_row(row) for row in TABLE_8],
            "agreements": plain(self.agreements),
            "decomposition": [part.to_dict() for part in self.parts],
            "panels": [{**plain(timed.panel), **timed.to_dict()} for timed in self.times],
        }

    def figures(self, name: str) -> dict[str, Any]:
        """Return the metrics and the latency of a network of the zoo."""
        return {
            "network": name,
            "family": family(name),
            **{metric: getattr(counted(name), metric) for metric in METRICS},
            ROOFLINE: None if self.peaks is None else self.metric(ROOFLINE, name),
            "latency_s": self.latencies[name].median_s,
        }

    def _table8_row(self, row: Table8Row) -> dict[str, Any]:
        return {
            "network": row.name,
            "architecture": row.architecture,
            "input": [1, 3, row.side, row.side],
            "published_mflops": row.mflops,
            "mult_adds": row.mult_adds,
            "paper_gpu_batches_per_s": row.gpu,
            "paper_arm_images_per_s": row.arm,
            "latencies": [
                {
                    "threads": timed.panel.threads,
                    "batch": timed.panel.batch,
                    "median_s": timed.by_name[row.name].median_s,
                }
                for timed in self.of(TABLE8)
                if row.name in timed.by_name
            ],
        }


def study(
    options: Options,
    threads: Sequence[int],
    *,
    saved: Study | None = None,
    keep: Callable[[Study], None] = lambda _: None,
    progress: Progress | None = None,
) -> Study:
    """Time the zoo and Table 8.

    Args:
        threads: numbers of CPU threads in rising order. Table 8 runs with the first, as on ARM, and with the last; the
            zoo runs with the last.
        saved: a study to go on with; its panels that suffice are taken over.
        keep: handed the study so far after each panel.
        progress: told the share that is done, and what goes on.
    """
    before = saved or Study()
    panels = plan(options.timing.device, threads, options.quick, options.batch, options.networks)
    goal = options.goal(len(panels), full_s=FULL_S, quick_s=QUICK_S, precision=PRECISION)
    done = {timed.panel: timed for timed in before.times}
    begun = replace(before, planned=len({*done, *panels}), goal=goal, peaks=options.peaks or before.peaks)
    times = measure_missing(
        panels,
        done,
        measure_panel,
        suffices=lambda timed: timed.suffices(goal),
        options=options,
        goal=goal,
        keep=lambda times: keep(replace(begun, times=times)),
        progress=progress,
    )
    profile = options.time_by_kind or (lambda *_: None)
    profiles = {network: profile(network, options.timing.device, threads[-1]) for network in DECOMPOSED}
    profiled = {network: seconds for network, seconds in profiles.items() if seconds is not None}
    return replace(begun, times=times, seconds_by_kind=profiled or before.seconds_by_kind)
