"""Analyses of whole networks: their tables add up, nothing unknown passes for zero, and modules cost what they do."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import netcost
from netcost.counting.analysis import Analysis
from netcost.counting.breakdown import ADDITIVE
from netcost.text.errors import RequestError
from netcost.text.metrics import METRICS
from netcost.text.tables import with_total
from netcost.text.units import AtLeast

# Design, section 6: what `compare --format json` writes of a model that is not timed, in its order; the fused bytes
# that section 2 promises beside the fused elements come on top.
JSON_KEYS = """
model input params params_total mult_adds flops memory_access memory_access_fused memory_access_bytes activations
elementwise_access kernels depth parallelism max_fragments peak_memory_bytes intensity unknown_ops
""".split()


class Calls(nn.Module):
    """A forward pass written in place: `Calls(lambda x: x + x)`; `parts` are its submodules and parameters."""

    def __init__(self, function: Callable[..., Any], **parts: nn.Module | nn.Parameter) -> None:
        super().__init__()
        self.function = function
        self.names = tuple(parts)
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *inputs: Tensor) -> Any:
        return self.function(*inputs, **{name: getattr(self, name) for name in self.names})


@torch.library.custom_op("netcost_test::twist", mutates_args=())
def twist(x: Tensor) -> Tensor:
    return x.flip(0)


@twist.register_fake
def _(x: Tensor) -> Tensor:
    return torch.empty_like(x)


@pytest.fixture(scope="module", params=["lenet5", "googlenet", "mobilenet_v2", "shufflenet_v2_x1_0"])
def analysis(request: pytest.FixtureRequest) -> Analysis:
    return netcost.analyze(request.param)


@pytest.fixture
def partly_unknown() -> Analysis:
    """A linear layer of 8 to 8, then an operator that nobody counts, then a ReLU."""
    model = Calls(
        lambda x, fc, twice: torch.relu(twice(fc(x))),
        fc=nn.Linear(8, 8, bias=False),
        twice=Calls(lambda x: twist(twist(x))),
    )
    return netcost.analyze(model, (3, 8))


@pytest.mark.parametrize("by", ["op", "kind", "block"])
def test_operators_kinds_and_blocks_add_up_to_the_whole(analysis, by):
    frame = {"op": analysis.by_op, "kind": analysis.by_kind, "block": analysis.by_block}[by]()
    for name in ADDITIVE:
        assert frame[name].sum() == getattr(analysis, name), name
    assert len(frame) > 1


@pytest.mark.parametrize("calls", [False, True])
@pytest.mark.parametrize("depth", [None, 0, 1, 2, 5])
def test_modules_add_up_to_the_whole_at_every_depth(analysis, depth, calls):
    frame = analysis.by_module(depth, calls=calls)
    for name in ADDITIVE:
        assert frame[name].sum() == getattr(analysis, name), name
    assert calls or frame["module"].is_unique
    assert all(depth is None or path.count(".") < max(depth, 1) for path in frame["module"])


def test_the_operators_are_listed_in_the_order_in_which_they_ran(analysis):
    frame = analysis.by_op()
    assert list(frame["op"]) == [op.name for op in analysis.graph.ops]
    assert list(frame["index"]) == [str(index) for index in range(len(analysis.graph.ops))]


def test_kinds_and_blocks_say_how_many_operators_they_hold(analysis):
    kinds, blocks = analysis.by_kind(), analysis.by_block()
    assert kinds["ops"].sum() == len(analysis.graph.ops)
    assert blocks["ops"].sum() == sum(not op.is_view for op in analysis.graph.ops)
    assert blocks["fragments"].max() == analysis.max_fragments
    assert all(blocks["width"] <= blocks["fragments"])


def test_the_elementwise_part_is_the_memory_access_of_the_elementwise_operators(analysis):
    kinds = analysis.by_kind().set_index("kind")
    assert analysis.elementwise_access == kinds.loc["element-wise", "memory_access"]


def test_every_metric_of_the_design_is_there_and_comes_from_the_operators(analysis):
    assert list(analysis.metrics()) == list(METRICS)
    assert analysis.intensity == analysis.flops / analysis.memory_access_bytes
    assert analysis.parallelism == analysis.count.structure.compute_ops / analysis.depth
    assert analysis.peak_memory_bytes > 4 * analysis.params_total


def test_the_json_keys_are_those_of_the_design(analysis):
    found = analysis.to_dict()
    assert len(JSON_KEYS) == len(set(JSON_KEYS))
    assert set(found) == {*JSON_KEYS, "memory_access_fused_bytes"}
    assert list(found)[:2] == ["model", "input"]
    assert json.loads(json.dumps(found)) == found, "plain numbers, lists and words"
    assert found["unknown_ops"] == {}


def test_the_input_is_one_shape_or_as_many_as_there_are():
    assert netcost.analyze(Calls(torch.relu), (3, 4)).to_dict()["input"] == [3, 4]
    assert netcost.analyze(Calls(torch.add), ((3, 4), (4,))).to_dict()["input"] == [[3, 4], [4]]


def test_an_unknown_operator_is_listed_and_what_it_costs_is_missing(partly_unknown):
    assert partly_unknown.unknown_ops == {"netcost_test.twist": 2}
    assert partly_unknown.to_dict()["unknown_ops"] == {"netcost_test.twist": 2}
    rows = {row[1]: row for row in partly_unknown.table("op").rows}
    columns = partly_unknown.table("op").names
    for name in ("mult_adds", "flops", "memory_access", "memory_access_fused", "activations"):
        assert rows["netcost_test.twist"][columns.index(name)] is None
        assert rows["aten.linear"][columns.index(name)] is not None
    assert rows["netcost_test.twist"][columns.index("kernels")] == 1


def test_a_total_that_leaves_unknown_work_out_is_at_least_what_is_known(partly_unknown):
    shown = {row[0]: row[1] for row in partly_unknown.summary().rows}
    assert shown["Mult-adds"] == AtLeast(3 * 8 * 8)
    assert shown["FLOPs"] == AtLeast(2 * (3 * 8 * 8) + 3 * 8)
    assert shown["Params"] == 8 * 8
    assert shown["Kernels"] == 4
    assert partly_unknown.mult_adds == 3 * 8 * 8
    assert "netcost_test.twist (2)" in " ".join(partly_unknown.summary().notes)


def test_a_row_with_unknown_work_is_missing_or_at_least_what_is_known(partly_unknown):
    table = partly_unknown.table("module", 0)
    assert table.rows[0][table.names.index("mult_adds")] == AtLeast(3 * 8 * 8)
    by_module = partly_unknown.table("module")
    cells = dict(zip((row[0] for row in by_module.rows), by_module.rows, strict=True))
    index = by_module.names.index("flops")
    assert cells["fc"][index] == 2 * (3 * 8 * 8)
    assert cells["twice"][index] is None
    assert cells["(model)"][index] == 3 * 8
    total = with_total(by_module, ADDITIVE).rows[-1]
    assert total[index] == AtLeast(2 * (3 * 8 * 8) + 3 * 8)
    assert total[by_module.names.index("params")] == 8 * 8
    assert any("netcost_test.twist" in note for note in by_module.notes)


def test_a_row_of_known_and_unknown_work_is_at_least_the_known():
    table = netcost.analyze(Calls(lambda x: twist(torch.relu(x))), (3, 8)).table("module")
    assert table.rows[0][table.names.index("flops")] == AtLeast(3 * 8)
    assert table.rows[0][table.names.index("kernels")] == 2


def test_a_network_of_known_operators_shows_plain_totals(analysis):
    assert analysis.notes() == []
    assert not any(isinstance(cell, AtLeast) for row in analysis.summary().rows for cell in row)
    total = with_total(analysis.table("kind"), ADDITIVE).rows[-1]
    assert total[analysis.table("kind").names.index("flops")] == analysis.flops


def test_a_module_that_is_called_twice_works_twice_and_has_its_parameters_once():
    found = netcost.analyze(Calls(lambda x, fc: fc(fc(x)), fc=nn.Linear(8, 8)), (3, 8))
    assert found.mult_adds == 2 * (3 * 8 * 8)
    assert found.memory_access == 2 * (3 * 8 + (8 * 8 + 8) + 3 * 8)
    assert found.params == found.params_total == 8 * 8 + 8
    rows = found.by_module().set_index("module")
    assert rows.loc["fc", "calls"] == 2
    assert rows.loc["fc", "mult_adds"] == 2 * (3 * 8 * 8)


@pytest.mark.parametrize("depth", [None, 1])
def test_a_module_that_is_called_twice_has_a_row_per_call(depth):
    block = Calls(lambda x, fc: fc(fc(x)), fc=nn.Linear(8, 8))
    # Once on three rows, once on five.
    found = netcost.analyze(Calls(lambda x, y, block: (block(x), block(y)), block=block), [(3, 8), (5, 8)])
    rows = found.by_module(depth, calls=True)
    work = {None: [3, 3, 5, 5], 1: [2 * 3, 2 * 5]}[depth]
    assert list(rows["call"]) == list(range(1, len(work) + 1))
    assert list(rows["mult_adds"]) == [8 * 8 * times for times in work]
    assert list(rows["params"]) == [8 * 8 + 8] + [0] * (len(work) - 1)


def test_one_module_under_two_names_counts_its_parameters_once():
    fc = nn.Linear(8, 8)
    found = netcost.analyze(Calls(lambda x, a, b: b(a(x)), a=fc, b=fc), (3, 8))
    assert found.mult_adds == 2 * (3 * 8 * 8)
    assert found.params == found.params_total == 8 * 8 + 8


@pytest.mark.parametrize(("depth", "names"), [(None, ["a.fc", "b.fc", "a.fc"]), (1, ["a", "b", "a"])])
def test_calls_of_one_module_under_two_names_show_both_names(depth, names):
    shared = Calls(lambda x, fc: fc(x), fc=nn.Linear(8, 8))
    model = Calls(lambda x, y, z, a, b: (a(x), b(y), a(z)), a=shared, b=shared)
    rows = netcost.analyze(model, [(3, 8), (5, 8), (7, 8)]).by_module(depth, calls=True)
    assert list(rows["module"]) == names
    assert list(rows["mult_adds"]) == [rows_in * 8 * 8 for rows_in in (3, 5, 7)]


def test_tied_weights_belong_to_their_first_user():
    embedding, head = nn.Embedding(100, 8), nn.Linear(8, 100)
    head.weight = embedding.weight
    model = Calls(lambda tokens, embedding, head: head(embedding(tokens)), embedding=embedding, head=head)
    found = netcost.analyze(model, torch.zeros(2, 5, dtype=torch.int64))
    assert found.params == found.params_total == 100 * 8 + 100
    params = found.by_module().set_index("module")["params"]
    assert params.to_dict() == {"embedding": 100 * 8, "head": 100}
    assert found.mult_adds == 2 * 5 * 8 * 100
    # 2·5 rows of 8 and their indices, then the whole table as weights of the head.
    assert found.memory_access == (2 * 5 * 8 + 2 * 5 + 2 * 5 * 8) + (2 * 5 * 8 + 100 * 8 + 100 + 2 * 5 * 100)


def test_a_bare_parameter_is_counted_where_it_is_used():
    found = netcost.analyze(Calls(lambda x, scale: x * scale, scale=nn.Parameter(torch.ones(8))), (3, 8))
    assert found.params == found.params_total == 8
    assert found.memory_access == 3 * 8 + 8 + 3 * 8
    assert found.peak_memory_bytes == 4 * (8 + 3 * 8 + 3 * 8)


def test_parameters_that_the_forward_pass_does_not_use_are_in_the_total_only_and_named():
    model = Calls(lambda x, used, **_: used(x), used=nn.Linear(8, 8), spare=nn.Linear(8, 100), more=nn.Linear(2, 2))
    found = netcost.analyze(model, (3, 8))
    assert found.params == 8 * 8 + 8
    assert found.params_total == (8 * 8 + 8) + (8 * 100 + 100) + (2 * 2 + 2)
    assert found.table("module").notes == ("906 parameters are not used in eval mode: spare, more.",)
    assert 8 * 100 + 100 + 2 * 2 + 2 == 906


@pytest.mark.parametrize(("spares", "named"), [(5, "s0, s1, s2, s3, s4"), (6, "s0, s1, s2, s3, s4 …")])
def test_five_modules_with_unused_parameters_are_named_and_no_more(spares, named):
    parts = {f"s{index}": nn.Linear(2, 2) for index in range(spares)}
    found = netcost.analyze(Calls(lambda x, **_: x + 1, **parts), (3, 8), mode="train")
    assert found.table("module").notes == (f"{spares * 6} parameters are not used in train mode: {named}.",)


def test_rows_name_their_module_and_the_shape_of_what_it_makes():
    model = Calls(lambda x, fc: torch.relu(fc(x)), fc=nn.Linear(8, 5))
    found = netcost.analyze(model, (3, 8))
    rows = found.by_module().set_index("module")
    assert dict(rows["output"]) == {"fc": "3x5", "(model)": "3x5"}
    assert dict(rows["type"]) == {"fc": "Linear", "(model)": "Calls"}
    assert list(found.by_op()["module"]) == list(found.by_block()["module"]) == ["fc", "(model)"]
    assert list(found.by_op()["output"]) == ["3x5", "3x5"]


def test_a_network_that_uses_all_its_parameters_has_nothing_to_say_about_them():
    assert netcost.analyze(nn.Linear(8, 8), (3, 8)).table("module").notes == ()


def test_a_broadcast_matrix_product_multiplies_for_each_batch_and_reads_the_matrix_once():
    found = netcost.analyze(Calls(torch.matmul), ((4, 8), (5, 8, 6)))
    assert found.mult_adds == 5 * 4 * 8 * 6 == 960
    assert found.activations == 5 * 4 * 6


BATCH, LENGTH, WIDTH, HEADS = 2, 10, 16, 4
TOKENS = BATCH * LENGTH * WIDTH
SCORES = BATCH * HEADS * LENGTH * LENGTH


def self_attention(need_weights: bool) -> Analysis:
    attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
    model = Calls(lambda x, attention: attention(x, x, x, need_weights=need_weights), attention=attention)
    return netcost.analyze(model, (BATCH, LENGTH, WIDTH))


def test_multi_head_attention_costs_its_four_projections_and_its_two_products():
    found = self_attention(need_weights=False)
    projections = TOKENS * 3 * WIDTH + TOKENS * WIDTH  # q, k and v in one, and the output's
    products = SCORES * (WIDTH // HEADS + WIDTH // HEADS)
    assert found.unknown_ops == {}
    assert found.params == 4 * (WIDTH * WIDTH + WIDTH)
    assert found.mult_adds == projections + products
    assert found.flops == 2 * found.mult_adds + 4 * TOKENS + SCORES * (1 + 5)  # biases; scale and softmax
    assert found.activations == 3 * TOKENS + TOKENS + TOKENS
    assert found.memory_access == sum(
        [
            TOKENS + 3 * (WIDTH * WIDTH + WIDTH) + 3 * TOKENS,  # x to q, k and v, side by side
            3 * TOKENS + 3 * TOKENS,  # copied apart
            3 * TOKENS + TOKENS,  # attention: no scores are materialised, and heads are written side by side
            TOKENS + (WIDTH * WIDTH + WIDTH) + TOKENS,  # output projection
        ]
    )


def test_multi_head_attention_that_hands_out_its_scores_is_counted_as_written():
    found = self_attention(need_weights=True)
    assert found.mult_adds == TOKENS * 3 * WIDTH + TOKENS * WIDTH + 2 * SCORES * (WIDTH // HEADS)
    # biases, the scaling of q, softmax, and the mean over heads
    assert found.flops == 2 * found.mult_adds + 4 * TOKENS + TOKENS + 5 * SCORES + SCORES
    assert found.activations == 3 * TOKENS + SCORES + TOKENS + TOKENS
    assert found.by_kind().set_index("kind").loc["matrix product", "ops"] == 2


def test_the_same_attention_multiplies_as_often_whichever_way_it_is_written():
    assert self_attention(need_weights=False).mult_adds == self_attention(need_weights=True).mult_adds


def test_a_forward_pass_that_does_nothing_has_no_ratio_of_anything():
    found = netcost.analyze(nn.Identity(), (3, 8))
    assert found.memory_access == 0
    assert found.intensity is None
    assert found.parallelism is None
    assert found.max_fragments is None
    assert found.to_dict()["intensity"] is None


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("dropout", [nn.Dropout, nn.Dropout1d, nn.AlphaDropout, nn.FeatureAlphaDropout])
def test_every_dropout_in_eval_is_no_operator_whether_in_place_or_not(dropout, inplace):
    found = netcost.analyze(nn.Sequential(nn.Conv1d(2, 4, 1), dropout(0.5, inplace=inplace)), (3, 2, 8))
    assert [op.name for op in found.graph.ops] == ["aten.conv1d"]
    assert found.unknown_ops == {}


@pytest.mark.parametrize("inplace", [False, True])
def test_a_dropout_in_eval_is_no_operator_and_in_training_one(inplace):
    model = nn.Sequential(nn.Dropout(0.5, inplace=inplace))
    assert netcost.analyze(model, (3, 8)).kernels == 0
    assert netcost.analyze(model, (3, 8), mode="train").flops == 3 * (3 * 8)


def test_an_unknown_grouping_is_refused_with_those_that_there_are():
    found = netcost.analyze(nn.ReLU(), (3, 8))
    with pytest.raises(RequestError, match=r"'layer'.* module, kind, block, op"):
        found.table("layer")


def test_an_analysis_is_named_after_its_target_or_its_class():
    assert netcost.analyze("lenet5").model == "lenet5"
    assert netcost.analyze(nn.ReLU(), (3, 8)).model == "ReLU"


def test_inputs_must_be_given_where_the_model_has_none_of_its_own():
    with pytest.raises(RequestError, match="analyze needs the inputs of the model"):
        netcost.analyze(nn.ReLU())
