"""Registry: no name twice, near names for unknown ones, the order in which entries came."""

import pytest

from netcost.text.errors import RequestError
from netcost.text.registry import Registry, suggestion, without_folders


@pytest.fixture
def networks() -> Registry[int]:
    registry: Registry[int] = Registry("architecture", hint="`netcost list` names them")
    for year, name in ((2017, "mobilenet_v1"), (2018, "mobilenet_v2"), (2014, "googlenet")):
        registry.add(name, year)
    return registry


def test_an_entry_is_found_by_its_name(networks):
    assert networks.get("googlenet") == 2014
    assert networks.find("googlenet") == 2014
    assert "googlenet" in networks


def test_adding_returns_the_entry_so_that_a_decorator_can_use_it(networks):
    assert networks.add("alexnet", 2012) == 2012


def test_a_name_that_is_taken_is_refused_and_its_entry_stays(networks):
    with pytest.raises(ValueError, match="architecture 'googlenet' is registered twice"):
        networks.add("googlenet", 2015)
    assert networks.get("googlenet") == 2014


def test_an_unknown_name_is_refused_with_near_names_and_the_hint(networks):
    with pytest.raises(RequestError) as refused:
        networks.get("mobilnet_v2")
    message = str(refused.value)
    assert message.startswith("unknown architecture 'mobilnet_v2'; did you mean mobilenet_v2")
    assert "googlenet" not in message
    assert message.endswith("(`netcost list` names them)")


def test_nothing_is_suggested_where_nothing_is_near(networks):
    with pytest.raises(RequestError) as refused:
        networks.get("zzz")
    assert "did you mean" not in str(refused.value)
    assert suggestion("zzz", networks) == ""


def test_an_unknown_name_may_be_asked_for_without_an_error(networks):
    assert networks.find("zzz") is None
    assert "zzz" not in networks


def test_an_entry_that_is_false_is_found_all_the_same(networks):
    networks.add("year_zero", 0)
    assert networks.get("year_zero") == 0
    assert networks.find("year_zero") == 0


def test_names_keep_the_order_in_which_they_were_added(networks):
    assert networks.names() == ["mobilenet_v1", "mobilenet_v2", "googlenet"]
    assert list(networks) == networks.names()
    assert len(networks) == 3


def test_names_are_filtered_by_a_shell_pattern_that_minds_capitals(networks):
    assert networks.names("mobilenet*") == ["mobilenet_v1", "mobilenet_v2"]
    assert networks.names("*_v[1]") == ["mobilenet_v1"]
    assert networks.names("MOBILENET*") == []


@pytest.mark.parametrize(
    ("word", "left"),
    [
        ("/srv/data/net.py:Net", "net.py:Net"),
        ("/srv/a=b/net.py:Net", "net.py:Net"),
        ("--peaks=/srv/data/peaks.json", "--peaks=peaks.json"),
        ("--arg=file=/srv/data/x", "--arg=file=x"),
        ("C:\\Data\\net.py:Net", "net.py:Net"),
        ("C:/Data/net.py:Net", "net.py:Net"),
        ("nets/net.py:Net", "nets/net.py:Net"),
        ("../net.py:Net", "../net.py:Net"),
        ("torchvision:resnet50", "torchvision:resnet50"),
        ("--arg=width=0.5", "--arg=width=0.5"),
        ("1/2", "1/2"),
        ("/", "/"),
    ],
)
def test_of_an_absolute_path_the_last_part_is_left(word: str, left: str) -> None:
    assert without_folders(word) == left
