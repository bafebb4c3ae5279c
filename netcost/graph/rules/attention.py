"""Scaled dot-product attention as one operator, whichever kernel a device would choose for it."""

from __future__ import annotations

from math import prod

from netcost.graph.cost import Cost, Kind
from netcost.graph.graph import Op
from netcost.graph.rules.registry import access, rule


@rule(
    "aten.scaled_dot_product_attention",
    "aten._scaled_dot_product_attention_math",
    "aten._scaled_dot_product_flash_attention",
    "aten._scaled_dot_product_flash_attention_for_cpu",
    "aten._scaled_dot_product_efficient_attention",
    "aten._scaled_dot_product_cudnn_attention",
    "aten._scaled_dot_product_fused_attention_overrideable",
    kind=Kind.ATTENTION,
)
def scaled_dot_product_attention(op: Op) -> Cost:
    """Both matrix products in full, causal or not; scores are not materialised.

    query (*, H, L, E), key (*, H, S, E), value (*, H, S, V). A score takes E multiply-adds and a multiplication by
    the scale, an addition where there is a mask, and 5 FLOPs of softmax (compare, subtract, exp, add, divide);
    an output takes S multiply-adds. Reads q, k, v and the mask, writes its output.
    """
    query, key, value = op.inputs[:3]
    scores = prod(query.shape[:-1]) * key.shape[-2]
    masked = 1 if op.operand("attn_mask") is not None else 0
    output = op.outputs[0].numel
    return access(
        op,
        mult_adds=scores * (query.shape[-1] + value.shape[-1]),
        flops=scores * (1 + masked + 5),
        activations=output,
        written=output,
    )
