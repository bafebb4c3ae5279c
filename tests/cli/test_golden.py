"""What a user meets, held still: what every command prints in every format, and the names that programs rely on.

Results that were timed are fixed ones (fixed_results.py); how the golden files are renewed stands in golden_files.py.
Of a page, only what a reader of its text sees is kept.
"""

import inspect
import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import commands
from fixed_results import put_in_place
from golden_files import GOLDEN, OF_PYTHON_311, golden_names, page_text, require_golden, without_version

import netcost
from netcost.cli.app import run

TABLES = "table markdown csv json latex html".split()
CHECKS = "table markdown csv json github junit".split()
ALL = list(dict.fromkeys(TABLES + CHECKS))
EXPLAINED = "table markdown json".split()
FIRST = "list show compare profile device guidelines claims baseline-show check explain".split()
"""A case of every command that has formats."""

CASES = {
    "list": "list 'shufflenet_v2*'",
    "list-check": "list 'lenet5*' --check --why",
    "show": "show lenet5",
    "show-kind": "show mobilenet_v1_0_25 --by kind",
    "show-file": "show net.py:Net --input 1x3x34x34 --by module --batch 2 --arg width=8",
    "show-peaks": "show lenet5 --by op --peaks peaks.json",
    "show-verify": "show lenet5 --by block --verify",
    "compare": "compare --from compare.json",
    "compare-sweep": "compare --from sweep.json",
    "compare-runs": "compare --from compare.json sweep.json --quiet",
    "compare-counted": "compare lenet5 alexnet --device none --peaks peaks.json",
    "profile": "profile lenet5",
    "profile-module": "profile net.py:Net --input 1x3x34x34 --by module --peaks peaks.json",
    "device": "device",
    "guidelines": "guidelines --from guidelines.json --device none",
    "guidelines-networks": "guidelines networks --from networks.json --device none",
    "claims": "claims 'inception-3a-*'",
    "claims-one": "claims inception-854-358",
    "claims-errata": "claims 'googlenet-[5c]*' --errata",
    "baseline-show": "baseline show --config netcost.toml",
    "check": "check --config netcost.toml",
    "check-exact": "check narrow --exact --config netcost.toml",
    "explain": "explain",
    "explain-one": "explain memory_access",
}

FEWER = {
    "compare-runs": ["table"],
    "show-verify": ["table", "csv", "json"],
    "claims-errata": ["table", "markdown", "json"],
}
"""Formats of cases that differ from another case of their command in these alone."""

FORMATS = {"check": CHECKS, "explain": EXPLAINED}
CELLS = [(case, name) for case in CASES for name in FEWER.get(case) or FORMATS.get(case.partition("-")[0]) or TABLES]
UNROUNDED = [("profile-module", "csv"), ("profile-module", "json")]

# A known fault, to be seen in the golden files: `show --verify --format csv` writes two tables in one file.

NARROW = "list show compare profile device claims-one check explain-one".split()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    put_in_place(tmp_path, monkeypatch)
    return tmp_path


def printed(capsys: pytest.CaptureFixture[str], line: str) -> str:
    """What a command line prints; how it ends and what it complains of, too, where that is not nothing."""
    code = run(shlex.split(line))
    out, err = capsys.readouterr()
    return still(out + (f"exit code {code}\n{err}" if code or err else ""))


def still(text: str) -> str:
    """A text without what varies: the version, guesses of another typer, and digits that depend on the processor."""
    text = re.sub(r" \(Possible options: [^)]*\)", "", text)
    return re.sub(r"\d+\.\d{12,}(e-?\d+)?", lambda found: f"{float(found[0]):.10g}", without_version(text))


@pytest.mark.parametrize(
    ("case", "name"), [pytest.param(*cell, marks=OF_PYTHON_311 if cell in UNROUNDED else ()) for cell in CELLS]
)
def test_a_command_prints_its_golden_file(case: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, f"{CASES[case]} --format {name}")
    require_golden(f"commands/{case}.{name}", page_text(text) if name == "html" else text)


@pytest.mark.parametrize("case", NARROW)
def test_a_narrow_terminal_gets_its_golden_file(
    case: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    require_golden(f"commands/{case}.40", printed(capsys, CASES[case]))


def test_a_baseline_that_is_updated_is_its_golden_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = printed(capsys, "baseline update --config netcost.toml")
    recorded = still((folder / "baseline.json").read_text())
    require_golden("commands/baseline-update.txt", f"{said}\nbaseline.json:\n{recorded}")


def test_a_report_says_what_it_wrote(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", "-o", "site"]) == 0
    require_golden("commands/report.txt", capsys.readouterr().out)


def test_what_is_refused_gets_its_golden_line(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [f"{CASES[case]} --format {name}" for case in FIRST for name in ALL if (case, name) not in CELLS]
    lines += ["baseline update --format json", "report -o site --format json", *REFUSED]
    said = [f"$ netcost {line}\n{printed(capsys, line)}" for line in lines]
    require_golden("commands/refused.txt", "\n".join(said))


REFUSED = """
show googlnet
show net.py:Nut
show net.py:Net
show nothere.py:Net
show net.py
show net
show netcost.toml:Net
show no_such_package.x:Net
show weights.pth
show net.py:nn --input 1x3x8x8
show net.py:Net --input 1x3x34x34 --arg wdth=3
show net.py:Net --input 1x3x34x34 --arg width=wide
show net.py:Net --input 1x5x34x34
show lenet5 --input 1xx
show lenet5 --arg width
show lenet5 --by colour
show lenet5 --peaks nothere.json
show lenet5 -o no/such/folder/file
compare
compare lenet5 --batch 1,1
compare lenet5 --batch two
compare lenet5 --device tpu
compare lenet5 --dtype fp99
compare --from nothere.json
compare --from compare.json --threads 2
compare --from net.py
guidelines g9
guidelines --from compare.json
claims no-such-claim
list 'nothing*'
check nothing
check --config nothere.toml
check --latency-limit 5%
explain memory_acess
baseline show nothing --config netcost.toml
""".strip().splitlines()


# ---- names ----------------------------------------------------------------------------------------------------------


@OF_PYTHON_311
def test_the_names_of_python_are_their_golden_file() -> None:
    lines = [line for name in netcost.__all__ for line in signatures(name, getattr(netcost, name))]
    require_golden("names/python.txt", "".join(f"{line}\n" for line in lines))


def signatures(name: str, value: Any) -> Iterator[str]:
    """How a public name is called, and what a class has."""
    if not callable(value):
        yield name
        return
    is_class = inspect.isclass(value)
    called = str(inspect.signature(value.__init__ if is_class and issubclass(value, Exception) else value))
    yield name + without_version(re.sub(r" at 0x[0-9a-f]+|ForwardRef\(('\w+')\)", r"\1", called))
    if is_class:
        ours = [kind for kind in value.__mro__ if kind.__module__.startswith("netcost")]
        has = {attribute for kind in ours for attribute in (*vars(kind), *getattr(kind, "__dataclass_fields__", ()))}
        yield from (f"{name}.{attribute}" for attribute in sorted(has) if not attribute.startswith("_"))


def test_the_options_of_every_command_are_their_golden_file(capsys: pytest.CaptureFixture[str]) -> None:
    lines = []
    for command in ("", "baseline", *commands()):
        assert run([*command.split(), "--help"]) == 0
        written = capsys.readouterr().out
        arguments = re.findall("[A-Za-z]+", written.partition("[OPTIONS]")[2].partition("\n")[0])
        lines.append(" ".join(["netcost", *command.split(), *arguments]) + "\n")
        lines += [f"  {option}\n" for option in re.findall(r"^  (-[-\w]+(?:, --[-\w]+)?)", written, re.MULTILINE)]
    require_golden("names/options.txt", "".join(lines))


def test_the_keys_of_every_json_are_their_golden_file() -> None:
    found: dict[str, set[str]] = {}
    for case in (case for case, name in CELLS if name == "json"):
        for path, kinds in key_paths(printed_json(case)).items():
            found.setdefault(f"{CASES[case].split()[0]} {path}", set()).update(kinds)
    lines = [f"{path}: {' | '.join(sorted(found[path]))}\n" for path in sorted(found)]
    require_golden("names/json.txt", "".join(lines))


def printed_json(case: str) -> Any:
    """The golden JSON of a case, up to how the command ended."""
    return json.JSONDecoder().raw_decode((GOLDEN / f"commands/{case}.json").read_text())[0]


def key_paths(value: Any, path: str = "$") -> dict[str, set[str]]:
    """Every path of keys in a JSON document with the types that it leads to; * is a key that is no name."""
    found: dict[str, set[str]] = {path: {KINDS[type(value)]}}
    inner = [("[]", part) for part in value] if isinstance(value, list) else []
    if isinstance(value, dict):
        are_names = all(re.fullmatch("[a-z0-9_]+", key) for key in value)
        inner = [(f".{key if are_names else '*'}", part) for key, part in value.items()]
    for step, part in inner:
        for below, kinds in key_paths(part, path + step).items():
            found.setdefault(below, set()).update(kinds)
    return found


KINDS = {dict: "object", list: "array", str: "string", int: "number", float: "number", bool: "boolean"}
KINDS[type(None)] = "null"


def test_every_golden_file_of_a_command_is_compared_with_something() -> None:
    expected = {f"{case}.{name}" for case, name in CELLS} | {f"{case}.40" for case in NARROW}
    expected |= {"baseline-update.txt", "refused.txt", "report.txt"}
    assert golden_names("commands/*") == {f"commands/{name}" for name in expected}
