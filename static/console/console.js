// Small comforts on top of pages that work without: times in the viewer's zone, counting durations, questions before
// dangerous orders, the menu of small screens.
(function () {
  "use strict";

  // --- time ------------------------------------------------------------------------------------------------------

  const format = (options) => new Intl.DateTimeFormat(document.documentElement.lang === "en" ? undefined : document.documentElement.lang, { hourCycle: "h23", ...options });
  const CLOCK = format({ hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short" });
  const TIME = format({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const DAY = format({ year: "numeric", month: "short", day: "numeric" });
  const FULL = format({
    year: "numeric", month: "short", day: "numeric",
    hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short",
  });
  const UNITS = [[60, "s", 1], [3600, "min", 60], [86400, "h", 3600], [Infinity, "d", 86400]];

  function distance(date) {
    const seconds = (Date.now() - date) / 1000;
    if (Math.abs(seconds) < 5) return csmsSay("just now");
    const [, name, size] = UNITS.find(([below]) => Math.abs(seconds) < below);
    const text = `${Math.floor(Math.abs(seconds) / size)} ${name}`;
    return seconds > 0 ? csmsSay("{time} ago", { time: text }) : csmsSay("in {time}", { time: text });
  }

  function spell(seconds) {
    seconds = Math.max(0, Math.floor(seconds));
    const d = Math.floor(seconds / 86400), h = Math.floor(seconds / 3600) % 24;
    const m = Math.floor(seconds / 60) % 60, s = seconds % 60;
    return d ? `${d} d ${h} h` : h ? `${h} h ${m} min` : m ? `${m} min ${s} s` : `${s} s`;
  }

  window.csmsTime = { clock: (date) => CLOCK.format(date), full: (date) => FULL.format(date), spell };

  function writeTime(element) {
    const date = new Date(element.dateTime);
    if (Number.isNaN(date.getTime())) return;
    const style = element.dataset.time;
    let text;
    if (style === "ago") text = distance(date);
    else if (style === "clock") {
      const today = DAY.format(date) === DAY.format(new Date());
      text = today ? TIME.format(date) : `${DAY.format(date)} ${TIME.format(date)}`;
    } else text = FULL.format(date);
    if (element.textContent !== text) element.textContent = text;
    if (!element.title) {
      element.title = `${FULL.format(date)} (${date.toISOString().replace("T", " ").slice(0, 19)} UTC)`;
    }
  }

  function dress(root) {
    root.querySelectorAll("time[data-time]").forEach(writeTime);
    root.querySelectorAll("[data-since]").forEach((element) => {
      const text = spell((Date.now() - new Date(element.dataset.since)) / 1000);
      if (element.textContent !== text) element.textContent = text;
    });
  }

  document.addEventListener("DOMContentLoaded", () => dress(document));
  document.addEventListener("live-replaced", (event) => dress(event.target));

  // A chart says by itself that it needs script. Where there is some and only that of the charts is missing, it is that.
  function explainCharts(root) {
    if (window.csmsChart) return;
    root.querySelectorAll("[data-chart] > .nothing").forEach((note) => {
      note.textContent = csmsSay("The chart could not be loaded; reload the page to try again.");
    });
  }

  document.addEventListener("DOMContentLoaded", () => explainCharts(document));
  document.addEventListener("live-replaced", (event) => explainCharts(event.target));
  document.addEventListener("htmx:afterSwap", () => explainCharts(document));
  document.addEventListener("htmx:afterSwap", (event) => dress(event.target.parentElement || document));
  setInterval(() => { if (!document.hidden) dress(document); }, 1000);
  dress(document);

  // --- links to what is folded ---------------------------------------------------------------------------------------

  function unfold() {
    const one = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (one && one.localName === "details") one.open = true;
  }
  window.addEventListener("hashchange", unfold);
  unfold();

  // --- questions before dangerous orders ----------------------------------------------------------------------------
  // Without script the server asks; here the same question comes without leaving the page.

  const dialog = document.getElementById("confirm");
  document.addEventListener("submit", (event) => {
    const form = event.target;
    const question = form.dataset && form.dataset.confirm;
    if (!question || form.dataset.confirmed || !dialog || !dialog.showModal) return;
    event.preventDefault();
    event.stopPropagation();
    const button = event.submitter;
    dialog.querySelector("#confirm-question").textContent = question;
    dialog.querySelector("[data-confirm-yes]").textContent = form.dataset.confirmYes || csmsSay("Do it");
    dialog.returnValue = "no";
    form.dataset.asking = "yes"; // a form that is replaced while the question stands could not be sent any more
    dialog.addEventListener("close", () => {
      delete form.dataset.asking;
      if (dialog.returnValue !== "yes") return button && button.focus();
      form.dataset.confirmed = "yes";
      let field = form.querySelector("input[name=confirmed]");
      if (!field) {
        field = Object.assign(document.createElement("input"), { type: "hidden", name: "confirmed" });
        form.append(field);
      }
      field.value = "yes";
      form.requestSubmit(button);
      delete form.dataset.confirmed;
      setTimeout(() => { field.value = ""; });
    }, { once: true });
    dialog.showModal();
  }, true);

  // --- what could not be sent or was not done is said by the form -----------------------------------------------------

  const PATIENCE = 20; // seconds

  function complain(event, text) {
    const form = event.detail.elt.closest("form");
    if (!form) return;
    const notice = document.createElement("div");
    notice.className = "notice notice-bad mt-2";
    notice.setAttribute("role", "alert");
    notice.setAttribute("aria-live", "assertive");
    notice.dataset.hold = "20";
    form.append(notice);
    notice.textContent = text; // after it stands in the page: a screen reader hears what changes there
  }

  document.addEventListener("htmx:configRequest", (event) => { event.detail.timeout = PATIENCE * 1000; });
  document.addEventListener("htmx:beforeRequest", (event) => {
    const form = event.detail.elt.closest("form");
    // What was said of an earlier try, "Ordered" too, would be read as said of this one.
    if (form) (form.closest(".order-body") || form).querySelectorAll(".notice").forEach((notice) => notice.remove());
  });
  document.addEventListener("htmx:sendError", (event) => complain(event, csmsSay("Not sent: the server cannot be reached.")));
  document.addEventListener("htmx:timeout", (event) => {
    complain(event, csmsSay("No answer within {seconds} s: the server may have done it or not. Look before you try again.", { seconds: PATIENCE }));
  });
  document.addEventListener("htmx:responseError", (event) => {
    const { status, statusText, responseText } = event.detail.xhr; // HTTP/2 knows no reason phrase
    const ours = new DOMParser().parseFromString(responseText, "text/html").querySelector(".quiet [role=alert]");
    const why = ours ? ours.textContent.trim().replace(/\s+/g, " ") : "";
    if (why) complain(event, csmsSay("Not done ({status}): {why}", { status, why }));
    else complain(event, csmsSay("Not done: {status}.", { status: statusText ? `${statusText} (${status})` : status }));
  });

  // --- menu ----------------------------------------------------------------------------------------------------------

  document.addEventListener("click", (event) => {
    const toggle = event.target.closest("[data-toggle]");
    if (!toggle) return;
    const shown = document.getElementById(toggle.dataset.toggle).classList.toggle("show");
    toggle.setAttribute("aria-expanded", String(shown));
  });

  // --- what is to be copied ------------------------------------------------------------------------------------------

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const field = document.getElementById(button.dataset.copy);
    const place = document.querySelector(`[data-copied="${button.dataset.copy}"]`);
    field.select();
    try {
      await navigator.clipboard.writeText(field.value); // browsers have it on HTTPS and on localhost only
      place.textContent = csmsSay("Copied.");
    } catch (error) {
      place.textContent = csmsSay("It is selected: copy it with Ctrl+C.");
    }
  });

  // --- a filter that applies itself sends no empty fields --------------------------------------------------------------

  document.addEventListener("htmx:configRequest", (event) => {
    const form = event.detail.elt.closest("form[data-filter]");
    if (!form) return;
    for (const [name, value] of [...event.detail.formData.entries()]) {
      if (value === "") event.detail.formData.delete(name);
    }
  });
  // A search has been sent while it was typed; leaving the field would send it again, under the next click.
  document.addEventListener("change", (event) => {
    if (event.target.matches("form[data-filter] input[type=search]")) event.stopPropagation();
  }, true);
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-filter]")) return;
    for (const field of event.target.elements) if (field.name && field.value === "") field.disabled = true;
  });
})();
