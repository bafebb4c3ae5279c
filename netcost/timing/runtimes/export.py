"""torch.export and AOTInductor: the network as a shared library, whose building needs a C++ compiler."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from netcost.timing.runtimes.runtime import NetworkCall, Runtime, Started, flat_tensors
from netcost.timing.setting import EXPORT


def _start(network: NetworkCall) -> Started:
    from torch import _inductor  # the compiler, which takes half a second to import

    args, kwargs = network.fixed_call("an exported network")
    with TemporaryDirectory(prefix="netcost-") as folder, torch.inference_mode(False), torch.no_grad():
        program = torch.export.export(network.model, args, kwargs)
        package = _inductor.aoti_compile_and_package(program, package_path=str(Path(folder) / "network.pt2"))
        function: Any = _inductor.aoti_load_package(package)
    return Started(lambda: function(*args, **kwargs), flat_tensors)


RUNTIME = Runtime(EXPORT, "torch.export", "compiling", _start)
