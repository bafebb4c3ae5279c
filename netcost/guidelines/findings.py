"""All trials of a run and what follows from them: the object of `netcost guidelines --format json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from netcost.guidelines.grid import Task
from netcost.guidelines.guideline import ARM, GPU, SCALES, Guideline
from netcost.guidelines.judging import GuidelineFinding, GuidelineVerdict, judge
from netcost.guidelines.networks.study import Study
from netcost.guidelines.trial import Goal, Trial, VariantTimes
from netcost.guidelines.variant import Variant
from netcost.text.version import __version__

SCHEMA = 1


@dataclass(frozen=True)
class Findings:
    """What was tried, and what it says.

    Args:
        guidelines: those that were asked for.
        trials: timed so far, in the order of the grid.
        environment: of the timing, as `Environment.to_dict` gives it; None where nothing was timed.
        planned: settings of the grid, and those that were saved beside it.
        goal: when each of them was to stop; None where nothing was timed.
        networks: the same question on whole networks; None where it was not asked.
        command: the command line that timed it, several in their order; "" where it was none.
        version: of the netcost that timed it.
    """

    guidelines: tuple[Guideline, ...]
    trials: tuple[Trial, ...] = ()
    environment: Mapping[str, Any] | None = None
    planned: int = 0
    goal: Goal | None = None
    networks: Study | None = None
    command: str = ""
    version: str = __version__

    @cached_property
    def findings(self) -> tuple[GuidelineFinding, ...]:
        """One for each order of each trial."""
        return tuple(finding for trial in self.trials for finding in judge(trial))

    def of(self, guideline: Guideline) -> tuple[Trial, ...]:
        """The trials of one guideline."""
        return tuple(trial for trial in self.trials if trial.task.guideline is guideline)

    def verdicts(self, guideline: Guideline, order: str) -> list[GuidelineFinding]:
        """The findings on one order of a guideline."""
        return [each for each in self.findings if each.trial.task.guideline is guideline and each.order.label == order]

    @property
    def errors(self) -> list[str]:
        """What could not be measured."""
        failed = [(trial.task, series) for trial in self.trials for series in trial.series if series.error is not None]
        own = [f"{task}: {series.error}" for task, series in failed]
        return [*own, *(self.networks.errors if self.networks else [])]

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers: times in seconds, a missing value None."""
        return {
            "schema": SCHEMA,
            "netcost": self.version,
            "command": self.command,
            "environment": None if self.environment is None else dict(self.environment),
            "planned": self.planned,
            "goal": None if self.goal is None else self.goal._asdict(),
            "guidelines": [self._described(guideline) for guideline in self.guidelines],
            "trials": [_plain(trial) for trial in self.trials],
            "networks": None if self.networks is None else self.networks.to_dict(),
        }

    def _described(self, guideline: Guideline) -> dict[str, Any]:
        """What a guideline is, whatever was timed; its variants at batch 1."""
        return {
            "guideline": guideline.name,
            "title": guideline.title,
            "design": guideline.design,
            "source": guideline.published.source,
            "deviations": list(guideline.deviations),
            "verdicts": {
                order.label or guideline.name: counted(self.verdicts(guideline, order.label))
                for order in guideline.orders
            },
            "variants": [
                {"widths": widths, "scale": scale, **_counts(guideline, scale, variant)}
                for widths in guideline.width_sets
                for scale in SCALES
                for variant in guideline.variants(widths, scale)
            ],
        }


def counted(findings: list[GuidelineFinding]) -> dict[str, int]:
    """How often each verdict was given."""
    return {str(verdict): sum(each.verdict is verdict for each in findings) for verdict in GuidelineVerdict}


def predicted(task: Task, variant: Variant) -> float:
    """Memory access a mult-add of a variant / that of the base: what the guideline says the slow-down is due to."""
    mine, base = (each.counted(task.setting.batch) for each in (variant, task.variants[0]))
    return mine.memory_access / mine.mult_adds / (base.memory_access / base.mult_adds)


def _counts(guideline: Guideline, scale: int, variant: Variant) -> dict[str, Any]:
    found = variant.counted()
    return {
        "variant": variant.name,
        "channels": variant.channels,
        "mult_adds": found.mult_adds,
        "memory_access": found.memory_access,
        "elementwise_access": found.elementwise_access,
        "kernels": found.kernels,
        "paper_slow_down": {
            platform: guideline.paper_slow_down(platform, variant.name, scale) for platform in (GPU, ARM)
        },
    }


def _plain(trial: Trial) -> dict[str, Any]:
    return {
        "guideline": trial.task.guideline.name,
        "setting": trial.task.setting.to_dict(),
        **trial.to_dict(),
        "series": [_series(trial, series) for series in trial.series],
        "findings": [finding.to_dict() for finding in judge(trial)],
    }


def _series(trial: Trial, series: VariantTimes) -> dict[str, Any]:
    """Raw times with what is known of their variant in this setting."""
    [variant] = [each for each in trial.task.variants if each.name == series.name]
    found, ratio = variant.counted(trial.task.setting.batch), trial.slow_down(series.name)
    ci95 = None if ratio is None or ratio.ci95 is None else list(ratio.ci95)
    return {
        "mult_adds": found.mult_adds,
        "memory_access": found.memory_access,
        "predicted": predicted(trial.task, variant),
        "slow_down": None if ratio is None else {"median": ratio.median, "ci95": ci95, "rounds": ratio.rounds},
        **series.to_dict(),
    }
