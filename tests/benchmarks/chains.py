"""Chains of equal links, whose true cost is their length: 22 links take 10 % longer than 20."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from netcost.timing.environment import flushed_denormals

LINKS = 20


@dataclass(frozen=True, slots=True)
class Kind:
    """A family of chains.

    Args:
        link: makes one link of a width.
        shape: shape of the input of a chain of that width.
        widths: widths to choose from, narrow to wide.
    """

    link: Callable[[int], nn.Module]
    shape: Callable[[int], tuple[int, ...]]
    widths: tuple[int, ...]

    def build(self, width: int, links: int = LINKS) -> nn.Module:
        """Return a chain of that length and width, with fresh weights."""
        return nn.Sequential(*(self.link(width) for _ in range(links))).eval()


def _convolution(width: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.ReLU())


def _separable(width: int) -> nn.Module:
    """Depthwise 3x3, then 1x1: MobileNet v1's link."""
    return nn.Sequential(
        nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Conv2d(width, width, 1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
    )


def _linear(width: int) -> nn.Module:
    return nn.Sequential(nn.Linear(width, width), nn.ReLU())


KINDS = {
    "3x3 convolutions": Kind(
        _convolution, lambda width: (1, width, 28, 28), (8, 16, 24, 32, 48, 64, 96, 128, 160, 192)
    ),
    "separable": Kind(_separable, lambda width: (1, width, 28, 28), (8, 16, 32, 48, 64, 96, 128, 192, 256, 320, 384)),
    "linear": Kind(_linear, lambda width: (8, width), (128, 192, 256, 384, 512, 640, 768, 1024, 1280, 1536, 2048)),
}


def calibrated(kind: Kind, call_s: float, threads: int) -> tuple[int, float]:
    """Return the width whose chain comes nearest to that time per call here, and its time (seconds)."""
    found: dict[int, float] = {}
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for width in kind.widths:
            found[width] = _median_s(kind.build(width), torch.randn(kind.shape(width)))
            if found[width] > call_s:
                break
    finally:
        torch.set_num_threads(before)
    width = min(found, key=lambda candidate: max(found[candidate] / call_s, call_s / found[candidate]))
    return width, found[width]


def _median_s(model: nn.Module, x: torch.Tensor) -> float:
    times = []
    with torch.inference_mode(), flushed_denormals():
        for _ in range(15):
            begun = time.perf_counter()
            model(x)
            times.append(time.perf_counter() - begun)
    return statistics.median(times[5:])
