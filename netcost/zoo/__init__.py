"""The zoo: architectures from their papers' tables, each with its published figures beside it.

One file an architecture family, one short function a variant. A family file registers its variants by importing
`architecture` and `published` from `netcost.zoo.catalogue`; importing this package registers them all. `modules` holds
the modules that these networks are built of, as entries of their own.
"""

from netcost.zoo import (
    alexnet,
    bn_inception,
    densenet,
    googlenet,
    inception_resnet,
    inception_v3,
    inception_v4,
    lenet,
    mini_googlenet,
    mobilenet,
    modules,
    nasnet,
    nin,
    resnet,
    resnext,
    senet,
    shufflenet_v1,
    shufflenet_v2,
    vgg,
    xception,
)
from netcost.zoo.catalogue import (
    ARCHITECTURES,
    MODULES,
    Architecture,
    Published,
    architecture,
    list_models,
    module,
    published,
)

__all__ = [
    "ARCHITECTURES",
    "MODULES",
    "Architecture",
    "Published",
    "alexnet",
    "architecture",
    "bn_inception",
    "densenet",
    "googlenet",
    "inception_resnet",
    "inception_v3",
    "inception_v4",
    "lenet",
    "list_models",
    "mini_googlenet",
    "mobilenet",
    "module",
    "modules",
    "nasnet",
    "nin",
    "published",
    "resnet",
    "resnext",
    "senet",
    "shufflenet_v1",
    "shufflenet_v2",
    "vgg",
    "xception",
]
