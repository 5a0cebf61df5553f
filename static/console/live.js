// Keeps the parts of a page that are marked data-live up to date: one socket a tab names what changed, and the
// parts that show it are read again from the page's own address, or from that of data-live-from. One request at a time, so that no older answer can
// overwrite a newer one; everything is read again after a gap, a new socket or a sleep.
//
// Scripts of a page follow named queries on the same socket: see csmsLive.query at the end. A tab that nobody looks at
// for a while asks for nothing until it is seen again.
(function () {
  "use strict";

  const bar = document.getElementById("live-bar");
  if (!bar) return;
  const SIGNED_OUT = 4401;
  const QUIET_SECONDS = 50; // the server says something at least every 20
  const SPACING = 400; // milliseconds between two reads of one page, at least
  const STEADY = { reads: 3, spacing: 1000 }; // after so many in a row it goes on more slowly
  const SHARE = 3; // so much longer than a read took is the pause after it: a slow server is asked less
  const READ_SECONDS = 20; // then a read is given up
  const REST_SECONDS = 60; // hidden for so long, a tab asks for nothing
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
  let readAgainAt = 0;
  let readEndedAt = -Infinity;
  let readsInARow = 0;
  let failedReads = 0;
  let resting = false;
  let hiddenAt = document.hidden ? Date.now() : null;

  // --- what the page shows ---------------------------------------------------------------------------------------

  const parts = () => [...document.querySelectorAll("[data-live]")];
  const topicsOf = (part) => part.dataset.live.split(" ").filter(Boolean);
  const addressOf = (part) => part.dataset.liveFrom || location.pathname + location.search;
  const topics = () => [...new Set(parts().flatMap(topicsOf))];

  function mark(changed) {
    for (const part of parts()) {
      if (!changed || topicsOf(part).some((topic) => changed.includes(topic))) dirty.add(part.id);
    }
    plan();
  }

  function plan() {
    if (reading || readTimer || !dirty.size || document.hidden || signedOut) return;
    const wait = Math.max(0, readAgainAt - performance.now());
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
    if (active && part.contains(active) && active.matches("input:not([type=checkbox]), select, textarea")) return true;
    if (part.querySelector("form[data-touched], form[data-asking], form.htmx-request")) return true;
    if (pressed && part.contains(pressed)) return true;
    if ([...part.querySelectorAll("[data-hold]")].some(heldBack)) return true;
    const selection = document.getSelection();
    return Boolean(selection && !selection.isCollapsed && part.contains(selection.anchorNode));
  }

  // Whoever is on the way to another page by a button of this one is not led elsewhere: what the server says of that
  // button stands on the page it leads to, and only once.
  let leftAt = -Infinity;
  window.addEventListener("beforeunload", () => { leftAt = performance.now(); });
  const leaving = () => performance.now() - leftAt < READ_SECONDS * 1000 || document.querySelector("form.htmx-request");

  // A notice stays long enough to be read.
  const firstSeen = new WeakMap();
  function heldBack(notice) {
    if (!firstSeen.has(notice)) firstSeen.set(notice, performance.now());
    return performance.now() - firstSeen.get(notice) < Number(notice.dataset.hold) * 1000;
  }

  async function read() {
    readTimer = null;
    const ready = [...dirty].filter((id) => {
      const part = document.getElementById(id);
      if (!part) dirty.delete(id);
      return part && !inUse(part);
    });
    if (!ready.length) {
      if (dirty.size) readTimer = setTimeout(() => { readTimer = null; plan(); }, 1000);
      return;
    }
    // One address at a time; the others have their turn in the next read.
    const address = addressOf(document.getElementById(ready[0]));
    const wanted = ready.filter((id) => addressOf(document.getElementById(id)) === address);
    reading = true;
    const begun = performance.now();
    readsInARow = begun - readEndedAt < 2 * STEADY.spacing ? readsInARow + 1 : 0;
    wanted.forEach((id) => dirty.delete(id));
    try {
      const signal = AbortSignal.timeout(READ_SECONDS * 1000);
      const answer = await fetch(address, { headers: { Live: wanted.join(" ") }, redirect: "manual", signal });
      if (answer.status === 401) {
        signOut();
      } else if (answer.headers.get("HX-Redirect")) {
        if (leaving()) throw new Error("on the way elsewhere"); // and asked again, should that come to nothing
        location.assign(answer.headers.get("HX-Redirect")); // what the page shows is there no more
      } else if (!answer.ok) {
        throw new Error(String(answer.status));
      } else {
        const text = await answer.text();
        if (wanted.every((id) => addressOf(document.getElementById(id) || bar) === address)) {
          replace(text);
          shownAt = new Date();
          failedReads = 0;
        } else {
          wanted.forEach((id) => dirty.add(id)); // the page has moved on: these are the answers of an older filter
        }
      }
    } catch (error) {
      wanted.forEach((id) => dirty.add(id));
      failedReads += 1;
    } finally {
      reading = false;
      const now = performance.now();
      const spacing = readsInARow > STEADY.reads ? STEADY.spacing : SPACING;
      readEndedAt = now;
      readAgainAt = failedReads ? now + 2000 : Math.max(begun + spacing, now + SHARE * (now - begun));
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
    mine.onopen = () => { resting = false; listen(); };
    mine.onmessage = (message) => {
      if (mine !== socket) return;
      const said = JSON.parse(message.data);
      heard = Date.now();
      if (said.id !== undefined) {
        questions.get(said.id)?.hear(said);
        return;
      }
      if (said.subscribed && resting) return;
      if (said.subscribed) {
        // What changed between the making of the page and now was told to nobody.
        failures = 0;
        seq = said.seq;
        mark(null);
      } else if (seq !== null) {
        const gap = said.seq !== seq + (said.changed.length ? 1 : 0);
        seq = said.seq;
        if (gap || said.again) mark(null);
        else if (said.changed.length) mark(said.changed);
      }
      show();
    };
    mine.onclose = (event) => {
      if (mine !== socket) return;
      socket = null;
      lose();
      if (event.code === SIGNED_OUT) return signOut();
      retry();
    };
    show();
  }

  const open = () => socket !== null && socket.readyState === WebSocket.OPEN;
  const tell = (words) => { if (open()) socket.send(JSON.stringify(words)); };
  const lose = () => questions.forEach((question) => question.lose());

  function listen() {
    tell({ subscribe: topics() });
    questions.forEach((question) => question.ask());
  }

  function rest() {
    resting = true;
    seq = null; // what is shown is not live until it has been read again
    tell({ subscribe: [] });
    questions.forEach((question) => question.rest());
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
    lose();
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
      anchor.textContent = window.csmsSay("Sign in again");
      place.append(" ", anchor);
    }
  }

  function show() {
    const age = bar.querySelector("[data-live-age]");
    const time = window.csmsTime ? window.csmsTime.clock(shownAt) : shownAt.toISOString();
    if (signedOut) say("out", window.csmsSay("Signed out: shown as of {time}.", { time }), true);
    else if (isLive() && failedReads) say("lost", window.csmsSay("The page cannot be read now: shown as of {time}", { time }));
    else if (isLive()) say("live", window.csmsSay("Live"));
    else say("lost", window.csmsSay("Reconnecting… shown as of {time}", { time }));
    age.textContent = isLive() && window.csmsTime
      ? window.csmsSay("as of {time}", { time: window.csmsTime.clock(new Date(heard)) }) : "";
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
    if (document.hidden && !resting && isLive() && now - hiddenAt > REST_SECONDS * 1000) rest();
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
    hiddenAt = document.hidden ? Date.now() : null;
    if (document.hidden) return;
    if (!socket && !retryTimer && anything()) connect();
    else if (resting && open()) {
      resting = false;
      listen(); // what is confirmed marks everything
    }
    plan();
  });
  window.addEventListener("online", () => { if (!socket && anything()) { failures = 0; clearTimeout(retryTimer); connect(); } });
  window.addEventListener("offline", () => { if (socket) drop(); });
  window.addEventListener("pagehide", () => { if (socket) { const old = socket; socket = null; old.close(); } });
  window.addEventListener("pageshow", (event) => { if (event.persisted && anything()) { mark(null); connect(); } });
  document.addEventListener("htmx:afterSettle", () => { shownAt = new Date(); });

  // --- named queries -----------------------------------------------------------------------------------------------

  const questions = new Map(); // id -> the question
  const AGAIN_MS = 1000; // between two times that a gap makes one ask again
  let ids = 0;

  // Follow a named query: handlers.snapshot(rows, message) first and after each gap, sleep or reconnection, then
  // handlers.changes(changes, message), each {append: row}, {upsert: row} or {remove: key}; handlers.state(name, why) is
  // told "lost" without a connection, "stale" while the server cannot read, "refused" for a question that is wrong.
  // handlers.rows(rows), if given, gets all rows after each message: folded onto what there was, never onto the first.
  function query(name, params, handlers) {
    const id = (ids += 1);
    let last = null; // the number of the last message; null until there is a snapshot
    let asked = 0;
    let timer = null;
    let rows = new Map();

    const question = {
      ask() {
        clearTimeout(timer);
        timer = null;
        last = null;
        asked = performance.now();
        tell({ query: name, params, id });
      },
      again() {
        last = null;
        if (timer === null) timer = setTimeout(question.ask, Math.max(0, asked + AGAIN_MS - performance.now()));
      },
      hear(message) {
        if (message.error) return handlers.state?.("refused", message.error.message);
        if (message.stale) return handlers.state?.("stale");
        if (message.snapshot) {
          last = message.seq;
          rows = new Map(message.snapshot.map((row) => [row[message.key], row]));
          handlers.snapshot?.(message.snapshot, message);
        } else if (last !== null && message.seq === last + 1) {
          last = message.seq;
          fold(message);
          handlers.changes?.(message.changes, message);
        } else {
          if (last !== null) question.again(); // a gap; before a snapshot it is of an earlier asking
          return;
        }
        handlers.rows?.([...rows.values()], message);
      },
      lose() {
        last = null;
        handlers.state?.("lost");
      },
      rest() {
        last = null;
        tell({ cancel: id });
      },
    };

    function fold(message) {
      if (!handlers.rows) return;
      for (const change of message.changes) {
        if (change.remove !== undefined) rows.delete(change.remove);
        else if (change.upsert) rows.set(change.upsert[message.key], change.upsert);
      }
      if (message.order) rows = new Map(message.order.map((key) => [key, rows.get(key)]));
    }

    questions.set(id, question);
    bar.hidden = false;
    if (open()) question.ask();
    else if (!socket && !retryTimer) connect();
    return {
      close() {
        clearTimeout(timer);
        questions.delete(id);
        tell({ cancel: id });
      },
    };
  }

  window.csmsLive = { query };

  const anything = () => parts().length > 0 || questions.size > 0;
  if (anything()) connect();
  bar.hidden = questions.size === 0 && parts().every((part) => part.dataset.liveFrom); // what every page has says nothing of this one
})();
