"""A name -> a module and its inputs, with or without weights."""

from netcost.targets.naming import Target, resolve
from netcost.targets.weightless import weightless

__all__ = ["Target", "resolve", "weightless"]
