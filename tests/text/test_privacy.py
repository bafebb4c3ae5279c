"""No folder of this machine travels with a result."""

import pytest

from netcost.text.privacy import without_folders


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
