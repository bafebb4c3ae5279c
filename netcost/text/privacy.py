"""Results travel: what they say of this machine names none of its folders, which name their owners."""

from __future__ import annotations

import re

_FOLDERS = re.compile(r"(^|=)(?:/|[A-Za-z]:[\\/]).*[\\/]")
"""From the root to the last folder, at the start of a word or after an option's `=`."""


def without_folders(word: str) -> str:
    """An absolute path, and one after `=`, as what it leads to: `--peaks=…/peaks.json` as `--peaks=peaks.json`."""
    return _FOLDERS.sub(r"\1", word)
