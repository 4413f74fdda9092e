"use strict";
// The table of cases: searched, filtered, sorted, and drawn a hundred rows at a time, so that thousands cost nothing.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const table = document.getElementById("cases");
  if (!table) return;
  const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
  const find = document.getElementById("find"), outcome = document.getElementById("outcome");
  const rule = document.getElementById("rule"), place = document.getElementById("place");
  const back = document.getElementById("back"), next = document.getElementById("next");
  const SIZE = 100, PRINTED = 2000, KEY = 0, RULE = 2, STATE = 6, WEB = data.web;
  const texts = data.rows.map((row) => row.join("\n").toLowerCase());
  const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  let order = data.rows.map((_, number) => number), shown = order, page = 0, size = SIZE, sorted = -1, up = true;

  const cell = (row, text, label) => {
    const made = row.insertCell();
    made.dataset.label = label;
    made.textContent = text;
    return made;
  };

  function draw() {
    const rows = document.createDocumentFragment();
    for (const number of shown.slice(page * size, (page + 1) * size)) {
      const item = data.rows[number], row = document.createElement("tr");
      item.forEach((text, column) => {
        const made = cell(row, column === KEY && WEB ? "" : text, heads[column].textContent);
        if (column === KEY && WEB) {
          const link = document.createElement("a");
          link.href = WEB + encodeURIComponent(text);
          link.textContent = text;
          made.append(link);
        }
        if (column === STATE && text) {
          const dot = document.createElement("i");
          dot.className = "dot";
          dot.style.background = `var(--${text})`;
          made.textContent = "";
          const words = document.createElement("span");
          words.className = "outcome";
          words.append(dot, text);
          made.append(words);
        }
      });
      rows.append(row);
    }
    body.replaceChildren(rows);
    const pages = Math.max(1, Math.ceil(shown.length / size)), first = shown.length ? page * size + 1 : 0;
    const last = Math.min(shown.length, (page + 1) * size);
    place.textContent = `${first.toLocaleString("en")} to ${last.toLocaleString("en")} of ${shown.length.toLocaleString("en")}`;
    back.disabled = page === 0;
    next.disabled = page >= pages - 1;
  }

  function choose() {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    shown = order.filter((number) => {
      const row = data.rows[number];
      return (!outcome.value || row[STATE] === outcome.value) && (!rule.value || row[RULE] === rule.value) &&
        words.every((word) => texts[number].includes(word));
    });
    page = 0;
    draw();
  }

  heads.forEach((head, column) => head.firstElementChild.addEventListener("click", () => {
    up = column === sorted ? !up : true;
    sorted = column;
    heads.forEach((each) => each.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    order.sort((a, b) => (up ? 1 : -1) * collator.compare(data.rows[a][column], data.rows[b][column]) || a - b);
    choose();
  }));
  for (const control of [find, outcome, rule]) control.addEventListener("input", choose);
  back.addEventListener("click", () => { page -= 1; draw(); });
  next.addEventListener("click", () => { page += 1; draw(); });
  // On paper there is no next page to turn to: print what the search has found, from its first row.
  const turn = (number, rows) => { page = number; size = rows; draw(); };
  let current = 0;
  addEventListener("beforeprint", () => { current = page; turn(0, PRINTED); });
  addEventListener("afterprint", () => turn(current, SIZE));
  choose();
})();
