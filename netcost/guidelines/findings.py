"""All trials of a run and the findings on them: the object of `netcost guidelines --format json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from netcost.guidelines.grid import Task
from netcost.guidelines.guideline import ARM, GPU, SCALES, Guideline
from netcost.guidelines.judging import GuidelineFinding, GuidelineVerdict, judge
from netcost.guidelines.networks.study import Study
from netcost.guidelines.trial import Goal, Trial, VariantTimes, plain
from netcost.guidelines.variant import Variant
from netcost.text.version import __version__
from netcost.timing.setting import EffectiveSetting

SCHEMA = 1
COUNTS = ("mult_adds", "memory_access", "elementwise_access", "kernels")


@dataclass(frozen=True)
class Findings:
    """The trials of a run, and the findings on them.

    Args:
        guidelines: those that were asked for.
        trials: timed so far, in the order of the grid.
        environment: of the timing, as `Environment.to_dict` gives it; None where nothing was timed.
        planned: number of settings in the grid, and of those that were saved beside it.
        goal: of each setting; None where nothing was timed.
        networks: the study of whole networks; None where it was not asked for.
        command: the command line that timed it, or several in their order; "" without one.
        version: of the netcost that timed it.
        setting: element type, memory format, backend and caches of the timing.
    """

    guidelines: tuple[Guideline, ...]
    trials: tuple[Trial, ...] = ()
    environment: Mapping[str, Any] | None = None
    planned: int = 0
    goal: Goal | None = None
    networks: Study | None = None
    command: str = ""
    version: str = __version__
    setting: EffectiveSetting = EffectiveSetting()

    @cached_property
    def findings(self) -> tuple[GuidelineFinding, ...]:
        """Return one finding per order and trial."""
        return tuple(finding for trial in self.trials for finding in judge(trial))

    def of(self, guideline: Guideline) -> tuple[Trial, ...]:
        """Return the trials of one guideline."""
        return tuple(trial for trial in self.trials if trial.task.guideline is guideline)

    def verdicts(self, guideline: Guideline, order: str) -> list[GuidelineFinding]:
        """Return the findings on one order of a guideline."""
        judged = (finding for finding in self.findings if finding.trial.task.guideline is guideline)
        return [finding for finding in judged if finding.order.label == order]

    @property
    def errors(self) -> list[str]:
        """Return the variants and networks that could not be measured, and why."""
        failed = [f"{trial.task}: {times.error}" for trial in self.trials for times in trial.series if times.error]
        return [*failed, *(self.networks.errors if self.networks else [])]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values: times in seconds, None for a missing value."""
        return {
            "schema": SCHEMA,
            "netcost": self.version,
            "command": self.command,
            "environment": plain(self.environment),
            "setting": self.setting.to_dict(),
            "planned": self.planned,
            "goal": plain(self.goal),
            "guidelines": [self._described(guideline) for guideline in self.guidelines],
            "trials": [_trial(trial) for trial in self.trials],
            "networks": None if self.networks is None else self.networks.to_dict(),
        }

    def _described(self, guideline: Guideline) -> dict[str, Any]:
        """Return a guideline with its verdicts, and with all of its variants at batch 1."""
        return {
            "guideline": guideline.name,
            "title": guideline.title,
            "design": guideline.design,
            "source": guideline.published.source,
            "mended": list(guideline.deviations),  # the key that saved runs and their readers have
            "verdicts": {
                order.label or guideline.name: verdict_counts(self.verdicts(guideline, order.label))
                for order in guideline.orders
            },
            "variants": [
                _variant(guideline, widths, scale, variant)
                for widths in guideline.width_sets
                for scale in SCALES
                for variant in guideline.variants(widths, scale)
            ],
        }


def verdict_counts(findings: list[GuidelineFinding]) -> dict[str, int]:
    """Return the number of findings with each verdict."""
    return {str(verdict): sum(finding.verdict is verdict for finding in findings) for verdict in GuidelineVerdict}


def predicted(task: Task, variant: Variant) -> float:
    """Return memory access per mult-add of a variant / that of the base: the slow-down that the guideline predicts."""
    own, base = (made.counted(task.setting.batch) for made in (variant, task.variants[0]))
    return own.memory_access / own.mult_adds / (base.memory_access / base.mult_adds)


def _variant(guideline: Guideline, widths: str, scale: int, variant: Variant) -> dict[str, Any]:
    count = variant.counted()
    slow_downs = {platform: guideline.paper_slow_down(platform, variant.name, scale) for platform in (GPU, ARM)}
    return {
        "widths": widths,
        "scale": scale,
        "variant": variant.name,
        "channels": variant.channels,
        **{name: getattr(count, name) for name in COUNTS},
        "paper_slow_down": slow_downs,
    }


def _trial(trial: Trial) -> dict[str, Any]:
    return {
        "guideline": trial.task.guideline.name,
        "setting": plain(trial.task.setting),
        **trial.to_dict(),
        "series": [_series(trial, *pair) for pair in zip(trial.task.variants, trial.series, strict=True)],
        "findings": [finding.to_dict() for finding in judge(trial)],
    }


def _series(trial: Trial, variant: Variant, times: VariantTimes) -> dict[str, Any]:
    """Return raw times with the counts of their variant in this setting."""
    count, ratio = variant.counted(trial.task.setting.batch), trial.slow_down(times.name)
    return {
        "mult_adds": count.mult_adds,
        "memory_access": count.memory_access,
        "predicted": predicted(trial.task, variant),
        "slow_down": ratio and {"median": ratio.median, "ci95": plain(ratio.ci95), "rounds": ratio.rounds},
        **times.to_dict(),
    }
