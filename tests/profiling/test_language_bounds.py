"""Bounds of a language model: by arithmetic from the peaks of a data sheet."""

import pytest

import netcost
from netcost.counting.fitting import DEVICES
from netcost.profiling.language import language_bounds
from netcost.profiling.roofline import given_peaks
from netcost.profiling.roofline.datasheets import DATASHEETS
from netcost.targets import resolve
from netcost.targets.libraries.steps import with_step

pytest.importorskip("transformers", reason="transformers comes with netcost[test]")

H, Q, KV, F, V, LAYERS, PAST = 512, 512, 128, 1024, 1000, 2, 700
FIELDS = {
    "hidden_size": H,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "intermediate_size": F,
    "vocab_size": V,
    "num_hidden_layers": LAYERS,
    "dtype": "bfloat16",
}
MATRICES = LAYERS * (2 * H * (Q + KV) + 3 * H * F)


def test_the_bounds_of_a_model_are_work_by_peak_and_bytes_by_bandwidth() -> None:
    sheet, batch = DATASHEETS["h100"], 4
    target = resolve("transformers:LlamaForCausalLM", FIELDS).with_batch(batch)
    step = netcost.analyze(with_step(target, PAST, 1))
    prefill = netcost.analyze(with_step(target, 0, PAST, last_word=True))
    memory = 50_000_000
    bounds = language_bounds(step, prefill, given_peaks("h100"), memory)

    weights = 2 * (MATRICES + V * H + batch * H + (2 * LAYERS + 1) * H)
    token = 2 * 2 * LAYERS * KV  # bytes of its keys and values
    assert bounds.token.memory_s == pytest.approx((weights + batch * token * (PAST + 1)) / sheet.bandwidth)
    work = batch * (MATRICES + V * H + LAYERS * 2 * Q * (PAST + 1))
    assert bounds.token.compute_s == pytest.approx(2 * work / sheet.half)
    causal = LAYERS * 2 * Q * PAST * (PAST + 1) / 2
    assert bounds.first.compute_s == pytest.approx(2 * batch * (PAST * MATRICES + V * H + causal) / sheet.half)
    assert bounds.first.bound_by == "memory" or bounds.first.seconds == bounds.first.compute_s

    assert bounds.longest_context == (memory - step.graph.weight_bytes) // (batch * token)
    assert bounds.compute_bound_batch is None  # with 2 FLOPs per byte of the cache, against 295 at the ridge
    assert given_peaks("H100").flops_per_s("bfloat16") == sheet.half


def test_a_short_context_is_bound_by_compute_from_the_batch_where_both_times_meet() -> None:
    analyses = {}
    for batch in (1, 2):
        target = resolve("transformers:LlamaForCausalLM", FIELDS).with_batch(batch)
        prefill = netcost.analyze(with_step(target, 0, 1))
        analyses[batch] = netcost.analyze(with_step(target, 1, 1)), prefill
    batch = language_bounds(*analyses[1], given_peaks("rtx3090"), None).compute_bound_batch
    assert batch is not None

    def times(sequences: int) -> tuple[float, float]:
        """Both grow by the same amount with each sequence."""
        one, two = (language_bounds(*analyses[size], given_peaks("rtx3090"), None).token for size in (1, 2))
        assert one.compute_s is not None and two.compute_s is not None
        return (
            one.compute_s + (sequences - 1) * (two.compute_s - one.compute_s),
            one.memory_s + (sequences - 1) * (two.memory_s - one.memory_s),
        )

    assert times(batch)[0] >= times(1)[1] and times(batch - 2)[0] < times(batch - 2)[1]


def test_every_device_with_a_data_sheet_has_a_memory_and_its_source() -> None:
    assert set(DATASHEETS) == set(DEVICES)
    for name, sheet in DATASHEETS.items():
        peaks = given_peaks(name)
        assert peaks.title == sheet.title and sheet.source in peaks.notes[0]
        assert peaks.bandwidth(1).best == sheet.bandwidth
        assert (peaks.flops_per_s("bfloat16") is None) == (name in ("t4", "v100"))
