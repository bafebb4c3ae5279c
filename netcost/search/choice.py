"""The choice among pretrained networks: those within the limits, the front of them, and what was measured here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from netcost.comparison import Comparison
from netcost.prediction.coefficients import Coefficients
from netcost.prediction.predicting import Prediction, source_note
from netcost.search.finalists import Finalists
from netcost.search.pretrained import SOURCE, Pretrained
from netcost.text import units
from netcost.text.shown import Shown, named
from netcost.text.tables import Column, Table, table_of
from netcost.text.version import __version__

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class ChoiceLimits:
    """The limits on a choice; None, or nothing, where there is none.

    Args:
        latency_s: most predicted seconds per pass.
        min_accuracy: least published top-1 accuracy (%).
        max_params: most parameters.
        families: source files of timm.
        image_size: pixels of a side.
    """

    latency_s: float | None = None
    min_accuracy: float | None = None
    max_params: float | None = None
    families: tuple[str, ...] = ()
    image_size: int | None = None

    def named(self) -> dict[str, ChoiceLimits]:
        """Return each limit that is set, in words, alone."""
        texts = {
            "latency_s": lambda limit: f"latency <= {units.seconds(limit)}",
            "min_accuracy": lambda limit: f"accuracy >= {limit:g} %",
            "max_params": lambda limit: f"params <= {units.count(limit)}",
            "families": lambda limit: f"family {' or '.join(limit)}",
            "image_size": lambda limit: f"image size {limit}",
        }
        given = {name: getattr(self, name) for name in texts}
        return {
            texts[name](limit): ChoiceLimits(**{name: limit})
            for name, limit in given.items()
            if limit not in (None, ())
        }

    def hold(self, network: Pretrained, latency_s: float) -> bool:
        """Return True where a network is within all limits."""
        return (
            (self.latency_s is None or latency_s <= self.latency_s)
            and (self.min_accuracy is None or network.top1_percent >= self.min_accuracy)
            and (self.max_params is None or network.counted.params <= self.max_params)
            and (not self.families or network.counted.family in self.families)
            and self.image_size in (None, network.image_size)
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; None for no limit."""
        return {
            "latency_s": self.latency_s,
            "min_top1_percent": self.min_accuracy,
            "max_params": self.max_params,
            "families": list(self.families) or None,
            "image_size": self.image_size,
        }


@dataclass(frozen=True, slots=True)
class Candidate:
    """One pretrained network and its predicted latency.

    Args:
        network: with its published accuracy.
        predicted: for the device.
    """

    network: Pretrained
    predicted: Prediction

    @property
    def latency_s(self) -> float:
        """Predicted seconds per pass."""
        assert self.predicted.latency_s is not None, "a candidate has a prediction"
        return self.predicted.latency_s

    @property
    def interval_s(self) -> tuple[float, float]:
        """Seconds between which the measured latency lies with a chance of 90 %, as predicted."""
        low, high = self.predicted.on.interval
        return self.latency_s * low, self.latency_s * high

    @property
    def label(self) -> str:
        """The name of the weights and the size of image."""
        return self.network.label


def pareto_front(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Return the candidates than which no other is both as fast and more accurate, the most accurate first."""
    front: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda one: (one.latency_s, -one.network.top1_percent, one.label)):
        if not front or candidate.network.top1_percent > front[-1].network.top1_percent:
            front.append(candidate)
    return tuple(reversed(front))


@dataclass(frozen=True, slots=True, repr=False)
class NetworkChoice(Shown):
    """The result of `netcost choose`.

    Args:
        on: coefficients of the device.
        batch: samples per pass.
        limits: that were asked for.
        everything: all networks with a prediction.
        refused: predictions that could not be made, with their reasons.
        top: most networks in the table.
        measured: the finalists, timed here; None where nothing was timed.
    """

    on: Coefficients
    batch: int
    limits: ChoiceLimits
    everything: tuple[Candidate, ...]
    refused: tuple[Prediction, ...] = ()
    top: int = 20
    measured: Comparison | None = None

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The networks within the limits, the most accurate first."""
        within = [one for one in self.everything if self.limits.hold(one.network, one.latency_s)]
        return tuple(sorted(within, key=lambda one: (-one.network.top1_percent, one.latency_s, one.label)))

    @property
    def front(self) -> tuple[Candidate, ...]:
        """The Pareto front of the candidates, the most accurate first."""
        return pareto_front(self.candidates)

    @property
    def finalists(self) -> Finalists:
        """The measured times of the finalists."""
        return Finalists(self.measured)

    def measured_s(self, candidate: Candidate) -> float | None:
        """Return the measured seconds per pass (median); None where it was not timed, or failed."""
        return self.finalists.seconds(candidate.label)

    def is_inside(self, candidate: Candidate) -> bool | None:
        """Return True where the measured time lies within the predicted interval; None where there is none."""
        measured_s, (low, high) = self.measured_s(candidate), candidate.interval_s
        return None if measured_s is None else low <= measured_s <= high

    def to_dict(self) -> dict[str, Any]:
        """Return plain values: networks within the limits, those without a prediction, and the sources."""
        front = {one.label for one in self.front}
        return {
            "schema": SCHEMA,
            "netcost": __version__,
            "device": self.on.device,
            "batch": self.batch,
            "limits": self.limits.to_dict(),
            "networks": [self._plain(one, one.label in front) for one in self.candidates],
            "without_prediction": [{"model": one.model, "reasons": list(one.reasons)} for one in self.refused],
            "measured": None if self.measured is None else self.measured.to_dict(),
            "accuracy_source": {key: getattr(SOURCE, key) for key in ("table", "repository", "commit", "licence")},
            "coefficients": self.on.to_dict(),
        }

    def _plain(self, one: Candidate, on_front: bool) -> dict[str, Any]:
        return {
            "model": one.network.model,
            "image_size": one.network.image_size,
            "family": one.network.counted.family,
            "published_top1_percent": one.network.top1_percent,
            "params": one.network.counted.params,
            "predicted_latency_s": one.latency_s,
            "predicted_interval90_s": list(one.interval_s),
            "on_front": on_front,
            "measured_latency_s": self.measured_s(one),
            "inside_interval": self.is_inside(one),
        }

    def records(self) -> Table:
        """Return a row per network within the limits."""
        front = {one.label for one in self.front}
        network, counted = attrgetter("network"), attrgetter("network.counted")
        columns = (
            *(Column(name, name).through(network) for name in ("model", "image_size")),
            Column("family", "").through(counted),
            Column("published_top1_percent", "", "ratio", of=attrgetter("network.top1_percent")),
            Column("params", "", "count").through(counted),
            Column("batch", "", "count", of=attrgetter("predicted.batch")),
            Column("predicted_latency_s", "", "seconds", of=attrgetter("latency_s")),
            Column("predicted_low_s", "", "seconds", of=lambda one: one.interval_s[0]),
            Column("predicted_high_s", "", "seconds", of=lambda one: one.interval_s[1]),
            Column("on_front", "", of=lambda one: _word(one.label in front)),
            Column("measured_latency_s", "", "seconds", of=self.measured_s),
            Column("inside_interval", "", of=lambda one: _word(self.is_inside(one))),
        )
        return table_of(columns, self.candidates)

    def tables(self) -> tuple[Table, ...]:
        """Return the front, the most accurate network first, and notes on what it rests on."""
        columns = [
            Column("model", "Network", of=attrgetter("network.model")),
            Column("image_size", "Image", "exact", of=attrgetter("network.image_size")),
            Column("top1", "Top-1, published", "percent", of=lambda one: one.network.top1_percent / 100),
            Column("params", "Params", "count", of=attrgetter("network.counted.params")),
            Column("latency_s", "Predicted latency", "seconds"),
            Column("interval_s", "90 % interval, predicted", flush_right=True, of=_interval_text),
        ]
        if self.measured is not None:
            latency, verdict = self.finalists.columns(attrgetter("label"))
            inside = Column("inside", "In the interval", of=lambda one: _word(self.is_inside(one)))
            columns += [latency, inside, verdict]
        title = f"Pareto front on {self.on.title}, batch {units.exact(self.batch)}"
        return (table_of(columns, self.front[: self.top], title, list(self.notes())),)

    def _brief(self) -> str:
        shown = (f"{one.label} ({one.network.top1_percent} %, {units.seconds(one.latency_s)})" for one in self.front)
        return f"{len(self.candidates)} networks on {self.on.title}, batch {self.batch}: {named(list(shown))}"

    def notes(self) -> Iterable[str]:
        """Yield the notes under the table."""
        front, limits = self.front, " and ".join(self.limits.named())
        yield (
            f"{units.exact(len(self.candidates))} of {units.exact(len(self.everything))} networks with a prediction "
            f"are within the limits{f' ({limits})' if limits else ''}; none of them is both as fast and more accurate "
            f"than one of the {units.exact(len(front))} on the front."
        )
        if len(front) > self.top:
            yield f"The {units.exact(len(front) - self.top)} least accurate of the front are left out; see --top."
        if (limit := self.limits.latency_s) is not None:
            unsure = sum(one.interval_s[1] > limit for one in front[: self.top])
            if unsure:
                yield f"{unsure} of them may take more than {units.seconds(limit)}: their interval reaches beyond it."
        if self.refused:
            yield (
                f"{units.exact(len(self.refused))} networks are not like those measured on {self.on.device} and are "
                "left out: nothing can be predicted of them (--format json has the reasons)."
            )
        if self.measured is None:
            yield "A prediction that is too low also brings a network to the front: measure the finalists (--measure)."
        yield from self._measured_notes()
        yield (
            f"Top-1 on ImageNet: published by {SOURCE.repository} {SOURCE.commit} ({SOURCE.table}, {SOURCE.licence}). "
            "Params: counted."
        )
        yield source_note(self.on)

    def _measured_notes(self) -> Iterable[str]:
        if self.measured is None:
            return
        inside = [found for one in self.front if (found := self.is_inside(one)) is not None]
        yield f"{sum(inside)} of {len(inside)} measured times lie within the predicted 90 % interval."
        yield from self.measured.notes()


def _interval_text(one: Candidate) -> str:
    return " to ".join(units.seconds(end) for end in one.interval_s)


def _word(found: bool | None) -> str | None:
    return None if found is None else "yes" if found else "no"


def alone(everything: Sequence[Candidate], limits: ChoiceLimits) -> str:
    """Say how many networks each limit leaves by itself: "latency <= 5.00 ms leaves 12"."""
    counts = {
        words: sum(limit.hold(one.network, one.latency_s) for one in everything)
        for words, limit in limits.named().items()
    }
    return ", ".join(f"{words} leaves {units.exact(number)}" for words, number in counts.items())
