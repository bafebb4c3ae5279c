"""Figures printed in the papers themselves, recomputed from the layers that the same papers describe.

A file a family of papers. The "claim" is what is printed; what would follow if it were taken as it stands is shown
beside it, and so is another reading of the layers where one gives the printed figure.
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
