"""Small networks and inputs of every odd kind, drawn at random: no error but a NetcostError of one line."""

from __future__ import annotations

import copy
import random
import threading
from collections import OrderedDict, namedtuple
from dataclasses import make_dataclass
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import prune, rnn

import netcost
from netcost.text.errors import NetcostError

pytestmark = pytest.mark.filterwarnings("ignore")
KEPT: list[Any] = []
Pair, Batch = namedtuple("Pair", "x y"), make_dataclass("Batch", ["x", "flags"])
USED = (copy, threading, OrderedDict, F, prune, rnn)  # by the expressions


class Grumpy:
    """It cannot be copied, compared or printed, and has no length."""

    def __deepcopy__(self, _: Any) -> Any:
        raise RuntimeError("one of a kind\nand more")

    def __repr__(self) -> str:
        raise ValueError("no text")

    __eq__ = __len__ = __bool__ = __repr__  # type: ignore[assignment]
    __hash__ = object.__hash__


def full(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.full(shape, 0.7182818, dtype=dtype)  # a message that has this number shows values


def fail(error: BaseException) -> Any:
    raise error


INPUTS = """
    full(2, 4) | full(4) | full() | full(0, 4) |
    full(2, 3, 4, 4).to(memory_format=torch.channels_last) | full(2, 4, dtype=torch.complex64) |
    full(2, 4, dtype=torch.float16) | torch.empty(2, 4, device="meta") | torch.tensor([[1, 2, 3, 0]]) |
    torch.ones(2, 4, dtype=torch.bool) | full(4, 4).to_sparse() | full(4, 4).to_sparse_csr() |
    full(4, 4).to_sparse_csc() | torch.quantize_per_tensor(full(2, 4), 0.1, 0, torch.qint8) |
    torch.nested.nested_tensor([full(2, 4), full(3, 4)], layout=torch.jagged) |
    torch.nested.nested_tensor([full(2, 4), full(3, 4)]) | rnn.pack_sequence([full(3, 4), full(2, 4)]) |
    full(2, 4).requires_grad_() | full(2, 4).requires_grad_() * 2 | full(2, 4).expand(3, 2, 4) |
    nn.parameter.UninitializedParameter() | full(2, 4).to_mkldnn() | torch.inference_mode()(full)(2, 4) |
    {"x": full(2, 4), 3: None} | [full(2, 4), (1, "text", None, {"deep": [full(4)]})] |
    Pair(full(2, 4), 3) | Batch(full(2, 4), {"flag": True}) | (full(4) for _ in range(2)) |
    threading.Lock() | Grumpy() | None | True | -3 | float("nan") | "text" | b"bytes" | object | print | {1, 2} |
    nn.Linear(4, 4) | torch.float32 | range(3)
"""
BODIES = """
    m.part(x) | m.part(x.x if hasattr(x, "x") else x[0]) | m.part(x["x"]) | x @ m.held | torch.sparse.mm(m.held, x) |
    m.held @ x + m.held | (x + 1, {"y": x * 2}, None) | x[x > 0] | x if x.sum() > 0 else -x | x.tolist() | x.numpy() |
    x.item() | str(x) | print(x) or x | KEPT.append(x) or x * 2 | setattr(m, "cache", x * 2) or m.cache |
    fail(ValueError(f"bad {x}\\n{x}")) | fail(KeyError(x)) | fail(AssertionError()) | fail(StopIteration(3)) |
    fail(NotImplementedError(Grumpy())) | fail(RecursionError("maximum depth\\x1b[31m")) | m(x) | next(x) |
    x.unbind() | x.to_dense() if x.layout is not torch.strided else x.to_sparse() | x.values() | torch.fft.rfft(x) |
    torch.unique(x) | x.nonzero() | x.to("cuda") | x.half() @ m.held | x.resize_(100) | x.set_(full(3)) |
    x.data.add_(1) | x.requires_grad_().sum().backward() | torch.autograd.grad(m.part(x).sum(), x) |
    torch.vmap(m.part)(x) | torch.func.jacrev(m.part)(x) | F.one_hot(x) | F.embedding(x, m.held) |
    copy.deepcopy(m.part)(x) | copy.deepcopy(x) | torch.as_tensor(x) | torch.linalg.eig(x) | torch.empty(2**62) |
    x.view(3, 5) | (m.__class__, m, Grumpy(), x) | delattr(m, "part") | x.dequantize() | torch.jit.script(m.part)(x) |
    nn.LSTM(4, 3)(x) | nn.LazyLinear(3)(x) | m.register_forward_hook(lambda *_: None) and x
"""
PARTS = """
    nn.Linear(4, 4) | nn.Conv2d(3, 4, 3, padding=1) | nn.LSTM(4, 3, batch_first=True) | nn.GRUCell(4, 4) |
    nn.LazyLinear(3) | nn.LazyConv2d(3, 2) | nn.UninitializedParameter() | nn.MultiheadAttention(4, 2) |
    nn.TransformerEncoderLayer(4, 2, 8, batch_first=True) | nn.Embedding(5, 4, sparse=True) | nn.EmbeddingBag(5, 4) |
    nn.BatchNorm1d(4) | torch.jit.freeze(torch.jit.script(nn.Sequential(nn.Linear(4, 4), nn.ReLU())).eval()) |
    torch.jit.script(nn.Linear(4, 4)) | torch.jit.trace(nn.Linear(4, 4), full(2, 4)) |
    torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(4, 4))) |
    prune.l1_unstructured(nn.Linear(4, 4), "weight", 0.5) | nn.utils.parametrizations.weight_norm(nn.Linear(4, 4)) |
    nn.Linear(4, 4, device="meta") | nn.Linear(4, 4, dtype=torch.float16) | nn.ModuleList([nn.ReLU()]) |
    nn.Sequential(OrderedDict(a=nn.Linear(4, 4), b=nn.Softmax(-1))) | nn.DataParallel(nn.Linear(4, 4)) | Grumpy()
"""


def drawn(seed: random.Random, table: str, arguments: str = "") -> Any:
    return eval(f"lambda {arguments}: {seed.choice(table.split(' |')).strip()}")  # from the tables above


class Odd(nn.Module):
    def __init__(self, body: Any, part: Any, held: Any) -> None:
        super().__init__()
        self.body, self.part = body, part
        is_buffer = isinstance(held, Tensor) and not held.requires_grad
        (self.register_buffer if is_buffer else self.__setattr__)("held", held)

    def forward(self, x: Any) -> Any:
        return self.body(self, x)


@pytest.mark.parametrize("start", range(0, 200, 25))
def test_nothing_but_one_line_comes_out(start: int) -> None:
    for number in range(start, start + 25):
        seed = random.Random(number)
        body, part, held, x = drawn(seed, BODIES, "m, x"), *(drawn(seed, table) for table in (PARTS, INPUTS, INPUTS))
        concrete = seed.random() < 0.3
        try:
            if seed.random() < 0.5:
                netcost.trace(Odd(body, part(), held()), x(), concrete=concrete)
            else:
                netcost.analyze(Odd(body, part(), held()), {"x": x()}, concrete=concrete).to_dict()
        except NetcostError as error:
            text = str(error)
            assert text.isprintable() and len(text) < 400 and "0.718" not in text, (number, text)
    KEPT.clear()
