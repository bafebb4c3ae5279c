"""Inputs of a class of transformers: from the signature of its forward, its main input, and its configuration.

Each function makes one input by the name that the library's forwards have for it. Sizes that a configuration leaves
open are those of the library's own processors: images of 224 pixels, a second of sound at 16 kHz.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import torch

from netcost.tracing import GivenInput, Input, InputSpec

Inputs = tuple[Input, ...]

TOKENS = 128
"""Tokens of a sequence unless others are asked for."""

SIDE, FRAMES, SAMPLES, STEPS, BINS = 224, 16, 16_000, 128, 128
"""Side of an image (pixels), frames of a clip, samples of a sound, steps and bins of features, where nothing says."""

POSITIONS = "max_position_embeddings n_positions max_target_positions max_seq_len".split()
SPECIAL = ("image", "video", "audio", "image_patch", "vision_start", "vision_end", "boi", "eoi", "speech")
"""Tokens that stand for another modality, in a configuration as `image_token_id` or `image_token_index`."""


class Asked(NamedTuple):
    """A class whose inputs are made.

    Args:
        config: of the whole network.
        batch: first size of every input.
        tokens: length of a sequence; None for the default.
        inputs: names of its forward.
    """

    config: Any
    batch: int
    tokens: int | None
    inputs: Mapping[str, inspect.Parameter]

    @property
    def text(self) -> Any:
        """The part of the configuration that is a language model's."""
        return self.config.get_text_config()

    @property
    def length(self) -> int:
        """Tokens of a sequence."""
        most = min((size for name in POSITIONS if (size := self.number(name, self.text))), default=TOKENS)
        return self.tokens or min(TOKENS, most)

    def number(self, name: str, *configs: Any) -> int:
        """Return a positive whole number of the first of these configurations that has it; else 0."""
        for config in configs or (self.config,):
            value = getattr(config, name, None)
            value = value[0] if isinstance(value, list | tuple) and value else value
            if isinstance(value, int) and not isinstance(value, bool) and value > 0:
                return value
        return 0

    def first(self, names: str, default: int, *configs: Any) -> int:
        """Return the first number that a configuration has of these names."""
        return next((size for name in names.split() if (size := self.number(name, *configs))), default)

    def part(self, *names: str) -> Any:
        """Return the first part of the configuration by these names, or the whole."""
        return next((part for name in names if (part := getattr(self.config, name, None)) is not None), self.config)

    def wants(self, *names: str) -> bool:
        """True where the forward takes one of these inputs."""
        return any(name in self.inputs for name in names)


def inputs_of(kind: Any, config: Any, given: Inputs, batch: int | None = None, tokens: int | None = None) -> Inputs:
    """Return the inputs of one forward pass of a class of transformers.

    Args:
        given: in place of those of the same name; one without a name is the main input. The others get its batch and,
            of ids, its length.
        batch: first size of every input [default: that of the given ids, or 1].
        tokens: length of a sequence [default: that of the given ids, or up to 128].
    """
    parameters = inspect.signature(kind.forward).parameters
    mains = [kind.main_input_name] if isinstance(kind.main_input_name, str) else list(kind.main_input_name)
    unnamed = iter(mains)
    named = {(name := entry.name or next(unnamed, "")): replace(entry, name=name) for entry in given}
    like = next((named[name].shape for name in ("decoder_input_ids", *mains) if name in named), ())
    is_ids = len(like) == 2 and ("decoder_input_ids" in named or "input_ids" in mains)
    asked = Asked(config, batch or (like[0] if like else 1), tokens or (like[1] if is_ids else None), parameters)
    own: dict[str, Input] = {}
    for name in _wanted(mains, asked):
        if name not in named and name in MAKERS and (made := MAKERS[name](asked)) is not None:
            own[name] = replace(made, name=name)
    ordered = {name: own.get(name) or named[name] for name in parameters if name in own or name in named}
    ordered |= {name: entry for name, entry in named.items() if name not in ordered}
    return tuple(map(_as_ids, ordered.values()))


def _as_ids(entry: Input) -> Input:
    """Take ids that were given as sizes alone for whole numbers."""
    if isinstance(entry, InputSpec) and entry.dtype == "float32" and (entry.name or "").endswith("input_ids"):
        return replace(entry, dtype="int64")
    return entry


def _wanted(mains: list[str], asked: Asked) -> list[str]:
    """Name the inputs that the class needs: its main one, those without a default, masks, and other modalities."""
    names = [name for name in mains if asked.wants(name)]
    names += [name for name, parameter in asked.inputs.items() if parameter.default is parameter.empty]
    names += ["attention_mask"] if "input_ids" in names else []
    names += [name for name in ("bbox", "input_features_mask") if asked.wants(name)]
    names += ["decoder_input_ids"] if getattr(asked.config, "is_encoder_decoder", False) else []
    if not _special_tokens(asked.config):  # two encoders side by side; else the text may stand alone
        names += ["input_ids", "attention_mask"] if hasattr(asked.config, "text_config") else []
        names += (
            ["pixel_values"] if hasattr(asked.config, "vision_config") or hasattr(asked.config, "image_size") else []
        )
        names += ["input_features", "input_values"] if hasattr(asked.config, "audio_config") else []
    return [name for name in dict.fromkeys(names) if asked.wants(name)] or ["input_ids"]


def _special_tokens(config: Any) -> list[int]:
    values = [getattr(config, f"{name}_token_{ending}", None) for name in SPECIAL for ending in ("id", "index")]
    return [value for value in values if isinstance(value, int) and value >= 0]


def text_only_note(kind: Any, config: Any, inputs: Inputs) -> tuple[str, ...]:
    """Make the note on a model of several modalities that is given text alone."""
    parameters, names = inspect.signature(kind.forward).parameters, {entry.name for entry in inputs}
    others = [name for name in ("pixel_values", "input_features", "input_values") if name in parameters]
    if not others or names & {*others} or not _special_tokens(config):
        return ()
    return (f"Text alone: {', '.join(others)} can be given with --input, beside ids that hold their placeholders.",)


def _ids(asked: Asked) -> InputSpec:
    vocabulary = asked.first("vocab_size", 2, asked.text, asked.config)
    below = min([vocabulary, *(token for token in _special_tokens(asked.config) if token > vocabulary // 2)])
    return InputSpec((asked.batch, asked.length), "int64", below=below)


def _mask(asked: Asked) -> InputSpec:
    return InputSpec((asked.batch, asked.length), "int64")


def _decoder_ids(asked: Asked) -> InputSpec:
    return InputSpec((asked.batch, asked.length), "int64", below=_vocabulary(asked))


def _vocabulary(asked: Asked) -> int:
    decoder = asked.part("decoder", "decoder_config")
    return asked.first("vocab_size decoder_vocab_size", 2, decoder, asked.text, asked.config)


def _image_sides(asked: Asked) -> tuple[int, int]:
    size: Any = getattr(asked.part("vision_config"), "image_size", None) or SIDE
    if isinstance(size, Mapping):
        size = (size.get("height", SIDE), size.get("width", SIDE))
    sides = (size, size) if isinstance(size, int) else tuple(size)[-2:]
    return (sides[0], sides[-1])


def _channels(asked: Asked) -> int:
    return asked.first("num_channels in_channels in_chans", 3, asked.part("vision_config"))


def _image(asked: Asked) -> InputSpec:
    clip = asked.first("num_frames", 0, asked.part("vision_config"))
    frames = (clip,) if clip else ()
    return InputSpec((asked.batch, *frames, _channels(asked), *_image_sides(asked)))


def _clip(asked: Asked) -> InputSpec:
    frames = asked.first("frames_per_clip num_frames", FRAMES, asked.part("vision_config"))
    return InputSpec((asked.batch, frames, _channels(asked), *_image_sides(asked)))


def _features(asked: Asked) -> InputSpec:
    audio = asked.part("audio_config", "encoder_config")
    bins = asked.first("num_mel_bins input_feat_per_channel feature_size input_dim", BINS, audio)
    width = asked.number("feature_projection_input_dim", audio) or bins * (asked.number("input_channels", audio) or 1)
    if positions := asked.number("max_source_positions", audio) * asked.number("num_mel_bins", audio) * 2 // bins:
        return InputSpec((asked.batch, bins, positions))  # halved by a convolution
    if hasattr(audio, "spec_size"):
        return InputSpec((asked.batch, 1, audio.spec_size * 4 + 1 - 1, asked.number("num_mel_bins", audio)))
    return InputSpec((asked.batch, STEPS, width))


def _steps(asked: Asked) -> int:
    """Return the dimension of the steps in the features: the last of three where bins come first, as in Whisper."""
    return 2 if asked.number("max_source_positions", asked.part("audio_config", "encoder_config")) else 1


def _sound(asked: Asked) -> InputSpec:
    audio = asked.part("audio_config")
    if bins := asked.number("num_mel_bins", audio):
        return InputSpec((asked.batch, asked.first("max_length", STEPS, audio), bins))
    is_codec = any(
        hasattr(audio, name) for name in ("codebook_size", "audio_channels", "upsampling_ratios", "dac_config")
    )
    channels = (asked.first("audio_channels", 1, audio),) if is_codec else ()
    return InputSpec((asked.batch, *channels, asked.first("sampling_rate", SAMPLES, audio)))


def _series(asked: Asked) -> InputSpec:
    lags = getattr(asked.config, "lags_sequence", None) or [0]
    steps = asked.first("context_length", STEPS) + max(lags)
    variables = asked.first("num_input_channels input_size", 1)
    return InputSpec((asked.batch, steps) if variables == 1 and lags != [0] else (asked.batch, steps, variables))


def _series_features(asked: Asked) -> InputSpec:
    steps = _series(asked).shape[1]
    width = asked.number("num_time_features") + asked.number("num_dynamic_real_features")
    return InputSpec((asked.batch, steps, width or 1))


def _observed(asked: Asked) -> InputSpec:
    return replace(_series(asked), dtype="bool")


def _grid(asked: Asked) -> GivenInput:
    """Return time, height and width of one image or clip, in patches, per sample."""
    side = 2 * asked.first("spatial_merge_size", 2) * 2
    return GivenInput(torch.tensor([[1, side, side]] * asked.batch))


def _patches(asked: Asked) -> int:
    grid: torch.Tensor = _grid(asked).value
    return int(grid.prod(-1).sum())


def _patch_rows(asked: Asked) -> InputSpec:
    """Return the patches of all images as rows, as the towers of Qwen's models take them."""
    patch = asked.first("patch_size", 14) ** 2 * asked.first("temporal_patch_size", 1)
    return InputSpec((_patches(asked), _channels(asked) * patch))


def _pixels(asked: Asked) -> InputSpec:
    return (
        _patch_rows(asked)
        if asked.wants("grid_thw", "image_grid_thw") and "input_ids" not in asked.inputs
        else (_image(asked))
    )


MAKERS: dict[str, Callable[[Asked], Input | None]] = {
    "input_ids": _ids,
    "qformer_input_ids": _ids,
    "attention_mask": _mask,
    "decoder_input_ids": _decoder_ids,
    "pixel_values": _pixels,
    "pixel_values_videos": _clip,
    "input_features": _features,
    "input_features_mask": lambda asked: InputSpec((asked.batch, _features(asked).shape[_steps(asked)]), "int64"),
    "input_values": _sound,
    "past_values": _series,
    "past_time_features": _series_features,
    "past_observed_mask": _observed,
    "bbox": lambda asked: InputSpec((asked.batch, asked.length, 4), "int64", below=2),
    "audio_mel": _features,
    "audio_mel_mask": lambda asked: InputSpec(_features(asked).shape[:2], "bool"),
    "hidden_states": lambda asked: _patch_rows(asked) if asked.wants("grid_thw") else None,
    "grid_thw": _grid,
    "image_grid_thw": _grid,
}
"""The maker of each input, by its name in the library's forwards; None where it cannot be made."""
