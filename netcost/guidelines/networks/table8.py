"""ShuffleNet V2's Table 8: its networks that the zoo has, with the paper's complexity and speeds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from netcost.counting.analysis import analyze
from netcost.guidelines.guideline import PAPER
from netcost.targets.naming import Target, resolve

SOURCE = f"{PAPER} Table 8"
ROWS_PRINTED = 39
"""Two MobileNet v2 are printed twice; the other rows that are missing here are networks that the zoo does not have."""


@dataclass(frozen=True)
class Table8Row:
    """A network of Table 8.

    Args:
        name: as printed, without "re-implemented".
        architecture: name in the zoo.
        mflops: complexity as printed: millions of mult-adds.
        gpu: batches of 8 per second on a GTX 1080Ti.
        arm: images per second on one core of a Snapdragon 810.
        width: passed to the architecture; None where its name includes it.
        side: of the square input.
    """

    name: str
    architecture: str
    mflops: float
    gpu: float
    arm: float
    width: float | None = None
    side: int = 224

    def target(self) -> Target:
        """Return the network with its input."""
        arguments = {} if self.width is None else {"width": self.width}
        return resolve(self.architecture, arguments, [f"1x3x{self.side}x{self.side}"])

    @cached_property
    def mult_adds(self) -> int:
        """Return the mult-adds as netcost counts them (count)."""
        return analyze(self.target()).mult_adds


TABLE_8 = (
    Table8Row("ShuffleNet v2 0.5x", "shufflenet_v2_x0_5", 41, 417, 57.0),
    Table8Row("0.25 MobileNet v1", "mobilenet_v1_0_25", 41, 502, 36.4),
    Table8Row("0.4 MobileNet v2", "mobilenet_v2", 43, 333, 33.2, width=0.4, side=160),
    Table8Row("0.15 MobileNet v2", "mobilenet_v2", 39, 351, 33.6, width=0.15),
    Table8Row("ShuffleNet v1 0.5x (g=3)", "shufflenet_v1_g3_x0_5", 38, 347, 56.8),
    Table8Row("ShuffleNet v2 1x", "shufflenet_v2_x1_0", 146, 341, 24.4),
    Table8Row("0.5 MobileNet v1", "mobilenet_v1_0_5", 149, 382, 16.5),
    Table8Row("0.75 MobileNet v2", "mobilenet_v2", 145, 235, 15.9, width=0.75, side=192),
    Table8Row("0.6 MobileNet v2", "mobilenet_v2", 141, 249, 14.9, width=0.6),
    Table8Row("ShuffleNet v1 1x (g=3)", "shufflenet_v1_g3_x1_0", 140, 213, 21.8),
    Table8Row("ShuffleNet v2 1.5x", "shufflenet_v2_x1_5", 299, 255, 11.8),
    Table8Row("0.75 MobileNet v1", "mobilenet_v1_0_75", 325, 314, 10.6),
    Table8Row("1.0 MobileNet v2", "mobilenet_v2", 301, 180, 8.9),
    Table8Row("ShuffleNet v1 1.5x (g=3)", "shufflenet_v1_g3_x1_5", 292, 164, 10.3),
    Table8Row("ShuffleNet v2 2x", "shufflenet_v2_x2_0", 591, 217, 6.7),
    Table8Row("1.0 MobileNet v1", "mobilenet_v1", 569, 247, 6.5),
    Table8Row("1.4 MobileNet v2", "mobilenet_v2_1_4", 587, 137, 5.4),
    Table8Row("ShuffleNet v1 2x (g=3)", "shufflenet_v1_g3_x2_0", 524, 133, 6.4),
    Table8Row("NASNet-A (4 @ 1056)", "nasnet_a_mobile", 564, 130, 4.6),
)
"""MobileNet v2 in the authors' re-implementation, where the table has both: the speeds are the same."""
