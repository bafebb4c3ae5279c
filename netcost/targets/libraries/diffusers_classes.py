"""Networks of diffusers: a class with its default configuration, or a `config.json` that names its class."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from netcost.targets.libraries.hub import offline
from netcost.targets.libraries.transformers_classes import CONFIG, LibraryNetwork
from netcost.targets.loading import library
from netcost.targets.making import maker
from netcost.text.errors import AbsentTargetError, TargetError
from netcost.text.registry import suggestion
from netcost.tracing import GivenInput, Input, InputSpec

Inputs = tuple[Input, ...]
Options = dict[str, Any]
Fields = Mapping[str, Any]

SIDE, FRAMES, TOKENS = 64, 16, 77
"""Side of a latent image, frames of a clip, and tokens of a prompt (CLIP's), where the configuration names none."""

PACKED = 16
"""Frames, height and width of a latent clip whose places are tokens."""

WIDTHS = """
    caption_channels text_embed_dim text_dim joint_attention_dim cross_attention_dim context_in_dim cap_feat_dim
    encoder_hidden_dim
"""
"""Fields for the width of a prompt's states."""

COMPRESSION = 8
"""Pixels per side of a latent pixel: an image that guides the network has the full size."""

TIME_IDS = 3
"""Numbers per sample that Stable Video Diffusion adds to the time: frames per second, motion, and noise."""


def of_class(text: str, name: str, options: Options, given: Inputs) -> LibraryNetwork:
    """Resolve `diffusers:UNet2DConditionModel`, or a path to a configuration behind the prefix.

    Raises:
        TargetError: there is no such class or file.
    """
    diffusers = library("diffusers", text, "diffusers")
    path = Path(name)
    if path.suffix == ".json" or "/" in name or path.is_dir():
        fields = _read(text, path / CONFIG if path.is_dir() else path)
        kind = _class(diffusers, str(fields.get("_class_name")))
        known = inspect.signature(kind.__init__).parameters
        options = {**{field: value for field, value in fields.items() if field in known}, **options}
    else:
        kind = _class(diffusers, name)
    make = maker(text, kind, options)

    def make_offline() -> nn.Module:
        with offline():
            return make()

    named = {(entry.name or _main(kind)): entry for entry in given}
    parameters = inspect.signature(kind.__init__).parameters
    fields = {field: parameter.default for field, parameter in parameters.items()} | options

    def inputs_in(batch: int | None, _tokens: int | None) -> Inputs | None:
        first = next((entry.shape[0] for entry in named.values() if entry.shape), 1)
        return _inputs(kind, fields, named, batch or first)

    note = f"{kind.__name__} by its configuration; weights are those of no checkpoint."
    return LibraryNetwork(make_offline, inputs_in, (note,))


def _read(text: str, path: Path) -> Fields:
    if not path.is_file():
        raise AbsentTargetError(f"{text!r}: there is no file {path.name!r} there; expected a {CONFIG} of diffusers")
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TargetError(f"{text!r} cannot be read: {error}") from error
    if not isinstance(fields, dict) or "_class_name" not in fields:
        raise TargetError(f"{text!r} is no configuration of diffusers: it names no _class_name")
    return fields


def _class(diffusers: ModuleType, name: str) -> Any:
    kind = getattr(diffusers, name, None)
    if not (isinstance(kind, type) and issubclass(kind, nn.Module)):
        known = [other for other in dir(diffusers) if other[:1].isupper()]
        near = suggestion(name, known) or "; expected a class like UNet2DConditionModel or AutoencoderKL"
        raise AbsentTargetError(f"diffusers {diffusers.__version__} has no network {name!r}{near}")
    return kind


def _main(kind: Any) -> str:
    """Return the name of the first input of the forward."""
    return next(name for name in inspect.signature(kind.forward).parameters if name != "self")


def _inputs(kind: Any, fields: Fields, given: Mapping[str, Input], batch: int) -> Inputs | None:
    """Return the inputs in the order of the forward; None where one that it needs cannot be made."""
    entries: list[Input] = []
    forward = inspect.signature(kind.forward).parameters
    for name, parameter in forward.items():
        is_needed = parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        makers = MAKERS | NEEDED if is_needed else MAKERS
        made = makers[name](kind, fields, batch) if name in makers else None
        if name in given:
            entries.append(replace(given[name], name=name))
        elif made is not None:
            entries.append(replace(made, name=name))
        elif is_needed and name != "self":
            return None
    return (*entries, *(entry for name, entry in given.items() if name not in forward))


def _number(fields: Fields, names: str, default: int = 0) -> int:
    """Return the first field of these names that is a number, or a list of them."""
    for name in names.split():
        value = fields.get(name)
        value = value[-1] if isinstance(value, list | tuple) and value else value
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    return default


def _latent(kind: Any, fields: Fields, batch: int) -> InputSpec | None:
    """Return the noisy sample: (N, C, S), (N, C, H, W), or with frames before or behind the channels."""
    name, side = kind.__name__, _number(fields, "sample_size", SIDE)
    channels = _number(fields, "in_channels", 3)
    high, wide = (_number(fields, f"sample_{side_name}", side) for side_name in ("height", "width"))
    if {"img_ids", "img_shapes"} & {*inspect.signature(kind.forward).parameters}:
        return InputSpec((batch, (high // 2) * (wide // 2), channels))  # packed: a token is 2 x 2 latent pixels
    if "1D" in name or "Oobleck" in name or "Audio" in name:
        return InputSpec(
            (batch, _number(fields, "in_channels audio_channels", 2), _number(fields, "sample_size", 4096))
        )
    frames = _number(fields, "num_frames sample_frames", FRAMES)
    is_cog = name in ("CogVideoXTransformer3DModel", "ConsisIDTransformer3DModel")
    if is_cog:
        frames = (frames - 1) // _number(fields, "temporal_compression_ratio", 4) + 1
    if "SpatioTemporal" in name or is_cog:
        return InputSpec((batch, frames, channels, high, wide))
    if {"num_frames", "height", "width"} <= {*inspect.signature(kind.forward).parameters}:
        return InputSpec((batch, PACKED**3, channels))  # a token per place of a clip
    if embedding := _number(fields, "embedding_dim") if "Prior" in name else 0:
        return InputSpec((batch, embedding))
    is_clip = any(word in name for word in ("3D", "Video", "Motion", "Wan", "Mochi", "Allegro", "CogVideoX", "Cosmos"))
    if is_clip or ("Autoencoder" in name and "Temporal" not in name and _convolves_clips(kind)):
        odd = frames if "UNet" in name else frames // 4 * 4 + 1  # codecs keep the first frame alone
        return InputSpec((batch, channels, odd if "Autoencoder" in name else frames, high, wide))
    return InputSpec((batch, channels, high, wide))


def _convolves_clips(kind: Any) -> bool:
    """True where the code of a codec convolves in three dimensions."""
    return "Conv3d(" in inspect.getsource(sys.modules[kind.__module__])


def _prompt(_kind: Any, fields: Fields, batch: int) -> InputSpec | None:
    width = _number(fields, WIDTHS)
    return InputSpec((batch, _tokens(fields), width)) if width else None


def _tokens(fields: Fields) -> int:
    return _number(fields, "max_text_seq_length", TOKENS)


def _pooled(_kind: Any, fields: Fields, batch: int) -> InputSpec | None:
    width = _number(fields, "pooled_projection_dim")
    return InputSpec((batch, width)) if width else None


def _time(_kind: Any, _fields: Fields, batch: int) -> InputSpec:
    return InputSpec((batch,), "int64")


def _positions(kind: Any, fields: Fields, batch: int) -> InputSpec:
    return InputSpec(((_latent(kind, fields, batch) or InputSpec((1, 1))).shape[1], _axes(fields)))


def _axes(fields: Fields) -> int:
    """Return the numbers of a position: as many as the rotary embedding has axes."""
    return len(fields.get("axes_dims_rope") or (0, 0, 0))


def _shapes(_kind: Any, fields: Fields, batch: int) -> GivenInput:
    """Return frames, height and width of each sample in tokens of 2 x 2 latent pixels."""
    side = _number(fields, "sample_size", SIDE) // 2
    return GivenInput([[(1, side, side)]] * batch)


def _classes(_kind: Any, fields: Fields, batch: int) -> InputSpec | None:
    number = _number(fields, "num_embeds_ada_norm num_class_embeds")
    return InputSpec((batch,), "int64", below=number) if number else None


def _guide(kind: Any, fields: Fields, batch: int) -> InputSpec | None:
    """Return the image that a ControlNet sees, in pixels."""
    latent = _latent(kind, fields, batch)
    channels = _number(fields, "conditioning_channels")
    if latent is None or not channels:  # it sees latents
        return latent
    return InputSpec((batch, channels, *(COMPRESSION * side for side in latent.shape[2:])))


def _added_time(_kind: Any, _fields: Fields, batch: int) -> InputSpec:
    return InputSpec((batch, TIME_IDS))


def _guidance(_kind: Any, fields: Fields, batch: int) -> InputSpec | None:
    return InputSpec((batch,)) if fields.get("guidance_embeds") is True else None


def _sizes(_kind: Any, _fields: Fields, batch: int) -> InputSpec:
    """Return height and width, or top and left, of each image in pixels."""
    return InputSpec((batch, 2))


def _mask(_kind: Any, fields: Fields, batch: int) -> InputSpec:
    return InputSpec((batch, _tokens(fields)), "int64")


def _side_of_clip(kind: Any, _fields: Fields, _batch: int) -> GivenInput | None:
    """Return one of the three sides of a clip whose places are tokens."""
    is_packed = {"num_frames", "height", "width"} <= {*inspect.signature(kind.forward).parameters}
    return GivenInput(PACKED) if is_packed else None


MAKERS: dict[str, Callable[[Any, Fields, int], Input | None]] = {
    "sample": _latent,
    "hidden_states": _latent,
    "timestep": _time,
    "encoder_hidden_states": _prompt,
    "pooled_projections": _pooled,
    "img_ids": _positions,
    "txt_ids": lambda _kind, fields, _batch: InputSpec((TOKENS, _axes(fields))),
    "img_shapes": _shapes,
    "class_labels": _classes,
    "controlnet_cond": _guide,
    "added_time_ids": _added_time,
    "guidance": _guidance,
    **dict.fromkeys(("num_frames", "height", "width"), _side_of_clip),
}
"""The maker of each input, by its name in the library's forwards; None where the network has none."""

NEEDED: dict[str, Callable[[Any, Fields, int], Input | None]] = {
    **dict.fromkeys(("encoder_attention_mask", "encoder_mask"), _mask),
    **dict.fromkeys(("timestep_r", "r_timestep", "timestep_ratio", "fps"), _time),
    **dict.fromkeys(("original_size", "target_size", "crop_coords"), _sizes),
    "proj_embedding": _latent,
    "image_latents": _latent,
}
"""The same of inputs that are made only where the forward has no default for them."""
