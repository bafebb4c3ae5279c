"""The command line: every command by its words ("show", "baseline update"), a run that is refused, pytest's plugin."""

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

import pytest

from netcost.cli.app import application, run

# Where it is not installed with its entry point (from a path), pytest has to be told of it.
PLUGIN = (
    "netcost"
    if any(point.name == "netcost" for point in entry_points(group="pytest11"))
    else "netcost.checking.pytest_plugin"
)


def commands() -> dict[str, Callable[..., Any]]:
    """The function behind each command, those of groups too."""
    app = application()
    found = {command.name: command.callback for command in app.registered_commands}
    for group in app.registered_groups:
        assert group.typer_instance is not None
        inner = group.typer_instance.registered_commands
        found |= {f"{group.name} {command.name}": command.callback for command in inner}
    return {name: function for name, function in found.items() if name is not None and function is not None}


def refused(capsys: pytest.CaptureFixture[str], arguments: list[str], code: int = 2) -> str:
    """Run a command that must fail with `code`, one line on standard error and nothing on standard output."""
    assert run(arguments) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("netcost: ")
    assert err.count("\n") == 1
    return err
