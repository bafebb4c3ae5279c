"""Targets: a name that a user types -> a module and its inputs, with or without weights.

`googlenet` and `module:inception_v1` are of the zoo; `torchvision:resnet50` and `timm:convnext_tiny` are theirs;
`package.module:callable` and `path/to/file.py:Net` are the user's own code. `naming` tells them apart, `loading`
imports the user's code and turns what it raises into one line with file and line, `weightless` has modules built
without their weights. Nothing is ever unpickled.

    >>> from netcost.targets import resolve
    >>> target = resolve("mobilenet_v1", {"width": 0.5}).with_batch(8)
    >>> [each.shape for each in target.inputs]
    [(8, 3, 224, 224)]
    >>> next(target.build_weightless().parameters()).is_meta
    True

What belongs here: another kind of name, and everything about building a network that does not run it.
"""

from netcost.targets.naming import Target, build, resolve
from netcost.targets.weightless import weightless

__all__ = ["Target", "build", "resolve", "weightless"]
