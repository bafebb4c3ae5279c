"""Operators that move data and compute nothing, and those that do not even move it.

A view is free wherever it occurs: the tracer marks it, because the memory of its input decides if `reshape` is a view
or a copy. The rules here are for the copy.
"""

from __future__ import annotations

from netcost.graph.cost import Cost, Kind
from netcost.graph.graph import Op, aten
from netcost.graph.rules.registry import access, free, rule


@rule(
    *aten(
        """
        cat concat concatenate stack hstack vstack dstack column_stack clone contiguous reshape reshape_as flatten
        ravel _to_copy to type_as _unsafe_view view_copy pad constant_pad_nd reflection_pad1d reflection_pad2d
        reflection_pad3d replication_pad1d replication_pad2d replication_pad3d _pad_circular _pad_enum roll flip
        fliplr flipud rot90 repeat tile repeat_interleave tril triu diag diag_embed pixel_shuffle pixel_unshuffle
        channel_shuffle native_channel_shuffle im2col unfold_copy expand_copy permute_copy split_with_sizes_copy
        unfold_backward atleast_1d atleast_2d atleast_3d lift_fresh_copy one_hot searchsorted bucketize block_diag
        cartesian_prod combinations masked_scatter select_scatter slice_scatter take_along_dim nonzero masked_select
        unique_consecutive _unique2 unique_dim nonzero_static fill_diagonal split_copy unsafe_split unsafe_chunk
        _to_sparse _to_sparse_csr _to_dense to_sparse to_dense
        unsafe_split_with_sizes _pack_padded_sequence _pad_packed_sequence max_unpool2d max_unpool3d alias_copy
        as_strided_copy detach_copy diagonal_copy select_copy slice_copy squeeze_copy t_copy transpose_copy
        unsqueeze_copy unbind_copy narrow_copy _reshape_alias_copy diagonal_scatter as_strided_scatter int_repr
        _conj_copy _neg_view_copy put _reshape_copy _chunk_cat lu_unpack
        """
    ),
    kind=Kind.MOVEMENT,
)
def move(op: Op) -> Cost:
    """Read the inputs and write the outputs."""
    return access(op)


@rule(
    *aten(
        """
        zeros ones full arange linspace logspace eye zeros_like ones_like full_like new_zeros new_ones new_full
        tril_indices triu_indices hann_window hamming_window zero fill _efficientzerotensor
        """
    ),
    kind=Kind.MOVEMENT,
)
def fill(op: Op) -> Cost:
    """Write the output and read nothing: of its input, `zeros_like` or `fill_` uses the shape only."""
    return access(op, read=())


@rule("aten.copy", kind=Kind.MOVEMENT)
def copy(op: Op) -> Cost:
    """Read the source and write the destination, whose old content is not read."""
    return access(op, read=op.inputs[-1:])


@rule(*aten("index _unsafe_index _unsafe_masked_index index_select gather embedding take"), kind=Kind.MOVEMENT)
def gather(op: Op) -> Cost:
    """Read the elements that are looked up and the indices, not the whole table."""
    looked_up = op.inputs[0]._replace(shape=op.outputs[0].shape, broadcast=1)
    return access(op, read=(looked_up, *op.inputs[1:]))


@rule(*aten("index_put _unsafe_index_put scatter index_copy"), kind=Kind.MOVEMENT)
def scatter(op: Op) -> Cost:
    """Read the values and the indices, and write as many elements as there are values, in place.

    Out of place it reads the rest as well and writes the whole output.
    """
    if not op.name.endswith("_"):
        return access(op)
    return access(op, read=op.inputs[1:], written=op.inputs[-1].elements)


@rule("aten.index_fill", kind=Kind.MOVEMENT)
def index_fill(op: Op) -> Cost:
    """Read the indices, and write a slice along `dim` for each, in place; out of place as `scatter`."""
    if not op.name.endswith("_"):
        return access(op)
    x, index = op.inputs[:2]
    length = x.shape[op.arguments["dim"]] if x.shape else 1
    return access(op, read=op.inputs[1:], written=x.numel // length * index.numel)


@rule(*aten("embedding_bag _embedding_bag _embedding_bag_forward_only"), kind=Kind.OTHER)
def embedding_bag(op: Op) -> Cost:
    """Read a row per index, weight it if asked, and add it to its bag (or compare); a mean divides each output."""
    table, indices, output = op.inputs[0], op.inputs[1], op.outputs[0]  # (V, D), (*), (B, D)
    looked_up = table._replace(shape=(indices.numel, table.shape[-1]), broadcast=1)
    steps = 1 + ("per_sample_weights" in op.roles)
    divisions = output.numel if op.arguments.get("mode", 0) == 1 else 0
    flops = steps * looked_up.numel + divisions
    return access(op, flops=flops, read=(looked_up, *op.inputs[1:]), written=output.numel)


@rule(*aten("scatter_add index_add scatter_reduce index_reduce col2im bincount"), kind=Kind.OTHER)
@rule("aten._unsafe_masked_index_put_accumulate", kind=Kind.OTHER)
def scatter_add(op: Op) -> Cost:
    """Count one addition per value."""
    return access(op, flops=op.inputs[-1].numel)


# A scalar tensor is a number on its way into an operator: `x[i] = 1.0` makes one on the meta device only.
free(
    *aten(
        """
        empty empty_like empty_strided empty_permuted new_empty new_empty_strided detach alias lift_fresh lift
        scalar_tensor sym_size sym_numel sym_stride sym_storage_offset sym_is_contiguous sym_constrain_range
        sym_constrain_range_for_size is_same_size _linalg_check_errors is_set_to _has_same_storage_numel
        _assert_async _assert_scalar _assert_tensor_metadata _local_scalar_dense set_data resize_ set_
        """
    )
)
