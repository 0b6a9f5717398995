"use strict";
const hint = document.getElementById("hint");

function showHint(mark, x, y) {
  const [title, ...lines] = mark.getAttribute("aria-label").split("\n");
  const head = document.createElement("b");
  head.textContent = title;
  hint.replaceChildren(head, ...lines.map((line) => {
    const row = document.createElement("span");
    row.textContent = line;
    return row;
  }));
  hint.hidden = false;
  const box = hint.getBoundingClientRect();
  const width = document.documentElement.clientWidth;
  hint.style.left = `${Math.max(4, Math.min(x + 12, width - box.width - 4))}px`;
  hint.style.top = `${y + 16 + box.height > window.innerHeight ? y - box.height - 12 : y + 16}px`;
}

function hideHint() {
  hint.hidden = true;
}

for (const field of document.querySelectorAll(".field svg[role=group]")) {
  const marks = [...field.querySelectorAll(".mark")];
  let active = 0;
  const go = (mark) => {
    const row = document.getElementById(`layer-${mark.dataset.layer}`);
    if (row) {
      location.hash = row.id;
    }
  };
  marks.forEach((mark, number) => {
    mark.addEventListener("pointermove", (event) => showHint(mark, event.clientX, event.clientY));
    mark.addEventListener("pointerleave", hideHint);
    mark.addEventListener("click", (event) => {
      if (event.pointerType === "mouse") go(mark);
    });
    mark.addEventListener("focus", () => {
      marks[active].tabIndex = -1;
      active = number;
      mark.tabIndex = 0;
      const box = mark.getBoundingClientRect();
      if (mark.matches(":focus-visible")) {
        showHint(mark, box.left, Math.min(box.bottom, window.innerHeight - 90));
      }
    });
    mark.addEventListener("blur", hideHint);
  });
  field.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const next = { Home: 0, End: marks.length - 1 }[event.key] ?? (step && active + step);
    if (next !== undefined && marks[next]) {
      event.preventDefault();
      marks[next].focus();
    } else if (event.key === "Enter") {
      go(marks[active]);
    } else if (event.key === "Escape") {
      hideHint();
    }
  });
}

function valueOf(cell) {
  const text = cell.dataset.v ?? cell.textContent.trim();
  return text === "" ? null : Number.isNaN(Number(text)) ? text : Number(text);
}

function compare(a, b) {
  if (a === null || b === null) return 0;
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), "en", { numeric: true });
}

for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  const original = [...body.rows];
  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const first = head.classList.contains("n") && column > 0 ? "descending" : "ascending";
      const other = first === "ascending" ? "descending" : "ascending";
      const before = head.getAttribute("aria-sort");
      const order = before === null ? first : before === first ? other : null;
      heads.forEach((each) => each.removeAttribute("aria-sort"));
      const rows = [...original];
      if (order) {
        head.setAttribute("aria-sort", order);
        const sign = order === "ascending" ? 1 : -1;
        rows.sort((a, b) => {
          const [x, y] = [valueOf(a.cells[column]), valueOf(b.cells[column])];
          if (x === null || y === null) return (x === null) - (y === null);
          return sign * compare(x, y);
        });
      }
      body.append(...rows);
    });
  });
}

window.addEventListener("beforeprint", () => {
  hideHint();
});
