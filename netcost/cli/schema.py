"""`netcost schema COMMAND`: the JSON Schema of what a command writes with --format json."""

from __future__ import annotations

import json
from importlib import resources
from typing import Annotated

import typer

from netcost.cli import options, output
from netcost.text.errors import RequestError
from netcost.text.registry import suggestion


def schema(
    command: Annotated[str, typer.Argument(metavar="COMMAND", help="compare, check, show, …")],
    out: options.Output = None,
    debug: options.Debug = False,  # noqa: ARG001  # read by app.run, which is where errors end
) -> int:
    """Print the JSON Schema of a command's JSON output: keys, types, and what is always there.

    Examples: netcost schema compare; netcost schema check -o check.schema.json
    """
    output.check_file(out)
    known = json.loads((resources.files("netcost.text") / "schemas.json").read_text(encoding="utf-8"))
    if command not in known:
        near = suggestion(command, known)
        raise RequestError(f"there is no schema of {command!r}; expected one of {', '.join(known)}{near}")
    output.emit(json.dumps(known[command], indent=2) + "\n", out)
    return 0
