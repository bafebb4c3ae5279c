"""What a network costs: the metrics that are counted and never timed."""

from netcost.text.explanations.explanation import ROOFLINE, SHUFFLENET_V2, Explanation

METRICS = (
    Explanation(
        "params",
        "Params",
        "Parameters that the forward pass uses, each counted once. An auxiliary head that does not run in evaluation "
        "is left out.",
        unit="count",
        advice="Use it for the size of the download and of the weights in memory; it says little of speed.",
        aliases=("Params, published",),
        see_also=("params_total", "mult_adds"),
    ),
    Explanation(
        "params_total",
        "Params (all)",
        "All parameters of the module, each counted once, auxiliary heads included.",
        unit="count",
        advice="Where it differs from params, part of the module does not run: leave that part out when you deploy it.",
        see_also=("params",),
    ),
    Explanation(
        "mult_adds",
        "Mult-adds",
        "Multiply-accumulates of convolutions, linear layers, matrix products and attention. Papers call them FLOPs.",
        formula="k x k convolution on h x w outputs, c1 to c2 channels, g groups, batch B: B·h·w·k²·c1·c2/g",
        unit="count",
        source=f"{SHUFFLENET_V2}, section 1",
        advice="Compare it with the figures in papers; do not take it for speed: look at memory_access and the latency "
        "as well.",
        aliases=("Mult-adds, published", "Mult-adds of", "multiply-accumulates", "MACs"),
        see_also=("flops", "memory_access"),
    ),
    Explanation(
        "flops",
        "FLOPs",
        "Floating-point operations of all operators. Papers often write FLOPs for what netcost calls mult-adds.",
        formula="2·mult_adds + bias additions + all other arithmetic (an addition, comparison, ReLU, division, exp "
        "or sqrt counts 1, batch norm in evaluation 2 per element)",
        unit="count",
        advice="Use it with a device's FLOP/s; for a comparison with a paper use mult_adds.",
        see_also=("mult_adds", "intensity", "flops_per_s"),
    ),
    Explanation(
        "memory_access",
        "Memory access (MAC)",
        "Elements read + elements written, weights included, operator by operator. This is the memory access cost "
        "(MAC) of ShuffleNet V2; the bytes are the same by the element size of each tensor.",
        formula="1x1 convolution on h x w, c1 to c2 channels, g groups, batch B, no bias: B·h·w·(c1 + c2) + c1·c2/g",
        unit="elements (or bytes)",
        source=f"{SHUFFLENET_V2}, section 2, G1 and G2",
        advice="To lower it, keep input and output channels equal (g1), use few groups (g2) and few element-wise "
        "operators (g4); or let a runtime fuse operators (memory_access_fused).",
        aliases=("MAC", "memory_access_bytes", "Memory access (MAC), bytes", "Memory access"),
        see_also=("memory_access_fused", "g1", "g2", "g4", "intensity"),
    ),
    Explanation(
        "memory_access_fused",
        "Memory access, fused",
        "Memory access after fusion: what an inference runtime can reach. Batch norm is folded into the convolution or "
        "linear layer before it, and a point-wise operator runs as part of the operator that makes its input.",
        unit="elements (or bytes)",
        advice="Where it is far below memory_access, try --backend compile or an inference runtime.",
        aliases=("memory_access_fused_bytes", "Memory access, fused, bytes", "fusion"),
        see_also=("memory_access",),
    ),
    Explanation(
        "activations",
        "Activations",
        "Elements written by convolutions, linear layers and matrix products. timm prints the same as macts.",
        unit="elements",
        source='Radosavovic et al., "Designing Network Design Spaces" (CVPR 2020, arXiv:2003.13678), for convolutions',
        advice="To lower it, reduce resolution early or use fewer channels at high resolution.",
        see_also=("memory_access", "peak_memory_bytes"),
    ),
    Explanation(
        "elementwise_access",
        "Element-wise",
        "Memory access of activation functions and point-wise arithmetic, such as ReLU or the addition of a shortcut. "
        "As a kind, it is these operators themselves; each output element comes from one element of each operand.",
        unit="elements (or its share of memory access)",
        source=f"{SHUFFLENET_V2}, section 2, G4",
        advice="Remove activations and shortcuts that do not help accuracy, or let a runtime fuse them.",
        see_also=("g4", "memory_access", "memory_access_fused"),
    ),
    Explanation(
        "kernels",
        "Kernels",
        "Operators that launch work on the device. Views launch none.",
        unit="count",
        advice="Where many kernels do little work each, use a larger --batch or --backend compile.",
        see_also=("launch_bound", "gap", "view"),
    ),
    Explanation(
        "depth",
        "Depth",
        "The longest chain of compute operators, each of which waits for the one before. Compute operators are "
        "convolutions, poolings, linear layers, matrix products and attention.",
        unit="count",
        advice="A deep network of small operators cannot use a wide device well: prefer fewer, larger operators.",
        see_also=("parallelism",),
    ),
    Explanation(
        "parallelism",
        "Parallelism",
        "Compute operators per step of the longest chain. 1 means that no two of them could run at the same time.",
        formula="compute operators / depth",
        unit="ratio",
        advice="Do not expect speed from it alone: torch runs operators one after the other, and splits each of them.",
        see_also=("depth", "max_fragments", "g3"),
    ),
    Explanation(
        "max_fragments",
        "Fragments",
        "Compute operators in the largest building block: convolutions, poolings and products. It is missing where "
        "nothing divides the network into blocks, as in NASNet.",
        unit="count",
        source=f"{SHUFFLENET_V2}, section 2, G3",
        advice="Prefer one large operator to several small ones with the same mult-adds.",
        see_also=("block", "width", "g3"),
    ),
    Explanation(
        "peak_memory_bytes",
        "Peak memory",
        "Weights + the largest sum of activations that are needed at the same time in the forward pass. The workspace "
        "of kernels and what the memory allocator keeps are not in it.",
        unit="bytes",
        advice="Where it is more than the device has, use a smaller --batch, a smaller input or --dtype bf16.",
        see_also=("activations",),
    ),
    Explanation(
        "intensity",
        "FLOP/byte",
        "Arithmetic intensity: arithmetic per byte that is read or written. Below the ridge of a device, memory is the "
        "limit; above it, arithmetic is.",
        formula="flops / memory_access_bytes",
        unit="FLOP/byte",
        source=ROOFLINE,
        advice="Where it is below the ridge, lower the memory access; fewer mult-adds alone will not help.",
        see_also=("ridge", "roofline_bound"),
    ),
    Explanation(
        "unknown_ops",
        "Unknown operators",
        "Operators for which netcost has no counting rule. Totals leave their work out and are printed with ≥.",
        unit="count",
        advice="Register a rule with @netcost.rule; --strict makes an unknown operator fail the run.",
        aliases=("unknown", "≥"),
        see_also=("kind",),
    ),
    Explanation(
        "block",
        "Block",
        "A building block: all operators after one cut, up to and including the next. A cut is an operator through "
        "which every path from input to output passes.",
        source=f"{SHUFFLENET_V2}, section 2, G3, for the idea",
        aliases=("building block",),
        see_also=("max_fragments", "width"),
    ),
    Explanation(
        "width",
        "Width",
        "The largest number of compute operators of a block that could run at the same time.",
        unit="count",
        see_also=("block", "parallelism"),
    ),
)
