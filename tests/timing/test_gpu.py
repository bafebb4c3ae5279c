import ctypes
import json
from types import SimpleNamespace

import pytest
import torch

from netcost.timing import gpu
from netcost.timing.environment import read_environment


class Management:
    """NVIDIA's management library as far as netcost uses it: fills in what it is pointed at, and returns 0."""

    def __init__(self, reasons: int = 0, failing: tuple[str, ...] = ()) -> None:
        self._numbers = {"Clock": 1410, "MaxClock": 1980, "CurrentClocksThrottleReasons": reasons}
        self._failing = failing

    def __getattr__(self, name):
        return lambda *arguments: 999 if name in self._failing else self._answer(name, *arguments)

    def _answer(self, name, *arguments):
        if name == "nvmlSystemGetDriverVersion":
            arguments[0].value = b"580.65.06"
        elif name != "nvmlDeviceGetHandleByUUID":
            assert isinstance(arguments[0], ctypes.c_void_p)
            kind = name.removeprefix("nvmlDeviceGet").removesuffix("Info")
            arguments[-1]._obj.value = self._numbers[kind]
        return 0


def test_the_driver_tells_version_clocks_and_reasons():
    driver = gpu.NvidiaDriver(Management(reasons=0x04 | 0x40), "GPU-1")
    assert driver.version() == "580.65.06"
    assert driver.clock_mhz() == 1410
    assert driver.max_clock_mhz() == 1980
    assert driver.throttle_reasons() == ("power cap", "temperature (hardware)")


def test_an_idle_gpu_or_one_with_a_chosen_clock_is_not_throttled():
    assert gpu.NvidiaDriver(Management(reasons=0x01 | 0x02), "GPU-1").throttle_reasons() == ()


def test_a_reading_that_fails_is_none_and_the_others_stand():
    driver = gpu.NvidiaDriver(Management(failing=("nvmlDeviceGetClockInfo",)), "GPU-1")
    assert driver.clock_mhz() is None
    assert driver.max_clock_mhz() == 1980


def test_a_gpu_that_the_driver_does_not_know_has_no_readings():
    driver = gpu.NvidiaDriver(Management(failing=("nvmlDeviceGetHandleByUUID",)), "MIG-1")
    assert driver.clock_mhz() is None
    assert driver.throttle_reasons() is None
    assert driver.version() == "580.65.06"


@pytest.fixture
def one_gpu(monkeypatch):
    """A torch that sees one GPU."""
    properties = SimpleNamespace(name="Quick GPU", major=9, minor=0, uuid="1-2-3")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: properties)


@pytest.mark.usefixtures("one_gpu")
def test_a_gpu_is_in_the_environment_with_what_its_driver_tells(monkeypatch):
    asked = []
    driver = gpu.NvidiaDriver(Management(reasons=0x04), "GPU-1")
    monkeypatch.setattr(gpu, "open_driver", lambda uuid: asked.append(uuid) or driver)
    plain = read_environment("cuda").to_dict()
    assert asked == ["GPU-1-2-3"]
    assert plain["gpu"]["name"] == "Quick GPU"
    assert plain["gpu"]["capability"] == "9.0"
    assert plain["gpu"]["throttle_reasons"] == ["power cap"]
    assert json.loads(json.dumps(plain)) == plain


@pytest.mark.usefixtures("one_gpu")
def test_a_gpu_without_the_management_library_has_unknown_clocks(monkeypatch):
    monkeypatch.setattr(gpu, "open_driver", lambda _: None)
    found = read_environment("cuda:0").gpu
    assert (found.driver, found.clock_mhz, found.max_clock_mhz, found.throttle_reasons) == (None, None, None, None)


@pytest.mark.usefixtures("one_gpu")
def test_tf32_is_told_as_torch_has_it_set_now(monkeypatch):
    monkeypatch.setattr(gpu, "open_driver", lambda _: None)
    before = torch.backends.cuda.matmul.fp32_precision
    try:
        torch.backends.cuda.matmul.fp32_precision = "tf32"
        assert gpu.read_gpu("cuda").tf32_matmul
        torch.backends.cuda.matmul.fp32_precision = "ieee"
        assert not gpu.read_gpu("cuda").tf32_matmul
    finally:
        torch.backends.cuda.matmul.fp32_precision = before


def test_a_machine_without_the_management_library_has_no_driver(monkeypatch):
    def missing(name):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", missing)
    assert gpu.open_driver("GPU-1") is None


@pytest.mark.parametrize(("status", "opened"), [(0, True), (9, False)])
def test_a_management_library_that_does_not_start_is_as_good_as_none(monkeypatch, status, opened):
    library = Management()
    library.nvmlInit_v2 = lambda: status
    monkeypatch.setattr(ctypes, "CDLL", lambda _: library)
    assert (gpu.open_driver("GPU-1") is not None) is opened


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device here")
def test_a_real_gpu_is_named_with_its_capability():
    found = read_environment("cuda").gpu
    assert found.name == torch.cuda.get_device_name()
    assert found.capability == ".".join(map(str, torch.cuda.get_device_capability()))
    assert found.clock_mhz is None or 0 < found.clock_mhz <= found.max_clock_mhz
