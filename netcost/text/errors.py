"""Errors that a user can act on: each message says what came, what was expected and what to do."""

import re

SCRIPTED = "TorchScript interpreter"
"""Words in the first line of an error of TorchScript; the reason is in the last, behind a traceback of its own."""

LONGEST_REASON = 160
"""Characters of another's error in a message of ours."""


class NetcostError(Exception):
    """Base of every error that netcost raises on purpose; `exit_code` is the exit status of the command line."""

    exit_code = 2


class RequestError(NetcostError):
    """Raised for a wrong request: unknown name, bad shape, unreadable target, unwritable output."""


class TargetError(RequestError):
    """Raised for a target that does not name a model that can be built."""


class AbsentTargetError(TargetError):
    """Raised for a target that is not there: no such file, module, name in it, or argument."""


class ShapelessError(RequestError):
    """Raised for a weight or input that has no shape yet, as those of lazy layers before their first pass."""


class ForwardError(RequestError):
    """Raised where the model's own code fails while it is built or run."""


class DataDependentError(ForwardError):
    """Raised where the forward pass needs real values (`.item()`, `nonzero`), which tracing by shape does not have."""


class OutputError(RequestError):
    """Raised for a result that cannot be written where it was asked for."""


class MeasurementError(NetcostError):
    """Raised for a failed measurement: no such device, or out of memory."""

    exit_code = 3


class TimeLimitError(MeasurementError):
    """Raised where a process gave no answer within its time limit."""


class VerdictError(NetcostError):
    """Raised for an answer that fails the run: unknown operators under `--strict`."""

    exit_code = 1


def one_line(error: BaseException) -> str:
    """Return an error as one line, netcost's own without its class; a GPU's error goes on with advice on torch."""
    text = text_of(error).partition("\n")[0]
    if isinstance(error, NetcostError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def text_of(error: BaseException) -> str:
    """Return the error's text; empty where it has none to show."""
    try:
        return str(error)
    except Exception:  # what the error holds cannot be written
        return ""


def reason_of(error: BaseException) -> str:
    """Return the error's reason as one short printable line, without the values of tensors."""
    lines = text_of(error).strip().splitlines() or ["no message"]
    reason = re.sub(r"\btensor\(.*", "tensor(…)", lines[-1 if SCRIPTED in lines[0] else 0])
    reason = "".join(letter if letter.isprintable() else " " for letter in reason)
    return reason if len(reason) <= LONGEST_REASON else f"{reason[:LONGEST_REASON]}…"
