"""A GPU: its name, torch's settings for it, and the clocks and throttling reasons that its driver reports."""

from __future__ import annotations

import ctypes
import platform
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU, and the settings that change how fast torch runs on it."""

    name: str
    capability: str
    driver: str | None
    clock_mhz: int | None
    max_clock_mhz: int | None
    throttle_reasons: tuple[str, ...] | None
    cudnn: int | None
    cudnn_benchmark: bool
    tf32_matmul: bool
    tf32_convolution: bool


def read_gpu(device: str) -> Gpu:
    """Read the GPU called `device` and torch's settings for it."""
    properties = torch.cuda.get_device_properties(device)
    driver = open_driver(f"GPU-{properties.uuid}")
    return Gpu(
        name=properties.name,
        capability=f"{properties.major}.{properties.minor}",
        driver=driver.version() if driver else None,
        clock_mhz=driver.clock_mhz() if driver else None,
        max_clock_mhz=driver.max_clock_mhz() if driver else None,
        throttle_reasons=driver.throttle_reasons() if driver else None,
        cudnn=torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]  # torch leaves it so
        cudnn_benchmark=torch.backends.cudnn.benchmark,
        # The older allow_tf32 raises once a program has used these settings, and these have the older one's effect.
        tf32_matmul=torch.backends.cuda.matmul.fp32_precision == "tf32",
        tf32_convolution=torch.backends.cudnn.conv.fp32_precision == "tf32",  # type: ignore[attr-defined]  # set late
    )


THROTTLE_REASONS = {
    0x04: "power cap",
    0x08: "hardware slowdown",
    0x20: "temperature (software)",
    0x40: "temperature (hardware)",
    0x80: "power brake",
}
"""Bits of NVML's clock event reasons that slow a GPU down; idling and clocks set by the user are not among them."""


class NvidiaDriver:
    """Readings of one GPU from NVIDIA's management library, which torch does not offer; None where a reading fails.

    Reference: NVML API Reference Guide, "Device Queries" and "NvmlClocksEventReasons".
    """

    def __init__(self, library: Any, uuid: str) -> None:
        self._library = library
        self._gpu = ctypes.c_void_p()
        self._is_known = library.nvmlDeviceGetHandleByUUID(uuid.encode(), ctypes.byref(self._gpu)) == 0

    def version(self) -> str | None:
        """Return the driver's version."""
        text = ctypes.create_string_buffer(80)
        failed = self._library.nvmlSystemGetDriverVersion(text, ctypes.c_uint(len(text)))
        return None if failed else text.value.decode("ascii", "replace")

    def clock_mhz(self) -> int | None:
        """Return the present clock of the multiprocessors (MHz)."""
        return self._number("nvmlDeviceGetClockInfo", ctypes.c_uint(), ctypes.c_int(1))

    def max_clock_mhz(self) -> int | None:
        """Return the highest clock of the multiprocessors (MHz)."""
        return self._number("nvmlDeviceGetMaxClockInfo", ctypes.c_uint(), ctypes.c_int(1))

    def throttle_reasons(self) -> tuple[str, ...] | None:
        """Return the reasons why the clocks are lower than possible now; empty where they are not."""
        bits = self._number("nvmlDeviceGetCurrentClocksThrottleReasons", ctypes.c_ulonglong())
        return None if bits is None else tuple(name for bit, name in THROTTLE_REASONS.items() if bits & bit)

    def _number(self, query: str, answer: Any, *which: Any) -> int | None:
        if not self._is_known:
            return None
        failed = getattr(self._library, query)(self._gpu, *which, ctypes.byref(answer))
        return None if failed else int(answer.value)


def open_driver(uuid: str) -> NvidiaDriver | None:
    """Return the driver of the GPU with that UUID, or None where the library is missing or does not start."""
    try:
        library = ctypes.CDLL("nvml.dll" if platform.system() == "Windows" else "libnvidia-ml.so.1")
    except OSError:
        return None
    return NvidiaDriver(library, uuid) if library.nvmlInit_v2() == 0 else None
