// Dialogs, popovers, copy buttons. Popovers open without script; this only
// places them where the browser has no anchor positioning.
(() => {
  const mac = /Mac|iPhone|iPad/.test(navigator.platform);
  Tandem.onContent((root) => {
    if (mac) root.querySelectorAll("kbd").forEach((k) => { if (k.textContent === "Ctrl") k.textContent = "⌘"; });
  });
  const anchored = CSS.supports("position-area: bottom");

  function place(pop) {
    const button = document.querySelector(`[popovertarget="${CSS.escape(pop.id)}"]`);
    if (anchored || !button || pop.matches(".drawer")) return;
    const b = button.getBoundingClientRect();
    const p = pop.getBoundingClientRect();
    const left = Math.max(8, Math.min(b.left, innerWidth - p.width - 8));
    const below = b.bottom + 4 + p.height <= innerHeight;
    pop.style.left = left + "px";
    pop.style.top = (below ? b.bottom + 4 : Math.max(8, b.top - p.height - 4)) + "px";
  }
  document.addEventListener("toggle", (e) => {
    const pop = e.target;
    if (!(pop instanceof HTMLElement) || !pop.popover) return;
    const button = document.querySelector(`[popovertarget="${CSS.escape(pop.id)}"]`);
    button?.setAttribute("aria-expanded", String(e.newState === "open"));
    if (e.newState !== "open") return;
    place(pop);
    pop.querySelector("[data-autofocus], input:not([type=hidden]), select, a, button")?.focus({ preventScroll: true });
  }, true);

  // Up and down move through the entries of an open menu.
  document.addEventListener("keydown", (e) => {
    if (e.key !== "ArrowDown" && e.key !== "ArrowUp") return;
    const menu = e.target.closest?.(".menu[popover]");
    if (!menu || Tandem.typing(e.target)) return;
    const items = [...menu.querySelectorAll("a[href], button:not([disabled])")];
    const at = items.indexOf(document.activeElement);
    const next = items[(at + (e.key === "ArrowDown" ? 1 : -1) + items.length) % items.length];
    if (next) { e.preventDefault(); next.focus(); }
  });

  document.addEventListener("click", (e) => {
    if (!(e.target instanceof Element)) return;
    const opener = e.target.closest("[data-dialog-open]");
    if (opener && !e.ctrlKey && !e.metaKey) {
      const dialog = document.getElementById(opener.dataset.dialogOpen);
      if (dialog instanceof HTMLDialogElement) { e.preventDefault(); dialog.showModal(); }
    }
    if (e.target.closest("[data-dialog-close]")) {
      const dialog = e.target.closest("dialog");
      if (dialog) { e.preventDefault(); dialog.close(); }
    }
    if (e.target instanceof HTMLDialogElement) e.target.close(); // the backdrop

    const copy = e.target.closest("[data-copy]");
    if (copy) {
      navigator.clipboard?.writeText(copy.dataset.copy).then(() => {
        copy.dataset.copied = "";
        Tandem.say("Copied");
        setTimeout(() => delete copy.dataset.copied, 1500);
      }, () => Tandem.toast({ tone: "warn", text: "The browser did not allow copying" }));
    }
    const blocked = e.target.closest("[aria-disabled=true]");
    if (blocked) {
      e.preventDefault();
      if (blocked.title) Tandem.toast({ tone: "neutral", text: blocked.title });
    }
  });
})();
