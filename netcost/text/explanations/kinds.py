"""Kinds of operator: the classes of ShuffleNet V2, Figure 2, made finer. Element-wise is told among the metrics."""

from netcost.text.explanations.explanation import SHUFFLENET_V2, Explanation

KINDS = (
    Explanation(
        "kind",
        "Kind",
        "The class of an operator. Tables by kind add up what all operators of one class cost.",
        source=f"{SHUFFLENET_V2}, Figure 2, made finer",
    ),
    Explanation(
        "convolution",
        "convolution",
        "A convolution that is neither 1x1 nor depthwise. Transposed convolutions count here too, at the cost of their "
        "adjoint.",
        formula="B·h·w·k²·c1·c2/g mult-adds",
        see_also=("pointwise_convolution", "depthwise_convolution"),
    ),
    Explanation(
        "pointwise_convolution",
        "1x1 convolution",
        "A convolution with a kernel of one element. It mixes channels and looks at one position at a time.",
        formula="B·h·w·c1·c2/g mult-adds",
        advice="Most mult-adds of small networks are here: keep its two channel widths equal (g1).",
        aliases=("1x1 conv.", "pointwise convolution"),
        see_also=("g1", "g2"),
    ),
    Explanation(
        "depthwise_convolution",
        "depthwise convolution",
        "A convolution with one input channel per group. It has few mult-adds per element that it reads and writes, "
        "so memory limits it.",
        formula="B·h·w·k²·c mult-adds for c channels in and out",
        advice="Do not expect time in proportion to its mult-adds; look at its memory access.",
        aliases=("depthwise conv.",),
        see_also=("intensity", "g2"),
    ),
    Explanation(
        "linear",
        "linear",
        "A fully connected layer, or another product with a parameter.",
        formula="rows·in·out mult-adds",
        see_also=("matmul",),
    ),
    Explanation(
        "matmul",
        "matrix product",
        "A matrix product of two activations. A product with a parameter is a linear layer.",
        aliases=("matrix multiplication",),
        see_also=("linear", "attention"),
    ),
    Explanation(
        "attention",
        "attention",
        "scaled_dot_product_attention, counted as one operator. Both matrix products count in full; the scores are not "
        "written to memory. Attention that is written out by hand is counted as written.",
        formula="2·B·heads·queries·keys·channels mult-adds where keys and values are equally wide",
    ),
    Explanation(
        "pooling",
        "pooling",
        "Maximum or average pooling. A mean over all of space is a pooling too.",
        formula="k² FLOPs per output element",
    ),
    Explanation(
        "normalisation",
        "normalisation",
        "Batch, layer, group, instance or RMS normalisation, and local response normalisation. Batch norm in "
        "evaluation takes 2 FLOPs per element.",
        advice="A runtime folds batch norm into the convolution before it (memory_access_fused).",
        aliases=("normalization",),
        see_also=("memory_access_fused",),
    ),
    Explanation("softmax", "softmax", "Softmax or its logarithm.", formula="5 FLOPs per element"),
    Explanation(
        "reduction",
        "reduction",
        "Sums, means, maxima, norms and sorting along a dimension. A mean over space is a pooling.",
    ),
    Explanation(
        "movement",
        "data movement",
        "Operators that copy and do no arithmetic, such as cat, pad, roll, clone, index and the copy of a channel "
        "shuffle.",
        advice="Avoid copies between layers: a cat reads and writes all of its inputs.",
        see_also=("memory_access",),
    ),
    Explanation("other", "other", "Operators with a counting rule that belong to no other kind."),
    Explanation(
        "view",
        "view",
        "An operator that only looks at memory in another way, such as reshape or transpose. It is free: it moves "
        "nothing and launches nothing.",
        aliases=("(views)", "views", "free"),
    ),
)
