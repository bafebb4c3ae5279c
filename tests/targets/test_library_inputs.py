"""Inputs of transformers' classes that follow from their configuration, a small network per kind of input."""

from typing import Any

import pytest

import netcost
from netcost.targets import resolve
from netcost.targets.libraries.steps import with_step
from netcost.timing.workers import Recipe, recipe_of
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
        {"pixel_values": (14 * 14, 3 * 16**2), "grid_thw": (1, 3), "merge_sizes": (1,)},
    ),
    (  # two frames in a patch
        "MuseSparkVisionModel",
        {**SMALL, "layer_types": ["full_attention"]},
        {"pixel_values": (16 * 16, 2 * 3 * 14**2), "grid_thw": (1, 3)},
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


@pytest.mark.parametrize(("name", "options", "expected"), [*IMAGES, *SOUNDS, *OTHERS], ids=str)
def test_inputs_follow_from_the_configuration(name: str, options: dict[str, Any], expected: Shapes) -> None:
    target = resolve(f"transformers:{name}", options)
    assert {entry.name: entry.shape for entry in target.required_inputs()} == expected
    assert netcost.analyze(target).unknown_ops == {}


def test_the_places_of_patches_are_rows_and_columns() -> None:
    target = resolve("transformers:Siglip2VisionModel", {**SMALL, "num_patches": 16}).with_batch(2)
    given = {entry.name: entry.value.tolist() for entry in target.required_inputs() if isinstance(entry, GivenInput)}
    assert given == {"spatial_shapes": [[4, 4], [4, 4]]}


CLIP = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
LLAMA = {**CLIP, "model_type": "llama", "vocab_size": 100, "num_key_value_heads": 2}
LLAVA = {"vision_config": {"model_type": "clip_vision_model", **CLIP, "image_size": 32, "patch_size": 8}}
LLAVA |= {"text_config": LLAMA, "image_token_index": 99, "vision_feature_layer": -1}
QWEN = {"depth": 1, "embed_dim": 32, "hidden_size": 64, "num_heads": 2, "mlp_ratio": 2}
QWEN_TEXT = {**CLIP, "hidden_size": 64, "vocab_size": 100, "num_key_value_heads": 2}
QWEN_TEXT |= {"rope_parameters": {"rope_type": "default", "mrope_section": [4, 6, 6]}}
WHISPER = {**CLIP, "num_mel_bins": 8, "max_source_positions": 40, "encoder_layers": 1}


@pytest.mark.parametrize(
    ("name", "options", "placeholders", "expected"),
    [
        ("LlavaForConditionalGeneration", LLAVA, 4 * 4, {"pixel_values": (2, 3, 32, 32)}),  # patches of 8 pixels
        (  # an image of one tile beside another, and the whole: its rows end with a token of their own
            "LlavaNextForConditionalGeneration",
            {**LLAVA, "image_grid_pinpoints": [[32, 64]]},
            4 * 4 + 4 * (2 * 4 + 1),
            {"pixel_values": (2, 1 + 2, 3, 32, 32), "image_sizes": (2, 2)},
        ),
        (  # 16 x 16 patches of 14 pixels, four of which become one; two frames in each
            "Qwen2VLForConditionalGeneration",
            {"vision_config": QWEN, "text_config": QWEN_TEXT, "image_token_id": 98, "video_token_id": 97},
            8 * 8,
            {
                "pixel_values": (2 * 16 * 16, 2 * 3 * 14**2),
                "image_grid_thw": (2, 3),
                "mm_token_type_ids": (2, 128 + 8 * 8),
            },
        ),
        (  # the configuration names no token; 80 frames, of which a convolution keeps half, and four become one
            "VoxtralForConditionalGeneration",
            {"audio_config": {**WHISPER, "intermediate_size": 128}, "text_config": LLAMA, "hidden_size": 32},
            80 // 2 // 4,
            {"input_features": (2, 8, 80)},
        ),
    ],
)
def test_text_holds_as_many_placeholders_as_the_tower_gives_features(
    name: str, options: dict[str, Any], placeholders: int, expected: Shapes
) -> None:
    target = resolve(f"transformers:{name}", options).with_batch(2)
    inputs = {entry.name: entry for entry in target.required_inputs()}
    length = placeholders + 128
    shapes = {"input_ids": (2, length), "attention_mask": (2, length), **expected}
    assert {name: entry.shape for name, entry in inputs.items()} == shapes
    ids = inputs["input_ids"]
    assert isinstance(ids, GivenInput)
    token = ids.value[0, 0]
    assert ((ids.value == token).sum(1) == placeholders).all()  # the text behind them has none
    analysis = netcost.analyze(target)
    assert analysis.unknown_ops == {}
    assert any(f"{placeholders:,} placeholders" in note for note in analysis.notes())
    again = Recipe.from_dict(recipe_of(target).to_dict()).resolved()
    assert netcost.analyze(again).mult_adds == analysis.mult_adds


def test_what_does_not_fit_together_is_counted_as_text_alone_and_said() -> None:
    """Qwen2-VL's default tower gives features of 3,584 numbers, and its default text takes 8,192."""
    target = resolve("transformers:Qwen2VLModel", {"text_config": {"num_hidden_layers": 1}})
    assert [entry.name for entry in target.required_inputs()] == ["input_ids", "attention_mask"]
    assert any(note.startswith("Text alone: pixel_values can be given") for note in target.notes)


def test_ids_that_are_given_bring_no_image() -> None:
    target = resolve("transformers:LlavaForConditionalGeneration", LLAVA, ["input_ids=1x16"])
    assert {entry.name: entry.shape for entry in target.required_inputs()} == {
        "input_ids": (1, 16),
        "attention_mask": (1, 16),
    }


def test_images_that_are_given_bring_their_placeholders() -> None:
    """Two images of 4 x 4 patches, one per sample."""
    target = resolve("transformers:LlavaForConditionalGeneration", LLAVA, ["pixel_values=2x3x32x32"])
    assert {entry.name: entry.shape for entry in target.required_inputs()} == {
        "input_ids": (2, 4 * 4 + 128),
        "pixel_values": (2, 3, 32, 32),
        "attention_mask": (2, 4 * 4 + 128),
    }
    assert netcost.analyze(target).unknown_ops == {}
    assert any("16 placeholders for an image" in note for note in target.notes)


def test_a_step_of_generation_is_of_text_alone() -> None:
    step = with_step(resolve("transformers:LlavaForConditionalGeneration", LLAVA), 300, 1)
    assert {entry.name: entry.shape for entry in step.required_inputs()}["input_ids"] == (1, 1)
    assert not any("placeholders for" in note for note in step.notes)
    assert step.notes[-1] == "All tokens are text, without an image or a sound."
