"""Engines: joblib gives candidates to workers, on this machine or on a cluster, and the run outlives each of them.

A job of joblib counts nothing itself. It asks a worker of its own (`netcost.timing.workers`), a process that has
imported torch once and counts one candidate after the other: one that hangs, dies or eats memory ends alone, and the
job starts another. So threads are enough on this machine, and the same job runs in any process of Ray or Dask.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from itertools import islice
from typing import Any

from netcost.text.errors import MeasurementError, NetcostError, RequestError, TimeLimitError, one_line
from netcost.timing.workers import Worker

STARTUP_S = 300.0
"""Seconds that a worker may take to import torch, timm and the user's code, on a machine that starts several."""

ATTEMPTS = 2
"""Workers that a candidate may end before it is to blame: others may have killed the first."""

PER_BATCH = 32
"""Candidates per job that go to an engine at a time which returns them all together (Ray)."""

LARGEST_CLUSTER = 64
"""Jobs that are reckoned with where a cluster says how many there are."""

FAILURES = 3
"""Times in a row that an engine may fail without a single result."""

SET_UP, COUNT = "netcost.search.counted:set_up", "netcost.search.counted:count_candidate"
"""Functions that a worker calls; they import torch, which a job does not need."""

PACKAGES = {"processes": "joblib", "ray": "ray", "dask": "distributed"}
"""Engines, and the package that each needs."""

Counted = tuple[int, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class WorkerSetup:
    """The setup of every worker.

    Args:
        inputs: of every candidate, in place of its own.
        on: devices to predict the latency of.
        timeout_s: seconds that a candidate may take.
        memory_limit: bytes that a worker may allocate; None for no limit.
    """

    inputs: tuple[str, ...] = ()
    on: tuple[str, ...] = ()
    timeout_s: float = 60.0
    memory_limit: int | None = None


class _Own(threading.local):
    """The worker of a job's thread."""

    worker: Worker | None = None
    setup: WorkerSetup | None = None


_own = _Own()
_started: set[Worker] = set()
_is_over = threading.Event()  # no thread starts a worker any more


def count_job(setup: WorkerSetup, index: int, plain: Mapping[str, Any]) -> Counted:
    """Count a candidate in the worker of this thread; return its number and its figures, or its error."""
    error: dict[str, Any] = {}
    for _ in range(ATTEMPTS):
        try:
            found = _ready(setup).ask("call", function=COUNT, args=[plain], kwargs={})
            return index, {"error": found["failure"]} if "failure" in found else found
        except TimeLimitError:
            _end()
            return index, {"error": f"took longer than --timeout allows ({setup.timeout_s:g} s)"}
        except MeasurementError as died:
            _end()
            error = {"error": one_line(died)}
    return index, error


def _ready(setup: WorkerSetup) -> Worker:
    """Return the worker of this thread, started and set up."""
    if _own.worker is None or _own.setup != setup:
        _end()
        if _is_over.is_set():
            raise MeasurementError("the search is over")
        worker = Worker(startup_s=STARTUP_S, patience_s=STARTUP_S).__enter__()
        _own.worker, _own.setup = worker, setup
        _started.add(worker)
        given = [list(setup.inputs), list(setup.on), setup.memory_limit]
        worker.ask("call", function=SET_UP, args=given, kwargs={})
        worker.patience_s = setup.timeout_s
    return _own.worker


def _end() -> None:
    """End the worker of this thread, if it has one."""
    worker, _own.worker = _own.worker, None
    if worker is not None:
        _started.discard(worker)
        worker.__exit__()


@contextmanager
def _ended_workers() -> Iterator[None]:
    """End all workers of this process afterwards, those in the middle of a call as well."""
    _is_over.clear()
    try:
        yield
    finally:
        _is_over.set()
        _own.worker = None
        while _started:
            _started.pop().__exit__()


def require_engine(engine: str) -> None:
    """Refuse an unknown engine, or one that is not installed, before any work is done."""
    if engine not in PACKAGES:
        raise RequestError(f"unknown engine {engine!r}; expected one of {', '.join(PACKAGES)}")
    for package, extra in (("joblib", "search"), (PACKAGES[engine], engine)):
        try:
            import_module(package)
        except ImportError as error:
            extra = "search" if engine == "processes" else extra
            raise RequestError(
                f"--engine {engine} needs {package}, which is not installed; run: pip install 'netcost[{extra}]'"
            ) from error


def number_of_jobs(engine: str, jobs: int) -> int:
    """Return the number of jobs; 0 stands for one per core of this machine, or -1 of a cluster that is running."""
    if jobs:
        return jobs
    if engine == "ray" and "RAY_ADDRESS" in os.environ:
        return -1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def counted_by(
    engine: str, jobs: int, setup: WorkerSetup
) -> Callable[[Iterable[tuple[int, Mapping[str, Any]]]], Iterator[Counted]]:
    """Return the function that counts candidates, given as (number, plain values), and yields them as they come."""

    def run(candidates: Iterable[tuple[int, Mapping[str, Any]]]) -> Iterator[Counted]:
        waiting = dict(candidates)
        failures = 0
        while waiting:
            try:
                with _ended_workers(), _backend(engine, jobs):
                    for index, found in _passed(engine, jobs, setup, waiting.items()):
                        failures = 0
                        del waiting[index]
                        yield index, found
            except (NetcostError, KeyboardInterrupt, GeneratorExit):
                raise
            except Exception as error:  # a process of the engine itself died: a new one takes what is left
                failures += 1
                if failures == FAILURES:
                    raise MeasurementError(
                        f"the engine {engine!r} failed {FAILURES} times: {one_line(error)}"
                    ) from error

    return run


def _passed(
    engine: str, jobs: int, setup: WorkerSetup, candidates: Iterable[tuple[int, Mapping[str, Any]]]
) -> Iterator[Counted]:
    """Pass candidates to joblib and yield what comes back, whichever comes first."""
    joblib = import_module("joblib")
    tasks = [joblib.delayed(count_job)(setup, index, plain) for index, plain in candidates]
    if engine != "ray":
        yield from joblib.Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)(tasks)
        return
    waiting = iter(tasks)
    with joblib.Parallel(n_jobs=jobs, batch_size=1) as parallel:
        while batch := list(islice(waiting, PER_BATCH * (jobs if jobs > 0 else LARGEST_CLUSTER))):
            yield from parallel(batch)


def _backend(engine: str, jobs: int) -> AbstractContextManager[Any]:
    """Open joblib's backend of an engine; a cluster that is running is used, and else one is started here."""
    parallel_config: Callable[..., AbstractContextManager[Any]] = import_module("joblib").parallel_config
    if engine == "processes":
        return parallel_config(backend="threading")
    if engine == "ray":
        ray, register = import_module("ray"), import_module("ray.util.joblib")
        if not ray.is_initialized():
            here = {} if "RAY_ADDRESS" in os.environ else {"num_cpus": jobs, "include_dashboard": False}
            ray.init(logging_level="ERROR", log_to_driver=False, **here)
        register.register_ray()
        return parallel_config(backend="ray")
    client = import_module("distributed")
    with suppress(ValueError):
        client.get_client()
        return parallel_config(backend="dask")
    client.Client(n_workers=jobs, threads_per_worker=1, processes=True)
    return parallel_config(backend="dask")
