"""Spaces of candidates: the choices of a function's parameters, targets and their arguments, or a generator of targets.

    def space(width: Choice[0.5, 1.0], depth: Range[1, 5]) -> nn.Module: ...

A candidate is a value: the name of a target, its arguments, and the size of its input. `Choice[…]` stands in an
annotation alone, where mypy takes it for Any, or in `Annotated[float, Choice[0.5, 1.0]]`, which keeps the type, and
which text needs: mypy reads text in an annotation as the name of a type.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from netcost.targets.loading import importable, is_file, load_attribute
from netcost.targets.naming import LIBRARIES, matching_names, resolve
from netcost.text.errors import RequestError
from netcost.text.registry import without_folders
from netcost.tracing import described

OF_INPUT = ("resolution", "batch")
"""Names that say the size of the input; every other name is an argument of the architecture."""

LARGEST_LISTED = 1_000_000
"""Most targets that a generator may yield: one that never ends is refused."""


@dataclass(frozen=True, slots=True)
class Choices:
    """The values that a parameter may take, in the order in which they were written."""

    values: tuple[Any, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise RequestError("no choices; expected values, like Choice[0.5, 1.0]")
        for value in self.values:
            if not _is_plain(value):
                raise RequestError(
                    f"the choice {value!r} is a {type(value).__name__}; expected numbers, text, True, False, None or "
                    "tuples of them, so that a candidate can be written down"
                )
        if len({*map(repr, self.values)}) < len(self.values):
            raise RequestError(f"choices {', '.join(map(repr, self.values))} name a value twice")


class _ChoiceOf:
    """`Choice[0.5, 1.0]`: one of these values."""

    def __getitem__(self, values: Any) -> Choices:
        return Choices(values if isinstance(values, tuple) else (values,))


class _RangeOf:
    """`Range[1, 5]`: whole numbers from 1 to 5, both included; a third number is the step."""

    def __getitem__(self, ends: Any) -> Choices:
        written = f"Range[{', '.join(map(repr, ends if isinstance(ends, tuple) else (ends,)))}]"
        if not isinstance(ends, tuple) or len(ends) not in (2, 3) or not all(type(end) in (int, float) for end in ends):
            raise RequestError(
                f"{written}: expected two numbers and an optional step, like Range[1, 5] or Range[8, 64, 8]"
            )
        first, last, step = (*ends, 1)[:3]
        if step <= 0 or last < first:
            raise RequestError(f"{written} is empty; expected the smaller number first, and a step above 0")
        if len(ends) == 2 and not (type(first) is type(last) is int):
            raise RequestError(f"{written} has no step; numbers that are not whole need one: Range[0.5, 1.0, 0.25]")
        steps = int((last - first) / step + 1e-9)
        return Choices(tuple(_rounded(first + step * index) for index in range(steps + 1)))


Choice: Any = _ChoiceOf()
"""Values that a parameter may take: `width: Choice[0.5, 1.0]`."""

Range: Any = _RangeOf()
"""Numbers that a parameter may take, both ends included: `depth: Range[1, 5]`, `width: Range[8, 64, 8]`."""


def _rounded(value: float) -> float:
    """Return a number without the last digits that adding steps leaves: 0.30000000000000004 is 0.3."""
    return value if isinstance(value, int) else round(value, 12)


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_plain, value))
    return value is None or type(value) in (bool, int, float, str)


def plain_value(written: Any) -> Any:
    """Return a value of a candidate as JSON has it read back: its lists are tuples."""
    return tuple(map(plain_value, written)) if isinstance(written, list | tuple) else written


@dataclass(frozen=True, slots=True)
class SearchCandidate:
    """A candidate of a search: plain values, from which any process builds the same network.

    Args:
        target: the name of a target, like "mobilenet_v2" or "space.py:space".
        arguments: of the architecture, as (name, value).
        resolution: sides of its images (pixels); None for those of the target's own input, or of the given one.
        batch: samples per pass; None likewise.
    """

    target: str
    arguments: tuple[tuple[str, Any], ...] = ()
    resolution: int | None = None
    batch: int | None = None

    @property
    def values(self) -> dict[str, Any]:
        """Every value that was chosen, by name."""
        of_input = {name: size for name in OF_INPUT if (size := getattr(self, name)) is not None}
        return {**dict(self.arguments), **of_input}

    @property
    def label(self) -> str:
        """The candidate on one line: "mobilenet_v2 width=0.5 resolution=160"."""
        return " ".join((without_folders(self.target), *(f"{name}={value}" for name, value in self.values.items())))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, from which `of_dict` makes an equal candidate."""
        chosen = {"resolution": self.resolution, "batch": self.batch}
        given = {name: value for name, value in chosen.items() if value is not None}
        return {"target": self.target, "arguments": dict(self.arguments), **given}

    @classmethod
    def of_dict(cls, plain: Mapping[str, Any]) -> SearchCandidate:
        """Return the candidate of such plain values."""
        arguments = tuple((name, plain_value(value)) for name, value in plain["arguments"].items())
        return cls(plain["target"], arguments, plain.get("resolution"), plain.get("batch"))


@dataclass(frozen=True)
class Space:
    """Every combination of targets and values.

    Args:
        text: as the user wrote it.
        targets: names of targets, each with arguments of its own, as (name, arguments).
        choices: the values of each name, of every target.
        inputs: of each target, as `resolve` parses them; () for their own.
        code: digest of the file that makes the candidates; "" where they come from no file.
        taken: those of `OF_INPUT` that are parameters of the function as well.
    """

    text: tuple[str, ...]
    targets: tuple[tuple[str, tuple[tuple[str, Any], ...]], ...]
    choices: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    code: str = ""
    taken: frozenset[str] = frozenset()

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of targets, and of the values of each name."""
        return (len(self.targets), *map(len, self.choices.values()))

    def __len__(self) -> int:
        return prod(self.sizes)

    def __getitem__(self, index: int) -> SearchCandidate:
        """Return a candidate by its number; the last name's values follow each other."""
        places = []
        for size in reversed(self.sizes):
            index, place = divmod(index, size)
            places.append(place)
        return self.at(places[::-1])

    def at(self, places: Sequence[int]) -> SearchCandidate:
        """Return a candidate by the place of its target and of each of its values."""
        target, arguments = self.targets[places[0]]
        chosen = {name: values[place] for (name, values), place in zip(self.choices.items(), places[1:], strict=True)}
        of_input = {name: chosen.get(name) for name in OF_INPUT}
        chosen = {name: value for name, value in chosen.items() if name not in OF_INPUT or name in self.taken}
        return SearchCandidate(target, (*arguments, *chosen.items()), **of_input)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that tell this space from another."""
        listed = json.dumps([self.targets, [*self.choices.items()], self.code])
        return {
            "space": list(self.text),
            "candidates": len(self),
            "inputs": list(self.inputs),
            "digest": hashlib.sha256(listed.encode()).hexdigest()[:16],
        }


def space_of(
    written: Sequence[str], choices: Mapping[str, Sequence[Any]] | None = None, inputs: Sequence[str] = ()
) -> Space:
    """Return the space of one or more texts.

    Args:
        written: "file.py:function", whose parameters carry their choices, or which yields targets; names of targets; or
            patterns of them, such as "timm:*".
        choices: more values by name, of each target.
        inputs: of each target in place of its own, like "1x3x224x224".

    Raises:
        RequestError: there are no candidates, a parameter has no choices, or a name is unknown.
        TargetError: the user's code cannot be loaded, or raised.
    """
    given = {name: Choices(plain_value(list(values))).values for name, values in (choices or {}).items()}
    listed = [_listed(text, given, inputs) for text in written]
    carried = [carried for _, carried in listed if carried]
    if carried and len(written) > 1:
        raise RequestError("a function whose parameters carry choices is a space of its own; name it alone")
    targets = tuple(dict.fromkeys(target for several, _ in listed for target in several))
    if not targets:
        raise RequestError(f"{', '.join(map(repr, written))}: there is no candidate; expected at least one target")
    own = carried[0] if carried else {}
    taken = frozenset(OF_INPUT) & own.keys()
    space = Space(tuple(written), targets, {**own, **given}, tuple(inputs), _code(written), taken)
    if len(space) == 1:
        raise RequestError(f"{space[0].label!r} is the only candidate; give choices, like --vary width=0.5,0.75,1.0")
    return space


Listed = tuple[list[tuple[str, tuple[tuple[str, Any], ...]]], dict[str, tuple[Any, ...]]]


def _listed(text: str, given: Mapping[str, tuple[Any, ...]], inputs: Sequence[str]) -> Listed:
    """Return the targets of one text, with the choices that its parameters carry; refuse what no candidate can mend."""
    place, separator, name = text.rpartition(":")
    prefix = text.partition(":")[0]
    if not separator or (prefix in LIBRARIES and ".py:" not in text):
        if any(sign in text for sign in "*?["):
            return [(target, ()) for target in matching_names(text)], {}
        resolve(text, {}, inputs).required_inputs()
        return [(text, ())], {}
    value = load_attribute(text, place, name, [*LIBRARIES], again=False)
    if inspect.isgeneratorfunction(value):
        return _yielded(text, value), {}
    if not callable(value):
        raise RequestError(
            f"{text!r} is a {type(value).__name__}; expected a function or class with choices, or a generator"
        )
    carried = _carried(text, value, given)
    if not inputs:
        raise RequestError(f"{text!r} has no input of its own; give one: --input 1x3x224x224")
    return [(text, ())], carried


def _carried(
    text: str, function: Callable[..., Any], given: Mapping[str, tuple[Any, ...]]
) -> dict[str, tuple[Any, ...]]:
    """Return the choices that a function's parameters carry in their annotations."""
    try:
        parameters = inspect.signature(function, eval_str=True).parameters.values()
    except RequestError as error:
        raise RequestError(f"{text!r}: {error}") from error
    except Exception as error:
        raise RequestError(f"{text!r}: its annotations cannot be read: {described(error)}") from error
    carried: dict[str, tuple[Any, ...]] = {}
    for parameter in parameters:
        annotation = parameter.annotation
        marks = get_args(annotation) if get_origin(annotation) is Annotated else (annotation,)
        choices = next((mark for mark in marks if isinstance(mark, Choices)), None)
        if choices is not None:
            carried[parameter.name] = choices.values
        elif parameter.name in given or parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        elif parameter.default is parameter.empty:
            raise RequestError(
                f"{text!r}: the parameter {parameter.name!r} has no choices; annotate it, like "
                f"{parameter.name}: Choice[1, 2, 4] or Range[1, 5], or give it a default"
            )
    if not carried and not given:
        raise RequestError(
            f"{text!r} has no choices; annotate its parameters, like width: Choice[0.5, 1.0], have it yield names of "
            "targets, or give --vary width=0.5,1.0"
        )
    return carried


def _yielded(text: str, function: Callable[[], Iterable[Any]]) -> list[tuple[str, tuple[tuple[str, Any], ...]]]:
    """Return the targets that a generator yields: names, or (name, {argument: value})."""
    found: list[tuple[str, tuple[tuple[str, Any], ...]]] = []
    place = text.rpartition(":")[0]
    folder = Path(place).resolve().parent if is_file(place) else Path.cwd()
    try:
        with importable(folder):
            for item in function():
                found.append(_target_of(item))
                if len(found) > LARGEST_LISTED:
                    raise RequestError(
                        f"yields more than {LARGEST_LISTED:,} candidates; let its parameters carry choices"
                    )
    except RequestError as error:
        raise RequestError(f"{text!r}: item {len(found) + 1:,}: {error}") from error
    except (Exception, SystemExit) as error:
        raise RequestError(f"{text!r} raised at item {len(found) + 1:,}: {described(error)}") from error
    return found


def _target_of(item: Any) -> tuple[str, tuple[tuple[str, Any], ...]]:
    name, arguments = item if isinstance(item, tuple) and len(item) == 2 else (item, {})
    if not isinstance(name, str) or not isinstance(arguments, Mapping):
        raise RequestError(
            f"a {type(item).__name__}; expected the name of a target, or (name, {{argument: value}}), not a module: a "
            "candidate is built in another process"
        )
    for argument, value in arguments.items():
        if not isinstance(argument, str) or not _is_plain(value):
            raise RequestError(f"the argument {argument!r} has the value {value!r}; expected numbers, text or tuples")
    return name, tuple(arguments.items())


def _code(written: Sequence[str]) -> str:
    """Return a digest of the files that make the candidates: other code makes other candidates of the same names."""
    files = [Path(place) for text in written if is_file(place := text.rpartition(":")[0])]
    contents = b"".join(file.read_bytes() for file in files if file.is_file())
    return hashlib.sha256(contents).hexdigest()[:16] if files else ""
