# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hold the style of a page and its script, which only highlights lines (class `on`)."""

from __future__ import annotations

STYLE = """
:root {
  color-scheme: light dark;
  --paper: light-dark(#fcfbf9, #15171a); --card: light-dark(#fff, #1b1e22); --rule: light-dark(#e5e0d8, #31353b);
  --ink: light-dark(#23211e, #e6e2da); --soft: light-dark(#67625a, #a29c92);
  --accent: light-dark(#0a6b62, #6fd0c1); --tint: light-dark(#e2f1ee, #173430);
  --bad: light-dark(#a3211b, #ff9d94); --badtint: light-dark(#fbeae8, #3a1f1d);
  --k: light-dark(#1b4d89, #8fbcf5); --o: light-dark(#5b3e91, #c7aef2); --f: light-dark(#8a4b08, #eab573);
  --s: light-dark(#7a3b1d, #e6a98c); --c: light-dark(#67625a, #a29c92); --n: var(--ink); --r: var(--accent);
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", "JetBrains Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace;
  --sans: system-ui, "Segoe UI", "Inter", "Noto Sans", "Liberation Sans", "DejaVu Sans", sans-serif;
  --serif: Charter, "Bitstream Charter", "Sitka Text", "Source Serif 4", Cambria, "Noto Serif", "Liberation Serif",
    Georgia, serif;
}
:root[data-theme=light] { color-scheme: light }
:root[data-theme=dark] { color-scheme: dark }
* { box-sizing: border-box }
html { scroll-padding-top: 9rem; scroll-behavior: smooth }
@media (prefers-reduced-motion:reduce) {
  html { scroll-behavior: auto }
}
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.5 var(--sans) }
a { color: inherit }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 3px }
.skip { position: absolute; left: -99rem }
.skip:focus { left: 1rem; top: 1rem; background: var(--card); padding: .5rem 1rem; z-index: 9 }
.top {
  padding: 2.6rem 2.5rem 1.9rem; border-bottom: 1px solid var(--rule); display: flex; gap: 2rem;
  align-items: flex-start;
}
.top>div { flex: 1 }
.eyebrow { margin: 0; font: .8rem/1.4 var(--mono); color: var(--soft) }
h1 {
  font: 600 2.35rem/1.15 var(--serif); letter-spacing: -.015em; margin: .35rem 0 .5rem; overflow-wrap: anywhere;
}
.lede { margin: 0; max-width: 44rem; color: var(--soft); font: 1.06rem/1.55 var(--serif) }
button {
  font: inherit; font-size: .82rem; color: var(--ink); background: var(--card); border: 1px solid var(--rule);
  border-radius: 6px; padding: .36rem .75rem; cursor: pointer;
}
button:hover { border-color: var(--accent) }
.body { display: grid; grid-template-columns: 16rem minmax(0,1fr) }
.rail { border-right: 1px solid var(--rule); font-size: .88rem }
.rail>div {
  position: sticky; top: 0; max-height: 100vh; overflow-y: auto; padding: 1.5rem 1.25rem 2rem 2.5rem;
  scrollbar-width: thin;
}
fieldset { border: 0; margin: 0 0 1.4rem; padding: 0; min-width: 0 }
legend, .rail h2 {
  font: 600 .72rem/1.4 var(--sans); letter-spacing: .07em; text-transform: uppercase; color: var(--soft);
  padding: 0; margin: 0 0 .35rem;
}
.rail label {
  display: flex; justify-content: space-between; gap: .5rem; padding: .16rem .6rem; margin-left: -.6rem;
  border-radius: 6px; cursor: pointer; position: relative;
}
.rail label:hover { background: var(--tint) }
.rail label span:last-child:not(:first-of-type) {
  color: var(--soft); font-variant-numeric: tabular-nums; font-size: .8rem;
}
.rail input {
  position: absolute; opacity: 0; width: 100%; height: 100%; left: 0; top: 0; margin: 0; cursor: pointer;
}
.rail label:has(:checked) { background: var(--tint); color: var(--accent); font-weight: 600 }
.rail label:has(:focus-visible) { outline: 2px solid var(--accent); outline-offset: 1px }
.rail ul { list-style: none; margin: 0; padding: 0 }
.rail li a {
  display: block; padding: .16rem 0; text-decoration: none; overflow-wrap: anywhere; color: var(--soft);
  font: .8rem/1.5 var(--mono);
}
.rail li a b { font-weight: 400; color: var(--ink) }
.rail li a:hover { text-decoration: underline; color: var(--accent) }
main { padding: 0 2.5rem 6rem; min-width: 0; max-width: 84rem }
.bar {
  position: sticky; top: 0; z-index: 3; background: var(--paper); border-bottom: 1px solid var(--rule);
  padding: .9rem 0 .7rem;
}
[hidden] { display: none!important }
.bar { display: flex; gap: .5rem; align-items: center }
.bar output { flex: 1; font: 600 1.02rem/1.4 var(--serif) }
.bar output small { font: .82rem var(--sans); color: var(--soft); margin-left: .6rem }
.text { margin: .9rem 0 0; max-width: 46rem; font: 1.05rem/1.55 var(--serif) }
.way {
  list-style: none; display: flex; flex-wrap: wrap; gap: .55rem 1.9rem; margin: 1.1rem 0 .4rem; padding: 0;
  align-items: stretch;
}
.way li {
  flex: 1 1 10rem; max-width: 21rem; min-width: 0; background: var(--card); border: 1px solid var(--rule);
  border-radius: 9px; padding: .55rem .8rem .6rem; position: relative; overflow-wrap: anywhere;
  font: .76rem/1.5 var(--mono); color: var(--soft);
}
.way li+li::before {
  content: ""; position: absolute; left: -1.42rem; top: 1.35rem; width: .75rem; height: 0;
  border-top: 2px solid var(--accent);
}
.way li+li::after {
  content: ""; position: absolute; left: -.98rem; top: calc(1.35rem - 3px); border: 4px solid transparent;
  border-left: 6px solid var(--accent); border-right: 0;
}
.way b {
  display: block; font: 600 .7rem/1.4 var(--sans); letter-spacing: .05em; text-transform: uppercase;
  color: var(--accent);
}
.way a { display: block; color: var(--ink); font-weight: 600; text-decoration: none }
.way a:hover { text-decoration: underline }
.way span { display: block }
.problems {
  border: 1px solid var(--bad); background: var(--badtint); border-radius: 9px; padding: .9rem 1.2rem;
  margin: 1.6rem 0 0;
}
.problems h2 { margin: 0 0 .3rem; font: 600 1.05rem/1.4 var(--serif); color: var(--bad) }
.problems ul { margin: 0; padding-left: 1.1rem; font: .85rem/1.55 var(--mono); overflow-wrap: anywhere }
.part { padding: 1.5rem 0 0 }
.long .part { content-visibility: auto; contain-intrinsic-size: auto 24rem }
.part:first-of-type { padding-top: 1.4rem }
.block {
  display: grid; grid-template-columns: minmax(0,1fr) 24rem; column-gap: 2.4rem;
  border-left: 3px solid transparent; margin-left: -.8rem; padding: .3rem 0 .3rem .55rem;
}
.noted { background: linear-gradient(var(--rule),var(--rule)) no-repeat 4rem 0/100% 1px }
.long .chunk { content-visibility: auto; contain-intrinsic-size: auto 155rem }
.bare { grid-template-columns: minmax(0,1fr) }
pre { margin: 0; font: .84rem/1.62 var(--mono); min-width: 0 }
.line {
  display: block; padding-left: calc(3.4rem + 4ch); text-indent: -4ch; white-space: pre-wrap;
  overflow-wrap: anywhere; position: relative; min-height: 1.62em;
}
.line::before {
  content: attr(data-n); position: absolute; left: 0; width: 2.5rem; text-align: right; text-indent: 0;
  color: var(--soft); font-size: .74rem; line-height: 1.85; font-variant-numeric: tabular-nums;
  user-select: none;
}
@supports (content:"a"/"") {
  .line::before { content: attr(data-n)/"" }
}
h2.line { margin: 0 0 .35rem; font: 600 1rem/1.62 var(--mono) }
.k, .o, .f, .r {
  text-decoration: underline dotted 1px; text-underline-offset: .22em;
  text-decoration-color: color-mix(in srgb, currentColor 45%, transparent);
}
span.k, span.o, span.f, span.r { text-decoration: none }
.k { color: var(--k); font-weight: 600 }
.o { color: var(--o) }
.f { color: var(--f) }
.r { color: var(--r) }
.s { color: var(--s) }
.n { color: var(--n) }
.c { color: var(--c); font-style: italic }
a.k:hover, a.o:hover, a.f:hover, a.r:hover { text-decoration: underline solid 1px }
:target:not(.part) { background: var(--tint) }
.note { font: .92rem/1.48 var(--serif); color: var(--soft); padding: .1rem 0 .3rem }
.note h3 { font: 600 .8rem/1.5 var(--sans); margin: 0 0 .15rem; color: var(--accent) }
.note h3 a { text-decoration: none }
.note h3 a:hover { text-decoration: underline }
.note p { margin: 0 0 .3rem }
.note code { font: .78rem var(--mono); color: var(--ink) }
.own {
  display: inline-block; font: .74rem/1.5 var(--sans); border: 1px solid var(--rule); border-radius: 9px;
  padding: 0 .5rem; color: var(--soft);
}
.msg {
  display: block; text-indent: 0; white-space: normal; background: var(--badtint);
  border-left: 3px solid var(--bad); color: var(--bad); padding: .25rem .7rem; margin: .15rem 0 .3rem;
  border-radius: 3px;
}
.line.bad { background: var(--badtint) }
.focus .block:not(.on) .line:not(.on), .focus h2.line:not(.on) {
  --k: var(--soft); --o: var(--soft); --f: var(--soft); --s: var(--soft); --r: var(--soft); --n: var(--soft);
  --c: var(--soft); color: var(--soft);
}
.focus .block.on { border-left-color: var(--accent) }
.focus .on .line, .focus .line.on { background: var(--tint) }
footer { padding: 2rem 2.5rem; border-top: 1px solid var(--rule); color: var(--soft); font-size: .84rem }
:root:not(.js) .js { display: none }
@media (max-width:75rem) {
  .block { grid-template-columns: minmax(0,1fr) }
  .note { order: -1; padding: .5rem 0 .2rem 3.4rem; max-width: 44rem }
}
@media (max-width:52rem) {
  .body { display: block }
  .rail { border: 0; border-bottom: 1px solid var(--rule) }
  .rail>div { position: static; max-height: none; padding: 1.2rem 1rem }
  .top { padding: 1.6rem 1rem }
  main { padding: 0 1rem 3rem }
  nav.outline { display: none }
  .rail label { display: inline-flex; margin: 0 }
  .rail fieldset { margin-bottom: .8rem }
  .bar { position: static }
  html { scroll-padding-top: 1rem }
  .line { padding-left: calc(2rem + 2ch); text-indent: -2ch }
  .line::before { width: 1.5rem }
  .note { padding-left: 2rem }
}
@page { margin: 14mm 12mm }
@media print {
  :root, :root[data-theme] {
    color-scheme: light; --paper: #fff; --card: #fff; --ink: #000; --soft: #444; --rule: #ccc; font-size: 8.5pt;
  }
  .rail, .bar, button, .skip { display: none !important }
  .body { display: block }
  .top { padding: 0 0 1rem }
  main { padding: 0; max-width: none }
  .long .part, .long .chunk { content-visibility: visible }
  .block { grid-template-columns: minmax(0,1fr) 6.6cm; column-gap: .6cm; break-inside: avoid; padding: .2rem 0 }
  .chunk { break-inside: auto }
  .note { order: 0; padding: 0 0 .2rem; font-size: .9rem }
  h2.line { break-after: avoid }
  pre { font-size: .8rem }
  .line { padding-left: calc(2.6rem + 4ch) }
  .line::before { width: 1.8rem }
  footer { padding: 1rem 0 }
}
"""

SCRIPT = """
(() => {
  "use strict";
  const root = document.documentElement;
  const form = document.forms.view;
  const bar = document.getElementById("bar");
  const text = document.getElementById("text");
  const list = document.getElementById("way");
  const ways = JSON.parse(document.getElementById("ways").textContent);
  const [name, count] = bar.querySelector("output").children;
  let on = []; // what is highlighted
  let stops = []; // where "next" and "previous" go
  let at = -1;
  const behavior = root.classList.contains("long") ? "instant" : "auto";
  root.classList.add("js");

  function element(kind, text, href) {
    const made = document.createElement(kind);
    made.textContent = text;
    if (href) made.href = href;
    return made;
  }

  // Draw the hops of a request's path and highlight their lines; a stop is the first line of each.
  function draw(path) {
    list.replaceChildren(...path.steps.map(([what, title, details, lines]) => {
      const hop = document.createElement("li");
      hop.append(
        element("b", what),
        lines.length ? element("a", title, "#L" + lines[0]) : element("span", title),
        ...details.map((detail) => element("span", detail)),
      );
      on.push(...lines.map((line) => document.getElementById("L" + line)));
      stops.push(...lines.slice(0, 1).map((line) => document.getElementById("L" + line)));
      return hop;
    }));
  }

  // `value`: goal:NAME, path:NAME, owner:NAME, or all:
  function choose(value, move) {
    on.forEach((element) => element.classList.remove("on"));
    on = [];
    stops = [];
    at = -1;
    const input = [...form.querySelectorAll("input")].find((choice) => choice.value === value);
    if (!input) return;
    input.checked = true;
    const [kind] = value.split(":", 1);
    const what = value.slice(kind.length + 1);
    const chosen = kind === "path" ? ways[input.dataset.way] : input.dataset;
    if (kind === "path") draw(chosen);
    else if (kind !== "all") stops = on = [...document.querySelectorAll(`[data-${kind}="${CSS.escape(what)}"]`)];
    on.forEach((element) => element.classList.add("on"));
    root.classList.toggle("focus", kind !== "all");
    bar.hidden = kind === "all";
    list.hidden = kind !== "path";
    name.textContent = chosen.title;
    count.textContent = chosen.count;
    text.textContent = chosen.text || "";
    text.hidden = !chosen.text;
    const address = kind === "all" ? location.pathname + location.search : "#" + kind + "=" + encodeURIComponent(what);
    history.replaceState(null, "", address);
    root.style.scrollPaddingTop = bar.offsetHeight + 16 + "px";
    if (move && kind === "path") bar.scrollIntoView();
    else if (move) go(1, move);
  }

  function go(by, behavior) {
    if (!stops.length) return;
    at = at < 0 ? (by > 0 ? 0 : stops.length - 1) : (at + by + stops.length) % stops.length;
    const scroll = () => stops[at].scrollIntoView({ block: "start", behavior });
    scroll();
    // In a long file the sections in between get their true height only when they come into view.
    if (behavior === "instant") requestAnimationFrame(() => requestAnimationFrame(scroll));
  }

  function read(behavior) {
    const found = /^#(goal|path|owner)=(.+)$/.exec(location.hash);
    if (found) choose(found[1] + ":" + decodeURIComponent(found[2]), behavior);
  }

  form.addEventListener("change", (event) => choose(event.target.value, behavior));
  bar.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.value === "all") choose("all:");
    else go(Number(button.value), behavior);
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") choose("all:"); });
  document.getElementById("theme").addEventListener("click", () => {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    root.dataset.theme = (root.dataset.theme || dark) === "dark" ? "light" : "dark";
  });
  addEventListener("hashchange", () => read(behavior));
  read("instant");
})();
"""
