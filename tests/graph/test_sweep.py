"""Torch's own database of operators: which of them have a rule. The list of those without one may only shrink."""

from __future__ import annotations

import sys
import unittest
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import torch
from torch import nn

from netcost.graph.rules import find
from netcost.text.errors import NetcostError
from netcost.tracing.forward import trace

UNKNOWN = Path(__file__).with_name("unknown_operators.txt")


class Calling(nn.Module):
    """A network that makes one call of the database."""

    def __init__(self, operator, sample):
        super().__init__()
        self.operator, self.sample = operator, sample

    def forward(self):
        return self.operator(self.sample.input, *self.sample.args, **self.sample.kwargs)


def operators_called() -> Iterator[str]:
    """Names of the operators that the first sample of each entry runs, views left out."""
    stand_in = ModuleType("expecttest")  # torch's tests import it, the database does not use it
    stand_in.TestCase = unittest.TestCase
    sys.modules.setdefault("expecttest", stand_in)
    from torch.testing._internal.common_methods_invocations import op_db

    for entry in op_db:
        dtypes = sorted(entry.dtypes, key=lambda dtype: (dtype is not torch.float32, str(dtype)))
        if not dtypes:
            continue
        try:
            # Below `sample_inputs`, which walks the whole stack and seeds torch anew for each sample: 40 s in pytest.
            sample = next(iter(entry.sample_inputs_func(entry, "cpu", dtypes[0], False)))
            graph = trace(Calling(entry.op, sample), concrete=True)
        except (NetcostError, RuntimeError, StopIteration):
            continue  # it has no kernel here, or cannot be traced
        yield from [op.name for op in graph.ops if not op.is_view]


def test_every_operator_of_torch_is_costed_or_free_or_on_the_list():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        called = set(operators_called())
    assert len(called) > 300
    listed = [name for name in UNKNOWN.read_text().split() if exists(*name.split("."))]
    assert sorted(name for name in called if find(name) is None) == listed


def exists(namespace: str, name: str) -> bool:
    """True unless this torch is too old to have the operator."""
    return hasattr(getattr(torch.ops, namespace), name)
