"""Caches of language models, made by the model's own classes, and filled before anything is counted.

The model runs once on a few tokens, by shape, and what its cache then holds tells the shape of every state. Each layer
of the cache is told of the other tokens by its own `update`, which keeps what the model keeps: all of them, those of a
window, or a state of fixed size. One decoder layer of each kind runs; the others get a cache like its own. A cache of
other classes is left by a pass over all tokens.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from netcost.text.errors import NetcostError, RequestError
from netcost.tracing import Input, InputSpec, call_arguments, trace_call
from netcost.tracing.inputs import drawing_indices
from netcost.tracing.nests import parts, tensors_in, with_tensors

NAMES = ("cache", "past_key_values", "cache_params")
"""Names of the cache in the forwards and outputs of transformers, the present one first."""

SHORT = 8
"""Tokens of the pass that shows the shapes."""

NUMBERS = frozenset({"layer_idx", "layer_index", "layer_id", "block_idx", "training"})
"""Attributes in which layers of one kind differ."""

Inputs = tuple[Input, ...]


def cache_name(model: nn.Module) -> str:
    """Return the name of the cache among the inputs of the model's forward.

    Raises:
        RequestError: it takes none.
    """
    known = inspect.signature(model.forward).parameters
    found = next((name for name in NAMES if name in known), None)
    if found is None:
        raise RequestError(f"{type(model).__name__} takes no cache; --past and --new are for models that generate text")
    return found


class Caches:
    """The caches of one model, by batch and number of tokens.

    Args:
        build: builds the model without weights.
        inputs_in: makes the inputs of a batch and a number of tokens.
    """

    def __init__(self, build: Callable[[], nn.Module], inputs_in: Callable[[int, int], Inputs]) -> None:
        self._build, self._inputs_in = build, inputs_in
        self._model: nn.Module | None = None
        self._left: dict[tuple[int, int], Any] = {}  # by a pass, with specs in place of tensors

    @property
    def model(self) -> nn.Module:
        """The model without weights."""
        self._model = self._model or self._build()
        return self._model

    def filled(self, batch: int, tokens: int) -> Any:
        """Return what a pass over this number of tokens leaves: the cache, and the encoder's output, if any."""
        first = min(tokens, SHORT)
        left = on_meta(self._after(batch, first))
        if first == tokens:
            return left
        try:
            for layer in _own_layers(left[0]):
                _lengthen(layer, tokens - first)
        except (AttributeError, NotImplementedError):  # a class of its own
            return on_meta(self._after(batch, tokens))
        return left

    def size_bytes(self, batch: int, tokens: int) -> int:
        """Return the bytes of all states in the cache after this number of tokens."""
        held = tensors_in(self.filled(batch, tokens)[0])
        return sum(tensor.numel() * tensor.element_size() for tensor in held if tensor.is_floating_point())

    def _after(self, batch: int, tokens: int) -> Any:
        """Return what a pass leaves, with specs in place of tensors."""
        if (batch, tokens) not in self._left:
            inputs = self._inputs_in(batch, tokens)
            try:
                with one_of_each_kind(self.model) as likes:
                    left = _left_by(self.model, inputs)
                    _copy_likes(left[0], likes)
            except (NetcostError, AttributeError, IndexError, LookupError, TypeError):
                left = _left_by(self.model, inputs)
            self._left[batch, tokens] = left
        return self._left[batch, tokens]


@dataclass(frozen=True, slots=True)
class GenerationStep:
    """A step of generation.

    Args:
        past: tokens in the cache before it, per sequence; 0 for a prefill.
        new: tokens that it adds.
        caches: of the model.
    """

    past: int
    new: int
    caches: Caches

    @property
    def context(self) -> int:
        """Tokens per sequence that the cache holds: before a step of decoding, or after a prefill."""
        return self.past or self.new

    @property
    def title(self) -> str:
        """The step in words."""
        tokens = f"{self.new:,} token{'s' if self.new > 1 else ''}"
        return f"{tokens} after {self.past:,}" if self.past else f"prefill of {tokens}"


def _left_by(model: nn.Module, inputs: Inputs) -> tuple[Any, Any]:
    """Run the model by shape; return the cache and the encoder's output, with specs in place of tensors."""
    kept: list[tuple[Any, Any]] = []

    def keep(_module: nn.Module, _args: Any, output: Any) -> None:
        cache = next((found for name in NAMES if (found := getattr(output, name, None)) is not None), None)
        kept.append(with_tensors((cache, getattr(output, "encoder_last_hidden_state", None)), _spec))

    args, kwargs = call_arguments(inputs, drawing_indices(model))
    hook = model.register_forward_hook(keep)
    try:
        trace_call(model, args, {**kwargs, "use_cache": True})
    finally:
        hook.remove()
    if not kept or kept[-1][0] is None:
        raise RequestError(
            f"{type(model).__name__} returns no cache; --past and --new are for models that generate text"
        )
    return kept[-1]


def _spec(tensor: Tensor) -> Tensor:
    """Return the shape of a state; whole numbers, such as the size of a window, keep their values."""
    is_state = tensor.is_meta or tensor.is_floating_point()
    return cast(Tensor, InputSpec.of(tensor)) if is_state else tensor


def on_meta(value: Any) -> Any:
    """Return a copy with tensors without values in place of specs."""
    known: dict[int, Any] = {id(part): part.on_meta() for part in parts(value) if isinstance(part, InputSpec)}
    return copy.deepcopy(value, known)


def _own_layers(cache: Any) -> Sequence[Any]:
    """Return the layers of the cache that grow with the decoder's tokens."""
    layers: Sequence[Any] = getattr(cache, "self_attention_cache", cache).layers
    return layers


def holds_keys(cache: Any) -> bool:
    """True where some layer of the cache holds keys of single tokens."""
    return any(isinstance(getattr(layer, "keys", None), Tensor) for layer in _own_layers(cache))


def _lengthen(layer: Any, tokens: int) -> None:
    """Tell a layer of the cache of more tokens.

    Raises:
        NotImplementedError: a model's own class, whose `update` takes something else.
    """
    if not type(layer).__module__.endswith("cache_utils"):
        raise NotImplementedError(type(layer).__name__)
    keys, indexed = getattr(layer, "keys", None), getattr(layer, "indexer_keys", None)
    if isinstance(keys, Tensor):
        layer.update(*(_of_length(states, -2, tokens) for states in (keys, layer.values)))
    if isinstance(indexed, Tensor):
        layer.update_indexer(_of_length(indexed, 1, tokens))


def _of_length(states: Tensor, dim: int, tokens: int) -> Tensor:
    shape = list(states.shape)
    shape[dim] = tokens
    return torch.empty(shape, dtype=states.dtype, device="meta")


@contextmanager
def one_of_each_kind(model: nn.Module) -> Iterator[dict[int, int]]:
    """Let the first decoder layer of each kind run alone within; yield the index of its like for each other layer."""
    layers = _decoder_layers(model)
    firsts: dict[Any, int] = {}
    likes: dict[int, int] = {}
    types = getattr(_text_config(model), "layer_types", None) or [None] * len(layers)
    for index, layer in enumerate(layers):
        first = firsts.setdefault((types[index], _kind(layer)), index)
        if first != index:
            likes[index] = first
    widths: list[int] = [0]  # of the last layer's result: 0 for a tensor, or the length of a tuple

    def skip(hidden_states: Tensor, *_: Any, **__: Any) -> Any:
        return (hidden_states, *[None] * (widths[-1] - 1)) if widths[-1] else hidden_states

    def watched(forward: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            result = forward(*args, **kwargs)
            widths.append(len(result) if isinstance(result, tuple) else 0)
            return result

        return run

    try:
        for index, layer in enumerate(layers):
            vars(layer)["forward"] = skip if index in likes else watched(layer.forward)
        yield likes
    finally:
        for layer in layers:
            vars(layer).pop("forward", None)


def _text_config(model: nn.Module) -> Any:
    config: Any = model.config
    return config.get_text_config(decoder=True)


def _decoder_layers(model: nn.Module) -> list[nn.Module]:
    """Return the layers that the decoder runs one after the other; none where an encoder has as many."""
    number = getattr(_text_config(model), "num_hidden_layers", 0)
    lists = [part for part in model.modules() if isinstance(part, nn.ModuleList) and len(part) == number]
    config: Any = model.config
    return [*lists[0]] if len(lists) == 1 and not getattr(config, "is_encoder_decoder", False) else []


def _kind(layer: nn.Module) -> tuple[Any, ...]:
    """Return what tells layers apart, but for their number: their modules, the shapes of weights, and plain values."""
    return tuple(
        (
            type(part),
            tuple((name, None if weight is None else weight.shape) for name, weight in part._parameters.items()),
            tuple((name, value) for name, value in vars(part).items() if _tells(name, value)),
        )
        for part in layer.modules()
    )


def _tells(name: str, value: Any) -> bool:
    return name not in NUMBERS and type(value) in (bool, int, float, str)


def _copy_likes(cache: Any, likes: dict[int, int]) -> None:
    """Give each layer that did not run the states of its like.

    Raises:
        LookupError: a layer of another class belongs to it.
    """
    layers = cache.layers
    for index, like in sorted(likes.items()):
        if index < len(layers) and type(layers[index]) is not type(layers[like]):
            raise LookupError(f"layer {index} of the cache is a {type(layers[index]).__name__}")
        layers[index : index + 1] = [copy.deepcopy(layers[like])]
