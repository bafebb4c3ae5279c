"""Does an analysis leave nothing behind: is the loss of a real training step the same, bit by bit, with one before it?

Each network is built twice from the same seed. One of the two is analysed first, on the instance that is then trained,
in both modes. Then each makes one training step on the same input: its loss, and the sum of its gradients, must agree.

    python tests/benchmarks/nothing_left.py [--networks NAME ...] [--timm N] [-o FILE]
"""

import sys
from collections.abc import Iterator, Sequence

import torch
from findings import Requirement, finish, parser_of
from torch import Tensor

import netcost
from netcost.targets import Target
from netcost.text.tables import Column, from_records
from netcost.tracing.nests import tensors_in
from netcost.zoo import ARCHITECTURES

LARGEST_STEP = 2_000_000_000
"""Multiply-adds of the forward pass above which a network of timm is left out: a step must take seconds."""


def step(name: str, analysed: bool) -> tuple[float, float]:
    """Return the loss and the sum of the absolute gradients of one training step."""
    torch.manual_seed(0)
    target = netcost.resolve(name)
    model = target.build()
    inputs = [spec.with_batch(2).random(torch.Generator().manual_seed(1)) for spec in target.required_inputs()]
    if analysed:
        for mode in ("eval", "train"):
            netcost.analyze(model, tuple(inputs), mode=mode)
    torch.manual_seed(2)
    outputs = [output for output in tensors_in(model.train()(*inputs)) if output.requires_grad]
    loss = torch.stack([output.float().square().mean() for output in outputs]).sum()
    loss.backward()
    gradients: list[Tensor] = [weight.grad for weight in model.parameters() if weight.grad is not None]
    return loss.item(), torch.stack([gradient.abs().sum() for gradient in gradients]).sum().item()


def networks(of_timm: int) -> Iterator[str]:
    """Yield the zoo's architectures, and the first network of each of timm's families that is small enough."""
    yield from ARCHITECTURES.names()
    import timm

    families: set[str] = set()
    for name in timm.list_models():
        family = name.split("_")[0].rstrip("0123456789")
        if len(families) == of_timm:
            return
        if family not in families and _is_small(target := netcost.resolve(f"timm:{name}")):
            families.add(family)
            yield target.name


def _is_small(target: Target) -> bool:
    try:
        return netcost.analyze(target).mult_adds < LARGEST_STEP
    except netcost.NetcostError:
        return False


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the steps and report; return the exit code."""
    parser = parser_of(__doc__)
    parser.add_argument("--networks", nargs="+", help="these alone")
    parser.add_argument("--timm", type=int, default=60, help="families of timm [default: %(default)s]")
    options = parser.parse_args(arguments)
    records = []
    for name in options.networks or networks(options.timm):
        without, after = step(name, analysed=False), step(name, analysed=True)
        records.append({"network": name, "loss": without[0], "same": "yes" if without == after else "no"})
        print(name, records[-1]["same"], flush=True)
    columns = (Column("network", "Network"), Column("loss", "Loss", "ratio"), Column("same", "The same after"))
    same = sum(record["same"] == "yes" for record in records)
    required = Requirement("Networks with the same loss and gradients", same, low=len(records), unit="exact")
    return finish("A training step after an analysis", [from_records(columns, records)], [required], options.output)


if __name__ == "__main__":
    sys.exit(main())
