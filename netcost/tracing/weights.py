"""Weights of a network: its parameters by name, and the bytes of all that it stores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from netcost.text.errors import RequestError, ShapelessError
from netcost.tracing.memory import spec_of
from netcost.tracing.quantised import packed_weights

FROZEN_NOTE = (
    "Frozen TorchScript has constants instead of parameters: its floating-point constants are counted as parameters, "
    "with buffers among them; equal ones are one."
)


TENSORS = frozenset({Tensor, nn.Parameter})


def parameters_of(members: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    """Return every unique parameter by its first qualified name.

    Raises:
        ShapelessError: a parameter or buffer has no shape yet.
        RequestError: a TorchScript module hides operators.
    """
    unique: dict[int, tuple[str, Tensor]] = {}
    strided = torch.strided  # nearly every weight is plain, and then needs no further look
    for path, module in members.items():
        prefix = f"{path}." if path else ""
        for name, tensor in module._parameters.items():
            if tensor is not None and id(tensor) not in unique:
                if type(tensor) not in TENSORS or tensor.layout is not strided or tensor.is_nested:
                    refuse_unsupported(repr(prefix + name), tensor)
                unique[id(tensor)] = (prefix + name, tensor)
        for name, buffer in module._buffers.items():
            if buffer is not None and (type(buffer) not in TENSORS or buffer.layout is not strided or buffer.is_nested):
                refuse_unsupported(repr(prefix + name), buffer)
        if isinstance(module, torch.jit.ScriptModule) and is_frozen(module):
            unique |= {id(tensor): (prefix + name, tensor) for name, tensor in _constants(module)}
    return dict(unique.values())


def weight_bytes(members: Mapping[str, nn.Module], parameters: Mapping[str, Tensor]) -> int:
    """Return the bytes of all unique parameters and buffers, packed ones of quantised layers included."""
    buffers = [buffer for module in members.values() for buffer in module._buffers.values() if buffer is not None]
    unique = {id(buffer): buffer for buffer in buffers}
    strided = torch.strided
    stored = [
        tensor.nbytes if tensor.layout is strided else spec_of(tensor).size_bytes
        for whole in (*parameters.values(), *unique.values())
        for tensor in stored_in(whole)
    ]
    return sum(stored) + sum(spec.size_bytes for _, _, spec in packed_weights(members))


def stored_in(tensor: Tensor) -> list[Tensor]:
    """Return the tensors that hold the elements of `tensor`: itself, or those inside a wrapper such as torchao's."""
    flatten = None if type(tensor) in TENSORS else getattr(tensor, "__tensor_flatten__", None)
    if flatten is None:
        return [tensor]
    inner = (getattr(tensor, name) for name in flatten()[0])
    return [part for held in inner if isinstance(held, Tensor) for part in stored_in(held)]


def is_frozen(module: nn.Module) -> bool:
    """True for a module that `torch.jit.freeze` made: it has no flag `training`, and its weights are constants."""
    return isinstance(module, torch.jit.ScriptModule) and not module._c.hasattr("training")


def _constants(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield the floating-point constants that a frozen module uses, but not the statistics of a batch norm."""
    if module.graph.findAllNodes("prim::ConstantMKLDNNTensor"):  # type: ignore[operator, union-attr]
        raise RequestError(
            "torch.jit.optimize_for_inference hid operators of this module, which cannot be counted; give the module "
            "as it was before"
        )
    for node in module.graph.findAllNodes("prim::Constant"):  # type: ignore[operator, union-attr]  # of TorchScript
        if not node.hasAttribute("value") or node.kindOf("value") != "t":
            continue
        tensor, output = node.t("value"), node.output()
        is_used = any(
            not (use.user.kind() == "aten::batch_norm" and use.offset in (3, 4))  # running mean and variance
            for use in output.uses()
        )
        if is_used and tensor.is_floating_point():
            name = output.debugName()
            yield name.removeprefix("self.") if name.startswith("self.") else f"constant {name}", tensor


def refuse_unsupported(name: str, tensor: Tensor) -> None:
    """Refuse a weight, buffer or input that a shape cannot stand for."""
    if is_lazy(tensor):
        raise ShapelessError(
            f"{name} is an {type(tensor).__name__}: it has no shape yet; give it one before it is traced"
        )
    if tensor.is_nested:
        raise RequestError(f"{name} is a nested (jagged) tensor; give a padded one, and a mask")
    if tensor.is_mkldnn:
        raise RequestError(f"{name} is in the layout of MKL-DNN, which hides its elements; give it as to_dense() does")
