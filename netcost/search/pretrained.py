"""Facts that come with netcost: timm's pretrained networks, their published accuracy, and netcost's counts of them.

They are CSV, compressed by xz, in the folder `data`. `accuracy` is timm's own table, without its other columns.
`networks` and the files of rows are counts of netcost: in each way of running, the rows of a network that are alike in
all that a column of the prediction model asks for are one row, with their number and their means. The sums of every
column are kept, so that a device of any datasheet, at any batch, can be predicted from them.
"""

from __future__ import annotations

import csv
import io
import lzma
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from netcost.prediction.coefficients import DEVICES, Coefficients, Provenance
from netcost.prediction.rows import FIELDS, ROW, Rows, Running
from netcost.text.errors import RequestError

SOURCE = Provenance("results-imagenet.csv", "huggingface/pytorch-image-models", "aa4b5850c154", "Apache-2.0")
"""Of the accuracy: top-1 on ImageNet-1k's validation images, at the stated size of image."""

WAYS = {
    "eager": Running("eager", "amp"),
    "compiled": Running("compiled", "amp"),
    "processor": Running("compiled", "traced"),
    "traced": Running("eager", "traced"),
}
"""Ways of running that networks were counted in, by the name of their file."""

FEW_ROWS = ("traced",)
"""Ways with a row of pooling and one of all else per network: enough for a model of few columns, and for no other."""

CACHE_BYTES = DEVICES["i9-10940x"][1].cache_bytes or 0.0
"""Rows of the file "processor" are of kernels that move more than this at batch 1, or of kernels that move less."""


@dataclass(frozen=True, slots=True)
class CountedNetwork:
    """One architecture at one size of image.

    Args:
        name: of both, like "resnet50-224".
        family: the source file of timm that it comes from.
        params: counted.
        kinds: of its operators.
    """

    name: str
    family: str
    params: int
    kinds: frozenset[str]


@dataclass(frozen=True, slots=True)
class Pretrained:
    """Published weights of an architecture at one size of image.

    Args:
        model: as timm names it: "resnet50.a1_in1k".
        image_size: pixels of a side.
        top1_percent: published accuracy.
        counted: its architecture.
    """

    model: str
    image_size: int
    top1_percent: float
    counted: CountedNetwork

    @property
    def label(self) -> str:
        """The name of the weights and the size of image."""
        return f"{self.model}, {self.image_size}"


def _lines(name: str) -> Iterator[list[str]]:
    """Yield the lines of a file of facts, without its headings."""
    packed = files("netcost.search").joinpath("data", f"{name}.csv.xz").read_bytes()
    lines = csv.reader(io.StringIO(lzma.decompress(packed).decode()))
    next(lines)
    return lines


@cache
def counted_networks() -> dict[str, CountedNetwork]:
    """Return all architectures by name, in the order of the files of rows."""
    return {
        name: CountedNetwork(name, family, int(params), frozenset(kinds.split(";")))
        for name, family, params, kinds in _lines("networks")
    }


@cache
def pretrained() -> tuple[Pretrained, ...]:
    """Return all weights with a published accuracy whose architecture is counted."""
    known = counted_networks()
    return tuple(
        Pretrained(model, int(size), float(top1), known[f"{model.partition('.')[0]}-{size}"])
        for model, size, top1 in _lines("accuracy")
    )


def rows_for(known: Coefficients, batch: int) -> tuple[Rows, NDArray[np.int64]]:
    """Return the rows of all networks in the way that a device runs them, and the number of each row's network.

    Raises:
        RequestError: the networks were not counted in that way, or not for such a cache and batch.
    """
    way = next((way for way, running in WAYS.items() if running == known.running), None)
    if way is None or (way in FEW_ROWS and not known.few_columns):
        ways = "; ".join(str(running) for name, running in WAYS.items() if name not in FEW_ROWS or known.few_columns)
        raise RequestError(
            f"{known.title} runs networks {known.running}; those that come with netcost are counted: {ways}; predict "
            "networks one by one: netcost predict"
        )
    if way == "processor" and not known.few_columns and (known.sheet.cache_bytes, batch) != (CACHE_BYTES, 1):
        raise RequestError(
            f"{known.title} at batch {batch}: kernels are counted for a last cache of {CACHE_BYTES / 1e6:g} MB and "
            "batch 1; predict networks one by one: netcost predict"
        )
    names, kinds, *values = zip(*_lines(way), strict=True)
    rows = np.zeros(len(names), dtype=ROW)
    rows["kind"] = kinds
    for field, written in zip(FIELDS, values, strict=True):
        rows[field] = [float(value or 0) for value in written]
    return rows, np.cumsum([bool(name) for name in names]) - 1  # a network is named in its first row
