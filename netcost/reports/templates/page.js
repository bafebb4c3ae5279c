"use strict";
(() => {
  const specs = document.getElementById("specs");
  const charts = specs ? JSON.parse(specs.textContent) : [];

  // Charts in a closed part have no width: they are drawn when it opens.
  function draw(root) {
    for (const place of root.querySelectorAll("[data-chart]")) {
      if (place.dataset.drawn || place.closest("details:not([open])")) continue;
      place.dataset.drawn = "yes";
      window.vegaEmbed(place, charts[Number(place.dataset.chart)], { renderer: "svg", actions: false }).then(
        () => place.querySelectorAll("svg, svg [role]").forEach((mark) => mark.setAttribute("aria-hidden", "true")),
        (error) => { place.textContent = "This chart cannot be drawn here; the table has its figures."; console.error(error); },
      );
    }
  }

  function value(row, index) {
    const cell = row.cells[index];
    return cell.dataset.sort === undefined ? cell.textContent : Number(cell.dataset.sort);
  }

  function compare(one, other) {
    if (typeof one === typeof other) return typeof one === "number" ? one - other : one.localeCompare(other);
    return typeof one === "number" ? -1 : 1;
  }

  function sort(heading) {
    const table = heading.closest("table"), body = table.tBodies[0], index = heading.cellIndex;
    const rising = heading.getAttribute("aria-sort") !== "ascending";
    for (const cell of table.tHead.rows[0].cells) cell.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", rising ? "ascending" : "descending");
    const rows = [...body.rows].sort((one, other) => compare(value(one, index), value(other, index)) * (rising ? 1 : -1));
    body.append(...rows);
  }

  // A row or part that holds every word of the search is shown.
  function holds(element, words) {
    const text = element.textContent.toLowerCase();
    return words.every((word) => text.includes(word));
  }

  function wordsOf(input) {
    return input.value.toLowerCase().split(/\s+/).filter(Boolean);
  }

  function filter(input) {
    const words = wordsOf(input), table = input.closest(".filter").nextElementSibling;
    for (const row of table.querySelectorAll("tbody tr")) row.hidden = !holds(row, words);
  }

  function search(input) {
    const words = wordsOf(input), found = document.querySelector("output[for=search]");
    const parts = [...document.querySelectorAll("main details")].filter((part) => part.querySelector("section"));
    let shown = 0, all = 0;
    for (const part of parts) {
      let any = false;
      for (const inner of part.querySelectorAll("section, tbody tr")) {
        const row = inner.closest("section");
        if (row && row !== inner) continue;
        inner.hidden = !holds(inner, words);
        any ||= !inner.hidden;
        if (inner === row) { all += 1; shown += inner.hidden ? 0 : 1; }
      }
      part.hidden = !any;
      part.open = words.length > 0 && any;
    }
    found.textContent = words.length ? `${shown} of ${all}` : "";
  }

  function reveal() {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let part = target.closest("details"); part; part = part.parentElement.closest("details")) part.open = true;
    target.scrollIntoView();
  }

  for (const button of document.querySelectorAll("thead button")) {
    button.addEventListener("click", () => sort(button.parentElement));
  }
  for (const input of document.querySelectorAll(".filter input")) {
    input.closest(".filter").classList.add("works");
    input.addEventListener("input", () => (input.id === "search" ? search(input) : filter(input)));
  }
  document.addEventListener("toggle", (event) => draw(event.target), true);
  window.addEventListener("hashchange", reveal);
  draw(document);
  reveal();
})();
