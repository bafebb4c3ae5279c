"""Kernels and memory access by shape are those of a real pass, whose kernels lay their results out themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import timm
import torch
import torchvision
import transformers
from torch import nn

from netcost.counting.count import count
from netcost.graph.cost import total
from netcost.tracing import trace

pytestmark = pytest.mark.filterwarnings("ignore")

TORCHVISION = """
    resnet18:64 resnext50_32x4d:64 densenet121:64 googlenet:64 inception_v3:96 squeezenet1_1:64 mobilenet_v2:64
    mobilenet_v3_small:64 shufflenet_v2_x0_5:64 efficientnet_b0:64 regnet_y_400mf:64 convnext_tiny:64 swin_t:64
    swin_v2_t:64 maxvit_t:224 vit_b_16:224
""".split()
TIMM = """
    vit_tiny_patch16_224:224 convnextv2_atto:64 ghostnet_100:64 mobilevit_xxs:128 edgenext_xx_small:128
    poolformer_s12:64 pit_ti_224:224 levit_128s:224 mixer_s32_224:224 fastvit_t8:64 xcit_nano_12_p16_224:224
    inception_next_atto:64
""".split()
LAST = "resnet18:64 shufflenet_v2_x0_5:64 densenet121:64 convnext_tiny:64 swin_t:64".split()
SMALL = {"vocab_size": 99, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
Network = tuple[nn.Module, tuple[Any, ...]]


class Attention(nn.MultiheadAttention):
    """Attention of a sequence to itself."""

    def forward(self, x: Any, need_weights: bool) -> Any:  # type: ignore[override]
        return super().forward(x, x, x, need_weights=need_weights)


def language(kind: str, attention: str) -> Network:
    settings = getattr(transformers, f"{kind}Config")(**SMALL, attn_implementation=attention)
    ids = torch.arange(24).reshape(2, 12)
    return getattr(transformers, f"{kind}Model")(settings), (ids, torch.ones_like(ids))


def images(library: str, name: str, order: torch.memory_format = torch.contiguous_format) -> Network:
    name, size = name.split(":")
    x = torch.rand(1, 3, int(size), int(size)).to(memory_format=order)
    model = timm.create_model(name) if library == "timm" else torchvision.models.get_model(name)
    return model.to(memory_format=order), (x,)


def video() -> Network:
    x, order = torch.rand(1, 3, 4, 24, 24), torch.channels_last_3d
    model = nn.Sequential(nn.Conv3d(3, 8, 3), nn.ReLU(), nn.ConvTranspose3d(8, 4, 2), nn.Flatten())
    return model.to(memory_format=order), (x.to(memory_format=order),)


NETWORKS: dict[str, Callable[[], Network]] = {
    **{f"torchvision:{name}": lambda name=name: images("torchvision", name) for name in TORCHVISION},
    **{f"timm:{name}": lambda name=name: images("timm", name) for name in TIMM},
    **{f"last:{name}": lambda name=name: images("torchvision", name, torch.channels_last) for name in LAST},
    "video": video,
    "attention": lambda: (Attention(32, 4), (torch.rand(7, 2, 32), False)),
    "attention, weights": lambda: (Attention(32, 4, batch_first=True), (torch.rand(2, 7, 32), True)),
    "transformer": lambda: (nn.Transformer(32, 4, 2, 2, 64), (torch.rand(9, 2, 32), torch.rand(7, 2, 32))),
    "lstm": lambda: (nn.LSTM(8, 16, 2, bidirectional=True, batch_first=True), (torch.rand(2, 5, 8),)),
    "gru": lambda: (nn.GRU(8, 16, 2), (torch.rand(5, 2, 8),)),
    **{
        f"{kind}, {how}": lambda kind=kind, how=how: language(kind, how)
        for kind in ("Bert", "Llama")
        for how in ("sdpa", "eager")
    },
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_count_by_shape_is_that_of_a_real_pass(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for filler in ("trunc_normal_", "normal_", "kaiming_normal_", "kaiming_uniform_", "xavier_uniform_", "uniform_"):
        monkeypatch.setattr(nn.init, filler, lambda tensor, *_, **__: tensor)
    model, inputs = NETWORKS[name]()
    by_shape, real = (total(count(trace(model, *inputs, concrete=concrete)).costs) for concrete in (False, True))
    assert (by_shape.kernels, by_shape.memory_access) == (real.kernels, real.memory_access)
