"""The environment of a measurement: processor, threads, torch, GPU, clocks and load; no host name, user or path.

Values that a machine does not offer are None. Linux offers most, in files under /proc and /sys; every reader of them
takes the `root` they are under, so that a test can write its own machine.
"""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from netcost.text.errors import RequestError
from netcost.text.version import __version__
from netcost.timing.doubts import OtherLoad, other_load
from netcost.timing.gpu import Gpu, read_gpu

ROOT = Path("/")

VARIABLES = """
    OMP_NUM_THREADS OMP_DYNAMIC OMP_PROC_BIND OMP_PLACES OMP_SCHEDULE OMP_WAIT_POLICY GOMP_CPU_AFFINITY GOMP_SPINCOUNT
    KMP_AFFINITY KMP_BLOCKTIME MKL_NUM_THREADS MKL_DYNAMIC MKL_CBWR MKL_ENABLE_INSTRUCTIONS
    ONEDNN_MAX_CPU_ISA ONEDNN_DEFAULT_FPMATH_MODE ONEDNN_CPU_ISA_HINTS ONEDNN_PRIMITIVE_CACHE_CAPACITY
    ATEN_CPU_CAPABILITY TORCH_ALLOW_TF32_CUBLAS_OVERRIDE NVIDIA_TF32_OVERRIDE CUBLAS_WORKSPACE_CONFIG
    CUDA_LAUNCH_BLOCKING PYTORCH_CUDA_ALLOC_CONF TORCH_COMPILE_DISABLE TORCHDYNAMO_DISABLE
    TORCHINDUCTOR_FORCE_DISABLE_CACHES
""".split()
"""Variables that change how fast torch and the libraries under it run; none of them holds a path or a name."""


@dataclass(frozen=True, slots=True)
class Environment:
    """The conditions that a reader needs to judge, or to repeat, a measurement."""

    device: str
    system: str
    machine: str
    python: str
    torch: str
    torch_build: str
    cpu: str | None
    cores: int  # logical ones that this process may use
    core_quota: float | None  # CPU time that a container grants, in cores; None without a limit
    threads: int  # of torch, within an operator
    governor: str | None
    load_per_core: float | None  # runnable programs per core of the whole machine, averaged over the last minute
    cpu_capability: str  # vector instructions that torch's own kernels use: "AVX512", "AVX2", "DEFAULT"
    mkldnn: bool  # True where torch uses oneDNN
    mkl: bool
    fp32_matmul: str | None  # precision in which oneDNN may multiply: "ieee", "tf32", "bf16"; None unless chosen
    fp32_convolution: str | None
    deterministic: bool  # True where torch may use deterministic algorithms only
    variables: dict[str, str]  # those of `VARIABLES` that are set
    denormals_flushed: bool  # True where this processor flushes denormals when asked, as netcost does while it times
    gpu: Gpu | None

    def to_dict(self) -> dict[str, Any]:
        """Return the same as plain values; unknown ones are None."""
        plain = asdict(self)
        if self.gpu is not None and self.gpu.throttle_reasons is not None:
            plain["gpu"]["throttle_reasons"] = list(self.gpu.throttle_reasons)
        return plain


def read_environment(device: str = "cpu", threads: int | None = None) -> Environment:
    """Read the present state of this machine, with the GPU where `device` names one.

    Args:
        threads: the number that measuring uses [default: torch's present number].
    """
    with flushed_denormals() as flushed:
        pass
    has_onednn = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]  # torch leaves it so
    return Environment(
        device=device,
        system=platform.system(),
        machine=platform.machine(),
        python=platform.python_version(),
        torch=torch.__version__,
        torch_build=torch_build(),
        cpu=cpu_model(),
        cores=len(available_cores()),
        core_quota=core_quota(),
        threads=torch.get_num_threads() if threads is None else threads,
        governor=governor(),
        load_per_core=load_per_core(),
        cpu_capability=torch.backends.cpu.get_cpu_capability(),
        mkldnn=bool(has_onednn and torch.backends.mkldnn.enabled),
        mkl=torch.backends.mkl.is_available(),  # type: ignore[no-untyped-call]  # torch leaves it so
        fp32_matmul=_precision(torch.backends.mkldnn.matmul),  # type: ignore[attr-defined]  # set late
        fp32_convolution=_precision(torch.backends.mkldnn.conv),  # type: ignore[attr-defined]  # set late
        deterministic=torch.are_deterministic_algorithms_enabled(),
        variables=variables(),
        denormals_flushed=flushed,
        gpu=read_gpu(device) if device.startswith("cuda") and torch.cuda.is_available() else None,
    )


def variables() -> dict[str, str]:
    """Return those of `VARIABLES` that are set; a value that could be a path is replaced by "(set)"."""
    harmless = re.compile(r"[\w .,:;=+*{}()-]{0,200}", re.ASCII)
    values = {name: os.environ[name] for name in VARIABLES if name in os.environ}
    return {name: value if harmless.fullmatch(value) else "(set)" for name, value in values.items()}


def _precision(backend: Any) -> str | None:
    """Return the precision chosen for fp32 operands, or None."""
    precision: str = backend.fp32_precision
    return None if precision == "none" else precision


def versions() -> tuple[str, str]:
    """Return the versions that counts depend on, for people: "netcost 0.1.0" and "torch 2.14.1"."""
    return f"netcost {__version__}", f"torch {torch.__version__}"


def torch_build() -> str:
    """Return the platform that torch was built for: "CPU", "CUDA 13.0", "ROCm 6.4"."""
    if torch.version.cuda is not None:
        return f"CUDA {torch.version.cuda}"
    return "CPU" if torch.version.hip is None else f"ROCm {torch.version.hip}"


def flushes_denormals() -> bool:
    """True where this thread flushes denormals now: torch sets the flag and offers no way to read it, so we try."""
    smallest_normal = torch.full((1,), 2.0**-126)
    return bool((smallest_normal / 2).item() == 0)


@contextmanager
def flushed_denormals() -> Iterator[bool]:
    """Treat denormals as zero within; yields True if the processor can do so. The flag is restored."""
    before = flushes_denormals()
    can = torch.set_flush_denormal(True)
    try:
        yield can
    finally:
        torch.set_flush_denormal(before)


@contextmanager
def thread_number(threads: int | None) -> Iterator[int]:
    """Set the number of torch's threads within an operator; yields the number in use.

    Raises:
        RequestError: the number is below 1.
    """
    if threads is not None and threads < 1:
        raise RequestError(f"--threads {threads!r}: expected 1 or more")
    before = torch.get_num_threads()
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        yield torch.get_num_threads()
    finally:
        if threads is not None:
            torch.set_num_threads(before)


def available_cores() -> tuple[int, ...]:
    """Return the numbers of the logical cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))


def cpu_model(root: Path = ROOT) -> str | None:
    """Return the processor's name, or None."""
    listed = _read(root / "proc/cpuinfo") or ""
    match = re.search(r"^(?:model name|Model|Hardware)\s*:[ \t]*(\S.*)$", listed, re.MULTILINE)
    if match:
        return match[1].strip()
    # Where Linux lists no name, Python's answer is the architecture.
    return None if platform.system() == "Linux" else platform.processor() or None


def core_quota(root: Path = ROOT) -> float | None:
    """Return the CPU time that the control group grants, in cores (cgroup version 2), or None without a limit."""
    granted, _, period = (_read(root / "sys/fs/cgroup/cpu.max") or "max").partition(" ")
    return int(granted) / int(period) if granted.isdecimal() and period.isdecimal() else None


def cache_sizes(root: Path = ROOT) -> dict[int, list[int]]:
    """Return the bytes of each data cache of the available cores, by level, 1 first; a shared one is listed once."""
    sizes: dict[int, dict[str, int]] = {}
    for core in available_cores():
        for index in (root / f"sys/devices/system/cpu/cpu{core}/cache").glob("index*"):
            level, size, kind, shared = (_read(index / name) for name in ("level", "size", "type", "shared_cpu_list"))
            match = re.fullmatch(r"([0-9]+)([KMG]?)", size or "", re.ASCII)
            if match and int(match[1]) and level and level.isdecimal() and kind != "Instruction":
                size_bytes = int(match[1]) << {"": 0, "K": 10, "M": 20, "G": 30}[match[2]]
                sizes.setdefault(int(level), {})[shared or str(core)] = size_bytes
    return {level: [*sizes[level].values()] for level in sorted(sizes)}


def last_level_cache_bytes(root: Path = ROOT) -> int | None:
    """Return the bytes of the last-level caches of the available cores, together; None if unknown."""
    sizes = cache_sizes(root)
    return sum(sizes[max(sizes)]) if sizes else None


def available_memory(root: Path = ROOT) -> int | None:
    """Return the bytes that may still be allocated, by the machine and by the control group, or None if unknown."""
    free = re.search(r"^MemAvailable:\s*([0-9]+) kB", _read(root / "proc/meminfo") or "", re.MULTILINE)
    limit, used = (_read(root / f"sys/fs/cgroup/memory.{name}") or "" for name in ("max", "current"))
    left = [int(free[1]) * 1024] if free else []
    if limit.isdecimal() and used.isdecimal():
        left.append(max(0, int(limit) - int(used)))
    return min(left, default=None)


def governor(root: Path = ROOT) -> str | None:
    """Return the frequency governors of the available cores ("performance"), or None where the machine has none."""
    paths = (root / f"sys/devices/system/cpu/cpu{core}/cpufreq/scaling_governor" for core in available_cores())
    return ", ".join(sorted({name for path in paths if (name := _read(path))})) or None


def load_per_core() -> float | None:
    """Return the machine's load average of the last minute per core, or None if unknown."""
    try:
        return os.getloadavg()[0] / (os.cpu_count() or 1)
    except (AttributeError, OSError):
        return None


def busy_seconds(root: Path = ROOT) -> float | None:
    """Return the core-seconds that all programs have used on the available cores since boot, or None if unknown."""
    ours = {f"cpu{core}" for core in available_cores()}
    rows = [line.split() for line in (_read(root / "proc/stat") or "").splitlines()]
    counted = [[int(ticks) for ticks in row[1:9]] for row in rows if row and row[0] in ours]
    if not counted or min(map(len, counted)) < 8:
        return None
    # user, nice, system, -idle-, -iowait-, irq, softirq and steal; guests are in user already.
    ticks = sum(sum(row) - row[3] - row[4] for row in counted)
    return ticks / os.sysconf("SC_CLK_TCK")


def thermal_events(root: Path = ROOT) -> int | None:
    """Return the number of times that heat has slowed an available core since boot, or None if unknown."""
    cores = root / "sys/devices/system/cpu"
    counts = [_read(cores / f"cpu{core}/thermal_throttle/core_throttle_count") for core in available_cores()]
    known = [int(count) for count in counts if count is not None and count.isdecimal()]
    return sum(known) if known else None


class LoadMeter:
    """Measures the load by other programs since it was made, by three clocks that tests can replace.

    They show the core-seconds of all programs on our cores (None if unknown), those of this process, and the time.
    """

    def __init__(
        self,
        busy: Callable[[], float | None] = busy_seconds,
        own: Callable[[], float] = time.process_time,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._busy, self._own, self._clock = busy, own, clock
        self._since = (busy(), own(), clock())

    def doubt(self, cores: int | None = None) -> OtherLoad | None:
        """Return the warning that other programs used our cores meanwhile, or None."""
        busy, (busy_before, own_before, before) = self._busy(), self._since
        used = None if busy is None or busy_before is None else busy - busy_before
        own, elapsed = self._own() - own_before, self._clock() - before
        return other_load(used, own, elapsed, len(available_cores()) if cores is None else cores)


def _read(path: Path) -> str | None:
    """Return the text of a small system file, or None where it is missing or may not be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None
