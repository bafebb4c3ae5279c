"""One forward pass on shapes, and the model afterwards as it was before."""

from __future__ import annotations

import copy
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_map_only

from netcost.errors import ForwardError, NetcostError, RequestError
from netcost.graph import Graph
from netcost.tracing.attribution import ModuleStack
from netcost.tracing.recorder import Recorder, spec_of

MODES = ("eval", "train")


def trace(model: nn.Module, *args: Any, mode: str = "eval", concrete: bool = False, **kwargs: Any) -> Graph:
    """Run the forward pass once, on the meta device, and record every operator.

    The model is as before afterwards: parameters, buffers, hooks, attributes, training flags, gradients and the
    random state. Nothing is computed and nothing of its size is allocated.

    Args:
        model: the network; its tensors may lie on any device, the meta device included.
        args: inputs of its forward, of any nesting; tensors lend their shapes and types only.
        mode: "eval", or "train" for auxiliary heads and batch statistics.
        concrete: run a copy of the model on the real tensors instead, for a forward pass that looks at values.
        kwargs: keyword inputs of its forward.

    Raises:
        DataDependentError: the forward pass looks at values and `concrete` is off.
        ForwardError: the model's own code raised; the message names its file and line.
    """
    if mode not in MODES:
        raise RequestError(f"mode {mode!r} is unknown; expected one of {', '.join(MODES)}")
    if concrete:
        model = copy.deepcopy(model)
    members = dict(model.named_modules())
    parameters = _parameters(members)
    stack = ModuleStack({id(module): path for path, module in members.items()})
    recorder = Recorder(stack, {id(tensor): name for name, tensor in parameters.items()}, concrete)
    with _untouched(members.values()), _quiet_torch(), torch.inference_mode():
        model.train(mode == "train")
        args, kwargs = tree_map_only(Tensor, recorder.admit, (args, kwargs))
        inputs = [spec_of(leaf) for leaf in tree_flatten((args, kwargs))[0] if isinstance(leaf, Tensor)]
        with stack, recorder:
            result = _forward(model, stack, args, kwargs)
        outputs = [leaf for leaf in tree_flatten(_plain(result))[0] if isinstance(leaf, Tensor)]
        return Graph(
            ops=tuple(recorder.ops),
            inputs=tuple(inputs),
            outputs=tuple(spec_of(leaf) for leaf in outputs),
            output_sources=tuple(recorder.source_of(leaf) for leaf in outputs),
            parameters={name: spec_of(tensor) for name, tensor in parameters.items()},
            weight_bytes=_weight_bytes(members, parameters),
            storages=recorder.lifetimes(),
            modules={path: type(module).__name__ for path, module in members.items()},
            calls=stack.calls,
            mode=mode,
        )


def _forward(model: nn.Module, stack: ModuleStack, args: Any, kwargs: Any) -> Any:
    """Call the model; what it raises becomes one line that says where."""
    try:
        return model(*args, **kwargs)
    except NetcostError:
        raise
    except Exception as error:
        where = f" in module {stack.path!r}" if stack.path else ""
        raise ForwardError(f"the forward pass raised{where}: {described(error)}") from error


def described(error: Exception) -> str:
    """The error's type and first line, and the file and line of the code that raised it, torch's own left out."""
    frames = traceback.extract_tb(error.__traceback__)
    here = Path(__file__).parent.parent
    torch_home = Path(torch.__file__).parent
    theirs = [frame for frame in frames if not _inside(frame.filename, here, torch_home)]
    first = str(error).strip().splitlines()[0] if str(error).strip() else "no message"
    place = f" ({Path(theirs[-1].filename).name}:{theirs[-1].lineno})" if theirs else ""
    return f"{type(error).__name__}: {first}{place}"


def _inside(filename: str, *folders: Path) -> bool:
    path = Path(filename)
    in_zoo = "zoo" in path.parts and "netcost" in path.parts
    return not in_zoo and (filename.startswith("<") or any(path.is_relative_to(folder) for folder in folders))


def _plain(result: Any) -> Any:
    """Outputs with a `to_tuple`, or plain objects that hold tensors, as something pytree can flatten."""
    if hasattr(result, "to_tuple"):
        return result.to_tuple()
    if isinstance(result, Tensor | list | tuple | dict) or result is None:
        return result
    return list(vars(result).values()) if hasattr(result, "__dict__") else result


def _parameters(members: dict[str, nn.Module]) -> dict[str, Tensor]:
    """Every unique parameter by its first qualified name."""
    found: dict[str, Tensor] = {}
    seen: set[int] = set()
    for path, module in members.items():
        for name, tensor in module._parameters.items():
            if tensor is not None and id(tensor) not in seen:
                seen.add(id(tensor))
                found[f"{path}.{name}" if path else name] = tensor
    return found


def _weight_bytes(members: dict[str, nn.Module], parameters: dict[str, Tensor]) -> int:
    """Bytes of all unique parameters and buffers."""
    buffers = {id(b): b for module in members.values() for b in module._buffers.values() if b is not None}
    return sum(tensor.numel() * tensor.itemsize for tensor in (*parameters.values(), *buffers.values()))


@contextmanager
def _untouched(members: Any) -> Iterator[None]:
    """Put every module's attributes, parameters and buffers back as they were."""
    before = [
        (module, module.__dict__.copy(), module._parameters.copy(), module._buffers.copy())
        for module in members
        if not isinstance(module, torch.jit.ScriptModule)
    ]
    try:
        yield
    finally:
        for module, attributes, parameters, buffers in before:
            module.__dict__.clear()
            module.__dict__.update(attributes)
            module._parameters.clear()
            module._parameters.update(parameters)
            module._buffers.clear()
            module._buffers.update(buffers)


@contextmanager
def _quiet_torch() -> Iterator[None]:
    """Random state kept; the fused attention path, which hides its operators, off."""
    state = torch.random.get_rng_state()
    fast_path = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_path)
        torch.random.set_rng_state(state)
