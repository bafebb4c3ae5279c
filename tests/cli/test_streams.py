"""Standard output of any encoding, full, closed, or with a reader that has gone; which format a file gets."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

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
