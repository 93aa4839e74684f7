// Boards: a card moves by dragging, by Alt with an arrow key, or by the form in
// its own menu (which works without script). All three send that form.
(() => {
  let dragged = null;
  function send(card, key) {
    const form = card.querySelector("form[data-move]");
    const to = form?.querySelector("select");
    if (!to || to.value === key) return;
    if (![...to.options].some((o) => o.value === key && !o.disabled)) {
      Tandem.toast({ tone: "warn", text: "That move is not possible from here." });
      return;
    }
    to.value = key;
    form.requestSubmit();
  }
  document.addEventListener("dragstart", (e) => {
    dragged = e.target.closest?.("[data-card]") ?? null;
    if (dragged) { e.dataTransfer.effectAllowed = "move"; dragged.dataset.dragging = ""; }
  });
  document.addEventListener("dragend", () => {
    if (dragged) delete dragged.dataset.dragging;
    document.querySelectorAll("[data-over]").forEach((c) => delete c.dataset.over);
    dragged = null;
  });
  document.addEventListener("dragover", (e) => {
    const column = e.target.closest?.("[data-column]");
    if (!dragged || !column) return;
    e.preventDefault();
    document.querySelectorAll("[data-over]").forEach((c) => { if (c !== column) delete c.dataset.over; });
    column.dataset.over = "";
  });
  document.addEventListener("drop", (e) => {
    const column = e.target.closest?.("[data-column]");
    if (!dragged || !column) return;
    e.preventDefault();
    send(dragged, column.dataset.column);
  });
  document.addEventListener("keydown", (e) => {
    const card = e.target.closest?.("[data-card]");
    if (!card || !e.key.startsWith("Arrow")) return;
    const column = card.closest("[data-column]");
    const all = [...column.parentElement.querySelectorAll("[data-column]")];
    const step = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
    if (e.altKey && step) {
      const next = all[all.indexOf(column) + step];
      if (next) { e.preventDefault(); send(card, next.dataset.column); }
      return;
    }
    if (e.altKey || e.ctrlKey || e.metaKey || Tandem.typing(e.target) || e.target.closest("[popover]")) return;
    let next = null;
    const cards = [...column.querySelectorAll("[data-card]")];
    if (e.key === "ArrowDown") next = cards[cards.indexOf(card) + 1];
    else if (e.key === "ArrowUp") next = cards[cards.indexOf(card) - 1];
    else next = all[all.indexOf(column) + step]?.querySelector("[data-card]");
    if (next) { e.preventDefault(); next.querySelector("a[href]")?.focus(); }
  });
})();
