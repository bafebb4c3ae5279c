"""What every test finds: torch on one thread, because pytest-xdist runs as many tests at a time as there are workers,
and denormals flushed, because an untrained network's activations fade into them and then take ten times as long.
"""

import os
import signal
from functools import cache

import forked_worker
import pytest
import torch
import typer.main
from hypothesis import settings
from own_process import OwnProcess

from netcost.cli import output

torch.set_num_threads(1)
torch.set_flush_denormal(True)

# On a busy machine, a line of progress would stand between what a test compares.
output.LINE_EVERY_S = float("inf")

# The command line is put together once and not for each of a thousand runs.
typer.main.get_command = cache(typer.main.get_command)

# A machine that is busy with something else is no fault of the code.
settings.register_profile("netcost", deadline=None)
settings.load_profile("netcost")

# Run in the background, a shell has us ignore interrupts, and so would every process that a test starts and interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


SLOW = """
test_benchmarks test_examples test_readme test_torchvision test_timm test_transformers test_misbehaving test_revision
test_check_latency test_pull_request test_pytest_plugin test_workers test_preparation test_folder test_pages test_claims
test_claims_errata test_claims_speed test_onnx_files test_fuzz test_evidence test_rewrites test_applying test_zoo
test_zoo_inception test_zoo_residual test_zoo_mobile test_zoo_nasnet test_crosscheck test_training test_gpu_run
test_runtimes test_language_models test_guidelines_networks test_search_running
""".split()
"""Files that build large networks, start processes or open a browser: `-m "not slow"` leaves them out."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow."""
    for item in items:
        if item.path.stem in SLOW:
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def own_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have `netcost check` count in this process."""
    monkeypatch.setattr("netcost.checking.recording.Worker", OwnProcess)


@pytest.fixture
def forked_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have workers start as forks of a process that has imported torch, where the system can wait for those."""
    if not hasattr(os, "pidfd_open"):  # only Linux can
        return
    monkeypatch.setattr("netcost.timing.workers.worker.subprocess", forked_worker.SUBPROCESS)
