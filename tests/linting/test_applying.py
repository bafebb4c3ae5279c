"""Changes that are applied to a whole network leave its outputs, and the sentence says what they bring."""

import pytest
import torch
import torch.nn.functional as F
from test_findings import CASES, IMAGE, Module, conv
from torch import Tensor, nn

from netcost.linting import lint
from netcost.linting.applying import APPLIED, applied
from netcost.text.errors import ForwardError
from netcost.timing import Timing

QUICK = Timing(budget_s=0.1, threads=1)


def scaled(m: Module, x: Tensor) -> Tensor:
    heads = [layer(x)[:, None] for layer in (m.q, m.k, m.v)]
    scores = heads[0] @ heads[1].transpose(-2, -1) / 4 + m.bias.weight
    return scores.softmax(-1) @ heads[2]


NETWORKS = {
    "NC303": (Module(lambda m, x: m.a(x) + m.b(x).relu(), a=nn.Conv2d(8, 6, 1), b=nn.Conv2d(8, 6, 1)), IMAGE),
    "NC402": (nn.Sequential(conv(8, 8), nn.ReLU(), nn.ReLU()), IMAGE),
    "NC501": CASES["NC501"][::2],
    "NC504": (Module(lambda m, x: m.a(F.pad(x, (1, 1, 2, 2))), a=conv(8, 8, 3)), IMAGE),
    "NC701": (
        Module(scaled, q=nn.Linear(32, 32), k=nn.Linear(32, 32), v=nn.Linear(32, 32), bias=nn.Linear(16, 16)),
        (2, 16, 32),
    ),
}


@pytest.mark.parametrize("code", NETWORKS)
def test_a_change_is_applied_and_keeps_the_outputs(code: str) -> None:
    network, shape = NETWORKS[code]
    before = {name: weight.clone() for name, weight in network.state_dict().items()}
    found = applied(lint(network, shape, select=[code], min_share=0), network, shape, QUICK)
    assert found.codes == {code: 1}
    assert f"1 change ({code} (1))" in found.sentence
    assert all(torch.equal(weight, before[name]) for name, weight in network.state_dict().items())


def test_every_change_is_tried() -> None:
    assert {*APPLIED} == {*NETWORKS}


def test_a_network_without_such_a_finding_says_so() -> None:
    network = nn.Sequential(conv(8, 8), nn.ReLU())
    assert applied(lint(network, IMAGE), network, IMAGE, QUICK).ratio is None


def test_a_network_that_cannot_be_exported_is_one_line() -> None:
    network = Module(lambda _, x: x.relu().relu() if float(x.sum()) > 0 else x)
    report = lint(network, torch.ones(2, 2), concrete=True)
    with pytest.raises(ForwardError, match=r"torch\.export cannot export Module"):
        applied(report, network, (2, 2), QUICK)
