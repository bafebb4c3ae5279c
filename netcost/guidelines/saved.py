"""A saved run, read back with every value looked at: what is not as netcost wrote it is refused, with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netcost.documents import parsed_json
from netcost.errors import RequestError
from netcost.guidelines.findings import SCHEMA, Findings
from netcost.guidelines.grid import Setting, Task
from netcost.guidelines.guideline import GUIDELINES, SCALES
from netcost.guidelines.networks.panels import TABLE8, ZOO, Panel, PanelTimes
from netcost.guidelines.networks.study import Study
from netcost.guidelines.networks.table8 import TABLE_8
from netcost.guidelines.place import Place
from netcost.guidelines.trial import Goal, Series, Trial
from netcost.roofline import Peaks
from netcost.sampling import Stop
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
    try:
        document = Place(parsed_json(Path(path).read_bytes()), path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RequestError(
            f"cannot read {path!r} ({reason}); expected what `netcost guidelines -f json` wrote"
        ) from error
    if document.get("schema") != SCHEMA or document.get("trials") is None:
        raise RequestError(f"{path!r} is not a saved run of `netcost guidelines` (schema {SCHEMA}); give one it wrote")
    environment = document.get("environment")
    if environment is not None and not isinstance(environment, Mapping):
        raise document.wrong("environment", "a mapping")
    trials = tuple(_trial(each) for each in document.each("trials"))
    networks = None if document.get("networks") is None else _study(document.inside("networks"))
    tried = {trial.task.guideline for trial in trials}
    found = Findings(
        tuple(each for each in map(GUIDELINES.get, GUIDELINES) if each in tried),
        trials,
        environment,
        document.whole("planned", least=0),
        None if document.get("goal") is None else _goal(document.inside("goal")),
        networks,
    )
    return Saved(path, found)


def _trial(place: Place) -> Trial:
    guideline = GUIDELINES.get(place.text("guideline"))
    setting = _setting(place.inside("setting"))
    if setting.widths not in guideline.width_sets or setting.scale not in SCALES:
        raise place.wrong("setting", f"widths of {', '.join(guideline.width_sets)} at x1, x2 or x4")
    task = Task(guideline, setting)
    series = tuple(_series(each) for each in place.each("series"))
    names = tuple(each.name for each in series)
    if names != tuple(variant.name for variant in task.variants):
        raise place.wrong("series", f"the variants {', '.join(variant.name for variant in task.variants)}")
    return Trial(task=task, series=series, **_sampled(place))


def _sampled(place: Place) -> dict[str, Any]:
    """What every sampling has beside its series."""
    return {
        "goal": _goal(place),
        "stopped": place.text("stopped", [*map(str, Stop)]),
    }


def _goal(place: Place) -> Goal:
    return Goal(place.number("budget_s"), place.number("precision"))


def _study(place: Place) -> Study:
    seconds = place.get("seconds_by_kind") and place.inside("seconds_by_kind")
    return Study(
        tuple(_panel(each) for each in place.each("panels")),
        place.whole("planned", least=0),
        None if place.get("goal") is None else _goal(place.inside("goal")),
        None if place.get("peaks") is None else Peaks.from_dict(place.get("peaks"), place.at("peaks")),
        {name: _numbers(seconds.inside(name)) for name in seconds.mapping()} if seconds else None,
    )


def _numbers(place: Place) -> dict[str, float]:
    return {name: place.number(name) for name in place.mapping()}


def _panel(place: Place) -> PanelTimes:
    kind = place.text("kind", [ZOO, TABLE8])
    known = set(ARCHITECTURES) if kind == ZOO else {row.name for row in TABLE_8}
    series = tuple(_series(each) for each in place.each("series"))
    members = tuple(each.name for each in series)
    if not members or not known.issuperset(members) or list(members) != place.get("members"):
        raise place.wrong("members", f"names of the {kind} with a series each")
    panel = Panel(kind, place.text("device"), place.whole("threads"), place.whole("batch"), members)
    return PanelTimes(panel=panel, series=series, **_sampled(place))


def _setting(place: Place) -> Setting:
    return Setting(
        place.text("device"),
        place.whole("threads"),
        place.whole("batch"),
        place.text("widths"),
        place.whole("scale"),
    )


def _series(place: Place) -> Series:
    device_times = place.get("device_times_s")
    return Series(
        name=place.text("name"),
        times_s=place.seconds("times_s"),
        device_times_s=None if device_times is None else place.seconds("device_times_s"),
        first_call_s=place.optional_number("first_call_s"),
        calls_per_sample=None if place.get("calls_per_sample") is None else place.whole("calls_per_sample"),
        doubts=tuple(each.mapping() for each in place.each("doubts")),
        error=None if place.get("error") is None else place.text("error"),
        elementwise_time_share=place.optional_number("elementwise_time_share"),
    )
