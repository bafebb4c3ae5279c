"""Counts one target in the worker of a check: its figures, the place of its model, and the file that was counted."""

from __future__ import annotations

import random
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from netcost.checking.baseline import Baseline, render
from netcost.checking.places import counted_code, modules_in, named_file, strays
from netcost.checking.revision import own_modules
from netcost.checking.snapshot import Snapshot, take
from netcost.counting.analysis import Analysis, analyze
from netcost.targets import Target
from netcost.targets.loading import train_step
from netcost.text.errors import NetcostError, RequestError, one_line
from netcost.timing.workers import Recipe
from netcost.timing.workers.messages import Message, error_to_dict
from netcost.tracing import paused_collection


def count_target(
    recipe: Mapping[str, Any],
    root: str,
    replaces: str,
    train: bool,
    concrete: bool,
    depth: int | None,
    step: Mapping[str, Any] | None = None,
    on: Sequence[str] = (),
) -> Message:
    """Count one target; return plain values, with the snapshot as the text of a baseline, which is read strictly.

    An error of the target is part of the answer, as is `clean`: False where its code changed this process, so that it
    must count no other target.

    Args:
        recipe: of the target, as `Recipe.to_dict` makes it.
        root: of the tree whose code is counted.
        replaces: root of the working tree that `root` stands in for, whose code must not be used; "" for none.
        train: count training mode.
        concrete: trace on real tensors.
        depth: levels of modules.
        step: arguments of a `TrainStep` to count as well.
        on: devices, or files of `netcost calibrate`, to predict the latency on.
    """
    tree, before = Path(root), _state()
    target = recipe["target"]
    path = sys.path[:]
    _seed()
    named, own = named_file(target), own_modules(tree)  # before the target's code can do anything
    if named is not None:  # its neighbours come first, whatever an earlier target has imported under their names
        _forget([tree])
    try:
        snapshot, kind, predicted = _snapshot(Recipe.from_dict(recipe), train, concrete, step, depth, on)
        answer: Message = {
            "predicted": predicted,
            "baseline": render(Baseline({target: snapshot})),
            "code": counted_code(kind, target, named, tree, own),
        }
        if replaces:
            _refuse_strays(Path(replaces), tree)
    except NetcostError as error:
        answer = {"error": error_to_dict(error)}
    except SystemExit as error:
        answer = {"error": error_to_dict(RequestError(f"its code called sys.exit({error.code!r})"))}
    except BaseException as error:
        answer = {"error": error_to_dict(RequestError(f"its code raised {one_line(error)}"))}
    if named is not None or sys.path != path:
        added = [Path(entry).resolve() for entry in sys.path if isinstance(entry, str) and entry not in path]
        sys.path[:] = path
        _forget([tree, *added])
    return {**answer, "clean": _state() == before}


def _snapshot(
    recipe: Recipe,
    train: bool,
    concrete: bool,
    step: Mapping[str, Any] | None,
    depth: int | None,
    on: Sequence[str],
) -> tuple[Snapshot, type, list[Message]]:
    """Return the snapshot of a target, the class of its model, and its predicted latencies as plain values."""
    with paused_collection():
        target = recipe.resolved()
        model = target.build() if concrete else target.build_weightless()
        mode = "train" if train else "eval"
        asked = None if step is None else train_step(step)
        analysis = analyze(model, target.required_inputs(), mode=mode, concrete=concrete, step=asked)
        predicted = _predicted(target, analysis, on) if on else []
    return take(analysis.count, analysis.figures, recipe.target, depth, analysis.input_values), type(model), predicted


def _predicted(target: Target, analysis: Analysis, on: Sequence[str]) -> list[Message]:
    """Return the predicted latency per device, with the differences between a calibration and this torch."""
    from netcost.prediction.predicted import predicted_latencies
    from netcost.prediction.predicting import coefficients, differences

    devices = [coefficients(name) for name in on]
    return [
        {**found.to_dict(), "differences": differences(known, {"torch": torch.__version__})}
        for found, known in zip(predicted_latencies(target, analysis, devices), devices, strict=True)
    ]


def _refuse_strays(replaces: Path, root: Path) -> None:
    """Check that no code of the working tree `replaces` was used, which would hide every change.

    Raises:
        RequestError: a module was imported from the working tree.
    """
    for file in strays(replaces, root):
        raise RequestError(
            f"{file!r} was imported from the working tree and not from the revision: it is installed from there "
            "(pip install -e), or an absolute link leads there; add the folder that holds it to `path` in "
            "[tool.netcost], install it without -e, or make the link relative"
        )


def _forget(folders: Sequence[Path]) -> None:
    """Drop the modules of these folders: a target may have found them where another has its own of the same names."""
    for name in modules_in(folders):
        if name not in _STARTED and name.partition(".")[0] != "netcost":
            sys.modules.pop(name, None)


def _seed() -> None:
    """Start all random numbers anew: a network that draws its shape is the same one in every check."""
    random.seed(0)
    torch.manual_seed(0)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed(0)


def _state() -> dict[str, Any]:
    """Return what later targets depend on in this process: its modules, folder, signals, timers, and torch itself."""
    return {
        "modules": (id(sys.modules), _modules() >= _MODULES),
        "folder": _folder(),
        "signals": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "torch": (torch.get_default_dtype(), torch.get_default_device(), torch.is_grad_enabled(), _parts_of_torch()),
        "timer": hasattr(signal, "getitimer") and signal.getitimer(signal.ITIMER_REAL) != (0.0, 0.0),
    }


def _parts_of_torch() -> list[int]:
    """Return the identities of torch's functions and methods, for which code may put others."""
    return [id(vars(owner).get(name)) for owner, names in _PARTS for name in names]


def _folder() -> Path | None:
    try:
        return Path.cwd()
    except OSError:  # it was removed
        return None


def _modules() -> set[tuple[str, int]]:
    """Return what this process has as torch and as netcost's own modules, each by its identity."""
    own = ((name, id(module)) for name, module in sys.modules.items() if name.partition(".")[0] == "netcost")
    return {*own, ("torch", id(sys.modules.get("torch")))}


_MODULES = _modules()
_LAYERS = [layer for layer in vars(torch.nn.modules).values() if isinstance(layer, type)]
_PARTS = [(owner, list(vars(owner))) for owner in (torch.Tensor, torch.nn.functional, torch.nn.Module, *_LAYERS)]
_STARTED = frozenset(sys.modules)
