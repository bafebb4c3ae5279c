"""Quantised networks: by shape as with values, bytes by their own width, packed parameters, bit operations."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.ao import quantization as quantise
from torch.ao.quantization.quantize_fx import convert_fx, prepare_fx

import netcost
from netcost.text.errors import ForwardError
from netcost.tracing import trace

pytestmark = pytest.mark.filterwarnings("ignore")


class Small(nn.Module):
    """Each kind of operator that torch has in 8 bits."""

    def __init__(self) -> None:
        super().__init__()
        self.grouped, self.up = nn.Conv2d(4, 8, 3, groups=2), nn.ConvTranspose2d(8, 4, 3, stride=2)
        self.row, self.norm, self.head = nn.Conv1d(4, 4, 3), nn.LayerNorm(4), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.up(F.leaky_relu(F.hardswish(self.grouped(x))))  # (2, 4, 12, 12) -> 10 -> 21
        y = F.max_pool2d(y + F.relu6(y) * 0.5, 3)
        y = self.norm(self.row(torch.cat([y, y], 2).flatten(2)).transpose(1, 2))
        return torch.sigmoid(self.head(y))


class First(nn.Module):
    """The outputs of a recurrent layer."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x)
        return y[0] if isinstance(y, tuple) else y


def static(model: nn.Module, x: Tensor) -> nn.Module:
    prepared = prepare_fx(model.eval(), quantise.get_default_qconfig_mapping("fbgemm"), (x,))
    prepared(x)
    return convert_fx(prepared)


def dynamic(layer: nn.Module, dtype: torch.dtype = torch.qint8) -> nn.Module:
    return quantise.quantize_dynamic(First(layer), {type(layer)}, dtype=dtype)


GATED = 4 * 6 * (8 + 6)  # weights of an LSTM from 8 to 6

NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "static": (lambda: static(Small(), torch.randn(2, 4, 12, 12)), (2, 4, 12, 12)),
    "linear": (lambda: dynamic(nn.Linear(8, 6)), (5, 8)),
    "linear, half": (lambda: dynamic(nn.Linear(8, 6), torch.float16), (5, 2, 8)),
    "lstm": (lambda: dynamic(nn.LSTM(8, 6, 2, bidirectional=True)), (5, 2, 8)),
    "lstm, half": (lambda: dynamic(nn.LSTM(8, 6), torch.float16), (5, 2, 8)),
    "gru": (lambda: dynamic(nn.GRU(8, 6)), (5, 2, 8)),
    "lstm cell": (lambda: dynamic(nn.LSTMCell(8, 6)), (5, 8)),
    "gru cell": (lambda: dynamic(nn.GRUCell(8, 6)), (5, 8)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_quantised_network_has_one_graph_by_shape_and_with_values(name: str) -> None:
    make, shape = NETWORKS[name]
    model, x = make(), torch.randn(shape)
    by_shape, with_values = (netcost.analyze(model, x, concrete=concrete) for concrete in (False, True))
    assert [alike(op) for op in by_shape.graph.ops] == [alike(op) for op in with_values.graph.ops]
    assert by_shape.metrics() == with_values.metrics()
    assert not by_shape.unknown_ops
    assert by_shape.params == by_shape.params_total == sum(tensor.numel() for tensor in weights_of(name))


def alike(op: Any) -> Any:
    """All but the layouts, in which some kernels of the CPU differ."""
    inputs, outputs = ([spec._replace(layout="") for spec in specs] for specs in (op.inputs, op.outputs))
    return op.name, inputs, outputs, op.parameters, op.sources


def weights_of(name: str) -> list[Tensor]:
    torch.manual_seed(0)
    kinds = {"static": Small, "linear": lambda: nn.Linear(8, 6), "gru": lambda: nn.GRU(8, 6)}
    kinds |= {"lstm": lambda: nn.LSTM(8, 6, 2, bidirectional=True), "lstm cell": lambda: nn.LSTMCell(8, 6)}
    kinds |= {"gru cell": lambda: nn.GRUCell(8, 6), "lstm, half": lambda: nn.LSTM(8, 6)}
    return list(kinds[name.replace("linear, half", "linear")]().parameters())


@pytest.mark.parametrize("shape", [(5, 16), (2, 3, 16)])
def test_dynamically_quantised_layers_read_one_byte_per_weight(shape: tuple[int, ...]) -> None:
    plain = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4, bias=False))
    model = quantise.quantize_dynamic(plain, {nn.Linear}, dtype=torch.qint8)
    positions, weights = math.prod(shape[:-1]), 16 * 32 + 32 * 4
    analysis = netcost.analyze(model, shape)
    assert analysis.mult_adds == positions * weights
    assert analysis.bit_operations == 8 * 8 * positions * weights
    read = 4 * positions * (16 + 32) + weights + 4 * 32  # and a bias
    assert analysis.memory_access_bytes == read + 4 * positions * (32 + 2 * 32 + 4)
    assert analysis.graph.weight_bytes == weights + 4 * 32
    with pytest.raises(ForwardError, match=r"expected float32 of \(\*, 16\), got torch.float32 of \(5, 8\)"):
        trace(model, torch.zeros(5, 8))


def test_recurrent_layers_multiply_every_row_by_all_their_weights() -> None:
    analysis = netcost.analyze(dynamic(nn.LSTM(8, 6)), (5, 2, 8))
    assert analysis.mult_adds == 5 * 2 * GATED
    assert analysis.graph.weight_bytes == GATED + 4 * 2 * 4 * 6


@pytest.mark.parametrize("rows", [2, 700_000])
def test_a_quantised_input_of_any_size_is_counted_by_its_width(rows: int) -> None:
    x = torch.quantize_per_tensor(torch.zeros(rows, 4), 0.1, 0, torch.qint8)
    analysis = netcost.analyze(lambda x: x.dequantize(), (x,))
    assert analysis.memory_access_bytes == rows * 4 * (1 + 4)


class Wrapper(Tensor):
    """A weight of 8 bits and its scale, which passes for one in float32, as torchao's do."""

    @staticmethod
    def __new__(cls, values: Tensor, scale: Tensor) -> Any:
        return torch.Tensor._make_wrapper_subclass(cls, values.shape, dtype=scale.dtype)

    def __init__(self, values: Tensor, scale: Tensor) -> None:
        self.values_, self.scale = values, scale

    def __tensor_flatten__(self) -> Any:
        return ["values_", "scale"], None

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function is not F.linear:
            return super().__torch_function__(function, types, args, kwargs or {})
        x, weight, bias = args
        return F.linear(x, weight.values_.to(x.dtype) * weight.scale, bias)

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return args[0]  # detach


def test_a_weight_that_wraps_narrow_numbers_is_counted_by_these() -> None:
    layer = nn.Linear(16, 8)
    layer.weight = nn.Parameter(Wrapper(torch.ones(8, 16, dtype=torch.int8), torch.ones(8, 1)), requires_grad=False)
    analysis = netcost.analyze(layer, (5, 16))
    assert analysis.params == analysis.params_total == 16 * 8 + 8
    assert analysis.graph.weight_bytes == 16 * 8 + 4 * 8 + 4 * 8  # 8 bits; scales and biases of 32
    assert analysis.bit_operations == 5 * 16 * 8 * 8 * 32


@pytest.mark.parametrize(
    ("body", "want"),
    [
        (lambda x, w: torch._int_mm(x.to(torch.int8), w), 8 * 8),
        (lambda x, w: x @ w.to(x.dtype), 32 * 8),
        (lambda x, w: x @ (w.to(x.dtype).sub(3) * 0.5), 32 * 8),
        (lambda x, w: x @ w.to(x.dtype).exp(), None),  # computed, not stored
        (lambda x, _: x @ x.t(), None),
        (lambda x, _: (x > 0).to(torch.uint8).float() @ x.t(), None),  # a mask is not quantised
    ],
)
def test_bit_operations_take_the_widths_of_both_operands(body: Callable[..., Tensor], want: int | None) -> None:
    class Holder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("weight", torch.ones(16, 16, dtype=torch.int8))

        def forward(self, x: Tensor) -> Tensor:
            return body(x, self.weight)

    analysis = netcost.analyze(Holder(), (32, 16))
    assert analysis.bit_operations == (None if want is None else 32 * 16 * 16 * want)
    assert ("bit_operations" in analysis.to_dict()) is (want is not None)
    assert ("Bit operations (BOPs)" in str(analysis.summary().rows)) is (want is not None)
