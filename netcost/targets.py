"""What people name on the command line -> a module and its inputs.

`googlenet` and `module:inception_v1` are of the zoo; `torchvision:resnet50` and `timm:convnext_tiny` are theirs;
`package.module:callable` and `path/to/file.py:Net` are the user's own code. Nothing is ever unpickled: a `.pt` file
runs whatever its author put in.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from netcost.errors import RequestError, TargetError
from netcost.registry import suggestion
from netcost.tracing import InputSpec, described, parse_input, weightless
from netcost.zoo import ARCHITECTURES, MODULES

PICKLES = frozenset({".pt", ".pth", ".pkl", ".pickle", ".bin", ".ckpt", ".t7"})


@dataclass(frozen=True, slots=True)
class Target:
    """A network that can be built, and what goes into it.

    Args:
        name: as it was asked for.
        make: builds the module with its real initialisation.
        inputs: of one forward pass; None where the target has none of its own and none were given.
    """

    name: str
    make: Callable[[], nn.Module]
    inputs: tuple[InputSpec, ...] | None = None

    def build(self) -> nn.Module:
        """The module with real weights.

        Raises:
            TargetError: its constructor raised; the message names file and line.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about defaults of the model's own library
                return self.make()
        except RequestError:
            raise
        except (Exception, SystemExit) as error:
            raise TargetError(f"{self.name!r} cannot be built: {described(error)}") from error

    def build_weightless(self) -> nn.Module:
        """The module without values, or with real weights where its constructor needs them."""
        for mixing in (False, True):
            try:
                with weightless(mixing):
                    return self.build()
            except TargetError:
                continue
        return self.build()

    def with_batch(self, batch: int) -> Target:
        """The same with another first dimension of every input."""
        return replace(self, inputs=tuple(spec.with_batch(batch) for spec in self.required_inputs()))

    def required_inputs(self) -> tuple[InputSpec, ...]:
        """The inputs.

        Raises:
            RequestError: there are none.
        """
        if self.inputs is None:
            raise RequestError(f"{self.name!r} has no input of its own; give one: --input 1x3x224x224")
        return self.inputs


def resolve(text: str, arguments: Mapping[str, Any] | None = None, inputs: Sequence[str | InputSpec] = ()) -> Target:
    """The target that `text` names.

    Args:
        text: "googlenet", "module:inception_v1", "torchvision:resnet50", "timm:convnext_tiny",
            "package.module:callable" or "file.py:Net".
        arguments: passed to the architecture: {"width": 0.5}.
        inputs: instead of the target's own, as InputSpecs or written like "1x3x160x160".

    Raises:
        RequestError: the name is unknown (near names are suggested) or an input does not parse.
        TargetError: the target cannot be loaded.
    """
    given = tuple(parse_input(each) if isinstance(each, str) else each for each in inputs)
    options = dict(arguments or {})
    prefix, separator, rest = text.partition(":")
    refuse_pickle(text)
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


def refuse_pickle(text: str) -> None:
    """Refuse a file of pickled objects, whichever way it is named."""
    path = text.rsplit(":", 1)[0] if ".py:" not in text else ""
    if Path(path).suffix.lower() in PICKLES:
        raise TargetError(
            f"{text!r} is a pickle, and loading one runs whatever code is in it: refused; "
            "name the code that builds the model instead: path/to/file.py:Net"
        )


def _of_zoo(name: str, options: dict[str, Any], given: tuple[InputSpec, ...]) -> Target:
    if name not in ARCHITECTURES and f"module:{name}" in MODULES:
        raise RequestError(f"unknown architecture {name!r}; did you mean the building block module:{name}?")
    entry = ARCHITECTURES.get(name)
    return Target(name, _call(name, entry.build, options), given or (InputSpec(entry.input_shape),))


def _of_modules(text: str, _name: str, options: dict[str, Any], given: tuple[InputSpec, ...]) -> Target:
    """A module on its own, as wide as its input: `in_channels` is the second size, unless it is given."""
    entry = MODULES.get(text)
    if given and (len(given) > 1 or len(given[0].shape) != len(entry.input_shape)):
        sizes = "x".join(map(str, entry.input_shape))
        raise RequestError(f"{text!r} takes one input (N, C, H, W), like --input {sizes}")
    batch, channels, *sides = given[0].shape if given else entry.input_shape
    arguments = {"in_channels": channels, **options}
    own = InputSpec((batch, arguments["in_channels"], *sides))
    return Target(text, _call(text, entry.build, arguments), given or (own,))


def _of_torchvision(text: str, name: str, options: dict[str, Any], given: tuple[InputSpec, ...]) -> Target:
    models = _library("torchvision.models", text)
    if name not in models.list_models():
        raise RequestError(f"torchvision has no model {name!r}{suggestion(name, models.list_models())}")
    own = _torchvision_input(models, name)
    accepted = inspect.signature(models.get_model_builder(name)).parameters
    defaults: dict[str, Any] = {"weights": None}
    if "weights_backbone" in accepted:
        defaults["weights_backbone"] = None  # the default downloads them
    if "aux_loss" in accepted:
        defaults["aux_loss"] = True  # as the published weights have it
    if name.startswith("vit_") and own is not None and own.shape[-1] != VIT_IMAGE_SIZE:
        defaults["image_size"] = own.shape[-1]
    make = _call(text, models.get_model, options, name, **defaults)
    return Target(text, make, given or (None if own is None else (own,)))


VIT_IMAGE_SIZE = 224
CLIP_FRAMES = 16


def _torchvision_input(models: ModuleType, name: str) -> InputSpec | None:
    """The size that the default weights' own transform makes; None where it keeps the image's size."""
    try:
        weights = models.get_model_weights(name).DEFAULT
    except (AttributeError, ValueError):
        return None
    transform = weights.transforms()
    crop = getattr(transform, "crop_size", None)
    if type(transform).__name__ == "VideoClassification":
        frames = weights.meta.get("min_temporal_size", CLIP_FRAMES)
        return InputSpec((1, 3, max(frames, CLIP_FRAMES), *crop)) if crop else None
    if crop is None:
        crop = getattr(transform, "resize_size", None)
    if crop is None:
        return None
    return InputSpec((1, 3, *(crop * 2 if len(crop) == 1 else crop)))


def _of_timm(text: str, name: str, options: dict[str, Any], given: tuple[InputSpec, ...]) -> Target:
    timm = _library("timm", text)
    if not timm.is_model(name.split(".")[0]):
        raise RequestError(f"timm has no model {name!r}{suggestion(name, timm.list_models())}")
    configuration = timm.get_pretrained_cfg(name)
    size = (3, 224, 224) if configuration is None else configuration.input_size
    make = _call(text, timm.create_model, options, name, pretrained=False)
    return Target(text, make, given or (InputSpec((1, *size)),))


def _library(module: str, text: str) -> ModuleType:
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise TargetError(
            f"{text!r} needs {package}, which does not import ({error}); pip install {package}"
        ) from error


LIBRARIES: dict[str, Callable[[str, str, dict[str, Any], tuple[InputSpec, ...]], Target]] = {
    "module": _of_modules,
    "torchvision": _of_torchvision,
    "timm": _of_timm,
}


def _of_code(text: str, place: str, attribute: str, options: dict[str, Any], given: tuple[InputSpec, ...]) -> Target:
    """A class, function or module instance in the user's own code."""
    is_file = place.endswith(".py") or "/" in place or Path(place).is_file()
    module = _load_file(text, Path(place)) if is_file else _load_module(text, place)
    found: Any = module
    for part in attribute.split("."):
        if not hasattr(found, part):
            public = [name for name in dir(found) if not name.startswith("_")]
            raise TargetError(f"{place!r} has no {attribute!r}{suggestion(part, public)}")
        found = getattr(found, part)
    if isinstance(found, nn.Module):
        if options:
            raise RequestError(
                f"{text!r} is a module, built already; --arg goes to a class or function that builds one"
            )
        return Target(text, lambda: found, given or None)
    if not callable(found):
        raise TargetError(f"{text!r} is a {type(found).__name__}; expected a class or function that makes an nn.Module")
    make = _call(text, found, options)
    folders = (Path(place).resolve().parent,) if is_file else (Path.cwd(),)

    def make_in_its_place() -> nn.Module:
        with _importable(*folders):
            return make()

    return Target(text, make_in_its_place, given or None)


@contextmanager
def _importable(*folders: Path) -> Iterator[None]:
    """Python finds the folders' modules meanwhile, as it does when it is run there; after an error nothing is left."""
    before = sys.path[:]
    sys.path[:0] = map(str, folders)
    try:
        yield
    except BaseException:
        sys.path[:] = before
        raise
    for folder in folders:
        with suppress(ValueError):
            sys.path.remove(str(folder))


def _load_module(text: str, name: str) -> ModuleType:
    try:
        with _importable(Path.cwd()):  # the console script, unlike `python -m`, does not look where it is run
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        known = [*LIBRARIES, *ARCHITECTURES]
        raise TargetError(f"{text!r}: no module {error.name!r} to import{suggestion(name, known)}") from error
    except (Exception, SystemExit) as error:
        raise TargetError(f"{text!r}: importing {name!r} raised {described(error)}") from error


_NEIGHBOURS: dict[str, ModuleType] = {}
"""Modules that file targets brought with them. The next file may have others of the same names beside it."""


def _load_file(text: str, path: Path) -> ModuleType:
    """Run a file as a module that can import its neighbours, relatively too where it is part of a package."""
    if not path.is_file():
        raise TargetError(f"{text!r}: there is no file {str(path)!r}")
    if path.suffix != ".py":
        raise TargetError(f"{text!r}: {path.name!r} is not a Python file; expected path/to/file.py:Net")
    try:
        compile(path.read_bytes(), path, "exec")
    except OSError as error:
        raise TargetError(f"{text!r} cannot be read: {error}") from error
    except (SyntaxError, ValueError) as error:
        raise TargetError(f"{text!r} is not Python: {described(error)}") from error
    path = path.resolve()
    root, name = _package(path)
    folders = (root,) if root == path.parent else (root, path.parent)
    _forget_namesakes(folders)
    before = set(sys.modules)
    try:
        with _importable(*folders):
            module = _run(path) if root == path.parent else importlib.import_module(name)
    except (Exception, SystemExit) as error:
        for each in _brought(before, folders):
            del sys.modules[each]
        raise TargetError(f"{text!r} raised while it was imported: {described(error)}") from error
    _NEIGHBOURS.update(_brought(before, folders))
    if module.__file__ is None or not path.samefile(module.__file__):
        raise TargetError(f"{text!r}: Python has {name!r} from elsewhere already: {module.__file__!r}")
    return module


def _package(path: Path) -> tuple[Path, str]:
    """The folder that holds the outermost package around the file, and the file's dotted name in there."""
    folder, parts = path.parent, [] if path.stem == "__init__" else [path.stem]
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    return folder, ".".join(parts)


def _run(path: Path) -> ModuleType:
    """A module of the file's code, under a name that no other module has."""
    name = f"netcost_target_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None  # a name that ends in .py has both
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickling look their own module up
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _brought(before: set[str], folders: Sequence[Path]) -> dict[str, ModuleType]:
    """The modules that came since and lie in one of the folders, with their submodules."""

    def lies_there(module: ModuleType) -> bool:
        places = (module.__dict__.get("__file__"), *module.__dict__.get("__path__", ()))
        return any(Path(place).resolve().parent in folders for place in places if place)

    roots = {name.partition(".")[0] for name in set(sys.modules) - before} - before
    own = {root for root in roots if root in sys.modules and lies_there(sys.modules[root])}
    return {name: module for name, module in sys.modules.items() if name.partition(".")[0] in own}


def _forget_namesakes(folders: Sequence[Path]) -> None:
    """Forget the modules of earlier files that would hide one of these folders."""
    for name in list(_NEIGHBOURS):
        root = name.partition(".")[0]
        if any((folder / f"{root}.py").is_file() or (folder / root).is_dir() for folder in folders):
            module = _NEIGHBOURS.pop(name)
            if sys.modules.get(name) is module:
                del sys.modules[name]


def _call(
    text: str, function: Callable[..., Any], options: dict[str, Any], *positional: Any, **defaults: Any
) -> Callable[[], nn.Module]:
    """A maker that checks what it is handed and what it makes."""

    def make() -> nn.Module:
        try:
            module = function(*positional, **{**defaults, **options})
        except TypeError as error:
            if not _is_about_arguments(error, function, positional, {**defaults, **options}):
                raise
            accepted = _accepted(function, positional, defaults)
            wrong = next((name for name in options if name not in accepted), "")
            takes = f"It takes --arg name=value of {', '.join(accepted)}" if accepted else "It takes no --arg"
            near = suggestion(wrong, accepted) or "."
            raise TargetError(f"{text!r} cannot be built: {described(error)}{near} {takes}") from error
        if not isinstance(module, nn.Module):
            raise TargetError(f"{text!r} made a {type(module).__name__}; expected an nn.Module")
        return module

    return make


def _is_about_arguments(
    error: TypeError, function: Callable[..., Any], positional: tuple[Any, ...], keywords: dict[str, Any]
) -> bool:
    """Whether the call itself was refused: an argument that is not taken, or one that is missing."""
    refused = re.search(r"unexpected keyword argument '(\w+)'", str(error))
    if refused is not None and refused[1] in keywords:
        return True
    try:
        inspect.signature(function).bind(*positional, **keywords)
    except TypeError:
        return True
    return False


def _accepted(function: Callable[..., Any], positional: tuple[Any, ...], defaults: dict[str, Any]) -> list[str]:
    """Names of the arguments that `function` takes, and those that it hands on to the class of what it makes."""
    parameters = list(inspect.signature(function).parameters.values())[len(positional) :]
    names = [each.name for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]
    if any(each.kind is each.VAR_KEYWORD for each in parameters) and not isinstance(function, type):
        with suppress(Exception), weightless():
            names += _accepted(type(function(*positional, **defaults)), (), {})
    return list(dict.fromkeys(names))
