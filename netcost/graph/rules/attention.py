"""Scaled dot-product attention, one operator for all the kernels that a device may choose."""

from __future__ import annotations

from math import prod

from netcost.graph.cost import Cost, Kind
from netcost.graph.graph import Op, aten
from netcost.graph.rules.registry import access, rule


@rule(
    *aten(
        """
        scaled_dot_product_attention _scaled_dot_product_attention_math _scaled_dot_product_flash_attention
        _scaled_dot_product_flash_attention_for_cpu _scaled_dot_product_efficient_attention
        _scaled_dot_product_cudnn_attention _scaled_dot_product_fused_attention_overrideable
        """
    ),
    kind=Kind.ATTENTION,
)
def scaled_dot_product_attention(op: Op) -> Cost:
    """Count both matrix products in full, causal or not; scores are not materialised.

    query (*, H, L, E), key (*, H, S, E), value (*, H, S, V) give (*, H, L, V), of which each element belongs to a
    row of S scores: whatever is broadcast or shared (grouped queries), the output tells how many rows there are. A
    score takes E multiply-adds, a multiplication by the scale, an addition if there is a mask, and 5 FLOPs of softmax
    (compare, subtract, exp, add, divide); an output takes S multiply-adds. The operator reads q, k, v and the mask,
    and writes its output.
    """
    query, key, value = op.inputs[:3]
    output = op.outputs[0].numel
    scores = prod(op.outputs[0].shape[:-1]) * key.shape[-2]
    masked = op.operand("attn_mask") is not None or op.operand("attn_bias") is not None
    return access(
        op,
        mult_adds=scores * (query.shape[-1] + value.shape[-1]),
        flops=scores * (1 + masked + 5),
        activations=output,
        written=output,
    )


@rule("higher_order.flex_attention", kind=Kind.ATTENTION)
def flex_attention(op: Op) -> Cost:
    """Count as scaled dot-product attention over the scores in blocks that the mask keeps.

    The function that changes scores is not counted: its own work per score is not known by shape.
    """
    query, _, value = op.inputs
    scores = op.arguments["scores"]
    output = op.outputs[0].numel
    return access(
        op,
        mult_adds=scores * (query.shape[-1] + value.shape[-1]),
        flops=scores * 6,  # the scale and softmax
        activations=output,
        written=output,
    )
