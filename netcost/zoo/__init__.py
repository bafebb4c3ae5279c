"""Zoo: architectures from their papers' tables, each with its published figures beside it.

One file per architecture family, one short function per variant, registered by `@architecture(published(...))`;
importing this package registers them all. `blocks` holds the layers that several families share, `modules` the
building blocks as entries of their own (`module:inception_v1`).

    >>> from netcost import zoo
    >>> zoo.list_models("shufflenet_v2*")[:2]
    ['shufflenet_v2_x0_5', 'shufflenet_v2_x1_0']
    >>> zoo.ARCHITECTURES.get("googlenet").published.params  # as the paper prints it
    6800000.0

This belongs here: an architecture with a paper. A new one is under test at once: it builds, traces without an unknown
operator, runs, and meets its published figures or explains why not.
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
