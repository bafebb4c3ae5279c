"""Inception v2: the network of the batch-norm paper, two 3x3 convolutions in place of each 5x5.

Reference: BN-Inception (arXiv:1502.03167), appendix and Figure 5.
"""

from __future__ import annotations

from functools import partial

from netcost.claims.checks import beside, exactly, stated, unstated
from netcost.claims.claim import Check, ClaimFinding, ClaimVerdict, Topic, claim, found
from netcost.claims.evidence import counted, layers, mult_add_terms, operators, output_shape, weight_terms
from netcost.claims.sources import ARTICLE_INCEPTION_V2, BN_INCEPTION, GOOGLENET
from netcost.claims.surgery import Changes, altered, part
from netcost.claims.windows import branch_channels, branches, convolutions, grids, modules, weighted_depth, windows
from netcost.counting.analysis import Analysis
from netcost.zoo.blocks import Conv, chain
from netcost.zoo.bn_inception import POOLS

FIGURE_5 = f"{BN_INCEPTION}, Figure 5"
MODULE = "module:inception_v2"
STRIDING = {"inception_3c": "inception_4a", "inception_4e": "inception_5a"}
"""The modules that stride, and those after them."""


def second_convolution(reduce: int) -> Changes:
    """Build the second convolution of the network after a 1x1 of that number of channels; with 0, without one."""
    reduction = (Conv(reduce),) if reduce else ()
    return {"conv2": partial(chain, 64, *reduction, Conv(192, 3), bias=True)}


@claim(
    id="inception-v2-module",
    rows="D01",
    topic=Topic.INCEPTION,
    says="The Inception v2 module is the v1 module with the 5x5 convolution replaced by two 3x3.",
    source=f"{BN_INCEPTION}, appendix",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"n1x1": 0},
)
def module_of_v2(n1x1: int = 64) -> ClaimFinding:
    """List the layers of each branch beside v1's with its 5x5 as two 3x3; either kind of pooling passes."""
    module, before = counted(MODULE, n1x1=n1x1), counted("module:inception_v1")
    steps = {branch: _unpooled(branch_layers) for branch, branch_layers in branches(module).items()}
    expected = {
        branch.replace("5x5", "double_3x3"): _unpooled(branch_layers).replace("5x5", "3x3, 3x3")
        for branch, branch_layers in branches(before).items()
    }
    striding = counted(MODULE, n1x1=0, pool="max", pool_proj=0, stride=2)
    network = counted("bn_inception")
    strides = [path for path, side in modules(network, "InceptionV2").items() if grids(network)[path] < side]
    return found(
        *(exactly(f"{branch}, in turn", steps.get(branch, "none"), was) for branch, was in expected.items()),
        exactly("convolutions more than in v1", convolutions(module) - convolutions(before), 1),
        beside(unstated("convolutions of the v2 module", convolutions(module))),
        beside(unstated("convolutions of the v1 module", convolutions(before))),
        beside(unstated("convolutions of a v2 module that strides", convolutions(striding))),
        beside(unstated("modules that stride", len(strides))),
    )


def _unpooled(steps: str) -> str:
    """Return the layers of a branch without the kind of its pooling."""
    return steps.replace("3x3 average", "pooling").replace("3x3 max", "pooling")


@claim(
    id="inception-v2-conv2",
    rows="D02",
    topic=Topic.INCEPTION,
    says="The second convolution of Inception v2 loses its 1x1 reduction.",
    source=ARTICLE_INCEPTION_V2,
    recorded=ClaimVerdict.PARTLY,
    perturbation={"reduce": 32},
)
def second_convolution_of_v2(reduce: int = 64) -> ClaimFinding:
    """Build both readings of row 3 of Figure 5, which prints depth 1, and 64 under #3x3 reduce."""
    lost = layers(part("bn_inception", "conv2", second_convolution(0)))
    kept = layers(part("bn_inception", "conv2", second_convolution(reduce)))
    return found(
        exactly("depth without a 1x1 reduction", len(lost), 1),
        exactly("depth with the printed #3x3 reduce", len(kept), 1),
        beside(exactly("#3x3 reduce, channels", kept[0].out_channels, 64)),
        beside(unstated("weights of the reduction", kept[0].weights, terms=weight_terms(kept[:1]))),
        beside(unstated("multiply-adds of the reduction", kept[0].mult_adds, terms=mult_add_terms(kept[:1]))),
        notes=[f"{FIGURE_5}, prints both a depth of 1 and 64 under #3x3 reduce."],
    )


@claim(
    id="inception-v2-28x28",
    rows="D03",
    topic=Topic.INCEPTION,
    says="The 28x28 stage of Inception v2 has one Inception module more than GoogLeNet's.",
    source=f"{BN_INCEPTION}, appendix",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"stride": 1},
)
def modules_on_28x28(stride: int = 2) -> ClaimFinding:
    """Group the modules by the map that they read; the third, 3c, halves it itself."""
    v2 = modules(altered("bn_inception", {"pool2.stride": stride}), "InceptionV2")
    v1 = modules(counted("googlenet"), "Inception")
    late, early = list(v2.values()).count(28), list(v1.values()).count(28)
    return found(
        exactly("modules on 28x28", late, 3),
        exactly("more than in GoogLeNet", late - early, 1),
        beside(unstated("modules of Inception v2", len(v2))),
        beside(unstated("modules of GoogLeNet", len(v1))),
    )


@claim(
    id="inception-v2-average-pooling",
    rows="D04",
    topic=Topic.INCEPTION,
    says="Some modules of Inception v2 pool by average instead of by maximum.",
    source=f"{BN_INCEPTION}, appendix",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"first": "max"},
)
def average_pooling(first: str = "avg") -> ClaimFinding:
    """Count the poolings inside modules by kind."""
    changed = {"inception_3a.branch_pool.0": partial(POOLS[first], 3, 1, padding=1)}
    v2, v1 = _poolings(altered("bn_inception", changed)), _poolings(counted("googlenet"))
    averaged = list(v2.values()).count("average")
    which = [path.removeprefix("inception_") for path, kind in v2.items() if kind == "max"]
    return found(
        stated("modules that average", averaged, "some", 0 < averaged < len(v2)),
        beside(unstated("modules that take the maximum", len(which))),
        beside(unstated("which these are", ", ".join(which))),
        beside(unstated("modules of GoogLeNet that average", list(v1.values()).count("average"))),
    )


def _poolings(analysis: Analysis) -> dict[str, str]:
    """Return the kind of pooling of each module."""
    inside = [window for window in windows(analysis) if "branch_pool" in window.path and window.pooling]
    return {window.child: window.pooling for window in inside}


@claim(
    id="inception-v2-channels",
    rows="D05",
    topic=Topic.INCEPTION,
    says="Inception v2 changes the channels of the modules: 3a, 3b and 4a make 256, 320 and 576 in place of 256, 480 "
    "and 512.",
    source=f"{FIGURE_5}; {GOOGLENET}, Table 1",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"n1x1": 192},
)
def module_channels(n1x1: int = 224) -> ClaimFinding:
    """Count each module alone, on the map that it reads in its network."""
    names = ("inception_3a", "inception_3b", "inception_4a")
    changed = {"inception_4a.branch_1x1": partial(chain, 576, Conv(n1x1), bias=True)}
    late = tuple(output_shape(part("bn_inception", name, changed))[1] for name in names)
    early = tuple(output_shape(part("googlenet", name, {}))[1] for name in names)
    return found(
        exactly("channels out of 3a, 3b, 4a in Inception v2", late, (256, 320, 576)),
        exactly("in GoogLeNet", early, (256, 480, 512)),
    )


@claim(
    id="inception-v2-batch-norm",
    rows="D06",
    topic=Topic.INCEPTION,
    says="Inception v2 puts batch norm before every non-linearity and drops both local response normalisations.",
    source=f"{BN_INCEPTION}, sections 3.2 and 4.2.1",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"reduce": 0},
)
def batch_norm(reduce: int = 64) -> ClaimFinding:
    """Check that each non-linearity, a ReLU, reads the output of a batch norm."""
    v2, v1 = altered("bn_inception", second_convolution(reduce)), counted("googlenet")
    norms, relus = operators(v2, "aten.batch_norm"), operators(v2, "aten.relu")
    behind = sum(v2.graph.ops[relu.sources[0]].name == "aten.batch_norm" for relu in relus)
    trained = sum(tensor.numel for op in norms for tensor, name in zip(op.inputs, op.parameters, strict=True) if name)
    return found(
        exactly("non-linearities behind a batch norm", behind, len(relus)),
        exactly("batch norms", len(norms), convolutions(v2)),
        exactly("local response normalisations", _response_norms(v2), 0),
        beside(exactly("local response normalisations of GoogLeNet", _response_norms(v1), 2)),
        beside(unstated("trained parameters of the batch norms", trained)),
    )


def _response_norms(analysis: Analysis) -> int:
    return list(analysis.graph.modules.values()).count("LocalResponseNorm")


def narrower_first() -> Changes:
    """Build the other reading of "double": the first of two 3x3 convolutions is as wide as the reduction before it."""
    network, changes = counted("bn_inception"), {}
    for module in modules(network, "InceptionV2"):
        branch = f"{module}.branch_double_3x3"
        reduce, _, last = [layer for layer in layers(network) if layer.path.startswith(f"{branch}.")]
        convs = Conv(reduce.out_channels), Conv(reduce.out_channels, 3), Conv(last.out_channels, 3, last.stride[0])
        changes[branch] = partial(chain, reduce.in_channels, *convs, bias=True)
    return changes


@claim(
    id="inception-v2-double",
    rows="D07",
    topic=Topic.INCEPTION,
    says="A figure under double #3x3 gives the channels of both 3x3 convolutions.",
    source=ARTICLE_INCEPTION_V2,
    recorded=ClaimVerdict.HOLDS,
    perturbation={"same_width": False},
)
def double_3x3(same_width: bool = True) -> ClaimFinding:
    """Find the reading that gives the parameters that model zoos list."""
    published = 11_295_240  # osmr/imgclsmob gluon/README.md (commit c1a844dde061)
    other = altered("bn_inception", narrower_first())
    network = counted("bn_inception") if same_width else other
    return found(
        exactly("parameters, both as wide as the figure", network.params, published),
        beside(exactly("parameters, the first as wide as the reduction before it", other.params, published)),
        notes=["The count is that of osmr/imgclsmob, gluon/README.md; the paper prints none."],
    )


@claim(
    id="inception-v2-pass-through",
    rows="D08",
    topic=Topic.INCEPTION,
    says="Pass through means that there is no projection and the pooled channels are kept, which makes 576 channels "
    "out of 3c and 1024 out of 4e.",
    source=FIGURE_5,
    recorded=ClaimVerdict.PARTLY,
    perturbation={"printed_widths": True},
)
def pass_through(printed_widths: bool = False) -> ClaimFinding:
    """Add up the channels of 4e, which passes on those of 4d; by its columns the sum is not the printed 576."""
    network = counted("bn_inception", printed_widths=printed_widths)
    narrow = counted("bn_inception", printed_widths=True)
    return found(
        _made("channels out of 3c", network, "inception_3c", 576),
        _made("channels out of 4e, by the columns", network, "inception_4e", 1024),
        beside(_made("channels out of 4d, by the columns", network, "inception_4d", 576)),
        beside(_made("channels out of 4e, if 4c and 4d made 576", narrow, "inception_4e", 1024)),
    )


def _made(what: str, network: Analysis, path: str, printed: int) -> Check:
    """Check the output channels of a module, branch by branch, against the printed sum."""
    joined = next(op for op in operators(network, "aten.cat") if op.module == path)
    return exactly(what, joined.outputs[0].shape[1], printed, terms=branch_channels(network, path))


@claim(
    id="inception-v2-depth-column",
    rows="D09",
    topic=Topic.INCEPTION,
    says="The depth of a module counts its layers with weights, one after the other: 3 in Inception v2.",
    source=FIGURE_5,
    recorded=ClaimVerdict.HOLDS,
    perturbation={"in_turn": 3},
)
def depth_column(in_turn: int = 2) -> ClaimFinding:
    """Count the layers with weights on the longest path through the module; a pooling has none."""
    double = {"branch_double_3x3": partial(chain, 256, Conv(64), *[Conv(96, 3)] * in_turn, bias=True)}
    return found(
        exactly("longest path of the v2 module", weighted_depth(altered(MODULE, double)), 3),
        beside(exactly("longest path of GoogLeNet's module", weighted_depth(counted("module:inception_v1")), 2)),
    )


@claim(
    id="inception-v2-stride",
    rows="D11",
    topic=Topic.INCEPTION,
    says="A stride printed next to an Inception row belongs to the reduction that follows it, so that 3c and 4e still "
    "make 28x28 and 14x14.",
    source=f"{ARTICLE_INCEPTION_V2}; {FIGURE_5}",
    recorded=ClaimVerdict.PARTLY,
    perturbation={"stride": 1},
)
def stride_next_to_a_row(stride: int = 2) -> ClaimFinding:
    """List the maps around 3c and 4e; there is no layer between them and the next modules."""
    network = altered("bn_inception", {"pool2.stride": stride})
    seen, made = modules(network, "InceptionV2"), grids(network)
    names = list(made)
    between = [names.index(after) - names.index(row) - 1 for row, after in STRIDING.items()]
    return found(
        exactly(
            "side of the map that the modules after them see", tuple(seen[name] for name in STRIDING.values()), (14, 7)
        ),
        exactly("side of the map that 3c and 4e make", tuple(made[name] for name in STRIDING), (28, 14)),
        beside(exactly("side of the map that 3c and 4e see", tuple(seen[name] for name in STRIDING), (28, 14))),
        beside(unstated("layers between them and the modules after them", sum(between))),
    )
