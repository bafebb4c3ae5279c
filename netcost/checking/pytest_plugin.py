"""pytest's fixture `netcost`: a test fails where a network costs more than its budget, or than it did.

    def test_cost(netcost):
        netcost.check(Net(), (1, 3, 224, 224), params="<= 5M", mult_adds="<= 600M")

    def test_cost_stays(netcost):
        netcost.snapshot(Net(), (1, 3, 224, 224), memory_access="1%")

Snapshots lie beside the test in a file to commit, which `pytest --netcost-update` writes. Every run of pytest loads
this module wherever netcost is installed, so it imports nothing of weight before a test asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from netcost.checking.limits import Limits
    from netcost.checking.regression import CheckReport
    from netcost.checking.snapshot import Snapshot

Written = dict[str, dict[str, "Snapshot"]]
"""Snapshots to record: by file, then by name."""

_written = pytest.StashKey[Written]()
_said = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--netcost-update`."""
    group = parser.getgroup("netcost", "what neural architectures cost")
    group.addoption(
        "--netcost-update", action="store_true", help="record the snapshots of netcost.snapshot as they are"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Begin with nothing to record."""
    config.stash[_written] = {}
    config.stash[_said] = []


class CostGuard:
    """What the fixture gives to one test."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._config = request.config
        self._test = request.node.nodeid
        self._file = request.path
        self._taken: list[str] = []

    def check(
        self, model: Any, inputs: Any = None, *, mode: str = "eval", concrete: bool = False, **budget: str
    ) -> None:
        """Fail where the network breaks a budget.

        Args:
            model: an nn.Module, or a target such as "googlenet" or "net.py:Net".
            inputs: of one forward pass: a shape (1, 3, 224, 224), tensors, or a tuple or dict of these.
            mode: "eval" or "train".
            concrete: run on real tensors, for a forward pass that looks at values.
            budget: bounds by metric: params="<= 5M", unknown_ops="== 0".
        """
        __tracebackhide__ = True
        with _failures():
            from netcost.checking.limits import Limits, parse_budget
            from netcost.checking.regression import CheckReport, compare

            if not budget:
                pytest.fail("netcost.check has no budget; give one, like params='<= 5M'", pytrace=False)
            limits = Limits(budget={metric: parse_budget(metric, written) for metric, written in budget.items()})
            new = _counted(model, inputs, mode, concrete)
            _fail_on(CheckReport((compare(self._test, None, new, limits),), settings=self._file.name))

    def snapshot(
        self,
        model: Any,
        inputs: Any = None,
        *,
        name: str = "",
        mode: str = "eval",
        concrete: bool = False,
        exact: bool = False,
        **tolerance: str,
    ) -> None:
        """Fail where the network costs more than it did when `--netcost-update` last recorded it.

        Args:
            model: an nn.Module, or a target such as "googlenet" or "net.py:Net".
            inputs: of one forward pass: a shape (1, 3, 224, 224), tensors, or a tuple or dict of these.
            name: tells several snapshots of one test apart; they are numbered unless given.
            mode: "eval" or "train".
            concrete: run on real tensors, for a forward pass that looks at values.
            exact: whether any difference fails, for the better too.
            tolerance: how much more passes, by metric: memory_access="1%".
        """
        __tracebackhide__ = True
        with _failures():
            from netcost.checking.limits import Limits, parse_tolerance

            limits = Limits({metric: parse_tolerance(metric, written) for metric, written in tolerance.items()})
            new = _counted(model, inputs, mode, concrete)
            entry = self._entry(name)
            if self._config.getoption("--netcost-update"):
                self._config.stash[_written].setdefault(str(self._baseline), {})[entry] = new
            else:
                _fail_on(self._held(entry, new, limits, exact))

    @property
    def _baseline(self) -> Path:
        """The file beside the test."""
        return self._file.with_suffix(".netcost.json")

    def _entry(self, name: str) -> str:
        """The snapshot's name in the file: that of the test, with its own or its number behind it."""
        test = self._test.partition("::")[2]
        entry = f"{test} {name or len(self._taken) + 1}" if name or self._taken else test
        if entry in self._taken:
            pytest.fail(
                f"two snapshots of {self._test} are called {name!r}; give each a name of its own", pytrace=False
            )
        self._taken.append(entry)
        return entry

    def _held(self, entry: str, new: Snapshot, limits: Limits, exact: bool) -> CheckReport:
        """The network against what is recorded of it."""
        from netcost.checking import other_versions, torch_version
        from netcost.checking.baseline import Baseline, read
        from netcost.checking.regression import CheckReport, compare
        from netcost.text.documents import shown

        update = ("pytest", "--netcost-update", self._test)
        file = shown(self._baseline)
        recorded = (
            read(self._baseline, " ".join(update)) if self._baseline.exists() else Baseline(torch=torch_version())
        )
        old = recorded.targets.get(entry)
        problems = () if old is not None else (f"{entry!r} has no entry in {file!r}",)
        return CheckReport(
            (compare(self._test, old, new, limits, exact=exact, problems=problems),),
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
    """What a network may cost: netcost.check(model, inputs, params="<= 5M") and netcost.snapshot(model, inputs)."""
    return CostGuard(request)


@contextmanager
def _failures() -> Iterator[None]:
    """What netcost refuses fails the test in its one line; the traceback would show netcost's own code."""
    from netcost.text.errors import NetcostError

    __tracebackhide__ = True
    try:
        yield
    except NetcostError as error:
        pytest.fail(f"netcost: {error}", pytrace=False)


def _counted(model: Any, inputs: Any, mode: str, concrete: bool) -> Snapshot:
    from netcost.checking.snapshot import take
    from netcost.counting.analysis import analyze

    analysis = analyze(model, inputs, mode=mode, concrete=concrete)
    return take(analysis.count, analysis.metrics(), analysis.model)


def _fail_on(report: CheckReport) -> None:
    """Fail with the text that `netcost check` prints."""
    from netcost.checking.formats import check_text

    __tracebackhide__ = True
    if report.fails:
        pytest.fail(check_text(report, "table").rstrip(), pytrace=False)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write what is to be recorded, once: with pytest-xdist, the workers hand it to the process that started them."""
    written = session.config.stash[_written]
    if not written:
        return
    from netcost.text.errors import NetcostError

    if hasattr(session.config, "workeroutput"):
        from netcost.checking.baseline import Baseline, render

        session.config.workeroutput["netcost"] = {file: render(Baseline(new)) for file, new in written.items()}
        return
    for file, new in written.items():
        try:
            session.config.stash[_said].append(_record(Path(file), new))
        except NetcostError as error:
            session.config.stash[_said].append(str(error))
            session.exitstatus = pytest.ExitCode.USAGE_ERROR


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what a worker of pytest-xdist has to record."""
    for file, text in getattr(node, "workeroutput", {}).get("netcost", {}).items():
        from netcost.checking.baseline import parse

        new = parse(text.encode(), "a worker's snapshots").targets
        node.config.stash[_written].setdefault(file, {}).update(new)


def _record(path: Path, new: dict[str, Snapshot]) -> str:
    """Put snapshots into a file beside those that are there; what was done, in a line."""
    from netcost.checking import torch_version
    from netcost.checking.baseline import Baseline, read, render
    from netcost.text.documents import shown
    from netcost.text.version import __version__
    from netcost.text.writing import write_text

    old = read(path, "pytest --netcost-update, without the file").targets if path.exists() else {}
    write_text(path, render(Baseline({**old, **new}, __version__, torch_version())))
    return f"{len(new)} recorded in {shown(path)!r}"


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say what was recorded."""
    for said in config.stash[_said]:
        terminalreporter.write_line(f"netcost: {said}")
