"""Files of the Hugging Face hub: from the local cache, and from the network only where that was allowed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from netcost.targets.loading import library
from netcost.text.errors import AbsentTargetError, RequestError, TargetError, reason_of

DOWNLOADS: ContextVar[bool] = ContextVar("downloads", default=False)
"""True where a missing file may be fetched."""


def hub_file(text: str, repository: str, name: str) -> Path:
    """Return a file of a repository of the hub.

    Args:
        text: the target, for messages.
        repository: "org/name".

    Raises:
        RequestError: the name has another form.
        AbsentTargetError: the file is not in the local cache, and may not be fetched.
        TargetError: it cannot be fetched.
    """
    hub = library("huggingface_hub", text)
    parts = repository.split("/")
    if len(parts) > 2 or not all(parts):
        raise RequestError(f"{text!r} does not parse; expected hf:org/name, like hf:openai-community/gpt2")
    try:
        cached = hub.try_to_load_from_cache(repository, name)
    except ValueError as error:
        raise RequestError(f"{text!r} is no repository: {reason_of(error)}") from error
    if isinstance(cached, str):
        return Path(cached)
    if not DOWNLOADS.get():
        raise AbsentTargetError(
            f"{text!r}: {name} is not in the local cache of the hub; add --download, or get it with "
            f"`hf download {repository} {name}`"
        )
    try:
        return Path(hub.hf_hub_download(repository, name))
    except Exception as error:  # of the network, of the hub, or of the disk
        raise TargetError(f"{text!r}: {name} cannot be fetched: {type(error).__name__}: {reason_of(error)}") from error


@contextmanager
def offline() -> Iterator[None]:
    """Refuse every request to the hub within: a class may ask for the weights of its backbone while it is built."""
    try:
        from huggingface_hub import constants
    except ImportError:
        yield
        return
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before
