"""Reads a saved run: every value is checked, and one that netcost did not write is refused with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from netcost.guidelines.findings import SCHEMA, Findings
from netcost.guidelines.grid import Conditions, Task
from netcost.guidelines.guideline import GUIDELINES, SCALES
from netcost.guidelines.networks.panels import TABLE8, ZOO, Panel, PanelTimes
from netcost.guidelines.networks.study import Study
from netcost.guidelines.networks.table8 import TABLE_8
from netcost.guidelines.trial import Goal, Trial, VariantTimes
from netcost.profiling.roofline import Peaks
from netcost.text.documents import Source
from netcost.text.errors import RequestError
from netcost.text.reading import Node, NonNegativeFloat, NonNegativeInt
from netcost.timing.environment import Environment
from netcost.timing.sampling import Stop
from netcost.timing.setting import EffectiveSetting
from netcost.zoo import ARCHITECTURES

VOLATILE = frozenset({"load_per_core", "clock_mhz", "throttle_reasons", "threads"})
"""Keys that change from minute to minute on the same machine with the same software, or that each setting states."""


@dataclass(frozen=True)
class Saved:
    """A saved run, and the path of its file for messages."""

    path: str
    findings: Findings

    def require(self, environment: Mapping[str, Any]) -> None:
        """Refuse to add times of another machine or software to these.

        Raises:
            RequestError: the environments differ; the message names the first difference.
        """
        if self.findings.environment is None:
            return
        then, now = dict(_lasting(self.findings.environment)), dict(_lasting(environment))
        for name in [*now, *then]:
            if then.get(name) != now.get(name):
                raise RequestError(
                    f"{self.path!r} was measured in another environment ({name} {then.get(name)!r}, here "
                    f"{now.get(name)!r}), and times of the two cannot be compared: leave out --from to measure "
                    "everything here, or add --device none to show the saved run"
                )

    def require_setting(self, setting: EffectiveSetting) -> None:
        """Refuse to add times in another element type, memory format or backend to these.

        Raises:
            RequestError: the settings differ.
        """
        if self.findings.environment is not None and self.findings.setting != setting:
            raise RequestError(
                f"{self.path!r} was timed in another setting ({self.findings.setting}; this would be {setting}), and "
                "times of the two cannot be compared: give the same options, or leave out --from"
            )

    def require_threads(self, device: str, threads: int, batch: int) -> None:
        """Refuse to add latencies of the zoo in other conditions to these: all are relative to one median.

        Raises:
            RequestError: the zoo was timed on another device, with another number of threads, or at another batch.
        """
        networks = self.findings.networks
        for panel in [] if networks is None else [times.panel for times in networks.of(ZOO)]:
            if (panel.device, panel.threads, panel.batch) != (device, threads, batch):
                theirs = f"--device {panel.device} --threads {panel.threads} --batch {panel.batch}"
                raise RequestError(
                    f"the networks of {self.path!r} were timed with {theirs}, these would be with --device {device} "
                    f"--threads {threads} --batch {batch}, and latencies of the two cannot be compared: give {theirs}, "
                    "or leave out --from to measure everything again"
                )


def _lasting(environment: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Return the keys that identify the machine and its software, with those one level deeper."""
    for name, value in environment.items():
        if name in VOLATILE:
            continue
        if isinstance(value, Mapping):
            yield from _lasting(value, f"{name} ")
        else:
            yield f"{prefix}{name}", value


def load(path: str) -> Saved:
    """Read the file that `netcost guidelines --format json` wrote.

    Raises:
        RequestError: it cannot be read, or was not written by netcost.
    """
    source = Source(repr(path), "write it again: netcost guidelines … --format json -o FILE")
    document = Node.of_file(path, source)
    document.require_schema(SCHEMA)
    trials = tuple(map(_trial, document["trials"].items()))
    environment = document.get("environment").read(dict[str, Any] | None)
    document.get("environment").read(Environment | None)  # checked only: a newer netcost may have written more
    tried = {trial.task.guideline for trial in trials}
    findings = Findings(
        tuple(guideline for guideline in map(GUIDELINES.get, GUIDELINES) if guideline in tried),
        trials,
        environment,
        document["planned"].read(NonNegativeInt),
        document.get("goal").read(Goal | None),
        document.get("networks").optional(_study),
        document.get("command").read(str | None) or "",
        document["netcost"].read(str),
        document.get("setting").read(EffectiveSetting | None) or EffectiveSetting(),
    )
    return Saved(path, findings)


def _trial(node: Node) -> Trial:
    guideline = GUIDELINES.get(node["guideline"].one_of([*GUIDELINES]))
    setting = node["setting"].read(Conditions)
    if setting.widths not in guideline.width_sets or setting.scale not in SCALES:
        node["setting"].refuse(f"widths of {', '.join(guideline.width_sets)} at x1, x2 or x4")
    task = Task(guideline, setting)
    series = node["series"].read(tuple[VariantTimes, ...])
    names = [variant.name for variant in task.variants]
    if [times.name for times in series] != names:
        node["series"].refuse(f"the variants {', '.join(names)}")
    return Trial(task=task, goal=node.read(Goal), stopped=str(node["stopped"].read(Stop)), series=series)


def _study(node: Node) -> Study:
    times = tuple(map(_panel, node["panels"].items()))
    panels = [timed.panel for timed in times if timed.panel.kind == ZOO]
    if len({(panel.device, panel.threads, panel.batch) for panel in panels}) > 1:
        node["panels"].refuse(f"one device, number of threads and batch for all panels of the {ZOO}")
    return Study(
        times,
        node["planned"].read(NonNegativeInt),
        node.get("goal").read(Goal | None),
        node.get("peaks").optional(Peaks.from_node),
        node.get("seconds_by_kind").read(dict[str, dict[str, NonNegativeFloat]] | None),
    )


def _panel(node: Node) -> PanelTimes:
    kind, panel = node["kind"].one_of([ZOO, TABLE8]), node.read(Panel)
    known = set(ARCHITECTURES) if kind == ZOO else {row.name for row in TABLE_8}
    series = node["series"].read(tuple[VariantTimes, ...])
    if not series or not known.issuperset(panel.members) or panel.members != tuple(times.name for times in series):
        node["members"].refuse(f"names of the {kind}, each with its series")
    return PanelTimes(panel=panel, goal=node.read(Goal), stopped=str(node["stopped"].read(Stop)), series=series)
