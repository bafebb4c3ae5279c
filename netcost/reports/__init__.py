"""Everything under `reports/`: saved measurements and fresh counts as pages, Markdown, data and pictures.

`kinds` has one function per kind of report, which makes a `Report`. `index` is the page that
leads to all of them, and `folder` finds the measurements and writes the files.
"""

from netcost.reports.folder import made, require, write

__all__ = ["made", "require", "write"]
