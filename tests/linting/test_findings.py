"""Each rule finds a network that has its fault, and says nothing of one that has it not."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from netcost.guidelines import g1, g2, g3, g4
from netcost.linting import Keeps, lint
from netcost.linting.finding import RULES

IMAGE = (1, 8, 16, 16)
WORDS = (1, 16, 32)


class Module(nn.Module):
    """A function of a tensor, with layers."""

    def __init__(self, function, **layers) -> None:
        super().__init__()
        self.function = function
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self, x)


def row(*layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(*layers)


def conv(width_in: int, width_out: int, kernel: int = 1, **others) -> nn.Conv2d:
    return nn.Conv2d(width_in, width_out, kernel, bias=False, **others)


def shuffled(x: Tensor) -> Tensor:
    b, c, h, w = x.shape
    return x.view(b, 2, c // 2, h, w).transpose(1, 2).reshape(b, c, h, w)


def attention(m: Module, x: Tensor) -> Tensor:
    scores = (m.q(x) @ m.k(x).transpose(1, 2) / 4).softmax(-1)
    return scores @ x


def fused(m: Module, x: Tensor) -> Tensor:
    return F.scaled_dot_product_attention(m.q(x)[None], m.k(x)[None], x[None])


def standardised(m: Module, x: Tensor) -> Tensor:
    weight = m.c.weight - m.c.weight.mean()
    return F.conv2d(x, weight)


class WithTable(nn.Module):
    def __init__(self, kept: bool) -> None:
        super().__init__()
        self.kept = kept
        self.register_buffer("table", torch.ones(16, 16).tril())

    def forward(self, x: Tensor) -> Tensor:
        table = self.table if self.kept else torch.ones(16, 16).tril()
        return (x @ x.transpose(1, 2)) * table


def repeated(x: Tensor, gqa: bool) -> Tensor:
    q, k = x.unflatten(2, (4, 8)).transpose(1, 2), x[..., :8].unflatten(2, (1, 8)).transpose(1, 2)
    if gqa:
        return F.scaled_dot_product_attention(q, k, k, enable_gqa=True)
    k = k.repeat_interleave(4, 1)
    return F.scaled_dot_product_attention(q, k, k)


BN = nn.BatchNorm2d
LAYERS = {"q": nn.Linear(32, 32), "k": nn.Linear(32, 32)}

CASES = {
    # code: (has the fault, has it not, shape of the input)
    "NC101": (row(conv(8, 8), conv(8, 64), nn.ReLU(), conv(64, 64, 3)), row(conv(8, 8), conv(8, 8), conv(8, 9)), IMAGE),
    "NC102": (row(conv(8, 8, 3), conv(8, 48), nn.ReLU(), conv(48, 8), nn.ReLU()), row(conv(8, 8, 3), nn.ReLU()), IMAGE),
    "NC201": (row(conv(8, 8, 3, groups=4)), row(conv(8, 8, 3), conv(8, 8, 3, groups=8)), IMAGE),
    "NC202": (
        row(conv(8, 8, 3), conv(8, 48), BN(48), conv(48, 48, 3, groups=48, stride=2)),
        row(conv(8, 8, 3), conv(8, 8), BN(8), conv(8, 8, 3, groups=8)),
        (1, 8, 64, 64),
    ),
    "NC301": (
        Module(lambda m, x: m.a(x) + m.b(x), a=conv(8, 8, 3), b=conv(8, 8, 3)),
        Module(lambda m, x: m.b(m.a(x)), a=conv(8, 8, 3), b=conv(8, 8, 3)),
        IMAGE,
    ),
    "NC303": (
        Module(lambda m, x: m.a(x) + m.b(x), a=conv(8, 8), b=conv(8, 8)),
        Module(lambda m, x: m.a(x[:, :4]) + m.b(x[:, 4:]), a=conv(4, 8), b=conv(4, 8)),
        IMAGE,
    ),
    "NC401": (Module(lambda _, x: x * (x + 3).clamp(0, 6) / 6), Module(lambda _, x: F.hardswish(x)), IMAGE),
    "NC402": (row(conv(8, 8), nn.ReLU(), nn.ReLU()), row(conv(8, 8), nn.ReLU(), conv(8, 8), nn.ReLU()), IMAGE),
    "NC403": (Module(lambda _, x: F.dropout(x, 0.5)), row(conv(8, 8), nn.Dropout(0.5)), IMAGE),
    "NC404": (
        Module(lambda _, x: (x.double() + 1).float()),
        Module(lambda _, x: x.double() + 1),
        IMAGE,
    ),
    "NC405": (row(conv(8, 8), nn.ReLU()), row(conv(8, 8)), IMAGE),
    "NC501": (Module(lambda m, x: shuffled(torch.cat((x, m.a(x)), 1)), a=conv(8, 8)), row(conv(8, 8)), IMAGE),
    "NC502": (
        Module(lambda _, x: x.permute(0, 2, 3, 1).contiguous()),
        Module(lambda _, x: x.permute(0, 2, 3, 1)),
        IMAGE,
    ),
    "NC503": (
        Module(lambda _, x: torch.cat((x[:, 4:], x[:, :4]), 1)),
        Module(lambda m, x: torch.cat((x, m.a(x)), 1), a=conv(8, 8)),
        IMAGE,
    ),
    "NC504": (
        Module(lambda m, x: m.a(F.pad(x, (1, 1, 1, 1))), a=conv(8, 8, 3)),
        Module(lambda m, x: m.a(F.pad(x, (0, 1, 0, 1))), a=conv(8, 8, 3)),
        IMAGE,
    ),
    "NC505": (Module(lambda _, x: x.roll(1, 2)), Module(lambda _, x: x + 1), IMAGE),
    "NC506": (
        Module(lambda m, x: m.a(x.transpose(2, 3)), a=conv(8, 8)),
        Module(lambda m, x: m.a(x), a=conv(8, 8)),
        IMAGE,
    ),
    "NC601": (row(BN(8), nn.ReLU(), conv(8, 8)), row(conv(8, 8), BN(8), nn.ReLU()), IMAGE),
    "NC602": (row(nn.Conv2d(8, 8, 1), BN(8)), row(conv(8, 8), BN(8), nn.Conv2d(8, 8, 1)), IMAGE),
    "NC603": (row(conv(8, 8), conv(8, 8)), row(conv(8, 2), conv(2, 8)), IMAGE),
    "NC604": (Module(standardised, c=conv(8, 8)), row(conv(8, 8)), IMAGE),
    "NC701": (Module(attention, **LAYERS), Module(fused, **LAYERS), WORDS),
    "NC702": (WithTable(kept=False), WithTable(kept=True), WORDS),
    "NC703": (Module(lambda _, x: repeated(x, False)), Module(lambda _, x: repeated(x, True)), WORDS),
    "NC901": (Module(lambda m, x: m.a(x), a=conv(8, 8), b=conv(8, 8)), row(conv(8, 8), conv(8, 8)), IMAGE),
    "NC902": (
        Module(lambda m, x: (m.b(x), m.a(x))[1], a=conv(8, 8), b=conv(8, 8)),
        Module(lambda m, x: (m.b(x), m.a(x)), a=conv(8, 8), b=conv(8, 8)),
        IMAGE,
    ),
    "NC903": (
        Module(lambda m, x: m.a(m.b(x)) + m.b(x), a=conv(8, 8), b=conv(8, 8)),
        Module(lambda m, x: m.a(m.b(x)) + x, a=conv(8, 8), b=conv(8, 8)),
        IMAGE,
    ),
    "NC904": (
        row(*(conv(8, 8) for _ in range(3)), nn.Flatten(), nn.Linear(2048, 10)),
        row(*(conv(8, 8) for _ in range(4))),
        IMAGE,
    ),
}


def found(network: nn.Module, shape: tuple[int, ...], code: str):
    return lint(network, shape, select=[code], min_share=0).findings


@pytest.mark.parametrize("code", CASES)
def test_a_rule_finds_its_fault_and_no_other(code: str) -> None:
    bad, good, shape = CASES[code]
    assert {finding.code for finding in found(bad, shape, code)} == {code}
    assert found(good, shape, code) == ()


class Draws(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + torch.rand(16, 16)


class Fills(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        filled = torch.zeros(1, 8, 16, 32)
        filled[..., :16] = x
        return filled


class Averages(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("average", torch.zeros(1, 8, 16, 16))

    def forward(self, x: Tensor) -> Tensor:
        self.average.mul_(0.9).add_(x, alpha=0.1)
        return x * 2


def one_layer(m: Module, x: Tensor) -> Tensor:
    """Call a layer with a bias before a norm, and once more without."""
    return m.n(m.a(x)) + m.a(x * 2)


def attention_of(q: Tensor, capped: bool = False, dim: int = -1, gated: bool = False) -> Tensor:
    scores = q @ q.transpose(1, 2)
    weights = (scores.tanh() * 50 if capped else scores).softmax(dim)
    return (weights * q.mean(1, keepdim=True).mean() if gated else weights) @ q


def in_place_slices(m: Module, x: Tensor) -> Tensor:
    y = m.a(x)
    y[:, :4].relu_()
    return m.b(y[:, :4]) + m.c(y[:, 4:]).relu() + m.b(y[:, 4:])


def half_by_half(x: Tensor) -> Tensor:
    x[:, :4].relu_()
    return x[:, 4:].relu()


def space_to_depth(x: Tensor) -> Tensor:
    return torch.cat([x[..., row::2, column::2] for row in (0, 1) for column in (0, 1)], 1)


HALVES = {"a": conv(8, 8), "b": conv(4, 8), "c": conv(4, 8)}
SQUARES = {"a": nn.Linear(16, 16), "b": nn.Linear(16, 16)}

NOT_FAULTS = {
    # what it is: (its network, the code that it must not have)
    "a square read in two orders": (Module(lambda m, x: m.a(x) + m.b(x.mT), **SQUARES), "NC303"),
    "slices after a write in place": (Module(in_place_slices, **HALVES), "NC303"),
    "slices after a write in place, computed": (Module(in_place_slices, **HALVES), "NC903"),
    "relu of another half": (Module(lambda m, x: half_by_half(m.a(x)), a=conv(8, 8)), "NC402"),
    "a layer called twice": (Module(lambda m, x: m.a(x) + m.a(x), a=conv(8, 8)), "NC303"),
    "two results of one operator": (
        Module(lambda m, x: sum(m.get_submodule(n)(y) for n, y in zip("ab", x.aminmax(dim=2), strict=True)), **SQUARES),
        "NC303",
    ),
    "conversions of a mask": (Module(lambda _, x: ((x > 0).float() * 2).bool()), "NC404"),
    "floor of a number": (Module(lambda _, x: torch.div(x, 1, rounding_mode="floor")), "NC403"),
    "zeros for channels": (Module(lambda m, x: m.a(F.pad(x, (0, 0, 0, 0, 2, 2))), a=conv(12, 8, 3)), "NC504"),
    "zeros before a transposed one": (
        Module(lambda m, x: m.a(F.pad(x, (1, 1, 1, 1))), a=nn.ConvTranspose2d(8, 8, 3)),
        "NC504",
    ),
    "no zeros": (Module(lambda m, x: m.a(F.pad(x, (0, 0, 0, 0))), a=conv(8, 8, 3)), "NC504"),
    "space to depth": (Module(lambda m, x: space_to_depth(m.a(x)), a=conv(8, 8)), "NC503"),
    "a sum behind the layer": (
        Module(lambda m, x: m.c(m.b(m.a(x)) + x).relu(), a=conv(8, 48, 3, padding=1), b=conv(48, 8), c=conv(8, 48)),
        "NC102",
    ),
    "another shape's norm": (
        Module(lambda m, x: m.n(m.a(x.flatten(1)).view(1, 4, 8, 8)), a=nn.Linear(2048, 256), n=BN(4)),
        "NC602",
    ),
    "a layer without norm elsewhere": (Module(one_layer, a=nn.Conv2d(8, 8, 1), n=BN(8)), "NC602"),
    "noise": (Draws(), "NC702"),
    "memory that is filled": (Fills(), "NC702"),
    "a running average": (Averages(), "NC902"),
    "a running average's tables": (Averages(), "NC702"),
    "a value that Python reads": (Module(lambda _, x: (torch.ones(9).all() and x) + 1), "NC902"),
    "a sum between expansion and depthwise": (
        Module(
            lambda m, x: m.c(m.b(m.a(x)) + m.d(x)),
            a=conv(8, 8),
            b=conv(8, 48),
            d=conv(8, 48),
            c=conv(48, 48, groups=48),
        ),
        "NC202",
    ),
    "capped scores": (Module(lambda _, x: attention_of(x[:, 0], capped=True)), "NC701"),
    "weights by query": (Module(lambda _, x: attention_of(x[:, 0], dim=1)), "NC701"),
    "gated weights": (Module(lambda _, x: attention_of(x[:, 0], gated=True)), "NC701"),
    "a recurrent layer": (Module(lambda m, x: m.a(x[0])[0], a=nn.LSTM(16, 16, bidirectional=True)), "NC301"),
    "a recurrent layer's first state": (Module(lambda m, x: m.a(x[0])[0], a=nn.LSTM(16, 16)), "NC604"),
}


@pytest.mark.parametrize("what", NOT_FAULTS)
def test_what_only_looks_like_a_fault_is_none(what: str) -> None:
    network, code = NOT_FAULTS[what]
    assert found(network, IMAGE, code) == ()


def test_every_rule_has_a_case() -> None:
    # NC302 needs the peaks of a device, NC801 a measurement.
    assert {*RULES} - {*CASES} == {"NC302", "NC801"}


def test_savings_are_the_arithmetic() -> None:
    [unfused] = found(Module(lambda m, x: m.a(x).relu() * x.mean(1, keepdim=True), a=conv(8, 8)), IMAGE, "NC405")
    assert unfused.saving.memory_access == 2 * 8 * 16 * 16  # of the relu; the product could go on with the mean
    [grouped] = found(row(conv(8, 8, 1, groups=4)), IMAGE, "NC201")
    assert grouped.saving.memory_access == (1 - 1 / 2) * 2 * 8 * 16 * 16
    [pair] = found(CASES["NC102"][0], IMAGE, "NC102")
    assert pair.saving.memory_access == pytest.approx(2 * 14 * 14 * (8 + 48 - 2 * (8 * 48) ** 0.5))
    assert pair.keeps is Keeps.CAPACITY
    [twice] = found(CASES["NC303"][0], IMAGE, "NC303")
    assert (twice.saving.memory_access, twice.saving.kernels) == (8 * 16 * 16, 1)
    [padded] = found(CASES["NC504"][0], IMAGE, "NC504")
    assert padded.saving.memory_access == 8 * (16 * 16 + 18 * 18)
    [unused] = found(CASES["NC901"][0], IMAGE, "NC901")
    assert (unused.module, unused.saving.params) == ("b", 64)


def test_no_kernel_is_saved_by_two_findings() -> None:
    gate = Module(lambda m, x: m.a(x).relu() * 3 + 1, a=conv(8, 8))  # four kernels: a ReLU and two behind it
    [chain], [unfused] = (found(gate, IMAGE, code) for code in ("NC401", "NC405"))
    assert (chain.saving.kernels, unfused.saving.kernels) == (2, 1)
    report = lint("googlenet", select=["NC301", "NC303", "NC401", "NC405"], min_share=0)
    assert len(report.rows) == 4
    assert 0 < sum(row.saving.kernels for row in report.rows) < report.network.total.kernels


GUIDELINES = {"NC1": g1.variants, "NC2": g2.variants, "NC3": g3.variants, "NC4": g4.variants}


@pytest.mark.parametrize("family", GUIDELINES)
def test_the_guidelines_bad_variants_have_findings_and_the_base_has_none(family: str) -> None:
    base, *others = GUIDELINES[family]("ARM", 1)
    # Fragments in series are thin layers, one after another, of which a graph cannot tell that they were one.
    bad = [variant for variant in others if "series" not in variant.name]
    assert lint(base.build(), base.input_shape(), select=[family]).findings == ()
    for variant in bad:
        assert lint(variant.build(), variant.input_shape(), select=[family]).findings, variant.name
