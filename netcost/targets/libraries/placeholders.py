"""Text with an image or a sound in it: placeholder tokens, as many as the tower of the other modality gives features.

The model's own `get_image_features` or `get_audio_features` runs once, by shape, and tells their number: no formula for
a tower, a pooling or a projector is needed. The placeholders stand in front of the text, as processors put them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import nn

from netcost.targets.libraries.asked import Asked
from netcost.text.errors import NetcostError
from netcost.tracing import GivenInput, Input, InputSpec, call_arguments, trace_call
from netcost.tracing.inputs import drawing_indices
from netcost.tracing.nests import tensors_in

Make = Callable[[Asked], Input | None]


class Modality(NamedTuple):
    """Another modality beside text.

    Args:
        kind: as the configuration names its token: `image_token_id`, or `image_token_index`.
        title: one of it in words.
        mains: names of its input in the forward.
        number: by which a processor marks its tokens in `mm_token_type_ids`.
    """

    kind: str
    title: str
    mains: tuple[str, ...]
    number: int

    def token(self, config: Any) -> int | None:
        """Return the placeholder; None where the configuration has none."""
        names = (f"{self.kind}_token_{ending}" for ending in ("id", "index"))
        return next((value for name in names if isinstance(value := getattr(config, name, None), int)), None)


MODALITIES = (
    Modality("image", "an image", ("pixel_values",), 1),
    Modality("video", "a video", ("pixel_values",), 2),  # of a model that takes no images; else they stand for it
    Modality("audio", "a sound", ("input_features", "input_values"), 3),
)


PLACEHOLDERS = "placeholders for"
"""Words of the note on them."""


class Features(NamedTuple):
    """The features that a tower gives.

    Args:
        modality: of the tower.
        inputs: of one sample.
        number: of features, each in the place of a token.
    """

    modality: Modality
    inputs: tuple[str, ...]
    number: int


def completed(config: Any) -> str:
    """Give placeholders that the configuration leaves open the last tokens of its vocabulary; return the note on them.

    A checkpoint brings its own. Without one such a model cannot tell a placeholder, and its forward fails.
    """
    chosen: list[str] = []
    text = config.get_text_config()
    for modality in MODALITIES if text is not config and hasattr(text, "vocab_size") else ():
        for name in (f"{modality.kind}_token_{ending}" for ending in ("id", "index")):
            if name in vars(config) and getattr(config, name) is None:
                token = text.vocab_size - 1 - len(chosen)
                setattr(config, name, token)
                chosen.append(f"{name} = {token:,}")
    return f"The configuration names no placeholder; taken for one: {', '.join(chosen)}." if chosen else ""


def features_of(
    model: nn.Module, asked: Asked, makers: Mapping[str, Make], named: Mapping[str, Input]
) -> list[Features]:
    """Return the features of each modality that the model takes beside text, of one sample.

    Args:
        named: inputs that were given, of one sample, in place of their own.
    """
    found: list[Features] = []
    for modality in MODALITIES:
        main = next((name for name in modality.mains if asked.wants(name)), None)
        owner = getattr(model, "model", model)  # whose signature names the inputs, where a head passes them on
        tower = getattr(owner, f"get_{modality.kind}_features", None)
        if main is None or tower is None or modality.token(asked.config) is None:
            continue
        if modality.kind == "video" and MODALITIES[0].token(asked.config) is not None:
            continue  # the pixels are those of an image
        known = inspect.signature(tower).parameters
        names = [name for name in known if name in makers and asked.wants(name) and _belongs(known[name])]
        made = {name: named.get(name) or makers[name](asked) for name in names}
        inputs = {name: replace(entry, name=name) for name, entry in made.items() if entry is not None}
        if number := _number(model, tower, tuple(inputs.values()), asked.text.hidden_size):
            found.append(Features(modality, tuple(inputs), number))
    return found


def _belongs(parameter: inspect.Parameter) -> bool:
    """True for what a tower takes of every image; sizes that may be left out would go to towers that take none."""
    return parameter.default is parameter.empty or parameter.name != "image_sizes"


def _number(model: nn.Module, tower: Callable[..., Any], inputs: tuple[Input, ...], width: int) -> int:
    """Return the number of features; 0 where the tower cannot be run by shape with these inputs."""
    rows: list[int] = []

    def run(**given: Any) -> None:
        result = tower(**given)
        found = tensors_in(getattr(result, "pooler_output", result))
        is_whole = all(tensor.shape[-1] == width for tensor in found)  # else the parts do not fit together
        rows.append(sum(tensor.numel() // width for tensor in found) if is_whole else 0)

    args, kwargs = call_arguments(inputs, drawing_indices(model))
    try:
        trace_call(run, args, kwargs)
    except NetcostError:
        return 0
    return rows[-1]


def text_with(features: Sequence[Features], text: InputSpec, asked: Asked) -> dict[str, Input]:
    """Return the ids, the mask, and the types of tokens that the forward takes, of text behind placeholders."""
    rows: list[int] = []
    types: list[int] = []
    for modality, _, number in features:
        token = modality.token(asked.config)
        assert token is not None
        rows += [token] * number
        types += [modality.number] * number
    drawn = text.random(torch.Generator().manual_seed(0), text.below or 2)
    front = torch.tensor([rows] * asked.batch)
    ids = torch.cat((front, drawn), dim=1)
    marks = torch.tensor([types + [0] * text.shape[1]] * asked.batch)
    inputs: dict[str, Input] = {
        "input_ids": GivenInput(ids),
        "attention_mask": InputSpec(tuple(ids.shape), "int64"),
        "mm_token_type_ids": GivenInput(marks),
    }
    return {name: entry for name, entry in inputs.items() if asked.wants(name)}


def note_on(features: Sequence[Features], tokens: int) -> str:
    """Say what the text consists of."""
    parts = " and ".join(f"{number:,} {PLACEHOLDERS} {modality.title}" for modality, _, number in features)
    return f"input_ids: {parts}, and {tokens:,} tokens of text behind them."
