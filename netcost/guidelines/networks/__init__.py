"""Whole networks: which count explains their latency, and does the order of ShuffleNet V2's Table 8 come out here?

`panels` chooses the networks that run side by side, `study` times them, `explaining` has the statistics over networks.
"""
