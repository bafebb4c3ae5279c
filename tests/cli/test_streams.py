"""Standard output of any encoding, full, closed, or with a reader that has gone; which format a file gets."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from commands import refused

from netcost.cli import output
from netcost.cli.app import run
from netcost.text.notices import Notice

NETCOST = [sys.executable, "-m", "netcost"]


def started(line: str, **how: object) -> subprocess.CompletedProcess[bytes]:
    encoding = str(how.pop("encoding", "utf-8"))
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    kept = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **how}
    return subprocess.run([*NETCOST, *line.split()], env=environment, check=False, **kept)  # type: ignore[call-overload]


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_any_encoding_of_standard_output_is_written_to(encoding: str) -> None:
    ended = started("list lenet5", encoding=encoding)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert b"lenet5" in ended.stdout
    assert b"?" not in ended.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk to write to")
@pytest.mark.parametrize("line", ["list lenet5", "--help"])
def test_a_full_disk_is_said_in_a_line(line: str) -> None:
    with Path("/dev/full").open("wb") as full:
        ended = started(line, stdout=full)
        assert started("show", stderr=full).returncode == 2
    assert ended.returncode == 2
    assert ended.stderr.count(b"\n") == 1
    assert b"No space left" in ended.stderr


@pytest.mark.parametrize("line", ["list", "--help"])
def test_a_reader_that_has_gone_ends_nothing_badly(line: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        ended = started(line, stdout=pipe)
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_no_standard_output_is_no_fault() -> None:
    shell = ["sh", "-c", f"{sys.executable} -m netcost list lenet5 >&-"]
    ended = subprocess.run(shell, capture_output=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")


BEGINNINGS = {
    "a.html": b"<!DOCTYPE html>",
    "a.md": b"| lenet5 |",
    "a.csv": b"module,",
    "a.json": b"{",
    "a.tex": b"\\begin",
    "a.svg": b"<svg",
    "a.png": b"\x89PNG",
    "a.pdf": b"%PDF",
    "a.txt": b"lenet5",
}


@pytest.mark.parametrize("name", BEGINNINGS)
def test_the_suffix_of_the_file_decides_the_format(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["show", "lenet5", "-o", name]) == 0
    assert Path(name).read_bytes().lstrip().startswith(BEGINNINGS[name])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("show lenet5 -o a.csv --format json", "suffix says csv"),
        ("show lenet5 -o a.svg --format html", "suffix says svg"),
        ("list -o a.svg", "'a.svg' for this command"),
        ("explain drift -o a.csv", "expected one of table, markdown, json"),
    ],
)
def test_a_suffix_and_a_format_that_contradict_are_refused(
    line: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said in refused(capsys, line.split())


def test_without_a_terminal_there_is_a_line_of_progress_every_ten_seconds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "LINE_EVERY_S", 10.0)
    times = iter([0.0, 4.0, 9.0, 11.0, 15.0, 20.5, 21.5])
    show = output.progress_lines(lambda: next(times))
    for index in range(6):
        show(index / 6, Notice("takes long") if index == 0 else f"round {index}")
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["netcost: takes long", "netcost: 33 % after 11 s, round 2", "netcost: 83 % after 22 s, round 5"]
