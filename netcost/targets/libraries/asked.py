"""A class of transformers whose inputs are made: its configuration, and the names that its forward takes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, NamedTuple

TOKENS = 128
"""Tokens of a sequence unless others are asked for."""

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


def special_tokens(config: Any) -> list[int]:
    """Return the tokens of the configuration that stand for another modality."""
    values = [getattr(config, f"{name}_token_{ending}", None) for name in SPECIAL for ending in ("id", "index")]
    return [value for value in values if isinstance(value, int) and value >= 0]
