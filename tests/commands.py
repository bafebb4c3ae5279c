"""Every command of the command line by its words: "show", "baseline update"."""

from collections.abc import Callable
from typing import Any

from netcost.cli.app import app


def commands() -> dict[str, Callable[..., Any]]:
    """The function behind each command, those of groups too."""
    found = {command.name: command.callback for command in app.registered_commands}
    for group in app.registered_groups:
        assert group.typer_instance is not None
        inner = group.typer_instance.registered_commands
        found |= {f"{group.name} {command.name}": command.callback for command in inner}
    return {name: function for name, function in found.items() if name is not None and function is not None}
