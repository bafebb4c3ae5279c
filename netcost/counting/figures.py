"""Figures: the cost of a network in numbers, without its graph, as it is shown, saved and read back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from netcost.counting import breakdown
from netcost.text.metrics import TRAIN_METRICS
from netcost.text.units import AtLeast


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one forward pass.

    Args:
        model: the name of the network, as the user gave it.
        inputs: each input as `written_inputs` has it: a tensor's shape, a plain value, or an object's class.
        values: every metric by its identifier; a missing one is None.
        unknown_ops: operators without a counting rule, and the runs of each: the totals leave their work out.
        count_notes: sentences on what the count hangs on: values that stand for inputs given by shape, a branch that
            was chosen, a tensor that the network's code kept.
        training: the training step under its JSON keys, where one was counted.
    """

    model: str
    inputs: tuple[Any, ...]
    values: Mapping[str, Any]
    unknown_ops: Mapping[str, int]
    count_notes: tuple[str, ...] = ()
    training: Mapping[str, Any] | None = None

    def shown(self, name: str) -> Any:
        """Return the value of metric `name`, marked as a lower bound if it leaves unknown operators out."""
        value = self.values.get(name)
        unknown = self.every_unknown_op if name in TRAIN_METRICS else self.unknown_ops
        complete = not unknown or name not in breakdown.NEED_A_RULE
        return value if value is None or complete else AtLeast(value)

    def notes(self) -> list[str]:
        """Make the notes under every table of these figures."""
        if not self.unknown_ops:
            return [*self.count_notes]
        listed = ", ".join(f"{name} ({times})" for name, times in self.unknown_ops.items())
        unknown = f"{self.model or 'model'}: no rule counts {listed}; totals marked ≥ leave that work out."
        return [unknown, *self.count_notes]

    @property
    def every_unknown_op(self) -> dict[str, int]:
        """Operators without a counting rule, those of the training step among them."""
        return {**self.unknown_ops, **(self.training or {}).get("unknown_ops", {})}

    @property
    def batch(self) -> int | None:
        """The first size of the first tensor among the inputs; None without one."""
        return next((shape[0] for shape in self.inputs if isinstance(shape, tuple) and shape), None)

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers under the JSON keys."""
        written = [list(entry) if isinstance(entry, tuple) else entry for entry in self.inputs]
        is_one_shape = len(written) == 1 and isinstance(written[0], list)
        return {
            "model": self.model,
            "input": written[0] if is_one_shape else written,
            **self.values,
            "unknown_ops": dict(self.unknown_ops),
            **({} if self.training is None else {"train": dict(self.training)}),
            **({"count_notes": list(self.count_notes)} if self.count_notes else {}),
        }


def input_text(written: Any) -> str:
    """Write one input of the figures: a shape as 1x3x8x8, text as it is, another value as JSON has it."""
    if isinstance(written, str):
        return written
    return "x".join(map(str, written)) if isinstance(written, tuple) else json.dumps(written)
