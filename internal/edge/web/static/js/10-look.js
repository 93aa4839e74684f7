// Theme and density: buttons with data-set-theme and data-set-density.
(() => {
  const root = document.documentElement;
  const current = {
    theme: () => Tandem.store.get("theme") || "system",
    density: () => root.dataset.density || "comfortable",
  };
  function show() {
    for (const b of document.querySelectorAll("[data-set-theme]"))
      b.setAttribute("aria-pressed", String(b.dataset.setTheme === current.theme()));
    for (const b of document.querySelectorAll("[data-set-density]"))
      b.setAttribute("aria-pressed", String(b.dataset.setDensity === current.density()));
  }
  document.addEventListener("click", (e) => {
    const theme = e.target.closest("[data-set-theme]")?.dataset.setTheme;
    const density = e.target.closest("[data-set-density]")?.dataset.setDensity;
    if (theme) {
      Tandem.store.set("theme", theme === "system" ? null : theme);
      if (theme === "system") delete root.dataset.theme;
      else root.dataset.theme = theme;
    }
    if (density) {
      Tandem.store.set("density", density);
      root.dataset.density = density;
    }
    if (theme || density) show();
  });
  Tandem.onContent(show);
})();

// The tab that is open is in view, however many there are before it.
Tandem.onContent((root) => {
  for (const tab of root.querySelectorAll(".tabs > [aria-current]")) {
    const strip = tab.parentElement;
    if (strip.scrollWidth > strip.clientWidth) strip.scrollLeft = tab.offsetLeft - strip.offsetLeft - (strip.clientWidth - tab.offsetWidth) / 2;
  }
});
