// The rule editor's help: line numbers, problems beside their lines as typing
// stops, and completion. The page works without this file.
"use strict";
(() => {
  const form = document.getElementById("edit");
  if (!form) return;
  const make = (tag, cls, text = "") => Object.assign(document.createElement(tag), { className: cls, textContent: text });
  const files = [...form.querySelectorAll("[data-file]")].map((section) => {
    const area = section.querySelector("textarea");
    const f = { area, box: area.parentElement, found: section.querySelector(".found"), gutter: make("div", "gutter"), marks: make("div", "marks"), problems: [], lines: 0 };
    f.gutter.setAttribute("aria-hidden", "true");
    f.marks.setAttribute("aria-hidden", "true"); // the list under the text says the same
    f.box.prepend(f.gutter);
    f.box.append(f.marks);
    return f;
  });

  const measure = (area) => {
    const s = getComputedStyle(area);
    const c = document.createElement("canvas").getContext("2d");
    c.font = `${s.fontSize} ${s.fontFamily}`;
    return { high: parseFloat(s.lineHeight), wide: c.measureText("0").width, top: parseFloat(s.paddingTop), left: parseFloat(s.paddingLeft) };
  };
  const scrolled = (f) => {
    f.gutter.scrollTop = f.area.scrollTop;
    for (const p of f.marks.children) p.style.top = `${Number(p.dataset.at) - f.area.scrollTop}px`;
  };
  const draw = (f) => {
    const m = measure(f.area);
    const bad = new Map();
    for (const p of f.problems) if (p.line && !(bad.has(p.line) && p.warning)) bad.set(p.line, p);
    const rows = [];
    for (let n = 1; n <= f.area.value.split("\n").length; n++) {
      rows.push(bad.has(n) ? make("b", bad.get(n).warning ? "warned" : "", String(n)) : String(n), "\n");
    }
    f.gutter.replaceChildren(...rows, "\n\n");
    f.marks.replaceChildren(...[...bad].map(([n, p]) => {
      const mark = make("p", p.warning ? "warned" : "", p.msg);
      mark.dataset.at = String(m.top + (n - 1) * m.high);
      return mark;
    }));
    scrolled(f);
  };
  const jump = (f, n) => {
    const at = f.area.value.split("\n").slice(0, n - 1).join("\n").length + (n > 1 ? 1 : 0);
    f.area.focus();
    f.area.setSelectionRange(at, at);
    f.area.scrollTop = Math.max(0, (n - 4) * measure(f.area).high);
  };
  const list = (f) => f.found.replaceChildren(...f.problems.map((p) => {
    const b = make("button", p.warning ? "warned" : "");
    b.type = "button";
    b.append(make("b", "", p.line ? `line ${p.line}` : "file"), ` ${p.field ? p.field + ": " : ""}${p.msg}`);
    b.addEventListener("click", () => jump(f, p.line || 1));
    return b;
  }));

  // Check what is typed when typing stops. An answer to older texts is dropped.
  const verdict = document.getElementById("verdict");
  let asked = 0;
  let timer = 0;
  const check = async () => {
    const mine = ++asked;
    const body = new URLSearchParams(new FormData(form));
    let answer;
    try {
      const r = await fetch(form.dataset.check, { method: "POST", body, redirect: "error" });
      answer = r.ok ? await r.json() : null;
    } catch {
      answer = null;
    }
    if (mine !== asked) return;
    verdict.textContent = answer ? answer.verdict : "The server did not check it; what you typed is still here.";
    verdict.className = "verdict" + (answer ? (answer.good ? " good" : " bad") : "");
    files.forEach((f, k) => {
      f.problems = answer ? answer.problems.filter((p) => p.file === k + 1) : [];
      draw(f);
      list(f);
    });
  };
  let typed = false;
  const changed = () => {
    typed = true;
    asked++;
    clearTimeout(timer);
    timer = setTimeout(check, 500);
  };
  form.addEventListener("input", (e) => {
    if (/^(body|name)$/.test(e.target.name)) changed();
  });
  form.addEventListener("submit", (e) => {
    if (e.submitter && e.submitter.formTarget) setTimeout(() => delete form.dataset.sent); // this page stays
    else typed = false;
  });
  window.addEventListener("beforeunload", (e) => typed && e.preventDefault());

  // Completion: what a condition can ask for, and labels of recent alerts.
  const words = make("ul", "words");
  words.id = "words";
  words.setAttribute("role", "listbox");
  words.setAttribute("aria-label", "Completions");
  words.hidden = true;
  let known = { variables: [], labels: [] };
  fetch(form.dataset.words).then((r) => (r.ok ? r.json() : known)).then((w) => (known = w)).catch(() => {});
  const candidates = (before) => {
    const value = /labels\.([\w.-]+)\s*(?:==|!=)\s*"([^"]*)$/.exec(before);
    if (value) {
      const l = known.labels.find((l) => l.name === value[1]);
      return { part: value[2], list: (l ? l.values : []).map((v) => [v, ""]) };
    }
    const part = (/[A-Za-z_][\w.]*$/.exec(before) || [""])[0];
    if (part.length < 2 || /^\s*(about|owner|id|#)/.test(before)) return { part, list: [] };
    const names = known.variables.map((v) => [v.name, `${v.about} (from ${v.stage} on)`]);
    for (const l of known.labels) if (/^\w+$/.test(l.name)) names.push(["labels." + l.name, "label, such as " + (l.values[0] || "…")]);
    return { part, list: names };
  };
  let open = null; // {f, part, at}
  const close = () => {
    if (open) open.f.area.removeAttribute("aria-activedescendant");
    open = null;
    words.hidden = true;
  };
  const select = (n) => {
    const all = [...words.children];
    open.at = (n + all.length) % all.length;
    all.forEach((li, k) => li.setAttribute("aria-selected", String(k === open.at)));
    all[open.at].scrollIntoView({ block: "nearest" });
    open.f.area.setAttribute("aria-activedescendant", all[open.at].id);
  };
  const accept = (n) => {
    const { f, part } = open;
    const end = f.area.selectionStart;
    f.area.setRangeText(words.children[n].dataset.word, end - part.length, end, "end");
    close();
    draw(f);
    changed();
  };
  const offer = (f) => {
    const end = f.area.selectionStart;
    const before = f.area.value.slice(f.area.value.lastIndexOf("\n", end - 1) + 1, end);
    const { part, list } = candidates(before);
    const hits = list.filter(([w]) => w.startsWith(part) && w !== part).slice(0, 12);
    if (!hits.length || f.area.selectionEnd !== end) return close();
    words.replaceChildren(...hits.map(([w, about], k) => {
      const li = make("li", "");
      li.id = `word-${k}`;
      li.dataset.word = w;
      li.setAttribute("role", "option");
      li.append(make("b", "", w), " ", make("span", "", about));
      li.addEventListener("mousedown", (e) => (e.preventDefault(), accept(k)));
      return li;
    }));
    const m = measure(f.area);
    const line = f.area.value.slice(0, end).split("\n").length;
    f.box.after(words);
    f.box.parentElement.style.position = "relative";
    words.style.top = `${f.box.offsetTop + m.top + line * m.high - f.area.scrollTop + 4}px`;
    words.style.left = `${Math.max(0, Math.min(f.area.offsetLeft + m.left + (before.length - part.length) * m.wide - f.area.scrollLeft, f.box.clientWidth - 200))}px`;
    words.hidden = false;
    open = { f, part, at: -1 };
  };
  for (const f of files) {
    f.area.setAttribute("aria-autocomplete", "list");
    f.area.setAttribute("aria-controls", "words");
    f.area.addEventListener("input", () => (draw(f), offer(f)));
    f.area.addEventListener("scroll", () => (scrolled(f), close()));
    f.area.addEventListener("blur", close);
    f.area.addEventListener("keydown", (e) => {
      if (!open) return;
      const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
      if (step) select(open.at < 0 && step < 0 ? -1 : open.at + step);
      else if (e.key === "Tab" && !e.shiftKey) accept(Math.max(0, open.at));
      else if (e.key === "Enter" && open.at >= 0) accept(open.at);
      else if (e.key === "Escape") close();
      else return;
      e.preventDefault();
      e.stopPropagation();
    });
    draw(f);
  }
  check();
})();
