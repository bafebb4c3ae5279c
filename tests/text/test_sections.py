"""A report of headings, paragraphs and tables, for a terminal and in Markdown."""

from netcost.text.formats.sections import as_markdown, as_terminal
from netcost.text.tables import Column, Section, Table

TABLE = Table((Column("name", "Name"), Column("params", "Params", "count")), (("net", 1500),), "Counted", ("a note",))
LONG = "word " * 40

REPORT = [
    Section("All of it", ("It has *one* part.",), level=1),
    Section("A part", (LONG.strip(),), (TABLE, TABLE)),
]


def test_markdown_has_headings_of_their_levels_and_blank_lines_between() -> None:
    assert as_markdown(REPORT[:1]) == "# All of it\n\nIt has \\*one\\* part.\n"
    table = "**Counted**\n\n| Name | Params |\n| --- | ---: |\n| net | 1.50 k |\n\n- a note\n"
    assert as_markdown(REPORT[1:]) == f"## A part\n\n{LONG.strip()}\n\n{table}\n{table}"


def test_a_terminal_gets_words_folded_at_80_or_at_its_width() -> None:
    text = as_terminal(REPORT)
    assert text.startswith("All of it\n\nIt has *one* part.\n\nA part\n\nword ")
    assert max(map(len, text.splitlines())) == 79  # sixteen words and the blanks between them
    assert max(map(len, as_terminal(REPORT, width=40).splitlines())) == 39
    assert text.count("1.50 k") == 2


def test_colour_is_there_when_asked_for() -> None:
    assert "\x1b[1mAll of it" in as_terminal(REPORT, color=True)
    assert "\x1b" not in as_terminal(REPORT)
