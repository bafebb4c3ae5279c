"""Kernels of a device that torch does not choose for shapes: fused attention and dropout, and the casts of autocast.

On the meta device torch writes attention's scores out, and ignores autocast. While `chosen_kernels` is open, the
operators that hide such a choice are answered above autograd, as the device would, for shapes in this thread alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch._C import DispatchKey, DispatchKeySet
from torch._ops import OpOverload
from torch.utils._pytree import tree_map_only

ATEN = torch.ops.aten

LOWER = {
    "cpu": "conv1d conv2d conv3d convolution conv_tbc conv_transpose1d conv_transpose2d.input conv_transpose3d.input "
    "mm bmm addmm addbmm baddbmm linear matmul linalg_vecdot",
    "cuda": "conv1d conv2d conv3d convolution _convolution conv_tbc conv_transpose1d conv_transpose2d.input "
    "conv_transpose3d.input mm bmm mv addmm addmv addr addbmm baddbmm linear matmul einsum prelu chain_matmul "
    "linalg_vecdot linalg_multi_dot",
}
"""Operators that autocast runs in the lower precision.

Reference: AT_FORALL_LOWER_PRECISION_FP in torch's aten/src/ATen/autocast_mode.h, and the list for the CPU beside it.
"""

FULL = {
    "cpu": "avg_pool3d binary_cross_entropy grid_sampler prod cdist nll_loss nll_loss2d mse_loss cosine_embedding_loss "
    "trace l1_loss huber_loss smooth_l1_loss kl_div multi_margin_loss",
    "cuda": "acos asin cosh erfinv exp expm1 log log10 log2 log1p reciprocal rsqrt sinh tan pow.Tensor_Scalar "
    "pow.Tensor_Tensor pow.Scalar softplus layer_norm group_norm native_layer_norm nuclear_norm "
    "cosine_similarity poisson_nll_loss nll_loss nll_loss2d kl_div l1_loss smooth_l1_loss huber_loss mse_loss "
    "binary_cross_entropy_with_logits dist pdist cdist renorm logsumexp prod softmax.int log_softmax.int cumprod "
    "cumsum linalg_vector_norm linalg_matrix_norm sum sum.dim_IntList norm.ScalarOpt_dim norm.Scalar",
}
"""Operators that autocast runs in float32; see AT_FORALL_FP32 and AT_FORALL_FP32_SET_OPT_DTYPE in the same file."""


@dataclass
class Choice:
    """The device whose kernels are chosen, and the element type of autocast (None: off) with its lists of operators."""

    device: str
    amp: torch.dtype | None
    lower: frozenset[str]
    full: frozenset[str]
    casts: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)
    """Weights cast to the lower precision, which autocast keeps until it is left: by `id`, with the weight itself."""


class _Chosen(threading.local):
    choice: Choice | None = None


_THREAD = _Chosen()
_lock = threading.Lock()
_open: dict[str, tuple[torch.library.Library, int]] = {}
"""Operators that have a kernel of ours now, in any thread, with the number of steps that need it."""

Kernel = Callable[..., Any]


@contextmanager
def chosen_kernels(device: str, amp: torch.dtype | None) -> Iterator[Choice]:
    """Choose the kernels of "cpu" or "cuda" for shapes, with autocast to `amp`; `autocast_left` ends autocast."""
    names = ["scaled_dot_product_attention", *(["dropout"] if device == "cuda" else [])]
    if amp is not None:
        names += f"{LOWER[device]} {FULL[device]}".split()
    before = _THREAD.choice
    with _lock:
        for name in names:
            library, steps = _open.get(name) or (_registered(name), 0)
            _open[name] = library, steps + 1
    _THREAD.choice = choice = Choice(device, amp, frozenset(LOWER[device].split()), frozenset(FULL[device].split()))
    try:
        yield choice
    finally:
        _THREAD.choice = before
        with _lock:
            for name in names:
                library, steps = _open.pop(name)
                if steps > 1:
                    _open[name] = library, steps - 1
                else:
                    library._destroy()  # type: ignore[no-untyped-call]  # torch leaves it so


def autocast_left(choice: Choice) -> None:
    """Switch autocast off, as a training loop does before it runs backward."""
    choice.amp = None
    choice.casts.clear()


def _registered(name: str) -> torch.library.Library:
    """Put a kernel in front of torch's own, above autograd, for shapes."""
    base, _, overload = name.partition(".")
    operator: OpOverload = getattr(getattr(ATEN, base), overload or "default")
    kernel = partial(_run, name, operator, operator._can_decompose())
    library = torch.library.Library("aten", "IMPL")  # type: ignore[no-untyped-call]  # torch leaves it so
    library.impl(name, kernel, "AutogradMeta", with_keyset=True)  # type: ignore[no-untyped-call]
    return library


def _run(name: str, operator: OpOverload, is_composite: bool, keys: DispatchKeySet, *args: Any, **kwargs: Any) -> Any:
    """Answer for this thread's choice; else, and in other threads, run torch's own way."""
    choice = _THREAD.choice
    if choice is not None:
        answer = _answer(choice, name)
        result = None if answer is None else answer(choice, *args, **kwargs)
        if result is not None:
            return result
        if choice.amp is not None and (name in choice.lower or name in choice.full):
            cast = partial(_lowered if name in choice.lower else _raised, choice)
            args, kwargs = tree_map_only(Tensor, cast, (args, kwargs))
    if is_composite:
        return operator.decompose(*args, **kwargs)
    # The keys of autograd that any device shares lead to the kernel which this one stands in front of.
    return operator.redispatch(keys.remove(DispatchKey.AutogradMeta).add(DispatchKey.AutogradOther), *args, **kwargs)


def _answer(choice: Choice, name: str) -> Kernel | None:
    if name == "scaled_dot_product_attention":
        return _attention
    return _dropout if name == "dropout" and choice.device == "cuda" else None


def _lowered(choice: Choice, tensor: Tensor) -> Tensor:
    if tensor.dtype is not torch.float32 or choice.amp is None:
        return tensor
    if not (tensor.is_leaf and tensor.requires_grad):
        return tensor.to(choice.amp)
    if id(tensor) not in choice.casts:
        choice.casts[id(tensor)] = (tensor, tensor.to(choice.amp))
    return choice.casts[id(tensor)][1]


def _raised(choice: Choice, tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.dtype is choice.amp else tensor


def _dropout(choice: Choice, x: Tensor, p: float, train: bool) -> Any:  # noqa: ARG001  # CUDA's, the only choice
    """Run the kernel that keeps a mask of one byte per element."""
    return ATEN.native_dropout(x, p, train)[0] if train and 0 < p < 1 and x.numel() else None


def _attention(
    choice: Choice,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    """Run attention as the device does; None where it writes the scores out."""
    query, key, value = (_lowered(choice, part) for part in (query, key, value))
    mask = attn_mask if attn_mask is None else _lowered(choice, attn_mask)
    is_plain = query.dim() == key.dim() == 4 and key.shape[0] == query.shape[0] and key.shape == value.shape
    if not is_plain or not query.is_meta or query.dtype != key.dtype:
        return None
    shared = query.shape[1] // key.shape[1]  # heads of the query per head of the key
    if shared != 1 and not ((enable_gqa or key.shape[1] == 1) and query.shape[1] == shared * key.shape[1]):
        return None
    kernel = _attention_on_cpu if choice.device == "cpu" else _attention_on_cuda
    return kernel(query, key, value, mask, dropout_p, is_causal, scale)


def _added(mask: Tensor | None, query: Tensor) -> Tensor | None:
    """Return a mask of flags as one of numbers that are added to the scores."""
    if mask is None or mask.dtype is not torch.bool:
        return mask
    return torch.zeros_like(mask, dtype=query.dtype).masked_fill_(mask.logical_not(), float("-inf"))


def _attention_on_cpu(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout: float, causal: bool, scale: float | None
) -> Any:
    """Run flash attention, which takes no dropout and no mask that is trained."""
    if dropout or (mask is not None and (mask.requires_grad or mask.dim() not in (2, 4))):
        return None
    added = _added(mask, query)
    run = ATEN._scaled_dot_product_flash_attention_for_cpu
    return run(query, key, value, 0.0, causal, attn_mask=added, scale=scale)[0]


def _attention_on_cuda(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout: float, causal: bool, scale: float | None
) -> Any:
    """Run flash attention in half precision without a mask, else the memory-efficient kernel."""
    width = query.shape[-1]
    if mask is None and query.dtype in (torch.float16, torch.bfloat16) and width <= 256:
        padded = -width % 8
        if padded:
            query, key, value = (torch.nn.functional.pad(part, (0, padded)) for part in (query, key, value))
        run = ATEN._scaled_dot_product_flash_attention
        result = run(query, key, value, dropout, causal, False, scale=scale or width**-0.5)[0]
        return result[..., :width] if padded else result
    added = _added(mask, query)
    if added is not None:
        added = added.to(query.dtype).expand(*query.shape[:3], key.shape[2])
    run = ATEN._scaled_dot_product_efficient_attention
    return run(query, key, value, added, True, dropout, causal, scale=scale)[0]
