"""What a network costs in numbers, without its graph: what is shown, saved and read back."""

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
        model: the name it was asked for by.
        inputs: the shape of each input.
        values: every metric by its identifier; a missing one is None.
        unknown_ops: operators without a counting rule, and how often each ran: the totals leave their work out.
    """

    model: str
    inputs: tuple[tuple[int, ...], ...]
    values: Mapping[str, Any]
    unknown_ops: Mapping[str, int]

    def shown(self, name: str) -> Any:
        """The value of metric `name`, marked as a lower bound where unknown operators are left out of it."""
        value = self.values[name]
        complete = not self.unknown_ops or value is None or name not in breakdown.NEED_A_RULE
        return value if complete else AtLeast(value)

    def notes(self) -> list[str]:
        """What must be said under every table of these figures."""
        if not self.unknown_ops:
            return []
        listed = ", ".join(f"{name} ({times})" for name, times in self.unknown_ops.items())
        return [f"{self.model or 'model'}: no rule counts {listed}; totals marked ≥ leave that work out."]

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers under the JSON keys of the design (section 6)."""
        shapes = [list(shape) for shape in self.inputs]
        return {
            "model": self.model,
            "input": shapes[0] if len(shapes) == 1 else shapes,
            **self.values,
            "unknown_ops": dict(self.unknown_ops),
        }
