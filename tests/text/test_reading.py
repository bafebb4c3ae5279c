import json
import os
import pickle
from dataclasses import dataclass
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcost.text import reading as documents
from netcost.text.errors import RequestError
from netcost.text.reading import Node, read_document


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


def refused(value, kind, place=""):
    with pytest.raises(RequestError) as caught:
        Node(value, "a.json", place).read(kind)
    said = str(caught.value)
    assert "\n" not in said
    assert len(said) < 200
    return said


def test_a_record_is_read_field_by_field_and_what_it_has_beyond_is_left_alone():
    assert Node(PLAIN, "a.json").read(Outer) == Outer("a", 0.5, Mood.CALM, True, {"x": "y"}, Inner((1, 2)))
    assert Node({**PLAIN, "share": None, "inner": None}, "a.json").read(Outer).inner is None


def test_a_whole_number_does_for_a_float_and_a_float_not_for_a_whole_number():
    assert Node(2, "a.json").read(float) == 2.0
    assert isinstance(Node(2, "a.json").read(float), float)
    assert "a whole number, got 2.0" in refused(2.0, int)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": 7}, "'a.json' is damaged: name: expected text, got 7"),
        ({"share": "0.5"}, 'share: expected a number, got "0.5"'),
        ({"share": True}, "share: expected a number, got true"),
        ({"share": 1e31}, "share: expected a number of at most 1e+30, got 1e+31"),
        ({"share": 10**400}, "share: expected a number of at most 1e+30, got a huge number"),
        ({"share": float("nan")}, "share: expected a number of at most 1e+30, got NaN"),
        ({"mood": "odd"}, 'mood: expected one of calm, wild, got "odd"'),
        ({"mood": ["calm"]}, "mood: expected one of calm, wild, got a list of 1"),
        ({"flag": 1}, "flag: expected true or false, got 1"),
        ({"words": {"x": 1}}, "words.x: expected text, got 1"),
        ({"words": []}, "words: expected an object, got a list of 0"),
        ({"inner": {}}, "inner: expected the key 'sizes', got none"),
        ({"inner": {"sizes": [1, "2"]}}, 'inner.sizes[1]: expected a whole number, got "2"'),
        ({"inner": {"sizes": [1], "pair": [1.0]}}, "inner.pair: expected a list of 2, got a list of 1"),
        ({"inner": 3}, "inner: expected an object, got 3"),
        ({"name": ["x" * 500]}, "name: expected text, got a list of 1"),
        ({"flag": "x" * 500}, 'flag: expected true or false, got "xxx'),
    ],
)
def test_what_is_wrong_is_named_with_its_place_what_came_and_what_was_expected(changes, said):
    assert said in refused({**PLAIN, **changes}, Outer)


def test_a_value_that_is_not_there_or_null_is_none():
    node = Node({"there": 0, "null": None}, "a.json")
    assert node.find("there").whole(least=0) == 0
    assert node.find("null") is None
    assert node.find("gone") is None


@pytest.mark.parametrize(
    ("read", "said"),
    [
        (lambda node: node.key("below").whole(), "below: expected a whole number of 1 or more, got 0"),
        (lambda node: node.key("below").whole(least=2), "below: expected a whole number of 2 or more, got 0"),
        (lambda node: node.key("flag").whole(), "flag: expected a whole number, got true"),
        (lambda node: node.key("debt").quantity(), "debt: expected a number of 0 or more, got -0.5"),
        (lambda node: node.key("speck").quantity(), "speck: expected 0, or a number of 1e-30 or more, got 1e-300"),
        (lambda node: node.key("word").one_of(["a", "b"]), 'word: expected one of a, b, got "c"'),
        (lambda node: node.key("word").mapping(), 'word: expected an object, got "c"'),
    ],
)
def test_bounds_are_kept(read, said):
    with pytest.raises(RequestError) as caught:
        read(Node({"below": 0, "flag": True, "debt": -0.5, "word": "c", "speck": 1e-300}, "a.json"))
    assert said in str(caught.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(PLAIN)), JSON))
def test_whatever_stands_there_is_read_or_refused_in_one_line(changes):
    try:
        Node({**PLAIN, **changes}, "a.json").read(Outer)
    except RequestError as error:
        assert "\n" not in str(error)


def write(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_document_is_an_object_in_a_file(tmp_path):
    assert read_document(write(tmp_path, '{"schema": 1}')).key("schema").read(int) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no JSON"),
        (b'{"schema": 1', "damaged"),
        (b'{"schema": NaN}', "NaN is no number"),
        (b'{"schema": -Infinity}', "-Infinity is no number"),
        (b'{"schema": 1, "schema": 2}', "'schema' stands twice"),
        (b"[1, 2]", "expected an object that `netcost compare --format json` wrote, got a list of 2"),
        (b"\xff\xfe\x00", "damaged or no JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"schema": ' + b"9" * 5000 + b"}", "damaged or no JSON"),
        (pickle.dumps({"schema": 1}), "damaged or no JSON"),
    ],
)
def test_a_file_that_is_no_document_is_refused_in_one_line(tmp_path, content, said):
    with pytest.raises(RequestError) as caught:
        read_document(write(tmp_path, content))
    assert said in str(caught.value)
    assert "a.json" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_number_beyond_all_numbers_is_refused_where_it_is_read(tmp_path):
    node = read_document(write(tmp_path, '{"schema": 1e999}'))
    with pytest.raises(RequestError, match="a number of at most"):
        node.key("schema").read(float)


def test_a_pickle_is_never_opened(tmp_path):
    class Trap:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "sprung"),))

    with pytest.raises(RequestError):
        read_document(write(tmp_path, pickle.dumps(Trap())))
    assert not (tmp_path / "sprung").exists()


def test_a_file_that_is_missing_or_a_folder_is_refused(tmp_path):
    with pytest.raises(RequestError, match="No such file"):
        read_document(tmp_path / "none.json")
    with pytest.raises(RequestError, match="cannot read"):
        read_document(tmp_path)


def test_a_file_too_large_for_a_comparison_is_not_parsed(tmp_path, monkeypatch):
    monkeypatch.setattr(documents, "LARGEST_FILE", 1 << 20)
    with pytest.raises(RequestError, match="larger than 1 MiB"):
        read_document(write(tmp_path, json.dumps({"a": "x" * (1 << 20)})))
