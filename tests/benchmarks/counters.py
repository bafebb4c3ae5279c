"""The counters that netcost is timed against: each builds a torchvision model and counts one forward pass.

Each is used as its documentation shows: the model from torchvision's constructor without pretrained weights, one
call of the counter, evaluation mode throughout. A tool that works on the meta device, where neither weights nor
activations are computed, has that as a second way. fvcore and torchprofile do not work there: they trace with
`torch.jit.trace`, which fails there (`cond must be a bool`, from a meta kernel under its tracer).

Counts differ from tool to tool, and netcost's claims do not rest on them; the time until the answer is what counts.
"""

import io
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision import models

SLOW_TO_INITIALISE = frozenset({"googlenet", "inception_v3"})
"""Models whose constructors draw from a slow truncated normal unless given `init_weights=False`."""

VISION_TRANSFORMER_SIZE = 224


@dataclass(frozen=True, slots=True)
class Network:
    """A torchvision classification model and the size of its input (N, C, H, W)."""

    name: str
    shape: tuple[int, ...]

    def build(self) -> nn.Module:
        """Return the model, in evaluation mode, on the default device."""
        options: dict[str, Any] = {}
        if self.name in SLOW_TO_INITIALISE:
            options["init_weights"] = False
        if self.name.startswith("vit_") and self.shape[-1] != VISION_TRANSFORMER_SIZE:
            options["image_size"] = self.shape[-1]
        return models.get_model(self.name, weights=None, **options).eval()

    def on_cpu(self) -> tuple[nn.Module, Tensor]:
        """Return model and input with values."""
        return self.build(), torch.randn(self.shape)

    def on_meta(self) -> tuple[nn.Module, Tensor]:
        """Return model and input without values; built on the CPU and moved if the constructor needs values."""
        if builds_on_meta(self):
            with torch.device("meta"):
                model = self.build()
        else:
            model = self.build().to("meta")
        return model, torch.empty(self.shape, device="meta")


@cache
def builds_on_meta(network: Network) -> bool:
    """True if the constructor works under `torch.device("meta")`; some look at a value while they build."""
    try:
        with torch.device("meta"):
            network.build()
    except (RuntimeError, NotImplementedError):
        return False
    return True


META = ", meta"
"""Suffix of a subject that works on the meta device: "thop" has values, "thop, meta" has none."""

Build = Callable[[Network], tuple[nn.Module, Tensor]]
Count = Callable[[nn.Module, Tensor], float | None]


@dataclass(frozen=True, slots=True)
class Counter:
    """A tool, and the function that counts with it.

    Args:
        name: name of the tool and its package.
        count: returns its count of one forward pass, in its own unit.
        real: True to give it tensors with values.
        meta: True to give it tensors on the meta device.
    """

    name: str
    count: Count
    real: bool = True
    meta: bool = False

    @property
    def installed(self) -> bool:
        """True if its package is installed."""
        return find_spec(self.name) is not None

    def ways(self) -> dict[str, Build]:
        """Return its ways to count: "thop" with values, "thop, meta" without."""
        with_values = {self.name: Network.on_cpu} if self.real else {}
        return {**with_values, self.name + META: Network.on_meta} if self.meta else with_values

    def run(self, build: Build, network: Network) -> float:
        """Build and count; drop everything that the tool prints.

        Raises:
            ArithmeticError: it gave no count.
        """
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            found = self.count(*build(network))
        if not found:
            raise ArithmeticError(f"{self.name} counted {found!r}")
        return float(found)


def count_with_torch(model: nn.Module, x: Tensor) -> float:
    with FlopCounterMode(display=False) as counter:
        model(x)
    return counter.get_total_flops()


def count_with_fvcore(model: nn.Module, x: Tensor) -> float:
    from fvcore.nn import FlopCountAnalysis

    return FlopCountAnalysis(model, x).total()


def count_with_ptflops(model: nn.Module, x: Tensor) -> float | None:
    from ptflops import get_model_complexity_info

    return get_model_complexity_info(model, tuple(x.shape[1:]), as_strings=False, print_per_layer_stat=False)[0]


def count_with_thop(model: nn.Module, x: Tensor) -> float:
    from thop import profile

    return profile(model, inputs=(x,), verbose=False)[0]


def count_with_torchinfo(model: nn.Module, x: Tensor) -> float:
    from torchinfo import summary

    return summary(model, input_data=x, verbose=0).total_mult_adds


def count_with_torchprofile(model: nn.Module, x: Tensor) -> float:
    from torchprofile import profile_macs

    return profile_macs(model, x)


FLOP_COUNTER_MODE = Counter("torch", count_with_torch, real=False, meta=True)

FIVE = (
    Counter("fvcore", count_with_fvcore),
    Counter("ptflops", count_with_ptflops, meta=True),
    Counter("thop", count_with_thop, meta=True),
    Counter("torchinfo", count_with_torchinfo, meta=True),
    Counter("torchprofile", count_with_torchprofile),
)
