// Toasts: those the server put on the page, those asked for by
// Tandem.toast({tone, text, undo}), and those a response asks for with
// HX-Trigger: {"toast": {"tone": "success", "text": "…", "undo": "/path"}}.
(() => {
  const titles = { success: "Done", warn: "Mind", danger: "Failed", info: "Note", neutral: "" };

  function arm(toast) {
    if (toast.dataset.armed !== undefined) return;
    toast.dataset.armed = "";
    // Bad news stays until it is dismissed; the rest leaves, but not while it
    // is being read (pointer or focus inside).
    if (toast.dataset.tone === "danger" || toast.dataset.tone === "warn") return;
    let timer = 0;
    const wait = () => { clearTimeout(timer); timer = setTimeout(() => toast.remove(), toast.querySelector("[data-undo], form") ? 10000 : 6000); };
    for (const ev of ["pointerenter", "focusin"]) toast.addEventListener(ev, () => clearTimeout(timer));
    for (const ev of ["pointerleave", "focusout"]) toast.addEventListener(ev, wait);
    wait();
  }

  async function undo(url) {
    const answer = await fetch(url, { method: "POST", headers: { Accept: "text/html" } });
    if (!answer.ok) throw new Error(String(answer.status));
    location.reload();
  }

  Tandem.toast = ({ tone = "neutral", text, undo: url }) => {
    const box = document.getElementById("toasts");
    const pattern = document.getElementById("toast-pattern");
    if (!box || !pattern || !text) return;
    const toast = pattern.content.firstElementChild.cloneNode(true);
    toast.dataset.tone = tone;
    toast.querySelector("[data-toast-title]").textContent = titles[tone] || "";
    toast.querySelector("[data-toast-text]").textContent = text;
    const button = toast.querySelector("[data-undo]");
    if (url) {
      button.addEventListener("click", () => {
        toast.remove();
        undo(url).catch(() => Tandem.toast({ tone: "danger", text: "That could not be undone. The record is as it was after your change." }));
      });
    } else button.remove();
    box.append(toast);
    arm(toast);
  };

  document.addEventListener("click", (e) => {
    if (e.target instanceof Element && e.target.closest("[data-toast-close]")) e.target.closest(".toast")?.remove();
  });
  document.addEventListener("toast", (e) => Tandem.toast(e.detail ?? {}));
  document.addEventListener("htmx:error", () => Tandem.toast({ tone: "danger", text: "The server could not be reached. Nothing was changed; try again." }));
  Tandem.onContent((root) => root.querySelectorAll("#toasts .toast").forEach(arm));
})();
