"""The guidelines of ShuffleNet V2, and the words of their experiments."""

from netcost.text.explanations.explanation import SHUFFLENET_V2, Explanation

_RULE = (
    "`netcost guidelines {}` says whether it holds on this device; variants have equal mult-adds and run in the same "
    "rounds."
)

GUIDELINES = (
    Explanation(
        "g1",
        "G1: equal channel widths minimise memory access",
        "A 1x1 convolution reads and writes least, at equal mult-adds, if it has as many input as output channels.",
        formula="memory access ≥ 2·√(h·w·m) + m/(h·w), m = h·w·c1·c2 the mult-adds; equal where c1 = c2",
        source=f"{SHUFFLENET_V2}, section 2 and Table 1",
        advice=f"Keep the channels of neighbouring 1x1 convolutions equal. {_RULE.format('g1')}",
        see_also=("memory_access", "holds"),
    ),
    Explanation(
        "g2",
        "G2: group convolution raises memory access",
        "More groups allow more channels at equal mult-adds, and more channels mean more memory access.",
        formula="memory access = h·w·c1 + m·g/c1 + m/(h·w), m = h·w·c1·c2/g the mult-adds",
        source=f"{SHUFFLENET_V2}, section 2 and Table 2",
        advice=f"Use as few groups as accuracy allows. {_RULE.format('g2')}",
        see_also=("memory_access", "depthwise_convolution", "holds"),
    ),
    Explanation(
        "g3",
        "G3: fragmentation reduces parallelism",
        "A block of many small operators is slower than one large operator with the same mult-adds. Fragments in "
        "series and in parallel are judged separately.",
        source=f"{SHUFFLENET_V2}, section 2 and Table 3",
        advice=f"Prefer one large operator to several small ones. {_RULE.format('g3')}",
        see_also=("max_fragments", "parallelism", "holds"),
    ),
    Explanation(
        "g4",
        "G4: element-wise operations are not negligible",
        "ReLU and the addition of a shortcut have no mult-adds, and yet take time: they read and write memory.",
        source=f"{SHUFFLENET_V2}, section 2 and Table 4",
        advice=f"Leave out those that do not help accuracy, or let a runtime fuse them. {_RULE.format('g4')}",
        see_also=("elementwise_access", "memory_access_fused", "holds"),
    ),
    Explanation(
        "networks",
        "Whole networks",
        "The study of `netcost guidelines networks`: which count explains the latency of the networks of the zoo. Each "
        "count is asked how well it knows their order and, with one constant, their latency.",
        source=f"{SHUFFLENET_V2}, Table 8 and Figure 2",
        see_also=("rho", "median_error"),
    ),
    Explanation(
        "guideline",
        "Guideline",
        "One of the four practical guidelines for fast networks of ShuffleNet V2: g1, g2, g3 and g4.",
        source=f"{SHUFFLENET_V2}, section 2",
        see_also=("g1", "g2", "g3", "g4", "networks"),
    ),
    Explanation(
        "slow_down",
        "Slow-down",
        "Time per mult-add in units of the first variant's; above 1, this variant is slower.",
        formula="median of (time / time of the first variant in the same round), both divided by their mult-adds",
        unit="ratio",
        see_also=("ratio", "predicted", "interval"),
    ),
    Explanation(
        "predicted",
        "Predicted",
        "The slow-down that memory access alone would cause.",
        formula="memory access per mult-add / that of the first variant",
        unit="ratio",
        advice="Where the slow-down is far above it, something else than memory access costs time.",
        see_also=("slow_down", "memory_access"),
    ),
    Explanation(
        "paper_gpu",
        "Paper GPU",
        "What the paper's speeds on a GTX 1080Ti come to, at its own widths.",
        source=f"{SHUFFLENET_V2}, Tables 1 to 4 and 8",
        aliases=("Paper GPU, batch 8",),
        see_also=("slow_down",),
    ),
    Explanation(
        "paper_arm",
        "Paper ARM",
        "What the paper's speeds on one core of a Snapdragon 810 come to, at its own widths.",
        source=f"{SHUFFLENET_V2}, Tables 1 to 4 and 8",
        aliases=("Paper ARM, batch 1",),
        see_also=("slow_down",),
    ),
    Explanation("paper", "Paper", "The device of the paper whose speeds are compared: GPU or ARM.", see_also=("rho",)),
    Explanation(
        "end_to_end",
        "End to end",
        "Slow-down from the first to the last variant of an order: the smallest and the largest over all settings.",
        unit="times",
        see_also=("slow_down",),
    ),
    Explanation(
        "widths",
        "Widths",
        "The set of channel widths: the paper's for each of its devices, or aligned ones, which fill whole vector "
        "registers.",
        see_also=("scale",),
    ),
    Explanation("scale", "Scale", "Factor on all channel widths: 1, 2 or 4, as in the paper.", unit="count"),
    Explanation("variant", "Variant", "One of the networks that an experiment compares, at equal mult-adds."),
    Explanation("channels", "Channels", "The channels of the convolutions of a variant, in their order."),
    Explanation(
        "elementwise_time",
        "Element-wise time",
        "Share of the operators' time that element-wise operators take, by a profile.",
        unit="percent",
        aliases=("elementwise_time_share",),
        see_also=("elementwise_access", "g4"),
    ),
    Explanation(
        "rho",
        "Spearman's rho",
        "Rank correlation: how well one order of networks agrees with another. 1 is the same order, 0 none, -1 the "
        "reverse.",
        unit="ratio",
        aliases=("spearman",),
        see_also=("median_error",),
    ),
    Explanation(
        "median_error",
        "Median error",
        "How far a count misses the latency of a network in the median. The latency is taken for the count times one "
        "constant, which is fitted to the networks of all other families.",
        formula="median of |predicted / measured - 1|",
        unit="percent",
        aliases=("error_interval",),
        see_also=("rho",),
    ),
    Explanation(
        "order", "Order by", "What the networks are ordered by, before the order is compared.", see_also=("rho",)
    ),
    Explanation("family", "Family", "The file of the zoo that a network is from: variants of one architecture."),
)
