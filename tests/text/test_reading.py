import json
import os
import pickle
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcost.text.documents import Source
from netcost.text.errors import RequestError
from netcost.text.reading import Node, NonNegativeFloat, NonNegativeInt, PositiveInt


class Mood(StrEnum):
    CALM = "calm"
    WILD = "wild"


@dataclass(frozen=True)
class Inner:
    sizes: tuple[int, ...]
    pair: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True)
class Outer:
    name: str
    share: float | None
    mood: Mood
    flag: bool
    words: dict[str, str]
    inner: Inner | None = None


PLAIN = {
    "name": "a",
    "share": 0.5,
    "mood": "calm",
    "flag": True,
    "words": {"x": "y"},
    "inner": {"sizes": [1, 2]},
    "more": "from a newer netcost",
}


A = Source("'a.json'", "write it anew")


def refused(value, kind):
    with pytest.raises(RequestError) as caught:
        Node(value, A).read(kind)
    said = str(caught.value)
    assert "\n" not in said
    assert len(said) < 200
    return said


def test_a_record_is_read_field_by_field_and_what_it_has_beyond_is_left_alone():
    assert Node(PLAIN, A).read(Outer) == Outer("a", 0.5, Mood.CALM, True, {"x": "y"}, Inner((1, 2)))
    assert Node({**PLAIN, "share": None, "inner": None}, A).read(Outer).inner is None


def test_a_whole_number_does_for_a_float_and_a_float_not_for_a_whole_number():
    assert Node(2, A).read(float) == 2.0
    assert isinstance(Node(2, A).read(float), float)
    assert "$: expected a whole number, found 2.0" in refused(2.0, int)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": 7}, "'a.json': $.name: expected text, found 7; write it anew"),
        ({"share": "0.5"}, "$.share: expected a number, found '0.5'"),
        ({"share": True}, "$.share: expected a number, found true"),
        ({"share": 1e31}, "$.share: expected a number of at most 1e+30, found 1e+31"),
        ({"share": 10**400}, "$.share: expected a number of at most 1e+30, found 1000"),
        ({"share": 16**9999}, "$.share: expected a number of at most 1e+30, found a huge number"),
        ({"share": float("nan")}, "$.share: expected a number of at most 1e+30, found nan"),
        ({"mood": "odd"}, "$.mood: expected one of calm, wild, found 'odd'"),
        ({"mood": ["calm"]}, "$.mood: expected text, found ['calm']"),
        ({"flag": 1}, "$.flag: expected true or false, found 1"),
        ({"words": {"x": 1}}, "$.words.x: expected text, found 1"),
        ({"words": {"\x1b\n": 1}}, "$.words.\\x1b\\n: expected text, found 1"),
        ({"words": {"x" * 500: 1}}, f"$.words.{'x' * 60}…: expected text, found 1"),
        ({"words": []}, "$.words: expected an object, found []"),
        ({"inner": {}}, "$.inner.sizes: expected a list, found nothing"),
        ({"inner": {"sizes": [1, "2"]}}, "$.inner.sizes[1]: expected a whole number, found '2'"),
        ({"inner": {"sizes": [1], "pair": [1.0]}}, "$.inner.pair: expected a list of 2, found [1.0]"),
        ({"inner": 3}, "$.inner: expected an object, found 3"),
        ({"name": ["x" * 500]}, "$.name: expected text, found ['xxx"),
        ({"flag": "x" * 500}, "$.flag: expected true or false, found 'xxx"),
    ],
)
def test_what_is_wrong_is_named_with_its_place_what_came_and_what_was_expected(changes, said):
    assert said in refused({**PLAIN, **changes}, Outer)


def test_a_value_that_is_not_there_has_a_default_and_null_is_none():
    node = Node({"there": 0, "null": None}, A)
    assert node["there"].read(NonNegativeInt) == 0
    assert node.get("gone", 7).read(int) == 7
    assert [node.get(key).optional(lambda found: found.read(int)) for key in node.entries()] == [0, None]
    assert node.get("gone").read(int | None) is None


@pytest.mark.parametrize(
    ("key", "kind", "said"),
    [
        ("below", PositiveInt, "$.below: expected a whole number of 1 or more, found 0"),
        ("flag", PositiveInt, "$.flag: expected a whole number, found true"),
        ("debt", NonNegativeInt, "$.debt: expected a whole number, found -0.5"),
        ("debt", NonNegativeFloat, "$.debt: expected a number of 0 or more, found -0.5"),
        ("speck", NonNegativeFloat, "$.speck: expected 0, or a number of 1e-30 or more, found 1e-300"),
        ("huge", int, f"$.huge: expected a whole number of at most {2**63 - 1}, found {2**63}"),
        ("word", dict[str, Any], "$.word: expected an object, found 'c'"),
        ("gone", int | None, "$.gone: expected a whole number, found nothing"),
    ],
)
def test_bounds_are_kept(key, kind, said):
    node = Node({"below": 0, "flag": True, "debt": -0.5, "word": "c", "speck": 1e-300, "huge": 2**63}, A)
    with pytest.raises(RequestError) as caught:
        node[key].read(kind)
    assert said in str(caught.value)


def test_a_word_is_one_of_those_that_are_known_and_so_is_a_key():
    node = Node({"word": "c", "wrod": 1}, A)
    with pytest.raises(RequestError, match=r"\$\.word: expected one of a, b, found 'c'"):
        node["word"].one_of(["a", "b"])
    with pytest.raises(RequestError, match=r"\$\.wrod: unknown key; did you mean word\?"):
        node.only(["word"])
    with pytest.raises(RequestError, match=r"\$\.word: unknown key; expected one of length"):
        node.only(["length"])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(PLAIN)), JSON))
def test_whatever_stands_there_is_read_or_refused_in_one_line(changes):
    try:
        Node({**PLAIN, **changes}, A).read(Outer)
    except RequestError as error:
        assert "\n" not in str(error)


def write(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read_schema(path, largest=1 << 20):
    Node.of_file(path, Source(repr(str(path))), largest).require_schema(1)


def test_a_document_is_an_object_in_a_file(tmp_path):
    read_schema(write(tmp_path, '{"schema": 1}'))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not JSON"),
        (b'{"schema": 1', "damaged"),
        (b'{"schema": NaN}', "NaN is no number"),
        (b'{"schema": -Infinity}', "-Infinity is no number"),
        (b'{"schema": 1, "schema": 2}', "'schema' stands twice"),
        (b"[1, 2]", "$: expected an object, found [1, 2]"),
        (b"\xff\xfe\x00", "damaged or not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"schema": ' + b"9" * 5000 + b"}", "value has 5000 digits"),
        (b'{"schema": 3}', "$.schema: expected 1, found 3; use the newer netcost that wrote it"),
        (pickle.dumps({"schema": 1}), "damaged or not JSON"),
    ],
)
def test_a_file_that_is_no_document_is_refused_in_one_line(tmp_path, content, said):
    with pytest.raises(RequestError) as caught:
        read_schema(write(tmp_path, content))
    assert said in str(caught.value)
    assert "a.json" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_number_beyond_all_numbers_is_refused_where_it_is_read(tmp_path):
    with pytest.raises(RequestError, match="expected a whole number, found inf"):
        read_schema(write(tmp_path, '{"schema": 1e999}'))


def test_a_pickle_is_never_opened(tmp_path):
    class Trap:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "sprung"),))

    with pytest.raises(RequestError):
        read_schema(write(tmp_path, pickle.dumps(Trap())))
    assert not (tmp_path / "sprung").exists()


def test_a_file_that_is_missing_a_folder_or_no_name_is_refused(tmp_path):
    for path, said in ((tmp_path / "none.json", "No such file"), (tmp_path, "directory"), ("a\0b", "null byte")):
        with pytest.raises(RequestError, match=f"cannot be read: .*{said}"):
            read_schema(path)


def test_a_file_too_large_is_not_parsed(tmp_path):
    with pytest.raises(RequestError, match="larger than 1 MiB"):
        read_schema(write(tmp_path, json.dumps({"a": "x" * (1 << 20)})))
