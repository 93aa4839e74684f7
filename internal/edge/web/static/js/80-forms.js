// Forms: a form with data-guard asks before unsaved input is left behind; a
// form with data-auto sends itself when a choice changes; a submitted form
// cannot be sent twice by a second click.
(() => {
  const state = (form) => JSON.stringify([...new FormData(form)].map(([k, v]) => [k, typeof v === "string" ? v : v.name]));
  const clean = new WeakMap();

  Tandem.onContent((root) => root.querySelectorAll("form[data-guard]").forEach((f) => { if (!clean.has(f)) clean.set(f, state(f)); }));
  addEventListener("beforeunload", (e) => {
    for (const form of document.querySelectorAll("form[data-guard]"))
      if (clean.has(form) && clean.get(form) !== state(form) && form.dataset.sent === undefined) e.preventDefault();
  });
  document.addEventListener("submit", (e) => {
    const form = e.target;
    if (form.method === "get" || form.hasAttribute("hx-post")) return;
    if (form.dataset.sent !== undefined) { e.preventDefault(); return; }
    form.dataset.sent = "";
    setTimeout(() => delete form.dataset.sent, 8000); // the answer may be a download
  });
  document.addEventListener("change", (e) => {
    const form = e.target.closest?.("form[data-auto]");
    if (form) form.requestSubmit();
  });
  // Empty fields of a filter form stay out of the address.
  document.addEventListener("formdata", (e) => {
    if (!(e.target instanceof HTMLFormElement) || e.target.dataset.clean === undefined) return;
    for (const key of new Set(e.formData.keys())) {
      const kept = e.formData.getAll(key).filter((v) => v !== "");
      e.formData.delete(key);
      for (const v of kept) e.formData.append(key, v);
    }
  });
})();
