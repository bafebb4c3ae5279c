import json
import os
import platform
from pathlib import Path

import pytest
import torch

from netcost.text.errors import MeasurementError, RequestError
from netcost.timing import environment
from netcost.timing.devices import require_device
from netcost.timing.doubts import OtherLoad

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


def caches(core, *levels):
    """The files of a core's caches: level, size, kind, and who shares it."""
    folder = f"sys/devices/system/cpu/cpu{core}/cache/index{{}}/{{}}"
    names = ("level", "size", "type", "shared_cpu_list")
    return {
        folder.format(index, name): f"{value}\n"
        for index, cache in enumerate(levels)
        for name, value in zip(names, cache, strict=True)
    }


@pytest.mark.usefixtures("cores")
def test_the_last_level_cache_is_counted_once_for_all_who_share_it(tmp_path):
    first = [(1, "48K", "Data", core) for core in (1, 3)]
    shared = machine(
        tmp_path / "shared",
        {**caches(1, first[0], (3, "32M", "Unified", "0-3")), **caches(3, first[1], (3, "32M", "Unified", "0-3"))},
    )
    assert environment.last_level_cache_bytes(shared) == 32 * 2**20
    apart = machine(
        tmp_path / "apart", {**caches(1, (2, "512K", "Unified", "1")), **caches(3, (2, "512K", "Unified", "3"))}
    )
    assert environment.last_level_cache_bytes(apart) == 2 * 512 * 2**10


@pytest.mark.usefixtures("cores")
def test_a_cache_of_instructions_or_of_unknown_size_is_none(tmp_path):
    root = machine(tmp_path, caches(1, (1, "64K", "Instruction", "1"), (2, "", "Unified", "1")))
    assert environment.last_level_cache_bytes(root) is None
    assert environment.last_level_cache_bytes(tmp_path / "nothing") is None


def test_what_torch_was_told_is_in_the_environment(monkeypatch):
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    found = environment.read_environment()
    assert (found.cpu_capability, found.mkldnn, found.deterministic) == ("AVX2", False, False)


def test_the_precision_of_fp32_products_is_told_where_somebody_chose_one(monkeypatch):
    assert environment.read_environment().fp32_matmul is None
    before = torch.backends.mkldnn.matmul.fp32_precision
    try:
        torch.backends.mkldnn.matmul.fp32_precision = "bf16"
        assert environment.read_environment().fp32_matmul == "bf16"
    finally:
        torch.backends.mkldnn.matmul.fp32_precision = before


def test_variables_that_change_the_speed_are_told_and_their_paths_are_not(monkeypatch):
    for name in environment.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OMP_PROC_BIND", "close")
    monkeypatch.setenv("OMP_PLACES", "{0:4},{4:4}")
    monkeypatch.setenv("KMP_AFFINITY", "granularity=fine,compact,1,0")
    monkeypatch.setenv("MKL_CBWR", str(Path.home() / "mine"))
    monkeypatch.setenv("OMP_UNKNOWN", "7")
    assert environment.variables() == {
        "OMP_PROC_BIND": "close",
        "OMP_PLACES": "{0:4},{4:4}",
        "KMP_AFFINITY": "granularity=fine,compact,1,0",
        "MKL_CBWR": "(set)",
    }


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
    assert meter.doubt(cores=2) == OtherLoad(share=(15.0 - 10.0) / (10.0 * 2), cores=2)


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
    assert require_device("cpu") == "cpu"


@pytest.mark.parametrize("name", ["gpu", "none", "CUDA", "cuda:", "cuda:-1", "cuda:a", "", "mps"])
def test_a_device_of_another_name_is_a_wrong_request(name):
    with pytest.raises(RequestError) as caught:
        require_device(name)
    assert repr(name) in str(caught.value)
    assert "--device cpu" in str(caught.value)


def test_without_a_gpu_the_message_names_the_torch_build_and_the_ways_out(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(MeasurementError) as caught:
        require_device("cuda")
    message = str(caught.value)
    assert message.startswith(f"torch {torch.__version__} sees no CUDA device")
    assert "--device cpu" in message
    assert "--device none" in message
    assert "\n" not in message


def test_a_gpu_beyond_the_last_is_missing(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert require_device("cuda") == "cuda"
    assert require_device("cuda:1") == "cuda:1"
    with pytest.raises(MeasurementError, match="sees CUDA devices 0 to 1, not 'cuda:2'"):
        require_device("cuda:2")
