"""Counting of one candidate in a worker, which is set up once: its memory limit, its devices, and the user's code."""

from __future__ import annotations

import gc
import shlex
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from itertools import chain
from typing import Any

from netcost.counting import analyze
from netcost.prediction.coefficients import Coefficients
from netcost.prediction.predicted import predicted_latencies
from netcost.prediction.predicting import coefficients
from netcost.search.spaces import SearchCandidate
from netcost.search.structures import Structures
from netcost.targets import Target, resolve
from netcost.targets.input_code import is_code, load_inputs
from netcost.targets.loading import load_function
from netcost.targets.making import maker
from netcost.targets.naming import LIBRARIES
from netcost.text.errors import NetcostError, RequestError, TargetError
from netcost.tracing import GivenInput, InputSpec, described, parse_input

IMAGE_DIMENSIONS = 4
"""Dimensions from which on an input is an image, (N, C, H, W): its last two are the resolution."""

OUT_OF_MEMORY = ("can't allocate memory", "Cannot allocate memory")
"""Words in torch's own error where the system gives no memory."""

_structures = Structures()
_given: dict[str, Any] = {"inputs": (), "on": (), "memory_limit": None}


def set_up(inputs: list[str], on: list[str], memory_limit: int | None) -> dict[str, Any]:
    """Make this process ready to count candidates.

    Args:
        inputs: of every candidate, in place of its own.
        on: devices to predict the latency of, or files of `netcost calibrate`.
        memory_limit: bytes that this process may allocate; None for no limit.
    """
    global _structures
    _structures = Structures()
    _given.update(inputs=tuple(inputs), on=tuple(on), memory_limit=memory_limit)
    if memory_limit is not None and sys.platform == "linux":
        import resource

        # Data, not the address space: the libraries of torch alone map gigabytes of that.
        resource.setrlimit(resource.RLIMIT_DATA, (memory_limit, memory_limit))
    _devices()
    return {}


def count_candidate(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures of a candidate as plain values, or the "failure" of one that cannot be counted."""
    try:
        candidate = SearchCandidate.of_dict(plain)
        target = replace(
            target_of(candidate, _given["inputs"]), name=candidate.target
        )  # an error has its label beside it
        has_own_input = not _given["inputs"] and candidate.resolution is candidate.batch is None
        return {**_counted(target), "compare": compare_words(target, has_own_input)}
    except MemoryError:
        gc.collect()
        return {"failure": _beyond_memory()}
    except NetcostError as error:
        if any(words in str(error) for words in (*OUT_OF_MEMORY, "MemoryError")):
            return {"failure": _beyond_memory()}
        return {"failure": str(error)}
    except (Exception, SystemExit) as error:
        return {"failure": described(error)}


def _counted(target: Target) -> dict[str, Any]:
    """Count a target, or return the figures of a network of the same structure and input that was counted before."""
    inputs = target.required_inputs()
    module = target.build_weightless()
    is_plain = all(isinstance(spec, InputSpec) for spec in inputs)
    known: dict[str, Any] | None = _structures.find(module, inputs) if is_plain else None
    if known is not None:
        return known
    built = replace(target, make=lambda: module)
    analysis = analyze(built)
    figures = analysis.figures
    found = {
        "figures": dict(figures.values),
        "unknown_ops": dict(figures.unknown_ops),
        "notes": list(figures.count_notes),
        "predicted": {one.device: one.to_dict() for one in predicted_latencies(built, analysis, _devices())},
    }
    if is_plain:
        _structures.keep(module, inputs, found)
    return found


def target_of(candidate: SearchCandidate, inputs: tuple[str, ...] = ()) -> Target:
    """Return the target of a candidate, with its input.

    Args:
        inputs: in place of the target's own, as `resolve` parses them.

    Raises:
        RequestError: the name or an input is wrong, or there is no image whose resolution could be changed.
    """
    arguments = dict(candidate.arguments)
    prefix = candidate.target.partition(":")[0]
    if ":" in candidate.target and prefix not in LIBRARIES:
        target = _of_code(candidate.target, arguments, inputs)
    else:
        target = resolve(candidate.target, arguments, inputs)
    if candidate.resolution is not None:
        target = resized(target, candidate.resolution)
    if candidate.batch is not None:
        target = target.with_batch(candidate.batch)
    return replace(target, name=candidate.label)


def compare_words(target: Target, has_own_input: bool) -> str:
    """Return the words with which `netcost compare` gets the same network and input: "mobilenet_v2 --arg width=0.5".

    Args:
        has_own_input: True where the input is the target's own, and need not be said.
    """
    words = [target.text]
    for name, value in (target.arguments or {}).items():
        words += ["--arg", f"{name}={value if isinstance(value, str) else repr(value)}"]
    inputs = () if has_own_input else target.required_inputs()
    code = [spec.source for spec in inputs if isinstance(spec, GivenInput) and spec.source]
    words += ["--inputs", code[0]] if code else []
    for spec in inputs:
        if isinstance(spec, InputSpec):
            sizes = "x".join(map(str, spec.shape)) + ("" if spec.dtype == "float32" else f":{spec.dtype}")
            words += ["--input", f"{spec.name}={sizes}" if spec.name else sizes]
    return shlex.join(words)


def _of_code(text: str, arguments: dict[str, Any], inputs: tuple[str, ...]) -> Target:
    """Return a target of the user's code, whose file is run once per process and not once per candidate."""
    function = load_function(text, "space")
    parsed = [load_inputs(entry) if is_code(entry) else (parse_input(entry),) for entry in inputs]
    return Target(text, maker(text, function, arguments), tuple(chain(*parsed)) or None, arguments, text)


def resized(target: Target, side: int) -> Target:
    """Return the target for square images of this many pixels a side.

    A network of timm with a fixed size of image is built for it.
    """
    own = target.required_inputs()
    images = [spec for spec in own if isinstance(spec, InputSpec) and len(spec.shape) >= IMAGE_DIMENSIONS]
    if not images:
        raise RequestError(f"{target.name!r} takes no image (N, C, H, W), so that it has no resolution; leave it out")
    changed = tuple(replace(spec, shape=(*spec.shape[:-2], side, side)) if spec in images else spec for spec in own)
    if target.text.startswith("timm:") and changed != own:
        sized = resolve(target.text, {**(target.arguments or {}), "img_size": side}, changed)
        if _takes_size(sized):
            return sized
    return replace(target, inputs=changed)


def _takes_size(sized: Target) -> bool:
    """Return False where a network refuses `img_size`, because it takes images of any size."""
    try:
        sized.build_weightless()
    except TargetError:
        return False
    return True


@cache
def _known(name: str) -> Coefficients:
    return coefficients(name)


def _devices() -> list[Coefficients]:
    return [replace(_known(name), device=name) for name in _given["on"]]


def _beyond_memory() -> str:
    limit = _given["memory_limit"]
    allowed = "there is" if limit is None else f"--memory-limit allows ({limit / 1e9:g} GB)"
    return f"needs more memory than {allowed}"
