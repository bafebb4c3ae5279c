"""transformers' models, made tiny: mult-adds are those of torch's FlopCounterMode, and an analysis leaves nothing behind.

They are built from configurations; nothing is downloaded. FlopCounterMode watches a pass on the CPU with real weights:
on the meta device it cannot count most of them, which look at the values of their mask.
"""

import inspect
import json
import os
import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import netcost
from netcost.graph import liveness

os.environ["HF_HUB_OFFLINE"] = "1"
transformers = pytest.importorskip("transformers", reason="transformers comes with netcost[test]")

TEXT = """
    AlbertForMaskedLM ArceeForCausalLM BartForConditionalGeneration BertLMHeadModel BigBirdForCausalLM BioGptForCausalLM
    BitNetForCausalLM BlenderbotForConditionalGeneration BloomForCausalLM CanineModel CodeGenForCausalLM
    CohereForCausalLM Cohere2ForCausalLM ConvBertForMaskedLM CTRLLMHeadModel DebertaForMaskedLM DebertaV2ForMaskedLM
    DistilBertForMaskedLM DogeForCausalLM ElectraForCausalLM Ernie4_5_MoeForCausalLM Exaone4ForCausalLM
    FalconForCausalLM FNetForMaskedLM GemmaForCausalLM Gemma2ForCausalLM Gemma3ForCausalLM GlmForCausalLM
    Glm4MoeForCausalLM GPT2LMHeadModel GPTBigCodeForCausalLM GPTJForCausalLM GPTNeoXForCausalLM GptOssForCausalLM
    GraniteForCausalLM GraniteMoeForCausalLM HeliumForCausalLM Lfm2ForCausalLM LlamaForCausalLM
    LongT5ForConditionalGeneration M2M100ForConditionalGeneration MambaForCausalLM MBartForConditionalGeneration
    MistralForCausalLM MixtralForCausalLM ModernBertForMaskedLM MPNetForMaskedLM MptForCausalLM MT5ForConditionalGeneration
    NanoChatForCausalLM NystromformerForMaskedLM Olmo2ForCausalLM OlmoeForCausalLM OPTForCausalLM
    PegasusForConditionalGeneration PersimmonForCausalLM PhiForCausalLM Phi3ForCausalLM PhimoeForCausalLM
    Qwen2ForCausalLM Qwen2MoeForCausalLM Qwen3ForCausalLM Qwen3MoeForCausalLM RemBertForCausalLM RobertaForCausalLM
    RoFormerForCausalLM SmolLM3ForCausalLM SqueezeBertForMaskedLM StableLmForCausalLM Starcoder2ForCausalLM
    SwitchTransformersForConditionalGeneration T5ForConditionalGeneration XGLMForCausalLM XLMRobertaForCausalLM
    XLNetLMHeadModel
""".split()
OTHERS = """
    BeitForImageClassification CLIPVisionModel DeiTForImageClassification Dinov2ForImageClassification DPTModel
    IJepaForImageClassification SiglipForImageClassification ViTForImageClassification ViTMAEModel
    WhisperForConditionalGeneration
""".split()

SIZES = {
    2: "num_hidden_layers n_layers num_layers encoder_layers decoder_layers num_decoder_layers num_key_value_heads "
    "num_kv_heads num_experts_per_tok moe_k",
    4: "num_attention_heads n_heads num_heads encoder_attention_heads decoder_attention_heads num_experts "
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
    numbers = {name: getattr(default, name, None) for name in {**small, **special}}
    chosen = {**special, **small}
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
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False, custom_mapping=MISSED) as counter:
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
    inputs = inputs_of(model)
    takes_cache = "use_cache" in inspect.signature(model.forward).parameters
    for flags in ({"use_cache": True}, {"use_cache": False}) if takes_cache else ({},):
        analysis = netcost.analyze(model, {**inputs, **flags})
        assert analysis.unknown_ops == {}
        assert analysis.mult_adds == mult_adds_by_torch(model, {**inputs, **flags}) > 0
    assert losses_of_training(model, inputs) == losses_of_training(built(name), inputs)
