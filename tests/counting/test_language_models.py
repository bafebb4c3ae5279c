"""Language models of public configurations: parameters, cache and mult-adds per token by the closed forms of this file.

The widths are those of the configurations, which their owners publish on huggingface.co; the layers are fewer, because
a formula holds at any depth. Transformers builds each network, and no tensor of its size is made.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

import netcost
from netcost.counting.analysis import Analysis
from netcost.targets import resolve
from netcost.targets.libraries.steps import with_step
from netcost.text.errors import RequestError

transformers = pytest.importorskip("transformers", reason="transformers comes with netcost[test]")


class Decoder(NamedTuple):
    """A decoder of attention and of a feed-forward part, or of experts; sizes as papers name them."""

    source: str
    cls: str
    h: int  # width
    a: int  # heads of queries
    k: int  # heads of keys and values
    d: int  # width of a head
    f: int  # width of the feed-forward part, or of one expert
    v: int  # words
    fields: Mapping[str, Any] = {}
    layers: int = 2
    tied: bool = False
    matrices: int = 3  # of the feed-forward part: with a gate or without
    norms: int = 2  # per layer, as wide as the network
    norm: int = 1  # parameters per element of a norm: scale alone, or with a shift
    biases: int = 0  # parameters per layer
    extra: int = 0  # parameters outside of the layers: positions, another norm
    experts: int = 0
    chosen: int = 0
    windows: tuple[int, ...] = ()  # of the layers that have one

    @property
    def attention(self) -> int:
        """Q and the output as wide as all heads, K and V."""
        return self.h * self.d * (2 * self.a + 2 * self.k)

    @property
    def params(self) -> int:
        forward = self.matrices * self.h * self.f * max(1, self.experts) + self.h * self.experts  # and the router
        layer = self.attention + forward + self.norms * self.norm * self.h + self.biases
        return self.layers * layer + self.v * self.h * (2 - self.tied) + self.norm * self.h + self.extra

    def keys(self, past: int) -> list[int]:
        """Keys that the new token sees, per layer: a window counts the token itself."""
        full = [past + 1] * (self.layers - len(self.windows))
        return [*full, *(min(past + 1, window) for window in self.windows)]

    def mult_adds(self, past: int) -> int:
        forward = self.matrices * self.h * self.f * max(1, self.chosen) + self.h * self.experts
        scores = 2 * self.a * self.d * sum(self.keys(past))  # with the keys, and with the values
        return self.layers * (self.attention + forward) + self.v * self.h + scores

    def cache(self, past: int) -> int:
        """Elements: a layer with a window keeps one token less than it, for the next to come."""
        return 2 * self.k * self.d * sum(min(past, keys - 1) for keys in self.keys(past))


LLAMA = {"tie_word_embeddings": False}
PUBLIC = [
    Decoder(
        *("gpt2", "GPT2LMHeadModel", 768, 12, 12, 64, 4 * 768, 50_257),
        tied=True,
        matrices=2,
        norm=2,
        biases=4 * 768 + 5 * 768,
        extra=1024 * 768,
    ),
    Decoder(
        *("facebook/opt-6.7b", "OPTForCausalLM", 4096, 32, 32, 128, 16_384, 50_272),
        {"ffn_dim": 16_384, "word_embed_proj_dim": 4096},
        tied=True,
        matrices=2,
        norm=2,
        biases=5 * 4096 + 16_384,
        extra=(2048 + 2) * 4096,
    ),
    Decoder(
        *("EleutherAI/gpt-neox-20b", "GPTNeoXForCausalLM", 6144, 64, 64, 96, 24_576, 50_432),
        matrices=2,
        norm=2,
        biases=5 * 6144 + 24_576,
    ),
    Decoder("meta-llama/Llama-2-7b-hf", "LlamaForCausalLM", 4096, 32, 32, 128, 11_008, 32_000),
    Decoder("meta-llama/Llama-3.1-8B", "LlamaForCausalLM", 4096, 32, 8, 128, 14_336, 128_256),
    Decoder("meta-llama/Llama-3.1-70B", "LlamaForCausalLM", 8192, 64, 8, 128, 28_672, 128_256),
    Decoder("meta-llama/Llama-3.2-1B", "LlamaForCausalLM", 2048, 32, 8, 64, 8192, 128_256, tied=True),
    Decoder(
        *("mistralai/Mistral-7B-v0.1", "MistralForCausalLM", 4096, 32, 8, 128, 14_336, 32_000),
        {"sliding_window": 4096},
        windows=(4096, 4096),
    ),
    Decoder(
        *("mistralai/Mixtral-8x7B-v0.1", "MixtralForCausalLM", 4096, 32, 8, 128, 14_336, 32_000),
        experts=8,
        chosen=2,
    ),
    Decoder(
        *("Qwen/Qwen2.5-7B", "Qwen2ForCausalLM", 3584, 28, 4, 128, 18_944, 152_064),
        biases=128 * (28 + 2 * 4),
    ),
    Decoder("Qwen/Qwen3-8B", "Qwen3ForCausalLM", 4096, 32, 8, 128, 12_288, 151_936, biases=2 * 128),  # norms of Q, K
    Decoder(
        *("Qwen/Qwen3-30B-A3B", "Qwen3MoeForCausalLM", 2048, 32, 4, 128, 768, 151_936),
        {"num_experts": 128, "num_experts_per_tok": 8, "moe_intermediate_size": 768, "head_dim": 128},
        biases=2 * 128,
        experts=128,
        chosen=8,
    ),
    Decoder("google/gemma-2b", "GemmaForCausalLM", 2048, 8, 1, 256, 16_384, 256_000, tied=True),
    Decoder(
        *("google/gemma-2-9b", "Gemma2ForCausalLM", 3584, 16, 8, 256, 14_336, 256_000),
        {"sliding_window": 4096},
        tied=True,
        norms=4,
        windows=(4096,),  # every second layer
    ),
    Decoder(
        *("google/gemma-3-1b-pt", "Gemma3ForCausalLM", 1152, 4, 1, 256, 6912, 262_144),
        {"sliding_window": 512},
        layers=6,
        tied=True,
        norms=4,
        biases=2 * 256,
        windows=(512,) * 5,  # five of six layers
    ),
    Decoder("microsoft/Phi-3-mini-128k-instruct", "Phi3ForCausalLM", 3072, 32, 32, 96, 8192, 32_064),
    Decoder(
        *("bigcode/starcoder", "GPTBigCodeForCausalLM", 6144, 48, 1, 128, 24_576, 49_152),
        {"n_inner": 24_576, "n_positions": 8192},
        tied=True,
        matrices=2,
        norm=2,
        biases=(48 + 2) * 128 + 6144 + 24_576 + 6144,
        extra=8192 * 6144,
    ),
    Decoder(
        *("tiiuae/falcon-7b", "FalconForCausalLM", 4544, 71, 1, 64, 4 * 4544, 65_024),
        tied=True,
        matrices=2,
        norms=1,
        norm=2,
    ),
    Decoder(
        *("openai/gpt-oss-20b", "GptOssForCausalLM", 2880, 64, 8, 64, 2880, 201_088),
        {"sliding_window": 128, "num_local_experts": 32, "num_experts_per_tok": 4},
        biases=64 * (64 + 2 * 8) + 2880 + 64 + 32 + 32 * (2 * 2880 + 2880),  # Q, K, V, output, sinks, router, experts
        experts=32,
        chosen=4,
        windows=(128,),
    ),
    Decoder("allenai/OLMo-2-1124-7B", "Olmo2ForCausalLM", 4096, 32, 32, 128, 11_008, 100_352, biases=2 * 4096),
    Decoder("ibm-granite/granite-3.1-8b-base", "GraniteForCausalLM", 4096, 32, 8, 128, 12_800, 49_155, tied=True),
]
PAST, BATCH = 5000, 2


def decode(cls: str, fields: Mapping[str, Any], past: int = PAST, new: int = 1, batch: int = BATCH) -> Analysis:
    target = resolve(f"transformers:{cls}", {"dtype": "bfloat16", **fields}).with_batch(batch)
    return netcost.analyze(with_step(target, past, new))


@pytest.mark.parametrize("net", PUBLIC, ids=lambda net: net.source)
def test_a_step_of_a_public_model_is_its_closed_form(net: Decoder) -> None:
    names = {
        "hidden_size": net.h,
        "num_attention_heads": net.a,
        "num_key_value_heads": net.k,
        "head_dim": net.d,
        "intermediate_size": net.f,
        "vocab_size": net.v,
        "num_hidden_layers": net.layers,
        "tie_word_embeddings": net.tied,
        "pad_token_id": 0,
    }
    known = getattr(transformers, net.cls).config_class()
    names = {name: size for name, size in names.items() if {name, known.attribute_map.get(name)} & {*vars(known)}}
    analysis = decode(net.cls, {**names, **net.fields})
    language = analysis.language
    assert language is not None and analysis.unknown_ops == {}
    assert analysis.params_total == net.params
    assert language.mult_adds_per_token == net.mult_adds(PAST)
    assert language.kv_cache_bytes == 2 * BATCH * net.cache(PAST)
    assert language.kv_cache_bytes_per_token == 2 * 2 * net.k * net.d * (net.layers - len(net.windows))


MLA = {"q_lora_rank": None, "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128}
LITE = {"hidden_size": 2048, "num_attention_heads": 16, "vocab_size": 102_400, "intermediate_size": 10_944, **MLA}
LITE |= {"moe_intermediate_size": 1408, "n_routed_experts": 64, "n_shared_experts": 2, "num_experts_per_tok": 6}
LITE |= {"num_hidden_layers": 3, "first_k_dense_replace": 1, "num_key_value_heads": 16}
EXPERT = 3 * 2048 * 1408
LATENT = 2048 * 16 * 192 + 2048 * 576 + 16 * 128 * 2048  # queries, latent with the rotary part, output
MAMBA = {"hidden_size": 2560, "intermediate_size": 5120, "time_step_rank": 160, "vocab_size": 50_280}
FORWARD = 3 * 4096 * 14_336


def scan(h: int, i: int, rank: int) -> int:
    """Weights of a selective state space of 16 states: in, out, step and its parameters, kernel of 4."""
    return h * 2 * i + i * h + i * (rank + 2 * 16) + rank * i


@pytest.mark.parametrize(
    ("cls", "fields", "params", "active", "mult_adds", "cache"),
    [
        (  # deepseek-ai/DeepSeek-V2-Lite: the latent is cached, and a step makes keys and values of all of it
            "DeepseekV2ForCausalLM",
            {**LITE, "topk_method": "greedy", "n_group": 1, "topk_group": 1},
            3 * (LATENT + 512 * 16 * 256 + 512)
            + 3 * 2048 * 10_944
            + 2 * (66 * EXPERT + 64 * 2048)
            + 7 * 2048
            + 204_800 * 2048,
            3 * (LATENT + 512 * 16 * 256 + 512)
            + 3 * 2048 * 10_944
            + 2 * (8 * EXPERT + 64 * 2048)
            + 7 * 2048
            + 204_800 * 2048,
            3 * LATENT
            + 3 * (PAST + 1) * (512 * 16 * 256 + 16 * (192 + 128))
            + 3 * 2048 * 10_944
            + 2 * (8 * EXPERT + 64 * 2048)
            + 102_400 * 2048,
            3 * (512 + 64) * PAST,
        ),
        (  # state-spaces/mamba-2.8b-hf: a state of 16 and the last 4 inputs per channel, whatever the context
            "MambaForCausalLM",
            {**MAMBA, "num_hidden_layers": 2},
            (params := 2 * (scan(2560, 5120, 160) + 5120 * (4 + 1 + 1 + 16 + 1) + 2560) + 2560 + 50_280 * 2560),
            params,
            2 * (scan(2560, 5120, 160) + 5120 * (2 * 4 + 16)) + 50_280 * 2560,  # the kernel at two places, of which one
            2 * 5120 * (4 + 16),
        ),
        (  # ai21labs/Jamba-v0.1: one layer of eight attends, every second has 16 experts
            "JambaForCausalLM",
            {"num_hidden_layers": 8},
            (
                params := 7 * (scan(4096, 8192, 256) + 8192 * (4 + 1 + 1 + 16 + 1) + 256 + 2 * 16)
                + 17 * 4096
                + 2 * 65_536 * 4096
            )
            + 4096 * 128 * (2 * 32 + 2 * 8)
            + 4 * FORWARD
            + 4 * (16 * FORWARD + 16 * 4096),
            params + 4096 * 128 * (2 * 32 + 2 * 8) + 4 * FORWARD + 4 * (2 * FORWARD + 16 * 4096),
            7 * (scan(4096, 8192, 256) + 8192 * (2 * 4 + 16))
            + 4096 * 128 * (2 * 32 + 2 * 8)
            + 2 * 32 * 128 * (PAST + 1)
            + 4 * FORWARD
            + 4 * (2 * FORWARD + 16 * 4096)
            + 65_536 * 4096,
            7 * 8192 * (4 + 16) + 2 * 8 * 128 * PAST,
        ),
    ],
    ids=["latent attention", "state space", "hybrid"],
)
def test_other_caches_and_experts_are_their_closed_form(
    cls: str, fields: dict[str, Any], params: int, active: int, mult_adds: int, cache: int
) -> None:
    analysis = decode(cls, {**fields, "dtype": "float32"})
    assert analysis.language is not None
    assert (analysis.params_total, analysis.language.active_params) == (params, active)
    assert analysis.language.mult_adds_per_token == mult_adds
    assert analysis.language.kv_cache_bytes == 4 * BATCH * cache


LLAMA_8B = {
    "vocab_size": 128_256,
    "hidden_size": 4096,
    "intermediate_size": 14_336,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "num_hidden_layers": 32,
}
LLAMA_70B = {
    **LLAMA_8B,
    "hidden_size": 8192,
    "intermediate_size": 28_672,
    "num_attention_heads": 64,
    "num_hidden_layers": 80,
}


@pytest.mark.parametrize(
    ("fields", "past", "mult_adds"),
    [
        (LLAMA_8B, 4096, 8_578_662_400),
        (LLAMA_8B, 131_072 - 1, 41_864_396_800),  # the last token of the longest context
        (LLAMA_70B, 4096, 74_871_734_272),
    ],
)
def test_a_step_of_llama_at_its_real_size(fields: dict[str, Any], past: int, mult_adds: int) -> None:
    analysis = decode("LlamaForCausalLM", fields, past, batch=1)
    layers = fields["num_hidden_layers"]
    assert analysis.mult_adds == mult_adds
    assert analysis.language is not None
    assert analysis.language.kv_cache_bytes == 2 * layers * 8 * 128 * past * 2
    assert analysis.language.weights_read_bytes == 2 * (analysis.params_total - (128_256 - 1) * fields["hidden_size"])


def test_the_memory_access_of_a_step_is_weights_cache_and_its_own_activations() -> None:
    """One token: h = 64, four heads of 16, two of keys and values, f = 96, two layers, 50 words."""
    h, q, kv, d, f, layers, past = 64, 4 * 16, 2 * 16, 16, 96, 2, 100
    fields = {"hidden_size": h, "intermediate_size": f, "num_attention_heads": 4, "num_key_value_heads": 2}
    analysis = decode(
        "LlamaForCausalLM", {**fields, "num_hidden_layers": layers, "vocab_size": 50, "dtype": None}, past, 1, 1
    )
    layer = 2 * h * (q + kv) + 3 * h * f + 2 * h
    weights = layers * layer + h + 50 * h + h  # one row of the embedding
    cache_read = layers * 2 * kv * (past + (past + 1))  # to be joined with the new keys and values, and by attention
    cache_written = layers * 2 * kv * (past + 1)
    norm = 7 * h + 6  # square, mean, plus epsilon, root, two products
    rotated = [10 * width + 2 * d for width in (q, kv)]  # by cosine, halves swapped, by sine, and their sum
    attention = 4 * h + 2 * q + 2 * kv + sum(rotated) + 2 * kv + 2 * q  # products, rotation, what is joined, attention
    own = layers * (2 * norm + attention + 2 * 3 * h + 3 * h + 8 * f) + norm + (1 + h) + (h + 50)
    rest = sum(
        cost.memory_access
        for op, cost in zip(analysis.graph.ops, analysis.count.costs, strict=True)
        if op.module in ("", "model", "model.rotary_emb")  # positions and the mask
    )
    assert analysis.memory_access == weights + cache_read + cache_written + own + rest
    assert rest < 3 * past + 20 * d


def test_a_prefill_leaves_the_cache_that_the_next_step_reads() -> None:
    fields = {**LLAMA_8B, "num_hidden_layers": 2, "hidden_size": 512, "intermediate_size": 64, "vocab_size": 100}
    prefill, step = (decode("LlamaForCausalLM", fields, *tokens) for tokens in ((0, 300), (300, 1)))
    assert prefill.language is not None and step.language is not None
    assert prefill.language.kv_cache_bytes == step.language.kv_cache_bytes
    assert prefill.language.tokens == 300 * BATCH
    whole = decode("LlamaForCausalLM", fields, 0, 301)  # all tokens at once see all keys
    assert whole.mult_adds - prefill.mult_adds == step.mult_adds + 300 * BATCH * 2 * 2 * 512


def test_a_model_without_a_cache_is_refused() -> None:
    for name in ("BertModel", "ViTModel"):
        with pytest.raises(RequestError, match=r"no language model|takes no cache|returns no cache"):
            with_step(resolve(f"transformers:{name}", {"num_hidden_layers": 1}), 8, 1)
    with pytest.raises(RequestError, match="transformers:CLASS"):
        with_step(resolve("lenet5"), 8, 1)
