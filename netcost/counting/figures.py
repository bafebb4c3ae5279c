"""Figures: the cost of a network in numbers, without its graph, as it is shown, saved and read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from netcost.counting import breakdown
from netcost.text.units import AtLeast


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one forward pass.

    Args:
        model: the name of the network, as the user gave it.
        inputs: the shape of each input.
        values: every metric by its identifier; a missing one is None.
        unknown_ops: operators without a counting rule, and the runs of each: the totals leave their work out.
    """

    model: str
    inputs: tuple[tuple[int, ...], ...]
    values: Mapping[str, Any]
    unknown_ops: Mapping[str, int]

    def shown(self, name: str) -> Any:
        """Return the value of metric `name`, marked as a lower bound if it leaves unknown operators out."""
        value = self.values[name]
        complete = not self.unknown_ops or value is None or name not in breakdown.NEED_A_RULE
        return value if complete else AtLeast(value)

    def notes(self) -> list[str]:
        """Make the notes under every table of these figures."""
        if not self.unknown_ops:
            return []
        listed = ", ".join(f"{name} ({times})" for name, times in self.unknown_ops.items())
        return [f"{self.model or 'model'}: no rule counts {listed}; totals marked ≥ leave that work out."]

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers under the JSON keys."""
        shapes = [list(shape) for shape in self.inputs]
        return {
            "model": self.model,
            "input": shapes[0] if len(shapes) == 1 else shapes,
            **self.values,
            "unknown_ops": dict(self.unknown_ops),
        }
