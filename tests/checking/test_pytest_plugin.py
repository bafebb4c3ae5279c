"""The fixture `netcost`, in runs of pytest on tests of a project's own."""

import json
import os
import subprocess
import sys

import pytest
from commands import PLUGIN

pytest_plugins = ["pytester"]

NET = """
from torch import nn

class Net(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, bias=False)
        self.body = nn.Conv2d(8, width, 3, bias=False)
    def forward(self, x):
        return self.body(self.stem(x).relu())
"""
PARAMS = 3 * 8 * 9 + 8 * 16 * 9
INPUT = "(1, 3, 34, 34)"


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makepyfile(net=NET)
    pytester.syspathinsert()
    return pytester


def ran(project: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return project.runpytest_inprocess("-p", PLUGIN, "-p", "no:cacheprovider", *arguments)


def write(project: pytest.Pytester, *lines: str, width: int = 16) -> None:
    body = "".join(f"    {line}\n" for line in lines)
    (project.path / "test_net.py").write_text(
        f"from net import Net\nimport torch\n\ndef test_cost(netcost):\n    net = Net({width})\n{body}"
    )


def test_a_budget_that_holds_passes(project: pytest.Pytester) -> None:
    write(project, f'netcost.check(net, {INPUT}, params="<= {PARAMS}", unknown_ops="== 0")')
    ran(project).assert_outcomes(passed=1)


def test_a_broken_budget_reads_like_the_command_and_shows_no_traceback(project: pytest.Pytester) -> None:
    write(project, f'netcost.check(net, {INPUT}, params="<= {PARAMS - 1}")')
    result = ran(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "netcost check: 1 of 1 targets fails (budgets alone, no baseline)",
            "FAILS *test_net.py::test_cost * net.py",
            "test_net.py::test_cost: FAILS",
            f"FAILS*Params*{PARAMS:,}*budget <= {PARAMS - 1}*",
            "to accept: change budget.params of 'test_net.py::test_cost' in 'test_net.py'",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*pytest_plugin*")
    result.stdout.no_fnmatch_line("*def test_cost*")


def test_a_copy_of_the_tree_s_code_is_a_warning_and_strict_fails(project: pytest.Pytester) -> None:
    write(project, f'netcost.check(net, {INPUT}, params="<= {PARAMS}")')
    copies = project.mkdir("site-packages")
    (copies / "net.py").write_text(NET)
    project.syspathinsert(copies)
    (project.mkdir("python") / "net.py").write_text(NET)
    (project.path / "net.py").unlink()
    result = ran(project)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*'net' was imported from 'site-packages/net.py'*"])
    ran(project, "--netcost-strict").assert_outcomes(failed=1)
    ran(project, "--netcost-strict", "-o", "pythonpath=python").assert_outcomes(passed=1)


@pytest.mark.parametrize("ending", ["os._exit(0)", "sys.exit(0)"])
def test_a_model_that_ends_the_process_fails_its_test(ending: str, project: pytest.Pytester) -> None:
    code = NET.replace("return self.body", f"{ending}; return self.body")
    project.makepyfile(net=f"import os, sys\n{code}")
    write(project, f'netcost.check(net, {INPUT}, params="<= {PARAMS}")')
    leave = os._exit
    ran(project).assert_outcomes(failed=1)
    assert os._exit is leave


def test_a_snapshot_is_recorded_compared_and_renewed(project: pytest.Pytester) -> None:
    write(project, f"netcost.snapshot(net, {INPUT})")
    result = ran(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*'test_cost' has no entry in 'test_net.netcost.json'"])
    result.stdout.fnmatch_lines(["to accept: pytest --netcost-update test_net.py::test_cost (writes *"])

    result = ran(project, "--netcost-update")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["netcost: 1 recorded in 'test_net.netcost.json'"])
    recorded = json.loads((project.path / "test_net.netcost.json").read_text())
    assert recorded["targets"]["test_cost"]["totals"]["params"] == PARAMS
    ran(project).assert_outcomes(passed=1)

    write(project, f"netcost.snapshot(net, {INPUT})", width=24)
    result = ran(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["test_net.py::test_cost: FAILS", "FAILS*Params*+576*no increase*", "body*changed*+576*"]
    )
    ran(project, "--netcost-update").assert_outcomes(passed=1)
    ran(project).assert_outcomes(passed=1)


def test_a_snapshot_has_tolerances_and_several_have_names(project: pytest.Pytester) -> None:
    lines = [
        f'netcost.snapshot(net, {INPUT}, params="50%")',
        f"netcost.snapshot(net, {INPUT})",
        f"netcost.snapshot(net, {INPUT}, name='again')",
    ]
    write(project, *lines)
    ran(project, "--netcost-update").assert_outcomes(passed=1)
    recorded = json.loads((project.path / "test_net.netcost.json").read_text())
    assert list(recorded["targets"]) == ["test_cost", "test_cost 2", "test_cost again"]
    write(project, lines[0], width=17)
    result = ran(project)
    result.stdout.fnmatch_lines(["tolerated*Params *+72*at most 50% more*"])
    write(project, lines[2], lines[2])
    ran(project).stdout.fnmatch_lines(["*are called 'again'*"])


def test_an_improvement_fails_only_where_nothing_may_differ(project: pytest.Pytester) -> None:
    write(project, f"netcost.snapshot(net, {INPUT})")
    ran(project, "--netcost-update").assert_outcomes(passed=1)
    write(project, f"netcost.snapshot(net, {INPUT})", width=8)
    ran(project).assert_outcomes(passed=1)
    write(project, f"netcost.snapshot(net, {INPUT}, exact=True)", width=8)
    ran(project).assert_outcomes(failed=1)


def test_other_entries_stay(project: pytest.Pytester) -> None:
    write(project, f"netcost.snapshot(net, {INPUT})")
    ran(project, "--netcost-update").assert_outcomes(passed=1)
    (project.path / "test_net.py").write_text(
        (project.path / "test_net.py").read_text().replace("test_cost", "test_other")
    )
    ran(project, "--netcost-update").assert_outcomes(passed=1)
    recorded = json.loads((project.path / "test_net.netcost.json").read_text())
    assert list(recorded["targets"]) == ["test_cost", "test_other"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f'netcost.check(net, {INPUT}, parms="<= 5M")', "netcost: unknown metric 'parms'; did you mean params?"),
        (f'netcost.check(net, {INPUT}, params="5M")', "netcost: '5M' is not a budget*"),
        (f"netcost.check(net, {INPUT})", "netcost.check has no budget*"),
        ('netcost.check(net, (1, 5, 34, 34), params="<= 5M")', "netcost: the forward pass raised*"),
        ('netcost.check("googlnet", params="<= 5M")', "netcost: unknown architecture 'googlnet'*"),
        ('netcost.check("weights.pt", params="<= 5M")', "netcost: 'weights.pt' is a pickle*"),
        (f'netcost.snapshot(net, {INPUT}, params="lots")', "netcost: 'lots' is not a quantity*"),
    ],
)
def test_a_wrong_request_fails_in_one_line(line: str, said: str, project: pytest.Pytester) -> None:
    write(project, line)
    result = ran(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([said])
    result.stdout.no_fnmatch_line("*pytest_plugin.py*")


def test_a_damaged_file_is_refused_and_not_overwritten(project: pytest.Pytester) -> None:
    write(project, f"netcost.snapshot(net, {INPUT})")
    file = project.path / "test_net.netcost.json"
    file.write_text("<<<<<<< HEAD")
    ran(project).stdout.fnmatch_lines(["netcost: baseline 'test_net.netcost.json' is damaged*"])
    result = ran(project, "--netcost-update")
    result.stdout.fnmatch_lines(["netcost: baseline 'test_net.netcost.json' is damaged*"])
    assert result.ret != 0
    assert file.read_text() == "<<<<<<< HEAD"


def test_workers_of_xdist_record_together(project: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    for name in ("test_one", "test_two"):
        (project.path / f"{name}.py").write_text(
            "from net import Net\nimport pytest\n\n@pytest.mark.parametrize('width', [4, 8, 16])\n"
            f"def {name}(netcost, width):\n    netcost.snapshot(Net(width), {INPUT})\n"
        )
    command = [sys.executable, "-m", "pytest", "-p", PLUGIN, "-p", "no:cacheprovider", "-n", "2"]
    subprocess.run([*command, "--netcost-update"], cwd=project.path, check=True, capture_output=True)
    for name in ("test_one", "test_two"):
        recorded = json.loads((project.path / f"{name}.netcost.json").read_text())
        assert list(recorded["targets"]) == [f"{name}[16]", f"{name}[4]", f"{name}[8]"]
        assert recorded["torch"]


def test_a_run_that_does_not_ask_for_it_imports_nothing_heavy(project: pytest.Pytester) -> None:
    (project.path / "test_plain.py").write_text(
        "import sys\n\ndef test_plain():\n"
        "    assert not {'torch', 'pandas', 'numpy', 'networkx', 'rich', 'typer'} & set(sys.modules)\n"
    )
    project.runpytest_subprocess("-p", PLUGIN, "-p", "no:hypothesispytest").assert_outcomes(passed=1)
