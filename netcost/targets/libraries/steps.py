"""One step of a language model as a target: new tokens after those that its cache holds."""

from __future__ import annotations

import inspect
from dataclasses import replace
from math import prod

from netcost.targets.libraries.caches import Caches, GenerationStep, cache_name, holds_keys
from netcost.targets.libraries.placeholders import PLACEHOLDERS
from netcost.targets.naming import Target
from netcost.text.errors import RequestError
from netcost.tracing import GivenInput, Input, InputSpec
from netcost.tracing.arguments import LARGE_INPUT

Inputs = tuple[Input, ...]


def with_step(target: Target, past: int | None, new: int | None, *, last_word: bool = False) -> Target:
    """Return the target of one step of a language model.

    Args:
        past: tokens in its cache before the step [default: 0].
        new: tokens of the step [default: 1 after others].
        last_word: compute the words that follow the last token alone, where the model can, as generation does.

    Raises:
        RequestError: the target is no language model of transformers, or no tokens were given.
    """
    past, new = past or 0, new or 1
    make_inputs = target.inputs_in
    ids = [entry for entry in target.required_inputs() if (entry.name or "").endswith("input_ids")]
    if make_inputs is None or not ids:
        raise RequestError(
            f"{target.name!r} is no language model that netcost can fill a cache for; --past and --new need "
            "transformers:CLASS, a config.json of it, or hf:org/name"
        )

    def plain_inputs(batch: int, tokens: int) -> Inputs:
        return make_inputs(batch, tokens) or ()

    caches = Caches(target.build_weightless, plain_inputs)
    step = GenerationStep(past, new, caches)
    name = cache_name(caches.model)
    flags: Inputs = (GivenInput(True, "use_cache"),)
    if last_word and "logits_to_keep" in inspect.signature(caches.model.forward).parameters:
        flags = (*flags, GivenInput(1, "logits_to_keep"))

    def inputs_in(batch: int | None, _tokens: int | None = None) -> Inputs:
        rows = batch or ids[0].shape[0]
        inputs = plain_inputs(rows, new)
        if not past:
            return (*inputs, *flags)
        cache, encoded = caches.filled(rows, past)
        if encoded is not None:  # the encoder ran before
            inputs = (*(entry for entry in inputs if entry.name in ("attention_mask", "decoder_input_ids")),)
            inputs = (*_with_mask(inputs, rows, encoded.shape[1]), GivenInput((encoded,), "encoder_outputs"))
        else:
            inputs = _with_mask(inputs, rows, past + new if holds_keys(cache) else 0)
        return (*inputs, GivenInput(cache, name), *flags)

    note = f"Step: {step.title}; the cache was filled before the count." if past else f"Step: {step.title}."
    kept = [text for text in target.notes if PLACEHOLDERS not in text]
    alone = () if len(kept) == len(target.notes) else ("All tokens are text, without an image or a sound.",)
    notes = (*kept, note, *alone)
    return replace(target, inputs=inputs_in(None), inputs_in=inputs_in, step=step, notes=notes)


def _with_mask(inputs: Inputs, rows: int, length: int) -> Inputs:
    """Let the mask cover the tokens in the cache as well.

    It is left out where it is too large to keep its values, and where the cache holds states of no token (length 0): a
    state space's step has no mask in the library's own generation either.
    """
    shape = (rows, length)
    return tuple(
        replace(entry, shape=shape) if isinstance(entry, InputSpec) and entry.name == "attention_mask" else entry
        for entry in inputs
        if entry.name != "attention_mask" or 0 < prod(shape) <= LARGE_INPUT
    )
