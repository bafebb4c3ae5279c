"""Sounds as the classes of transformers take them: as samples, as features of frames, or as the codes of a codec."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from netcost.targets.libraries.asked import Asked
from netcost.tracing import Input, InputSpec

SAMPLES, STEPS, BINS = 16_000, 128, 128
"""Samples of a sound, steps and bins of features, where nothing says."""

PARTS = ("audio_config", "encoder_config", "semantic_model_config")

CODEC = "codebook_size audio_channels upsampling_ratios dac_config".split()
"""Fields of the configurations of codecs, which take samples with a channel."""


def _features(asked: Asked) -> InputSpec:
    audio = asked.part(*PARTS)
    bins = asked.first("num_mel_bins input_feat_per_channel feature_size input_dim", BINS, audio)
    stacked = asked.first("input_channels num_stacked_frames", 1, audio)
    if hasattr(audio, "subsample_layers"):
        stacked = 4  # Granite Speech: a frame and its difference to the last, of two frames
    if positions := asked.number("max_source_positions", audio) * asked.number("num_mel_bins", audio) * 2 // bins:
        return InputSpec((asked.batch, bins, positions))  # halved by a convolution
    if window := 2 * asked.number("n_window", audio):
        return InputSpec((asked.batch, bins, window))
    if hasattr(audio, "spec_size"):
        return InputSpec((asked.batch, 1, audio.spec_size * 4 + 1 - 1, asked.number("num_mel_bins", audio)))
    steps, ratios = STEPS, getattr(asked.config, "downsampling_ratios", None)
    if ratios and asked.wants("input_values"):  # the frames of the same sound
        steps = _sound(asked).shape[-1] // prod(ratios)
    return InputSpec((asked.batch, steps, asked.number("feature_projection_input_dim", audio) or bins * stacked))


def _steps(asked: Asked) -> int:
    """Return the steps of the features: the last of three sizes where bins come first, as in Whisper."""
    bins_first = any(asked.number(name, asked.part(*PARTS)) for name in ("max_source_positions", "n_window"))
    has_bins = asked.number("num_mel_bins", asked.part(*PARTS))
    return _features(asked).shape[2 if bins_first and has_bins else 1]


def _sound(asked: Asked) -> InputSpec:
    audio = asked.part("audio_config")
    if bins := asked.number("num_mel_bins", audio):
        return InputSpec((asked.batch, asked.first("max_length", STEPS, audio), bins))
    has_channel = any(hasattr(audio, name) for name in CODEC) or asked.wants("padding_mask", "padding_cache")
    channels = (asked.first("audio_channels channels", 1, audio),) if has_channel else ()
    return InputSpec((asked.batch, *channels, asked.first("sampling_rate", SAMPLES, audio)))


def _latents(asked: Asked) -> InputSpec:
    """Return the frames of a codec between its halves, a second or so: (N, C, frames)."""
    return InputSpec((asked.batch, asked.first("latent_dim hidden_size", 1), STEPS // 4))


def _half_of_codec(asked: Asked) -> InputSpec | None:
    """Return what one half of a codec takes: samples, or the frames between both."""
    if not asked.wants("padding_cache"):
        return None
    return _latents(asked) if "Decoder" in type(asked.config).__name__ else _sound(asked)


MAKERS: dict[str, Callable[[Asked], Input | None]] = {
    "input_features": _features,
    "input_features_mask": lambda asked: InputSpec((asked.batch, _steps(asked)), "int64"),
    "input_values": _sound,
    "audio_mel": _features,
    "audio_mel_mask": lambda asked: InputSpec(_features(asked).shape[:2], "bool"),
    "latents": _latents,
    "hidden_states": _half_of_codec,
}
"""The maker of each input, by its name in the library's forwards; None where it cannot be made."""
