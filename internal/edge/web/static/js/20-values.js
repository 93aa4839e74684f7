// Times and money in the reader's own forms. The server's text is complete and
// stays when this does not run.
(() => {
  const units = [["year", 31536000], ["month", 2592000], ["week", 604800], ["day", 86400], ["hour", 3600], ["minute", 60]];
  const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  const full = new Intl.DateTimeFormat(Tandem.locale, { dateStyle: "full", timeStyle: "long" });
  const instant = new Intl.DateTimeFormat(Tandem.locale, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });
  const clock = new Intl.DateTimeFormat(Tandem.locale, { hour: "2-digit", minute: "2-digit" });
  const day = new Intl.DateTimeFormat(Tandem.locale, { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });

  function ago(date) {
    const seconds = (date - Date.now()) / 1000;
    for (const [unit, size] of units)
      if (Math.abs(seconds) >= size) return relative.format(Math.round(seconds / size), unit);
    return "just now";
  }
  function showTimes(root) {
    for (const el of root.querySelectorAll("time[data-time]")) {
      const date = new Date(el.dateTime);
      if (Number.isNaN(date.valueOf())) continue;
      switch (el.dataset.time) {
        case "day": el.textContent = day.format(date); break;
        case "clock": el.textContent = clock.format(date); el.title = full.format(date); break;
        case "ago": el.textContent = ago(date); el.title = full.format(date); break;
        default: el.textContent = instant.format(date); el.title = full.format(date);
      }
    }
  }
  const formats = new Map();
  function money(currency, digits) {
    const key = currency + digits;
    if (!formats.has(key)) {
      const limit = digits === "0" ? { maximumFractionDigits: 0 } : {};
      formats.set(key, new Intl.NumberFormat(Tandem.locale, { style: "currency", currency, currencyDisplay: "code", ...limit }));
    }
    return formats.get(key);
  }
  function showMoney(root) {
    for (const el of root.querySelectorAll("data[data-currency]:not([data-shown])")) {
      try {
        // The string form keeps every digit; a float would not.
        el.textContent = money(el.dataset.currency, el.dataset.digits || "").format(el.value);
        el.dataset.shown = "";
      } catch { /* not an ISO code: the server's text stays */ }
    }
  }
  Tandem.onContent((root) => { showTimes(root); showMoney(root); });
  setInterval(() => showTimes(document), 60000);
})();
