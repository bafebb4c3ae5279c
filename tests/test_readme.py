"""What the README shows, works."""

import functools
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from commands import commands
from typer.testing import CliRunner

from netcost.checking import config

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


@pytest.mark.parametrize("line", [line for line in README.splitlines() if line.startswith("netcost ")])
def test_every_command_shown_parses(line: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    parsed: list[str] = []
    words = shlex.split(re.sub(r"\s{3,}.*", "", line))[1:]
    name = next(candidate for candidate in (" ".join(words[:2]), words[0]) if candidate in commands())
    words = words[len(name.split()) - 1 :]
    probe = typer.Typer()
    probe.callback()(lambda: None)

    def ran(*_: object, **__: object) -> None:
        parsed.append(words[0])

    probe.command(words[0])(functools.wraps(commands()[name])(ran))
    result = CliRunner().invoke(probe, words)
    assert result.exit_code == 0, result.output
    assert parsed == [words[0]]
