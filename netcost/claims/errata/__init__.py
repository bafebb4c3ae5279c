"""Figures printed in the papers themselves, recomputed from the layers that the same papers describe.

One file per family of papers. The "claim" is the printed figure. Beside it stand the figures that follow if it is taken
literally, and another reading of the layers where one gives the printed figure.
"""

# isort: off  # a topic is shown as its errata are registered: in the order of the papers
from netcost.claims.errata import (  # noqa: F401  # each registers its errata
    alexnet,
    bn_inception,
    googlenet,
    guidelines,
    mobilenet,
    residual,
    senet,
    shufflenet,
    xception,
)
