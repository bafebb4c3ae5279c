"""What an architecture is to the zoo: a builder with its paper, its input and its published figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from netcost.errors import RequestError, TargetError
from netcost.registry import Registry, suggestion
from netcost.tables import Column, Table, from_records

Builder = Callable[..., nn.Module]


@dataclass(frozen=True, slots=True)
class Published:
    """Figures as a paper or model zoo prints them; a figure that was not published is None.

    Args:
        params: parameters (count), as printed: 6.8e6.
        mult_adds: multiply-adds at the architecture's own input (count), as printed: 1502e6.
        source: paper and table, or repository and path.
        why: why the printed figure is not what the layers give, where the two differ by more than 2 %.
    """

    params: float | None = None
    mult_adds: float | None = None
    source: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Architecture:
    """One entry of the zoo.

    Args:
        name: what the command line calls it.
        build: makes the module; its keyword arguments are what `--arg` sets.
        title: the name that people write ("GoogLeNet (Inception v1)").
        paper: title, venue and arXiv number.
        year: of the paper.
        input_shape: of one forward pass, (N, C, H, W) at batch 1.
        published: printed figures.
    """

    name: str
    build: Builder
    title: str
    paper: str
    year: int
    input_shape: tuple[int, ...]
    published: Published


ARCHITECTURES: Registry[Architecture] = Registry("architecture", "`netcost list` shows all")


def published(
    params: float | None = None, mult_adds: float | None = None, *, source: str = "", why: str = ""
) -> Published:
    """Figures as printed; see `Published`."""
    return Published(params, mult_adds, source, why)


def architecture(
    figures: Published, *, title: str, paper: str, year: int, input_shape: tuple[int, ...] = (1, 3, 224, 224)
) -> Callable[[Builder], Builder]:
    """Register the decorated builder under its function name."""

    def register(builder: Builder) -> Builder:
        name = builder.__name__
        ARCHITECTURES.add(name, Architecture(name, builder, title, paper, year, input_shape, figures))
        return builder

    return register


def build(name: str, **arguments: Any) -> nn.Module:
    """The architecture called `name` with real weights of its own initialisation.

    Args:
        name: of the zoo, like "googlenet".
        arguments: passed to the builder: `num_classes=10`, `width=0.5`.

    Raises:
        RequestError: unknown name; the message suggests near ones.
        TargetError: the builder takes no such argument.
    """
    entry = ARCHITECTURES.get(name)
    try:
        return entry.build(**arguments)
    except TypeError as error:
        raise TargetError(f"{name!r} cannot be built with {arguments!r}: {error}") from error


def list_models(pattern: str = "*") -> list[str]:
    """Names of the zoo that match a shell pattern ("inception*"), in the order of their files."""
    return ARCHITECTURES.names(pattern)


def catalogue_table(pattern: str = "*", why: bool = False) -> Table:
    """A row an architecture: name, year, input, published figures and the paper.

    Args:
        pattern: shell pattern of names.
        why: add why a printed figure is not what the layers give.

    Raises:
        RequestError: no name matches.
    """
    names = list_models(pattern)
    if not names:
        near = suggestion(pattern, ARCHITECTURES)
        raise RequestError(f"no architecture matches {pattern!r}{near} (`netcost list` shows all)")
    entries = [ARCHITECTURES.get(name) for name in names]
    records = [
        {
            "name": entry.name,
            "year": str(entry.year),
            "input": "x".join(map(str, entry.input_shape)),
            "params": entry.published.params,
            "mult_adds": entry.published.mult_adds,
            "source": entry.published.source or entry.paper,
            "why": entry.published.why or None,
        }
        for entry in entries
    ]
    columns = (
        Column("name", "Name"),
        Column("year", "Year"),
        Column("input", "Input"),
        Column("params", "Params, published", "count"),
        Column("mult_adds", "Mult-adds, published", "count"),
        Column("source", "Source"),
        *((Column("why", "Why the layers give another figure"),) if why else ()),
    )
    return from_records(columns, records)
