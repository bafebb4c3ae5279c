"""Inputs of a class of transformers: from the signature of its forward, its main input, and its configuration.

Each function makes one input by the name that the library's forwards have for it. Sizes that a configuration leaves
open are those of the library's own processors: images of 224 pixels, a second of sound at 16 kHz.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import torch
from torch import nn

from netcost.targets.libraries import image_inputs, sound_inputs
from netcost.targets.libraries.asked import Asked, special_tokens
from netcost.targets.libraries.placeholders import Features, features_of, note_on, text_with
from netcost.targets.libraries.sound_inputs import STEPS
from netcost.tracing import GivenInput, Input, InputSpec

Inputs = tuple[Input, ...]

QUERIES, REGIONS = 32, 257
"""Queries of a Q-Former, and the regions that it looks at: 16 x 16 patches and a class token."""

COMPANIONS = {
    "pixel_values": "spatial_shapes target_sizes image_attention_mask image_embeds_position_mask",
    "input_features": "input_features_mask",
    "input_ids": "bbox visual_feats visual_pos lang_ids",
    "query_embeds": "encoder_hidden_states",
    "states": "actions rewards returns_to_go timesteps",
}
"""Inputs that have a default and yet belong to another, where the configuration gives them a size."""


def inputs_of(
    kind: Any,
    config: Any,
    given: Inputs,
    batch: int | None = None,
    tokens: int | None = None,
    features: Sequence[Features] = (),
) -> Inputs:
    """Return the inputs of one forward pass of a class of transformers.

    Args:
        given: in place of those of the same name; one without a name is the main input. The others get its batch and,
            of ids, its length.
        batch: first size of every input [default: that of the given ids, or 1].
        tokens: length of a sequence [default: that of the given ids, or up to 128]; of text alone, if it is given.
        features: of the other modalities, whose placeholders stand in front of the text.
    """
    parameters = inspect.signature(kind.forward).parameters
    mains = [kind.main_input_name] if isinstance(kind.main_input_name, str) else list(kind.main_input_name)
    unnamed = iter(mains)
    named = {(name := entry.name or next(unnamed, "")): replace(entry, name=name) for entry in given}
    like = next((named[name].shape for name in ("decoder_input_ids", *mains) if name in named), ())
    is_ids = len(like) == 2 and ("decoder_input_ids" in named or "input_ids" in mains)
    rows = batch or (like[0] if like else _samples(named))
    asked = Asked(config, rows, tokens or (like[1] if is_ids else None), parameters)
    own: dict[str, Input] = {}
    features = features if tokens is None and "input_ids" not in named else ()
    for name in [*_wanted(mains, asked), *chain(*(found.inputs for found in features))]:
        if name not in named and name in MAKERS and (made := MAKERS[name](asked)) is not None:
            own[name] = replace(made, name=name)
    if features:
        own |= {name: replace(entry, name=name) for name, entry in text_with(features, _ids(asked), asked).items()}
    ordered = {name: own.get(name) or named[name] for name in parameters if name in own or name in named}
    ordered |= {name: entry for name, entry in named.items() if name not in ordered}
    return tuple(map(_as_ids, ordered.values()))


def _samples(named: Mapping[str, Input]) -> int:
    """Return the samples of images or sounds that were given; 1 without any, or where rows of patches do not tell."""
    shapes = [named[name].shape for name in PLACEHELD if name in named]
    return next((shape[0] for shape in shapes if len(shape) > 2), 1)


def _as_ids(entry: Input) -> Input:
    """Take ids that were given as sizes alone for whole numbers."""
    if isinstance(entry, InputSpec) and entry.dtype == "float32" and (entry.name or "").endswith("input_ids"):
        return replace(entry, dtype="int64")
    return entry


def _wanted(mains: list[str], asked: Asked) -> list[str]:
    """Name the inputs that the class needs: its main one, those without a default, masks, and other modalities."""
    names = [name for name in mains if asked.wants(name)]
    names += [name for name, parameter in asked.inputs.items() if _is_needed(name, parameter)]
    names += ["attention_mask"] if "input_ids" in names else []
    names += ["decoder_input_ids"] if getattr(asked.config, "is_encoder_decoder", False) else []
    if special_tokens(asked.config):
        names += ["input_ids", "attention_mask"]
    else:  # two encoders side by side, of which none stands alone
        names += ["input_ids", "attention_mask"] if hasattr(asked.config, "text_config") else []
        towers = ("vision_config", "image_size", "backbone_config")
        names += ["pixel_values"] if any(hasattr(asked.config, name) for name in towers) else []
        names += ["input_features", "input_values"] if hasattr(asked.config, "audio_config") else []
    names = [name for name in dict.fromkeys(names) if asked.wants(name)] or ["input_ids"]
    companions = " ".join(COMPANIONS.get(name, "") for name in names).split()
    return [*names, *(name for name in companions if asked.wants(name) and name not in names)]


def _is_needed(name: str, parameter: inspect.Parameter) -> bool:
    is_plain = parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    return is_plain and name != "self" and parameter.default is parameter.empty


def features_in(kind: Any, config: Any, given: Inputs, build: Callable[[], nn.Module]) -> list[Features]:
    """Return the features of the other modalities of a model that takes text with placeholders; none where it fails."""
    parameters = inspect.signature(kind.forward).parameters
    named = {entry.name: entry for entry in given if entry.name}
    if not special_tokens(config) or not {*PLACEHELD} & {*parameters} or "input_ids" in named:
        return []
    try:
        samples = _samples(named)
        found = features_of(build(), Asked(config, samples, None, parameters), MAKERS, named)
        return [features._replace(number=features.number // samples) for features in found]
    except Exception:  # of the library's own code: the model is built again, where it is told
        return []


def modalities_notes(kind: Any, config: Any, inputs: Inputs, features: Sequence[Features]) -> tuple[str, ...]:
    """Make the notes on a model of several modalities: its placeholders, and what it is not given."""
    parameters, names = inspect.signature(kind.forward).parameters, {entry.name for entry in inputs}
    absent = [name for name in PLACEHELD if name in parameters and name not in names]
    notes = (note_on(features, _ids(Asked(config, 1, None, parameters)).shape[1]),) if features else ()
    if not absent or not special_tokens(config):
        return notes
    start = "Text alone" if not names & {*PLACEHELD} else "Not given"
    return (*notes, f"{start}: {', '.join(absent)} can be given with --input, beside ids that hold their placeholders.")


PLACEHELD = ("pixel_values", "input_features", "input_values")
"""Inputs that placeholders among the ids stand for."""


def _ids(asked: Asked) -> InputSpec:
    vocabulary = asked.first("vocab_size", 2, asked.text, asked.config)
    below = min([vocabulary, *(token for token in special_tokens(asked.config) if token > vocabulary // 2)])
    if asked.number("codebook_vocab_size"):  # a text and the codes of a sound, step by step
        streams = 1 + asked.number("num_codebooks")
        below = min(below, asked.number("codebook_vocab_size"))
        return InputSpec((asked.batch, asked.length, streams), "int64", below=below)
    return InputSpec((asked.batch * _code_rows(asked.config, asked), asked.length), "int64", below=below)


def _code_rows(decoder: Any, asked: Asked) -> int:
    """Return the rows of ids per sample of a decoder that makes sound: a row per codebook."""
    return asked.first("num_codebooks", 1, decoder) if hasattr(decoder, "audio_channels") else 1


def _mask(asked: Asked) -> InputSpec:
    return InputSpec((asked.batch, asked.length), "int64")


def _decoder_ids(asked: Asked) -> InputSpec:
    decoder = asked.part("decoder", "decoder_config")
    rows, below = asked.batch * _code_rows(decoder, asked), _vocabulary(asked)
    channels = asked.number("num_channels", decoder) if decoder is not asked.config else 0
    streams = (channels,) if channels and asked.number("vocab_size", decoder) else ()  # of codes, step by step
    return InputSpec((rows, asked.length, *streams), "int64", below=below)


def _vocabulary(asked: Asked) -> int:
    decoder = asked.part("decoder", "decoder_config")
    return asked.first("vocab_size decoder_vocab_size", 2, decoder, asked.text, asked.config)


def _series(asked: Asked) -> InputSpec:
    lags = getattr(asked.config, "lags_sequence", None) or [0]
    steps = asked.first("context_length", STEPS) + max(lags)
    variables = asked.first("num_input_channels input_size", 1)
    is_flat = variables == 1 and (lags != [0] or asked.wants("past_values_padding"))
    return InputSpec((asked.batch, steps) if is_flat else (asked.batch, steps, variables))


def _series_features(asked: Asked) -> InputSpec:
    steps = _series(asked).shape[1]
    width = asked.number("num_time_features") + asked.number("num_dynamic_real_features")
    return InputSpec((asked.batch, steps, width or 1))


def _observed(asked: Asked) -> InputSpec:
    return replace(_series(asked), dtype="bool")


def _of_width(asked: Asked, length: int, names: str) -> InputSpec | None:
    """Return vectors (N, length, width) of the first of these widths that the configuration has."""
    width = asked.first(names, 0)
    return InputSpec((asked.batch, length, width)) if width else None


def _seen_by_queries(asked: Asked) -> InputSpec | None:
    return _of_width(asked, REGIONS, "encoder_hidden_size")


def _places_of_latents(asked: Asked) -> GivenInput | None:
    """Return the mask of the tokens that the image takes, which follow the first."""
    number = asked.number("latent_query_num")
    places = torch.arange(asked.length).expand(asked.batch, -1)
    return GivenInput((places > 0) & (places <= number)) if number else None


def _decisions(asked: Asked, width: int) -> InputSpec:
    """Return numbers per step of an episode, as decision transformers take them."""
    return InputSpec((asked.batch, asked.length, width))


def _languages(asked: Asked) -> InputSpec | None:
    known = getattr(asked.config, "languages", None)
    return InputSpec((asked.batch,), "int64", below=len(known)) if known else None


MAKERS: dict[str, Callable[[Asked], Input | None]] = {
    **image_inputs.MAKERS,
    **sound_inputs.MAKERS,
    "hidden_states": lambda asked: (image_inputs.MAKERS if asked.wants("grid_thw") else sound_inputs.MAKERS)[
        "hidden_states"
    ](asked),
    "input_ids": _ids,
    "qformer_input_ids": _ids,
    "attention_mask": _mask,
    "decoder_input_ids": _decoder_ids,
    "lang_ids": _languages,
    "task_inputs": lambda asked: InputSpec((asked.batch, asked.first("task_seq_len", 77)), "int64"),
    "inputs": lambda asked: _of_width(asked, asked.length, "d_model"),
    "query_embeds": lambda asked: _of_width(asked, asked.first("num_query_tokens", QUERIES), "hidden_size"),
    "encoder_hidden_states": _seen_by_queries,
    "image_embeds_position_mask": _places_of_latents,
    "past_values": _series,
    "past_values_padding": lambda asked: replace(_series(asked), dtype="int64", below=1),
    "past_time_features": _series_features,
    "past_observed_mask": _observed,
    "freq": lambda asked: InputSpec((asked.batch, 1), "int64", below=asked.first("freq_size", 1)),
    "bbox": lambda asked: InputSpec((asked.batch, asked.length, 4), "int64", below=2),
    "states": lambda asked: _decisions(asked, asked.number("state_dim")),
    "actions": lambda asked: _decisions(asked, asked.number("act_dim")),
    "rewards": lambda asked: _decisions(asked, 1),
    "returns_to_go": lambda asked: _decisions(asked, 1),
    "timesteps": lambda asked: InputSpec((asked.batch, asked.length), "int64", below=asked.first("max_ep_len", 2)),
}
"""The maker of each input, by its name in the library's forwards; None where it cannot be made."""
