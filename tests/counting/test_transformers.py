"""transformers' models, made tiny: mult-adds are those of torch's FlopCounterMode, and analysis leaves nothing behind.

They are built from configurations; nothing is downloaded. FlopCounterMode watches a pass on the CPU with real weights:
on the meta device it cannot count most of them, which look at the values of their mask.
"""

import copy
import inspect
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

import netcost
from netcost.counting.crosscheck_step import backward_by_layer, products_of
from netcost.counting.training import StepCount
from netcost.graph.graph import Phase
from netcost.targets import weightless
from netcost.text.errors import DataDependentError
from netcost.timing import measure
from netcost.tracing import TrainStep, trace_step
from netcost.tracing.training import named_loss

os.environ["HF_HUB_OFFLINE"] = "1"
transformers = pytest.importorskip("transformers", reason="transformers comes with netcost[test]")

TEXT = """
    AlbertForMaskedLM ArceeForCausalLM BartForConditionalGeneration BertLMHeadModel BigBirdForCausalLM BioGptForCausalLM
    BitNetForCausalLM BloomForCausalLM CanineModel CodeGenForCausalLM
    CohereForCausalLM Cohere2ForCausalLM ConvBertForMaskedLM CTRLLMHeadModel DebertaForMaskedLM DebertaV2ForMaskedLM
    DistilBertForMaskedLM DogeForCausalLM ElectraForCausalLM Ernie4_5_MoeForCausalLM Exaone4ForCausalLM
    FalconForCausalLM FNetForMaskedLM GemmaForCausalLM Gemma2ForCausalLM Gemma3ForCausalLM GlmForCausalLM
    Glm4MoeForCausalLM GPT2LMHeadModel GPTBigCodeForCausalLM GPTJForCausalLM GPTNeoXForCausalLM GptOssForCausalLM
    GraniteForCausalLM GraniteMoeForCausalLM HeliumForCausalLM Lfm2ForCausalLM LlamaForCausalLM
    LongT5ForConditionalGeneration M2M100ForConditionalGeneration MambaForCausalLM MBartForConditionalGeneration
    MistralForCausalLM MixtralForCausalLM ModernBertForMaskedLM MPNetForMaskedLM MptForCausalLM
    NanoChatForCausalLM NystromformerForMaskedLM Olmo2ForCausalLM OlmoeForCausalLM
    OPTForCausalLM PersimmonForCausalLM PhiForCausalLM Phi3ForCausalLM PhimoeForCausalLM
    Qwen2ForCausalLM Qwen2MoeForCausalLM Qwen3ForCausalLM Qwen3MoeForCausalLM RemBertForCausalLM RobertaForCausalLM
    RoFormerForCausalLM SmolLM3ForCausalLM SqueezeBertForMaskedLM StableLmForCausalLM Starcoder2ForCausalLM
    SwitchTransformersForConditionalGeneration T5ForConditionalGeneration XGLMForCausalLM XLMRobertaForCausalLM
    XLNetLMHeadModel
""".split()
OTHERS = """
    BeitForImageClassification CLIPVisionModel DeiTForImageClassification Dinov2ForImageClassification DPTModel
    IJepaForImageClassification SiglipVisionModel ViTForImageClassification ViTMAEModel
    WhisperForConditionalGeneration
""".split()

SIZES = {
    2: "num_hidden_layers n_layers num_layers encoder_layers decoder_layers num_decoder_layers num_key_value_heads "
    "num_kv_heads num_experts_per_tok moe_k",
    4: "num_attention_heads n_head n_heads num_heads encoder_attention_heads decoder_attention_heads num_experts "
    "num_local_experts n_routed_experts moe_num_experts",
    8: "head_dim d_kv rotary_dim patch_size",
    32: "hidden_size d_model n_embd embedding_size emb_dim dim",
    64: "intermediate_size ffn_dim encoder_ffn_dim decoder_ffn_dim d_ff n_inner hidden_dim dff moe_intermediate_size "
    "shared_expert_intermediate_size image_size",
    96: "vocab_size",
    128: "max_position_embeddings n_positions n_ctx max_source_positions max_target_positions",
}
"""Largest values of a configuration's numbers, by name; so are the special ids below the vocabulary."""


def product_of_groups(a: Any, b: Any, *_: Any, **__: Any) -> int:
    """Rows (M, K) each by the matrix (K, N) of its expert."""
    return int(2 * a[0] * a[1] * b[-1])


MISSED = {torch.ops.aten._grouped_mm: product_of_groups}
"""What FlopCounterMode has no formula for, and so counts as nothing: mixtures of experts."""


def tiny(kind: Any) -> Any:
    default = kind()
    small = {name: size for size, names in SIZES.items() for name in names.split()}
    special = {name: 3 for name in vars(default) if name.endswith("token_id")}
    known = vars(default).keys() | kind.attribute_map
    chosen = {name: size for name, size in {**small, **special}.items() if name in known}
    numbers = {name: getattr(default, name) for name in chosen}
    return kind(**{name: chosen[name] for name, now in numbers.items() if type(now) is int and now > chosen[name]})


def built(name: str) -> nn.Module:
    kind = getattr(transformers, name)
    torch.manual_seed(0)
    model: nn.Module = kind(tiny(kind.config_class))
    return model.eval()


def inputs_of(model: Any) -> dict[str, Tensor]:
    names, config = inspect.signature(model.forward).parameters, model.config
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(5, 90, (2, 12), generator=generator)
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "decoder_input_ids": ids[:, :6]}
    if model.main_input_name == "pixel_values":
        inputs = {"pixel_values": torch.randn(2, 3, config.image_size, config.image_size, generator=generator)}
    elif model.main_input_name == "input_features":
        del inputs["input_ids"], inputs["attention_mask"]
        length = 2 * config.max_source_positions  # halved by a convolution
        inputs["input_features"] = torch.randn(2, config.num_mel_bins, length, generator=generator)
    return {name: value for name, value in inputs.items() if name in names}


def mult_adds_by_torch(model: nn.Module, inputs: dict[str, Any]) -> int:
    with (
        torch.no_grad(),
        sdpa_kernel(SDPBackend.MATH),
        FlopCounterMode(display=False, custom_mapping=MISSED) as counter,
    ):
        model(**inputs)
    return counter.get_total_flops() // 2


def losses_of_training(model: nn.Module, inputs: dict[str, Any]) -> list[float]:
    """The loss before and after one step of training, with dropout."""
    torch.manual_seed(1)
    model.train()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    for _ in range(2):
        loss = model(**inputs)[0].square().mean()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("name", [*TEXT, *OTHERS])
def test_mult_adds_are_those_of_flop_counter_mode_and_training_goes_on_as_before(name: str) -> None:
    model = built(name)
    watched = copy.deepcopy(model)  # a real pass may change a model for good: BigBird's turns full attention on
    inputs = inputs_of(model)
    takes_cache = "use_cache" in inspect.signature(model.forward).parameters
    for flags in ({"use_cache": True}, {"use_cache": False}) if takes_cache else ({},):
        analysis = netcost.analyze(model, {**inputs, **flags})
        assert analysis.unknown_ops == {}
        assert analysis.mult_adds == mult_adds_by_torch(watched, {**inputs, **flags}) > 0
    assert losses_of_training(model, inputs) == losses_of_training(built(name), inputs)


STEPS = "T5ForConditionalGeneration BigBirdForCausalLM GPT2LMHeadModel LlamaForCausalLM MixtralForCausalLM".split()
"""Without grouped convolutions, whose gradients FlopCounterMode counts wrong."""

FUSED = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
FUSED_BACKWARD = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward
ON_CPU = {
    **MISSED,
    FUSED: lambda query, key, value, *_, **__: sdpa_flop_count(query, key, value),
    FUSED_BACKWARD: lambda *shapes, **_: sdpa_backward_flop_count(*shapes[:4]),
}
"""FlopCounterMode has formulas of attention for kernels of a GPU alone."""


@pytest.mark.parametrize("name", [*STEPS, *OTHERS[::3]])
def test_a_training_step_costs_what_flop_counter_mode_sees_in_a_real_one(name: str) -> None:
    model, inputs = built(name).train(), inputs_of(built(name))
    step = TrainStep("none", device="cpu")
    count = StepCount.of(trace_step(model, (), inputs, step), step)
    operators = list(zip(count.graph.ops, count.kinds, count.costs, strict=True))
    assert products_of(operators, Phase.BACKWARD) == backward_by_layer(operators)
    with FlopCounterMode(display=False, custom_mapping=ON_CPU) as counter:
        named_loss("auto", model(**inputs)).backward()
    assert count.total.mult_adds == counter.get_total_flops() // 2


@pytest.mark.parametrize("name", ["JetMoeForCausalLM", "OpenAIPrivacyFilterModel"])
def test_a_model_that_asks_which_expert_a_token_goes_to_is_counted_on_values(name: str) -> None:
    model = built(name)
    with pytest.raises(DataDependentError):
        netcost.analyze(model, inputs_of(model))
    analysis = netcost.analyze(model, inputs_of(model), concrete=True)
    assert analysis.mult_adds == mult_adds_by_torch(model, inputs_of(model))


EIGHT_BILLION = {"hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8}
EIGHT_BILLION |= {"intermediate_size": 14336, "vocab_size": 128256}

ALONE = """
import torch, transformers, netcost
from memory import peak_bytes
from netcost.targets import weightless

def mult_adds(sizes):
    with weightless():
        model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**sizes))
    ids = torch.ones(2, 512, dtype=torch.int64)
    return netcost.analyze(model, {"input_ids": ids, "attention_mask": torch.ones_like(ids)}).mult_adds

mult_adds({"hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 2})
before = peak_bytes()
print(mult_adds(SIZES), peak_bytes() - before)
"""


def test_eight_billion_weights_with_a_mask_take_next_to_no_memory() -> None:
    script = ALONE.replace("SIZES", str(EIGHT_BILLION))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1] / "benchmarks")}
    ended = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    counted, added = map(int, ended.stdout.split())
    layer = 4096 * (4096 + 1024 + 1024 + 4096) + 3 * 4096 * 14336  # query, key, value, output; gate, up and down
    attention = 2 * 2 * 32 * 512 * 512 * 128  # two products, batch 2, heads of 128
    assert counted == 2 * 512 * (32 * layer + 4096 * 128256) + 32 * attention == 7_822_209_187_840
    assert added < 100e6


def test_mixtral_costs_two_of_its_eight_experts_per_token() -> None:
    with weightless():
        model = transformers.MixtralForCausalLM(transformers.MixtralConfig())
    analysis = netcost.analyze(model.bfloat16(), {"input_ids": torch.ones(1, 128, dtype=torch.int64)})
    layer = 4096 * (4096 + 1024 + 1024 + 4096) + 4096 * 8 + 2 * 3 * 4096 * 14336  # attention, router, two experts
    products = 128 * (32 * layer + 4096 * 32000)
    assert analysis.mult_adds == products + 32 * 2 * 32 * 128 * 128 * 128 == 1_636_114_104_320


@pytest.fixture
def decoder() -> Any:
    """A Llama of 2 layers, and what it takes to decode one token after `length`."""
    model = built("LlamaForCausalLM")
    generator = torch.Generator().manual_seed(0)

    def inputs(length: int) -> dict[str, Any]:
        cache = transformers.DynamicCache(config=model.config)
        for layer in range(2):
            keys, values = torch.randn(2, 1, 2, length, 8, generator=generator)
            cache.update(keys, values, layer)
        mask = torch.ones(1, length + 1, dtype=torch.int64)
        return {"input_ids": mask[:, :1], "attention_mask": mask, "cache": cache}

    return model, inputs


def test_a_decode_step_is_one_token_against_the_cache(decoder: Any) -> None:
    model, inputs_after = decoder
    inputs = inputs_after(1024)
    analysis = netcost.analyze(model, inputs)
    layer = 32 * (32 + 16 + 16 + 32) + 3 * 32 * 64  # query, key, value, output; gate, up and down
    attention = 2 * 4 * 1025 * 8  # two products of 4 heads with 1,024 old tokens and the new one
    assert analysis.mult_adds == 2 * (layer + attention) + 32 * 96
    caches = [spec for spec in analysis.graph.inputs if len(spec.shape) == 4]
    assert sum(spec.size_bytes for spec in caches) == 2 * 2 * 2 * 1024 * 8 * 4  # layers, keys and values, heads
    # Per token: the cache that was given, the one that is returned, and a 64-bit flag in the mask.
    shorter = netcost.analyze(model, inputs_after(1023))
    assert analysis.peak_memory_bytes - shorter.peak_memory_bytes == 2 * (2 * 2 * 2 * 8 * 4) + 8
    assert inputs["cache"].get_seq_length() == 1024


def test_generating_is_counted_on_values_and_by_shape_says_so(decoder: Any) -> None:
    model, _ = decoder
    ids = torch.arange(12)[None]
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "max_new_tokens": 3, "min_new_tokens": 3}
    with pytest.raises(DataDependentError):
        netcost.analyze(model.generate, inputs)
    layer = 32 * (32 + 16 + 16 + 32) + 3 * 32 * 64
    attention = 2 * 4 * 8 * (12 * 12 + 13 + 14)  # the 12 tokens given, and 2 new ones; the last is not read
    analysis = netcost.analyze(model.generate, inputs, concrete=True)
    assert analysis.mult_adds == 2 * (14 * layer + attention) + 3 * 32 * 96  # logits of the last token of each pass


@pytest.mark.parametrize("clock", ["measure", "compare"])
def test_the_cache_of_a_decode_step_is_as_given_in_each_timed_call(decoder: Any, clock: str) -> None:
    model, inputs_after = decoder
    inputs, lengths = inputs_after(1024), set()

    def watch(_: nn.Module, args: Any, kwargs: dict[str, Any]) -> None:
        lengths.add(kwargs["cache"].get_seq_length())

    model.register_forward_pre_hook(watch, with_kwargs=True)
    if clock == "measure":
        assert measure(model, inputs, budget_s=0.1).median_s > 0
    else:
        [entry] = netcost.compare([model], inputs=inputs, budget_s=0.1, threads=1).to_dict()["models"]
        assert entry["mult_adds"] and entry["latency"]["median_s"] > 0
    assert lengths == {1024} == {inputs["cache"].get_seq_length()}
