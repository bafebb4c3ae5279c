"""Measured time joined to the counted graph, operator by operator -> Profile.

A package and not a module `profile`: that would hide the function of the same name.
"""

from netcost.profiling.result import Profile
from netcost.profiling.running import profile

__all__ = ["Profile", "profile"]
