"""Catalogue of the zoo: each architecture, or module on its own, is a builder with its paper, its input and its
published figures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import nn

from netcost.text.errors import RequestError
from netcost.text.registry import Registry, suggestion

Builder = Callable[..., nn.Module]


@dataclass(frozen=True, slots=True)
class Published:
    """Figures as a paper or model zoo prints them; a figure that was not published is None.

    Args:
        params: parameters (count), as printed: 6.8e6.
        mult_adds: multiply-adds at the architecture's own input (count), as printed: 1502e6.
        source: paper and table, or repository and path.
        why: reason why the printed figure is not that of the layers, if the two differ by more than 2 %.
    """

    params: float | None = None
    mult_adds: float | None = None
    source: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Architecture:
    """One entry of the zoo: a network, or a module of one.

    Args:
        name: name on the command line.
        build: makes the module; its keyword arguments are what `--arg` sets.
        title: the name that people write ("GoogLeNet (Inception v1)").
        paper: title, venue and arXiv number.
        year: year of the paper.
        input_shape: shape of the input of one forward pass, (N, C, H, W) at batch 1.
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

MODULES: Registry[Architecture] = Registry("module", "`netcost list 'module:*'` shows all")
"""Modules on their own, under names like "module:inception_v1"."""


def published(
    params: float | None = None, mult_adds: float | None = None, *, source: str = "", why: str = ""
) -> Published:
    """Return figures as printed; see `Published`."""
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


def module(
    figures: Published | None = None, *, of: str, title: str, input_shape: tuple[int, ...]
) -> Callable[[Builder], Builder]:
    """Register the decorated builder of a module, whose first argument is `in_channels`, under "module:" and its name.

    Args:
        figures: published figures of the module at the builder's default widths and `input_shape`, if any.
        of: the architecture that the module belongs to; it lends paper and year.
        title: the name that people write.
        input_shape: input of one forward pass, (N, C, H, W); its C is `in_channels` unless another is given.
    """
    network = ARCHITECTURES.get(of)

    def register(builder: Builder) -> Builder:
        name = f"module:{builder.__name__}"
        sized = partial(builder, in_channels=input_shape[1])
        printed = figures or Published()
        MODULES.add(name, Architecture(name, sized, title, network.paper, network.year, input_shape, printed))
        return builder

    return register


def entry(name: str) -> Architecture:
    """Return the architecture called `name`, or the module called "module:…".

    Raises:
        RequestError: the name is unknown; the message suggests near ones.
    """
    return (MODULES if name.startswith("module:") else ARCHITECTURES).get(name)


def list_models(pattern: str = "*") -> list[str]:
    """Return the zoo's names that match a shell pattern ("inception*", "module:*"), architectures before modules."""
    return [*ARCHITECTURES.names(pattern), *MODULES.names(pattern)]


def matching(pattern: str) -> list[str]:
    """Return the names that match a shell pattern, at least one.

    Raises:
        RequestError: no name matches; the message suggests near names.
    """
    names = list_models(pattern)
    if not names:
        near = suggestion(pattern, [*ARCHITECTURES, *MODULES])
        raise RequestError(f"no architecture matches {pattern!r}{near} (`netcost list` shows all)")
    return names
