"""Table, its transposition, and the same table as a pandas.DataFrame."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcost.text.frames import frame
from netcost.text.metrics import METRICS
from netcost.text.tables import Column, Table, from_records, printable, transposed, with_unit_column
from netcost.text.units import AtLeast

MODEL = Column("model", "Model")
COLUMNS = (MODEL, METRICS["params"], METRICS["peak_memory_bytes"], Column("verdict", "Verdict"))
RECORDS = (
    {"model": "googlenet", "params": 6_624_904, "peak_memory_bytes": 41_000_000, "verdict": "faster"},
    {"model": "mobilenet_v2", "params": AtLeast(3_504_872)},
)


@pytest.fixture
def two_models() -> Table:
    return from_records(COLUMNS, RECORDS, title="Two models", notes=["batch 1"])


def test_a_record_is_a_row_and_a_key_it_lacks_is_missing(two_models):
    assert two_models.rows == (
        ("googlenet", 6_624_904, 41_000_000, "faster"),
        ("mobilenet_v2", AtLeast(3_504_872), None, None),
    )
    assert two_models.notes == ("batch 1",)


def test_a_cell_reads_in_the_unit_of_its_column(two_models):
    assert [two_models.text(0, index) for index in range(4)] == ["googlenet", "6.62 M", "41.0 MB", "faster"]
    assert [two_models.text(1, index) for index in range(4)] == ["mobilenet_v2", "≥ 3.50 M", "–", "–"]


def test_words_may_stand_in_a_number_column():
    table = from_records([MODEL, METRICS["params"]], [{"model": "nope", "params": "out of memory"}])
    assert table.text(0, 1) == "out of memory"


def test_a_number_may_stand_in_a_column_of_words():
    assert from_records([Column("year", "Year")], [{"year": 2018}]).text(0, 0) == "2018"


def test_a_row_of_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match=r"\('googlenet',\) has 1 cells; the table has 4 columns"):
        Table(COLUMNS, (("googlenet",),))


def test_row_units_that_are_not_one_a_row_are_refused():
    with pytest.raises(ValueError, match="2 row units for 1 rows"):
        Table((MODEL,), (("googlenet",),), row_units=("count", "bytes"))


def test_transposed_has_a_row_for_each_metric_in_its_own_unit(two_models):
    table = transposed(two_models, "Metric")
    assert [column.heading for column in table.columns] == ["Metric", "googlenet", "mobilenet_v2"]
    assert [[table.text(row, index) for index in range(3)] for row in range(3)] == [
        ["Params", "6.62 M", "≥ 3.50 M"],
        ["Peak memory", "41.0 MB", "–"],
        ["Verdict", "faster", "–"],
    ]
    assert (table.title, table.notes) == (two_models.title, two_models.notes)


@given(st.lists(st.sampled_from(["a", "a_2", "a_3", "b"])))
def test_no_two_names_of_a_table_are_equal_and_the_first_of_its_kind_keeps_its_own(names):
    distinct = Table(tuple(Column(name, name) for name in names), ()).names
    assert len(set(distinct)) == len(names)
    for name in names:
        assert distinct[names.index(name)] == name


def test_row_units_become_a_column_where_numbers_are_bare(two_models):
    table = with_unit_column(transposed(two_models, "Metric"))
    assert table.names == ("metric", "unit", "googlenet", "mobilenet_v2")
    assert table.rows[1] == ("Peak memory", "bytes", 41_000_000, None)
    assert table.row_units is None
    assert with_unit_column(two_models) is two_models


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("layer1.0.conv1", "layer1.0.conv1"),
        ("größe µ – ≥ 卷积", "größe µ – ≥ 卷积"),
        ("a\nb\tc", r"a\nb\tc"),
        ("\x1b[31m", r"\x1b[31m"),
        ("\u202eolleh", r"\u202eolleh"),  # right-to-left override
        ("\ud800", r"\ud800"),
    ],
)
def test_what_does_not_print_is_spelled_out(raw, shown):
    assert printable(raw) == shown


def test_every_metric_is_keyed_by_its_own_name_and_has_a_heading_of_its_own():
    assert all(name == column.name and column.is_number for name, column in METRICS.items())
    assert len({column.heading for column in METRICS.values()}) == len(METRICS)


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_every_metric_has_a_unit_that_can_be_written(metric):
    assert (
        from_records([metric], [{metric.name: 1500}])
        .text(0, 0)
        .startswith("1.50 k" if metric.unit != "ratio" else "1500")
    )


def test_no_name_or_heading_is_a_bare_mac():
    assert not {"mac", "macs"} & {word.lower() for column in METRICS.values() for word in (column.name, column.heading)}


def test_a_frame_keeps_a_missing_value_missing_and_a_zero_zero():
    records = [{"model": "a", "params": 0}, {"model": "b", "params": None}, {"model": None, "params": 5}]
    result = frame(from_records([MODEL, METRICS["params"]], records))
    assert result["params"].isna().tolist() == [False, True, False]
    assert result["model"].isna().tolist() == [False, False, True]
    assert result["params"].tolist()[::2] == [0, 5]
    assert result["params"].sum() == 5


def test_a_frame_column_of_missing_values_only_is_missing_throughout():
    result = frame(from_records([MODEL, METRICS["depth"]], [{"model": "a"}, {"model": "b"}]))
    assert result["depth"].isna().all()


def test_a_frame_holds_numbers_and_its_units_beside_them(two_models):
    result = frame(two_models)
    assert list(result.columns) == ["model", "params", "peak_memory_bytes", "verdict"]
    assert result["params"].tolist() == [6_624_904, 3_504_872]
    assert result["params"].dtype == "int64"
    assert [*result.attrs["units"].values()] == ["text", "count", "bytes", "text"]


def test_a_frame_of_a_transposed_table_says_the_unit_of_each_row(two_models):
    result = frame(transposed(two_models, "Metric"))
    assert result["unit"].tolist() == ["count", "bytes", "text"]


def test_a_frame_of_the_same_model_twice_has_two_columns():
    result = frame(transposed(from_records(COLUMNS, [RECORDS[0], RECORDS[0]]), "Metric"))
    assert result["googlenet"].tolist() == result["googlenet_2"].tolist()


def test_an_empty_table_is_an_empty_frame_with_its_columns():
    result = frame(from_records(COLUMNS, []))
    assert list(result.columns) == [column.name for column in COLUMNS]
    assert len(result) == 0


def test_tables_and_frames_import_without_pandas():
    probe = "import sys, netcost.text.tables, netcost.text.frames; sys.exit('pandas' in sys.modules)"
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", probe], cwd=root).returncode == 0
