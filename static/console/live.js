// Keeps the parts of a page that are marked data-live up to date: one socket a tab names what changed, and the
// parts that show it are read again from the page's own address. One request at a time, so that no older answer can
// overwrite a newer one; everything is read again after a gap, a new socket or a sleep.
(function () {
  "use strict";

  const bar = document.getElementById("live-bar");
  if (!bar) return;
  const SIGNED_OUT = 4401;
  const QUIET_SECONDS = 50; // the server says something at least every 20
  const SPACING = 400; // milliseconds between two reads of one page
  const BACKOFF = { first: 500, most: 15000 };

  let socket = null;
  let seq = null;
  let heard = 0; // when the server last said that what we show is true
  let failures = 0;
  let retryTimer = null;
  let signedOut = false;
  let shownAt = new Date();
  const dirty = new Set();
  let reading = false;
  let readTimer = null;
  let lastRead = 0;

  // --- what the page shows ---------------------------------------------------------------------------------------

  const parts = () => [...document.querySelectorAll("[data-live]")];
  const topicsOf = (part) => part.dataset.live.split(" ").filter(Boolean);
  const topics = () => [...new Set(parts().flatMap(topicsOf))];

  function mark(changed) {
    for (const part of parts()) {
      if (!changed || topicsOf(part).some((topic) => changed.includes(topic))) dirty.add(part.id);
    }
    plan();
  }

  function plan() {
    if (reading || readTimer || !dirty.size || document.hidden || signedOut) return;
    const wait = Math.max(0, lastRead + SPACING - performance.now());
    readTimer = setTimeout(read, wait);
  }

  // What is under the finger or the mouse's button: a click is lost if its element is replaced before the button is up.
  let pressed = null;
  document.addEventListener("pointerdown", (event) => { pressed = event.target; }, true);
  ["pointerup", "pointercancel", "dragend"].forEach((end) => {
    // The click comes after the button is up.
    document.addEventListener(end, () => setTimeout(() => { pressed = null; }), true);
  });

  // A part in which somebody types, presses, has begun to fill in a form, is asked whether they are sure, waits for an
  // answer or has marked text is left alone until they are done.
  function inUse(part) {
    const active = document.activeElement;
    if (active && part.contains(active) && active.matches("input, select, textarea")) return true;
    if (part.querySelector("form[data-touched], form[data-asking], form.htmx-request")) return true;
    if (pressed && part.contains(pressed)) return true;
    if ([...part.querySelectorAll("[data-hold]")].some(heldBack)) return true;
    const selection = document.getSelection();
    return Boolean(selection && !selection.isCollapsed && part.contains(selection.anchorNode));
  }

  // A notice stays long enough to be read.
  const firstSeen = new WeakMap();
  function heldBack(notice) {
    if (!firstSeen.has(notice)) firstSeen.set(notice, performance.now());
    return performance.now() - firstSeen.get(notice) < Number(notice.dataset.hold) * 1000;
  }

  async function read() {
    readTimer = null;
    const wanted = [...dirty].filter((id) => {
      const part = document.getElementById(id);
      if (!part) dirty.delete(id);
      return part && !inUse(part);
    });
    if (!wanted.length) {
      if (dirty.size) readTimer = setTimeout(() => { readTimer = null; plan(); }, 1000);
      return;
    }
    reading = true;
    lastRead = performance.now();
    wanted.forEach((id) => dirty.delete(id));
    const address = location.pathname + location.search;
    try {
      const answer = await fetch(address, { headers: { Live: wanted.join(" ") }, redirect: "manual" });
      if (answer.status === 401) {
        signOut();
      } else if (answer.headers.get("HX-Redirect")) {
        location.assign(answer.headers.get("HX-Redirect")); // what the page shows is there no more
      } else if (!answer.ok) {
        throw new Error(String(answer.status));
      } else {
        const text = await answer.text();
        if (address === location.pathname + location.search) {
          replace(text);
          shownAt = new Date();
        } else {
          wanted.forEach((id) => dirty.add(id)); // the page has moved on: these are the answers of an older filter
        }
      }
    } catch (error) {
      wanted.forEach((id) => dirty.add(id));
      lastRead = performance.now() + 2000;
    } finally {
      reading = false;
      show();
      plan();
    }
  }

  function replace(text) {
    const arrived = new DOMParser().parseFromString(text, "text/html");
    for (const fresh of arrived.body.children) {
      const part = document.getElementById(fresh.id);
      if (!part || !part.dataset || part.dataset.live === undefined) continue;
      if (inUse(part)) {
        dirty.add(part.id);
        continue;
      }
      const open = new Set([...part.querySelectorAll("details[open][id]")].map((element) => element.id));
      const focused = part.contains(document.activeElement) ? document.activeElement : null;
      const place = focused && (focused.id ? "#" + CSS.escape(focused.id) : focused.getAttribute("href") && `a[href="${CSS.escape(focused.getAttribute("href"))}"]`);
      const scrolled = [...part.querySelectorAll("[data-keep-scroll]")].map((element) => element.scrollTop);
      part.replaceChildren(...fresh.childNodes);
      open.forEach((id) => document.getElementById(id)?.setAttribute("open", ""));
      part.querySelectorAll("[data-keep-scroll]").forEach((element, index) => { element.scrollTop = scrolled[index] || 0; });
      if (place) part.querySelector(place)?.focus({ preventScroll: true });
      if (window.htmx) window.htmx.process(part);
      part.dispatchEvent(new CustomEvent("live-replaced", { bubbles: true }));
    }
  }

  document.addEventListener("input", (event) => {
    const form = event.target.closest("form");
    if (form && !form.matches("[data-filter]")) form.dataset.touched = "yes";
  });
  document.addEventListener("reset", (event) => { delete event.target.dataset.touched; });

  // --- the socket ------------------------------------------------------------------------------------------------

  function connect() {
    clearTimeout(retryTimer);
    retryTimer = null;
    if (signedOut) return;
    const scheme = location.protocol === "https:" ? "wss://" : "ws://";
    const mine = new WebSocket(scheme + location.host + bar.dataset.liveUrl);
    socket = mine;
    seq = null;
    heard = Date.now();
    mine.onopen = () => mine.send(JSON.stringify({ subscribe: topics() }));
    mine.onmessage = (message) => {
      if (mine !== socket) return;
      const said = JSON.parse(message.data);
      heard = Date.now();
      if (said.subscribed) {
        // What changed between the making of the page and now was told to nobody.
        failures = 0;
        seq = said.seq;
        mark(null);
      } else if (seq !== null) {
        const gap = said.seq !== seq + (said.changed.length ? 1 : 0);
        seq = said.seq;
        if (gap) mark(null);
        else if (said.changed.length) mark(said.changed);
      }
      show();
    };
    mine.onclose = (event) => {
      if (mine !== socket) return;
      socket = null;
      if (event.code === SIGNED_OUT) return signOut();
      retry();
    };
    show();
  }

  function retry() {
    if (retryTimer || signedOut) return;
    failures += 1;
    const most = Math.min(BACKOFF.most, BACKOFF.first * 2 ** (failures - 1));
    retryTimer = setTimeout(connect, most / 2 + Math.random() * (most / 2));
    show();
  }

  function drop() {
    const old = socket;
    socket = null;
    if (old) old.close();
    retry();
  }

  function signOut() {
    signedOut = true;
    clearTimeout(retryTimer);
    show();
  }

  // --- the bar ---------------------------------------------------------------------------------------------------

  const isLive = () => socket !== null && seq !== null;
  let said = "";

  function say(state, text, link) {
    if (bar.dataset.state !== state) bar.dataset.state = state;
    if (said === text) return; // a screen reader hears the element when it changes
    said = text;
    const place = bar.querySelector("[data-live-state]");
    place.textContent = text;
    if (link) {
      const anchor = document.createElement("a");
      anchor.href = bar.dataset.signIn + "?next=" + encodeURIComponent(location.pathname + location.search);
      anchor.textContent = "Sign in again";
      place.append(" ", anchor);
    }
  }

  function show() {
    const age = bar.querySelector("[data-live-age]");
    const time = window.csmsTime ? window.csmsTime.clock(shownAt) : shownAt.toISOString();
    if (signedOut) say("out", `Signed out: shown as of ${time}.`, true);
    else if (isLive()) say("live", "Live");
    else say("lost", `Reconnecting… shown as of ${time}`);
    age.textContent = isLive() ? `as of ${window.csmsTime ? window.csmsTime.clock(new Date(heard)) : ""}` : "";
  }

  // --- sleep, silence, what has no topic -----------------------------------------------------------------------------

  let ticked = Date.now();
  setInterval(() => {
    const now = Date.now();
    const slept = now - ticked > 15000;
    ticked = now;
    if (slept || (socket && now - heard > QUIET_SECONDS * 1000)) {
      failures = 0;
      if (socket) drop();
    }
    if (!document.hidden) {
      for (const part of parts()) {
        const every = Number(part.dataset.liveEvery);
        if (every && Math.floor(now / 1000) % every === 0) dirty.add(part.id);
      }
    }
    plan();
    show();
  }, 1000);

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    if (!socket && !retryTimer) connect();
    plan();
  });
  window.addEventListener("online", () => { if (!socket) { failures = 0; clearTimeout(retryTimer); connect(); } });
  window.addEventListener("offline", () => { if (socket) drop(); });
  window.addEventListener("pagehide", () => { if (socket) { const old = socket; socket = null; old.close(); } });
  window.addEventListener("pageshow", (event) => { if (event.persisted) { mark(null); connect(); } });
  document.addEventListener("htmx:afterSettle", () => { shownAt = new Date(); });

  if (parts().length) connect();
  else bar.hidden = true;
})();
