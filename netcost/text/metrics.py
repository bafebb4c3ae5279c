"""The metrics: identifier, heading and unit of each, as tables, files and `netcost explain` name them."""

from __future__ import annotations

from netcost.text.tables import Column

METRICS: dict[str, Column] = {
    column.name: column
    for column in (
        Column("params", "Params", "count"),
        Column("params_total", "Params (all)", "count"),
        Column("mult_adds", "Mult-adds", "count"),
        Column("flops", "FLOPs", "count"),
        Column("memory_access", "Memory access (MAC)", "elements"),
        Column("memory_access_bytes", "Memory access (MAC), bytes", "bytes"),
        Column("memory_access_fused", "Memory access, fused", "elements"),
        Column("memory_access_fused_bytes", "Memory access, fused, bytes", "bytes"),
        Column("activations", "Activations", "elements"),
        Column("elementwise_access", "Element-wise", "elements"),
        Column("kernels", "Kernels", "count"),
        Column("depth", "Depth", "count"),
        Column("parallelism", "Parallelism", "ratio"),
        Column("max_fragments", "Fragments", "count"),
        Column("peak_memory_bytes", "Peak memory", "bytes"),
        Column("intensity", "FLOP/byte", "ratio"),
    )
}
"""Identifier, heading and unit of every metric."""

TRAIN_METRICS: dict[str, Column] = {
    column.name: column
    for column in (
        Column("train_mult_adds", "Training step, mult-adds", "count"),
        Column("train_memory_access_bytes", "Training step, memory access", "bytes"),
        Column("train_memory_bytes", "Training step, peak memory", "bytes"),
    )
}
"""Metrics of a training step, where one was counted."""

LANGUAGE_METRICS: dict[str, Column] = {
    column.name: column
    for column in (
        Column("kv_cache_bytes", "KV cache", "bytes"),
        Column("kv_cache_bytes_per_token", "KV cache per further token", "bytes"),
        Column("weights_read_bytes", "Weights read", "bytes"),
        Column("active_params", "Params, active per token", "count"),
        Column("mult_adds_per_token", "Mult-adds per token", "count"),
    )
}
"""Metrics of a step of a language model, where one was asked for."""

NARROW_METRICS: dict[str, Column] = {"bit_operations": Column("bit_operations", "Bit operations (BOPs)", "count")}
"""Metrics of networks in which a product has an operand of fewer than 16 bits."""
