"""Networks of transformers: a class with its default configuration, a `config.json`, or a repository of the hub."""

from __future__ import annotations

import copy
import inspect
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from torch import nn

from netcost.targets.libraries.hub import hub_file, offline
from netcost.targets.libraries.model_inputs import Inputs, features_in, inputs_of, modalities_notes
from netcost.targets.libraries.placeholders import completed
from netcost.targets.loading import library
from netcost.targets.weightless import weightless
from netcost.text.errors import AbsentTargetError, TargetError
from netcost.text.registry import suggestion
from netcost.tracing import described

CONFIG = "config.json"
Options = dict[str, Any]


class LibraryNetwork(NamedTuple):
    """A network of a library.

    Args:
        make: builds the module.
        inputs_in: makes its inputs in a batch, of a number of tokens.
        notes: sentences on how it is made.
    """

    make: Callable[[], nn.Module]
    inputs_in: Callable[[int | None, int | None], Inputs | None]
    notes: tuple[str, ...] = ()


def of_class(text: str, name: str, options: Options, given: Inputs) -> LibraryNetwork:
    """Resolve `transformers:LlamaForCausalLM`, or a path to a configuration behind the prefix.

    Raises:
        TargetError: there is no such class or file, or it has no such field.
    """
    transformers = library("transformers", text, "transformers")
    path = Path(name)
    if path.suffix == ".json" or "/" in name or path.is_dir():
        return of_configuration(text, path / CONFIG if path.is_dir() else path, options, given)
    kind = _class(transformers, text, name)
    known, config = kind.config_class(), _configured(text, kind.config_class, options)
    return _network(text, kind, config, options, given, known)


def of_repository(text: str, name: str, options: Options, given: Inputs) -> LibraryNetwork:
    """Resolve `hf:org/name` from the local cache of the hub."""
    return of_configuration(text, hub_file(text, name, CONFIG), options, given)


def of_configuration(text: str, path: Path, options: Options, given: Inputs) -> LibraryNetwork:
    """Read a configuration of the library, and take the class that it names.

    Raises:
        TargetError: there is no such file, it does not parse, or the library does not know its type.
    """
    transformers = library("transformers", text, "transformers")
    if not path.is_file():
        raise AbsentTargetError(f"{text!r}: there is no file {path.name!r} there; expected a {CONFIG} of transformers")
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TargetError(f"{text!r} cannot be read: {error}") from error
    if not isinstance(fields, dict) or not ("model_type" in fields or fields.get("architectures")):
        raise TargetError(
            f"{text!r} is no configuration of transformers: it names neither model_type nor architectures"
        )
    names = [name for name in fields.get("architectures") or () if hasattr(transformers, name)]
    if names:
        kind = _class(transformers, text, names[0])
    else:
        kind = _class_of_type(transformers, text, str(fields.get("model_type")))
    config = _configured(text, kind.config_class, fields, kind.config_class.from_dict)
    known = copy.deepcopy(config)
    if options:
        config = _configured(text, kind.config_class, {**fields, **options}, kind.config_class.from_dict)
    return _network(text, kind, config, options, given, known)


def _class(transformers: ModuleType, text: str, name: str) -> Any:
    """Return a class of the library that a configuration builds."""
    try:
        kind: Any = getattr(transformers, name, None)
        is_network = issubclass(kind, nn.Module) if isinstance(kind, type) else False
        is_network = is_network and getattr(kind, "config_class", None) is not None
    except (AttributeError, ImportError) as error:  # its own library is missing
        raise TargetError(f"{text!r} cannot be used: {described(error)}") from error
    if not is_network:
        known = [other for other in dir(transformers) if other[:1].isupper()]
        near = suggestion(name, known) or "; expected a class like LlamaForCausalLM or ViTModel"
        raise AbsentTargetError(f"transformers {transformers.__version__} has no network {name!r}{near}")
    return kind


def _class_of_type(transformers: ModuleType, text: str, model_type: str) -> Any:
    """Return the class of a type of model that names no architecture: the language model's, or else the bare one."""
    auto = library("transformers.models.auto.modeling_auto", text, "transformers")
    mappings = (auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, auto.MODEL_MAPPING_NAMES)
    found = next((mapping[model_type] for mapping in mappings if model_type in mapping), None)
    if found is None:
        near = suggestion(model_type, auto.MODEL_MAPPING_NAMES)
        raise AbsentTargetError(
            f"{text!r}: transformers {transformers.__version__} has no model type {model_type!r}{near}; code of the "
            "repository itself is never run"
        )
    return _class(transformers, text, found if isinstance(found, str) else found[0])


def _configured(text: str, kind: Any, fields: Options, make: Callable[..., Any] | None = None) -> Any:
    try:
        with offline():
            return kind(**fields) if make is None else make(dict(fields))
    except Exception as error:
        reason = described(
            error.__cause__ if isinstance(error.__cause__, Exception) else error
        )  # which names the value
        raise TargetError(f"{text!r} has a configuration that {kind.__name__} refuses: {reason}") from error


def _network(text: str, kind: Any, config: Any, options: Options, given: Inputs, known: Any) -> LibraryNetwork:
    fields = {*known.to_dict(), *getattr(known, "attribute_map", {}), "attn_implementation", "experts_implementation"}
    wrong = next((name for name in options if name not in fields and not hasattr(known, name)), None)
    if wrong is not None and f'"{wrong}"' not in inspect.getsource(sys.modules[kind.__module__]):  # which may read it
        near = suggestion(wrong, fields)
        raise AbsentTargetError(f"{text!r} has no field {wrong!r} in its {type(config).__name__}{near}")

    completion = completed(config)

    def make() -> nn.Module:
        with offline():
            made: nn.Module = kind._from_config(copy.deepcopy(config))  # which writes to it
        return made

    def make_weightless() -> nn.Module:
        with weightless():
            return make()

    features = features_in(kind, config, given, make_weightless)

    def inputs_in(batch: int | None, tokens: int | None) -> Inputs:
        return inputs_of(kind, config, given, batch, tokens, features)

    dtype = "" if config.dtype is None else f", in {str(config.dtype).removeprefix('torch.')}"
    note = f"{kind.__name__} by its {type(config).__name__}{dtype}; weights are those of no checkpoint."
    others = modalities_notes(kind, config, inputs_in(None, None), features)
    return LibraryNetwork(make, inputs_in, (note, *filter(None, [completion]), *others))
