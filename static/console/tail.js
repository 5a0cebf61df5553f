// A live tail: rows of an append-only query of the tab's socket, the newest on top, at most so many. Pause holds what
// comes and says how much; chips hide kinds. What a charge point wrote goes in as text, never as markup.
//
// <section data-tail="frames" data-tail-params='{"cp_id": "CP1"}' data-tail-kind="action">
//   {% include "console/tail-bar.html" %}              the buttons and words
//   <table><tbody data-tail-rows></tbody></table>       where the rows go
//   <p data-tail-empty>Nothing yet.</p>                  shown while there are none
//   <template><tr>…</tr></template>                      one row, in which elements say what they show:
//     data-field="pair.verdict"     its text; a <time data-field="at" data-time="clock"> is a moment
//     data-words='{"ok": "Fine"}'   other words for values; data-tones='{"ok": "good"}' makes it a chip of that tone
//     data-href="/x/{cp_id}/{id}"   where a link leads, values encoded
//     data-if="notes"               hidden unless there is such a value; data-unless="notes" the other way round
//     data-value-of="verdict"       sets data-value, for the style sheet
// </section>
// A page hears `tail-row` (detail: {row, element}) of each row before it is shown, and may ask
// element.csmsTail: {pause(), resume(), clear(), setParams(params)}.
(function () {
  "use strict";

  const ROWS_MAX = 500;
  const KINDS_MAX = 40;

  const at = (row, path) => path.split(".").reduce((value, name) => (value === null || value === undefined ? value : value[name]), row);
  const absent = (value) => value === null || value === undefined || value === "" || value === false
    || (Array.isArray(value) && !value.length);
  const spelled = (value) => typeof value === "object" ? JSON.stringify(value, null, 2) : String(value);
  const among = (text, value) => {
    const table = JSON.parse(text);
    return Object.hasOwn(table, value) ? table[value] : undefined;
  };

  function fill(element, row) {
    const { field, words, tones, href } = element.dataset;
    const valueOf = element.getAttribute("data-value-of"); // a dataset has a valueOf of its own
    if (element.dataset.if !== undefined) element.hidden = absent(at(row, element.dataset.if));
    if (element.dataset.unless !== undefined) element.hidden = !absent(at(row, element.dataset.unless));
    if (href !== undefined && href.startsWith("/") && !href.startsWith("//")) {
      element.setAttribute("href", href.replace(/\{([\w.]+)\}/g, (_, name) => encodeURIComponent(at(row, name) ?? "")));
    }
    if (valueOf !== null) element.dataset.value = absent(at(row, valueOf)) ? "" : spelled(at(row, valueOf));
    if (field === undefined) return;
    const value = at(row, field);
    if (element instanceof HTMLTimeElement) {
      element.setAttribute("datetime", absent(value) ? "" : value);
      element.textContent = absent(value) ? "–" : value;
      return;
    }
    element.textContent = absent(value) ? "" : (words && among(words, value)) || spelled(value);
    const tone = tones && among(tones, value);
    if (tones) element.classList.add("chip", `chip-${tone || "idle"}`);
  }

  function csmsTail(root) {
    if (root.csmsTail) return root.csmsTail;
    const place = root.querySelector("[data-tail-rows]");
    const template = root.querySelector("template");
    const button = root.querySelector("[data-tail-pause]");
    const state = root.querySelector("[data-tail-state]");
    const chips = root.querySelector("[data-tail-chips]");
    const empty = root.querySelector("[data-tail-empty]");
    const most = Math.min(Number(root.dataset.tailMax) || ROWS_MAX, ROWS_MAX);
    const kindPath = root.dataset.tailKind;
    const say = (name, values = {}) => Object.entries(values).reduce(
      (text, [key, value]) => text.replaceAll(`{${key}}`, value), (state && state.dataset[name]) || "");

    let paused = false;
    let waiting = []; // rows, the oldest first
    let missed = 0; // of those that waited, how many were too many
    let latest = null; // the last that came: a row, or null for a gap and at the beginning
    let known = new Set(); // ids of rows that are shown or wait
    let key = "id"; // by which rows are known
    let question = null;
    let phase = "loading"; // loading, live, stale, lost, refused
    let why = "";
    let lastAt = null;
    const kinds = new Map(); // kind -> {chip, count, off}
    const kindOf = (row) => { const value = at(row, kindPath); return absent(value) ? "–" : String(value).slice(0, 64); };

    // --- rows ----------------------------------------------------------------------------------------------------

    function element(row) {
      const copy = template.content.firstElementChild.cloneNode(true);
      [copy, ...copy.querySelectorAll("*")].forEach((part) => fill(part, row));
      copy.dataset.tailId = row[key];
      if (kindPath) {
        const kind = kindOf(row);
        copy.dataset.tailKindOf = kind;
        copy.hidden = copy.hidden || Boolean(kinds.get(kind)?.off);
      }
      root.dispatchEvent(new CustomEvent("tail-row", { detail: { row, element: copy }, bubbles: true }));
      return copy;
    }

    function gap() {
      const cells = template.content.firstElementChild.children.length;
      const isRow = template.content.firstElementChild.matches("tr");
      const mark = document.createElement(isRow ? "tr" : template.content.firstElementChild.localName);
      mark.className = "tail-gap";
      const cell = isRow ? mark.appendChild(document.createElement("td")) : mark;
      if (isRow) cell.colSpan = cells;
      cell.textContent = say("gap") || "…";
      return mark;
    }

    let queue = []; // what the next frame of the screen shows; null is a gap
    let planned = false;

    function show(rows) {
      queue.push(...rows);
      if (queue.length > most) queue = queue.slice(-most);
      if (planned) return;
      planned = true;
      // A hidden tab paints no frames, and a timer of it comes about once a second.
      (document.hidden ? (work) => setTimeout(work, 0) : requestAnimationFrame)(paint);
    }

    function paint() {
      planned = false;
      const fresh = document.createDocumentFragment();
      const rows = queue.splice(0).reverse();
      const shown = rows.map((row) => (row === null ? gap() : element(row)));
      fresh.append(...shown);
      place.prepend(fresh);
      while (place.children.length > most) {
        known.delete(place.lastElementChild.dataset.tailId);
        place.lastElementChild.remove();
      }
      place.dispatchEvent(new CustomEvent("live-replaced", { bubbles: true })); // console.js writes the times
      tell();
    }

    function take(rows, skipped) {
      const fresh = rows.filter((row) => !known.has(row[key]));
      fresh.forEach((row) => { known.add(row[key]); count(row); });
      const news = skipped && latest ? [null, ...fresh] : fresh; // two gaps without a row between are one
      if (news.length) latest = news[news.length - 1];
      if (!news.length) return tell();
      if (paused) {
        waiting.push(...news);
        while (waiting.length > most) {
          const left = waiting.shift();
          if (left !== null) { known.delete(left[key]); missed += 1; }
        }
      } else show(news);
      tell();
    }

    // --- kinds ---------------------------------------------------------------------------------------------------

    function count(row) {
      if (!kindPath || !chips) return;
      const kind = kindOf(row);
      if (!kinds.has(kind)) {
        if (kinds.size >= KINDS_MAX) return;
        const chip = document.createElement("button");
        chip.type = "button";
        chip.className = "tail-chip";
        chip.setAttribute("aria-pressed", "true");
        const name = chip.appendChild(document.createElement("bdi"));
        const words = chips.dataset.words ? among(chips.dataset.words, kind) : undefined;
        name.textContent = words || kind;
        const number = chip.appendChild(document.createElement("span"));
        number.className = "tail-count";
        const entry = { count: 0, off: false, number };
        kinds.set(kind, entry);
        chip.addEventListener("click", () => {
          entry.off = !entry.off;
          chip.setAttribute("aria-pressed", String(!entry.off));
          for (const shown of place.children) {
            if (shown.dataset.tailKindOf === kind) shown.hidden = entry.off;
          }
        });
        chips.append(chip);
      }
      const entry = kinds.get(kind);
      entry.count += 1;
      entry.number.textContent = String(entry.count);
    }

    // --- what is said --------------------------------------------------------------------------------------------

    let said = null;

    function tell() {
      const waits = waiting.filter((row) => row !== null).length + missed;
      if (button) {
        button.setAttribute("aria-pressed", String(paused));
        const text = paused ? button.dataset.resume : button.dataset.pause;
        if (text && button.textContent !== text) button.textContent = text;
      }
      const time = lastAt && window.csmsTime ? window.csmsTime.clock(lastAt) : "";
      const name = phase !== "live" ? phase : paused ? "paused" : "live";
      root.dataset.tailPhase = name;
      if (empty) empty.hidden = place.children.length > 0 || phase !== "live";
      const text = say(name, { n: waits, time, why });
      if (state && said !== text) {
        said = text;
        state.textContent = text;
      }
    }

    // --- the query -----------------------------------------------------------------------------------------------

    function ask(params) {
      if (question) question.close();
      question = window.csmsLive.query(root.dataset.tail, params, {
        snapshot(rows, message) {
          key = message.key;
          // After a gap, a sleep or a reconnection: what is shown stays, and what it has not is put on top.
          const first = !known.size && !place.children.length;
          const joined = first || rows.some((row) => known.has(row[key])) || !rows.length;
          phase = "live";
          lastAt = new Date();
          take(rows, !first && (!joined || Boolean(message.skipped)));
        },
        changes(changes, message) {
          phase = "live";
          lastAt = new Date();
          take(changes.filter((change) => change.append).map((change) => change.append), Boolean(message.skipped));
        },
        state(name, text) {
          phase = name;
          why = text || "";
          tell();
        },
      });
    }

    function clear() {
      place.replaceChildren();
      queue = [];
      waiting = [];
      missed = 0;
      known = new Set();
      latest = null;
      kinds.clear();
      if (chips) chips.replaceChildren();
      tell();
    }

    function pause() {
      paused = true;
      tell();
    }

    function resume() {
      paused = false;
      const rows = missed ? [null, ...waiting] : waiting;
      waiting = [];
      missed = 0;
      if (rows.length) show(rows);
      tell();
    }

    if (button) button.addEventListener("click", () => (paused ? resume() : pause()));
    root.querySelector("[data-tail-clear]")?.addEventListener("click", clear);
    root.csmsTail = {
      pause, resume, clear,
      setParams(params) { clear(); phase = "loading"; tell(); ask(params); },
    };
    tell();
    ask(JSON.parse(root.dataset.tailParams || "{}"));
    return root.csmsTail;
  }

  window.csmsTail = csmsTail;
  if (window.csmsLive) document.querySelectorAll("[data-tail]").forEach(csmsTail);
})();
