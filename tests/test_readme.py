"""What the README shows, works."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fixed_results import put_in_place

from netcost.checking import config
from netcost.claims import CLAIMS, ERRATA
from netcost.cli.app import run as run_command
from netcost.prediction.evidence.facts import measured_settings

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def block_with(words: str) -> str:
    [found] = [block for block in BLOCKS if words in block]
    return found


def run(script: str) -> str:
    """In a process of its own: what the README registers would stay registered here."""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_section_on_adding_your_own_is_a_working_example() -> None:
    asked = """
import netcost
from netcost.counting.recount import recount

analysis = netcost.analyze("tiny_net")
print(analysis.params, analysis.mult_adds, *(each.agreement for each in recount("tiny_net")))
"""
    printed = run(block_with("@architecture") + asked)
    params = 3 * 8 * 9 + 8 + 8 * 10 + 10
    mult_adds = 30 * 30 * 8 * 3 * 9 + 8 * 10
    assert printed.split() == [str(params), str(mult_adds), "agrees"]


def test_the_settings_shown_are_settings(tmp_path: Path) -> None:
    [settings] = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    (tmp_path / "pyproject.toml").write_text(settings)
    [guard] = config.load(str(tmp_path / "pyproject.toml")).guards
    assert guard.limits.budget["params"].bound == 5_000_000


def test_the_library_section_runs() -> None:
    run(block_with("@netcost.rule").replace('device="cpu"', 'device="none"'))


SHORTENED = {
    "compare": "--device cpu --threads 1 --budget 0",
    "guidelines": "--from guidelines.json --device none",
    "calibrate": "--from times.csv",
    "evidence": "--table rtx3090",
}
"""What is added to a command, so that it takes seconds and needs no GPU; what is timed alone is a fixed result."""


def test_what_explains_latency_in_a_runtime_is_what_the_report_says() -> None:
    name = "reports/guidelines-networks-amd-epyc-onnxruntime"
    study = json.loads((Path(__file__).parent.parent / f"{name}.json").read_text(encoding="utf-8"))
    errors = {row["metric"]: row["median_error"] for row in study["networks"]["explanations"]}
    mult_adds, memory_access = [round(100 * errors[metric]) for metric in ("mult_adds", "memory_access")]
    told = f"it is {mult_adds} % against {memory_access} % over the zoo ([study]({name}.md))"
    assert told in " ".join(README.split())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with all that the commands read."""
    put_in_place(tmp_path, monkeypatch)
    for name in ("before.json", "after.json"):
        shutil.copy("compare.json", name)
    (tmp_path / "netcost.toml").rename(tmp_path / "settings.toml")
    settings = (tmp_path / "settings.toml").read_text()
    tables = settings.replace("[[targets]]", "[[tool.netcost.targets]]")
    (tmp_path / "pyproject.toml").write_text(f"[tool.netcost]\n{tables}")
    families = (
        "googlenet vgg16 resnet18 mobilenet_v2 densenet121 inception_v3 squeezenet1_0 resnext50_32x4d nin alexnet"
    )
    rows = (f"{name},{batch},{batch * 5.0}\n" for name in families.split() for batch in (64, 256))
    (tmp_path / "times.csv").write_text("target,batch,ms\n" + "".join(rows))


SKILL = (Path(__file__).parent.parent / "examples" / "SKILL.md").read_text(encoding="utf-8")
LINES = [line for text in (README, SKILL) for line in text.splitlines() if line.startswith("netcost ")]


@pytest.mark.parametrize("line", LINES, ids=lambda line: re.sub(r"\s{3,}.*", "", line))
@pytest.mark.usefixtures("folder")
def test_every_command_shown_runs(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = shlex.split(re.sub(r"\s{3,}.*", "", line))[1:]
    more = "" if words[0] == "compare" and "--from" in words else SHORTENED.get(words[0], "")
    code = 1 if words[0] == "check" else 0  # the baseline in the folder has smaller figures
    assert run_command([*words, *more.split()]) == code, capsys.readouterr().err


def test_the_numbers_of_statements_are_those_of_the_claims() -> None:
    written = [int(number) for number in re.findall(r"\[(\d+) (?:statements|figures)\]", README)]
    assert written == [len(CLAIMS), len(ERRATA)]
    assert [int(number) for number in re.findall(r"asks (\d+) settings", README)] == [len(list(measured_settings()))]


def test_the_skill_names_every_exit_code_of_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["--help"]) == 0
    told = re.sub(r"\s+", " ", capsys.readouterr().out).partition("Exit codes: ")[2].partition(". ")[0]
    codes = re.findall(r"(?:^|; )(\d+)", told)
    assert len(codes) == 6
    assert re.findall(r"^\| (\d+) \|", SKILL, re.MULTILINE) == codes
