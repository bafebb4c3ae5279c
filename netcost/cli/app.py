"""The `netcost` command: registers all commands, and turns errors into a line and an exit code."""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from netcost.cli import output
from netcost.text.errors import NetcostError
from netcost.text.version import __version__

INTERNAL_ERROR = 70
INTERRUPTED = 130

# Base of click's usage errors; newer versions of typer bundle their own click, which cannot be imported by name.
ClickException: type[Exception] = typer.BadParameter.__mro__[2]

QUESTIONS = {
    "What does it cost? (count)": "list show",
    "How long does it take? (time)": "compare profile device predict calibrate",
    "Why? (explain)": "explain guidelines claims evidence schema",
    "What is better? (judge)": "lint choose search",
    "Does it stay so? (guard)": "check baseline report",
}
"""Commands by the question that they answer."""

COMMANDS = tuple(" ".join(QUESTIONS.values()).split())
"""Names of all commands."""

FILES = {"list": "list_models", "calibrate": "predict"}
"""Files of the commands that do not stand in one of their own name."""


class ByQuestion(TyperGroup):
    """The commands in the help, under the questions that they answer."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002  # as click calls it
        """Write a part per question."""
        for question, names in QUESTIONS.items():
            with formatter.section(question):
                width = formatter.width - 6 - max(map(len, self.commands))
                formatter.write_dl([(name, self.commands[name].get_short_help_str(width)) for name in names.split()])


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"netcost {__version__}")
        raise typer.Exit


def netcost(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
    ),
) -> None:
    """Count and time neural networks: their cost on paper and on the clock.

    MODEL is a name of the zoo (googlenet), torchvision:resnet50, timm:convnext_tiny, transformers:LlamaForCausalLM,
    diffusers:AutoencoderKL, hf:org/name, package.module:callable or path/to/file.py:Net; with arguments, quoted:
    'mobilenet_v2(width=0.5)'.

    Exit codes: 0 success; 1 a regression, a changed verdict, or an unknown operator under --strict; 2 wrong request;
    3 measurement failed; 70 internal error; 130 interrupted.
    """


def application(names: Sequence[str] = COMMANDS) -> typer.Typer:
    """Make the command line with the commands of those names; no others are imported, which takes time."""
    app = typer.Typer(
        name="netcost",
        cls=ByQuestion,
        callback=netcost,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for name in names:
        found = import_module(f"netcost.cli.{FILES.get(name, name)}")
        if name == "baseline":
            app.add_typer(found.app, name=name)
        else:
            app.command(name)(output.for_results(getattr(found, "list_models" if name == "list" else name)))
    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code; a signal to end lets what is temporary be removed first."""
    for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        if signal.getsignal(number) is signal.SIG_DFL:  # nohup has it ignored
            signal.signal(number, lambda received, _: sys.exit(128 + received))
    output.prepare_streams()
    sys.exit(run(list(sys.argv[1:] if arguments is None else arguments)))


def run(arguments: list[str]) -> int:
    """Run the command line and return its exit code."""
    output.ARGUMENTS.set(tuple(arguments))
    try:
        app = application(_needed(arguments))
        code = app(arguments or ["--help"], standalone_mode=False)
        sys.stdout.flush()
        if code == INTERRUPTED:  # newer versions of typer turn an interrupt into a code themselves
            return _complain("interrupted", INTERRUPTED)
        return code if isinstance(code, int) else 0
    except ClickException as error:
        message = error.format_message()  # type: ignore[attr-defined]  # all of click's errors have it
        return _complain(f"{message} (see `netcost --help` or `netcost COMMAND --help`)", 2)
    except NetcostError as error:
        if "--debug" in arguments:
            traceback.print_exc()
        return _complain(str(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return _complain("interrupted", INTERRUPTED)
    except BrokenPipeError:
        output.end_output()
        return 0
    except SystemExit as stopped:
        if not isinstance(stopped.__context__, BrokenPipeError):  # click's way to end for a reader that has gone
            raise
        output.end_output()
        return 0
    except OSError as error:
        if error.errno not in output.UNWRITABLE:
            return _internal(error)
        output.end_output()
        return _complain(f"cannot write: {error.strerror}; make room, or write elsewhere with --output", 2)
    except Exception as error:
        return _internal(error)


def _needed(arguments: Sequence[str]) -> Sequence[str]:
    """Name the commands that a command line needs: the one that it begins with, none for the version, else all."""
    first = arguments[0] if arguments else ""
    return [first] if first in COMMANDS else () if first == "--version" else COMMANDS


def _internal(error: Exception) -> int:
    """Print the traceback of a fault of netcost's own; return its exit code."""
    traceback.print_exc()
    return _complain(f"internal error: {type(error).__name__}: {error}", INTERNAL_ERROR)


def _complain(message: str, code: int) -> int:
    """Print an error on one line of standard error; return the exit code."""
    message = " ".join(message.split())
    with suppress(OSError):  # nobody is left to be told; the code is
        typer.echo(f"netcost: {message}", err=True)
    if output.ARGUMENTS.get()[:1] == ("check",):
        from netcost.cli.check import tell_github

        tell_github(output.ARGUMENTS.get(), message)
    return code
