"""Counting rules, one pure function of shapes per operator; importing this package registers them all."""

from netcost.graph.rules import (
    algebra,
    attention,
    backward,
    conv,
    layout,
    linear,
    losses,
    norm,
    pointwise,
    pooling,
    quantised,
    reduction,
)
from netcost.graph.rules.registry import RULES, Rule, access, find, free, rule

__all__ = [
    "RULES",
    "Rule",
    "access",
    "algebra",
    "attention",
    "backward",
    "conv",
    "find",
    "free",
    "layout",
    "linear",
    "losses",
    "norm",
    "pointwise",
    "pooling",
    "quantised",
    "reduction",
    "rule",
]
