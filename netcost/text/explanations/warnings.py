"""Warnings: reasons to trust a measurement less. The result is printed all the same, and no time is left out."""

from netcost.text.explanations.explanation import Explanation

WARNINGS = (
    Explanation(
        "too_few_rounds",
        "Too few rounds",
        "The time budget was spent before there were 10 rounds. An interval needs 10, so there is no interval and no "
        "verdict.",
        advice="Give it more time: a larger --budget.",
        see_also=("interval", "cannot_tell"),
    ),
    Explanation(
        "wide_spread",
        "Wide spread",
        "The times lie far apart: the middle half of them spans more than 10 % of their median.",
        formula="IQR / median > 0.10",
        advice="Quiet the machine, fix its clock frequency, or use fewer --threads than it has cores.",
        see_also=("iqr", "other_load"),
    ),
    Explanation(
        "drift",
        "Drift",
        "The times moved while they were taken: the medians of the first and the last third differ by more than 5 %. "
        "The middle halves of the two thirds do not overlap, so it is more than noise.",
        formula="|median of last third / median of first third - 1| > 0.05",
        advice="Let the machine reach a steady temperature and measure again; trust the ratios more than the times. "
        "Ratios within one run compare times of the same round, so that most of a drift cancels.",
        see_also=("ratio", "throttled"),
    ),
    Explanation(
        "other_load",
        "Other load",
        "Other programs kept more than 10 % of the available cores busy during the measurement.",
        formula="(busy core-seconds - our own) / (seconds · cores) > 0.10",
        advice="Stop other programs, or measure on a machine that has nothing else to do.",
        see_also=("wide_spread",),
    ),
    Explanation(
        "throttled",
        "Throttled",
        "The device lowered its clocks, because of heat or power for example. The driver names the reasons.",
        advice="Cool the device or raise its power limit, or lock a clock that it can hold.",
        see_also=("drift",),
    ),
    Explanation(
        "too_fast",
        "Too fast",
        "One call takes less than 10 µs, so that Python's own work is a good part of the time.",
        formula="median < 10 µs",
        advice="Use a larger --batch; at this size the interpreter is measured too.",
        see_also=("launch_bound", "gap"),
    ),
    Explanation(
        "slow_first_call",
        "Slow first call",
        "The first call took more than 10 times as long as later ones, and over 0.1 s longer. It allocates memory and "
        "chooses kernels; it is not part of the latency.",
        formula="first call > 10 · median, and first call - median > 0.1 s",
        advice="Count it where processes are short-lived, or make one call before serving.",
        see_also=("first_call", "compile_time"),
    ),
    Explanation(
        "launch_bound",
        "Launch bound",
        "The GPU waits for the host, because its kernels are shorter than the work of launching them.",
        formula="host's time ≥ 0.9 · wall time, or wall time > 1.25 · time between GPU events",
        advice="Use a larger --batch or --backend compile; a faster GPU would not help.",
        see_also=("kernels", "gpu_events"),
    ),
)
