"""Shape rules of training, put to the kernels of the CPU in real training steps."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from netcost.tracing import shapes_training
from netcost.tracing.arguments import shadow
from netcost.tracing.shapes import SHAPE_RULES

RULES = {name for name, rule in SHAPE_RULES.items() if rule.__module__ == shapes_training.__name__} | {"aten.addmm"}


def layout(x: Tensor | None) -> Any:
    """Shape, type and those strides that say something."""
    if x is None:
        return None
    return tuple(x.shape), x.dtype, [stride for size, stride in zip(x.shape, x.stride(), strict=True) if size > 1]


class Question(TorchDispatchMode):
    """Puts each operator that has a rule to the rule and to its kernel, and compares the layouts."""

    def __init__(self) -> None:
        super().__init__()
        self.answered: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = func._schema.name.replace("::", ".")
        answer = None
        if name in RULES:
            shapes, options = tree_map_only(Tensor, shadow, (args, kwargs))
            answer = SHAPE_RULES[name](*shapes, **options)
        result = func(*args, **kwargs)
        if answer is not None:
            given = answer if isinstance(answer, tuple) else (answer,)
            expected = result if isinstance(result, tuple) else (result,)
            assert list(map(layout, given)) == list(map(layout, expected)), name
            self.answered[name] += 1
        return result


class Branches(nn.Module):
    """Convolutions, dense and grouped, joined, so that gradients come as slices."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Conv2d(8, 4, 1), nn.Conv2d(8, 8, 3, padding=1, groups=4, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([F.silu(self.left(x)), F.hardswish(self.right(x)), F.hardsigmoid(x[:, :4])], 1)


IMAGES = (
    nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU6(), Branches(), nn.MaxPool2d(3, 2, 1), nn.AvgPool2d(2),
    nn.GroupNorm(4, 16), nn.ELU(), nn.LeakyReLU(), nn.ReLU(), nn.ConvTranspose2d(16, 4, 2), nn.Sigmoid(),
    nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 5), nn.LogSoftmax(1),
)  # fmt: skip
WORDS = (
    nn.Embedding(11, 8), nn.LayerNorm(8), nn.Linear(8, 8), nn.GELU(), nn.TransformerEncoderLayer(8, 2, 16, 0.0),
    nn.Tanh(), nn.Softmax(-1), nn.Flatten(), nn.Linear(24, 5),
)  # fmt: skip


@pytest.mark.parametrize("optimizer", [torch.optim.AdamW, torch.optim.SGD])
@pytest.mark.parametrize("channels_last", [False, True])
def test_a_rule_of_training_gives_what_the_kernel_gives(optimizer: Any, channels_last: bool) -> None:
    question = Question()
    for layers, x in ((IMAGES, torch.randn(2, 3, 17, 17)), (WORDS, torch.randint(0, 11, (2, 3)))):
        model = nn.Sequential(*layers).train()
        if channels_last and x.dim() == 4:
            model, x = model.to(memory_format=torch.channels_last), x.contiguous(memory_format=torch.channels_last)
        update = optimizer(model.parameters(), lr=1e-3, foreach=False)
        with question:
            F.cross_entropy(model(x), torch.zeros(2, dtype=torch.long)).backward()
            update.step()
        assert not [leaf for leaf in tree_leaves(list(model.parameters())) if leaf.grad is None]
    if not channels_last and optimizer is torch.optim.AdamW:
        never = {"aten.select_backward", "aten._softmax_backward_data", "aten.addcmul_"}
        assert RULES - set(question.answered) <= never
