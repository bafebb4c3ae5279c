"""Sweep over the model types of transformers' auto classes: which are analysed by shape, with ids, mask and cache.

Each is built from its default configuration with two layers. Types that do not build by themselves are left out; those
that build and are not analysed are written, with the reason, to the golden file that `--write` names: it may only
shrink.

    python tests/benchmarks/language_models.py [--only TYPE ...] [--write tests/targets/transformers_not_analysed.txt]
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

import netcost
from netcost.targets import resolve
from netcost.targets.naming import Target
from netcost.text.errors import AbsentTargetError, NetcostError

LAYERS = """
    num_hidden_layers n_layers num_layers n_layer encoder_layers decoder_layers num_decoder_layers num_encoder_layers
    encoder_num_hidden_layers decoder_num_hidden_layers num_blocks depth
""".split()


def model_types() -> dict[str, str]:
    """Return the class of each model type: the language model's where there is one, or else the bare one."""
    from transformers.models.auto import modeling_auto as auto

    named = {**auto.MODEL_MAPPING_NAMES, **auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES}
    return {kind: name if isinstance(name, str) else name[0] for kind, name in sorted(named.items())}


def two_layers(config: Any) -> dict[str, Any]:
    """Return the fields that give a configuration, and the parts of it, two layers."""
    fields: dict[str, Any] = {}
    for name, value in config.to_dict().items():
        try:
            part = getattr(config, name, None)
        except Exception:  # a field that differs between layers
            continue
        if name in LAYERS and isinstance(value, int) and value > 2:
            fields[name] = 2
        elif hasattr(part, "to_dict") and (inner := two_layers(part)):
            fields[name] = {**part.to_dict(), **inner}
        elif name == "layer_types" and isinstance(value, list) and len(value) > 2:
            fields[name] = (sorted({*value}, key=value.index) * 2)[:2]  # two kinds, where there are two
    return fields


def targets_of(name: str) -> Iterator[Target]:
    """Yield the target of a class with two layers, and with its own number, for one that two do not suit."""
    import transformers

    if "forward" not in vars(kind := getattr(transformers, name)) and kind.forward is nn.Module.forward:
        raise AbsentTargetError(f"{name} has no forward")
    for fields in (two_layers(kind.config_class()), {}):
        yield resolve(f"transformers:{name}", fields)


def outcome(name: str) -> tuple[str, str]:
    """Return the stage that a class reaches (build, analysis, unknown, analysed), and the reason."""
    stage, reason = "build", ""
    try:
        for target in targets_of(name):
            try:
                target.build_weightless()
                stage = "analysis"
                unknown = netcost.analyze(target).unknown_ops
            except NetcostError as error:
                reason = reason or f"{type(error).__name__}: {error}"
            else:
                return ("unknown", " ".join(unknown)) if unknown else ("analysed", "")
    except (Exception, SystemExit) as error:
        reason = reason or f"{type(error).__name__}: {error}"
    return stage, reason


def main() -> None:
    """Print a line per type that is not analysed, and the totals."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--only", nargs="*", help="types")
    options.add_argument("--write", type=Path)
    asked = options.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    stages: Counter[str] = Counter()
    lines = []
    for kind, name in model_types().items():
        if asked.only and kind not in asked.only:
            continue
        begun = time.perf_counter()
        stage, reason = outcome(name)
        stages[stage] += 1
        spent = time.perf_counter() - begun
        if stage != "analysed" or spent > 20:
            print(f"{kind} {name} {stage} {spent:.1f} s: {reason[:230]}", flush=True)
        if stage in ("analysis", "unknown"):
            lines.append(f"{kind}: {' '.join(reason.split())[:120]}")
    print(dict(stages))
    built = sum(stages.values()) - stages["build"]
    print(f"{stages['analysed']} of {built} that build are analysed: {stages['analysed'] / max(1, built):.1%}")
    if asked.write is not None:
        asked.write.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    main()
