"""Text: what netcost says and reads. No torch, no pandas before a frame is asked for.

A number becomes text in one place, `units`: it alone knows that 3,504,872 parameters are "3.50 M". A result becomes a
`Table` of named columns, and each format in `formats/` is one pure function from a table to a string. Files are read
strictly by `reading`, which names the place of a fault, and written whole or not at all by `writing`.

    >>> from netcost.text import Column, formats, table_of
    >>> networks = {"lenet5": 61706, "alexnet": 61100840}
    >>> columns = [
    ...     Column("model", "Model", of=lambda item: item[0]),
    ...     Column("params", "Params", "count", of=lambda item: item[1]),
    ... ]
    >>> print(formats.result_text(table_of(columns, networks.items()), "markdown"), end="")
    | Model | Params |
    | --- | ---: |
    | lenet5 | 61.7 k |
    | alexnet | 61.1 M |

What belongs here: an error (`errors`), a unit (`units`), a format (one file in `formats/` and a line in its
registry), a rule for names and near names (`names`), and everything that would be the same for a tool that counts
something else.
"""

from netcost.text.errors import MeasurementError, NetcostError, OutputError, RequestError, TargetError, VerdictError
from netcost.text.tables import METRICS, Column, Section, Table, from_records, table_of
from netcost.text.version import __version__

__all__ = [
    "METRICS",
    "Column",
    "MeasurementError",
    "NetcostError",
    "OutputError",
    "RequestError",
    "Section",
    "Table",
    "TargetError",
    "VerdictError",
    "__version__",
    "from_records",
    "table_of",
]
