"""What every test finds: torch on one thread, because pytest-xdist runs as many tests at a time as there are workers,
and denormals flushed, because an untrained network's activations fade into them and then take ten times as long.
"""

import signal

import pytest
import torch
from hypothesis import settings
from own_process import OwnProcess

torch.set_num_threads(1)
torch.set_flush_denormal(True)

# A machine that is busy with something else is no fault of the code.
settings.register_profile("netcost", deadline=None)
settings.load_profile("netcost")

# Run in the background, a shell has us ignore interrupts, and so would every process that a test starts and interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def own_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have `netcost check` count in this process."""
    monkeypatch.setattr("netcost.checking.recording.Worker", OwnProcess)
