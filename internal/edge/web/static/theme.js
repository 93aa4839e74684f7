// Runs before the first paint: puts the reader's theme and density on <html>,
// so that no page flashes in the wrong colours. Everything else is in tandem.js.
(() => {
  const root = document.documentElement;
  try {
    const theme = localStorage.getItem("tandem.theme");
    const density = localStorage.getItem("tandem.density");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    if (density === "dense" || density === "comfortable") root.dataset.density = density;
  } catch {
    // Storage is closed to us: the system's theme is used.
  }
  root.classList.add("js");
})();
