"""Peaks of devices by their data sheets: what nothing exceeds, and little reaches.

Matrix products are dense, not sparse, and sum in single precision; those of fp32 are without TF32. Memory is that of
`counting.fitting.DEVICES`.
"""

from __future__ import annotations

from typing import NamedTuple

from netcost.profiling.roofline.peaks import Bandwidth, Peaks, Product, Rate

TERA, GIGA = 1e12, 1e9
TENSOR = "FP16 tensor TFLOPS with FP32 accumulate"


class DeviceSheet(NamedTuple):
    """A device as its maker describes it.

    Args:
        title: its full name.
        half: FLOP/s of products of fp16, and of bf16 unless it has none.
        single: FLOP/s of fp32.
        bandwidth: bytes per second of its memory.
        source: the document.
        has_bf16: True from the Ampere generation on.
    """

    title: str
    half: float
    single: float
    bandwidth: float
    source: str
    has_bf16: bool = True


DATASHEETS = {
    "t4": DeviceSheet("NVIDIA T4", 65 * TERA, 8.1 * TERA, 320 * GIGA, "NVIDIA T4 datasheet, 2019", has_bf16=False),
    "v100": DeviceSheet(
        *("NVIDIA V100 SXM2", 125 * TERA, 15.7 * TERA, 900 * GIGA, "NVIDIA V100 datasheet, 2018"), has_bf16=False
    ),
    "rtx3090": DeviceSheet(
        "NVIDIA RTX 3090", 71.2 * TERA, 35.6 * TERA, 936 * GIGA, f"NVIDIA Ampere GA102 whitepaper, table 2: {TENSOR}"
    ),
    "rtx4090": DeviceSheet(
        "NVIDIA RTX 4090", 165.2 * TERA, 82.6 * TERA, 1008 * GIGA, f"NVIDIA Ada whitepaper, appendix A: {TENSOR}"
    ),
    "rtx5090": DeviceSheet(
        "NVIDIA RTX 5090",
        209.5 * TERA,
        104.8 * TERA,
        1792 * GIGA,
        f"NVIDIA RTX Blackwell whitepaper, appendix A: {TENSOR}",
    ),
    "a10": DeviceSheet("NVIDIA A10", 125 * TERA, 31.2 * TERA, 600 * GIGA, "NVIDIA A10 datasheet, 2021"),
    "l4": DeviceSheet(
        "NVIDIA L4", 121 * TERA, 30.3 * TERA, 300 * GIGA, "NVIDIA L4 datasheet, 2023, half of the sparse"
    ),
    "l40s": DeviceSheet("NVIDIA L40S", 362 * TERA, 91.6 * TERA, 864 * GIGA, "NVIDIA L40S datasheet, 2023"),
    "a100-40gb": DeviceSheet("NVIDIA A100 40GB", 312 * TERA, 19.5 * TERA, 1555 * GIGA, "NVIDIA A100 datasheet, 2021"),
    "a100": DeviceSheet("NVIDIA A100 80GB SXM", 312 * TERA, 19.5 * TERA, 2039 * GIGA, "NVIDIA A100 datasheet, 2021"),
    "h100": DeviceSheet(
        "NVIDIA H100 SXM", 989.4 * TERA, 66.9 * TERA, 3350 * GIGA, "NVIDIA H100 datasheet, 2023, half of the sparse"
    ),
    "h200": DeviceSheet(
        "NVIDIA H200 SXM", 989.4 * TERA, 66.9 * TERA, 4800 * GIGA, "NVIDIA H200 datasheet, 2023, half of the sparse"
    ),
}
"""Devices by the names that `--fits` has for them."""


def datasheet_peaks(name: str) -> Peaks:
    """Return the peaks of a device of `DATASHEETS`; its caches are not among them."""
    sheet = DATASHEETS[name]
    rates = {"fp32": sheet.single, **({"bf16": sheet.half} if sheet.has_bf16 else {}), "fp16": sheet.half}
    stream = Rate((sheet.bandwidth,))
    return Peaks(
        device="cuda",
        threads=0,
        products=tuple(Product(dtype, 1, Rate((rate,))) for dtype, rate in rates.items()),
        bandwidths=(Bandwidth("memory", None, 1, stream, stream),),
        launch_s=(),
        environment={"gpu": {"name": sheet.title}},
        notes=(f"By its data sheet ({sheet.source}): dense, not sparse.",),
    )
