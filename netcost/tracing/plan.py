"""Plans: the way to run and record each operator of torch."""

from __future__ import annotations

from typing import Any

import torch
from torch._ops import HigherOrderOperator, OpOverload

from netcost.graph import rules
from netcost.tracing import quantised, shapes_training  # noqa: F401  # which register their rules
from netcost.tracing.shapes import SHAPE_RULES, VALUE_READERS, WORKSPACES

DROPOUTS = frozenset({"aten.dropout_", "aten.feature_dropout_", "aten.alpha_dropout_", "aten.feature_alpha_dropout_"})
"""In-place dropout of (x, p, train): its schema says that it writes, but in evaluation it does not."""


KERNELS = {"aten._convolution": lambda *args: torch.ops.aten.convolution(*args[:9])}
"""Operators that run another's kernel, which takes the same: up to torch 2.11 at least, they have none for shapes."""


class Plan:
    """The way to run and record one operator, read from its schema and the tables of rules."""

    def __init__(self, func: OpOverload | HigherOrderOperator) -> None:
        self.takes_functions = isinstance(func, HigherOrderOperator)
        if isinstance(func, HigherOrderOperator):
            self.decompose = True
            return
        schema = func._schema
        namespace, _, base = func._name.partition("::")
        self.name = f"{namespace}.{base.partition('.')[0]}"
        self.roles = tuple(argument.name for argument in schema.arguments)
        self.reshapes = torch.Tag.inplace_view in func.tags  # `unsqueeze_`: the tensor changes and its memory does not
        written = [argument for argument in schema.arguments if argument.alias_info and argument.alias_info.is_write]
        self.writes = frozenset({argument.name for argument in written})
        self.results = frozenset({argument.name for argument in written if argument.is_out})  # of `out=`
        composite = func._can_decompose()
        returns_alias = any(result.alias_info is not None for result in schema.returns)
        self.known = rules.find(self.name) is not None
        # A composite operator may return a view although its schema does not say so.
        self.aliases = composite or returns_alias
        self.decompose = composite and not self.known and not returns_alias
        # A shape rule returns a new tensor or its first operand; `out=` asks for another tensor.
        self.shape_rule = None if self.results else SHAPE_RULES.get(self.name)
        self.reads_values = self.name in VALUE_READERS
        self.workspace = WORKSPACES.get(self.name)
        self.kernel = KERNELS.get(self.name, func)
        self.packed = tuple(argument.name for argument in schema.arguments if "classes." in str(argument.type))
        self.quantises = self.name in quantised.QUANTISERS
        self.takes_device = "device" in self.roles
        self.draws = torch.Tag.nondeterministic_seeded in func.tags
        self.drops = self.name in DROPOUTS

    def is_idle(self, args: tuple[Any, ...]) -> bool:
        """True where a call only returns its first operand although its schema says otherwise (in-place dropout)."""
        return self.drops and not args[2]
