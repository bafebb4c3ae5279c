"""Text: everything that netcost prints and reads.

This package does not import torch; it imports pandas only when a DataFrame is requested.

A number becomes text in one place, `units`: it alone knows that 3,504,872 parameters are "3.50 M". A result becomes a
`Table` of named columns, and each format in `formats/` is one pure function from a table to a string. `reading` reads
files strictly and names the place of a fault; `writing` writes a file whole or not at all.

    >>> from netcost.text.formats import result_text
    >>> columns = [Column("model", "Model"), Column("params", "Params", "count")]
    >>> print(result_text(from_records(columns, [{"model": "alexnet", "params": 61100840}]), "markdown"), end="")
    | Model | Params |
    | --- | ---: |
    | alexnet | 61.1 M |

This belongs here: an error (`errors`), a unit (`units`), a format (one file in `formats/`, its name in `FORMATS` and
its branch in `result_text`), a rule for names and near names (`registry`), and everything that would be the same for a
tool that counts something else.
"""

from netcost.text.errors import MeasurementError, NetcostError, OutputError, RequestError, TargetError, VerdictError
from netcost.text.metrics import METRICS
from netcost.text.tables import Column, Section, Table, from_records, table_of
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
