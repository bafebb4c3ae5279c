"""Charts, one per function: results -> `Figure`, a Vega-Lite picture that a page shows and that becomes SVG or PNG.

Vega-Altair writes the specification and checks it against Vega-Lite's schema; the same chart is interactive in a page,
with its script inlined, and a still picture without a browser. Both are in the extra `netcost[report]`.

All charts speak one language, which `parts` holds:

- A network has one colour and one mark in all charts of a page (`identities`). The base is grey. Eight others have a
  colour; further ones are hollow and grey, and told apart by their marks and by their names.
- A ratio stands on a logarithmic axis with a line at 1 (`ratio_axis`, `parity`): half and double are equally far.
- An interval ends in ticks wider than a point (`intervals`), so that it shows however narrow it is.
- A name never covers a point or another name: Vega's label transform places it with the reader's own font, and leaves
  out one that has no room; its point says it on touch. `names` draws such names, `figure.compiled` places them.
- A quantity has one unit on a page: milliseconds, GFLOP/s; an axis never says "500m" or "100µ".
- An axis has about five lines (`ticks`); a logarithmic one has none between them.
- A chart is drawn for the width that it gets: legends have as many columns as fit (`columns`), and small charts
  (`Figure.is_small`) stand beside each other where there is room.
- Colours of words, lines and backgrounds are the page's own variables, so that dark pages and paper need no redrawing.
- Still pictures reserve the width of every text (`figure.svg`), so that any font fits.
"""

from netcost.reports.charts.figure import Figure, compiled, script, svg

__all__ = ["Figure", "compiled", "script", "svg"]
