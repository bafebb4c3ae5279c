"""Targets and inputs as people write them: every kind, and every way to get one wrong."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import torch
from torch import nn

import netcost
from netcost.cli.app import run as netcost_run
from netcost.targets.making import maker
from netcost.targets.naming import PICKLES, Target, resolve
from netcost.text.errors import NetcostError, RequestError, TargetError
from netcost.timing.workers import Recipe, recipe_of
from netcost.tracing import GivenInput, InputSpec, call_arguments, parse_input
from netcost.tracing.inputs import drawing, notes_on

NET = """
    from torch import nn

    class Net(nn.Module):
        def __init__(self, width=4, depth=1):
            super().__init__()
            self.layers = nn.Sequential(*(nn.Linear(width, width) for _ in range(depth)))

        def forward(self, x):
            return self.layers(x)

    def net(**options):
        return Net(**options)

    class Family:
        Wide = Net

    ready = Net()
    width = 4
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to work in; what Python finds and has loaded is put back afterwards."""
    monkeypatch.chdir(tmp_path)
    path, modules = sys.path[:], set(sys.modules)
    yield tmp_path
    sys.path[:] = path
    for name in [name for name, module in sys.modules.items() if name not in modules and lies_in(module, tmp_path)]:
        del sys.modules[name]


def lies_in(module: Any, folder: Path) -> bool:
    return str(getattr(module, "__file__", None) or "").startswith(str(folder))


def write(name: str, text: str = NET) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text), encoding="utf-8")
    return path


def widths(model: nn.Module) -> list[int]:
    return [module.out_features for module in model.modules() if isinstance(module, nn.Linear)]


# Every kind of target


def test_a_plain_name_is_of_the_zoo_with_the_input_of_its_paper() -> None:
    target = resolve("googlenet")
    assert type(target.build()).__name__ == "GoogLeNet"
    assert target.required_inputs() == (InputSpec((1, 3, 224, 224)),)


def test_an_argument_reaches_the_architecture() -> None:
    assert widths(resolve("mobilenet_v2", {"num_classes": 10}).build_weightless()) == [10]
    assert widths(resolve("torchvision:resnet18", {"num_classes": 10}).build_weightless()) == [10]
    assert widths(resolve("timm:resnet18", {"num_classes": 10}).build_weightless()) == [10]


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("resnet50", (1, 3, 224, 224)),
        ("inception_v3", (1, 3, 299, 299)),
        ("fcn_resnet50", (1, 3, 520, 520)),
        ("r3d_18", (1, 3, 16, 112, 112)),
        ("vit_h_14", (1, 3, 518, 518)),
    ],
)
def test_a_torchvision_model_has_the_input_of_its_weights_own_transform(name: str, shape: tuple[int, ...]) -> None:
    assert resolve(f"torchvision:{name}").required_inputs() == (InputSpec(shape),)


def test_a_vision_transformer_is_built_for_the_size_of_its_input() -> None:
    model = resolve("torchvision:vit_h_14").build_weightless()
    assert model.image_size == 518
    assert resolve("torchvision:vit_h_14", {"image_size": 224}).build_weightless().image_size == 224


def test_a_torchvision_model_downloads_no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("downloads")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", refuse)
    model = resolve("torchvision:fcn_resnet50").build_weightless()
    assert model.aux_classifier is not None  # as the published weights have it


def test_a_network_whose_inputs_nothing_tells_needs_them() -> None:
    target = resolve("diffusers:T2IAdapter")
    with pytest.raises(RequestError, match="--input 1x3x224x224"):
        target.required_inputs()


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("convnext_atto", (1, 3, 224, 224)),
        ("nasnetalarge", (1, 3, 331, 331)),
        ("tf_efficientnet_b0.in1k", (1, 3, 224, 224)),
    ],
)
def test_a_timm_model_has_its_own_input_size(name: str, shape: tuple[int, ...]) -> None:
    assert resolve(f"timm:{name}").required_inputs() == (InputSpec(shape),)


@pytest.mark.parametrize("place", ["net.py", "./net.py", "sub/net.py", "net", "sub.net"])
@pytest.mark.parametrize("attribute", ["Net", "net", "Family.Wide"])
def test_a_class_or_function_of_the_user_s_own_builds_with_arguments(place: str, attribute: str) -> None:
    write("net.py")
    write("sub/net.py")
    target = resolve(f"{place}:{attribute}", {"width": 3, "depth": 2}, ["5x3"])
    assert widths(target.build()) == [3, 3]
    assert widths(target.build_weightless()) == [3, 3]
    assert target.inputs == (InputSpec((5, 3)),)


def test_an_absolute_path_is_as_good(here: Path) -> None:
    write("net.py")
    assert widths(resolve(f"{here / 'net.py'}:Net").build()) == [4]


def test_a_module_that_is_ready_is_taken_with_its_weights_and_left_alone_itself() -> None:
    write("net.py")
    target = resolve("net.py:ready")
    one, other = target.build(), target.build()
    assert one is not other
    assert all(torch.equal(*pair) for pair in zip(one.parameters(), other.parameters(), strict=True))
    with pytest.raises(RequestError, match="--arg goes to a class or function"):
        resolve("net.py:ready", {"width": 3})


def test_inputs_given_take_the_place_of_the_target_s_own() -> None:
    assert resolve("googlenet", inputs=["2x3x64x64"]).required_inputs() == (InputSpec((2, 3, 64, 64)),)
    spec = InputSpec((1, 3, 96, 96))
    assert resolve("torchvision:resnet18", inputs=[spec]).required_inputs() == (spec,)
    assert resolve("timm:resnet18", inputs=[spec]).required_inputs() == (spec,)


def test_a_batch_is_the_first_size_of_every_input() -> None:
    write("net.py")
    target = resolve("net.py:Net", inputs=["1x4", "ids=1x7:int64"]).with_batch(8)
    assert target.inputs == (InputSpec((8, 4)), InputSpec((8, 7), "int64", "ids"))
    with pytest.raises(RequestError, match="has no input of its own"):
        resolve("net.py:Net").with_batch(8)


def test_a_weightless_build_has_no_values_and_a_build_has() -> None:
    write("net.py")
    target = resolve("net.py:Net")
    assert target.build_weightless().layers[0].weight.is_meta
    assert not target.build().layers[0].weight.is_meta


# A file and what lies beside it


def test_a_file_imports_its_neighbours_as_when_it_is_run(here: Path) -> None:
    write("models/blocks.py", "WIDTH = 6")
    write("models/net.py", NET + "    from blocks import WIDTH\n    def wide(): return Net(WIDTH)\n")
    path = sys.path[:]
    assert widths(resolve("models/net.py:wide").build()) == [6]
    assert sys.path == path


def test_a_constructor_may_import_neighbours_too() -> None:
    write("models/blocks.py", "WIDTH = 6")
    write("models/net.py", NET + "    def wide():\n        from blocks import WIDTH\n        return Net(WIDTH)\n")
    write("wider.py", "WIDTH = 7")
    write("main.py", NET + "    def wide():\n        from wider import WIDTH\n        return Net(WIDTH)\n")
    path = sys.path[:]
    assert widths(resolve("models/net.py:wide").build()) == [6]
    assert widths(resolve("main:wide").build()) == [7]
    assert sys.path == path


def test_a_file_of_a_package_may_import_relatively() -> None:
    write("pack/__init__.py", "")
    write("pack/sizes.py", "WIDTH = 6")
    write("pack/deep/__init__.py", "")
    write("pack/deep/blocks.py", "from ..sizes import WIDTH")
    write("pack/deep/net.py", NET + "    from .blocks import WIDTH\n    def wide(): return Net(WIDTH)\n")
    path = sys.path[:]
    assert widths(resolve("pack/deep/net.py:wide").build()) == [6]
    assert sys.path == path


def test_files_of_two_folders_may_have_neighbours_of_one_name() -> None:
    for folder, width in (("old", 5), ("new", 6)):
        write(f"{folder}/blocks.py", f"WIDTH = {width}")
        write(f"{folder}/parts/__init__.py", f"DEPTH = {width}")
        write(
            f"{folder}/net.py",
            NET + "    import blocks, parts\n    def wide(): return Net(blocks.WIDTH, parts.DEPTH)\n",
        )
    old, new = resolve("old/net.py:wide"), resolve("new/net.py:wide")
    assert widths(old.build()) == [5] * 5
    assert widths(new.build()) == [6] * 6
    assert widths(old.build()) == [5] * 5


def test_a_file_is_read_anew_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    write("net.py")
    assert widths(resolve("net.py:net").build()) == [4]
    write("net.py", NET.replace("width=4, depth=1", "width=5, depth=2"))
    assert widths(resolve("net.py:net").build()) == [5, 5]
    assert not Path("__pycache__").exists()


def test_a_file_may_use_data_classes_and_type_names_of_its_own() -> None:
    write(
        "net.py",
        """
        from __future__ import annotations
        import typing
        from dataclasses import dataclass, field
        from torch import nn

        @dataclass
        class Options:
            width: int = 4
            parts: list[Options] = field(default_factory=list)

        def net():
            assert typing.get_type_hints(Options)["width"] is int
            return nn.Linear(4, Options().width)
        """,
    )
    assert widths(resolve("net.py:net").build()) == [4]


def test_a_package_that_python_has_from_elsewhere_is_not_mistaken_for_the_file() -> None:
    write("netcost/__init__.py", "")
    write("netcost/net.py")
    with pytest.raises(TargetError, match=r"importing|imported|elsewhere"):
        resolve("netcost/net.py:Net")
    assert sys.modules["netcost"].resolve is resolve


# Every way to get one wrong


def failure(text: str, arguments: dict[str, Any] | None = None, build: bool = False, loads: bool = False) -> str:
    """What is said, once it has been seen that nothing is left of the attempt: no path, and no module half loaded."""
    path, modules = sys.path[:], set(sys.modules)
    with pytest.raises(NetcostError) as caught:
        target = resolve(text, arguments)
        assert build, "it resolves, and should not"
        target.build_weightless()
    assert caught.value.exit_code == 2
    assert sys.path == path
    left = [name for name in sys.modules if name not in modules and lies_in(sys.modules[name], Path.cwd())]
    assert build or loads or left == []
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("name", "offered"),
    [
        ("goglenet", "unknown architecture 'goglenet'; did you mean googlenet"),
        ("nothing_like_it", "unknown architecture 'nothing_like_it' (`netcost list` shows all)"),
        ("torchvision:resnet5", "torchvision has no model 'resnet5'; did you mean resnet50"),
        ("torchvision:", "torchvision has no model ''"),
        ("timm:convnext_tinny", "timm has no model 'convnext_tinny'; did you mean convnext_tiny"),
        ("torchvison:resnet50", "no module 'torchvison' to import; did you mean torchvision?"),
        ("models/net.py:Net", "there is no file 'models/net.py'"),
        *[(text, f"{text}:Net") for text in ("net.py", "sub/net.py")],
        *[(text, "package.module:callable") for text in ("net.py:", ":Net", "package.module:", ":")],
    ],
)
def test_a_name_that_leads_nowhere_says_what_was_expected_or_is_near(name: str, offered: str) -> None:
    assert offered in failure(name)


@pytest.mark.parametrize("place", ["net.py", "net"])
def test_a_missing_attribute_offers_the_near_ones(place: str) -> None:
    write("net.py")
    assert f"'{place}' has no 'Nett'; did you mean Net" in failure(f"{place}:Nett", loads=True)
    assert f"'{place}' has no 'Family.Wise'; did you mean Wide" in failure(f"{place}:Family.Wise", loads=True)


def test_what_makes_no_module_is_refused() -> None:
    write("net.py")
    said = failure("net.py:width", loads=True)
    assert "'net.py:width' is an int" in said
    assert "made a Family" in failure("net.py:Family", build=True)


@pytest.mark.parametrize("name", ["notes.txt", "./notes.txt", "sub/notes.md", "data.json"])
def test_a_file_of_another_kind_is_not_python(name: str) -> None:
    write(name, "just text")
    assert repr(Path(name).name) in failure(f"{name}:Net")


@pytest.mark.parametrize(
    ("content", "place"),
    [
        *[(content, "") for content in (b"just text, not code", b"\x89PNG\r\n\x1a\n\0", b"\xff\xfe\x00", b"x = 1\0")],
        (b"x = 1\ny = (2\nz = 3", "(net.py, line 2)"),
    ],
)
def test_a_file_that_does_not_compile_is_not_python(content: bytes, place: str) -> None:
    Path("net.py").write_bytes(content)
    message = failure("net.py:Net")
    assert "'net.py:Net' is not Python: SyntaxError: " in message and place in message


def test_a_file_that_may_not_be_read_is_said_to_be_so(monkeypatch: pytest.MonkeyPatch) -> None:
    write("net.py")

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert "'net.py:Net' cannot be read: [Errno 13] Permission denied" in failure("net.py:Net")


@pytest.mark.parametrize("place", ["net.py", "net"])
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("raise ValueError('no such option')", "ValueError: no such option (net.py:3)"),
        ("import blocks; blocks.missing", "AttributeError: module 'blocks' has no attribute 'missing' (net.py:3)"),
        ("import sys; sys.exit(3)", "SystemExit: 3 (net.py:3)"),
        ("exec('x = (')", "SyntaxError: '(' was never closed"),
    ],
    ids=["error", "neighbour", "exit", "syntax"],
)
def test_a_file_that_raises_is_placed_and_leaves_nothing(place: str, line: str, said: str) -> None:
    write("blocks.py", "WIDTH = 4")
    write("net.py", f"# first\n# second\n{line}\n")
    if place == "net":
        sys.modules.pop("blocks", None)
        line_said = failure_of_module("net:Net")
    else:
        line_said = failure("net.py:Net")
    assert said in line_said


def failure_of_module(text: str) -> str:
    """As `failure`; what a module imported before it failed stays, as Python has it."""
    path = sys.path[:]
    with pytest.raises(TargetError) as caught:
        resolve(text)
    assert sys.path == path and text.partition(":")[0] not in sys.modules
    return str(caught.value)


def test_a_missing_import_is_named() -> None:
    write("net.py", "import surely_not_installed")
    assert "ModuleNotFoundError: No module named 'surely_not_installed' (net.py:1)" in failure("net.py:Net")
    assert "no module 'surely_not_installed' to import" in failure("net:Net")
    assert "no module 'surely_not_there' to import" in failure("surely_not_there:Net")


def test_a_constructor_that_raises_is_placed() -> None:
    write(
        "net.py",
        "from torch import nn\nclass Net(nn.Linear):\n    def __init__(self):\n        raise ValueError('a\\nb')\n",
    )
    assert failure("net.py:Net", build=True) == "'net.py:Net' cannot be built: ValueError: a (net.py:4)"
    write("quits.py", "def net():\n    raise SystemExit(1)\n")
    assert failure("quits.py:net", build=True) == "'quits.py:net' cannot be built: SystemExit: 1 (quits.py:2)"


@pytest.mark.parametrize("suffix", sorted(PICKLES))
@pytest.mark.parametrize("form", ["{}", "{}:Net", "sub/{}", "./{}:model.net"])
def test_a_pickle_is_refused_with_the_reason_and_never_opened(
    suffix: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return os.mkdir, ("opened",)

    name = f"model{suffix.upper() if suffix == '.pt' else suffix}"
    for path in (Path(name), Path("sub") / name):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(pickle.dumps(Trap()))
    monkeypatch.setattr("builtins.open", None)
    monkeypatch.setattr("io.open", None)
    text = form.format(name)
    message = failure(text)
    monkeypatch.undo()
    assert repr(text) in message and "pickle" in message
    assert "path/to/file.py:Net" in message


@pytest.mark.parametrize(
    ("text", "takes"),
    [
        ("mobilenet_v2", "num_classes"),
        ("net.py:Net", "It takes --arg name=value of width, depth"),
        ("net.py:net", "It takes --arg name=value of width, depth"),
        ("torchvision:resnet18", "num_classes"),
        ("timm:resnet18", "num_classes"),
    ],
)
def test_a_wrong_argument_lists_what_the_architecture_takes(text: str, takes: str) -> None:
    write("net.py")
    message = failure(text, {"surely_not_taken": 3}, build=True)
    assert f"{text!r} cannot be built: TypeError: " in message
    assert "unexpected keyword argument 'surely_not_taken'" in message
    assert takes in message


def test_a_near_argument_is_offered() -> None:
    write("net.py")
    assert "; did you mean width? It takes" in failure("net.py:net", {"widht": 3}, build=True)
    assert "; did you mean num_classes" in failure("torchvision:resnet18", {"num_clases": 3}, build=True)


@pytest.mark.parametrize(
    ("signature", "arguments", "said"),
    [
        ("(width, *, depth): return width", {"depth": 3}, ("'width'", "width, depth")),
        ("(): return 3", {"width": 3}, ("no --arg",)),
        # its own, and not taken for one of ours
        ("(width=3): return width + 'x'", {"width": 3}, ("built: TypeError: unsupported operand type(s) for +:",)),
    ],
)
def test_arguments_that_do_not_fit_are_said(signature: str, arguments: dict[str, Any], said: tuple[str, ...]) -> None:
    write("net.py", f"def net{signature}\n")
    message = failure("net.py:net", arguments, build=True)
    assert all(words in message for words in said)


@pytest.mark.parametrize("package", ["torchvision", "timm"])
def test_a_package_that_is_missing_is_asked_for(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    message = failure(f"{package}:resnet18")
    assert f"needs {package}" in message
    assert f"pip install {package}" in message


# Inputs


@pytest.mark.parametrize(
    ("written", "spec"),
    [
        ("1x3x224x224", InputSpec((1, 3, 224, 224))),
        (" 1x3x224x224 ", InputSpec((1, 3, 224, 224))),
        ("1,3,8", InputSpec((1, 3, 8))),
        ("7", InputSpec((7,))),
        ("1x128:int64", InputSpec((1, 128), "int64")),
        ("ids=1x128:int64", InputSpec((1, 128), "int64", "ids")),
        ("attention_mask=1x128:bool", InputSpec((1, 128), "bool", "attention_mask")),
        ("1x8:bfloat16", InputSpec((1, 8), "bfloat16")),
        ("x=2:float32", InputSpec((2,), name="x")),
        ("step=:int64", InputSpec((), "int64", "step")),
        ("step=scalar", InputSpec((), name="step")),
        (":float64", InputSpec((), "float64")),
    ],
)
def test_an_input_is_sizes_and_perhaps_a_name_and_a_type(written: str, spec: InputSpec) -> None:
    assert parse_input(written) == spec


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("x=none", None),
        ("x=True", True),
        ("x=false", False),
        ("x=50", 50),
        ("x=-1", -1),
        ("x=0.5", 0.5),
        ("x=1e-3", 0.001),
        ("x=train", "train"),
        ("x='none'", "none"),
        ('x="1x3"', "1x3"),
        ("x=(7, 7)", (7, 7)),
    ],
)
def test_an_input_with_a_name_may_be_a_value(written: str, value: Any) -> None:
    given = parse_input(written)
    assert isinstance(given, GivenInput)
    assert (given.value, type(given.value), given.name) == (value, type(value), "x")
    assert call_arguments((given,), InputSpec.on_meta) == ((), {"x": value})  # (7, 7) is no shape here


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("", "does not parse"),
        ("x=", "does not parse"),
        ("x=(1", "does not parse"),
        ("x=1x", "does not parse"),
        ("x", "does not parse"),
        ("1x", "does not parse"),
        ("1xx3", "does not parse"),
        ("1x-3", "does not parse"),
        ("1x3.5", "does not parse"),
        ("1*3", "does not parse"),
        ("1x3:", "does not parse"),
        ("=1x3", "does not parse"),
        ("a b=1x3", "does not parse"),
        ("2nd=1x3", "does not parse"),
        ("(1, 3)", "does not parse"),
        ("1x0x3", "has a size of 0; every size is at least 1"),
        ("0", "has a size of 0"),
        (f"1x{10**30}", "has more elements than a tensor can"),
        (f"{10**10}x{10**10}", "has more elements than a tensor can"),
        ("1x3:nn", "asks for type 'nn'; torch knows float32, int64, bool and others"),
        ("1x3:Tensor", "asks for type 'Tensor'"),
        ("1x3:float31", "asks for type 'float31'"),
    ],
)
def test_an_input_that_is_wrong_is_quoted_with_what_was_expected(written: str, said: str) -> None:
    with pytest.raises(RequestError, match=r"^input ") as caught:
        parse_input(written)
    assert f"input {written!r} {said}" in str(caught.value)
    with pytest.raises(RequestError):
        resolve("googlenet", inputs=[written])


@pytest.mark.parametrize(
    "dtype", ["float32", "float16", "bfloat16", "float64", "int64", "int32", "uint8", "bool", "complex64"]
)
def test_an_input_of_every_type_can_be_made(dtype: str) -> None:
    spec = parse_input(f"2x3:{dtype}")
    drawn = spec.random(torch.Generator().manual_seed(0))
    assert InputSpec.of(spec.on_meta()) == InputSpec.of(drawn) == spec
    assert spec.on_meta().is_meta
    assert torch.equal(drawn, spec.random(torch.Generator().manual_seed(0)))
    assert drawn.any()


def test_ids_are_spread_over_the_smallest_embedding_and_masks_are_ones() -> None:
    model = nn.Sequential(nn.Embedding(50, 2), nn.Embedding(7, 2))
    ids = InputSpec((1, 500), "int64")
    before = torch.get_rng_state()
    assert drawing(model)(ids).unique().tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert drawing()(ids).unique().tolist() == [0, 1]  # without a table: an index into any
    for mask in (InputSpec((2, 3), "bool"), InputSpec((2, 3), "int32", "attention_mask")):
        assert drawing(model)(mask).all()
    assert torch.equal(before, torch.get_rng_state())
    assert [note.count("attention_mask") for note in notes_on((ids, mask))] == [0, 1]


@pytest.mark.parametrize(
    ("inputs", "positional", "keywords"),
    [
        ((1, 3, 8), [(1, 3, 8)], {}),
        ([1, 3, 8], [(1, 3, 8)], {}),
        (torch.Size((1, 3)), [(1, 3)], {}),
        (((1, 3), (2,)), [(1, 3), (2,)], {}),
        ([InputSpec((1, 3)), InputSpec((2,), "int64", "ids")], [(1, 3)], {"ids": (2,)}),
        (InputSpec((1, 3)), [(1, 3)], {}),
        (torch.ones(2, 3), [(2, 3)], {}),
        ((torch.ones(2), (3,)), [(2,), (3,)], {}),
        ({"ids": (1, 7), "mask": torch.ones(2)}, [], {"ids": (1, 7), "mask": (2,)}),
        ((), [], {}),
        (torch.ones(0, 3), [(0, 3)], {}),
    ],
)
def test_inputs_of_a_library_call_are_shapes_tensors_and_specs(inputs: Any, positional: Any, keywords: Any) -> None:
    args, kwargs = call_arguments(inputs, InputSpec.on_meta)
    assert [tuple(argument.shape) for argument in args] == positional
    assert {name: tuple(argument.shape) for name, argument in kwargs.items()} == keywords


def test_containers_of_tensors_go_through_as_they_are() -> None:
    images = [torch.ones(3, 4, 4), torch.ones(3, 5, 5)]
    assert call_arguments((images,), InputSpec.on_meta) == ((images,), {})


@pytest.mark.parametrize("values", [(None, 1.5), ("b", 50), (True, {"x": 1}), ([torch.ones(1)], 2), (object(),)])
def test_what_is_no_shape_is_passed_as_it_is(values: Any) -> None:
    args, _ = call_arguments(values, InputSpec.on_meta)
    assert all(passed is value for passed, value in zip(args, values, strict=True))
    _, kwargs = call_arguments({"x": values[0]}, InputSpec.on_meta)
    assert kwargs["x"] is values[0]


@pytest.mark.parametrize("inputs", ["1x3", 3, None, True, (1, 0, 3), (1, -3), {3: torch.ones(9)}])
def test_inputs_that_are_none_of_these_are_quoted(inputs: Any) -> None:
    with pytest.raises(RequestError, match=r"give a shape like \(1, 3, 224, 224\)|expected names") as caught:
        call_arguments(inputs, InputSpec.on_meta)
    assert "tensor(" not in str(caught.value)


def test_two_inputs_of_one_name_are_refused() -> None:
    twice = [parse_input("ids=1x3"), parse_input("ids=1x4")]
    with pytest.raises(RequestError, match="two inputs are called 'ids'"):
        call_arguments(twice, InputSpec.on_meta)


CODE = """
import torch
from dataclasses import dataclass
from torch import nn
@dataclass
class Batch:
    x: torch.Tensor
class Net(nn.Linear):
    def __init__(self):
        super().__init__(8, 4)
    def forward(self, batch, flag):
        assert isinstance(batch, Batch) and not flag
        return super().forward(batch.x)
def both(): return (Batch(torch.ones(2, 8)),), {"flag": False}
def positional(): return Batch(torch.ones(2, 8)), False
def keywords(): return {"batch": Batch(torch.ones(2, 8)), "flag": False}
def nothing(): return 3
def raising(): raise ValueError("no data")
number = 3
"""


@pytest.mark.parametrize("function", ["both", "positional", "keywords"])
def test_code_may_make_the_inputs_also_of_its_own_classes(tmp_path: Path, function: str) -> None:
    (tmp_path / "net.py").write_text(CODE)
    target = resolve(f"{tmp_path}/net.py:Net", inputs=[f"{tmp_path}/net.py:{function}"])
    assert netcost.analyze(target).mult_adds == 2 * 8 * 4
    assert Recipe.from_dict(recipe_of(target).to_dict()).inputs == (f"{tmp_path}/net.py:{function}",)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("nothing", "returned 3; expected a tuple"),
        ("raising", "cannot be made: ValueError: no data"),
        ("number", "are an int; expected a function"),
        ("absent", "has no 'absent'"),
    ],
)
def test_code_that_makes_no_inputs_is_refused(tmp_path: Path, function: str, said: str) -> None:
    (tmp_path / "net.py").write_text(CODE)
    with pytest.raises(RequestError, match=said):
        resolve("lenet5", inputs=[f"{tmp_path}/net.py:{function}"])


def test_a_target_made_by_hand_needs_no_name_that_resolves() -> None:
    target = Target("mine", lambda: nn.Linear(3, 4), (InputSpec((1, 3)),))
    assert widths(target.build_weightless()) == [4]


def test_a_builder_s_own_type_error_is_not_taken_for_a_wrong_argument():
    with pytest.raises(TargetError, match=r"^'lenet5' cannot be built: TypeError: .*\(.*:\d+\)$") as own:
        netcost.build("lenet5", num_classes="many")
    assert "It takes" not in str(own.value)
    with pytest.raises(TargetError, match=r"unexpected keyword argument 'classes'.*It takes --arg name=value of"):
        netcost.build("lenet5", classes=10)

    def builder(width: int) -> nn.Module:
        return nn.Linear(1, 1, width=width)

    with pytest.raises(TypeError):  # `width` is an argument of its own, so that this target is not absent
        maker("net.py:builder", builder, {"width": 2})()


# What a newcomer types


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("googlenet --input 3x224x224", "has no batch: --input 1x3x224x224"),
        ("lenet5 --input 32x32", "neither batch nor channels: --input 1x1x32x32"),
        ("shop.net:Net --input 1x3x8x8", "in the folder 'src': run netcost there, or pip install -e ."),
        ("nowhere.net:Net", "run netcost in the folder that holds 'nowhere'"),
        ("src/shop/net.py:Missing", "has no 'Missing'; it has Net, width_of"),
        ("program.py:Net --input 2x8", "(program.py:4); it ends the program when it is imported"),
        ("src/shop/net.py:width_of --input 2x8", "made an int"),
    ],
)
def test_what_a_newcomer_gets_wrong_is_answered_by_what_to_type(
    line: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    own = "from torch import nn\nclass Net(nn.Linear):\n    pass\ndef width_of():\n    return 7\n"
    write("src/shop/net.py", own)
    write("program.py", "import argparse\nparser = argparse.ArgumentParser()\n\nparser.parse_args(['--nothing'])\n")
    assert netcost_run(["show", *line.split()]) == 2
    assert said in capsys.readouterr().err


def test_one_name_is_one_network() -> None:
    [entry] = netcost.compare("lenet5", device="none").entries
    assert entry.model == "lenet5"
    [entry] = netcost.compare(nn.Sequential(nn.Linear(8, 4), nn.ReLU()), device="none", inputs=(1, 8)).entries
    assert entry.figures is not None and entry.figures.values["mult_adds"] == 8 * 4


def test_each_target_may_have_arguments_of_its_own() -> None:
    names = ["mobilenet_v1(width=0.5)", "mobilenet_v1(width=0.5, num_classes=10)", "mobilenet_v1"]
    half, tenth, whole = netcost.compare(names, device="none").entries
    by_arg = netcost.analyze(resolve("mobilenet_v1", {"width": 0.5}))
    assert half.figures.values["params"] == by_arg.params
    assert half.figures.values["params"] - tenth.figures.values["params"] == (512 + 1) * (1000 - 10)
    assert [entry.model for entry in (half, tenth, whole)] == names
    assert resolve(names[0], {"width": 0.25, "num_classes": 7}).arguments == {"width": 0.5, "num_classes": 7}
    assert recipe_of(resolve(names[0])).resolved().arguments == {"width": 0.5}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mobilenet_v1(0.5)", "without a name"),
        ("mobilenet_v1(**{})", "without a name"),
        ("mobilenet_v1(width=print(7))", "not a literal"),
        ("mobilenet_v1(width=0.5)(1)", "does not parse"),
        ("mobilenet_v1(width=)", "does not parse"),
        ("mobilenet_v1(wdth=0.5)", "did you mean width"),
    ],
)
def test_a_call_has_literals_by_name_alone(text: str, said: str) -> None:
    assert said in failure(text, build="wdth" in text)
