"""Small networks of every odd kind, drawn at random, on inputs of every odd kind: the only errors are NetcostError."""

from __future__ import annotations

import copy
import random
import threading
import warnings
from collections import OrderedDict, namedtuple
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import prune, rnn

import netcost
from netcost.text.errors import NetcostError

pytestmark = pytest.mark.filterwarnings("ignore")
SECRET = 0.7182818  # in every tensor of numbers: an error that shows it prints values
KEPT: list[Any] = []


@dataclass
class Batch:
    x: Any = None
    flags: dict[str, Any] = field(default_factory=dict)


class Grumpy:
    """Cannot be copied, compared, printed or asked for its length."""

    def __deepcopy__(self, _: Any) -> Any:
        raise RuntimeError("one of a kind\nand more")

    def __repr__(self) -> str:
        raise ValueError("no text")

    __eq__ = __len__ = __bool__ = __repr__  # type: ignore[assignment]
    __hash__ = object.__hash__


def numbers(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.full(shape, SECRET, dtype=dtype)


Pair = namedtuple("Pair", "x y")  # noqa: PYI024
INPUTS: list[Callable[[], Any]] = [
    lambda: numbers(2, 4),
    lambda: numbers(4),
    lambda: numbers(),
    lambda: numbers(0, 4),
    lambda: numbers(2, 3, 4, 4).to(memory_format=torch.channels_last),
    lambda: numbers(2, 4, dtype=torch.complex64),
    lambda: numbers(2, 4, dtype=torch.float16),
    lambda: torch.empty(2, 4, device="meta"),
    lambda: torch.tensor([[1, 2, 3, 0]]),
    lambda: torch.ones(2, 4, dtype=torch.bool),
    lambda: numbers(4, 4).to_sparse(),
    lambda: numbers(4, 4).to_sparse_csr(),
    lambda: numbers(4, 4).to_sparse_csc(),
    lambda: torch.quantize_per_tensor(numbers(2, 4), 0.1, 0, torch.qint8),
    lambda: torch.nested.nested_tensor([numbers(2, 4), numbers(3, 4)], layout=torch.jagged),
    lambda: torch.nested.nested_tensor([numbers(2, 4), numbers(3, 4)]),
    lambda: rnn.pack_sequence([numbers(3, 4), numbers(2, 4)]),
    lambda: numbers(2, 4).requires_grad_(),
    lambda: numbers(2, 4).requires_grad_() * 2,
    lambda: numbers(2, 4).expand(3, 2, 4),
    lambda: nn.parameter.UninitializedParameter(),
    lambda: numbers(2, 4).to_mkldnn(),
    lambda: torch.inference_mode()(numbers)(2, 4),
    lambda: {"x": numbers(2, 4), 3: None},
    lambda: [numbers(2, 4), (1, "text", None, {"deep": [numbers(4)]})],
    lambda: Pair(numbers(2, 4), 3),
    lambda: Batch(numbers(2, 4), {"flag": True}),
    lambda: (numbers(4) for _ in range(2)),
    lambda: threading.Lock(),
    lambda: Grumpy(),
    lambda: None,
    lambda: True,
    lambda: -3,
    lambda: float("nan"),
    lambda: "text",
    lambda: b"bytes",
    lambda: object,
    lambda: print,
    lambda: {1, 2},
    lambda: nn.Linear(4, 4),
    lambda: torch.float32,
    lambda: range(3),
]


def raised(error: BaseException) -> Any:
    raise error


BODIES: list[Callable[[Any, Any], Any]] = [
    lambda m, x: m.part(x),
    lambda m, x: m.part(x.x if hasattr(x, "x") else x[0]),
    lambda m, x: m.part(x["x"]),
    lambda m, x: x @ m.held,
    lambda m, x: torch.sparse.mm(m.held, x),
    lambda m, x: m.held @ x + m.held,
    lambda m, x: (x + 1, {"y": x * 2}, None),
    lambda m, x: x[x > 0],
    lambda m, x: x if x.sum() > 0 else -x,
    lambda m, x: x.tolist(),
    lambda m, x: x.numpy(),
    lambda m, x: x.item(),
    lambda m, x: str(x),
    lambda m, x: print(x) or x,
    lambda m, x: KEPT.append(x) or x * 2,
    lambda m, x: setattr(m, "cache", x * 2) or m.cache,
    lambda m, x: raised(ValueError(f"bad {x}\n{x}")),
    lambda m, x: raised(KeyError(x)),
    lambda m, x: raised(AssertionError()),
    lambda m, x: raised(StopIteration(3)),
    lambda m, x: raised(NotImplementedError(Grumpy())),
    lambda m, x: raised(RecursionError("maximum depth\x1b[31m")),
    lambda m, x: m(x),
    lambda m, x: next(x),
    lambda m, x: x.unbind(),
    lambda m, x: x.to_dense() if x.layout is not torch.strided else x.to_sparse(),
    lambda m, x: x.values(),
    lambda m, x: torch.fft.rfft(x),
    lambda m, x: torch.unique(x),
    lambda m, x: x.nonzero(),
    lambda m, x: x.to("cuda"),
    lambda m, x: x.half() @ m.held,
    lambda m, x: x.resize_(100),
    lambda m, x: x.set_(numbers(3)),
    lambda m, x: x.data.add_(1),
    lambda m, x: x.requires_grad_().sum().backward(),
    lambda m, x: torch.autograd.grad(m.part(x).sum(), x),
    lambda m, x: torch.vmap(m.part)(x),
    lambda m, x: torch.func.jacrev(m.part)(x),
    lambda m, x: F.one_hot(x),
    lambda m, x: F.embedding(x, m.held),
    lambda m, x: copy.deepcopy(m.part)(x),
    lambda m, x: copy.deepcopy(x),
    lambda m, x: torch.as_tensor(x),
    lambda m, x: torch.linalg.eig(x),
    lambda m, x: torch.empty(2**62),
    lambda m, x: x.view(3, 5),
    lambda m, x: (m.__class__, m, Grumpy(), x),
    lambda m, x: delattr(m, "part"),
    lambda m, x: x.dequantize(),
    lambda m, x: torch.jit.script(m.part)(x),
    lambda m, x: nn.LSTM(4, 3)(x),
    lambda m, x: nn.LazyLinear(3)(x),
    lambda m, x: m.register_forward_hook(lambda *_: None) and x,
]

PARTS: list[Callable[[], Any]] = [
    lambda: nn.Linear(4, 4),
    lambda: nn.Conv2d(3, 4, 3, padding=1),
    lambda: nn.LSTM(4, 3, batch_first=True),
    lambda: nn.GRUCell(4, 4),
    lambda: nn.LazyLinear(3),
    lambda: nn.LazyConv2d(3, 2),
    lambda: nn.UninitializedParameter(),
    lambda: nn.MultiheadAttention(4, 2),
    lambda: nn.TransformerEncoderLayer(4, 2, 8, batch_first=True),
    lambda: nn.Embedding(5, 4, sparse=True),
    lambda: nn.EmbeddingBag(5, 4),
    lambda: nn.BatchNorm1d(4),
    lambda: torch.jit.freeze(torch.jit.script(nn.Sequential(nn.Linear(4, 4), nn.ReLU())).eval()),
    lambda: torch.jit.script(nn.Linear(4, 4)),
    lambda: torch.jit.trace(nn.Linear(4, 4), numbers(2, 4)),
    lambda: torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(4, 4))),
    lambda: prune.l1_unstructured(nn.Linear(4, 4), "weight", 0.5),
    lambda: nn.utils.parametrizations.weight_norm(nn.Linear(4, 4)),
    lambda: nn.Linear(4, 4, device="meta"),
    lambda: nn.Linear(4, 4, dtype=torch.float16),
    lambda: nn.ModuleList([nn.ReLU()]),
    lambda: nn.Sequential(OrderedDict(a=nn.Linear(4, 4), b=nn.Softmax(-1))),
    lambda: nn.DataParallel(nn.Linear(4, 4)),
    lambda: Grumpy(),
]


class Odd(nn.Module):
    def __init__(self, body: Callable[[Any, Any], Any], part: Any, held: Any) -> None:
        super().__init__()
        self.body, self.part = body, part
        if isinstance(held, Tensor) and not held.requires_grad:
            self.register_buffer("held", held)
        else:
            self.held = held

    def forward(self, x: Any, **_: Any) -> Any:
        return self.body(self, x)
