"""Iterators that a model holds: a pass takes from copies, so that the model's own stay where they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import GeneratorType
from typing import Any

MODULES = frozenset({"builtins", "itertools"})
"""Modules of Python's own iterator types; iterators of other packages are objects, or files and sockets."""


def is_iterator(value: Any) -> bool:
    """True for an iterator of Python's own, a generator included."""
    return type(value).__module__ in MODULES and isinstance(value, Iterator)


def copied(iterator: Any) -> Any:
    """Return an iterator over the same objects, from the same place on; None where Python can copy none of its kind.

    Those are generators, and from Python 3.14 on the iterators of `itertools`. `copy.copy` shares the iterators inside,
    and `copy.deepcopy` copies the objects.
    """
    try:
        make, arguments, *states = iterator.__reduce__()
        made = make(*[_inner(argument) for argument in arguments])
        for state in states:
            made.__setstate__(_inner(state))
    except TypeError:
        return None
    return made


def _inner(part: Any) -> Any:
    """Copy the iterators of an iterator's state, and the list that `itertools.cycle` still fills."""
    if type(part) is tuple:
        return tuple([part.copy() if type(part) is list else _inner(part) for part in part])
    if not is_iterator(part):
        return part
    made = copied(part)
    if made is None:
        raise TypeError("an iterator inside cannot be copied")
    return made


def place_of(iterator: Any) -> Any:
    """Return what changes as a generator goes on, its place in the code and its variables; None for other iterators."""
    frame = iterator.gi_frame if isinstance(iterator, GeneratorType) else None
    if frame is None:
        return None
    return frame.f_lasti, [id(value) for value in frame.f_locals.values()]


def notes_on_advanced(places: Sequence[tuple[Any, Any]]) -> list[str]:
    """Make the note on iterators that could not be copied, each with its place before the pass."""
    kinds = {
        type(iterator).__name__
        for iterator, place in places
        if not isinstance(iterator, GeneratorType) or place_of(iterator) != place
    }
    if not kinds:
        return []
    held = " and ".join(sorted(kinds))
    return [f"The model holds an iterator that cannot be copied ({held}): what the pass took from it is gone."]
