"""Inputs of transformers' classes that follow from their configuration, a small network per kind of input."""

from typing import Any

import pytest

import netcost
from netcost.targets import resolve
from netcost.tracing import GivenInput

pytest.importorskip("transformers", reason="transformers comes with netcost[test]")

SMALL = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
HEADS = {"num_key_value_heads": 2, "head_dim": 16}
VISION = {"image_size": 32, "patch_size": 8, "num_hidden_layers": 1, "embed_dim": 32, "num_attention_heads": 2}
ONE_LAYER = {"num_hidden_layers": 1}
TEXT = {"input_ids": (1, 128), "attention_mask": (1, 128)}
Shapes = dict[str, tuple[int, ...]]

IMAGES: list[tuple[str, dict[str, Any], Shapes]] = [
    (  # patches of each image, and how they lie: 4 x 4 of 16 pixels
        "Siglip2VisionModel",
        {**SMALL, "num_patches": 16},
        {"pixel_values": (1, 16, 3 * 16**2), "pixel_attention_mask": (1, 16), "spatial_shapes": (1, 2)},
    ),
    (  # 14 patches fit, and 12 can be pooled by 3
        "Gemma4VisionModel",
        {**SMALL, **HEADS},
        {"pixel_values": (1, 12 * 12, 3 * 16**2), "pixel_position_ids": (1, 12 * 12, 2)},
    ),
    (
        "VideoLlama3VisionModel",
        {**SMALL, "head_dim": 16},
        {"pixel_values": (8 * 8, 3 * 16**2), "grid_thw": (1, 3), "merge_sizes": (1,)},
    ),
    (  # two frames in a patch
        "MuseSparkVisionModel",
        {**SMALL, "layer_types": ["full_attention"]},
        {"pixel_values": (8 * 8, 2 * 3 * 14**2), "grid_thw": (1, 3)},
    ),
    (
        "MiniCPMV4_7VisionModel",
        {**SMALL, "image_size": 64, "insert_layer_id": 0},
        {"pixel_values": (1, 3, 64, 64), "target_sizes": (1, 2)},
    ),
    ("EfficientLoFTRModel", {}, {"pixel_values": (1, 2, 3, 224, 224)}),  # two images, to be matched
    (
        "TvpModel",
        {"num_frames": 2, "max_img_size": 64, "visual_prompt_size": 8, **ONE_LAYER},
        {"input_ids": (1, 128), "pixel_values": (1, 2, 3, 64, 64), "attention_mask": (1, 128)},
    ),
    (  # detected regions, and where they are
        "LxmertModel",
        {"l_layers": 1, "x_layers": 1, "r_layers": 1},
        {**TEXT, "visual_feats": (1, 36, 2048), "visual_pos": (1, 36, 4)},
    ),
    (
        "IdeficsModel",
        {**SMALL, "vision_config": VISION, "use_resampler": False},
        {**TEXT, "pixel_values": (1, 1, 3, 32, 32), "image_attention_mask": (1, 128, 1)},
    ),
    (
        "Kosmos2Model",
        {"vision_config": ONE_LAYER, "text_config": {"layers": 1}},
        {**TEXT, "pixel_values": (1, 3, 224, 224), "image_embeds_position_mask": (1, 128)},
    ),
    (  # the tower is one of timm, whose name says its side
        "PeVideoEncoder",
        ONE_LAYER,
        {"pixel_values_videos": (1, 16, 3, 336, 336)},
    ),
]
SOUNDS: list[tuple[str, dict[str, Any], Shapes]] = [
    ("OmniASRAudioModel", ONE_LAYER, {"input_values": (1, 1, 16_000)}),
    ("GraniteSpeech5Encoder", {"num_hidden_layers": 2}, {"input_features": (1, 128, 4 * 80)}),
    (
        "FunAsrNanoEncoder",
        {"num_hidden_layers": 2},
        {"input_features": (1, 128, 7 * 80), "input_features_mask": (1, 128)},
    ),
    (
        "Qwen3ASREncoder",
        {"encoder_layers": 1},
        {"input_features": (1, 128, 2 * 50), "input_features_mask": (1, 2 * 50)},
    ),
    (  # samples, and the frames of the same sound: 16,000 / (2 · 2 · 4 · 4 · 5)
        "Xcodec2Model",
        ONE_LAYER,
        {"input_values": (1, 1, 16_000), "input_features": (1, 50, 160), "input_features_mask": (1, 50)},
    ),
    ("MimiDecoderModel", ONE_LAYER, {"latents": (1, 512, 32)}),
    ("VibeVoiceAcousticTokenizerDecoderModel", {}, {"hidden_states": (1, 64, 32)}),
    ("VibeVoiceAcousticTokenizerEncoderModel", {}, {"hidden_states": (1, 1, 16_000)}),
    (  # a row of codes per codebook
        "MusicgenForCausalLM",
        {**ONE_LAYER, "hidden_size": 32, "num_attention_heads": 2, "ffn_dim": 64},
        {"input_ids": (4, 128), "attention_mask": (1, 128)},
    ),
    (  # a text and 32 codes per step
        "KyutaiSpeechToTextModel",
        {**ONE_LAYER, "hidden_size": 32, "num_attention_heads": 2, **HEADS, "ffn_dim": 64},
        {"input_ids": (1, 128, 1 + 32), "attention_mask": (1, 128)},
    ),
    (
        "DiaModel",
        {"encoder_config": ONE_LAYER, "decoder_config": ONE_LAYER},
        {**TEXT, "decoder_input_ids": (1, 128, 9)},
    ),
]
OTHERS: list[tuple[str, dict[str, Any], Shapes]] = [
    (
        "Blip2QFormerModel",
        {"num_hidden_layers": 2},
        {"query_embeds": (1, 32, 768), "encoder_hidden_states": (1, 257, 1408)},
    ),
    (
        "PerceiverModel",
        {"num_self_attends_per_block": 1, "d_latents": 32, "d_model": 16, "num_latents": 8},
        {"inputs": (1, 128, 16)},
    ),
    (
        "DecisionTransformerModel",
        {"n_layer": 1},
        {
            "states": (1, 128, 17),
            "actions": (1, 128, 4),
            "rewards": (1, 128, 1),
            "returns_to_go": (1, 128, 1),
            "timesteps": (1, 128),
        },
    ),
    ("XmodForCausalLM", SMALL, {**TEXT, "lang_ids": (1,)}),
    (
        "TimesFmModel",
        ONE_LAYER,
        {"past_values": (1, 512), "past_values_padding": (1, 512), "freq": (1, 1)},
    ),
    ("Sam3LiteTextTextModel", ONE_LAYER, {"input_ids": (1, 77)}),  # whose main input its forward does not take
]


@pytest.mark.parametrize(
    ("name", "options", "expected"), [*IMAGES, *SOUNDS, *OTHERS], ids=str
)
def test_inputs_follow_from_the_configuration(name: str, options: dict[str, Any], expected: Shapes) -> None:
    target = resolve(f"transformers:{name}", options)
    assert {entry.name: entry.shape for entry in target.required_inputs()} == expected
    assert netcost.analyze(target).unknown_ops == {}


def test_the_places_of_patches_are_rows_and_columns() -> None:
    target = resolve("transformers:Siglip2VisionModel", {**SMALL, "num_patches": 16}).with_batch(2)
    given = {entry.name: entry.value.tolist() for entry in target.required_inputs() if isinstance(entry, GivenInput)}
    assert given == {"spatial_shapes": [[4, 4], [4, 4]]}
