"""The zoo: architectures from their papers' tables, each with its published figures beside it.

One file an architecture family, one short function a variant. A family file registers its variants by importing
`architecture` and `published` from `netcost.zoo.catalogue`; importing this package registers them all.
"""

from netcost.zoo import alexnet, googlenet, lenet, mobilenet, resnet, shufflenet, vgg
from netcost.zoo.catalogue import ARCHITECTURES, Architecture, Published, architecture, build, list_models, published

__all__ = [
    "ARCHITECTURES",
    "Architecture",
    "Published",
    "alexnet",
    "architecture",
    "build",
    "googlenet",
    "lenet",
    "list_models",
    "mobilenet",
    "published",
    "resnet",
    "shufflenet",
    "vgg",
]
