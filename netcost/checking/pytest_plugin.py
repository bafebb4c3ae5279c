"""pytest's fixture `netcost`: a test fails where a network costs more than its budget, or more than before.

    def test_cost(netcost):
        netcost.check(Net(), (1, 3, 224, 224), params="<= 5M", mult_adds="<= 600M")

    def test_cost_stays(netcost):
        netcost.snapshot(Net(), (1, 3, 224, 224), memory_access="1%")

Snapshots are in a file beside the test, to be committed, which `pytest --netcost-update` writes. A test counts what it
imports; where that is a copy of what the repository around pytest's rootdir holds, it warns, and fails under
`--netcost-strict`. Every run of pytest loads this module wherever netcost is installed, so heavy imports wait until a
test uses the fixture.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from inspect import isfunction
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from netcost.checking.limits import Limits
    from netcost.checking.recording import Record
    from netcost.checking.regression import CheckReport
    from netcost.checking.snapshot import Snapshot
    from netcost.tracing import TrainStep

_recorded = pytest.StashKey[dict[str, dict[str, "Snapshot"]]]()
"""Snapshots to write: by file, then by name."""
_messages = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--netcost-update` and `--netcost-strict`."""
    group = parser.getgroup("netcost", "cost of neural networks")
    group.addoption("--netcost-update", action="store_true", help="record the present figures of netcost.snapshot")
    group.addoption(
        "--netcost-strict", action="store_true", help="fail where copies of the repository's code were used"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Start with nothing recorded."""
    config.stash[_recorded] = {}
    config.stash[_messages] = []


class CostGuard:
    """The fixture's value in one test."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._config = request.config
        self._node = request.node
        self._test = request.node.nodeid
        self._file = request.path
        self._baseline = request.path.with_suffix(".netcost.json")
        self._entries: list[str] = []

    def check(
        self,
        model: Any,
        inputs: Any = None,
        *,
        mode: str = "eval",
        concrete: bool = False,
        step: TrainStep | None = None,
        **budget: str,
    ) -> None:
        """Fail where the network exceeds a budget.

        Args:
            model: an nn.Module, or a target such as "googlenet" or "net.py:Net".
            inputs: of one forward pass: a shape (1, 3, 224, 224), tensors, or a tuple or dict of these.
            mode: "eval" or "train".
            concrete: trace on real tensors, for a forward pass that depends on values.
            step: a training step to count as well, for budgets like train_memory_bytes="<= 8GB".
            budget: bound per metric: params="<= 5M", unknown_ops="== 0".
        """
        __tracebackhide__ = True
        with _failing_in_one_line():
            from netcost.checking.limits import Limits, parse_budget
            from netcost.checking.regression import CheckReport, compare

            if not budget:
                pytest.fail("netcost.check has no budget; give one, like params='<= 5M'", pytrace=False)
            limits = Limits(budget={metric: parse_budget(metric, written) for metric, written in budget.items()})
            record = self._counted(model, inputs, mode, concrete, step)
            result = replace(compare(self._test, None, record.snapshot, limits), **record.code._asdict())
            _fail_on(CheckReport((result,), settings=self._file.name))

    def snapshot(
        self,
        model: Any,
        inputs: Any = None,
        *,
        name: str = "",
        mode: str = "eval",
        concrete: bool = False,
        step: TrainStep | None = None,
        exact: bool = False,
        **tolerance: str,
    ) -> None:
        """Fail where the network costs more than `--netcost-update` last recorded.

        Args:
            model, inputs, mode, concrete, step: as for `check`.
            name: distinguishes several snapshots of one test; they are numbered by default.
            exact: fail on any difference, improvements included.
            tolerance: allowed increase per metric: memory_access="1%".
        """
        __tracebackhide__ = True
        with _failing_in_one_line():
            from netcost.checking.limits import Limits, parse_tolerance

            limits = Limits({metric: parse_tolerance(metric, written) for metric, written in tolerance.items()})
            record = self._counted(model, inputs, mode, concrete, step)
            entry = self._entry(name)
            if self._config.getoption("--netcost-update"):
                self._config.stash[_recorded].setdefault(str(self._baseline), {})[entry] = record.snapshot
            else:
                _fail_on(self._compared(entry, record, limits, exact))

    def _counted(self, model: Any, inputs: Any, mode: str, concrete: bool, step: TrainStep | None) -> Record:
        """Count the network; code that stood in for that of the repository is a warning, or a failure."""
        from netcost.checking.config import root_of
        from netcost.checking.places import counted_code, named_file
        from netcost.checking.recording import Record
        from netcost.checking.regression import TargetResult
        from netcost.checking.revision import own_modules
        from netcost.checking.snapshot import take
        from netcost.counting.analysis import analyze
        from netcost.targets import Target, resolve
        from netcost.tracing import input_specs

        __tracebackhide__ = True
        text = model if isinstance(model, str) else model.text if isinstance(model, Target) else ""
        target, named = None, named_file(text)
        with _staying():
            if isinstance(model, str):
                model = resolve(model, inputs=() if inputs is None else input_specs(inputs))
            if isinstance(model, Target):
                target, inputs = model, model.required_inputs() if inputs is None else inputs
                model = target.build() if concrete else target.build_weightless()
            analysis = analyze(model, inputs, mode=mode, concrete=concrete, step=step)
        name = target.name if target else analysis.model
        snapshot = take(analysis.count, analysis.figures, name, values=analysis.input_values)
        owner = getattr(model, "__self__", model)  # of a method
        source = owner if isfunction(owner) else type(owner)
        root = root_of(self._config.rootpath)  # without a configuration file, rootdir may be the folder of the tests
        record = Record(snapshot, counted_code(source, text, named, root, own_modules(root)))
        for warning in TargetResult(self._test, snapshot, **record.code._asdict()).warnings:
            if self._config.getoption("--netcost-strict"):
                pytest.fail(f"netcost: {warning}", pytrace=False)
            self._node.warn(pytest.PytestWarning(warning.removeprefix("warning: ")))
        return record

    def _entry(self, name: str) -> str:
        """Return the snapshot's name in the file: the test's name, followed by its own name or its number."""
        test = self._test.partition("::")[2]
        entry = f"{test} {name or len(self._entries) + 1}" if name or self._entries else test
        if entry in self._entries:
            pytest.fail(f"two snapshots of {self._test} are called {name!r}; give each its own name", pytrace=False)
        self._entries.append(entry)
        return entry

    def _compared(self, entry: str, record: Record, limits: Limits, exact: bool) -> CheckReport:
        """Compare the network with its recorded snapshot."""
        from netcost.checking import other_versions
        from netcost.checking.baseline import Baseline, read
        from netcost.checking.regression import CheckReport, compare
        from netcost.text.documents import shown

        update = ("pytest", "--netcost-update", self._test)
        file = shown(self._baseline)
        recorded = read(self._baseline, " ".join(update)) if self._baseline.exists() else Baseline()
        old = recorded.targets.get(entry)
        problems = () if old is not None else (f"{entry!r} has no entry in {file!r}",)
        result = compare(self._test, old, record.snapshot, limits, exact=exact, problems=problems)
        return CheckReport(
            (replace(result, **record.code._asdict()),),
            f"baseline {file!r}",
            baseline=file,
            settings=self._file.name,
            updating=update,
            takes_names=False,
            remarks=() if old is None else other_versions(recorded),
            exact=exact,
        )


@pytest.fixture
def netcost(request: pytest.FixtureRequest) -> CostGuard:
    """Limits on a network's cost: netcost.check(model, inputs, params="<= 5M") and netcost.snapshot(model, inputs)."""
    return CostGuard(request)


@contextmanager
def _failing_in_one_line() -> Iterator[None]:
    """Turn netcost's errors into failures of one line; a traceback would show netcost's own code."""
    from netcost.text.errors import NetcostError

    __tracebackhide__ = True
    try:
        yield
    except NetcostError as error:
        pytest.fail(f"netcost: {error}", pytrace=False)


@contextmanager
def _staying() -> Iterator[None]:
    """Have `os._exit` in a model's code raise: pytest would end with that code, and without a word."""
    leave, process = os._exit, os.getpid()

    def refuse(status: int) -> NoReturn:
        if os.getpid() != process:  # a child that the code has started ends like this
            leave(status)
        raise SystemExit(status)

    os._exit = refuse
    try:
        yield
    finally:
        os._exit = leave


def _fail_on(report: CheckReport) -> None:
    """Fail with the text that `netcost check` prints."""
    from netcost.checking.formats import check_text

    __tracebackhide__ = True
    if report.fails:
        pytest.fail(check_text(report, "table").rstrip(), pytrace=False)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the recorded snapshots; a worker of pytest-xdist passes them to the process that started it."""
    recorded = session.config.stash[_recorded]
    if not recorded:
        return
    from netcost.text.errors import NetcostError

    if hasattr(session.config, "workeroutput"):
        from netcost.checking.baseline import Baseline, render

        session.config.workeroutput["netcost"] = {file: render(Baseline(new)) for file, new in recorded.items()}
        return
    for file, new in recorded.items():
        try:
            message = _write(Path(file), new)
        except NetcostError as error:
            message = str(error)
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
        session.config.stash[_messages].append(message)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Receive the snapshots of a worker of pytest-xdist."""
    for file, text in getattr(node, "workeroutput", {}).get("netcost", {}).items():
        from netcost.checking.baseline import parse

        new = parse(text.encode(), "a worker's snapshots").targets
        node.config.stash[_recorded].setdefault(file, {}).update(new)


def _write(path: Path, new: dict[str, Snapshot]) -> str:
    """Add snapshots to a file, beside those already there; return a message."""
    from netcost.checking import torch_version
    from netcost.checking.baseline import Baseline, read, render
    from netcost.text.documents import shown
    from netcost.text.version import __version__
    from netcost.text.writing import write_text

    old = read(path, "pytest --netcost-update, without the file").targets if path.exists() else {}
    write_text(path, render(Baseline({**old, **new}, __version__, torch_version())))
    return f"{len(new)} recorded in {shown(path)!r}"


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the messages about what was recorded."""
    for message in config.stash[_messages]:
        terminalreporter.write_line(f"netcost: {message}")
