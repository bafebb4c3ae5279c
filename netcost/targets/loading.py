"""Imports the user's own code, and leaves nothing in `sys.path` or, after an error, in `sys.modules`."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from netcost.text.errors import AbsentTargetError, RequestError, TargetError
from netcost.text.registry import a_kind_of, suggestion
from netcost.tracing import TrainStep, described


@contextmanager
def importable(*folders: Path) -> Iterator[None]:
    """Let Python find the folders' modules, as when it runs there; restore `sys.path` at the end."""
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


def load_module(text: str, name: str, known: Sequence[str]) -> ModuleType:
    """Import a module by its dotted name; `known` names are suggested if there is no such module."""
    try:
        with importable(Path.cwd()):  # which `python -m` searches, but the console script does not
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # The module itself or a package around it; else one that its code imports.
        is_absent = error.name is not None and f"{name}.".startswith(f"{error.name}.")
        kind = AbsentTargetError if is_absent else TargetError
        place = _place_of(name) if is_absent else ""
        raise kind(f"{text!r}: no module {error.name!r} to import{suggestion(name, known) or place}") from error
    except (Exception, SystemExit) as error:
        raise TargetError(f"{text!r}: importing {name!r} raised {described(error)}{_main(error)}") from error


def _main(error: BaseException) -> str:
    """Say what to do about code that runs as a program when it is imported."""
    if not isinstance(error, SystemExit):
        return ""
    return "; it ends the program when it is imported: put its command line under `if __name__ == '__main__':`"


def _place_of(name: str) -> str:
    """Say where a module that cannot be imported lies, or how to let Python find it."""
    first = name.partition(".")[0]
    for pattern in (first, f"*/{first}"):
        for path in sorted((*Path.cwd().glob(f"{pattern}.py"), *Path.cwd().glob(pattern))):
            if (folder := path.parent) != Path.cwd() and (path.is_file() or any(path.glob("*.py"))):
                return f"; there is one in the folder {folder.name!r}: run netcost there, or pip install -e ."
    return f"; run netcost in the folder that holds {first!r}, or pip install -e . there"


def library(module: str, text: str, extra: str = "") -> ModuleType:
    """Import a module of a library that netcost does not need itself.

    Args:
        text: the target that needs it, for the message.
        extra: of netcost, which brings the library; "" where its own name is to be installed.

    Raises:
        TargetError: it does not import.
    """
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ImportError as error:
        wanted = f"'netcost[{extra}]'" if extra else package
        reason = f"which does not import ({error}); pip install {wanted}"
        raise TargetError(f"{text!r} needs {package}, {reason}") from error


_NEIGHBOURS: dict[str, ModuleType] = {}
"""Modules that file targets have imported. The next file may have others of the same names beside it."""


def load_attribute(text: str, place: str, attribute: str, known: Sequence[str], *, again: bool = True) -> Any:
    """Return an attribute of the user's code.

    Args:
        text: as the user wrote it, for messages.
        place: a file, or the dotted name of a module.
        attribute: its name there, with dots for one of a class.
        known: names to suggest if there is no such module.
        again: run a file again that has been loaded before.

    Raises:
        TargetError: it cannot be loaded; AbsentTargetError: it is not there.
    """
    value: Any = load_file(text, Path(place), again=again) if is_file(place) else load_module(text, place, known)
    for part in attribute.split("."):
        if not hasattr(value, part):
            public = [name for name in dir(value) if not name.startswith("_")]
            near = suggestion(part, public) or _has(value)
            raise AbsentTargetError(f"{place!r} has no {attribute!r}{near}")
        value = getattr(value, part)
    return value


MOST_LISTED = 8


def _has(place: Any) -> str:
    """List the classes and functions that are defined in a module or class itself, networks first."""
    home = getattr(place, "__module__", None) if isinstance(place, type) else getattr(place, "__name__", None)
    own = {
        name: value
        for name, value in vars(place).items()
        if not name.startswith("_")
        and (isinstance(value, nn.Module) or (callable(value) and getattr(value, "__module__", None) == home))
    }
    networks = [name for name, value in own.items() if isinstance(value, nn.Module) or _makes_networks(value)]
    names = [*networks, *(name for name in own if name not in networks)]
    more = f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
    return f"; it has {', '.join(names[:MOST_LISTED])}{more}" if names else "; it defines no class and no function"


def _makes_networks(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, nn.Module)


def load_function(written: str, noun: str) -> Callable[..., Any]:
    """Load a function by `package.module:name` or `file.py:name`.

    Args:
        noun: names it in messages ("loss").

    Raises:
        TargetError: the code cannot be loaded.
        RequestError: it is no function.
    """
    text = written.strip()
    place, _, name = text.rpartition(":")
    function = load_attribute(text, place, name, (), again=False)
    if not callable(function):
        raise RequestError(f"the {noun} {text!r} is {a_kind_of(function)}; expected a function")
    loaded: Callable[..., Any] = function
    return loaded


def train_step(words: Mapping[str, Any]) -> TrainStep:
    """Make a `TrainStep` from text, as an option or a settings file has it; a loss may be `module:function`.

    Raises:
        RequestError: a word is unknown, or the loss is no function.
        TargetError: the loss cannot be loaded.
    """
    loss = words.get("loss", "")
    return TrainStep(**{**words, "loss": load_function(loss, "loss")} if ":" in loss else words)


def is_file(place: str) -> bool:
    """True for the path of a file, and not the name of a module."""
    return place.endswith(".py") or "/" in place or Path(place).is_file()


def load_file(text: str, path: Path, *, again: bool = True) -> ModuleType:
    """Run a file as a module that can import its neighbours, also relatively if it is part of a package."""
    if not path.is_file():
        raise AbsentTargetError(f"{text!r}: there is no file {str(path)!r}")
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
    loaded = None if again else sys.modules.get(_name_of(path))
    if loaded is not None and loaded.__file__ == str(path):
        return loaded
    folders = (root,) if root == path.parent else (root, path.parent)
    _forget_namesakes(folders)
    before = set(sys.modules)
    try:
        with importable(*folders):
            module = _run(path) if root == path.parent else importlib.import_module(name)
    except (Exception, SystemExit) as error:
        for module_name in _imported_since(before, folders):
            del sys.modules[module_name]
        raise TargetError(f"{text!r} raised while it was imported: {described(error)}{_main(error)}") from error
    _NEIGHBOURS.update(_imported_since(before, folders))
    if module.__file__ is None or not path.samefile(module.__file__):
        raise TargetError(f"{text!r}: Python has {name!r} from elsewhere already: {module.__file__!r}")
    return module


def _package(path: Path) -> tuple[Path, str]:
    """Return the folder that holds the outermost package around the file, and the file's dotted name there."""
    folder, parts = path.parent, [] if path.stem == "__init__" else [path.stem]
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    return folder, ".".join(parts)


def _run(path: Path) -> ModuleType:
    """Run the file's code as a module under a name that no other module has.

    The code is compiled anew: Python takes a cached one for a file that was changed within the same second and has the
    same size, and would leave its cache beside the file.
    """
    name = _name_of(path)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and isinstance(spec.loader, SourceFileLoader)  # a name that ends in .py has both
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickling look up their own module
    try:
        exec(spec.loader.source_to_code(path.read_bytes(), str(path)), module.__dict__)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _name_of(path: Path) -> str:
    """Return the module name of a file that is no part of a package."""
    return f"netcost_target_{path.stem}"


def _imported_since(before: set[str], folders: Sequence[Path]) -> dict[str, ModuleType]:
    """Return the modules imported since `before` from one of the folders, with their submodules."""

    def lies_there(module: ModuleType) -> bool:
        paths = (module.__dict__.get("__file__"), *module.__dict__.get("__path__", ()))
        return any(Path(path).resolve().parent in folders for path in paths if path)

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
