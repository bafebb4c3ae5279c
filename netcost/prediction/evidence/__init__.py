"""Evidence: which count explains latency where, from public tables of measured networks -> Evidence.

`facts` reads what is shipped in `data/evidence`: the counts of each network, its measured time on each device and in
each setting, and the sources. `statistics` fits and judges: rank correlation, the error on families of networks that a
fit did not see, and intervals over families. `judging` puts mult-adds against memory access in each setting and kind of
settings; `result` is the answer, and `tables` shows it.

    >>> from netcost.prediction.evidence import evidence
    >>> [one] = evidence("RTX 3090, eager, torch 2.4.0").settings
    >>> one.winner, one.fit("mult_adds").error > 2 * one.fit("memory_access").error
    ('memory access', True)

This belongs here: another measure (one entry in `statistics.MEASURES`), and another public table (one function in
`tests/benchmarks/evidence.py`, which writes the facts).
"""

from netcost.prediction.evidence.result import Evidence, evidence

__all__ = ["Evidence", "evidence"]
