"""ONNX files: the same counts as the network that was exported, the same outputs, and one line for a damaged file."""

import warnings
from math import prod
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from torch import nn

import netcost
from netcost.targets.onnx_files.operators import OPERATORS
from netcost.text.errors import NetcostError, TargetError


def saved(
    path: Path, nodes: list, inputs: dict, outputs: list[str], weights: dict | None = None, opset: int = 17
) -> str:
    """Write a model; inputs are shapes, whose sides may be names."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in (weights or {}).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    path.write_bytes(model.SerializeToString())
    return str(path)


def exported(path: Path, model: nn.Module, *inputs: torch.Tensor) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model.eval(), inputs, path, dynamo=True, verbose=False)
    return str(path)


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


CONV = {"w": normal(8, 3, 3, 3), "b": normal(8)}


@pytest.fixture
def conv(tmp_path: Path) -> str:
    """A convolution of 3 to 8 channels on a 6x6 map, and a ReLU."""
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["y"], name="/body/first/Conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["y"], ["z"], name="/body/Relu"),
    ]
    return saved(tmp_path / "net.onnx", nodes, {"x": [1, 3, 6, 6]}, ["z"], CONV)


def test_a_file_is_counted_by_node(conv: str) -> None:
    analysis = netcost.analyze(conv)
    assert analysis.mult_adds == 6 * 6 * 8 * 3 * 3 * 3
    assert analysis.params == 8 * 3 * 3 * 3 + 8
    assert analysis.kernels == 2
    assert [op.module for op in analysis.graph.ops] == ["body.first.Conv", "body.Relu"]


def test_a_file_runs_as_torch_does(conv: str) -> None:
    x = torch.randn(1, 3, 6, 6)
    expected = nn.functional.conv2d(x, *map(torch.tensor, CONV.values()), padding=1).relu()
    torch.testing.assert_close(netcost.build(conv)(x), expected)


@pytest.mark.parametrize("name", ["torchvision:resnet18", "torchvision:mobilenet_v3_small"])
def test_an_exported_network_has_the_mult_adds_of_its_own(name: str, tmp_path: Path) -> None:
    target = netcost.resolve(name)
    [spec] = target.required_inputs()
    read = netcost.analyze(exported(tmp_path / "net.onnx", target.build(), torch.randn(spec.shape)))
    own = netcost.analyze(target)
    assert read.mult_adds == own.mult_adds
    assert read.unknown_ops == {}
    # The exporter folds batch norms, and leaves out biases of 0.
    held = onnx.load(tmp_path / "net.onnx", load_external_data=False).graph.initializer
    assert read.params == sum(prod(weight.dims) for weight in held if weight.data_type == TensorProto.FLOAT)
    assert read.params < own.params


class Several(nn.Module):
    """Much of what exporters write: shapes, slices, attention, norms, pooling, resizing."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, 2, 1)
        self.norm = nn.LayerNorm(8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.table = nn.Embedding(64, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.interpolate(self.conv(x), scale_factor=2.0)
        x = nn.functional.pad(x, (0, 1, 0, 1)).relu()
        x = nn.functional.max_pool2d(x, 3, 2)
        tokens = self.norm(x.flatten(2).transpose(1, 2)) + self.table(torch.arange(x.shape[-1] * x.shape[-2]))
        attended, _ = self.attention(tokens, tokens, tokens)
        return torch.cat([attended[:, ::2].mean(1), tokens.amax(1), torch.einsum("bnc->bc", tokens)], -1)


def test_a_network_of_many_operators_has_its_outputs(tmp_path: Path) -> None:
    model, x = Several(), torch.randn(1, 3, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(
            netcost.build(exported(tmp_path / "net.onnx", model, x))(x), model(x), rtol=1e-4, atol=1e-4
        )


def test_an_operator_without_a_function_is_unknown_and_not_nothing(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("LpNormalization", ["x"], ["y"], name="norm"),
        helper.make_node("MatMul", ["y", "w"], ["z"], name="product"),
    ]
    assert "LpNormalization" not in OPERATORS
    analysis = netcost.analyze(saved(tmp_path / "net.onnx", nodes, {"x": [2, 4]}, ["z"], {"w": normal(4, 5)}))
    assert analysis.unknown_ops == {"onnx.LpNormalization": 1}
    assert analysis.mult_adds == 2 * 4 * 5


def test_sides_that_a_file_leaves_open_are_given(tmp_path: Path) -> None:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    weights = {"w": normal(4, 5)}
    batch = saved(tmp_path / "batch.onnx", nodes, {"x": ["batch", 4]}, ["y"], weights)
    assert netcost.resolve(batch).with_batch(3).required_inputs()[0].shape == (3, 4)
    length = saved(tmp_path / "length.onnx", nodes, {"x": [1, "length", 4]}, ["y"], weights)
    with pytest.raises(NetcostError, match="no input of its own"):
        netcost.analyze(length)
    assert netcost.analyze(netcost.resolve(length, inputs=["x=1x7x4"])).mult_adds == 7 * 4 * 5
    with pytest.raises(TargetError, match="'y'"):
        netcost.resolve(length, inputs=["y=1x7x4"])


@pytest.mark.parametrize(("opset", "slopes"), [(6, (3,)), (17, (3, 1, 1))])
def test_a_slope_per_channel_is_read_as_its_opset_says(opset: int, slopes: tuple[int, ...], tmp_path: Path) -> None:
    slope = normal(*slopes)
    nodes = [helper.make_node("PRelu", ["x", "slope"], ["y"])]
    path = saved(tmp_path / "net.onnx", nodes, {"x": [2, 3, 4, 5]}, ["y"], {"slope": slope}, opset)
    x = torch.randn(2, 3, 4, 5)
    torch.testing.assert_close(netcost.build(path)(x), nn.functional.prelu(x, torch.tensor(slope).flatten()))


def test_arithmetic_on_shapes_is_no_work_of_the_network(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Gather", ["s", "zero"], ["n"]),
        helper.make_node("Unsqueeze", ["n", "axes"], ["m"]),
        helper.make_node("Concat", ["m", "rest"], ["sides"], axis=0),
        helper.make_node("Reshape", ["x", "sides"], ["y"]),
    ]
    weights = {"zero": np.array(0), "axes": np.array([0]), "rest": np.array([-1])}
    analysis = netcost.analyze(saved(tmp_path / "net.onnx", nodes, {"x": [2, 3, 4]}, ["y"], weights))
    assert analysis.graph.outputs[0].shape == (2, 12)
    assert analysis.kernels == 0


def test_quantised_weights_have_their_own_width(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("DequantizeLinear", ["q", "scale"], ["w"]),
        helper.make_node("MatMul", ["x", "w"], ["y"]),
    ]
    weights = {"q": np.ones((4, 5), np.int8), "scale": np.array(0.5, np.float32)}
    analysis = netcost.analyze(saved(tmp_path / "net.onnx", nodes, {"x": [2, 4]}, ["y"], weights))
    assert analysis.params == 20
    assert analysis.graph.weight_bytes == 20
    assert analysis.mult_adds == 2 * 4 * 5


def damaged(path: Path) -> dict[str, bytes]:
    """Files that are none, by what is wrong."""
    whole = path.read_bytes()
    cycle = onnx.load_from_string(whole)
    cycle.graph.node[0].input[0] = "z"
    huge = onnx.load_from_string(whole)
    huge.graph.initializer[0].dims[0] = 2**40
    negative = onnx.load_from_string(whole)
    negative.graph.initializer[0].dims[0] = -8
    few = onnx.load_from_string(whole)
    few.graph.initializer[0].dims[0] = 9
    typed = onnx.load_from_string(whole)
    typed.graph.initializer[0].data_type = 99
    empty = onnx.load_from_string(whole)
    del empty.graph.node[:]
    output = onnx.load_from_string(whole)
    output.graph.output[0].name = "nowhere"
    outside = onnx.load_from_string(whole)
    outside.graph.initializer[0].ClearField("raw_data")
    outside.graph.initializer[0].data_location = 1
    outside.graph.initializer[0].external_data.add(key="location", value="../secret.bin")
    files = {"cycle": cycle, "huge": huge, "negative": negative, "few": few, "typed": typed, "empty": empty}
    models = {**files, "output": output, "outside": outside}
    written = {name: model.SerializeToString() for name, model in models.items()}
    return {**written, "half": whole[: len(whole) // 2], "nothing": b"", "text": b"not a model", "pickle": b"\x80\x04."}


KINDS = "cycle huge negative few typed empty output outside half nothing text pickle".split()


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_one_line(conv: str, kind: str) -> None:
    Path(conv).write_bytes(damaged(Path(conv))[kind])
    with pytest.raises(NetcostError) as caught:
        netcost.build(conv)(torch.randn(1, 3, 6, 6))
    assert "\n" not in str(caught.value)


@settings(max_examples=60, deadline=None)
@given(place=st.integers(0, 10_000), value=st.integers(0, 255))
def test_a_file_with_a_wrong_byte_raises_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, place: int, value: int
) -> None:
    folder = tmp_path_factory.mktemp("bytes")
    nodes = [helper.make_node("Conv", ["x", "w", "b"], ["y"]), helper.make_node("Relu", ["y"], ["z"])]
    path = Path(saved(folder / "net.onnx", nodes, {"x": [1, 3, 6, 6]}, ["z"], CONV))
    written = bytearray(path.read_bytes())
    written[place % len(written)] = value
    path.write_bytes(bytes(written))
    try:
        netcost.analyze(str(path))
    except NetcostError as error:
        assert "\n" not in str(error)


def test_a_file_takes_no_arguments_and_must_be_there(conv: str) -> None:
    with pytest.raises(TargetError, match="--arg"):
        netcost.resolve(conv, {"width": 2})
    with pytest.raises(TargetError, match="cannot be read"):
        netcost.resolve("nowhere.onnx")
