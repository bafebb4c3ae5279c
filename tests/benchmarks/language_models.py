"""Sweep over the model types of transformers' auto classes: which are analysed by shape, with ids, mask and cache.

Each is built from its default configuration with two layers. Types that do not build by themselves are left out; those
that build and are not analysed are written, with the reason, to the golden file that `--write` names: it may only
shrink.

    python tests/benchmarks/language_models.py [--only PART] [--write tests/targets/transformers_not_analysed.txt]
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import torch

import netcost
from netcost.targets import resolve
from netcost.targets.naming import Target
from netcost.text.errors import NetcostError

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
        part = getattr(config, name, None)
        if name in LAYERS and isinstance(value, int) and value > 2:
            fields[name] = 2
        elif hasattr(part, "to_dict") and (inner := two_layers(part)):
            fields[name] = {**part.to_dict(), **inner}
        elif name == "layer_types" and isinstance(value, list) and len(value) > 2:
            fields[name] = value[:2]
    return fields


def target_of(name: str) -> Target:
    """Return the target of a class with two layers, or with its own number where it refuses two."""
    import transformers

    kind = getattr(transformers, name)
    for fields in (two_layers(kind.config_class()), {}):
        try:
            target = resolve(f"transformers:{name}", fields)
            target.build_weightless()
        except NetcostError:
            if not fields:
                raise
        else:
            return target
    raise AssertionError


def outcome(name: str) -> tuple[str, str]:
    """Return the stage that a class reaches (absent, build, analysis, unknown, analysed), and the reason."""
    stage = "absent"
    try:
        stage = "build"
        target = target_of(name)
        stage = "analysis"
        analysis = netcost.analyze(target)
        if analysis.unknown_ops:
            return "unknown", " ".join(analysis.unknown_ops)
    except (Exception, SystemExit) as error:
        return stage, f"{type(error).__name__}: {error}"
    return "analysed", ""


def main() -> None:
    """Print a line per type that is not analysed, and the totals."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--only", default="", help="types whose name begins so")
    options.add_argument("--write", type=Path)
    asked = options.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    stages: Counter[str] = Counter()
    lines = []
    for kind, name in model_types().items():
        if not kind.startswith(asked.only):
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
