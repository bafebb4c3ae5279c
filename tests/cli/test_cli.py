"""The command line as a user meets it: output, errors, exit codes."""

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from commands import commands, refused

from netcost.cli.app import run

HEAVY = ("torch", "pandas", "numpy", "networkx", "fvcore", "torchvision", "timm")

NET = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3)
    def forward(self, x):
        return self.conv(x)

class Raising(nn.Module):
    def forward(self, x):
        raise ValueError("broken on purpose")

class Unknown(nn.Module):
    def forward(self, x):
        return torch.ops.netcost_cli_test.mystery(x)

class Looking(nn.Module):
    def forward(self, x):
        return x * 2 if x.sum().item() > 0 else x

@torch.library.custom_op("netcost_cli_test::mystery", mutates_args=())
def mystery(x: torch.Tensor) -> torch.Tensor:
    return x.clone()

@mystery.register_fake
def _(x):
    return torch.empty_like(x)

def number():
    return 7
"""


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(NET)
    return tmp_path


def test_help_version_and_option_errors_import_nothing_heavy() -> None:
    script = (
        "import sys\nfrom netcost.cli.app import run\n"
        "codes = [run(['--help']), run(['compare', '--help']), run(['--version']), run(['show', '--nope'])]\n"
        "codes += [run(['compare', 'x', '--format', 'nope']), run(['compare', 'x', '--arg', 'nope'])]\n"
        "codes += [run(['check', '--format', 'nope']), run(['check', '--config', 'nope.toml'])]\n"
        "codes += [run(['explain']), run(['explain', 'drift']), run(['explain', 'nope'])]\n"
        f"print(codes, [name for name in {HEAVY} if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[0, 0, 0, 2, 2, 2, 2, 2, 0, 0, 2] []"


def test_every_command_is_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    overview = capsys.readouterr().out
    for name in commands():
        assert f"  {name.split()[0]} " in overview
    assert re.findall(r"^.*\((\w+)\):$", overview, re.MULTILINE) == ["count", "time", "explain", "judge", "guard"]


def test_every_command_is_in_the_readme() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    for name in commands():
        assert f"netcost {name}" in readme


LOUD = """
from torch import nn
class Loud(nn.Module):
    def __init__(self):
        super().__init__(); print("built"); self.linear = nn.Linear(8, 4)
    def forward(self, x):
        print("ran"); return self.linear(x)
"""


@pytest.mark.usefixtures("forked_workers")
@pytest.mark.parametrize(
    "command", ["show -q --format json", "compare --device none -q --format json", "baseline update -q"]
)
def test_what_a_network_prints_goes_to_standard_error(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loud.py").write_text(LOUD)
    assert run([*command.split(), "loud.py:Loud", "--input", "2x8"]) == 0
    out, err = capsys.readouterr()
    assert "ran" in err and "built" in err
    assert out == "" if command.startswith("baseline") else json.loads(out)


def test_compare_prints_both_models_counted_and_timed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compare", "googlenet", "mobilenet_v2", "--budget", "1", "--threads", "1"]) == 0
    out = capsys.readouterr().out
    assert "1.58 G" in out  # googlenet's 1,582,671,872 multiply-adds
    assert "301 M" in out  # mobilenet_v2's 300,774,272
    assert "Latency" in out
    assert "\x1b" not in out


def test_json_goes_to_a_file_whole(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compare", "lenet5", "--device", "none", "--format", "json", "-o", "cost.json"]) == 0
    assert capsys.readouterr().out == ""
    assert json.loads((net / "cost.json").read_text())["models"][0]["params"] == 61_706
    assert sorted(path.name for path in net.iterdir()) == ["cost.json", "net.py"]


def test_a_sweep_has_every_point_in_order_and_is_shown_again(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = ["compare", "lenet5", "lenet5", "--batch", "1,4,2", "--budget", "0.3", "--threads", "1"]
    assert run([*sweep, "--format", "json", "-o", "sweep.json"]) == 0
    plain = json.loads((net / "sweep.json").read_text())
    assert [model["latency"]["batch"] for model in plain["models"]] == [1, 2, 4, 1, 2, 4]
    assert plain["sweep"]["batches"] == [1, 2, 4]
    assert run(["compare", "--from", "sweep.json"]) == 0
    out = capsys.readouterr().out
    assert [line.split()[1] for line in out.splitlines() if line.startswith("lenet5 ")] == [*"124124"]
    assert "knee" in out


def test_saved_runs_are_shown_side_by_side(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, threads in (("one", "1"), ("two", "2")):
        arguments = ["compare", "lenet5", "--threads", threads, "--budget", "0.3", "--format", "json"]
        assert run([*arguments, "-o", f"{name}.json", "--quiet"]) == 0  # a busy machine's first call has a notice
    assert run(["compare", "--from", "one.json", "two.json"]) == 0
    out, err = capsys.readouterr()
    assert "lenet5 (one)" in out
    assert "threads: 1 and 2" in out
    assert err == ""
    assert run(["compare", "two.json", "--from", "one.json", "--format", "csv", "--quiet"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["run"], row["verdict"]) for row in rows] == [("one", ""), ("two", "cannot tell")]


def test_a_setting_is_in_the_note(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--dtype", "bf16", "--memory-format", "channels_last", "--cold-cache", "--budget", "0", "--threads", "1"]
    assert run(["compare", "lenet5", *options]) == 0
    assert "bf16, channels_last, eager, cold caches" in capsys.readouterr().out


def test_show_says_where_the_cost_sits_and_which_heads_do_not_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["show", "googlenet"]) == 0
    out = capsys.readouterr().out
    assert "inception_3a" in out
    assert "6,379,728" in out


@pytest.mark.parametrize("by", ["module", "kind", "block", "op"])
def test_show_groups_and_its_rows_add_up(by: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["show", "googlenet", "--by", by, "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert sum(int(row["mult_adds"]) for row in rows) == 1_582_671_872
    assert sum(int(row["params"]) for row in rows) == 6_998_552


def test_show_verify_explains_the_differences(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["show", "mobilenet_v2", "--verify"]) == 0
    out = capsys.readouterr().out
    assert "batch_norm" in out
    assert "FlopCounterMode agrees" in out


def test_an_argument_and_an_input_reach_the_architecture(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["show", "net.py:Net", "--arg", "width=6", "--input", "2x3x10x10", "--format", "json"]
    assert run(arguments) == 0
    assert json.loads(capsys.readouterr().out)["mult_adds"] == 2 * 8 * 8 * 6 * 3 * 3 * 3


def test_train_mode_runs_the_auxiliary_heads(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["show", "googlenet", "--train", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["params"] == 6_998_552 + 6_379_728


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "inception_v1"], "module:inception_v1"),
        (["show", "net.py:number", "--input", "1x3x8x8"], "expected an nn.Module"),
        (["show", "net.py:Raising", "--input", "1x3x8x8"], "broken on purpose (net.py:14)"),
        (["show", "net.py:Looking", "--input", "1x3x8x8"], "--concrete"),
        (["show", "googlenet", "--input", "1x0x8x8"], "size of 0"),
        (["show", "googlenet", "-o", "."], "folder"),
        (["compare", "googlenet", "--batch", "0"], "--batch"),
        (["compare", "googlenet", "--memory-format", "channels"], "channels_last"),
        (["compare", "googlenet", "--backend", "inductor"], "eager, compile"),
        (["compare", "--from", "."], "'.' cannot be read"),
        (["compare", "--from", "net.py", "googlenet"], "no file 'googlenet'"),
        (["compare", "--from", "net.py", "--device", "cpu"], "--device"),
        (["nonsense"], "nonsense"),
    ],
)
def test_a_wrong_request_gets_one_line_and_its_exit_code(
    arguments: list[str], said: str, net: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(net.iterdir())
    assert said in refused(capsys, arguments)
    assert [path for path in sorted(net.iterdir()) if path.name != "__pycache__"] == before


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_cuda_without_a_gpu_names_the_build_and_offers_the_cpu(capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(capsys, ["compare", "googlenet", "--device", "cuda"], 3)
    assert torch.__version__ in said
    assert "--device cpu" in said
    assert "--device none" in said


def test_an_unknown_operator_is_listed_and_fails_under_strict(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["show", "net.py:Unknown", "--input", "1x3x8x8"]
    assert run(arguments) == 0
    out = capsys.readouterr().out
    assert "netcost_cli_test.mystery (1)" in out
    assert "≥" in out
    assert run([*arguments, "--strict"]) == 1
    assert "netcost_cli_test.mystery" in capsys.readouterr().err


def test_concrete_traces_a_model_that_looks_at_values(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["show", "net.py:Looking", "--input", "1x3x8x8", "--concrete", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["unknown_ops"] == {}


def test_one_failing_model_leaves_the_others_and_sets_the_exit_code(
    net: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["compare", "net.py:Net", "net.py:Raising", "--input", "1x3x8x8", "--device", "none"]) == 2
    out, err = capsys.readouterr()
    assert "net.py:Net" in out
    assert "broken on purpose" in err


def test_an_internal_error_shows_its_traceback_and_ends_with_70(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(*_: object, **__: object) -> None:
        raise AssertionError("a slip of ours")

    monkeypatch.setattr("netcost.counting.analysis.analyze", explode)
    assert run(["show", "lenet5"]) == 70
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert "a slip of ours" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lenet5", "--budget", "0"], "netcost compare lenet5 --budget 0"),
        (["lenet5", "--arg=num_classes=7"], "netcost compare lenet5 --arg=num_classes=7"),
        (["lenet5", "-i", "1x1x32x32"], "netcost compare lenet5 -i 1x1x32x32"),
        (["{}/net.py:Net", "-i", "1x3x8x8"], "netcost compare net.py:Net -i 1x3x8x8"),
        (["{}/run=1/net.py:Net", "-i", "1x3x8x8"], "netcost compare net.py:Net -i 1x3x8x8"),
    ],
)
@pytest.mark.parametrize(("output", "flags"), [("-o", ""), ("-qo", " -q")])
def test_what_was_measured_knows_its_command_and_no_folder_of_this_machine(
    net: Path, arguments: list[str], said: str, output: str, flags: str
) -> None:
    (net / "run=1").mkdir()
    (net / "run=1" / "net.py").write_text(NET)
    written = [output, str(net / "out.json"), "--device", "none", "--format=json"]
    assert run(["compare", *(argument.format(net) for argument in arguments), *written]) == 0
    text = (net / "out.json").read_text()
    assert json.loads(text)["command"] == f"{said}{flags} --device none --format=json"
    assert str(net) not in text


def test_an_absolute_path_can_be_timed_in_a_process_of_its_own(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["compare", f"{net}/net.py:Net", "-i", "1x3x8x8", "--isolate", "--budget", "0", "--format", "csv"]
    assert run(command) == 0
    [row] = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert row["model"] == "net.py:Net"


def test_an_interrupt_ends_with_130(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("netcost.counting.analysis.analyze", interrupt)
    assert run(["show", "lenet5"]) == 130
    assert capsys.readouterr().err == "netcost: interrupted\n"


def test_debug_shows_the_traceback_of_a_users_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["show", "googlnet", "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    command = f"{sys.executable} -m netcost show googlenet --by op --format csv | head -1"
    result = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, check=False)
    assert result.returncode == 0
    assert result.stderr == ""
    assert result.stdout.startswith("index,op,kind")


def test_a_terminal_gets_its_width_and_no_color_is_honoured(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert run(["compare", "googlenet", "mobilenet_v2", "vgg16", "resnet50", "--device", "none"]) == 0
    coloured = capsys.readouterr().out
    assert "\x1b[" in coloured
    monkeypatch.setenv("NO_COLOR", "1")
    assert run(["compare", "googlenet", "mobilenet_v2", "vgg16", "resnet50", "--device", "none"]) == 0
    plain = capsys.readouterr().out
    assert "\x1b[" not in plain
    assert max(map(len, plain.splitlines())) <= 60
    assert plain.count("1.58 G") == 1
