"""The baseline's file: what is written is read again, and what is no baseline is refused in one line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from snapshots import module, snapshot, snapshots

from netcost.checking.baseline import LARGEST_FILE, Baseline, parse, read, render, table
from netcost.text.errors import RequestError

NET = snapshot({"conv": module(params=72, mult_adds=7200), "": module("Net", kernels=1)}, operators={"aten.conv2d": 1})
TEXT = render(Baseline({"net": NET}, "0.1.0", "2.14.1"))
DEPTH = "$.targets.net.totals.depth: expected a whole number"

# JSON has half surrogates; UTF-8, and so a file, spells them out.
any_names = st.dictionaries(st.text(max_size=9), snapshots, max_size=3)
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_subnormal=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


def refusal(text: str | bytes) -> str:
    with pytest.raises(RequestError) as caught:
        parse(text.encode() if isinstance(text, str) else text, "baseline 'b.json'")
    said = str(caught.value)
    assert said.startswith("baseline 'b.json'")
    assert said.endswith("netcost baseline update")
    assert "\n" not in said
    assert len(said) < 600
    return said


@given(any_names)
def test_what_is_written_is_read_again(targets) -> None:
    baseline = Baseline(targets, "0.1.0", "2.14.1")
    assert parse(render(baseline).encode(), "it") == baseline


@given(any_names)
def test_the_text_is_json_with_sorted_keys_whatever_the_order(targets) -> None:
    text = render(Baseline(targets, "0.1.0", "2.14.1"))
    assert text == render(Baseline(dict(reversed(targets.items())), "0.1.0", "2.14.1"))
    document = json.loads(text)
    assert json.dumps(document) == json.dumps(document, sort_keys=True)


def test_a_module_is_a_line_so_that_a_review_shows_which_changed() -> None:
    wider = snapshot({**NET.modules, "conv": module(params=144, mult_adds=14400)}, operators=NET.operators)
    changed = set(render(Baseline({"net": wider}, "0.1.0", "2.14.1")).splitlines()) - set(TEXT.splitlines())
    assert sorted(line.split(":")[0].strip() for line in changed) == [
        '"conv"',
        '"mult_adds"',
        '"params"',
        '"params_total"',
    ]


@given(st.integers(0, len(TEXT) - 2))
def test_a_truncated_file_is_refused(length) -> None:
    assert "damaged" in refusal(TEXT[:length])


@given(st.integers(0, len(TEXT) - 1), st.integers(0, 255))
def test_a_byte_that_was_changed_is_read_as_a_baseline_or_refused(at, byte) -> None:
    content = bytearray(TEXT.encode())
    content[at] = byte
    try:
        parse(bytes(content), "it")
    except RequestError as error:
        assert "\n" not in str(error)


@given(any_json)
@settings(max_examples=50)
def test_any_other_json_is_refused(document) -> None:
    refusal(json.dumps(document))


@given(any_json, st.sampled_from(["", "totals", "modules", "operators", "input", "model", "unknown_ops", "depth"]))
def test_any_other_value_is_read_as_a_baseline_or_refused(value, key) -> None:
    document = json.loads(TEXT)
    if key:
        document["targets"]["net"][key] = value
    else:
        document["targets"] = value
    try:
        parse(json.dumps(document).encode(), "it")
    except RequestError as error:
        assert "\n" not in str(error)


def changed(old: str, new: str) -> str:
    assert TEXT.count(old) >= 1
    return TEXT.replace(old, new)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is damaged or not JSON: Expecting value: line 1 column 1"),
        ("[]", "$: expected an object, found []"),
        ("{}", "$.schema: expected a whole number, found nothing"),
        ("<<<<<<< HEAD\n" + TEXT, "is damaged or not JSON: Expecting value: line 1"),
        (TEXT.encode() + b"\xff", "is damaged or not JSON: 'utf-8' codec"),
        (TEXT + TEXT, "is damaged or not JSON: Extra data"),
        (changed('"schema": 1', '"schema": 0'), "$.schema: expected 1, found 0; use the older netcost"),
        (changed('"schema": 1', '"schema": 2'), "$.schema: expected 1, found 2; use the newer netcost"),
        (changed('"depth": 1,', '"depth": 1.0,'), f"{DEPTH}, found 1.0"),
        (changed('"depth": 1,', '"depth": -1,'), f"{DEPTH} of 0 or more, found -1"),
        (changed('"depth": 1,', '"depth": 9223372036854775808,'), f"{DEPTH} of at most {2**63 - 1}, found {2**63}"),
        (changed('"depth": 1,', '"depth": false,'), f"{DEPTH}, found false"),
        (changed('"depth": 1,', '"deepness": 1,'), "targets.net.totals.deepness: unknown key"),
        (changed('"depth": 1,', ""), f"{DEPTH}, found nothing"),
        (
            changed('"mult_adds": 7200,\n', '"mult_adds": 7201,\n'),
            "$.targets.net.totals.mult_adds: expected 7200, the sum over its modules, found 7201",
        ),
        (
            changed('"aten.conv2d": 1', '"aten.conv2d": "1"'),
            "operators.aten.conv2d: expected a whole number, found '1'",
        ),
        (changed('"type": "Net"', '"type": 7'), "$.targets.net.modules..type: expected text, found 7"),
        (changed('["1x3x8x8"]', "[1, 3]"), "$.targets.net.input[0]: expected text, found 1"),
        (changed('"torch": "2.14.1"', '"torch": null'), "$.torch: expected text, found null"),
        (changed('"netcost": "0.1.0",', '"netcost": "0.1.0", "extra": 1,'), "extra: unknown key"),
        ("[" * 10**6, "is damaged or not JSON: nested too deeply"),
        ('{"a":' * 10**5, "is damaged or not JSON: nested too deeply"),
        (json.dumps({"\x1b[31m\n" * 10**4: 1, "schema": 1}), "\\x1b[31m\\n"),
        (
            changed('"net": {', '"\\u001b[2J": {').replace('"model": "net"', '"model": 7'),
            "$.targets.\\x1b[2J.model: expected text, found 7",
        ),
    ],
)
def test_a_damaged_or_hostile_file_gets_one_line(text: str | bytes, said: str) -> None:
    assert said in refusal(text)


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"b.json' cannot be read: No such file.*write it: netcost baseline up"):
        read(tmp_path / "b.json")
    with pytest.raises(RequestError, match="is not a file"):
        read(tmp_path)
    (tmp_path / "loop.json").symlink_to("loop.json")
    with pytest.raises(RequestError, match="cannot be read: Too many levels of symbolic links"):
        read(tmp_path / "loop.json")
    with (tmp_path / "huge.json").open("wb") as file:
        file.truncate(LARGEST_FILE + 1)
    with pytest.raises(RequestError, match="larger than 64 MiB"):
        read(tmp_path / "huge.json")


def test_a_table_has_a_row_a_target_and_a_pattern_chooses() -> None:
    baseline = Baseline({"net": NET, "other": NET}, "0.1.0", "2.14.1")
    assert [row[0] for row in table(baseline).rows] == ["net", "other"]
    assert [row[0] for row in table(baseline, ["n*"]).rows] == ["net"]
    with pytest.raises(RequestError, match="no target 'nett'; did you mean net"):
        table(baseline, ["nett"])


def test_regressions_and_baselines_need_no_torch() -> None:
    script = (
        "import sys; from netcost.checking import baseline, config, formats, regression\n"
        "for name in formats.CHECK_FORMATS: formats.check_text(regression.CheckReport(()), name)\n"
        "print('torch' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout == "False\n"
