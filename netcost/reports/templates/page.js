"use strict";
(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  function read(id) {
    const element = document.getElementById(id);
    return element ? JSON.parse(element.textContent) : null;
  }

  function draw() {
    const specs = read("specs"), themes = read("themes");
    if (!specs) return;
    const config = themes[dark.matches ? "dark" : "light"];
    const options = { config, renderer: "svg", actions: false, tooltip: { theme: dark.matches ? "dark" : "light" } };
    for (const place of document.querySelectorAll("[data-chart]")) {
      window.vegaEmbed(place, specs[Number(place.dataset.chart)], options).then(
        () => place.querySelectorAll("svg, svg [role]").forEach((mark) => mark.setAttribute("aria-hidden", "true")),
        (error) => { place.textContent = "This chart cannot be drawn here; the table has its figures."; console.error(error); },
      );
    }
  }

  function value(row, at) {
    const cell = row.cells[at];
    return cell.dataset.sort === undefined ? cell.textContent : Number(cell.dataset.sort);
  }

  function compare(one, other) {
    if (typeof one === typeof other) return typeof one === "number" ? one - other : one.localeCompare(other);
    return typeof one === "number" ? -1 : 1;
  }

  function sort(heading) {
    const table = heading.closest("table"), body = table.tBodies[0], at = heading.cellIndex;
    const rising = heading.getAttribute("aria-sort") !== "ascending";
    for (const each of table.tHead.rows[0].cells) each.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", rising ? "ascending" : "descending");
    const rows = [...body.rows].sort((one, other) => compare(value(one, at), value(other, at)) * (rising ? 1 : -1));
    body.append(...rows);
  }

  for (const button of document.querySelectorAll("thead button")) {
    button.addEventListener("click", () => sort(button.parentElement));
  }
  dark.addEventListener("change", draw);
  draw();
})();
