"""ExecuTorch on the CPU: an exported program that XNNPACK runs wherever it has kernels.

The operators that XNNPACK lacks run in ExecuTorch's own kernels, and the details say how many. ExecuTorch has one pool
of threads per process, which cannot change while a program is loaded; the details say how many threads it has. It
keeps that size afterwards, for programs that are freed still point to it; `--isolate` leaves this process out of it.

Reference: ExecuTorch's documentation, "XNNPACK Backend" and "Runtime Python API Reference".
"""

from __future__ import annotations

import io
import os
import sys
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree

from netcost.timing.runtimes.runtime import (
    NetworkCall,
    Runtime,
    Started,
    exported_text,
    flat_tensors,
    imported,
    runtime_version,
    threads_text,
)
from netcost.timing.sampling import Run
from netcost.timing.setting import EXECUTORCH

BINDINGS = "executorch.extension.pybindings.portable_lib"

_loaded: weakref.WeakSet[Run] = weakref.WeakSet()
"""Runs whose programs are loaded: each holds the pool as it was then, and calls into it."""


@contextmanager
def silenced() -> Iterator[None]:
    """Discard what is written to standard error within: its C++ code logs to the process's and to Python's."""
    try:
        kept = os.dup(2)
    except OSError:  # it is closed
        yield
        return
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        with redirect_stderr(io.StringIO()):
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


@cache
def _bindings() -> tuple[Any, bool]:
    """Return ExecuTorch's bindings, and True where nobody has loaded them before in this process."""
    is_first = BINDINGS not in sys.modules
    return imported(BINDINGS), is_first


def _threads_used(threads: int) -> int:
    """Give the pool so many threads, unless a loaded program may hold it; return how many it has."""
    bindings, is_ours = _bindings()
    if is_ours and not _loaded and bindings._threadpool_get_thread_count() != threads:
        bindings._unsafe_reset_threadpool(threads)
    return int(bindings._threadpool_get_thread_count())


def _program(network: NetworkCall, call: tuple[tuple[Any, ...], dict[str, Any]]) -> tuple[bytes, str]:
    """Return the network as a program, and in words what XNNPACK runs of it."""
    exir = imported("executorch.exir")
    partitioner = imported("executorch.backends.xnnpack.partition.xnnpack_partitioner").XnnpackPartitioner()
    with torch.inference_mode(False), torch.no_grad():
        exported = torch.export.export(network.model, *call)
        lowered = exir.to_edge_transform_and_lower(exported, partitioner=[partitioner])
        facts = imported("executorch.devtools.backend_debug").get_delegation_info(
            lowered.exported_program().graph_module
        )
        given, kept = facts.num_delegated_nodes, facts.num_non_delegated_nodes
        return lowered.to_executorch().buffer, f"XNNPACK runs {given} of {given + kept} operators"


def _start(network: NetworkCall) -> Started:
    call = network.fixed_call("an exported network")
    with silenced():
        used = _threads_used(network.threads)
        program, share = _program(network, call)
        loaded = imported("executorch.runtime").Runtime.get().load_program(program)
        method = loaded.load_method("forward")
    inputs = _pytree.tree_leaves(call)
    held = program, loaded, method  # as long as the run

    def run() -> Sequence[Tensor]:
        results: Sequence[Tensor] = held[-1].execute(inputs)
        return results

    _loaded.add(run)
    version, threads = (runtime_version(EXECUTORCH) or "").partition(" ")[2], threads_text(used, network.threads)
    return Started(run, flat_tensors, f"ExecuTorch {version}, {threads}, {share}, {exported_text()}")


RUNTIME = Runtime(EXECUTORCH, "ExecuTorch", "converting", _start, own_threads=True)
