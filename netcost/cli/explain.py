"""`netcost explain [TOPIC]`: explains the words that netcost prints."""

from __future__ import annotations

from typing import Annotated

import typer

from netcost.cli import options, output

FORMATS = ("table", "markdown", "json")
Format = Annotated[str | None, options.format_option(FORMATS)]


def explain(
    topic: Annotated[str | None, typer.Argument(help="A word that netcost prints [default: all words].")] = None,
    format_name: Format = None,
    out: options.Output = None,
    debug: options.Debug = False,  # noqa: ARG001  # read by app.run, which is where errors end
) -> int:
    """Explain a metric, warning, verdict, guideline or heading: its meaning, its source and what to do.

    Examples: netcost explain; netcost explain memory_access; netcost explain drift; netcost explain "cannot tell"
    """
    format_name = output.check_request(format_name, out, FORMATS)
    from netcost.text.explanations import Explained, explanation_of

    output.show_result(Explained(None if topic is None else explanation_of(topic)), format_name, out)
    return 0
