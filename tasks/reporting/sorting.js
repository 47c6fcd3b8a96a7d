for (const table of document.querySelectorAll("table.sortable")) {
  table.querySelectorAll("th").forEach((th, column) => {
    th.tabIndex = 0;
    th.onclick = () => {
      const rows = [...table.tBodies[0].rows];
      const key = row => row.cells[column].dataset.v ?? row.cells[column].textContent;
      const down = th.getAttribute("aria-sort") === "ascending";
      const order = (a, b) => key(a).localeCompare(key(b), undefined, { numeric: true });
      const exact = (a, b) => key(a) - key(b) || order(a, b);
      rows.sort(rows.every(row => key(row) !== "" && !isNaN(key(row))) ? exact : order);
      if (down) rows.reverse();
      table.querySelectorAll("th").forEach(other => other.removeAttribute("aria-sort"));
      th.setAttribute("aria-sort", down ? "descending" : "ascending");
      table.tBodies[0].append(...rows);
    };
    th.onkeydown = event => { if (event.key === "Enter") th.onclick(); };
  });
}
