"""Threads of torch between calls: they spin for a while, on cores that others need."""

from __future__ import annotations

import contextlib
import ctypes

import torch


def wake() -> None:
    """Start torch's threads before the clock starts: `rest` has ended them after the last call."""
    if torch.get_num_threads() > 1:
        torch.ones(2**17).add_(1)  # from 2**15 elements on, torch uses all its threads


def rest() -> None:
    """End torch's threads: after a call they would spin for some 10 ms, on cores that another network needs.

    OMP_WAIT_POLICY=PASSIVE would stop the spinning too, but threads would then also sleep between the operators of a
    network, and wake up for each: the times would not be comparable with those taken outside of a worker.
    """
    if torch.get_num_threads() > 1:
        with contextlib.suppress(AttributeError, OSError):  # a torch without OpenMP, or with an older one
            soft = 1  # threads end, settings stay. Reference: OpenMP 5.0, section 3.2.44, `omp_pause_soft`
            ctypes.CDLL(None).omp_pause_resource_all(soft)
