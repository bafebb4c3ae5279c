"""What is timed: latency, ratios and sweeps, and how well they are known."""

from netcost.text.explanations.explanation import Explanation

TIMING = (
    Explanation(
        "latency",
        "Latency (median)",
        "Time of one forward pass, from the call until the device has finished. The median of all rounds stands for "
        "them; every time is in the JSON.",
        unit="seconds",
        advice="Compare latencies of one run, where networks take turns, rather than of two runs.",
        aliases=("Latency", "latency_s", "median_s"),
        see_also=("interval", "ratio", "throughput"),
    ),
    Explanation(
        "interval",
        "95 % interval",
        "The range in which the true median lies in at least 95 % of the cases. Its ends are two of the measured "
        "values, chosen by rank. Between two runs, and over networks, it is a bootstrap.",
        formula="values of ranks k and n + 1 - k, with k as large as the binomial distribution allows; n ≥ 10",
        source='Conover, "Practical Nonparametric Statistics", 3rd edition, sections 3.2 and 3.4',
        advice="Where it is too wide to decide, measure longer with --budget and --precision.",
        aliases=(
            "± 95 %",
            "ci95",
            "confidence interval",
            *(f"{word}, {end}" for word in ("Latency", "Ratio", "Time", "Slow-down") for end in ("low", "high")),
        ),
        see_also=("cannot_tell", "precision"),
    ),
    Explanation(
        "iqr",
        "Latency, IQR",
        "Interquartile range: how far apart the ends of the middle half of the times lie.",
        formula="75th percentile - 25th percentile",
        unit="seconds",
        aliases=("interquartile range",),
        see_also=("wide_spread",),
    ),
    Explanation(
        "samples",
        "Samples",
        "The number of times that were taken. In a comparison there is one per network in each round.",
        unit="count",
        aliases=("rounds",),
        see_also=("too_few_rounds",),
    ),
    Explanation(
        "throughput",
        "Throughput",
        "Inputs per second.",
        formula="batch / latency",
        unit="per second",
        advice="A larger --batch raises it up to the knee, and raises the latency too.",
        aliases=("throughput_per_s",),
        see_also=("knee", "latency"),
    ),
    Explanation(
        "ratio",
        "Latency ratio",
        "Latency in units of another network's; below 1, this network is faster. It is taken round by round, so that "
        "what slows down a whole round cancels.",
        formula="median of (time / time of the other in the same round)",
        unit="times",
        advice="Trust it more than the difference of two latencies, and read it with its interval.",
        aliases=("Ratio",),
        see_also=("faster", "slower", "cannot_tell", "interval"),
    ),
    Explanation("ratio_to", "Ratio to", "The network that the ratio is to.", see_also=("ratio",)),
    Explanation(
        "gpu_events",
        "between GPU events",
        "Time between two events that the GPU itself records around the call.",
        unit="seconds",
        advice="Where it is far below the latency, the GPU waits for the host: see launch_bound.",
        aliases=("device_s", "device_median_s"),
        see_also=("launch_bound", "latency"),
    ),
    Explanation(
        "compile_time",
        "Compile time",
        "Time of the first call under --backend compile, which compiles the network. It is not part of the latency.",
        unit="seconds",
        aliases=("compile_s",),
        see_also=("first_call",),
    ),
    Explanation(
        "first_call",
        "First call",
        "Time of the very first call, which allocates memory and chooses kernels. It is not part of the latency.",
        unit="seconds",
        aliases=("first_call_s",),
        see_also=("slow_first_call",),
    ),
    Explanation(
        "cold_caches",
        "Cold caches",
        "With --cold-cache, the last-level cache of the device is overwritten before each call.",
        advice="Use it for single layers, which otherwise find their weights where the last call left them.",
        aliases=("cold_cache",),
    ),
    Explanation("spent", "Spent", "Time that the sampling took.", unit="seconds", aliases=("spent_s",)),
    Explanation(
        "stopped",
        "Stopped",
        "Why the sampling ended. precise: the intervals were narrow enough; budget: the time was spent; rounds: there "
        "were as many as are ever taken; failed: it could not go on.",
        advice="Where it was the budget and a verdict cannot tell, give a larger --budget.",
        aliases=("precise", "budget", "failed"),
        see_also=("precision",),
    ),
    Explanation(
        "precision",
        "Precision",
        "Half the width of an interval, as a share of its centre. Sampling stops when every interval is within "
        "--precision.",
        formula="(high - low) / 2 / centre",
        unit="percent",
        see_also=("interval", "stopped"),
    ),
    Explanation(
        "sweep",
        "Sweep",
        "Networks timed over several batch sizes, all of them in the same rounds.",
        advice="Run it with --batch 1,2,4,8.",
        see_also=("knee", "of_best"),
    ),
    Explanation(
        "of_best",
        "Of best",
        "Throughput at this batch, as a share of the network's best one in the sweep.",
        formula="throughput / best throughput, round by round",
        unit="percent",
        see_also=("knee",),
    ),
    Explanation(
        "knee",
        "Knee",
        "The smallest batch whose throughput surely reaches 90 % of the best one's. A larger batch costs latency and "
        "gains little; several batches are named where the intervals leave it open.",
        advice="Serve at the knee where both latency and throughput matter; where there is none within the sweep, add "
        "larger batches.",
        see_also=("of_best", "throughput"),
    ),
)
