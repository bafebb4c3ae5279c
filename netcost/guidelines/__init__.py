"""Guidelines: the four of ShuffleNet V2 as controlled experiments, judged on the device at hand.

One file per guideline (`g1` to `g4`) builds variants at equal mult-adds, with the paper's speeds beside them: equal
widths, groups, fragments, element-wise operators. `grid` has the conditions in which they are timed: the paper's widths
and widths that fill whole vector registers, one thread and all threads, batch 1 and a batch that fills the device.
`judging` has the rule for a verdict: a guideline holds where the 95 % interval of every step lies on one side.
`running` tries them all; `resuming` keeps each finished setting, so that `--from` goes on where a run was stopped.
`networks/` asks the same of the whole zoo: how well does each count predict the order of the latencies and, with one
constant fitted to other families, their size?

    >>> from netcost.guidelines.g2 import G2
    >>> variants = G2.variants(G2.width_sets[0], 1, False)
    >>> [variant.name for variant in variants]  # equal mult-adds, more and more groups
    ['g = 1', 'g = 2', 'g = 4', 'g = 8']

`netcost explain g1` to `netcost explain g4` state each guideline, `netcost explain does_not_hold` that verdict.

The full run takes a quarter of an hour of timing on two cores, `--quick` under two minutes. This belongs here: another
guideline (a file like `g1.py`, named in `running.ALL`), or another rule for the verdict.

Reference: Ma et al., "ShuffleNet V2" (ECCV 2018, arXiv:1807.11164), section 2.
"""
