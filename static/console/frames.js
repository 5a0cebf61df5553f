// What a tail of frames shows more readably than as it came: latencies in milliseconds, JSON indented once it is opened.
(function () {
  "use strict";

  document.addEventListener("tail-row", (event) => {
    const { row, element } = event.detail;
    const latency = element.querySelector("[data-latency]");
    if (latency && row.latency_us !== null && row.latency_us !== undefined) {
      const digits = row.latency_us < 10000 ? 1 : 0;
      latency.textContent = `${(row.latency_us / 1000).toFixed(digits)}\u00a0ms`;
    }
    const text = element.querySelector("[data-pretty]");
    const opened = element.querySelector("details");
    if (text && opened) {
      opened.addEventListener("toggle", () => {
        try {
          text.textContent = JSON.stringify(JSON.parse(text.textContent), null, 2);
        } catch (error) {
          // It was cut, or is no JSON: it stays as it came.
        }
      }, { once: true });
    }
  });
})();
