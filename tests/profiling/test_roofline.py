"""Peaks measured on a made-up device, saved and read back; and what a network could do at best under them."""

import copy
import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from fake_bench import BYTES_PER_S, CACHES, FLOPS_PER_S, LAUNCH_S, Bench
from fake_clock import Clock
from fake_device import quiet_meter
from handmade import Network
from hypothesis import given
from hypothesis import strategies as st

import netcost
from netcost.counting import breakdown
from netcost.counting.count import count
from netcost.graph.cost import Cost, Kind
from netcost.graph.graph import Op
from netcost.profiling.roofline import (
    Peaks,
    bounds_s,
    given_peaks,
    measure_peaks,
    probing,
    read_peaks,
    saved,
    under_roof,
)
from netcost.profiling.roofline.bound import operator_bound_s, with_bounds
from netcost.profiling.roofline.caches import ASSUMED_BYTES, Cache, cpu_caches
from netcost.profiling.roofline.workbench import TorchWorkbench
from netcost.text.errors import MeasurementError, RequestError
from netcost.text.formats import result_text
from netcost.text.formats.json_text import render
from netcost.timing import environment
from netcost.timing.environment import available_memory
from netcost.tracing import trace


def measured(budget_s: float = 0.0, **world: object) -> tuple[Peaks, Bench]:
    bench = Bench(Clock(), **world)
    peaks = measure_peaks(budget_s=budget_s, clock=bench.clock, workbench=lambda _: bench, meter=quiet_meter)
    return peaks, bench


@pytest.fixture(scope="module")
def peaks() -> Peaks:
    return measured()[0]


# ---- measuring, on a made-up clock ----------------------------------------------------------------------------------


def test_the_rates_of_the_device_are_found_to_the_digit(peaks: Peaks) -> None:
    assert {product.dtype: product.flops_per_s.best for product in peaks.products} == FLOPS_PER_S
    assert {bandwidth.level: bandwidth.copy.best for bandwidth in peaks.bandwidths} == BYTES_PER_S
    assert {bandwidth.level: bandwidth.triad.best for bandwidth in peaks.bandwidths} == {
        k: v / 2 for k, v in BYTES_PER_S.items()
    }
    assert {bandwidth.level: bandwidth.best for bandwidth in peaks.bandwidths} == BYTES_PER_S
    assert set(peaks.launch_s) == {LAUNCH_S}


def test_every_probe_is_repeated_and_every_repetition_kept(peaks: Peaks) -> None:
    rates = [product.flops_per_s for product in peaks.products]
    rates += [rate for bandwidth in peaks.bandwidths for rate in (bandwidth.copy, bandwidth.triad)]
    assert {len(rate.samples) for rate in rates} == {probing.FEWEST_SAMPLES}
    assert len(peaks.launch_s) == probing.FEWEST_SAMPLES


def test_a_larger_budget_buys_more_repetitions_and_is_not_exceeded_by_much() -> None:
    peaks, bench = measured(budget_s=64.0)
    assert len(peaks.launch_s) > probing.FEWEST_SAMPLES
    assert 64.0 / 2 < bench.clock.now < 64.0 * 1.1


def test_best_median_and_lowest_are_kept_of_a_rate_that_varies() -> None:
    rate = probing.Rate((2.0, 8.0, 4.0))
    assert rate.cells == (8.0, 4.0, 2.0, "3")


def test_a_sample_is_as_many_calls_as_last_long_enough() -> None:
    bench, calls = Bench(Clock()), []
    probe = probing._Probe(bench, bench.clock, 0.0, lambda *_: None, 1)
    call_s = probing.SAMPLE_S / 8

    def run() -> None:
        calls.append(1)
        bench._queue(call_s)

    assert probe._sampled(run, 0.0) == pytest.approx([call_s] * probing.FEWEST_SAMPLES)
    assert len(calls) == 2 + 8 * probing.FEWEST_SAMPLES  # the first, one to see how long it takes, and the samples


def test_the_arrays_fit_the_cache_or_are_four_times_the_last_one(peaks: Peaks) -> None:
    second, third, memory = peaks.bandwidths
    assert 3 * second.array_bytes <= CACHES[0].size_bytes / 2
    assert CACHES[0].size_bytes < 3 * third.array_bytes <= CACHES[1].size_bytes / 2
    assert memory.array_bytes == 4 * CACHES[1].size_bytes
    assert [bandwidth.cache_bytes for bandwidth in peaks.bandwidths] == [2**21, 2**25, None]


def test_arrays_that_memory_does_not_allow_are_smaller_and_the_notes_say_so() -> None:
    peaks, _ = measured(memory=2**28)
    assert peaks.bandwidths[-1].array_bytes == pytest.approx(probing.MEMORY_SHARE * 2**28 / 3, abs=4)
    assert any("does not allow arrays of more than 0.667 x" in note for note in peaks.notes)
    assert not any("does not allow" in note for note in measured()[0].notes)


def test_a_size_that_the_machine_does_not_tell_is_said_to_be_assumed() -> None:
    peaks, _ = measured(caches=(Cache("last level", ASSUMED_BYTES, assumed=True),))
    assert any("assumed" in note for note in peaks.notes)
    assert not any("assumed" in note for note in measured()[0].notes)


def test_an_element_type_that_cannot_be_multiplied_is_missing_with_the_reason() -> None:
    broken = {**FLOPS_PER_S, "bf16": RuntimeError('"mm" not implemented for BFloat16\nmore of it')}
    peaks, _ = measured(flops_per_s=broken)
    assert peaks.missing == {"bf16": 'RuntimeError: "mm" not implemented for BFloat16'}
    assert [product.dtype for product in peaks.products] == ["fp32", "fp16"]
    assert peaks.flops_per_s("bf16") is None
    assert peaks.ridge("bf16") is None
    assert "bf16" not in peaks.to_dict()["matrix_product"]
    assert "bf16 is missing" in result_text(peaks.table(), "table")


def test_an_element_type_that_takes_too_long_is_missing_with_its_time() -> None:
    slow = {**FLOPS_PER_S, "fp16": 2.0**26}
    peaks, bench = measured(flops_per_s=slow)
    assert peaks.missing == {"fp16": "a product of 512 x 512 takes 4.00 s"}  # 2 · 512³ / 2²⁶ s
    assert ("fp16", 1024) not in bench.asked


def test_a_larger_size_is_left_out_where_the_budget_does_not_allow_it() -> None:
    _, bench = measured(budget_s=0.0)
    assert [size for dtype, size in bench.asked if dtype == "fp32"] == [512]
    _, bench = measured(budget_s=64.0)
    assert [size for dtype, size in bench.asked if dtype == "fp32"] == [512, 1024, 2048]


def test_progress_goes_from_probe_to_probe() -> None:
    seen: list[float] = []
    bench = Bench(Clock())
    measure_peaks(
        budget_s=0.0,
        clock=bench.clock,
        workbench=lambda _: bench,
        meter=quiet_meter,
        progress=lambda share, _: seen.append(share),
    )
    assert seen == [index / 7 for index in range(7)]  # three products, two caches, the memory, the launch


def test_load_by_others_is_noted() -> None:
    busy, bench = iter((0.0, 90.0)), Bench(Clock())
    meter = environment.LoadMeter(lambda: next(busy), lambda: 0.0, iter((0.0, 10.0)).__next__)
    peaks = measure_peaks(budget_s=0.0, clock=bench.clock, workbench=lambda _: bench, meter=lambda: meter)
    assert any("other programs" in note for note in peaks.notes)


def test_threads_are_set_within_and_put_back() -> None:
    before, seen = torch.get_num_threads(), []
    bench = Bench(Clock())
    bench.caches = lambda threads: seen.append((threads, torch.get_num_threads())) or CACHES
    peaks = measure_peaks(
        threads=before + 1, budget_s=0.0, clock=bench.clock, workbench=lambda _: bench, meter=quiet_meter
    )
    assert seen == [(before + 1, before + 1)]
    assert (peaks.threads, torch.get_num_threads()) == (before + 1, before)


def test_a_number_of_threads_below_one_is_a_wrong_request() -> None:
    with pytest.raises(RequestError, match="expected 1 or more"):
        measure_peaks(threads=0)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_device_that_is_not_there_is_said() -> None:
    with pytest.raises(MeasurementError, match="--device cpu"):
        measure_peaks("cuda")


# ---- the machine's caches and memory --------------------------------------------------------------------------------


def machine(root: Path, caches: dict[tuple[int, int], tuple[str, str, str, str]]) -> Path:
    for (core, index), cells in caches.items():
        place = root / f"sys/devices/system/cpu/cpu{core}/cache/index{index}"
        place.mkdir(parents=True)
        for name, text in zip(("level", "type", "size", "shared_cpu_list"), cells, strict=True):
            (place / name).write_text(f"{text}\n")
    return root


@pytest.fixture
def two_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("netcost.timing.environment.available_cores", lambda: (0, 1))
    listed: dict[tuple[int, int], tuple[str, str, str, str]] = {}
    for core in (0, 1):
        listed[core, 0] = ("1", "Data", "48K", str(core))
        listed[core, 1] = ("1", "Instruction", "64K", str(core))
        listed[core, 2] = ("2", "Unified", "2048K", str(core))
        listed[core, 3] = ("3", "Unified", "32M", "0-1")
    return machine(tmp_path, listed)


def test_private_caches_add_up_over_the_threads_and_a_shared_one_is_one(two_cores: Path) -> None:
    assert cpu_caches(1, two_cores) == (Cache("L2", 2 << 20), Cache("L3", 32 << 20))
    assert cpu_caches(2, two_cores) == (Cache("L2", 4 << 20), Cache("L3", 32 << 20))
    assert cpu_caches(8, two_cores) == (Cache("L2", 4 << 20), Cache("L3", 32 << 20))  # there are no more


def test_a_cache_too_small_to_time_is_left_out_unless_it_is_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("netcost.timing.environment.available_cores", lambda: (0,))
    root = machine(tmp_path, {(0, 2): ("2", "Unified", "256K", "0")})
    assert cpu_caches(1, root) == (Cache("L2", 256 << 10),)
    machine(root, {(0, 3): ("3", "Unified", "8M", "0")})
    assert cpu_caches(1, root) == (Cache("L3", 8 << 20),)


@pytest.mark.parametrize("written", [None, "nonsense", "12Q", "0K", ""])
def test_a_machine_that_does_not_tell_has_an_assumed_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str | None
) -> None:
    monkeypatch.setattr("netcost.timing.environment.available_cores", lambda: (0,))
    if written is not None:
        machine(tmp_path, {(0, 3): ("3", "Unified", written, "0")})
    assert cpu_caches(1, tmp_path) == (Cache("last level", ASSUMED_BYTES, assumed=True),)


def test_available_memory_is_the_lesser_of_the_machines_and_the_groups(tmp_path: Path) -> None:
    assert available_memory(tmp_path) is None
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal: 999 kB\nMemAvailable:    512 kB\n")
    assert available_memory(tmp_path) == 512 * 1024
    group = tmp_path / "sys/fs/cgroup"
    group.mkdir(parents=True)
    (group / "memory.max").write_text("max\n")
    (group / "memory.current").write_text("4096\n")
    assert available_memory(tmp_path) == 512 * 1024
    (group / "memory.max").write_text("65536\n")
    assert available_memory(tmp_path) == 65536 - 4096


# ---- saved, and read back -------------------------------------------------------------------------------------------


def test_peaks_survive_being_saved(peaks: Peaks, tmp_path: Path) -> None:
    file = tmp_path / "peaks.json"
    file.write_text(render(peaks.to_dict()))
    assert read_peaks(str(file)) == peaks
    assert given_peaks(str(file)) == peaks


def test_the_json_says_what_follows_from_the_samples(peaks: Peaks) -> None:
    plain = peaks.to_dict()
    assert plain["schema"] == 1
    assert plain["matrix_product"]["fp32"]["flops_per_s"]["best"] == 2**36
    assert plain["bandwidth"][-1]["bytes_per_s"] == 2**32
    assert plain["ridge"] == {"fp32": 2**36 / 2**32, "bf16": 2**38 / 2**32, "fp16": 2**37 / 2**32}
    assert plain["launch"]["median_s"] == LAUNCH_S


def test_what_follows_from_the_samples_is_not_believed_when_read(peaks: Peaks) -> None:
    plain = copy.deepcopy(peaks.to_dict())
    plain["ridge"]["fp32"] = 7
    plain["bandwidth"][0]["bytes_per_s"] = 7
    assert Peaks.from_dict(plain) == peaks


def paths(value: object, way: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """Every place in a nest of dicts and lists."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way, *(path for key, part in inner for path in paths(part, (*way, key)))]


PLAIN = measured()[0].to_dict()
ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=True, allow_subnormal=False),
    st.text(),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(), st.integers(), max_size=3),
    st.sampled_from([10**400, -1, 0, "\x1b[2J", [[]], [None], {"samples": []}, {"samples": [1e308]}]),
)


@given(st.sampled_from(paths(PLAIN)), ANYTHING)
def test_damage_anywhere_is_one_line_or_does_no_harm(path: tuple[object, ...], value: object) -> None:
    """Whatever stands in any place: the file is refused in one line, or what it says can be rendered."""
    damaged = copy.deepcopy(PLAIN)
    if not path:
        damaged = value
    else:
        place = damaged
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
    try:
        read = Peaks.from_dict(damaged)
    except RequestError as error:
        assert "\n" not in str(error)
        assert "netcost device" in str(error)
        assert len(str(error)) < 400
    else:
        assert all(math.isfinite(value) for value in read.to_dict()["ridge"].values())
        assert result_text(read.table(), "table")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[1, 2]", "expected an object"),
        (b'{"schema": 2}', r"\$\.schema: expected 1, found 2"),
        (b" " * (saved.LARGEST_BYTES + 1), "larger than 10 MiB"),
    ],
)
def test_a_file_of_something_else_is_refused_in_one_line(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "peaks.json"
    file.write_bytes(content)
    with pytest.raises(RequestError, match=said) as raised:
        read_peaks(str(file))
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there_a_folder_and_no_name_at_all_are_refused(tmp_path: Path) -> None:
    for path in (str(tmp_path / "none.json"), str(tmp_path), "a\0b"):
        with pytest.raises(RequestError, match="netcost device"):
            read_peaks(path)


# ---- under the roof -------------------------------------------------------------------------------------------------


def test_what_fits_into_a_cache_has_its_bandwidth(peaks: Peaks) -> None:
    levels = [peaks.bandwidth(size).level for size in (1, 2**21, 2**21 + 1, 2**25, 2**25 + 1, 2**60)]
    assert levels == ["L2", "L2", "L3", "L3", "memory", "memory"]


def test_the_ridge_is_where_arithmetic_and_streaming_take_the_same_time(peaks: Peaks) -> None:
    assert peaks.ridge("fp32") == peaks.ridge("float32") == 2**36 / 2**32
    assert peaks.ridge("fp32", working_set_bytes=2**21) == 2**36 / 2**36


def op(dtype: str = "float32") -> Op:
    from handmade import call, tensor

    return call("aten.relu", tensor(4, dtype=dtype), self=tensor(4, dtype=dtype))


def test_an_operator_is_bound_by_the_slower_of_arithmetic_and_memory(peaks: Peaks) -> None:
    much_arithmetic = Cost(flops=2**36, memory_access_bytes=2**20)
    much_memory = Cost(flops=1, memory_access_bytes=2**32)
    assert operator_bound_s(op(), Kind.CONVOLUTION, much_arithmetic, peaks) == 2**36 / 2**36
    assert operator_bound_s(op(), Kind.ELEMENTWISE, much_memory, peaks) == 2**32 / 2**32
    assert operator_bound_s(op("float16"), Kind.CONVOLUTION, much_arithmetic, peaks) == 2**36 / 2**37


def test_integers_are_bound_by_memory_alone(peaks: Peaks) -> None:
    cost = Cost(flops=2**40, memory_access_bytes=2**30)
    assert operator_bound_s(op("int64"), Kind.MOVEMENT, cost, peaks) == 2**30 / 2**32


def test_an_unknown_operator_has_no_bound_and_a_view_does_nothing(peaks: Peaks) -> None:
    assert operator_bound_s(op(), Kind.UNKNOWN, Cost(kernels=1), peaks) is None
    assert operator_bound_s(op(), Kind.VIEW, Cost(), peaks) == 0


def test_a_network_is_bound_by_the_sum_of_its_operators(peaks: Peaks) -> None:
    net = Network()
    x = net.input(1, 64, 32, 32)
    counted = count(net.graph(net.relu(net.conv(x, 128))))
    conv_s, relu_s = bounds_s(counted, peaks)
    conv_flops, conv_bytes = 2 * 32 * 32 * 64 * 128, 4 * (32 * 32 * (64 + 128) + 64 * 128)
    relu_bytes = 4 * 2 * 32 * 32 * 128
    assert conv_s == max(conv_flops / 2**36, conv_bytes / 2**36)  # both fit into the second level
    assert relu_s == relu_bytes / 2**36
    roofline = under_roof(counted, 2**30, peaks, latency_s=2.0**-10)
    assert roofline.bound_s == conv_s + relu_s
    assert roofline.flops_per_s == (conv_flops + 32 * 32 * 128) * 2**10
    assert roofline.bytes_per_s == (conv_bytes + relu_bytes) * 2**10
    assert roofline.share == (conv_s + relu_s) * 2**10
    assert roofline.ridge == 2**36 / 2**32  # 2³⁰ bytes of weights and activations stay in no cache
    assert roofline.intensity == pytest.approx((conv_flops + 32 * 32 * 128) / (conv_bytes + relu_bytes))
    assert roofline.bound_by == "memory" if roofline.intensity < 16 else "compute"


def test_without_a_time_nothing_is_attained(peaks: Peaks) -> None:
    net = Network()
    counted = count(net.graph(net.relu(net.input(1, 64, 32, 32))))
    plain = under_roof(counted, 0, peaks).to_dict()
    assert plain["bound_s"] > 0
    assert plain["side"] == "memory"
    assert [plain[name] for name in ("flops_per_s", "bytes_per_s", "share")] == [None] * 3


def test_a_network_of_nothing_has_no_side(peaks: Peaks) -> None:
    net = Network()
    roofline = under_roof(count(net.graph(net.input(1, 4, 2, 2))), 0, peaks, latency_s=1.0)
    assert (roofline.bound_s, roofline.bound_by, roofline.intensity) == (0, None, None)


def test_the_bound_of_a_real_network_adds_up_and_is_below_any_time(peaks: Peaks) -> None:
    counted = count(trace(torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU()), torch.ones(1, 3, 8, 8)))
    assert under_roof(counted, 0, peaks).bound_s == sum(bounds_s(counted, peaks))


def test_peaks_of_another_kind_of_device_are_refused(peaks: Peaks) -> None:
    with pytest.raises(RequestError, match="--peaks measure"):
        peaks.require("cuda:0")
    peaks.require("cpu")


def test_peaks_of_other_threads_or_another_processor_are_told_apart(peaks: Peaks) -> None:
    here, threads = dict(peaks.environment), f"{peaks.threads} thread{'s' if peaks.threads > 1 else ''}"
    assert peaks.differences(here) == []
    assert peaks.differences({**here, "threads": 64}) == [f"peaks of {threads}, times of 64"]
    [said] = peaks.differences({**here, "cpu": "Abacus"})
    assert said.endswith("times of Abacus")


def test_a_column_of_bounds_adds_up_to_that_of_the_network(peaks: Peaks) -> None:
    net = Network()
    x = net.conv(net.input(1, 64, 32, 32), 128, module="a")
    counted = count(net.graph(net.view(net.relu(x, module="b"))))
    for by in ("op", "kind", "module"):
        table = with_bounds(breakdown.table(counted, by), counted, by, None, peaks)
        column = [row[table.names.index("roofline_bound_s")] for row in table.rows]
        assert sum(column) == pytest.approx(under_roof(counted, 0, peaks).bound_s)
        assert all(bound is not None for bound in column)


def test_a_row_of_unknown_operators_has_no_bound(peaks: Peaks) -> None:
    net = Network()
    counted = count(net.graph(net.run("nobody.knows", (4,), {"self": net.input(4)})))
    table = with_bounds(breakdown.table(counted, "kind"), counted, "kind", None, peaks)
    assert table.rows[0][-1] is None


# ---- peaks that cannot be ------------------------------------------------------------------------------------------


class Disturbed(Bench):
    """Its L2 is slower than its L3 as often as `times` says."""

    def __init__(self, *args: object, times: int, **world: object) -> None:
        super().__init__(*args, **world)
        self.times = times

    def streams(self, elements: int) -> tuple[Callable[[], None], Callable[[], None]]:
        copy, triad = super().streams(elements)
        slow = 3 * 4 * elements <= CACHES[0].size_bytes and self.times > 0
        self.times -= slow
        return tuple((lambda run=run: [run() for _ in range(32 if slow else 1)]) for run in (copy, triad))


@pytest.mark.parametrize(("times", "faults"), [(1, 0), (9, 1)])
def test_a_cache_slower_than_what_is_behind_it_is_measured_again_or_no_share_is_given(times: int, faults: int) -> None:
    bench = Disturbed(Clock(), times=times)
    peaks = measure_peaks(budget_s=0.0, clock=bench.clock, workbench=lambda _: bench, meter=quiet_meter)
    assert len(peaks.faults) == faults
    assert ("cannot be: L2" in " ".join(peaks.table().notes)) == bool(faults)
    counted = netcost.analyze("lenet5").count
    assert (under_roof(counted, 0, peaks, latency_s=1.0).share is None) == bool(faults)


def test_no_share_is_given_of_a_network_faster_than_its_bound(peaks: Peaks) -> None:
    bound_s = under_roof(netcost.analyze("lenet5").count, 0, peaks).bound_s
    shares = [under_roof(netcost.analyze("lenet5").count, 0, peaks, bound_s / times) for times in (1, 19)]
    assert [roofline.share for roofline in shares] == [1.0, None]
    assert [roofline.is_beyond for roofline in shares] == [False, True]


# ---- the real workbench ---------------------------------------------------------------------------------------------


def test_the_workbench_multiplies_copies_and_adds() -> None:
    bench = TorchWorkbench("cpu")
    with bench.active():
        for dtype, element in (("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)):
            made = bench.product(dtype, 8)()
            assert (made.shape, made.dtype) == ((8, 8), element)
        copy_, triad = bench.streams(16)
        assert torch.equal(copy_(), torch.ones(16))
        assert torch.equal(triad(), torch.full((16,), 1.0 + 3.0))
        assert bench.smallest()().shape == (1,)
    bench.synchronize()
    assert bench.caches(1)[-1].size_bytes > 0


def test_random_numbers_of_others_are_not_disturbed(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.random.get_rng_state()
    bench = TorchWorkbench("cpu")
    with bench.active():
        bench.product("fp32", 4)()
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_a_real_gpu_has_peaks() -> None:
    peaks = measure_peaks("cuda", budget_s=5.0)
    assert {product.dtype for product in peaks.products} == {"fp32", "bf16", "fp16"}
    assert peaks.flops_per_s("fp16") > peaks.flops_per_s("fp32") > 1e12
    assert [bandwidth.level for bandwidth in peaks.bandwidths] == ["L2", "memory"]
    assert peaks.bandwidths[-1].best > 1e11
    assert Peaks.from_dict(json.loads(render(peaks.to_dict()))) == peaks
