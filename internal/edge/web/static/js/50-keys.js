// Keys: Ctrl/Cmd-K palette, ? shortcuts, / search in the list, g then a letter
// to go somewhere. Single keys can be switched off (WCAG 2.1.4).
(() => {
  let waiting = 0;
  const on = () => Tandem.store.get("keys") !== "off";

  document.addEventListener("keydown", (e) => {
    if ((e.ctrlKey || e.metaKey) && !e.altKey && e.key.toLowerCase() === "k") {
      if (document.getElementById("palette")) { e.preventDefault(); Tandem.openPalette?.(); }
      return;
    }
    if (e.ctrlKey || e.metaKey || e.altKey || Tandem.typing(e.target) || !on()) return;
    if (document.querySelector("dialog[open]")) return;
    if (waiting > Date.now()) {
      waiting = 0;
      const link = document.querySelector(`a[data-go="${CSS.escape(e.key.toLowerCase())}"]`);
      if (link) { e.preventDefault(); link.click(); }
      return;
    }
    switch (e.key) {
      case "g": waiting = Date.now() + 1200; break;
      case "?": {
        const help = document.getElementById("shortcuts");
        if (help) { e.preventDefault(); help.showModal(); }
        break;
      }
      case "/": {
        const field = document.querySelector("[data-list-search]");
        e.preventDefault();
        if (field) { field.focus(); field.select(); } else Tandem.openPalette?.();
        break;
      }
      default: {
        const button = document.querySelector(`[data-key="${CSS.escape(e.key)}"]`);
        if (button) { e.preventDefault(); button.click(); }
      }
    }
  });
  document.addEventListener("change", (e) => {
    if (e.target.matches?.("[data-keys-switch]")) Tandem.store.set("keys", e.target.checked ? null : "off");
  });
  Tandem.keysOn = on;
  Tandem.onContent((root) => root.querySelectorAll("[data-keys-switch]").forEach((b) => { b.checked = on(); }));
})();
