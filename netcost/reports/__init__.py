"""Everything under `reports/`: saved measurements and fresh counts as pages, Markdown, data and pictures.

One file a kind of report makes a `Report` of it: `zoo`, `claims`, `compare` and `guidelines`. `index` is the page that
leads to all of them, and `folder` finds the measurements and writes the files.
"""

from netcost.reports.folder import made, require, write

__all__ = ["made", "require", "write"]
