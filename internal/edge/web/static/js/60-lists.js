// Lists and tables: j/k move, x selects, Enter opens, shift-click selects a
// range, Escape clears; a click on a row follows its link; column chooser.
(() => {
  const listOf = (el) => el?.closest?.("[data-list]");
  const rowsOf = (list) => [...list.querySelectorAll("[data-row]")];
  const check = (row) => row?.querySelector("input[data-select]");

  function current() {
    const focused = document.activeElement?.closest?.("[data-row]");
    return focused ?? document.querySelector("[data-row][data-current]");
  }
  function moveTo(row) {
    document.querySelectorAll("[data-row][data-current]").forEach((r) => delete r.dataset.current);
    if (!row) return;
    row.dataset.current = "";
    (row.querySelector("a[data-row-link], a[href], button") ?? row).focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  }
  function count(list) {
    const boxes = [...list.querySelectorAll("input[data-select]")];
    const n = boxes.filter((b) => b.checked).length;
    list.querySelectorAll("[data-selected-count]").forEach((el) => { el.textContent = n + " selected"; });
    const all = list.querySelector("input[data-select-all]");
    if (all) { all.checked = n > 0 && n === boxes.length; all.indeterminate = n > 0 && n < boxes.length; }
    list.toggleAttribute("data-selecting", n > 0);
  }

  let last = null;
  document.addEventListener("click", (e) => {
    if (!(e.target instanceof Element)) return;
    const box = e.target.closest("input[data-select]");
    const list = listOf(e.target);
    if (box && list) {
      const boxes = [...list.querySelectorAll("input[data-select]")];
      if (e.shiftKey && last && boxes.includes(last)) {
        const [a, b] = [boxes.indexOf(last), boxes.indexOf(box)].sort((x, y) => x - y);
        for (const one of boxes.slice(a, b + 1)) one.checked = box.checked;
      }
      last = box;
      count(list);
      return;
    }
    if (e.target.closest("input[data-select-all]") && list) {
      list.querySelectorAll("input[data-select]").forEach((b) => { b.checked = e.target.checked; });
      count(list);
      return;
    }
    if (e.target.closest("[data-select-none]") && list) {
      list.querySelectorAll("input[data-select]").forEach((b) => { b.checked = false; });
      count(list);
      return;
    }
    const row = e.target.closest("tr[data-row]");
    if (row && !e.target.closest("a, button, input, label, select, summary, [popover]") && !String(getSelection())) {
      const link = row.querySelector("a[data-row-link]");
      if (!link) return;
      if (e.ctrlKey || e.metaKey) window.open(link.href, "_blank", "noopener");
      else link.click();
    }
  });

  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || Tandem.typing(e.target) || !Tandem.keysOn?.()) return;
    if (document.querySelector("dialog[open], [popover]:popover-open")) return;
    if (!["j", "k", "x", "Escape"].includes(e.key)) return;
    const row = current();
    const list = listOf(row) ?? document.querySelector("[data-list]");
    if (!list) return;
    const rows = rowsOf(list);
    const at = rows.indexOf(row);
    if (e.key === "j") moveTo(rows[Math.min(at + 1, rows.length - 1)]);
    else if (e.key === "k") moveTo(rows[Math.max(at - 1, 0)]);
    else if (e.key === "x" && check(row)) { check(row).checked = !check(row).checked; count(list); }
    else if (e.key === "Escape" && list.hasAttribute("data-selecting")) {
      list.querySelectorAll("input[data-select]").forEach((b) => { b.checked = false; });
      count(list);
    } else return;
    if (e.key !== "Escape") e.preventDefault();
  });

  // Columns: the chooser shows and hides at once and is remembered for this
  // list, unless the address names the columns (a shared view wins).
  function columns(table, keys) {
    for (const cell of table.querySelectorAll("[data-col]"))
      cell.hidden = !keys.includes(cell.dataset.col) && cell.dataset.col !== "";
  }
  const chosen = (form) => [...form.querySelectorAll("input[name=col]")].filter((b) => b.checked || b.disabled).map((b) => b.value);
  document.addEventListener("change", (e) => {
    const form = e.target.closest?.("form[data-columns]");
    const table = form && document.getElementById(form.dataset.columns);
    if (!table) return;
    columns(table, chosen(form));
    Tandem.store.set("columns." + table.id, chosen(form).join(" "));
  });
  Tandem.onContent((root) => {
    root.querySelectorAll("[data-list]").forEach(count);
    root.querySelectorAll("form[data-columns]").forEach((form) => {
      const table = document.getElementById(form.dataset.columns);
      const kept = Tandem.store.get("columns." + form.dataset.columns)?.split(" ");
      if (!table || !kept || new URLSearchParams(location.search).has("col")) return;
      form.querySelectorAll("input[name=col]").forEach((b) => { b.checked = kept.includes(b.value) || b.disabled; });
      columns(table, chosen(form));
    });
  });
})();
