"""Formats and the writing of files.

The golden files in `golden/formats_*` are the same fixed table in every format.
"""

import csv
import errno
import io
import json
import os
import re
import stat
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from golden_files import golden_names, require_golden
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.cells import cell_len

from netcost.text.errors import OutputError
from netcost.text.formats import csv_text, json_text, latex, markdown, result_text, terminal
from netcost.text.metrics import METRICS
from netcost.text.tables import Column, Table, from_records, printable, transposed
from netcost.text.units import AtLeast
from netcost.text.writing import write_text

TABLE = from_records(
    [
        Column("model", "Model"),
        *(METRICS[name] for name in ("params", "mult_adds", "memory_access", "max_fragments", "peak_memory_bytes")),
        Column("median_s", "Median", "seconds"),
        Column("ratio", "Ratio", "times"),
        Column("verdict", "Verdict"),
    ],
    [
        {
            "model": "torchvision:shufflenet_v2_x1_0",
            "params": 2_278_604,
            "mult_adds": 144_907_520,
            "memory_access": 17_999_499,
            "max_fragments": 5,
            "peak_memory_bytes": 12_345_678,
            "median_s": 0.0123,
            "ratio": 1.0,
        },
        {
            "model": "<script>alert('a|b')</script>",
            "params": 0,
            "mult_adds": AtLeast(999_950),
            "memory_access": AtLeast(0),
            "median_s": 1.5e-7,
            "ratio": 0.4199,
            "verdict": "faster",
        },
        {"model": "[red]x[/red]\x1b[31m`__init__`\n*y*", "max_fragments": 7, "verdict": "cannot tell"},
        {"model": 'features.denseblock1.denselayer1.conv1, "first"', "params": 12, "ratio": 12.0, "verdict": "slower"},
    ],
    title="Counted and timed at 1x3x224x224, [b]batch[/b] 1",
    notes=[
        "≥: 2 operators are unknown (mylib::a, mylib::b); the total leaves out their work. Add a rule for each.",
        "MAC: memory access cost, elements read + written.",
    ],
)
BY_METRIC = transposed(TABLE, "Metric")
TWICE = transposed(from_records(TABLE.columns, [dict(zip(TABLE.names, TABLE.rows[0], strict=True))] * 2), "Metric")

TEXTS = "table markdown csv json latex".split()

GOLDEN_TEXTS = {
    "table.txt": lambda: terminal.render(TABLE, width=None),
    "table_80.txt": lambda: terminal.render(TABLE, width=80),
    "table_40.txt": lambda: terminal.render(TABLE, width=40),
    "table.md": lambda: markdown.render(TABLE),
    "table.csv": lambda: csv_text.render(TABLE),
    "table.json": lambda: result_text(TABLE, "json"),
    "table.tex": lambda: latex.render(TABLE),
    "by_metric.txt": lambda: terminal.render(BY_METRIC, width=None),
    "by_metric_80.txt": lambda: terminal.render(BY_METRIC, width=80),
    "by_metric_40.txt": lambda: terminal.render(BY_METRIC, width=40),
    "by_metric.md": lambda: markdown.render(BY_METRIC),
    "by_metric.tex": lambda: latex.render(BY_METRIC),
    "by_metric.csv": lambda: csv_text.render(BY_METRIC),
    "by_metric.json": lambda: result_text(BY_METRIC, "json"),
}

words = st.text(st.sampled_from("abc_[]<>|`*\\&~ /.:é卷\x1b\n"), max_size=60)
numbers = st.one_of(st.none(), st.integers(0, 10**9), st.builds(AtLeast, st.integers(0, 10**9)))


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """Words first, then some numbers, then words again."""
    count = draw(st.integers(1, 7))
    columns = (Column("name", "Name"), *(Column("n", "Memory access", "exact"),) * count, Column("remark", "Remark"))
    rows = draw(st.lists(st.tuples(words, *[numbers] * count, words), max_size=4))
    return Table(columns, tuple(rows), draw(words), tuple(draw(st.lists(words, max_size=2))))


# --- every format


@pytest.mark.parametrize("name", GOLDEN_TEXTS)
def test_the_fixed_table_reads_as_its_golden_file(name):
    require_golden(f"formats_{name}", GOLDEN_TEXTS[name]())


def test_every_golden_file_is_compared_with_something():
    assert golden_names("formats_*") == {f"formats_{name}" for name in GOLDEN_TEXTS}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize(
    "table", [TABLE, BY_METRIC, TWICE, Table(TABLE.columns, ())], ids=["", "metric", "twice", "empty"]
)
def test_every_format_ends_with_one_newline_and_has_no_blanks_at_line_ends(name, table):
    text = result_text(table, name)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert not re.search(r"[ \t]$", text, re.MULTILINE)


@pytest.mark.parametrize("name", TEXTS)
def test_the_same_model_twice_is_shown_twice_in_every_format(name):
    shown = result_text(TWICE, name).replace("\\_", "_")  # as LaTeX writes it
    assert shown.count("torchvision:shufflenet_v2_x1_0") >= 2


def test_naming_the_formats_imports_no_renderer():
    probe = (
        "import sys, netcost.text.formats as f; loaded = {m for m in sys.modules if m.startswith(f.__name__ + '.')};"
        "sys.exit(f'{loaded}' if loaded or {'rich', 'pandas', 'numpy', 'torch'} & set(sys.modules) else 0)"
    )
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", probe], cwd=root).returncode == 0


# --- terminal


def plain(text: str) -> str:
    """`text` without colour codes, and without the blanks that they held in place."""
    return re.sub(r" +$", "", re.sub(r"\x1b\[[0-9;]*m", "", text), flags=re.MULTILINE)


def test_without_a_width_each_row_and_each_note_is_one_line():
    long = "features." * 40
    table = Table((Column("module", "Module"), METRICS["params"]), ((long, 5),), notes=(long,))
    lines = terminal.render(table, width=None).splitlines()
    assert [line.split() for line in (lines[2], lines[4])] == [[long, "5"], [long]]


def test_a_table_that_fits_exactly_is_not_split():
    natural = terminal.render(TABLE).splitlines()[3]
    width = cell_len(natural)
    assert terminal.render(TABLE, width=width).splitlines()[2:8] == terminal.render(TABLE).splitlines()[2:8]
    assert terminal.render(TABLE, width=width - 1).splitlines()[2:8] != terminal.render(TABLE).splitlines()[2:8]


def test_what_does_not_fit_goes_into_tables_below_that_repeat_the_first_column():
    spans = [
        terminal.ColumnWidth(0, 10, 30),
        terminal.ColumnWidth(1, 8, 8),
        terminal.ColumnWidth(2, 8, 8),
        terminal.ColumnWidth(3, 9, 12),
    ]
    assert terminal.groups(spans, 30) == [[(0, 10), (1, 8), (2, 8)], [(0, 16), (3, 12)]]
    assert terminal.groups(spans, 5) == [[(0, 10), (1, 8)], [(0, 10), (2, 8)], [(0, 10), (3, 9)]]
    assert terminal.groups(spans, 30, keys=2) == [[(0, 10), (1, 8), (2, 8)], [(0, 10), (1, 8), (3, 9)]]
    assert terminal.groups(spans, None) == [[(0, 30), (1, 8), (2, 8), (3, 12)]]


def test_a_number_that_is_wider_than_the_line_stands_alone_and_whole():
    table = Table((Column("a", "A"), Column("b", "B", "exact"), Column("c", "C", "exact")), (("x", 10**30, 10**31),))
    lines = terminal.render(table, width=20).split()
    assert f"{10**30:,}" in lines
    assert f"{10**31:,}" in lines


@settings(max_examples=60)
@given(tables(), st.integers(30, 100))
def test_no_line_is_too_long_and_no_number_is_cut(table, width):
    text = terminal.render(table, width=width)
    assert max(map(cell_len, text.splitlines())) <= width
    shown = set(re.findall(r"[0-9,]+", text))
    for row in range(len(table.rows)):
        for index in range(1, len(table.columns) - 1):
            assert set(re.findall(r"[0-9,]+", table.text(row, index))) <= shown


@settings(max_examples=60)
@given(tables(), st.integers(30, 100))
def test_folding_loses_no_letter_of_the_first_column(table, width):
    letters = re.sub(r"\s", "", "".join(printable(row[0]) for row in table.rows))
    only_names = Table(table.columns[:1], tuple(row[:1] for row in table.rows))
    assert re.sub(r"\s", "", terminal.render(only_names, width=width)).partition("─")[2].lstrip("─") == letters


@settings(max_examples=60)
@given(tables(), st.one_of(st.none(), st.integers(1, 100)))
def test_color_changes_no_character(table, width):
    colored = terminal.render(table, width=width, color=True)
    assert plain(colored) == terminal.render(table, width=width, color=False)


def test_color_is_there_when_asked_for_and_only_then():
    assert "\x1b[1m" in terminal.render(TABLE, color=True)
    assert "\x1b" not in terminal.render(TABLE, color=False)


@pytest.mark.parametrize("color", [True, False])
@pytest.mark.parametrize("width", [None, 70])
def test_the_environment_changes_nothing(width, color, monkeypatch):
    expected = terminal.render(TABLE, width=width, color=color)
    for name, value in {"COLUMNS": "20", "TERM": "dumb", "FORCE_COLOR": "1", "NO_COLOR": "1", "LC_ALL": "C"}.items():
        monkeypatch.setenv(name, value)
        assert terminal.render(TABLE, width=width, color=color) == expected


def test_markup_and_emoji_codes_of_rich_are_plain_text_to_us():
    table = Table(
        (Column("model", "[b]Model[/b]"),), (("[red]x[/red] :smile: [/]",),), "[i]T[/i]", ("[link=x]note[/link]",)
    )
    text = plain(terminal.render(table, color=True))
    for literal in ("[b]Model[/b]", "[red]x[/red] :smile: [/]", "[i]T[/i]", "[link=x]note[/link]"):
        assert literal in text


# --- markdown


def cells_on_github(text: str) -> list[str]:
    """The cells of a pipe table as a reader of the rendered page sees them."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    after = {"th_open", "td_open"}
    inlines = [token for before, token in pairwise(tokens) if before.type in after]
    assert all(child.type in {"text", "text_special"} for token in inlines for child in token.children or [])
    return ["".join(child.content for child in token.children or []) for token in inlines]


@given(words, words)
def test_any_name_reads_literally_in_markdown(heading, name):
    table = Table((Column("a", heading), METRICS["params"]), ((name, 5),))
    assert cells_on_github(markdown.render(table)) == [
        printable(heading).strip(),
        "Params",
        printable(name).strip(),
        "5",
    ]


@pytest.mark.parametrize(
    "name", ["&lt;b&gt;", "[a](b)", "![a](b)", "<http://a.b>", "~~a~~", "**a** __b__", "`a` | b", r"a\|b"]
)
def test_what_means_something_in_markdown_reads_literally_too(name):
    assert cells_on_github(markdown.render(Table((Column("model", "Model"),), ((name,),)))) == ["Model", name]


# --- csv


def test_csv_reads_back_as_the_bare_numbers():
    header, *rows = csv.reader(io.StringIO(csv_text.render(TABLE)))
    assert tuple(header) == TABLE.names
    assert rows[0][1:] == ["2278604", "144907520", "17999499", "5", "12345678", "0.0123", "1.0", ""]
    assert rows[1][:5] == ["<script>alert('a|b')</script>", "0", "999950", "0", ""]
    assert rows[2][0] == TABLE.rows[2][0]


def test_the_same_model_twice_has_two_keys():
    params = {"metric": "Params", "unit": "count", "torchvision:shufflenet_v2_x1_0": 2_278_604}
    params["torchvision:shufflenet_v2_x1_0_2"] = 2_278_604
    assert json.loads(result_text(TWICE, "json"))["rows"][0] == params
    assert next(csv.DictReader(io.StringIO(csv_text.render(TWICE)))) == {
        key: str(value) for key, value in params.items()
    }


@pytest.mark.parametrize("number", [float("nan"), float("inf"), AtLeast(float("-inf"))])
@pytest.mark.parametrize("name", ["csv", "json"])
def test_machines_are_given_no_number_that_is_none(name, number):
    with pytest.raises(ValueError, match=r"(nan|inf).* cannot stand in .*None"):
        result_text(Table((METRICS["params"],), ((number,),)), name)


# --- json


def test_json_reads_back_as_the_same_values_in_the_same_order():
    value = {
        "b": [1, 2.5, None],
        "a": {"empty": {}, "none": None, "list": []},
        "é\n": True,
        "t": ("x", {"y": [[1], [2]]}),
    }
    text = json_text.render(value)
    assert json.loads(text) == {**value, "t": ["x", {"y": [[1], [2]]}]}
    assert list(json.loads(text)) == ["b", "a", "é\n", "t"]


def test_json_is_indented_by_two_with_a_short_list_of_numbers_on_one_line_and_a_long_one_on_many():
    assert json_text.render(list(range(100))).count("\n") == 102
    assert json_text.render({"input": [1, 3, 224, 224], "doubts": ["Drift"], "ci95": (1.5, 2)}) == (
        '{\n  "input": [1, 3, 224, 224],\n  "doubts": [\n    "Drift"\n  ],\n  "ci95": [1.5, 2]\n}\n'
    )


json_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False),
        st.text(),
    ),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
)


@given(json_values)
def test_any_plain_value_is_json_in_ascii(value):
    text = json_text.render(value)
    assert json.loads(text) == value
    assert text.isascii()


@pytest.mark.parametrize("value", [{1: "a"}, {None: 1}, {"a": AtLeast(1)}, {"a": {1, 2}}, object()])
def test_json_refuses_what_it_cannot_hold(value):
    with pytest.raises(TypeError):
        json_text.render(value)


def test_a_table_as_json_keeps_zero_apart_from_missing_and_carries_notes_and_units():
    document = json.loads(result_text(TABLE, "json"))
    assert list(document) == ["title", "columns", "rows", "notes"]
    assert document["columns"][5] == {"name": "peak_memory_bytes", "heading": "Peak memory", "unit": "bytes"}
    assert document["rows"][1]["params"] == 0
    assert document["rows"][1]["max_fragments"] is None
    assert document["rows"][1]["mult_adds"] == 999_950
    assert document["notes"] == list(TABLE.notes)


# --- writing


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A report of an earlier run, private to its owner and group."""
    path = tmp_path / "report.md"
    path.write_text("old")
    path.chmod(0o640)
    return path


def assert_untouched(old: Path) -> None:
    assert old.read_text() == "old"
    assert [path.name for path in old.parent.iterdir()] == [old.name]


def test_a_new_file_holds_the_text_byte_for_byte_with_usual_permissions(tmp_path):
    umask = os.umask(0o027)
    try:
        write_text(tmp_path / "new.csv", "a,µ\n1,2\n")
    finally:
        os.umask(umask)
    assert (tmp_path / "new.csv").read_bytes() == b"a,\xc2\xb5\n1,2\n"
    assert stat.S_IMODE((tmp_path / "new.csv").stat().st_mode) == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["new.csv"]


def test_an_existing_file_is_replaced_and_keeps_its_permissions(old):
    before = old.stat().st_ino
    write_text(str(old), "new")
    assert old.read_text() == "new"
    assert stat.S_IMODE(old.stat().st_mode) == 0o640
    assert old.stat().st_ino != before
    assert len(list(old.parent.iterdir())) == 1


def test_a_link_stays_a_link_and_its_target_is_written(old, tmp_path):
    link = tmp_path / "latest.md"
    link.symlink_to(old.name)
    write_text(link, "new")
    assert link.is_symlink()
    assert old.read_text() == "new"


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_text(pipe, "new")
        assert os.read(reader, 10) == b"new"
    finally:
        os.close(reader)
    assert pipe.is_fifo()


def test_a_dash_is_the_name_of_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_text("-", "new")
    assert (tmp_path / "-").read_text() == "new"


def test_half_a_surrogate_does_not_stop_the_writing(tmp_path):
    write_text(tmp_path / "new.csv", "a\udc80b")
    assert (tmp_path / "new.csv").read_bytes() == rb"a\udc80b"


@pytest.mark.parametrize("step", ["open", "chmod", "replace"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), PermissionError(errno.EACCES, "denied")])
def test_a_failure_at_any_step_leaves_the_old_file_and_nothing_else(step, error, old, monkeypatch):
    def fail(*_args: object, **_options: object) -> None:
        raise error

    monkeypatch.setattr(Path, step, fail)
    with pytest.raises(OutputError):
        write_text(old, "new")
    monkeypatch.undo()
    assert_untouched(old)


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_before_the_text_is_safe_on_disk_leaves_the_old_file(error, old, monkeypatch):
    def fail(_descriptor: int) -> None:
        raise error

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else OutputError) as raised:
        write_text(old, "new")
    assert str(error).rpartition("] ")[2] in str(raised.value)
    assert_untouched(old)


def test_a_read_only_file_is_not_replaced_behind_its_owners_back(old, monkeypatch):
    monkeypatch.setattr(os, "access", lambda _path, mode: mode != os.W_OK)
    with pytest.raises(OutputError, match=r"report\.md': permission denied"):
        write_text(old, "new")
    assert_untouched(old)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("folder", "cannot write 'folder': it is a directory; name a file in it, like 'folder/netcost.json'"),
        ("new/", "cannot write 'new/': it is a directory; name a file in it, like 'new/netcost.json'"),
        ("", "cannot write '': it is a directory; name a file in it, like 'netcost.json'"),
        ("no/a.md", "cannot write 'no/a.md': there is no directory 'no'; create it first"),
        ("file/a.md", "cannot write 'file/a.md': 'file' is not a directory; choose another place"),
    ],
)
def test_an_error_says_in_one_line_what_came_why_it_failed_and_what_to_do(path, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError) as refused:
        write_text(path, "new")
    assert str(refused.value) == said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]
