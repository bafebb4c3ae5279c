"""Golden files: what was printed once, kept to be compared byte for byte.

After a change that is meant, renew all of them and read the difference before it is committed:

    NETCOST_RENEW_GOLDEN=1 python -m pytest tests -k golden
    git diff tests/golden
"""

import os
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

import netcost

GOLDEN = Path(__file__).parent / "golden"

OF_PYTHON_311 = pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="from 3.12 on, Python's sum() rounds better, and an Enum has another signature"
)
"""For a golden file with the last digits of a sum, or with the signature of an Enum."""


def require_golden(name: str, text: str) -> None:
    """Compare a text with its golden file, or write that file where the golden files are to be renewed."""
    path = GOLDEN / name
    if os.environ.get("NETCOST_RENEW_GOLDEN") == "1":
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode())
        pytest.skip(f"{name} was renewed, not compared")
    assert text == path.read_bytes().decode()


def golden_names(pattern: str) -> set[str]:
    """Of the golden files there are, relative to their folder."""
    return {path.relative_to(GOLDEN).as_posix() for path in GOLDEN.glob(pattern)}


def without_version(text: str) -> str:
    """A text in which the version of netcost that runs here is called VERSION."""
    ours = re.escape(netcost.__version__)
    return re.sub(rf"""((?:netcost|version|this with)["'=:\s]+){ours}\b""", r"\1VERSION", text)


def page_text(page: str) -> str:
    """What a reader of a page sees, a line a block or a row; headings carry as many # as they are deep."""
    reader = _Reader()
    reader.feed(page)
    lines = (re.sub(r"\s+", " ", line).strip(" |") for line in "".join(reader.parts).split("\n"))
    return "".join(f"{line}\n" for line in lines if line)


class _Reader(HTMLParser):
    """Collects the text outside of styles and scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002  # as HTMLParser calls it
        self._hidden += tag in ("style", "script")
        if re.fullmatch("h[1-6]", tag):
            self.parts.append("\n" + "#" * int(tag[1]) + " ")
        elif tag in ("td", "th"):
            self.parts.append(" | ")
        elif tag in _BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("style", "script")
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(re.sub(r"\s+", " ", data))


_BLOCKS = """
address article body caption dd details div dl dt figcaption figure footer h1 h2 h3 h4 h5 h6 header li main nav ol p pre
section summary table tbody thead title tr ul
""".split()
