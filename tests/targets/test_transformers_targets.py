"""Targets by the classes of transformers and diffusers: built from configurations, with inputs of their own."""

import json
import socket
from pathlib import Path
from typing import Any, NoReturn

import pytest

import netcost
from netcost.targets import resolve
from netcost.targets.libraries import hub
from netcost.text.errors import AbsentTargetError, RequestError, TargetError
from netcost.timing.setting import Timing
from netcost.timing.subjects import in_element_type
from netcost.timing.workers import Recipe, recipe_of

pytest.importorskip("transformers", reason="transformers comes with netcost[test]")
pytest.importorskip("diffusers", reason="diffusers comes with netcost[test]")

MOST_NOT_ANALYSED = 41

TINY = {
    "vocab_size": 100,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise AssertionError("a request was made")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def shapes(text: str, **options: Any) -> dict[str | None, tuple[int, ...]]:
    return {entry.name: entry.shape for entry in resolve(text, options).required_inputs()}


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("LlamaForCausalLM", TINY, {"input_ids": (1, 128), "attention_mask": (1, 128)}),
        (
            "T5ForConditionalGeneration",
            {"num_layers": 1},
            {"input_ids": (1, 128), "attention_mask": (1, 128), "decoder_input_ids": (1, 128)},
        ),
        ("ViTModel", {"num_hidden_layers": 1, "image_size": 64}, {"pixel_values": (1, 3, 64, 64)}),
        (
            "CLIPModel",
            {},
            {"input_ids": (1, 77), "pixel_values": (1, 3, 224, 224), "attention_mask": (1, 77)},  # 77 positions
        ),
        (
            "WhisperForConditionalGeneration",
            {"encoder_layers": 1, "decoder_layers": 1},
            {"input_features": (1, 80, 2 * 1500), "decoder_input_ids": (1, 128)},
        ),
        ("Wav2Vec2Model", {"num_hidden_layers": 1}, {"input_values": (1, 16_000)}),
    ],
)
def test_the_inputs_of_a_class_follow_from_its_configuration(
    text: str, options: dict[str, Any], expected: dict[str, Any]
) -> None:
    target = resolve(f"transformers:{text}", options)
    assert {entry.name: entry.shape for entry in target.required_inputs()} == expected
    analysis = netcost.analyze(target.with_batch(2))
    assert analysis.unknown_ops == {} and analysis.mult_adds > 0
    assert {spec.shape[0] for spec in analysis.graph.inputs} == {2}
    assert all(any(name in note for note in analysis.notes()) for name in expected if name.endswith("ids"))


def test_a_given_input_takes_the_place_of_its_own_and_the_others_follow() -> None:
    for written in ("input_ids=4x16:int64", "4x16"):
        target = resolve("transformers:LlamaForCausalLM", TINY, [written])
        assert {entry.name: entry.shape for entry in target.required_inputs()} == {
            "input_ids": (4, 16),
            "attention_mask": (4, 16),
        }
    without = resolve("transformers:LlamaForCausalLM", TINY, ["attention_mask=none"]).required_inputs()
    assert [getattr(entry, "value", "") for entry in without] == ["", None]


def test_the_element_type_changes_bytes_and_no_count() -> None:
    target = resolve("transformers:LlamaForCausalLM", TINY)
    single = netcost.analyze(target)
    half = netcost.analyze(in_element_type(target, Timing(dtype="bf16")))
    assert (half.params_total, half.mult_adds) == (single.params_total, single.mult_adds)
    assert 2 * half.graph.weight_bytes - single.graph.weight_bytes == pytest.approx(0, abs=8 * 4)  # rotary stays


def test_a_worker_makes_the_same_target_of_its_recipe() -> None:
    target = resolve("transformers:LlamaForCausalLM", TINY).with_batch(3)
    again = Recipe.from_dict(recipe_of(target).to_dict()).resolved()
    assert again.required_inputs() == target.required_inputs() and again.inputs is not None


@pytest.mark.parametrize("fields", [{"architectures": ["LlamaForCausalLM"]}, {"architectures": ["TheirOwn"]}, {}])
def test_a_configuration_is_a_target_as_a_file_as_a_folder_and_in_the_cache_of_the_hub(
    fields: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Llama's parameters: V·h twice, and per layer 2·h² + 2·h·(2·8) + 3·h·64 + 2·h, and h at the end; h = 32."""
    params = 2 * 100 * 32 + 2 * (2 * 32**2 + 2 * 32 * 16 + 3 * 32 * 64 + 2 * 32) + 32
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"model_type": "llama", "dtype": "bfloat16", **TINY, **fields}))
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: str(path))
    for text in (f"transformers:{path}", f"transformers:{tmp_path}", "hf:org/name"):
        model = resolve(text, {"num_hidden_layers": 2}).build_weightless()
        assert sum(weight.numel() for weight in model.parameters()) == params
        assert {str(weight.dtype) for weight in model.parameters()} == {"torch.bfloat16"}


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("transformers:BertModl", {}, "has no network 'BertModl'; did you mean BertModel"),
        ("transformers:BertConfig", {}, "has no network 'BertConfig'"),
        (
            "transformers:BertModel",
            {"hidden_siz": 8},
            "no field 'hidden_siz' in its BertConfig; did you mean hidden_size",
        ),
        (
            "transformers:LlamaForCausalLM",
            {"hidden_size": "wide"},
            "refuses: TypeError: Field 'hidden_size' expected int, got str (value: 'wide')",
        ),
        (
            "transformers:LlamaForCausalLM",
            {"hidden_size": 33},
            "The hidden size (33) is not a multiple of the number of attention heads (32)",
        ),
        ("transformers:./absent/config.json", {}, "there is no file 'config.json'"),
        (
            "diffusers:UNet2DConditionModl",
            {},
            "has no network 'UNet2DConditionModl'; did you mean UNet2DConditionModel",
        ),
        ("hf:org/name", {}, "config.json is not in the local cache of the hub; add --download"),
        ("hf:org/name/more", {}, "expected hf:org/name"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(text: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(RequestError) as caught:
        resolve(text, options)
    assert said in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "cannot be read"),
        ("{}", "names neither"),
        ('{"model_type": "lama"}', "no model type 'lama'; did you mean"),
    ],
)
def test_a_file_that_is_no_configuration_is_refused(content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(TargetError, match=said):
        resolve(f"transformers:{tmp_path}")


def test_only_an_allowed_download_asks_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []

    def fetch(repository: str, name: str) -> NoReturn:
        asked.append((repository, name))
        raise ConnectionError("no network here")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", fetch)
    with pytest.raises(AbsentTargetError):
        resolve("hf:org/name")
    assert asked == []
    token = hub.DOWNLOADS.set(True)
    with pytest.raises(TargetError, match="cannot be fetched: ConnectionError: no network here"):
        resolve("hf:org/name")
    hub.DOWNLOADS.reset(token)
    assert asked == [("org/name", "config.json")]


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("diffusers:UNet2DConditionModel", {}, [(1, 4, 64, 64), (1,), (1, 77, 1280)]),
        ("diffusers:AutoencoderKL", {}, [(1, 3, 32, 32)]),
        ("diffusers:DiTTransformer2DModel", {"num_layers": 1}, [(1, 4, 32, 32), (1,), (1,)]),
        (  # tokens of 2 x 2 latent pixels, their places on four axes, and a guidance
            "diffusers:Flux2Transformer2DModel",
            {"num_layers": 1, "num_single_layers": 1},
            [(1, 32 * 32, 128), (1, 77, 15_360), (1,), (32 * 32, 4), (77, 4), (1,)],
        ),
        (  # the same, whose places follow from the sizes of the images
            "diffusers:QwenImageTransformer2DModel",
            {"num_layers": 1},
            [(1, 32 * 32, 64), (1, 77, 3584), (1,), ()],
        ),
        (  # sizes and a crop in pixels
            "diffusers:CogView4Transformer2DModel",
            {"num_layers": 1},
            [(1, 16, 128, 128), (1, 77, 4096), (1,), (1, 2), (1, 2), (1, 2)],
        ),
        (  # a token per place of a clip of 16 x 16 x 16, and a mask of the prompt
            "diffusers:LTXVideoTransformer3DModel",
            {"num_layers": 1},
            [(1, 16**3, 128), (1, 77, 4096), (1,), (1, 77), (), (), ()],
        ),
        (  # 49 frames, of which the first stands alone and four become one; as many tokens as the field says
            "diffusers:CogVideoXTransformer3DModel",
            {"num_layers": 1},
            [(1, 13, 16, 60, 90), (1, 226, 4096), (1,)],
        ),
        ("diffusers:AutoencoderKLQwenImage", {}, [(1, 3, 17, 64, 64)]),  # whose code convolves clips
        (  # a ControlNet that sees latents
            "diffusers:SD3ControlNetModel",
            {"num_layers": 1},
            [(1, 16, 128, 128), (1, 16, 128, 128), (1, 77, 4096), (1, 2048), (1,)],
        ),
        ("torchvision:raft_small", {}, [(1, 3, 520, 960)] * 2),
    ],
)
def test_networks_of_images_bring_their_inputs(
    text: str, options: dict[str, Any], expected: list[tuple[int, ...]]
) -> None:
    target = resolve(text, options)
    assert [entry.shape for entry in target.required_inputs()] == expected
    if "raft" not in text:  # 12 steps on frames of full size
        assert netcost.analyze(target).unknown_ops == {}


@pytest.mark.parametrize("name", "Qwen2Model GemmaModel BertModel ViTModel T5Model Wav2Vec2Model CLIPModel".split())
def test_a_sample_of_the_sweep_is_analysed_and_the_list_of_others_may_only_shrink(name: str) -> None:
    """All types: `tests/benchmarks/language_models.py`, which writes the list."""
    others = (Path(__file__).parent / "transformers_not_analysed.txt").read_text(encoding="utf-8").splitlines()
    assert len(others) <= MOST_NOT_ANALYSED and all(": " in line for line in others)
    assert netcost.analyze(resolve(f"transformers:{name}")).unknown_ops == {}
