// Tandem's page script. Everything works from data attributes, so that pages
// need no script of their own and a strict Content-Security-Policy holds.
const Tandem = (window.Tandem = {
  // The reader's own number and date forms; words stay in the page's language.
  locale: navigator.languages?.[0] || "en",
  enhancers: [],
  // onContent runs fn now and after every htmx swap, with the new content.
  onContent(fn) {
    this.enhancers.push(fn);
  },
  enhance(root) {
    for (const fn of this.enhancers) fn(root);
  },
  store: {
    get(key) {
      try { return localStorage.getItem("tandem." + key); } catch { return null; }
    },
    set(key, value) {
      try {
        if (value === null) localStorage.removeItem("tandem." + key);
        else localStorage.setItem("tandem." + key, value);
      } catch { /* private mode: the choice lasts for this page */ }
    },
  },
  // typing says whether a key press belongs to a text field.
  typing(target) {
    return target instanceof Element &&
      target.closest("input:not([type=checkbox]):not([type=radio]):not([type=button]), textarea, select, [contenteditable]") !== null;
  },
  // say tells a screen reader something, politely.
  say(text) {
    const live = document.getElementById("live");
    if (!live) return;
    live.textContent = "";
    requestAnimationFrame(() => { live.textContent = text; });
  },
});

document.addEventListener("DOMContentLoaded", () => Tandem.enhance(document));
document.addEventListener("htmx:after:swap", () => Tandem.enhance(document));
