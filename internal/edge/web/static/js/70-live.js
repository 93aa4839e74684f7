// Live progress: an element with data-live="/address" listens to the server's
// events. "progress" carries {"value", "max", "text"}; "done" carries
// {"text", "tone", "href"} and may lead on; then the stream is closed.
(() => {
  function listen(el) {
    if (el.dataset.listening !== undefined) return;
    el.dataset.listening = "";
    const bar = el.querySelector("progress");
    const text = el.querySelector("[data-live-text]");
    const percent = el.querySelector("[data-live-percent]");
    const source = new EventSource(el.dataset.live);
    source.addEventListener("progress", (e) => {
      if (!el.isConnected) { source.close(); return; }
      const p = JSON.parse(e.data);
      if (p.max > 0) { bar.max = p.max; bar.value = p.value; }
      if (percent && p.max > 0) percent.textContent = Math.floor((100 * p.value) / p.max) + "%";
      if (p.text) text.textContent = p.text;
      el.dataset.state = "live";
    });
    source.addEventListener("done", (e) => {
      source.close();
      const d = JSON.parse(e.data);
      bar.value = bar.max;
      if (percent) percent.textContent = "";
      if (d.text) { text.textContent = d.text; Tandem.say(d.text); }
      el.dataset.state = "done";
      el.dataset.tone = d.tone || "success";
      if (d.href) location.assign(d.href);
    });
    source.onerror = () => { el.dataset.state = source.readyState === EventSource.CLOSED ? "lost" : "reconnecting"; };
    addEventListener("pagehide", () => source.close(), { once: true });
  }
  Tandem.onContent((root) => root.querySelectorAll("[data-live]").forEach(listen));
})();

// Looking again: every 5 seconds an element with data-look gets the event "look",
// for hx-trigger. In a tab that nobody sees nothing asks the server; when it is
// seen again, it is brought up to date at once.
(() => {
  const look = () => {
    if (document.hidden) return;
    document.querySelectorAll("[data-look]").forEach((el) => htmx.trigger(el, "look"));
  };
  setInterval(look, 5000);
  document.addEventListener("visibilitychange", look);
})();
