"""A saved run, read back with every value looked at: what is not as netcost wrote it is refused, with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from netcost.guidelines.findings import SCHEMA, Findings
from netcost.guidelines.grid import Setting, Task
from netcost.guidelines.guideline import GUIDELINES, SCALES
from netcost.guidelines.networks.panels import TABLE8, ZOO, Panel, PanelTimes
from netcost.guidelines.networks.study import Study
from netcost.guidelines.networks.table8 import TABLE_8
from netcost.guidelines.trial import Goal, Series, Trial
from netcost.profiling.roofline import Peaks
from netcost.text.errors import RequestError
from netcost.text.reading import Node, read_document
from netcost.timing.environment import Environment
from netcost.timing.sampling import Stop
from netcost.zoo import ARCHITECTURES

VOLATILE = frozenset({"load_per_core", "clock_mhz", "throttle_reasons", "threads"})
"""What changes from one minute to the next on the same machine with the same software, or is said by each setting."""


@dataclass(frozen=True)
class Saved:
    """A run that was saved, and the path of its file, for messages."""

    path: str
    findings: Findings

    def require(self, environment: Mapping[str, Any]) -> None:
        """Refuse to add times of another machine or software to these.

        Raises:
            RequestError: the environments differ; the message says in what.
        """
        if self.findings.environment is None:
            return
        then, now = dict(_lasting(self.findings.environment)), dict(_lasting(environment))
        for name in [*now, *then]:
            if then.get(name) != now.get(name):
                raise RequestError(
                    f"{self.path!r} was measured in another environment ({name} {then.get(name)!r}, here "
                    f"{now.get(name)!r}), and times of the two cannot be compared: leave out --from to measure all "
                    "here, or add --device none to show what it holds"
                )

    def require_threads(self, device: str, threads: int) -> None:
        """Refuse to add latencies of the zoo in other conditions to these: all of them rest on one median.

        Raises:
            RequestError: the zoo was timed on another device, or with another number of threads.
        """
        networks = self.findings.networks
        for panel in [] if networks is None else [times.panel for times in networks.of(ZOO)]:
            if (panel.device, panel.threads) != (device, threads):
                theirs = f"--device {panel.device} --threads {panel.threads}"
                raise RequestError(
                    f"the networks of {self.path!r} were timed with {theirs}, these would be with --device {device} "
                    f"--threads {threads}, and latencies of the two cannot be compared: give {theirs}, or leave out "
                    "--from to measure all anew"
                )


def _lasting(environment: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """What tells machines and software apart, one level deep."""
    for name, value in environment.items():
        if name in VOLATILE:
            continue
        if isinstance(value, Mapping):
            yield from _lasting(value, f"{name} ")
        else:
            yield f"{prefix}{name}", value


def load(path: str) -> Saved:
    """What `netcost guidelines --format json` wrote to `path`.

    Raises:
        RequestError: it cannot be read, or is no such file.
    """
    document = read_document(path, "netcost guidelines")
    if document.find("schema") is None or document.key("schema").value != SCHEMA or document.find("trials") is None:
        raise RequestError(f"{path!r} is not a saved run of `netcost guidelines` (schema {SCHEMA}); give one it wrote")
    environment, goal, networks = (document.find(key) for key in ("environment", "goal", "networks"))
    trials = tuple(_trial(each) for each in document.key("trials").items())
    tried = {trial.task.guideline for trial in trials}
    found = Findings(
        tuple(each for each in map(GUIDELINES.get, GUIDELINES) if each in tried),
        trials,
        None if environment is None else _environment(environment),
        document.key("planned").whole(least=0),
        None if goal is None else _goal(goal),
        None if networks is None else _study(networks),
        _text(document, "command") or "",
        document.key("netcost").read(str),
    )
    return Saved(path, found)


def _environment(node: Node) -> dict[str, Any]:
    """As it is, once it is known to be one."""
    node.read(Environment)
    return node.mapping()


def _text(node: Node, key: str) -> str | None:
    found = node.find(key)
    return None if found is None else found.read(str)


def _quantity(node: Node, key: str) -> float | None:
    found = node.find(key)
    return None if found is None else found.quantity()


def _seconds(node: Node) -> tuple[float, ...]:
    return tuple(each.quantity() for each in node.items())


def _trial(node: Node) -> Trial:
    guideline = GUIDELINES.get(node.key("guideline").one_of([*GUIDELINES]))
    setting = _setting(node.key("setting"))
    if setting.widths not in guideline.width_sets or setting.scale not in SCALES:
        node.key("setting").refuse(f"widths of {', '.join(guideline.width_sets)} at x1, x2 or x4")
    task = Task(guideline, setting)
    series = tuple(map(_series, node.key("series").items()))
    if [each.name for each in series] != [variant.name for variant in task.variants]:
        node.key("series").refuse(f"the variants {', '.join(variant.name for variant in task.variants)}")
    return Trial(task=task, series=series, **_sampled(node))


def _sampled(node: Node) -> dict[str, Any]:
    """What every sampling has beside its series."""
    return {"goal": _goal(node), "stopped": node.key("stopped").one_of([*map(str, Stop)])}


def _goal(node: Node) -> Goal:
    return Goal(node.key("budget_s").quantity(), node.key("precision").quantity())


def _study(node: Node) -> Study:
    goal, peaks, seconds = (node.find(key) for key in ("goal", "peaks", "seconds_by_kind"))
    times = tuple(map(_panel, node.key("panels").items()))
    if len({(each.panel.device, each.panel.threads, each.panel.batch) for each in times if each.panel.kind == ZOO}) > 1:
        node.key("panels").refuse(f"one device, number of threads and batch for all panels of the {ZOO}")
    return Study(
        times,
        node.key("planned").whole(least=0),
        None if goal is None else _goal(goal),
        None if peaks is None else Peaks.from_dict(peaks.value, f"{peaks.file!r}, {peaks.place}"),
        None if seconds is None else {name: _quantities(seconds.key(name)) for name in seconds.mapping()},
    )


def _quantities(node: Node) -> dict[str, float]:
    return {name: node.key(name).quantity() for name in node.mapping()}


def _panel(node: Node) -> PanelTimes:
    kind = node.key("kind").one_of([ZOO, TABLE8])
    known = set(ARCHITECTURES) if kind == ZOO else {row.name for row in TABLE_8}
    series = tuple(map(_series, node.key("series").items()))
    members = tuple(each.name for each in series)
    if not members or not known.issuperset(members) or list(members) != node.key("members").value:
        node.key("members").refuse(f"names of the {kind} with a series each")
    threads, batch = (node.key(key).whole() for key in ("threads", "batch"))
    panel = Panel(kind, node.key("device").read(str), threads, batch, members)
    return PanelTimes(panel=panel, series=series, **_sampled(node))


def _setting(node: Node) -> Setting:
    threads, batch, scale = (node.key(key).whole() for key in ("threads", "batch", "scale"))
    return Setting(node.key("device").read(str), threads, batch, node.key("widths").read(str), scale)


def _series(node: Node) -> Series:
    device_times, calls = node.find("device_times_s"), node.find("calls_per_sample")
    return Series(
        name=node.key("name").read(str),
        times_s=_seconds(node.key("times_s")),
        device_times_s=None if device_times is None else _seconds(device_times),
        first_call_s=_quantity(node, "first_call_s"),
        calls_per_sample=None if calls is None else calls.whole(),
        doubts=tuple(each.mapping() for each in node.key("doubts").items()),
        error=_text(node, "error"),
        elementwise_time_share=_quantity(node, "elementwise_time_share"),
    )
