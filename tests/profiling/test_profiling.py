"""Time joined to the graph: exact on a made-up clock, and in order on real networks."""

import copy
import getpass
import json
import os
import platform
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from itertools import count as counting
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest
import torch
from fake_bench import made_up_peaks
from fake_clock import LONG, Clock
from fake_device import quiet_meter
from torch import Tensor, nn

import netcost
from netcost.graph.graph import Op
from netcost.profiling import probes
from netcost.profiling.chrome import middle
from netcost.profiling.operator_timer import OperatorTimer, Span
from netcost.profiling.probes import HostProbe, KernelProbe, Pass, joined, kernel_seconds, kernels_of
from netcost.profiling.tables import require_grouping
from netcost.targets.naming import Target, resolve
from netcost.text.errors import MeasurementError, RequestError
from netcost.text.formats import terminal
from netcost.text.formats.json_text import render
from netcost.timing import stats
from netcost.timing.measuring import random_call
from netcost.tracing import InputSpec, TrainStep

GROUPINGS = ("op", "kind", "module", "block")

CLOCK = Clock()
EXTRA = {"interrupted": lambda: 0.0}
"""What the made-up work takes beside its own time."""


@torch.library.custom_op("netcost_profiling_test::work", mutates_args=())
def work(x: Tensor, seconds: float) -> Tensor:
    """Takes that long on the made-up clock."""
    CLOCK.spend(seconds + EXTRA["interrupted"]())
    return x.clone()


@work.register_fake
def _(x: Tensor, seconds: float) -> Tensor:
    return torch.empty_like(x)


class Worker(nn.Module):
    """One operator of the given length."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    def forward(self, x: Tensor) -> Tensor:
        return torch.ops.netcost_profiling_test.work(x, self.seconds)


class Net(nn.Module):
    """Two operators, a view between them, and Python that takes its time."""

    def __init__(self, first_s: float = 4 * LONG, second_s: float = 2 * LONG, python_s: float = 2 * LONG) -> None:
        super().__init__()
        self.first, self.second, self.python_s = Worker(first_s), Worker(second_s), python_s

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        if not x.is_meta:
            CLOCK.spend(self.python_s)
        return self.second(x.reshape(-1))


@pytest.fixture(autouse=True)
def _as_before():
    yield
    EXTRA.update(interrupted=lambda: 0.0)


def profiled(model=None, shape=(2, 3), **options):
    """On the made-up clock: the model must spend some of its time, or sampling never ends."""
    return netcost.profile(model or Net(), shape, clock=CLOCK, meter=quiet_meter, budget_s=100.0, **options)


# ---- on a made-up clock ---------------------------------------------------------------------------------------------


def test_each_operator_has_its_time_and_the_gap_has_the_rest():
    found = profiled()
    assert [op.name for op in found.analysis.graph.ops] == [
        "netcost_profiling_test.work",
        "aten.reshape",
        "netcost_profiling_test.work",
    ]
    assert found.times_s == (4 * LONG, 0.0, 2 * LONG)
    assert (found.operators_s, found.gap_s, found.median_s) == (6 * LONG, 2 * LONG, 8 * LONG)
    assert (found.total_s, found.deviation, found.scale) == (found.median_s, 0.0, 1.0)


def test_every_raw_time_is_kept():
    found = profiled()
    assert len(found.passes) == len(found.plain_s) == len(found.instrumented_s) >= stats.MIN_ROUNDS
    assert {one_pass.times_s for one_pass in found.passes} == {(4 * LONG, 0.0, 2 * LONG)}
    assert set(found.plain_s) == {8 * LONG}


def test_passes_before_the_first_sample_are_not_kept():
    calls = counting()

    class Warming(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            watched = bool(torch.utils._python_dispatch._get_current_dispatch_mode()) and not x.is_meta
            slow = 5 if watched and next(calls) < 4 else 1  # tried out, first call, two of the warm-up
            return torch.ops.netcost_profiling_test.work(x, slow * LONG)

    found = profiled(Warming())
    assert {one_pass.times_s for one_pass in found.passes} == {(LONG,)}
    assert len(found.passes) == len(found.plain_s)


def test_a_sample_of_a_short_network_has_several_passes():
    call_s = 2.0**-15  # 1 / 4 of `SAMPLE_S` or a little more
    found = profiled(Worker(call_s))
    assert [one_pass.begins_sample for one_pass in found.passes] == [True, False, False, False] * len(found.plain_s)
    assert found.operators_s == call_s


def test_an_interruption_is_spread_over_all_operators_by_their_time():
    """Every run is interrupted once, each time elsewhere: no median sees it, and the sum must."""
    places = ((run, call) for run in counting() for call in range(8))
    EXTRA["interrupted"] = lambda: 6 * LONG if (lambda run, turn: run % 8 == turn)(*next(places)) else 0.0
    found = profiled(nn.Sequential(*[Worker(LONG) for _ in range(8)]))
    EXTRA.update(interrupted=lambda: 0.0)
    assert {stats.median(times) for times in zip(*(one_pass.times_s for one_pass in found.passes), strict=True)} == {
        LONG
    }
    assert found.operators_s == 14 * LONG
    assert found.scale == 14 / 8
    assert found.times_s == (14 / 8 * LONG,) * 8
    assert any("multiplied by 1.75" in note for note in found.notes())
    assert not any("multiplied" in note for note in profiled().notes())
    assert (found.gap_s, found.deviation) == (0.0, 0.0)


def test_a_machine_that_slows_down_changes_no_share():
    """Every call takes longer than the one before: the sum is taken round by round, where that cancels."""
    calls = counting()

    class Slowing(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            if x.is_meta:
                return torch.ops.netcost_profiling_test.work(x, 0.0)
            slow = 2.0 ** (next(calls) // 64)
            CLOCK.spend(slow * LONG)
            return torch.ops.netcost_profiling_test.work(x, 3 * slow * LONG)

    found = profiled(Slowing(), precision=0.0)
    assert max(found.plain_s) >= 4 * min(found.plain_s)
    assert found.operators_s == pytest.approx(3 / 4 * found.median_s)
    assert found.deviation == pytest.approx(0.0)


class Distorting(nn.Module):
    """Takes longer when something looks on."""

    def __init__(self, seconds: float, watched_s: float) -> None:
        super().__init__()
        self.seconds, self.watched_s = seconds, watched_s

    def forward(self, x: Tensor) -> Tensor:
        watched = bool(torch.utils._python_dispatch._get_current_dispatch_mode())
        return torch.ops.netcost_profiling_test.work(x, self.watched_s if watched else self.seconds)


def test_an_instrument_that_distorts_is_told_and_not_hidden_in_the_gap():
    found = profiled(Distorting(4 * LONG, 5 * LONG))
    assert (found.operators_s, found.gap_s) == (5 * LONG, 0.0)
    assert found.deviation == 5 / 4 - 1
    assert any("25.0 % above the plain run" in note for note in found.notes())
    assert not any("above the plain run" in note for note in profiled().notes())


def test_the_gap_is_at_most_what_an_instrumented_run_spends_outside_of_operators():
    found = profiled(Distorting(8 * LONG, 4 * LONG))
    assert (found.operators_s, found.gap_s) == (4 * LONG, 0.0)
    assert found.deviation == -0.5
    assert any("50.0 % below the plain run" in note for note in found.notes())


@pytest.mark.parametrize("by", GROUPINGS)
def test_the_rows_of_every_table_add_up_to_the_whole(by):
    found = profiled()
    table = found.table(by)
    rows = [dict(zip(table.names, row, strict=True)) for row in table.rows]
    assert sum(row["time_s"] for row in rows) == found.total_s
    assert sum(row["share"] for row in rows) == pytest.approx(1.0)
    assert rows[-1]["time_s"] == found.gap_s
    assert rows[-1]["mult_adds"] is None


@pytest.mark.parametrize("by", GROUPINGS)
@pytest.mark.parametrize("most", [1, 2, 20])
def test_the_summary_has_the_longest_rows_the_rest_the_gap_and_the_total(by, most):
    found = profiled()
    table = found.summary(by, most=most)
    times = [row[table.names.index("time_s")] for row in table.rows]
    *rows, gap, total = times
    assert sum(rows) + gap == total == found.total_s
    assert gap == found.gap_s
    assert max(rows) >= 4 * LONG


def test_modules_and_views_are_told_apart():
    found = profiled()
    modules = {row[0]: row[found.table("module").names.index("time_s")] for row in found.table("module").rows}
    assert modules == {"first": 4 * LONG, "(model)": 0.0, "second": 2 * LONG, "(gap)": 2 * LONG}
    assert [row[0] for row in found.table("block").rows][-2:] == ["(views)", "(gap)"]


def test_frames_have_plain_numbers():
    found = profiled()
    for frame in (found.by_op(), found.by_kind(), found.by_module(), found.by_module(depth=0), found.by_block()):
        assert frame["time_s"].sum() == found.total_s
    assert found.by_op()["op"][0] == "netcost_profiling_test.work"
    assert found.by_op().attrs["units"]["time_s"] == "seconds"


def test_the_rates_are_work_by_time():
    row = first_row(linear(Pass((None,), (LONG,), 0.0)))
    assert row["mult_adds"] == 2 * 8 * 4
    assert row["flops_per_s"] == 2 * 2 * 8 * 4 / LONG
    assert row["bytes_per_s"] == 4 * (2 * 8 + 8 * 4 + 2 * 4) / LONG


def test_without_a_time_there_is_no_rate():
    row = first_row(linear(Pass((None,), (0.0,), LONG)))
    assert (row["time_s"], row["flops_per_s"], row["bytes_per_s"]) == (0.0, None, None)


def linear(*passes, **changes):
    """The profile of one product of (2, 8) and (8, 4), as if these had been its passes."""
    found = netcost.profile(nn.Linear(8, 4, bias=False), (2, 8), budget_s=0.0, meter=quiet_meter)
    return replace(found, plain_s=(2 * LONG,), passes=passes, **changes)


def first_row(found):
    table = found.table("op")
    return dict(zip(table.names, table.rows[0], strict=True))


@pytest.fixture(scope="module")
def peaks():
    return made_up_peaks()


def test_the_share_of_the_roofline_is_the_bound_by_the_time(peaks):
    found = linear(Pass((None,), (LONG,), LONG), peaks=peaks)
    row = first_row(found)
    bound_s = max(2 * 2 * 8 * 4 / 2**36, 4 * (2 * 8 + 8 * 4 + 2 * 4) / 2**36)
    assert (row["bound_s"], row["roofline_share"]) == (bound_s, bound_s / LONG)
    assert found.roofline.share == bound_s / (2 * LONG)
    assert found.to_dict()["roofline"]["bound_s"] == bound_s


def test_peaks_of_another_run_are_noted(peaks):
    found = profiled(threads=torch.get_num_threads() + 1, peaks=peaks)
    assert any(note.startswith("Not of one run") for note in found.notes())
    assert not any(note.startswith("Not of one run") for note in profiled(peaks=peaks).notes())


def test_peaks_of_another_kind_of_device_are_refused_before_anything_runs(peaks):
    model = Seeing()
    with pytest.raises(RequestError, match="--peaks measure"):
        profiled(model, device=MadeUpGpu(), peaks=peaks)
    assert model.seen == []


def test_the_profile_is_plain_json():
    plain = profiled().to_dict()
    assert json.loads(render(plain)) == plain
    assert plain["schema"] == 1
    assert plain["plain"] == {"median_s": 8 * LONG, "samples_s": [8 * LONG] * len(plain["plain"]["samples_s"])}
    assert [op["time_s"] for op in plain["ops"]] == [4 * LONG, 0.0, 2 * LONG]
    assert plain["operators_s"] + plain["gap_s"] == plain["total_s"]
    assert plain["unknown_ops"] == {"netcost_profiling_test.work": 2}


def test_an_unknown_operator_has_its_time_and_is_said():
    found = profiled()
    assert "netcost_profiling_test.work (2)" in found.notes()[0]
    row = dict(zip(found.table("kind").names, found.table("kind").rows[0], strict=True))
    assert (row["kind"], row["time_s"], row["mult_adds"], row["flops_per_s"]) == ("unknown", 6 * LONG, None, None)


# ---- what is measured -----------------------------------------------------------------------------------------------


class Shared(list):
    """A list that copies of a module share."""

    def __deepcopy__(self, _) -> "Shared":
        return self


class Seeing(nn.Module):
    """Notes under which conditions it runs."""

    made: ClassVar[list[nn.Module]] = []

    def __init__(self) -> None:
        super().__init__()
        self.seen = []
        self.drop = nn.Dropout(0.5)
        self.made.append(self)

    def forward(self, x: Tensor) -> Tensor:
        mode = torch.utils._python_dispatch._get_current_dispatch_mode()
        self.seen.append(
            SimpleNamespace(
                traced=x.is_meta,
                watched=isinstance(mode, OperatorTimer),
                training=self.training,
                inference=torch.is_inference_mode_enabled(),
                fast_path=torch.backends.mha.get_fastpath_enabled(),
                hooks=len(self._forward_hooks) + len(self._forward_pre_hooks),
            )
        )
        CLOCK.spend(LONG)
        return self.drop(x) + 1


def test_the_measured_instance_is_fresh_and_was_never_traced_and_has_no_hooks():
    Seeing.made.clear()
    profiled(Target("seeing", Seeing, (InputSpec((2, 3)),)), None)
    *_, measured = Seeing.made
    assert len(Seeing.made) >= 2
    assert measured.seen
    assert not any(seen.traced for seen in measured.seen)
    assert not any(seen.hooks for seen in measured.seen)
    assert not (measured._forward_hooks or measured._forward_pre_hooks)
    assert all(seen.traced or not seen.watched for made in Seeing.made[:-1] for seen in made.seen)


def test_plain_and_instrumented_runs_are_in_evaluation_and_alike_but_for_the_instrument():
    model = Seeing().train()
    model.seen = Shared()
    profiled(model)
    runs = [seen for seen in model.seen if not seen.traced]
    assert {seen.watched for seen in runs} == {True, False}
    assert not any(seen.training for seen in runs)
    assert all(seen.inference for seen in runs)
    assert not any(seen.fast_path for seen in runs)


def test_the_callers_module_and_torch_are_left_as_they_were():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout()).train()
    model[2].eval()
    state = {name: value.clone() for name, value in model.state_dict().items()}

    def settings():
        return (
            torch.random.get_rng_state().tolist(),
            torch.get_num_threads(),
            torch.backends.mha.get_fastpath_enabled(),
            torch.is_inference_mode_enabled(),
            [module.training for module in model.modules()],
            [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules()],
        )

    before = settings()
    netcost.profile(model, (1, 3, 8, 8), budget_s=0.0, threads=torch.get_num_threads() + 1)
    assert settings() == before
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_a_module_that_does_something_else_on_real_tensors_is_refused_with_both_names():
    class Fickle(nn.Module):
        calls = 0

        def forward(self, x: Tensor) -> Tensor:
            Fickle.calls += not x.is_meta  # of all copies
            return x.relu() if x.is_meta else x.sigmoid()

    with pytest.raises(MeasurementError, match=r"counted as aten\.relu, but aten\.sigmoid ran.*--concrete"):
        profiled(Fickle())
    assert Fickle.calls == 1  # nothing is measured that could not be joined


def test_a_module_that_looks_at_values_is_profiled_when_traced_on_real_tensors():
    class Looking(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            CLOCK.spend(LONG)
            return x.relu() if x.sum().item() > 0 else x.sigmoid()

    with pytest.raises(RequestError, match="--concrete"):
        profiled(Looking())
    found = profiled(Looking(), torch.ones(2, 3), concrete=True)
    assert [op.name for op in found.analysis.graph.ops][-1] == "aten.relu"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), "smaller --batch"),
        (
            ValueError("broken on purpose\nmore of it"),
            "Failing failed in its first call: ValueError: broken on purpose$",
        ),
    ],
)
@pytest.mark.parametrize("good_calls", [0, 3])
def test_a_module_that_raises_is_a_measurement_error(error, said, good_calls):
    class Failing(nn.Module):
        left = good_calls

        def forward(self, x: Tensor) -> Tensor:
            if not x.is_meta:
                CLOCK.spend(LONG)
                self.left -= 1
            if self.left < 0:
                raise error
            return x + 1

    with pytest.raises(MeasurementError, match=said if good_calls == 0 else "Failing failed|smaller --batch"):
        profiled(Failing())


def test_a_module_without_inputs_is_refused_with_the_remedy():
    with pytest.raises(RequestError, match=r"\(1, 3, 224, 224\)"):
        netcost.profile(nn.ReLU())


def test_a_fused_path_that_is_off_is_said():
    said = "Torch's fused attention path is off"
    encoder = nn.TransformerEncoderLayer(8, 2, 8, batch_first=True)
    found = netcost.profile(encoder, (1, 3, 8), budget_s=0.0)
    assert any(note.startswith(said) for note in found.notes())
    assert not any(note.startswith(said) for note in profiled().notes())


def test_the_function_is_not_hidden_by_a_module():
    import netcost.profiling

    assert callable(netcost.profile)
    assert callable(netcost.profiling.profile)


# ---- operator by operator -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("lenet5", "1x1x32x32"),
        ("googlenet", "1x3x64x64"),
        ("mobilenet_v2", "1x3x32x32"),
        ("shufflenet_v1_g3_x1_0", "1x3x64x64"),
        ("shufflenet_v2_x1_0", "1x3x64x64"),
        ("torchvision:swin_t", "1x3x64x64"),  # makes masks of Python numbers
        ("torchvision:vit_b_16", "1x3x224x224"),  # attention by torch's own module
        ("timm:convnext_atto", "1x3x64x64"),
    ],
)
def test_what_runs_is_what_was_counted_in_the_same_order(name, size):
    target = resolve(name, inputs=(size,))
    ops = netcost.analyze(target).graph.ops
    model, (args, _) = target.build().eval(), random_call(target.required_inputs())
    probe = HostProbe(lambda: model(*args), ops, iter(range(10**6)).__next__)
    probe.begin_sample()
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.inference_mode():
            probe()
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
    [only] = probe.passes
    assert [op.name for op, span in zip(ops, only.spans, strict=True) if span is None or span.name == op.name] == [
        op.name for op in ops
    ]
    absent = [op.name for op, span in zip(ops, only.spans, strict=True) if span is None]
    assert set(absent) <= probes.NOT_DISPATCHED


def test_what_changes_nothing_is_timed_and_not_joined():
    timer = OperatorTimer(iter(range(100)).__next__)
    x = torch.ones(2, 3)
    with torch.inference_mode(), timer:
        nn.functional.dropout(x, training=False).contiguous()
        nn.functional.dropout(x, training=False, inplace=True)
        x.add_(1)
        x.reshape(-1).sum().item()
    traced = {span.name: span.traced for span in timer.spans}
    assert not traced["aten.dropout"]
    assert not traced["aten.dropout_"]
    assert not traced["aten._local_scalar_dense"]
    assert traced["aten.add_"]
    assert traced["aten.reshape"]
    assert all(span.elapsed_s == 1 for span in timer.spans)


def spans(*names):
    return [Span(name, 2.0 * index, 2.0 * index + 1, traced=True) for index, name in enumerate(names)]


def test_spans_are_joined_by_name_and_order():
    ran = [*spans("aten.a", "aten.b"), Span("aten.dropout", 9.0, 9.5, traced=False)]
    assert joined(ran, [Op("aten.a"), Op("aten.b")]) == tuple(ran[:2])


def test_a_number_that_this_device_does_not_make_into_a_tensor_has_no_span():
    ran = spans("aten.a", "aten.b")
    found = joined(ran, [Op("aten.a"), Op("aten.scalar_tensor"), Op("aten.b"), Op("aten.scalar_tensor")])
    assert found == (ran[0], None, ran[1], None)


@pytest.mark.parametrize(
    ("ran", "counted", "said"),
    [
        (["aten.b"], [Op("aten.a", module="net.0")], r"0 was counted as aten.a in module 'net.0', but aten.b ran"),
        (["aten.a"], [Op("aten.a"), Op("aten.b")], "1 was counted as aten.b, but no more operators ran"),
        (["aten.a", "aten.b"], [Op("aten.a")], "1 operators were counted, but aten.b ran after them"),
    ],
)
def test_what_cannot_be_joined_is_refused(ran, counted, said):
    with pytest.raises(MeasurementError, match=said):
        joined(spans(*ran), counted)


# ---- kernels on a made-up GPU ---------------------------------------------------------------------------------------

CPU, GPU = SimpleNamespace(name="CPU"), SimpleNamespace(name="CUDA")


def kernel(name, duration):
    return SimpleNamespace(name=name, duration=duration)


def event(name, start=0.0, end=0.0, device=CPU, kernels=(), children=()):
    return SimpleNamespace(
        name=name,
        device_type=device,
        time_range=SimpleNamespace(start=start, end=end),
        kernels=list(kernels),
        cpu_children=list(children),
    )


def test_a_range_has_the_kernels_of_everything_in_it_and_not_its_own_shadow():
    inner = event("aten::cudnn_convolution", kernels=[kernel("implicit_gemm", 30.0), kernel("bias", 10.0)])
    outer = event("aten::conv2d", children=[inner])
    marked = event("netcost:0", kernels=[kernel("netcost:0", 99.0)], children=[outer])
    shadow = event("netcost:0", device=GPU, kernels=[])
    other = event("netcost:1", children=[event("aten::view")])
    assert kernel_seconds([marked, outer, inner, shadow, other], 2) == [40e-6, 0.0]


def test_a_profiler_that_saw_no_kernels_is_an_error_and_not_zero():
    with pytest.raises(MeasurementError, match="CUPTI"):
        kernel_seconds([event("netcost:0")], 1)


def test_kernels_are_put_on_the_hosts_clock():
    listed = [
        event("netcost:0", start=1_000_000.0, end=1_000_050.0),
        event("gemm", start=1_000_020.0, end=1_000_060.0, device=GPU),
        event("netcost:0", start=1_000_020.0, end=1_000_060.0, device=GPU),
    ]
    [found] = kernels_of(listed, [Span("aten.conv2d", 8.0, 9.0, traced=True)])
    assert found.name == "gemm"
    assert (found.begun, found.ended) == pytest.approx((8.0 + 20e-6, 8.0 + 60e-6))
    assert kernels_of([], []) == ()


def test_operators_of_a_gpu_have_the_time_of_their_kernels():
    marks, waited = [], []

    @contextmanager
    def mark(name):
        marks.append(name)
        yield

    def record(run):
        run()
        kernels = {"netcost:0": 5.0, "netcost:1": 7.0, "netcost:2": 1.0}
        return [event(name, children=[event("aten", kernels=[kernel("k", kernels[name])])]) for name in marks]

    ops = [Op("aten.relu"), Op("aten.sigmoid")]
    x = torch.ones(2)
    probe = KernelProbe(
        lambda: nn.functional.dropout(x.relu(), training=False).sigmoid(),
        ops,
        iter(range(100)).__next__,
        lambda: waited.append(True),
        record,
        mark,
    )
    probe.begin_sample()
    with torch.inference_mode():
        assert torch.equal(probe(), x.sigmoid())
    assert marks == ["netcost:0", "netcost:1", "netcost:2"]
    [only] = probe.passes
    assert only.times_s == (5e-6, 1e-6)  # dropout, between them, is in no graph
    assert only.outside_s is None
    assert waited == [True]


class MadeUpGpu:
    """A device that is not the host, for the way a profile takes."""

    name = "cuda:0"

    def active(self):
        return nullcontext()

    def place(self, model, call):
        return model, call

    def watch(self, run):
        return run

    def synchronize(self):
        CLOCK.spend(LONG)

    def throttle_reasons(self):
        return ("power cap",)


def test_on_a_gpu_the_gap_is_all_that_kernels_leave_of_the_plain_run(monkeypatch):
    def recorded(run):
        run()
        return [event("netcost:0", children=[event("aten", kernels=[kernel("k", LONG / 4 * 1e6)])])]

    monkeypatch.setattr(probes, "_recorded", recorded)
    found = profiled(nn.ReLU(), device=MadeUpGpu())
    assert found.times_s == (LONG / 4,)
    assert (found.median_s, found.gap_s, found.total_s) == (LONG, 3 / 4 * LONG, LONG)
    assert "the device lowered its clocks: power cap" in found.notes()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
@pytest.mark.filterwarnings("ignore:CUDA is not available")
def test_torchs_profiler_shows_the_marked_ranges_and_what_ran_in_them(capfd):
    x, before = torch.ones(2), os.environ.get("KINETO_LOG_LEVEL")
    seen = []

    def record(run):
        seen.extend(probes._recorded(run))
        return seen

    probe = KernelProbe(lambda: x.relu().sigmoid(), [Op("aten.relu"), Op("aten.sigmoid")], CLOCK, lambda: None, record)
    with torch.inference_mode(), pytest.raises(MeasurementError, match="CUPTI"):
        probe()
    marked = [event for event in seen if event.name.startswith("netcost:")]
    assert [mark.name for mark in marked] == ["netcost:0", "netcost:1"]
    assert [child.name for child in marked[0].cpu_children] == ["aten::relu"]
    assert all(hasattr(mark, "kernels") and mark.device_type.name == "CPU" for mark in marked)
    assert os.environ.get("KINETO_LOG_LEVEL") == before
    assert capfd.readouterr().err == ""


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "torchvision:swin_t"])
def test_a_real_gpu_has_kernels_for_every_operator_and_a_gap(name):
    found = netcost.profile(name, device="cuda", budget_s=10.0)
    kinds = found.analysis.count.kinds
    assert all(time_s > 0 for time_s, kind in zip(found.times_s, kinds, strict=True) if str(kind) == "1x1 convolution")
    assert 0 < found.operators_s <= 1.1 * found.median_s
    assert abs(found.deviation) < 0.1
    trace = json.loads(found.chrome_trace())
    assert {event["tid"] for event in trace["traceEvents"]} == {1, 2}


# ---- the trace file -------------------------------------------------------------------------------------------------


def test_the_trace_has_a_slice_for_each_operator_within_those_of_its_modules():
    trace = json.loads(profiled(nn.Sequential(Net(), Net())).chrome_trace())
    slices = [event for event in trace["traceEvents"] if event["ph"] == "X"]
    within = {(slice_["name"], slice_["ts"], slice_["dur"]) for slice_ in slices}
    first_us = 4 * LONG * 1e6
    assert ("netcost_profiling_test.work", 0.0, first_us) in within
    assert ("0.first", 0.0, first_us) in within
    assert ("0", 0.0, 8 * LONG * 1e6) in within
    assert ("1", 8 * LONG * 1e6, 8 * LONG * 1e6) in within
    whole = {"name": "(model)", "cat": "Sequential", "ts": 0.0, "dur": 16 * LONG * 1e6}
    assert slices[0] == {"ph": "X", "pid": 1, "tid": 1, **whole}
    operators = [slice_ for slice_ in slices if "args" in slice_]
    assert sorted(operator["args"]["operator"] for operator in operators) == list(range(6))


def test_slices_nest():
    trace = json.loads(netcost.profile("lenet5", budget_s=0.2).chrome_trace())
    open_until: list[float] = []
    for slice_ in (event for event in trace["traceEvents"] if event["ph"] == "X"):
        while open_until and open_until[-1] <= slice_["ts"] + 1e-3:
            open_until.pop()
        ends = slice_["ts"] + slice_["dur"]
        assert not open_until or ends <= open_until[-1] + 2e-3
        open_until.append(ends)


def test_the_trace_names_no_host_user_or_path(tmp_path: Path, monkeypatch):
    (tmp_path / "net.py").write_text("from torch import nn\n\nclass Net(nn.ReLU):\n    pass\n")
    found = netcost.profile(f"{tmp_path}/net.py:Net", (2, 3), budget_s=0.1)
    text = found.chrome_trace()
    assert str(tmp_path) not in text
    assert "netcost: Net" in text
    for word in (platform.node(), str(Path.home()), getpass.getuser()):
        assert f'"{word}"' not in text


def test_the_pass_that_is_shown_is_the_middle_one():
    passes = tuple(Pass((), (time_s,), 0.0) for time_s in (9.0, 1.0, 3.0, 2.0, 8.0))
    assert middle(passes) is passes[2]


def test_kernels_have_a_track_of_their_own():
    found = profiled()
    begun = found.passes[0].spans[0].begun
    shown = found.passes[0]._replace(kernels=(probes.Kernel("gemm", begun, begun + LONG),))
    trace = json.loads(replace(found, passes=(shown,)).chrome_trace())
    assert {"ph": "X", "pid": 1, "tid": 2, "name": "gemm", "cat": "kernel", "ts": 0.0, "dur": LONG * 1e6} in trace[
        "traceEvents"
    ]


# ---- for people -----------------------------------------------------------------------------------------------------


def test_a_line_of_80_characters_holds_the_kinds_with_all_their_figures(peaks):
    found = netcost.profile("mobilenet_v2", (1, 3, 32, 32), budget_s=0.0, peaks=peaks)
    lines = terminal.render(found.summary("kind"), width=80).splitlines()
    assert max(map(len, lines)) <= 80
    [heading] = [line for line in lines if "Time" in line]
    assert all(word in heading for word in ("Share", "Mult-adds", "FLOP/s", "Bytes/s", "Roof"))
    assert any(line.startswith("depthwise conv.") for line in lines)
    assert any(line.startswith("(gap)") for line in lines)


class Trained(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 2, stride=2), nn.BatchNorm2d(8), nn.ReLU6(inplace=True))
        self.attention = nn.MultiheadAttention(8, 2, dropout=0.1, batch_first=True)
        self.norm, self.drop, self.head = nn.LayerNorm(8), nn.Dropout(0.5), nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.norm(self.stem(x).flatten(2).mT)
        attended, _ = self.attention(tokens, tokens, tokens, need_weights=False)
        return self.head(self.drop(attended).mean(1))


@pytest.mark.parametrize("step", [TrainStep("adam"), TrainStep("momentum", amp="bf16", passes=2)])
def test_a_training_step_is_profiled_by_phase_and_leaves_the_model_as_it_was(step: TrainStep) -> None:
    model = Trained().eval()
    before = copy.deepcopy(model.state_dict())
    result = netcost.profile(model, (2, 3, 8, 8), step=step, budget_s=0.02)
    rows = {row["phase"]: row for row in result.table("phase").to_dict()["rows"]}
    assert list(rows) == ["forward", "loss", "backward", "optimizer", "(gap)"]
    assert sum(row["time_s"] for row in rows.values()) == pytest.approx(result.total_s)
    assert result.analysis.training is not None
    for phase, cost in result.analysis.training.phases.items():
        assert (rows[phase]["mult_adds"], rows[phase]["memory_access"]) == (cost.mult_adds, cost.memory_access)
        assert rows[phase]["time_s"] > 0
    modules = [row["module"] for row in result.table("module", 1).to_dict()["rows"]]
    assert {"stem", "head", "(loss)", "(optimizer)"} < {*modules}
    assert "params" not in rows["forward"]  # nor is anything fused: not counted for a step, and so not 0
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not model.training
    assert all(parameter.grad is None for parameter in model.parameters())
    with pytest.raises(RequestError, match="no blocks"):
        require_grouping("block", of_step=True)
