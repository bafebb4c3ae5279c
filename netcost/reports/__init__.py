"""Reports: pages, charts, Markdown, data and pictures for readers.

A page (`pages/`, one function per command) explains a result in words, charts and tables; `charts/` draws, one
function per chart; `html` and `markdown` write a page. `netcost report -o DIR` makes a folder of them: `kinds` turns
each saved measurement and fresh count into a `Report`, `folder` finds the measurements and writes the files, `index`
is the page that leads to all of them; `written` knows netcost's files by their content. A page loads nothing from
elsewhere.

    >>> from netcost.reports.pages import Page, PageSection
    >>> page = Page("LeNet-5", "It costs little.", (PageSection("Where", ("In its linear layers.",)),))
    >>> from netcost.reports.markdown import page_as_markdown
    >>> print(page_as_markdown(page, {}).splitlines()[0])
    # LeNet-5

This belongs here: a chart (a function in `charts/` that returns a `Figure`), a page, a kind of report. Charts and
pages need `netcost[report]`.
"""

from netcost.reports.folder import left_out, made, require, write

__all__ = ["left_out", "made", "require", "write"]
