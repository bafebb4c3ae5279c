"""The guidelines' variants, without a clock: equal mult-adds, memory access by formula, and the order predicted."""

import csv
import math
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import netcost
from netcost.graph.rules.conv import least_pointwise_access
from netcost.guidelines.guideline import ALIGNED, ARM, GPU, GUIDELINES, PAPERS, SCALES, Guideline
from netcost.guidelines.running import ALL
from netcost.guidelines.variant import Variant

AREA = 56 * 56

# The paper's uneven rows, as (guideline, widths, scale, variant): their mult-adds / those of the first row.
UNEVEN = {
    # c1·c2 is 36·432 = 15552 beside 128·128 = 16384, and 9·108 = 972 and 22·44 = 968 beside 32·32 = 1024.
    **{("g1", GPU, scale, "1:12"): 36 * 432 / 128**2 for scale in SCALES},
    **{("g1", ARM, scale, "1:12"): 9 * 108 / 32**2 for scale in SCALES},
    **{("g1", ARM, scale, "1:2"): 22 * 44 / 32**2 for scale in SCALES},
    # 8 groups do not divide the printed 180 channels; the authors give 184.
    ("g2", ARM, 1, "g = 8"): (184**2 / 8) / 64**2,
}

MADE = [
    pytest.param(guideline, widths, scale, id=f"{guideline.name}-{widths}-x{scale}")
    for guideline in map(GUIDELINES.get, ALL)
    for widths in guideline.width_sets
    for scale in SCALES
]


@pytest.mark.parametrize(("guideline", "widths", "scale"), MADE)
def test_variants_have_equal_mult_adds_but_for_the_papers_uneven_rows(
    guideline: Guideline, widths: str, scale: int
) -> None:
    base, *others = guideline.variants(widths, scale)
    for variant in others:
        share = variant.counted().mult_adds / base.counted().mult_adds
        uneven = UNEVEN.get((guideline.name, widths, scale, variant.name))
        if uneven is None:
            assert share == pytest.approx(1, abs=0.02)
        else:
            assert share == uneven
            assert abs(share - 1) > 0.02
        if widths in (ALIGNED, PAPERS):
            assert share == 1


@pytest.mark.parametrize(("guideline", "widths", "scale"), MADE)
@pytest.mark.parametrize("batch", [1, 8])
def test_the_count_is_the_closed_form(guideline: Guideline, widths: str, scale: int, batch: int) -> None:
    for variant in guideline.variants(widths, scale):
        counted, form = variant.counted(batch), variant.closed_form
        assert counted.mult_adds == batch * form.mult_adds
        assert counted.memory_access == form.memory_access(batch)
        assert counted.elementwise_access == batch * form.elementwise
        assert counted.kernels == form.kernels


@pytest.mark.parametrize(("guideline", "widths", "scale"), MADE)
def test_the_predicted_cost_rises_along_every_order(guideline: Guideline, widths: str, scale: int) -> None:
    made = {variant.name: variant.counted() for variant in guideline.variants(widths, scale)}
    for order in guideline.orders:
        steps = order.steps(tuple(made))
        assert steps
        for fast, slow in steps:
            assert made[fast].memory_access < made[slow].memory_access
            assert made[fast].kernels <= made[slow].kernels


def by_name(name: str, widths: str, scale: int = 1) -> dict[str, Variant]:
    return {variant.name: variant for variant in GUIDELINES.get(name).variants(widths, scale)}


def test_g1_is_ten_blocks_of_two_pointwise_convolutions() -> None:
    made = by_name("g1", GPU)
    assert made["1:1"].counted().mult_adds == 10 * 2 * AREA * 128 * 128
    assert made["1:12"].counted().memory_access == 10 * 2 * (AREA * (36 + 432) + 36 * 432)
    assert made["1:6"].counted().kernels == 10 * 2
    kinds = {type(module) for module in made["1:6"].build().modules()}
    assert kinds == {nn.Sequential, nn.Conv2d}
    assert made["1:6"].channels == "52·312"
    assert by_name("g1", ARM, 4)["1:12"].channels == "36·432"


def test_g2_divides_by_the_groups() -> None:
    made = by_name("g2", GPU)
    assert made["g = 8"].counted().memory_access == 10 * (AREA * (360 + 360) + 360 * 360 // 8)
    assert by_name("g2", ALIGNED)["g = 16"].counted().mult_adds == 10 * AREA * 512 * 512 // 16


def test_the_slip_of_180_channels_in_8_groups_is_mended_where_they_do_not_divide() -> None:
    assert by_name("g2", ARM, 1)["g = 8"].channels == "184"
    assert by_name("g2", ARM, 2)["g = 8"].channels == "360"
    assert any("184" in deviation for deviation in GUIDELINES.get("g2").deviations)


def test_g3_in_series_is_deeper_and_in_parallel_adds() -> None:
    made = by_name("g3", GPU)
    convolutions = 4 * (2 * AREA * 64 + 64 * 64)
    additions = 3 * 3 * AREA * 64
    assert made["4 in series"].counted().memory_access == 10 * convolutions
    assert made["4 in parallel"].counted().memory_access == 10 * (convolutions + additions)
    assert made["4 in parallel"].counted().elementwise_access == 10 * additions
    depths = {name: netcost.analyze(variant.build(), variant.input_shape()).depth for name, variant in made.items()}
    assert depths == {"1 fragment": 10, "2 in series": 20, "4 in series": 40, "2 in parallel": 10, "4 in parallel": 10}


def test_g4_takes_relu_and_shortcut_away_one_at_a_time() -> None:
    made = by_name("g4", PAPERS)
    unit = (AREA * (32 + 8) + 32 * 8) + (AREA * (8 + 8) + 9 * 8 * 8) + (AREA * (8 + 32) + 8 * 32)
    relu, shortcut = 2 * AREA * (8 + 8 + 32), 3 * AREA * 32
    access = {name: variant.counted().memory_access for name, variant in made.items()}
    assert access == {
        "neither": 10 * unit,
        "ReLU": 10 * (unit + relu),
        "shortcut": 10 * (unit + shortcut),
        "both": 10 * (unit + relu + shortcut),
    }


@pytest.mark.parametrize("name", ALL)
def test_variants_run_and_keep_the_shape(name: str) -> None:
    guideline = GUIDELINES.get(name)
    for variant in (variant for widths in guideline.width_sets for variant in guideline.variants(widths, 1)):
        x = torch.zeros(2, variant.in_channels, 7, 5)
        with torch.inference_mode():
            assert variant.build()(x).shape == x.shape


# ---- laws ---------------------------------------------------------------------------------------------------------

SIDES = st.integers(1, 12)


@given(height=SIDES, width=SIDES, channels=st.integers(1, 24), choice=st.randoms(use_true_random=False))
def test_g1_memory_access_is_least_at_equal_widths_and_meets_the_bound_there(height, width, channels, choice) -> None:
    """ShuffleNet V2, equation 2: MAC >= 2·sqrt(hwB) + B/(hw), with equality at c1 = c2."""
    product = channels * channels
    c1 = choice.choice([width for width in range(1, product + 1) if product % width == 0])
    c2 = product // c1
    equal, other = (_pointwise(height, width, *widths) for widths in ((channels, channels), (c1, c2)))
    bound = least_pointwise_access(height * width * product, height * width)
    assert other.mult_adds == equal.mult_adds == height * width * product
    assert equal.memory_access == pytest.approx(bound)
    assert other.memory_access > equal.memory_access or c1 == c2
    assert other.memory_access == height * width * (c1 + c2) + c1 * c2


def _pointwise(height: int, width: int, c1: int, c2: int) -> netcost.Analysis:
    return netcost.analyze(nn.Conv2d(c1, c2, 1, bias=False), (1, c1, height, width))


@given(height=SIDES, width=SIDES, quotient=st.integers(1, 8), groups=st.sampled_from([1, 4, 9, 16]))
def test_g2_memory_access_rises_with_groups_at_equal_mult_adds(height, width, quotient, groups) -> None:
    channels = quotient * math.isqrt(groups) * groups  # c²/g is then a square, of a width that one group can have
    ungrouped = math.isqrt(channels * channels // groups)
    grouped = netcost.analyze(nn.Conv2d(channels, channels, 1, groups=groups, bias=False), (1, channels, height, width))
    plain = _pointwise(height, width, ungrouped, ungrouped)
    assert grouped.mult_adds == plain.mult_adds
    assert grouped.memory_access == height * width * 2 * channels + channels * channels // groups
    assert (grouped.memory_access > plain.memory_access) == (groups > 1)


# ---- the paper's speeds -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "variant", "platform", "scale", "printed"),
    [
        ("g1", "1:12", GPU, 1, 1480 / 748 * 128**2 / (36 * 432)),
        ("g1", "1:12", ARM, 4, 5.3 / 4.4 * 32**2 / (9 * 108)),
        ("g2", "g = 8", GPU, 1, 2451 / 634 * 128**2 / (360**2 / 8)),
        ("g2", "g = 8", ARM, 1, 40.0 / 27.8 * 64**2 / (184**2 / 8)),
        ("g3", "4 in parallel", GPU, 1, 2446 / 691),
        ("g3", "4 in series", GPU, 4, 434 / 349),
        ("g3", "2 in series", ARM, 2, 10.1 / 10.1 * 64**2 / (2 * 45**2)),
        ("g4", "both", GPU, 1, 2842 / 2427),
        ("g4", "shortcut", ARM, 4, 5.4 / 5.1),
    ],
)
def test_the_papers_slow_downs_are_those_of_its_speeds_at_equal_mult_adds(
    name: str, variant: str, platform: str, scale: int, printed: float
) -> None:
    assert GUIDELINES.get(name).paper_slow_down(platform, variant, scale) == pytest.approx(printed)


def test_a_variant_that_the_paper_does_not_have_has_no_slow_down_of_its() -> None:
    assert GUIDELINES.get("g1").paper_slow_down(GPU, "1:16", 1) is None


def reference(number: int) -> list[dict[str, str]]:
    with (Path(__file__).parents[1] / f"reference/shufflenetv2_guideline{number}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


G4_NAMES = {("no", "no"): "neither", ("yes", "no"): "ReLU", ("no", "yes"): "shortcut", ("yes", "yes"): "both"}


@pytest.mark.parametrize(
    ("number", "named", "columns"),
    [
        (1, lambda row: row["ratio_c1_c2"], ("x1", "x2", "x4")),
        (2, lambda row: f"g = {row['groups']}", ("x1", "x2", "x4")),
        (3, lambda row: " ".join(row["block"].replace("-fragment", "").replace("-", " in ").split()), None),
        (4, lambda row: G4_NAMES[row["relu"], row["shortcut"]], ("c32", "c64", "c128")),
    ],
)
def test_speeds_are_as_printed(number: int, named, columns: tuple[str, ...] | None) -> None:
    published = GUIDELINES.get(f"g{number}").published
    rows = reference(number)
    assert len(rows) == len(published.gpu) == len(published.arm)
    for row in rows:
        name = {"1": "1 fragment"}.get(named(row), named(row))
        gpu, arm = columns or ("c128", "c256", "c512"), columns or ("c64", "c128", "c256")
        assert published.gpu[name] == tuple(float(row[f"gpu_batches_per_s_{column}"]) for column in gpu)
        assert published.arm[name] == tuple(float(row[f"arm_images_per_s_{column}"]) for column in arm)


def test_every_variant_of_the_papers_widths_has_its_speeds() -> None:
    for guideline in map(GUIDELINES.get, ALL):
        for widths in (width_set for width_set in guideline.width_sets if width_set != ALIGNED):
            for variant in guideline.variants(widths, 1):
                for platform in (GPU, ARM):
                    assert guideline.published.speed(platform, variant.name, 1) is not None
