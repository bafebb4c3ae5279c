"""Targets: a name that a user types -> a module and its inputs, with or without weights.

`googlenet` and `module:inception_v1` belong to the zoo, `torchvision:resnet50` and `timm:convnext_tiny` to those
libraries; `package.module:callable` and `path/to/file.py:Net` are the user's own code. `naming` parses the name,
`loading` imports the user's code and turns its errors into one line with file and line, `weightless` builds modules
without their weights, with `detours` for torch's initialisers and `prototypes` for layers that repeat. netcost never
loads a pickle, because loading one runs any code that its author put in.

    >>> from netcost.targets import resolve
    >>> target = resolve("mobilenet_v1", {"width": 0.5}).with_batch(8)
    >>> [spec.shape for spec in target.inputs]
    [(8, 3, 224, 224)]
    >>> next(target.build_weightless().parameters()).is_meta
    True

This belongs here: another kind of name, and everything about building a network; running it belongs to `tracing` and
`timing`.
"""

from netcost.targets.naming import Target, build, resolve
from netcost.targets.weightless import weightless

__all__ = ["Target", "build", "resolve", "weightless"]
