"""Where the time goes, and what the device could do at best: profiles, peaks and the roofline."""

from netcost.text.explanations.explanation import ROOFLINE, Explanation

PROFILING = (
    Explanation(
        "time",
        "Time",
        "Time that the operators of this row take, or one call of this variant. In a profile the rows and the gap add "
        "up to the plain run.",
        unit="seconds (or a share of all operators' time)",
        aliases=("time_s",),
        see_also=("share", "gap", "latency"),
    ),
    Explanation(
        "share",
        "Share",
        "The time of this row as a share of all operators and the gap together.",
        unit="percent",
        advice="Begin with the largest share; a small one cannot gain much.",
        see_also=("time", "gap"),
    ),
    Explanation(
        "gap",
        "Gap",
        "What the operators leave of the plain run's time. On a CPU it is Python and dispatch; on a GPU it is launches "
        "and idling.",
        formula="latency of the plain run - time of all operators, never below 0",
        unit="seconds",
        advice="Where it is large, use a larger --batch or --backend compile.",
        aliases=("(gap)", "gap_s"),
        see_also=("launch_bound", "kernels"),
    ),
    Explanation(
        "flops_per_s",
        "FLOP/s",
        "Arithmetic per second that a row reaches.",
        formula="flops / time",
        unit="FLOP/s",
        see_also=("attained", "peak"),
    ),
    Explanation(
        "bytes_per_s",
        "Bytes/s",
        "Memory access per second that a row reaches.",
        formula="memory_access_bytes / time",
        unit="bytes per second",
        see_also=("attained", "peak"),
    ),
    Explanation(
        "peak",
        "Peak",
        "What the device reaches at best, measured by `netcost device`. There are peaks of matrix products, of copies "
        "through each level of memory, and of launching the smallest operator.",
        source=f"{ROOFLINE}; copy and triad are those of McCalpin's STREAM",
        advice="Measure with the same number of threads as the network, on a quiet machine.",
        aliases=("peaks",),
        see_also=("roofline_bound", "ridge", "best"),
    ),
    Explanation(
        "best",
        "Best",
        "The best of all repetitions, which is the peak. What disturbs a measurement only ever makes it worse.",
        see_also=("peak", "lowest"),
    ),
    Explanation("median", "Median", "The middle one of all repetitions.", see_also=("best",)),
    Explanation(
        "lowest", "Lowest", "The worst of all repetitions; with the best it shows the spread.", see_also=("best",)
    ),
    Explanation(
        "roofline_bound",
        "Roofline bound",
        "The least time that the device needs, if it ran at its peaks. Operators run one after the other, each at its "
        "own bound.",
        formula="sum over operators of max(FLOPs / peak FLOP/s, bytes / bandwidth)",
        unit="seconds",
        source=ROOFLINE,
        advice="Where the latency is near it, only less work helps; where it is far, look at the gap and at rows with "
        "a low roof.",
        aliases=("Roofline", "bound", "bound_s", "roofline_bound_s", "roofline_s"),
        see_also=("roof", "ridge", "bound_by"),
    ),
    Explanation(
        "roof",
        "Roof",
        "The roofline bound as a share of the measured time. 100 % is the best that the device can do; above that, "
        "operands lay in a faster cache than was assumed.",
        formula="roofline bound / time",
        unit="percent",
        source=ROOFLINE,
        advice="A low share at a large part of the time is what to look at first.",
        aliases=("of the roofline", "roofline_share"),
        see_also=("roofline_bound", "share"),
    ),
    Explanation(
        "ridge",
        "Ridge point",
        "The arithmetic intensity from which on arithmetic and no longer memory is the limit of the device.",
        formula="peak FLOP/s / bandwidth",
        unit="FLOP/byte",
        source=ROOFLINE,
        advice="Compare it with the FLOP/byte of the network (intensity).",
        aliases=("ridge", "Ridge point, FLOP/byte"),
        see_also=("intensity", "bound_by"),
    ),
    Explanation(
        "bound_by",
        "Bound by",
        "Whether memory or arithmetic limits the network as a whole: memory below the ridge, compute above it.",
        source=ROOFLINE,
        advice="memory: lower the memory access or fuse operators; compute: lower the mult-adds or use --dtype bf16.",
        aliases=("roofline_side", "memory", "compute", "memory-bound", "compute-bound"),
        see_also=("ridge", "intensity"),
    ),
    Explanation(
        "attained",
        "Attained",
        "FLOP/s that the network reaches, and below it the bytes per second that it reads and writes.",
        formula="flops / latency; memory_access_bytes / latency",
        unit="FLOP/s, bytes per second",
        aliases=("in memory", "attained_flops_per_s", "attained_bytes_per_s"),
        see_also=("peak", "roof"),
    ),
)
