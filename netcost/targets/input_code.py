"""Inputs that the user's own code makes: `inputs.py:make_inputs`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from netcost.targets.loading import importable, is_file, load_attribute
from netcost.text.errors import RequestError
from netcost.text.registry import a_kind_of
from netcost.tracing import GivenInput, described
from netcost.tracing.nests import brief

_CODE = re.compile(r"(?P<place>[^=:]+\.py|(?!scalar:)[A-Za-z_]\w*(?:\.\w+)*):(?P<attribute>[A-Za-z_]\w*(?:\.\w+)*)")

RESULTS = "a tuple of arguments, a dict of keywords, or both: (args, kwargs)"


def is_code(written: str) -> bool:
    """True for `inputs.py:make_inputs` and `package.module:make_inputs`, False for a shape or a value."""
    return _CODE.fullmatch(written.strip()) is not None


def load_inputs(written: str) -> tuple[GivenInput, ...]:
    """Call the code that makes the inputs; each is passed as it is.

    Raises:
        TargetError: the code cannot be loaded.
        RequestError: it is no function without arguments, raised, or returned something else than inputs.
    """
    text = written.strip()
    match = _CODE.fullmatch(text)
    if match is None:
        raise RequestError(f"inputs {written!r} do not parse; expected path/to/file.py:make_inputs")
    place = match["place"]
    make = load_attribute(text, place, match["attribute"], (), again=False)
    if not callable(make):
        raise RequestError(f"inputs {text!r} are {a_kind_of(make)}; expected a function that returns {RESULTS}")
    try:
        with importable(Path(place).resolve().parent if is_file(place) else Path.cwd()):
            made = make()
    except (Exception, SystemExit) as error:
        raise RequestError(f"inputs {text!r} cannot be made: {described(error)}") from error
    args, kwargs = _parted(text, made)
    positional = [GivenInput(value, source=text) for value in args]
    return (*positional, *(GivenInput(value, name, text) for name, value in kwargs.items()))


def _parted(text: str, made: Any) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
    """Part a result into positional arguments and keywords."""
    if isinstance(made, tuple) and not hasattr(made, "_fields"):
        is_both = len(made) == 2 and isinstance(made[0], tuple | list) and _is_keywords(made[1])
        return (tuple(made[0]), made[1]) if is_both else (made, {})
    if _is_keywords(made):
        return (), made
    if isinstance(made, Tensor):
        return (made,), {}
    raise RequestError(f"inputs {text!r} returned {brief(made)}; expected {RESULTS}")


def _is_keywords(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(name, str) for name in value)
