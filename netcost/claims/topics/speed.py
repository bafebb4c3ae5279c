"""Claims about speed: each is decided by timing networks side by side on a device; without one it is not measured.

A verdict holds for that device and setting. Published times are quoted in notes, with their source, and decide nothing.
"""

from __future__ import annotations

from netcost.claims.bench import Bench
from netcost.claims.claim import Check, ClaimFinding, ClaimVerdict, Topic, claim, not_measured
from netcost.claims.sources import ARTICLE_TO_SHUFFLENET_V2, MOBILENET_V2, SHUFFLENET_V2
from netcost.claims.speed_checks import about, faster, slower, timed
from netcost.text import units

SAME_SPEED = (0.95, 1.05)
"""Ratios that an article may mean by "about the same speed"."""

FORTY_PERCENT = (1.35, 1.45)
"""Ratios that round to "40 % slower" at the precision of that figure."""


@claim(
    id="shufflenet-faster-than-mobilenet",
    rows="B30",
    topic=Topic.SPEED,
    says="At about 524M to 569M multiply-adds, ShuffleNet v1 is faster than MobileNet v1.",
    source=ARTICLE_TO_SHUFFLENET_V2,
    recorded=ClaimVerdict.NOT_MEASURED,
    timed=True,
)
def shufflenet_against_mobilenet(bench: Bench) -> ClaimFinding:
    """Compare ShuffleNet v1 2x (g = 3) with MobileNet v1 at 224x224."""
    result = bench.compare(["mobilenet_v1", "shufflenet_v1_g3_x2_0"])
    published = "Published for the two: 6.5 and 6.4 images/s on a Snapdragon 810, 247 and 133 batches/s on a GTX 1080Ti"
    note = f"{published} ({SHUFFLENET_V2}, Table 8)."
    return timed(result, faster("time, ShuffleNet v1 2x / MobileNet v1", result.entries[1], "faster"), notes=[note])


@claim(
    id="mobilenets-same-speed-on-gpu",
    rows="B35",
    topic=Topic.SPEED,
    says="On a GPU, MobileNet v2 and v1 run at about the same speed.",
    source=ARTICLE_TO_SHUFFLENET_V2,
    recorded=ClaimVerdict.NOT_MEASURED,
    timed=True,
)
def mobilenets_on_gpu(bench: Bench) -> ClaimFinding:
    """Compare the two at batch 8, as in Table 8 of ShuffleNet V2; "about" is taken as 5 %."""
    if not bench.on_gpu:
        return not_measured(f"it is about GPUs, and {bench.timing.device!r} is none; give --device cuda")
    result = bench.compare(["mobilenet_v1", "mobilenet_v2"], batch=8)
    note = f"Published: 247 and 180 batches/s on a GTX 1080Ti ({SHUFFLENET_V2}, Table 8)."
    return timed(result, about("time, v2 / v1", result.entries[1], *SAME_SPEED, "about the same"), notes=[note])


@claim(
    id="mobilenet-v2-slower-on-cpu",
    rows="B36",
    topic=Topic.SPEED,
    says="On a CPU, MobileNet v2 is about 40% slower than v1, although it has fewer multiply-adds.",
    source=ARTICLE_TO_SHUFFLENET_V2,
    recorded=ClaimVerdict.NOT_MEASURED,
    timed=True,
)
def mobilenets_on_cpu(bench: Bench) -> ClaimFinding:
    """Compare the two at batch 1; the notes have the ratios of their multiply-adds and memory access."""
    if bench.on_gpu:
        return not_measured(f"it is about CPUs, and {bench.timing.device!r} is none; give --device cpu")
    result = bench.compare(["mobilenet_v1", "mobilenet_v2"])
    first, second = (entry.analysis for entry in result.entries)
    assert first is not None and second is not None, "what was not counted was not timed"
    counts = (
        Check("mult-adds, v2 / v1", second.mult_adds / first.mult_adds, unit="times", beside=True),
        Check("activations, v2 / v1", second.activations / first.activations, unit="times", beside=True),
        Check("memory access, v2 / v1", second.memory_access / first.memory_access, unit="times", beside=True),
    )
    note = f"Published: 113 and 75 ms on a Pixel 1 ({MOBILENET_V2}, Table 4)."
    return timed(
        result,
        slower("time, v2 / v1: is it slower", result.entries[1], "slower"),
        about("time, v2 / v1: is it by 40 %", result.entries[1], *FORTY_PERCENT, "1.4"),
        *counts,
        notes=[note],
    )


@claim(
    id="mobilenet-v2-beats-v1",
    rows="B37",
    topic=Topic.SPEED,
    says="MobileNet v2 beats v1 in speed.",
    source=f"{MOBILENET_V2}, Table 4",
    recorded=ClaimVerdict.NOT_MEASURED,
    timed=True,
)
def mobilenet_v2_beats_v1(bench: Bench) -> ClaimFinding:
    """Compare the two at batch 1."""
    result = bench.compare(["mobilenet_v1", "mobilenet_v2"])
    return timed(result, faster("time, v2 / v1", result.entries[1], "faster"))


@claim(
    id="flops-alone-do-not-give-the-speed",
    rows="B47",
    topic=Topic.SPEED,
    says="Multiply-adds alone do not give the speed: networks with about equally many differ.",
    source=f"{SHUFFLENET_V2}, Table 8",
    recorded=ClaimVerdict.NOT_MEASURED,
    timed=True,
)
def flops_alone(bench: Bench) -> ClaimFinding:
    """Compare the zoo's networks of Table 8's largest level by time per multiply-add, so that equal ones give 1.

    One network is enough: the whole interval of its ratio to the base above 1.1, or below 1 / 1.1.
    """
    names = ["mobilenet_v1", "mobilenet_v2_1_4", "shufflenet_v1_g3_x2_0", "shufflenet_v2_x2_0"]
    result = bench.compare(names, batch=8 if bench.on_gpu else None)
    checks, apart = [], []
    for entry in result.entries[1:]:
        assert entry.ratio is not None and entry.analysis is not None, "the bench lets no failure through"
        assert result.entries[0].analysis is not None, "what was not counted was not timed"
        work = entry.analysis.mult_adds / result.entries[0].analysis.mult_adds
        each = Check(f"{entry.model}: time a mult-add", entry.ratio.median / work, unit="times", beside=True)
        checks.append(each)
        if entry.ratio.ci95 is not None:
            low, high = (end / work for end in entry.ratio.ci95)
            apart.append(low > 1.1 or high < 1 / 1.1)
    largest = max(float(check.computed) for check in checks if not isinstance(check.computed, tuple))
    agrees = True if any(apart) else (False if len(apart) == len(checks) else None)
    whole = Check(f"{units.exact(len(names))} networks: largest time a mult-add", largest, "not 1", agrees, "times")
    return timed(result, whole, *checks)
