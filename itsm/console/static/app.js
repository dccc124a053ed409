// Progressive enhancement only: every page works without this file.
"use strict";
(() => {
  const $ = (s, root = document) => root.querySelector(s);
  const $$ = (s) => [...document.querySelectorAll(s)];

  // Relative times that keep current, worded as in when.go; the exact time in
  // the reader's own zone on hover.
  const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
  const two = (a, ua, b, ub) => `${a} ${ua}` + (b > 0 && a < 10 ? ` ${b} ${ub}` : "");
  const span = (s) => {
    if (s < 60) return `${s} s`;
    if (s < 3600) return `${Math.floor(s / 60)} min`;
    if (s < 86400) return two(Math.floor(s / 3600), "h", Math.floor((s % 3600) / 60), "min");
    return two(Math.floor(s / 86400), "d", Math.floor((s % 86400) / 3600), "h");
  };
  const ago = (ms) => {
    const s = Math.round(ms / 1000);
    if (s <= -10) return "in " + span(-s);
    return s < 10 ? "just now" : span(s) + " ago";
  };
  // The server's clock and the reader's may differ; the page's own time tells by how much.
  const times = $$("time[datetime]");
  const rendered = $("footer time[datetime]");
  const skew = rendered ? Date.now() - Date.parse(rendered.dateTime) : 0;
  const tick = () => {
    for (const t of times) {
      const at = Date.parse(t.dateTime);
      const text = ago(Date.now() - skew - at);
      if (t.textContent !== text) t.textContent = text;
    }
  };
  for (const t of times) t.title = exact.format(new Date(t.dateTime));
  setInterval(tick, 10000);
  document.addEventListener("visibilitychange", () => document.hidden || tick());

  // Keys: j and k walk the rows, Enter follows the focused link by itself.
  const rows = () => $$("[data-row]");
  const current = () => document.activeElement.closest("[data-row]");
  const walk = (step) => {
    const all = rows();
    if (!all.length) return;
    const i = all.indexOf(current());
    const next = all[i < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, i + step))];
    const link = $("[data-open]", next);
    link.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  };
  const keys = {
    j: () => walk(1),
    k: () => walk(-1),
    a: () => {
      const row = current();
      const button = row ? $("[data-ack]", row) : rows().length ? null : $("[data-ack]");
      if (button) button.click();
    },
    "/": () => {
      const field = $("[data-search]");
      if (field) field.focus();
      else location.assign("/#q");
    },
    "?": () => location.assign("/help"),
    x: () => {
      const row = current();
      const box = row && $(".pick input", row);
      if (box) box.click();
    },
    m: () => {
      const menu = $(".menu");
      if (!menu) return;
      menu.open = true;
      $(".menu-all a", menu).focus();
    },
    h: () => location.assign("/home"),
  };
  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.isComposing) return;
    const el = document.activeElement;
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(el.tagName)) {
      if (e.key === "Escape") el.blur();
      return;
    }
    const act = keys[e.key];
    if (act) {
      e.preventDefault();
      act();
    }
  });
  if (location.hash === "#q" && $("#q")) $("#q").focus();

  // Ticked rows are counted; without this file the links tick them all, or none.
  const boxes = $$(".row .pick input[form]");
  const count = $("#picked");
  const recount = () => {
    const n = boxes.filter((b) => b.checked).length;
    if (count) count.textContent = n ? `${n} ticked` : "Do to what is ticked";
  };
  for (const [name, on] of [["all", true], ["none", false]])
    for (const link of $$(`[data-pick-${name}]`))
      link.addEventListener("click", (e) => {
        e.preventDefault();
        for (const b of boxes) b.checked = on;
        recount();
      });
  for (const b of boxes) b.addEventListener("change", recount);
  window.addEventListener("pageshow", recount);

  // An open menu closes with Escape and with a click elsewhere.
  const menu = $(".menu");
  if (menu) {
    document.addEventListener("click", (e) => menu.contains(e.target) || (menu.open = false));
    menu.addEventListener("keydown", (e) => {
      if (e.key !== "Escape" || !menu.open) return;
      menu.open = false;
      menu.firstElementChild.focus();
    });
  }

  // A second tap while the first is on its way sends nothing.
  document.addEventListener("submit", (e) => {
    if (e.target.method !== "post" || e.target.className === "theme") return;
    if (e.target.dataset.sent) e.preventDefault();
    e.target.dataset.sent = "1";
  });
  window.addEventListener("pageshow", () => $$("form[data-sent]").forEach((f) => delete f.dataset.sent));

  // Refresh keeps the reader's place: what stood at the top of the window stands
  // there again, or what came after it if that is gone; what was unfolded stays so,
  // and what was typed is not lost.
  const place = "place " + location.pathname + location.search;
  const kept = (f) => {
    try {
      return f(sessionStorage);
    } catch {
      return null; // storage is switched off: the page then begins at its top
    }
  };
  const summaryOf = (d) => (d.closest("[id]") || d).id + " " + d.firstElementChild.textContent.replace(/\d+/g, "");
  $("#live a").addEventListener("click", () => {
    const now = {
      open: $$("main details[open]").map(summaryOf),
      text: $$("main textarea").map((e) => [e.id, e.value]),
      at: $$("main [id]").filter((e) => !e.checkVisibility || e.checkVisibility()).map((e) => [e.id, Math.round(e.getBoundingClientRect().top)]).filter((p) => p[1] > -40).slice(0, 80),
      top: scrollY < 40,
    };
    kept((s) => s.setItem(place, JSON.stringify(now)));
  });
  const was = JSON.parse(kept((s) => s.getItem(place)) || "null");
  kept((s) => s.removeItem(place));
  if (was) {
    for (const d of $$("main details")) if (was.open.includes(summaryOf(d))) d.open = true;
    for (const [id, value] of was.text) if (value && document.getElementById(id)) document.getElementById(id).value = value;
    const anchor = was.top ? null : was.at.find((p) => document.getElementById(p[0]));
    if (anchor) scrollTo(0, scrollY + document.getElementById(anchor[0]).getBoundingClientRect().top - anchor[1]);
  }

  // What changed since this page was made: said, never shown by moving the page.
  const notice = $("#live");
  const title = document.title;
  const waits = $("#progress");
  const tell = (n) => {
    if (waits) {
      if (n.done) location.replace(location.pathname); // there is nothing on it to lose
      waits.value = n.progress || 0;
      $("#progress-text").textContent = `${Math.floor(waits.value / 10)} % of the history is folded`;
      return;
    }
    notice.hidden = n.text === "";
    notice.firstElementChild.textContent = n.text;
    document.title = n.count > 0 ? `(${n.count}) ${title}` : title;
  };
  const live = document.body.dataset.live;
  if (live && window.EventSource) {
    let stream = null;
    const follow = () => {
      if (document.hidden || stream) return;
      stream = new EventSource(live);
      stream.onmessage = (e) => tell(JSON.parse(e.data));
    };
    const rest = () => {
      if (stream) stream.close();
      stream = null;
    };
    document.addEventListener("visibilitychange", () => (document.hidden ? rest() : follow()));
    window.addEventListener("pagehide", rest);
    follow();
  }
})();
