"""Do the findings of `netcost lint` bring what they say? Times each finding's operators beside their replacement.

The networks are the guidelines' bad variants, and real ones of torchvision and timm. The gain is estimated from counts
and from the peaks of this device, measured first, or from a file of `netcost calibrate`, as `netcost lint --on` does;
the sign and the size of both gains are compared.

    python tests/benchmarks/lint.py [--device cpu] [--on my.json] [--budget 2] [-o FILE]
"""

import sys
from collections.abc import Iterator
from dataclasses import replace

import torch
from findings import Requirement, finish, parser_of

import netcost
from netcost.guidelines import g1, g2
from netcost.linting import Keeps, LintReport, lint
from netcost.linting.comparing import expected_s
from netcost.linting.estimating import rates_on
from netcost.linting.finding import Saving
from netcost.linting.measuring import gain_of, rewrite_of
from netcost.linting.report import Row, place_text
from netcost.profiling.roofline import Peaks, measure_peaks
from netcost.text.errors import NetcostError
from netcost.text.tables import Column, from_records
from netcost.timing import Timing
from netcost.timing.stats import verdict

VARIANTS = [(g1, "GPU", 1), (g1, "ARM", 1), (g1, "ARM", 2), (g2, "GPU", 1), (g2, "ARM", 1), (g2, "ARM", 2)]
NETWORKS = """
torchvision:resnet50 torchvision:resnext50_32x4d torchvision:regnet_y_400mf torchvision:mobilenet_v2
torchvision:mnasnet1_0 torchvision:efficientnet_b0 torchvision:densenet121 torchvision:googlenet
torchvision:inception_v3 torchvision:swin_t shufflenet_v1_g3_x1_0 shufflenet_v2_x1_0 timm:ghostnet_100
timm:res2net50_26w_4s timm:mixnet_s timm:mobilevit_s timm:levit_128 timm:convnext_atto timm:regnetx_008
timm:seresnext26d_32x4d timm:hrnet_w18_small timm:selecsls42 timm:dpn48b timm:tf_efficientnet_b0
""".split()
MOST = 4
"""Findings per network, the largest of those with a replacement."""

COLUMNS = (
    Column("network", "Network"),
    Column("code", "NC code"),
    Column("place", "Line of code"),
    Column("estimated", "Estimated", "ratio"),
    Column("measured", "Measured", "ratio"),
    Column("low", "From", "ratio"),
    Column("high", "To", "ratio"),
    Column("verdict", "Verdict"),
)


def reports() -> Iterator[tuple[str, LintReport]]:
    """Yield each network's findings."""
    for guideline, widths, scale in VARIANTS:
        for variant in guideline.variants(widths, scale)[1:]:
            name = f"{guideline.__name__.rpartition('.')[2]} {widths} x{scale}, {variant.name}"
            yield name, lint(variant.build(), variant.input_shape(), select=["NC1", "NC2"], min_share=0)
    for name in NETWORKS:
        try:
            yield name, lint(name)
        except NetcostError as error:
            print(f"{name}: {error}", file=sys.stderr)


def estimate(report: LintReport, row: Row, peaks: Peaks) -> tuple[float, float] | None:
    """Return the estimated time of the replacement / that of the operators as they are, and the like of mult-adds.

    Widths of a replacement are multiples of 8, so that its multiply-adds are not quite the same; the paper divides
    times by them, and so do we.
    """
    change = rewrite_of(report.network, row)
    if change is None:
        return None
    sides = ((change.before, change.shapes), (change.after, change.after_shapes or change.shapes))
    before, after = (netcost.analyze(side, list(shapes)) for side, shapes in sides)
    keeps_work = row.first.keeps is Keeps.CAPACITY
    work = after.mult_adds / before.mult_adds if keeps_work else 1.0
    saving = row.first.saving
    if report.rates is not None:
        whole, rest = (report.rates.seconds(Saving.of(side.total)) for side in (before, after))
        saved = report.rates.seconds(saving)
        if not whole or rest is None or saved is None:
            return None
        return ((whole - saved) / whole if keeps_work else rest / whole), work
    whole, rest = (expected_s(side.count, peaks) for side in (before, after))
    saved = saving.memory_access_bytes / peaks.bandwidth(before.memory_access_bytes).best
    saved += saving.kernels * min(peaks.launch_s)
    return ((whole - saved) / whole if keeps_work else rest / whole), work


def main(arguments: list[str] | None = None) -> int:
    parser = parser_of(__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--on", default="", help="estimate by this file of netcost calibrate")
    parser.add_argument("--budget", type=float, default=2.0, help="seconds per finding")
    parser.add_argument("--only", default="", help="part of the networks' names")
    options = parser.parse_args(arguments)
    torch.manual_seed(0)
    timing, peaks = Timing(options.device, budget_s=options.budget), measure_peaks(options.device)
    records = []
    for name, report in reports():
        if options.only not in name:
            continue
        if options.on:
            report = replace(report, rates=rates_on(report.network, report.model, options.on))
        timed = 0
        for row in report.rows:
            estimates = estimate(report, row, peaks)
            if estimates is None or timed == MOST:
                continue
            estimated, work = estimates
            timed += 1
            gain = gain_of(report.network, row, timing)
            if gain.ratio is None:
                continue
            low, high = (end / work for end in gain.ratio.ci95) if gain.ratio.ci95 else (None, None)
            records.append(
                {
                    "network": name,
                    "code": row.first.code,
                    "place": place_text(row.line) or None,
                    "estimated": estimated,
                    "measured": gain.ratio.median / work,
                    "low": low,
                    "high": high,
                    "verdict": str(verdict(None if low is None else (low, high))),
                }
            )
            print(records[-1], flush=True)
    same_sign = [(one["estimated"] < 1) == (one["measured"] < 1) for one in records]
    near = [0.5 <= (1 - one["estimated"]) / ((1 - one["measured"]) or 1e-9) <= 2 for one in records]
    idle = [one["verdict"] == "slower" or one["measured"] >= 1 for one in records]
    requirements = [
        Requirement("findings that were timed", len(records), low=50, unit="count"),
        Requirement("estimated gain has the measured sign", sum(same_sign) / len(records), low=0.9, unit="percent"),
        Requirement("estimated gain within a factor of 2", sum(near) / len(records), low=0.8, unit="percent"),
        Requirement("findings that bring nothing or less", sum(idle) / len(records), high=0.1, unit="percent"),
    ]
    table = from_records(COLUMNS, records, "Replacement / as it is")
    source = "a calibration of this device" if options.on else "the peaks of this device"
    return finish(
        f"Findings of netcost lint, timed; estimated by {source}",
        [table],
        requirements,
        options.output,
        ["timm", "torchvision"],
    )


if __name__ == "__main__":
    sys.exit(main())
