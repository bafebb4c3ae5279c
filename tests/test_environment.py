import ctypes
import json
import os
import platform
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from netcost import environment, stats
from netcost.errors import MeasurementError, RequestError

LINUX = pytest.mark.skipif(platform.system() != "Linux", reason="reads the kernel's clock ticks")


def machine(root: Path, files: dict[str, str]) -> Path:
    """A made-up machine: the given files under `root`, named without the leading slash."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


@pytest.fixture
def cores(monkeypatch):
    """A process that may use cores 1 and 3."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 1}, raising=False)
    return (1, 3)


def test_the_environment_is_plain_json_and_names_torch_and_python():
    plain = environment.read_environment("cpu", threads=3).to_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["torch"] == torch.__version__
    assert plain["python"] == platform.python_version()
    assert plain["threads"] == 3
    assert plain["gpu"] is None


def test_without_a_number_the_threads_are_those_torch_has_now():
    assert environment.read_environment().threads == torch.get_num_threads()


def test_the_environment_gives_away_neither_host_nor_user_nor_path(monkeypatch):
    secrets = {"HOSTNAME": "host-7", "USER": "user-7", "LOGNAME": "user-7", "HOME": "home-7"}
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    plain = environment.read_environment().to_dict()
    text = json.dumps(plain)
    assert not any(secret in text for secret in (*secrets.values(), str(Path.cwd())))
    assert platform.node() not in plain.values()


def test_the_cores_are_those_that_the_process_may_use(cores):
    assert environment.available_cores() == cores
    assert environment.read_environment().cores == len(cores)


def test_where_no_affinity_is_told_the_machine_s_cores_count(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    assert environment.available_cores() == (0, 1, 2, 3)


@pytest.mark.parametrize(
    ("listed", "name"),
    [
        ("processor\t: 0\nmodel\t\t: 167\nmodel name\t: Fast CPU @ 3.0GHz\nflags\t: a b\n", "Fast CPU @ 3.0GHz"),
        ("processor\t: 0\nFeatures\t: fp\n\nModel\t\t: Small Board 4\n", "Small Board 4"),
    ],
)
def test_the_processor_s_name_is_the_kernel_s(tmp_path, listed, name):
    assert environment.cpu_model(machine(tmp_path, {"proc/cpuinfo": listed})) == name


def test_a_linux_without_a_processor_name_has_none(tmp_path, monkeypatch):
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    assert environment.cpu_model(machine(tmp_path, {"proc/cpuinfo": "model name\t:\nstepping\t: 1\n"})) is None


def test_elsewhere_python_may_know_the_processor(tmp_path, monkeypatch):
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "processor", lambda: "arm")
    assert environment.cpu_model(tmp_path) == "arm"


@pytest.mark.parametrize(("written", "quota"), [("150000 100000\n", 1.5), ("max 100000\n", None), (None, None)])
def test_the_quota_of_a_container_is_in_cores(tmp_path, written, quota):
    files = {} if written is None else {"sys/fs/cgroup/cpu.max": written}
    assert environment.core_quota(machine(tmp_path, files)) == quota


@pytest.mark.usefixtures("cores")
def test_governors_are_those_of_the_available_cores(tmp_path):
    path = "sys/devices/system/cpu/cpu{}/cpufreq/scaling_governor"
    names = {0: "schedutil", 1: "powersave", 3: "performance"}
    root = machine(tmp_path, {path.format(core): f"{name}\n" for core, name in names.items()})
    assert environment.governor(root) == "performance, powersave"


@pytest.mark.usefixtures("cores")
def test_a_machine_that_tells_nothing_has_nothing_made_up(tmp_path):
    assert environment.governor(tmp_path) is None
    assert environment.busy_seconds(tmp_path) is None
    assert environment.thermal_events(tmp_path) is None


@LINUX
@pytest.mark.usefixtures("cores")
def test_busy_time_is_that_of_the_available_cores_without_idling(tmp_path):
    # user nice system idle iowait irq softirq steal guest guest_nice; a guest's time is in user as well
    rows = ["cpu  9 9 9 9 9 9 9 9 9 9", "cpu1 10 20 30 999 999 40 50 60 5 5", "cpu2 1 1 1 1 1 1 1 1 1 1"]
    root = machine(tmp_path, {"proc/stat": "\n".join([*rows, "cpu3 1 0 0 999 0 0 0 0 0 0", "intr 5"])})
    ticks = (10 + 20 + 30 + 40 + 50 + 60) + 1
    assert environment.busy_seconds(root) == ticks / os.sysconf("SC_CLK_TCK")


@pytest.mark.usefixtures("cores")
def test_a_kernel_that_counts_less_than_we_know_is_not_read(tmp_path):
    assert environment.busy_seconds(machine(tmp_path, {"proc/stat": "cpu1 1 2 3 4\ncpu3 1 2 3 4\n"})) is None


@pytest.mark.usefixtures("cores")
def test_thermal_events_add_up_over_the_available_cores(tmp_path):
    path = "sys/devices/system/cpu/cpu{}/thermal_throttle/core_throttle_count"
    root = machine(tmp_path, {path.format(core): f"{10**core}\n" for core in range(4)})
    assert environment.thermal_events(root) == 10**1 + 10**3


def test_the_load_average_is_a_core_s_share(monkeypatch):
    monkeypatch.setattr(os, "getloadavg", lambda: (6.0, 0.0, 0.0), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    assert environment.load_per_core() == 6.0 / 4


def test_a_machine_without_a_load_average_has_none(monkeypatch):
    monkeypatch.delattr(os, "getloadavg", raising=False)
    assert environment.load_per_core() is None


def readings(*values):
    """A clock that shows the given values, one after the other."""
    return iter(values).__next__


def test_the_load_meter_takes_differences():
    meter = environment.LoadMeter(readings(100.0, 115.0), readings(7.0, 17.0), readings(50.0, 60.0))
    assert meter.doubt(cores=2) == stats.OtherLoad(share=(15.0 - 10.0) / (10.0 * 2), cores=2)


def test_the_load_meter_says_nothing_where_the_machine_does_not():
    meter = environment.LoadMeter(readings(None, 15.0), readings(0.0, 0.0), readings(0.0, 10.0))
    assert meter.doubt(cores=2) is None


@pytest.mark.skipif(not torch.set_flush_denormal(False), reason="this processor cannot flush denormals")
def test_denormals_are_flushed_within_and_restored_even_after_an_error():
    for before in (False, True):
        torch.set_flush_denormal(before)
        try:
            with pytest.raises(KeyboardInterrupt), environment.flushed_denormals() as can:
                assert can
                assert environment.flushes_denormals()
                raise KeyboardInterrupt
            assert environment.flushes_denormals() is before
        finally:
            torch.set_flush_denormal(False)


def test_the_cpu_is_always_there():
    assert environment.require_device("cpu") == "cpu"


@pytest.mark.parametrize("name", ["gpu", "none", "CUDA", "cuda:", "cuda:-1", "cuda:a", "", "mps"])
def test_a_device_of_another_name_is_a_wrong_request(name):
    with pytest.raises(RequestError) as caught:
        environment.require_device(name)
    assert repr(name) in str(caught.value)
    assert "--device cpu" in str(caught.value)


def test_without_a_gpu_the_message_names_the_torch_build_and_the_ways_out(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(MeasurementError) as caught:
        environment.require_device("cuda")
    message = str(caught.value)
    assert message.startswith(f"torch {torch.__version__} sees no CUDA device")
    assert "--device cpu" in message
    assert "--device none" in message
    assert "\n" not in message


def test_a_gpu_beyond_the_last_is_missing(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert environment.require_device("cuda") == "cuda"
    assert environment.require_device("cuda:1") == "cuda:1"
    with pytest.raises(MeasurementError, match="sees CUDA devices 0 to 1, not 'cuda:2'"):
        environment.require_device("cuda:2")


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
    driver = environment.NvidiaDriver(Management(reasons=0x04 | 0x40), "GPU-1")
    assert driver.version() == "580.65.06"
    assert driver.clock_mhz() == 1410
    assert driver.max_clock_mhz() == 1980
    assert driver.throttle_reasons() == ("power cap", "temperature (hardware)")


def test_an_idle_gpu_or_one_with_a_chosen_clock_is_not_throttled():
    assert environment.NvidiaDriver(Management(reasons=0x01 | 0x02), "GPU-1").throttle_reasons() == ()


def test_a_reading_that_fails_is_none_and_the_others_stand():
    driver = environment.NvidiaDriver(Management(failing=("nvmlDeviceGetClockInfo",)), "GPU-1")
    assert driver.clock_mhz() is None
    assert driver.max_clock_mhz() == 1980


def test_a_gpu_that_the_driver_does_not_know_has_no_readings():
    driver = environment.NvidiaDriver(Management(failing=("nvmlDeviceGetHandleByUUID",)), "MIG-1")
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
    driver = environment.NvidiaDriver(Management(reasons=0x04), "GPU-1")
    monkeypatch.setattr(environment, "open_driver", lambda uuid: asked.append(uuid) or driver)
    plain = environment.read_environment("cuda").to_dict()
    assert asked == ["GPU-1-2-3"]
    assert plain["gpu"]["name"] == "Quick GPU"
    assert plain["gpu"]["capability"] == "9.0"
    assert plain["gpu"]["throttle_reasons"] == ["power cap"]
    assert json.loads(json.dumps(plain)) == plain


@pytest.mark.usefixtures("one_gpu")
def test_a_gpu_without_the_management_library_has_unknown_clocks(monkeypatch):
    monkeypatch.setattr(environment, "open_driver", lambda _: None)
    gpu = environment.read_environment("cuda:0").gpu
    assert (gpu.driver, gpu.clock_mhz, gpu.max_clock_mhz, gpu.throttle_reasons) == (None, None, None, None)


@pytest.mark.usefixtures("one_gpu")
def test_tf32_is_told_as_torch_has_it_set_now(monkeypatch):
    monkeypatch.setattr(environment, "open_driver", lambda _: None)
    before = torch.backends.cuda.matmul.fp32_precision
    try:
        torch.backends.cuda.matmul.fp32_precision = "tf32"
        assert environment.read_gpu("cuda").tf32_matmul
        torch.backends.cuda.matmul.fp32_precision = "ieee"
        assert not environment.read_gpu("cuda").tf32_matmul
    finally:
        torch.backends.cuda.matmul.fp32_precision = before


def test_a_machine_without_the_management_library_has_no_driver(monkeypatch):
    def missing(name):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", missing)
    assert environment.open_driver("GPU-1") is None


@pytest.mark.parametrize(("status", "opened"), [(0, True), (9, False)])
def test_a_management_library_that_does_not_start_is_as_good_as_none(monkeypatch, status, opened):
    library = Management()
    library.nvmlInit_v2 = lambda: status
    monkeypatch.setattr(ctypes, "CDLL", lambda _: library)
    assert (environment.open_driver("GPU-1") is not None) is opened


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device here")
def test_a_real_gpu_is_named_with_its_capability():
    gpu = environment.read_environment("cuda").gpu
    assert gpu.name == torch.cuda.get_device_name()
    assert gpu.capability == ".".join(map(str, torch.cuda.get_device_capability()))
    assert gpu.clock_mhz is None or 0 < gpu.clock_mhz <= gpu.max_clock_mhz
