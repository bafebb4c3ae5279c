"""Every room's face: its docstring explains the room in a screen, with an example that runs."""

import doctest
import re
from importlib import import_module
from pathlib import Path

import pytest

import netcost
from netcost.text import explanations

ROOMS = sorted(path.parent.name for path in Path(netcost.__file__).parent.glob("*/__init__.py"))
SCREEN = 45


@pytest.mark.parametrize("room", ROOMS)
def test_a_face_explains_its_room_in_a_screen(room: str) -> None:
    face = import_module(f"netcost.{room}").__doc__
    assert face is not None
    assert len(face.splitlines()) <= SCREEN
    assert "belongs here" in face or "A new" in face


@pytest.mark.parametrize("room", ROOMS)
def test_a_face_names_topics_that_netcost_explains(room: str) -> None:
    topics = re.findall(r"`netcost\s+explain\s+([a-z0-9_]+)`", import_module(f"netcost.{room}").__doc__ or "")
    assert all(explanations.find(topic) for topic in topics)


@pytest.mark.parametrize("room", [room for room in ROOMS if room != "cli"])
def test_the_example_of_a_face_runs(room: str) -> None:
    result = doctest.testmod(import_module(f"netcost.{room}"), optionflags=doctest.ELLIPSIS)
    assert result.attempted > 0
    assert result.failed == 0
