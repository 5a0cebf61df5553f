// Draws the curves of a transaction with uPlot, and draws them again when the facts beside them have changed.
(function () {
  "use strict";
  const places = [...document.querySelectorAll("[data-chart]")];
  if (!places.length || !window.uPlot) return;

  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  // Custom properties with light-dark() are not resolved by themselves; a probe element does it.
  function colour(name) {
    const probe = document.createElement("span");
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    const value = getComputedStyle(probe).color;
    probe.remove();
    return value || css(name);
  }

  const number = (value, places, unit) => value == null ? "–" : `${value.toFixed(places)} ${unit}`;
  const scaled = (values, factor) => values.map((value) => value == null ? null : value / factor);
  const any = (values) => values.some((value) => value != null);

  // The start is a point of the energy curve by itself: without a second one there is none.
  const count = (values) => values.filter((value) => value != null).length;

  function columns(kind, data) {
    if (kind === "energy") {
      const some = count(data.energy_wh) > (data.at.length > 1 ? 1 : 0);
      return { values: [data.at, scaled(data.energy_wh, 1000)], soc: false, some };
    }
    const soc = any(data.soc_percent);
    const values = [data.at, scaled(data.power_w, 1000)];
    if (soc) values.push(data.soc_percent);
    return { values, soc, some: any(data.power_w) || soc };
  }

  // The start is a point of the curve (0 Wh, nothing else) whenever the meter's figure then is known; alone it is no
  // reading.
  const measured = (data) => data.at.length > 1 || (data.at.length === 1 && data.energy_wh[0] == null);

  // What to say where there is no curve; empty if there is one.
  function missing(place, data, some) {
    if (!measured(data)) {
      if (document.getElementById(place.dataset.follow)?.querySelector("[data-active]")) return "No reading yet.";
      if (place.dataset.chart === "energy") return "No reading came.";
      some = false;
    }
    if (some) return "";
    return place.dataset.chart === "power" ? "No power was reported: the charge point sends no such readings." : "No meter register was reported.";
  }

  const SPAN_LEAST = 30; // seconds: over less the time axis has nothing to mark
  function span(self, low, high) {
    const more = Math.max(0, SPAN_LEAST - (high - low)) / 2;
    return [low - more, high + more];
  }

  function options(kind, width, soc) {
    const ink = colour("--tblr-secondary-color");
    const grid = { stroke: colour("--tblr-border-color"), width: 1 };
    const axis = (more) => ({ stroke: ink, grid, ticks: grid, font: "12px system-ui, sans-serif", ...more });
    const unit = kind === "energy" ? "kWh" : "kW";
    const tick = (decimals) => (self, splits) => splits.map((value) => value == null ? "" : value.toFixed(decimals(splits)));
    const decimals = (splits) => splits.length > 1 && splits[1] - splits[0] < 1 ? (splits[1] - splits[0] < 0.1 ? 2 : 1) : 0;
    const zero = (self, low, high) => [0, high > 0 ? high * 1.08 : 1];
    const series = [{ label: "Time", value: (self, at) => at == null ? "–" : window.csmsTime.clock(new Date(at * 1000)) }];
    const line = (label, scale, stroke, value, more) => ({ label, scale, stroke, width: 2, spanGaps: true, value, ...more });
    if (kind === "energy") {
      series.push(line("Energy", "y", colour("--chart-2"), (self, value) => number(value, 2, "kWh")));
    } else {
      series.push(line("Power", "y", colour("--chart-1"), (self, value) => number(value, 1, "kW")));
      if (soc) series.push(line("Battery", "soc", colour("--chart-3"), (self, value) => number(value, 0, "%"), { dash: [6, 4] }));
    }
    const clock = (self, splits, index, space, step) => splits.map((at) => {
      const when = new Date(at * 1000), two = (part) => String(part).padStart(2, "0");
      const day = when.getHours() + when.getMinutes() + when.getSeconds() === 0 || step >= 86400;
      if (day) return `${when.getDate()}.${when.getMonth() + 1}.`;
      return `${two(when.getHours())}:${two(when.getMinutes())}${step < 60 ? ":" + two(when.getSeconds()) : ""}`;
    });
    const axes = [axis({ values: clock, space: 70 }), axis({ size: 56, label: unit, labelSize: 18, labelFont: "12px system-ui, sans-serif", values: tick(decimals) })];
    if (soc) axes.push(axis({ side: 1, scale: "soc", grid: { show: false }, size: 54, values: (self, splits) => splits.map((value) => `${value} %`) }));
    return {
      width, height: 260, series, axes,
      scales: { x: { time: true, range: span }, y: { range: zero }, soc: { range: [0, 100] } },
      cursor: { drag: { x: true, y: false }, sync: { key: "transaction" } },
    };
  }

  const charts = new Map();
  const loads = new Map(); // source -> promise, so that two charts of one page ask once

  function load(source) {
    if (!loads.has(source)) {
      const asked = fetch(source, { headers: { Accept: "application/json" } }).then((answer) => {
        if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
        return answer.json();
      });
      loads.set(source, asked);
      asked.catch(() => {}).finally(() => setTimeout(() => loads.delete(source), 900));
    }
    return loads.get(source);
  }

  function say(place, text) {
    place.replaceChildren(Object.assign(document.createElement("p"), { className: "nothing", textContent: text }));
    charts.delete(place);
  }

  async function draw(place, again) {
    const kind = place.dataset.chart;
    let data;
    try {
      data = await load(place.dataset.source);
    } catch (error) {
      if (!charts.has(place)) say(place, "The curve could not be read just now; it is tried again with the next change.");
      return;
    }
    const { values, soc, some } = columns(kind, data);
    const words = missing(place, data, some);
    if (words) return say(place, words);
    const known = charts.get(place);
    if (known && known.soc === soc && !again) {
      // Somebody who has zoomed in keeps what they look at.
      const scale = known.plot.scales.x, all = known.plot.data[0];
      const zoomed = scale.min > all[0] || scale.max < all[all.length - 1];
      known.plot.setData(values, !zoomed);
      return;
    }
    if (known) known.plot.destroy();
    place.replaceChildren();
    const plot = new uPlot(options(kind, place.clientWidth || 300, soc), values, place);
    charts.set(place, { plot, soc });
  }

  const all = (again) => places.forEach((place) => draw(place, again));
  new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const known = charts.get(target);
      if (known && Math.abs(known.plot.width - target.clientWidth) > 1) known.plot.setSize({ width: target.clientWidth, height: 260 });
    }
  }).observe(places[0]);
  let planned = null;
  document.addEventListener("live-replaced", (event) => {
    if (!places.some((place) => place.dataset.follow === event.target.id) || planned) return;
    planned = setTimeout(() => { planned = null; all(false); }, 900);
  });
  document.addEventListener("theme-changed", () => all(true));
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => all(true));
  all(false);
})();
