"""Notices: texts of a progress that a user must see."""


class Notice(str):
    """A text of the progress that a user must see, and not only the last one of many."""

    __slots__ = ()
