"""Charts, one per function: results -> `Figure`, a Vega-Lite picture that a page shows and that becomes SVG or PNG.

Vega-Altair writes the specification and checks it against Vega-Lite's schema; the same chart is interactive in a page,
with its script inlined, and a still picture without a browser. Both are in the extra `netcost[report]`.
"""

from netcost.reports.charts.figure import Figure, script, svg

__all__ = ["Figure", "script", "svg"]
