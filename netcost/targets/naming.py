"""Resolves the name of a target, as a user types it, to a module and its inputs."""

from __future__ import annotations

import fnmatch
import inspect
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from torch import nn

from netcost.targets.calls import parse_call
from netcost.targets.input_code import is_code, load_inputs
from netcost.targets.libraries import diffusers_classes, transformers_classes
from netcost.targets.libraries.transformers_classes import LibraryNetwork
from netcost.targets.loading import importable, is_file, library, load_attribute
from netcost.targets.making import maker
from netcost.targets.onnx_files import onnx_target
from netcost.targets.weightless import weightless
from netcost.text.errors import RequestError, TargetError
from netcost.text.registry import a_kind_of, suggestion, without_folders
from netcost.tracing import Input, InputSpec, described, parse_input
from netcost.tracing.arguments import lacks_values
from netcost.tracing.nests import copied_module
from netcost.zoo import ARCHITECTURES, MODULES
from netcost.zoo.catalogue import matching

if TYPE_CHECKING:
    from netcost.targets.libraries.caches import GenerationStep

Options = dict[str, Any]
Inputs = tuple[Input, ...]

PICKLES = frozenset({".pt", ".pth", ".pkl", ".pickle", ".bin", ".ckpt", ".t7"})


@dataclass(frozen=True, slots=True)
class Target:
    """A network that can be built, and its inputs.

    Args:
        name: as the user wrote it, but an absolute path is shortened to its last part.
        make: builds the module with its real initialisation.
        inputs: inputs of one forward pass; None if the target has none of its own and none were given.
        arguments: arguments of the architecture; None if no name stands for the target, so that only this process can
            build it.
        text: the text that `resolve` parsed; "" if it did not.
        notes: sentences on how the network and its inputs are made.
        inputs_in: makes the inputs in a batch, of a number of tokens, where they hang together; None where each has its
            own first size.
        step: of a language model, where one is asked for.
    """

    name: str
    make: Callable[[], nn.Module]
    inputs: Inputs | None = None
    arguments: Mapping[str, Any] | None = None
    text: str = ""
    notes: tuple[str, ...] = ()
    inputs_in: Callable[[int | None, int | None], Inputs | None] | None = None
    step: GenerationStep | None = None

    def build(self) -> nn.Module:
        """Return the module with real weights.

        Raises:
            TargetError: its constructor raised; the message names file and line.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # those of the model's own library, about its defaults
                return self.make()
        except RequestError:
            raise
        except (Exception, SystemExit) as error:
            raise TargetError(f"{self.name!r} cannot be built: {described(error)}") from error

    def build_weightless(self) -> nn.Module:
        """Return the module without values, or with real weights if its constructor needs them."""
        try:
            with weightless():
                return self.build()
        except TargetError as error:
            if not any(map(lacks_values, _chain(error))):
                raise  # real weights would change nothing
        return self.build()

    def with_batch(self, batch: int) -> Target:
        """Return the target with another first dimension of every input."""
        if self.inputs_in is not None:
            return replace(self, inputs=self.inputs_in(batch, None))
        return replace(self, inputs=tuple(spec.with_batch(batch) for spec in self.required_inputs()))

    def required_inputs(self) -> Inputs:
        """Return the inputs.

        Raises:
            RequestError: the target has none.
        """
        if self.inputs is None:
            raise RequestError(f"{self.name!r} has no input of its own; give one: --input 1x3x224x224")
        return self.inputs


def _chain(error: BaseException | None) -> Iterator[Exception]:
    """Yield the error and those that it was raised from, or while they were handled."""
    while error is not None:
        if isinstance(error, Exception):
            yield error
        error = error.__cause__ or error.__context__


def resolve(text: str, arguments: Mapping[str, Any] | None = None, inputs: Sequence[str | Input] = ()) -> Target:
    """Return the target that `text` names.

    Args:
        text: "googlenet", "module:inception_v1", "torchvision:resnet50", "timm:convnext_tiny",
            "transformers:LlamaForCausalLM", "hf:org/name", "diffusers:AutoencoderKL", "package.module:callable",
            "file.py:Net" or "file.onnx"; with arguments of its own as Python would call it, literals by name:
            "mobilenet_v2(width=0.5)".
        arguments: arguments of the architecture: {"width": 0.5}.
        inputs: inputs in place of the target's own, as `input_specs` makes them, written like "1x3x160x160", or code
            that makes them: "inputs.py:make_inputs".

    Raises:
        RequestError: the name is unknown (near names are suggested) or an input does not parse.
        TargetError: the target cannot be loaded.
    """
    code = [entry for entry in inputs if isinstance(entry, str) and is_code(entry)]
    given = tuple(parse_input(entry) if isinstance(entry, str) else entry for entry in inputs if entry not in code)
    called, own = parse_call(text)
    options = {**(arguments or {}), **own}
    target = replace(_resolved(called, options, given), name=without_folders(text), arguments=options, text=called)
    # The model's code is loaded first: inputs from the same file are of its classes.
    return replace(target, inputs=(*chain(*map(load_inputs, code)), *given)) if code else target


def matching_names(pattern: str) -> list[str]:
    """Return the names of targets that match a shell pattern: "mobilenet*", "module:*", "torchvision:*" or "timm:*".

    Raises:
        RequestError: no name matches.
        TargetError: the library is not installed.
    """
    prefix, _, rest = pattern.partition(":")
    if prefix == "torchvision":
        names = library("torchvision.models", pattern).list_models()
    elif prefix == "timm":
        names = library("timm", pattern).list_models()
    else:
        return matching(pattern)
    found = [f"{prefix}:{name}" for name in fnmatch.filter(names, rest)]
    if not found:
        raise RequestError(f"no model of {prefix} matches {rest!r}; '{prefix}:*' names all")
    return found


def build(name: str, **arguments: Any) -> nn.Module:
    """Build the network or module called `name` with real weights of its own initialisation.

    Args:
        name: as for `resolve`, like "googlenet" or "module:inception_v1".
        arguments: arguments of the builder: `num_classes=10`, `width=0.5`.

    Raises:
        RequestError: the name is unknown; the message suggests near ones.
        TargetError: the builder takes no such argument, or raised an error of its own.
    """
    return resolve(name, arguments).build()


def _resolved(text: str, options: Options, given: Inputs) -> Target:
    prefix, separator, rest = text.partition(":")
    path = text.rsplit(":", 1)[0] if ".py:" not in text else ""
    if Path(path).suffix.lower() in PICKLES:
        raise TargetError(
            f"{text!r} is a pickle, and loading one runs whatever code is in it: refused; "
            "name the code that builds the model instead: path/to/file.py:Net"
        )
    if Path(text).suffix.lower() == ".onnx":
        make, inputs = onnx_target(text, options, given)
        return Target(text, make, inputs)
    if not separator:
        if text.endswith(".py"):
            raise TargetError(f"{text!r} names a file only; say which class or function of it: {text}:Net")
        return _of_zoo(text, options, given)
    if prefix in LIBRARIES:
        return LIBRARIES[prefix](text, rest, options, given)
    place, _, attribute = text.rpartition(":")
    if not place or not attribute:
        raise TargetError(f"{text!r} does not parse; expected package.module:callable or path/to/file.py:Net")
    return _of_code(text, place, attribute, options, given)


def _of_zoo(name: str, options: Options, given: Inputs) -> Target:
    if name not in ARCHITECTURES and f"module:{name}" in MODULES:
        raise RequestError(f"unknown architecture {name!r}; did you mean the building block module:{name}?")
    entry = ARCHITECTURES.get(name)
    return Target(name, maker(name, entry.build, options), given or (InputSpec(entry.input_shape),))


def _of_modules(text: str, _name: str, options: Options, given: Inputs) -> Target:
    """Resolve a module of the zoo; `in_channels` is the second size of its input, unless it is given."""
    entry = MODULES.get(text)
    if given and (len(given) > 1 or len(given[0].shape) != len(entry.input_shape)):
        sizes = "x".join(map(str, entry.input_shape))
        raise RequestError(f"{text!r} takes one input (N, C, H, W), like --input {sizes}")
    batch, channels, *sides = given[0].shape if given else entry.input_shape
    arguments = {"in_channels": channels, **options}
    own = InputSpec((batch, arguments["in_channels"], *sides))
    return Target(text, maker(text, entry.build, arguments), given or (own,))


def _of_torchvision(text: str, name: str, options: Options, given: Inputs) -> Target:
    models = library("torchvision.models", text)
    if name not in models.list_models():
        raise RequestError(f"torchvision has no model {name!r}{suggestion(name, models.list_models())}")
    is_detector = name in models.list_models(models.detection)
    own = _detector_input(models, name) if is_detector else _torchvision_input(models, name)
    is_flow = name in models.list_models(models.optical_flow)
    frames = (own,) if own is not None else (InputSpec(FLOW_FRAME),) * 2 if is_flow else None
    accepted = inspect.signature(models.get_model_builder(name)).parameters
    optional = {"weights_backbone": None, "aux_loss": True}  # no download; as the published weights have it
    defaults: Options = {option: value for option, value in optional.items() if option in accepted}
    if name.startswith("vit_") and own is not None:
        defaults["image_size"] = own.shape[-1]
    if is_detector:
        given = tuple(
            replace(spec, as_list=spec.name is None) if isinstance(spec, InputSpec) else spec for spec in given
        )
    make = maker(text, partial(models.get_model, name, weights=None, **defaults), options)
    return Target(text, make, given or frames)


CLIP_FRAMES = 16

FLOW_FRAME = (1, 3, 520, 960)
"""One of two frames: the size of the recipes that torchvision's weights of RAFT were evaluated with."""


def _torchvision_input(models: ModuleType, name: str) -> InputSpec | None:
    """Return the input that the default weights' own transform makes; None where it keeps the image's size."""
    try:
        weights = models.get_model_weights(name).DEFAULT
    except (AttributeError, ValueError):
        return None
    transform = weights.transforms()
    crop = getattr(transform, "crop_size", None)
    is_video = type(transform).__name__ == "VideoClassification"
    size = crop if crop is not None or is_video else getattr(transform, "resize_size", None)
    if not size:
        return None
    frames = (max(weights.meta.get("min_temporal_size", CLIP_FRAMES), CLIP_FRAMES),) if is_video else ()
    return InputSpec((1, 3, *frames, *(size * 2 if len(size) == 1 else size)))


def _detector_input(models: ModuleType, name: str) -> InputSpec:
    """Return one square image as large as the detector makes it: by its name, or FasterRCNN's `min_size`."""
    named = re.search(r"[0-9]{3}", name)
    side = int(named[0]) if named else inspect.signature(models.detection.FasterRCNN).parameters["min_size"].default
    return InputSpec((1, 3, side, side), as_list=True)


def _of_timm(text: str, name: str, options: Options, given: Inputs) -> Target:
    timm = library("timm", text)
    if not timm.is_model(name.split(".")[0]):
        raise RequestError(f"timm has no model {name!r}{suggestion(name, timm.list_models())}")
    pretrained = timm.get_pretrained_cfg(name)
    size = (3, 224, 224) if pretrained is None else pretrained.input_size
    make = maker(text, partial(timm.create_model, name, pretrained=False), options)
    return Target(text, make, given or (InputSpec((1, *size)),))


def _of_library(find: Callable[..., LibraryNetwork], text: str, name: str, options: Options, given: Inputs) -> Target:
    network = find(text, name, options, given)
    return Target(text, network.make, network.inputs_in(None, None), notes=network.notes, inputs_in=network.inputs_in)


LIBRARIES: dict[str, Callable[[str, str, Options, Inputs], Target]] = {
    "module": _of_modules,
    "torchvision": _of_torchvision,
    "timm": _of_timm,
    "transformers": partial(_of_library, transformers_classes.of_class),
    "diffusers": partial(_of_library, diffusers_classes.of_class),
    "hf": partial(_of_library, transformers_classes.of_repository),
}


def _of_code(text: str, place: str, attribute: str, options: Options, given: Inputs) -> Target:
    """Resolve a class, function or module instance in the user's own code."""
    value = load_attribute(text, place, attribute, [*LIBRARIES, *ARCHITECTURES])
    if isinstance(value, nn.Module):
        if options:
            raise RequestError(f"{text!r} is a built module; --arg goes to a class or function that builds one")
        return Target(text, lambda: copied_module(value), given or None)  # each build is an instance of its own
    if not callable(value):
        raise TargetError(f"{text!r} is {a_kind_of(value)}; expected a class or function that makes an nn.Module")
    make = maker(text, value, options)
    folder = Path(place).resolve().parent if is_file(place) else Path.cwd()

    def make_there() -> nn.Module:
        with importable(folder):
            return make()

    return Target(text, make_there, given or None)
