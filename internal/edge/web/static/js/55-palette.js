// The command palette: a fuzzy filter over the links the page gives, and
// search results from the address in data-search (JSON: [{"label", "href",
// "detail", "group"}], asked with ?q=).
(() => {
  // score is 0 for no match; letters in order match, runs and word starts win.
  function score(text, query) {
    let at = 0, run = 0, sum = 0;
    const t = text.toLowerCase();
    for (const c of query.toLowerCase()) {
      if (c === " ") continue;
      const found = t.indexOf(c, at);
      if (found < 0) return 0;
      run = found === at ? run + 1 : 1;
      sum += run * 2 + (found === 0 || /[\s/·-]/.test(t[found - 1]) ? 6 : 0) - Math.min(found - at, 5) * 0.4;
      at = found + 1;
    }
    return Math.max(sum - t.length * 0.02, 0.01);
  }

  function setup(dialog) {
    if (dialog.dataset.ready !== undefined) return;
    dialog.dataset.ready = "";
    const input = dialog.querySelector("input");
    const list = dialog.querySelector("[role=listbox]");
    const empty = dialog.querySelector("[data-palette-empty]");
    const given = [...list.querySelectorAll("[role=option]")];
    const found = dialog.querySelector("template")?.content.firstElementChild;
    let results = [], asked = 0, timer = 0, active = null;

    function select(option) {
      active?.setAttribute("aria-selected", "false");
      active = option ?? null;
      if (!active) { input.removeAttribute("aria-activedescendant"); return; }
      active.setAttribute("aria-selected", "true");
      input.setAttribute("aria-activedescendant", active.id);
      active.scrollIntoView({ block: "nearest" });
    }
    function draw() {
      const q = input.value.trim();
      const ranked = given
        .map((el, i) => ({ el, s: q ? score(el.dataset.text, q) : 1000 - i }))
        .filter((r) => r.s > 0).sort((a, b) => b.s - a.s).slice(0, 12).map((r) => r.el);
      list.replaceChildren(...ranked, ...results);
      empty.hidden = list.children.length > 0;
      select(list.firstElementChild);
    }
    async function search() {
      const q = input.value.trim();
      const url = dialog.dataset.search;
      if (!url || q.length < 2 || !found) { results = []; draw(); return; }
      const turn = ++asked;
      try {
        const answer = await fetch(url + (url.includes("?") ? "&" : "?") + "q=" + encodeURIComponent(q), { headers: { Accept: "application/json" } });
        if (!answer.ok || turn !== asked) return;
        const rows = await answer.json();
        results = rows.slice(0, 20).map((r, i) => {
          const el = found.cloneNode(true);
          el.id = "found-" + i;
          el.dataset.href = r.href;
          el.querySelector("[data-label]").textContent = r.label;
          el.querySelector("[data-detail]").textContent = [r.group, r.detail].filter(Boolean).join(" · ");
          return el;
        });
        draw();
      } catch { /* offline: the page's own links still work */ }
    }
    const go = (option, newTab) => {
      const href = option?.dataset.href;
      if (!href) return;
      dialog.close();
      if (newTab) window.open(href, "_blank", "noopener");
      else location.assign(href);
    };
    input.addEventListener("input", () => { draw(); clearTimeout(timer); timer = setTimeout(search, 120); });
    input.addEventListener("keydown", (e) => {
      const all = [...list.children];
      const at = all.indexOf(active);
      if (e.key === "ArrowDown") { e.preventDefault(); select(all[(at + 1) % all.length]); }
      else if (e.key === "ArrowUp") { e.preventDefault(); select(all[(at - 1 + all.length) % all.length]); }
      else if (e.key === "Enter") { e.preventDefault(); go(active, e.ctrlKey || e.metaKey); }
    });
    list.addEventListener("click", (e) => go(e.target.closest("[role=option]"), e.ctrlKey || e.metaKey));
    list.addEventListener("pointermove", (e) => { const o = e.target.closest("[role=option]"); if (o && o !== active) select(o); });
    dialog.addEventListener("close", () => { input.value = ""; results = []; });
    dialog.openPalette = () => { draw(); dialog.showModal(); input.focus(); };
  }
  Tandem.openPalette = () => document.getElementById("palette")?.openPalette?.();
  document.addEventListener("click", (e) => {
    if (e.target instanceof Element && e.target.closest("[data-palette-open]") && !e.ctrlKey && !e.metaKey) {
      e.preventDefault();
      Tandem.openPalette();
    }
  });
  Tandem.onContent(() => { const d = document.getElementById("palette"); if (d) setup(d); });
})();
