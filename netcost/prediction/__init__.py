"""Prediction: the latency of a network on a device that is not here -> Predictions, with 90 % intervals.

`rows` lists the kernels that a network runs, eager or compiled; `columns` adds up their counts (multiply-adds, bytes,
launches, by kind of work); `model` fits one coefficient per column to measured networks, and says how far held-out
families are off. `coefficients` reads and writes a device's file; those in `data/` come from public tables. `hull`
refuses a network that is not like those measured; `predicting` does the rest, and `predicted` hands it to comparisons
and checks. `calibrating` fits a device of your own, to times from a file (`timings`) or taken here (`own_device`).
`evidence` says which count explains latency where, from public tables of measured networks.

    >>> from netcost.prediction import predict
    >>> [one] = predict("resnet50", on="rtx4090").predictions
    >>> one.status, one.batch
    ('predicted', 256)
    >>> one.interval_s[0] < one.latency_s < one.interval_s[1]
    True

This belongs here: another column (one function in `columns`, registered with its unit), another device (a table for
`tests/benchmarks/prediction.py`, which writes the files of `data/`), and what several studies of latency share.
"""

from netcost.prediction.predicting import Prediction, Predictions, predict

__all__ = ["Prediction", "Predictions", "predict"]
