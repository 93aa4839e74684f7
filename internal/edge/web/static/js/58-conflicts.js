// Conflicts: 1 to 3 settle the one that has the focus, 4 opens the input of
// another value.
(() => {
  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || Tandem.typing(e.target) || !Tandem.keysOn?.()) return;
    if (document.querySelector("dialog[open], [popover]:popover-open")) return;
    const card = document.activeElement?.closest?.("[data-conflict]");
    const act = /^[1-4]$/.test(e.key) && card?.querySelector(`[data-key="${e.key}"]`);
    if (!act || act.getAttribute("aria-disabled") === "true") return;
    e.preventDefault();
    act.click();
    if (act.matches("summary")) act.parentElement.querySelector("[name=value]")?.focus();
  });
})();
