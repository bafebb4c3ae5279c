"""Errors that a user can act on: each message says what came, what was expected and what to do."""


class NetcostError(Exception):
    """Base of every error netcost raises on purpose; `exit_code` is what the command line ends with."""

    exit_code = 2


class RequestError(NetcostError):
    """The request is wrong: unknown name, bad shape, unreadable target, unwritable output."""


class TargetError(RequestError):
    """A target does not name a model that can be built."""


class ForwardError(RequestError):
    """The model's own code raised while it was built or run."""


class DataDependentError(ForwardError):
    """The forward pass needs real values (`.item()`, `nonzero`), which tracing by shape does not have."""


class OutputError(RequestError):
    """A result could not be written where it was asked for."""


class MeasurementError(NetcostError):
    """It could not be measured: no such device, or out of memory."""

    exit_code = 3


class VerdictError(NetcostError):
    """The question was answered, and the answer fails the run: unknown operators under `--strict`."""

    exit_code = 1
