"""The scripts in `examples/` run as a reader would run them, and print what they promise."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
PROMISED = {
    "cost_of_your_module.py": ["cost added by squeeze-excitation", "params", "element-wise"],
    "cheapest_variant.py": ["100 variants", "cheapest: width="],
}


def test_every_example_is_run_here() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(PROMISED)


@pytest.mark.parametrize("name", sorted(PROMISED))
def test_an_example_prints_what_it_promises(name: str) -> None:
    result = subprocess.run([sys.executable, EXAMPLES / name], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    for words in PROMISED[name]:
        assert words in result.stdout
