// Draws any chart from figures that a page or a .json view gives, with a table of the same figures behind it.
//
//   <div class="chart" data-chart="URL or #id of a json_script" data-chart-label="Power">
//     <p class="nothing">…needs JavaScript…</p></div>
//
// data-chart-figures="{{ json }}" has the figures themselves, for a part of a page that is replaced: there a script of
// data would not survive. data-chart-height (px), data-chart-group (cursors of one group move together), data-chart-follow (id of a live
// fragment: read again when it changed), data-chart-every (seconds). The figures:
//
//   {"unit": "kW", "decimals": 1, "empty": "No power was reported.", "zone": "Europe/Berlin", "bucket": 86400,
//    "from": ms, "to": ms, "max": 100, "right_max": 100, "marks": [{"at": ms, "label": "now"}],
//    "series": [{"label": "Power", "kind": "line" | "step" | "bars" | "area" | "lane", "unit": "%", "decimals": 0, "colour": 1…6,
//                "dash": true, "join": true, "points": [[ms, number | null], …]}]}
//
// A series of the kind "lane" tells states: a coloured band above the curves, with what is told in words. Its points are
// indices of "words", a list of {"label", "colour"}; each holds until the next one, null until nothing is known again.
// null ends a curve, which then has a gap; "join" draws on over it. A series of another unit has the axis on the right.
// Without a zone times are the viewer's. `bucket` is the length, in seconds, of what one point stands for.
// window.csmsChart.show(place, figures) draws what a script has; csmsChart.scan(root) finds the charts in a part.
(function () {
  "use strict";

  const HEIGHT = 220, LANE = 18, ROWS_MOST = 500, DAY = 86400;
  const FONT = "12px system-ui, sans-serif";
  const charts = new Map(); // place -> {plot, figures, values, dress…}
  const asTables = new Set(); // what somebody reads as a table stays one when its place is replaced
  const loads = new Map(); // URL -> promise, so that several charts of one address ask once

  const word = (text) => (window.csmsWords && window.csmsWords[text]) || text;
  const make = (tag, className, text) => Object.assign(document.createElement(tag), { className, textContent: text || "" });

  // Custom properties with light-dark() are not resolved by themselves; an element that wears one does it.
  function colour(name) {
    const probe = make("span");
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    const value = getComputedStyle(probe).color;
    probe.remove();
    return value;
  }

  function faint(rgb, alpha) {
    const parts = rgb.match(/[\d.]+/g);
    return parts && rgb.startsWith("rgb") ? `rgba(${parts.slice(0, 3).join(", ")}, ${alpha})` : "transparent";
  }

  // --- how figures and times are written ---------------------------------------------------------------------------

  function amount(value, unit, decimals) {
    if (value == null) return "–";
    const text = value.toLocaleString(document.documentElement.lang || undefined, { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
    return unit ? `${text} ${unit}` : text;
  }

  const written = (one, figures, value) => one.kind === "lane" ? one.words[value]?.label ?? "–" : amount(value, one.unit ?? figures.unit, one.decimals ?? figures.decimals ?? 1);

  function clock(figures) {
    const zone = figures.zone ? { timeZone: figures.zone } : {};
    const day = { year: "numeric", month: "short", day: "numeric" };
    const options = figures.bucket >= DAY ? { weekday: "short", ...day } : { ...day, hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZoneName: "short" };
    if (!figures.bucket || figures.bucket < 60) options.second = "2-digit";
    const format = new Intl.DateTimeFormat(document.documentElement.lang || undefined, { ...options, ...zone });
    return (seconds) => seconds == null ? "–" : format.format(new Date(seconds * 1000));
  }

  function ticks(figures) {
    const lang = document.documentElement.lang || undefined, zone = figures.zone ? { timeZone: figures.zone } : {};
    const parts = (options) => new Intl.DateTimeFormat(lang, { ...options, ...zone });
    const day = parts({ day: "numeric", month: "short" });
    const hour = parts({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    const second = parts({ hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
    return (self, splits, index, space, step) => splits.map((at) => {
      const when = new Date(at * 1000);
      if (step >= DAY || second.format(when) === "00:00:00") return day.format(when);
      return (step < 60 ? second : hour).format(when);
    });
  }

  const steps = (splits) => splits.length > 1 ? splits[1] - splits[0] : 1;
  const places = (step) => step < 0.1 ? 2 : step < 1 ? 1 : 0;
  const scale = (self, splits) => splits.map((value) => value == null ? "" : amount(value, "", places(steps(splits))));

  // --- figures to columns ------------------------------------------------------------------------------------------

  const some = (figures) => (figures.series || []).some((series) => series.points.some((point) => point[1] != null));

  function columns(figures) {
    const tables = figures.series.map(({ points }) => [points.map((point) => point[0] / 1000), points.map((point) => point[1])]);
    const values = uPlot.join(tables.map((table) => table[0].length ? table : [[0].slice(1), []]));
    return values.map((column, index) => figures.series[index - 1]?.kind === "lane" ? held(column) : column);
  }

  // A state is what it was until another is told.
  function held(values) {
    let last = null;
    return values.map((value) => { last = value === undefined ? last : value; return last; });
  }

  const kinds = {
    line: () => ({ paths: uPlot.paths.linear(), points: { size: 5 } }),
    area: (stroke) => ({ paths: uPlot.paths.linear(), points: { show: false }, fill: faint(stroke, 0.16) }),
    step: () => ({ paths: uPlot.paths.stepped({ align: 1 }), points: { show: false } }),
    lane: () => ({ paths: () => null, points: { show: false }, class: "chart-lane", scale: "lane" }),
    bars: (stroke) => ({ paths: uPlot.paths.bars({ size: [0.72, 48], align: 0 }), points: { show: false }, fill: faint(stroke, 0.55), width: 1 }),
  };

  function options(place, figures, group) {
    const ink = colour("--tblr-secondary-color"), line = colour("--tblr-border-color");
    const grid = { stroke: line, width: 1 };
    const axis = (more) => ({ stroke: ink, grid, ticks: grid, font: FONT, labelFont: FONT, ...more });
    const spelled = clock(figures), main = figures.unit || "";
    const right = figures.series.find((series) => (series.unit ?? main) !== main);
    const series = [{ label: word("Time"), value: (self, at) => spelled(at) }];
    figures.series.forEach((one, index) => {
      const stroke = colour(`--chart-${one.colour || index % 6 + 1}`), unit = one.unit ?? main;
      series.push({
        label: one.label, stroke: one.kind === "lane" ? ink : stroke, width: 2, scale: unit === main ? "y" : "right", spanGaps: Boolean(one.join),
        value: (self, value) => written(one, figures, value), ...(one.dash ? { dash: [6, 4] } : {}), ...kinds[one.kind || "line"](stroke),
      });
    });
    const upTo = (most) => (self, low, high) => [Math.min(0, low ?? 0), most ?? (high > 0 ? high * 1.08 : 1)];
    const axes = [axis({ values: ticks(figures), space: 70, size: 30 }), axis({ size: 56, label: main, labelSize: main ? 18 : 0, values: scale })];
    if (right) axes.push(axis({ side: 1, scale: "right", grid: { show: false }, size: 56, label: right.unit, labelSize: 18, values: scale }));
    const lane = figures.series.some((one) => one.kind === "lane");
    const half = figures.series.some((one) => one.kind === "bars") ? (figures.bucket || 0) / 2 : 0;
    const least = figures.bucket ? figures.bucket : 30; // seconds: over less the axis has nothing to mark
    const whole = (low, high) => {
      low = figures.from != null ? figures.from / 1000 : low;
      high = figures.to != null ? figures.to / 1000 : high;
      const more = Math.max(0, least - (high - low)) / 2 + half;
      return [low - more, high + more];
    };
    const zoned = figures.zone ? { tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), figures.zone) } : {};
    return {
      width: Math.max(place.clientWidth, 200), height: Number(place.dataset.chartHeight) || HEIGHT, series, axes, ...zoned,
      ...(lane ? { padding: [LANE + 6, null, null, null] } : {}),
      // A range that somebody chose by dragging is theirs; the whole is what the figures say.
      scales: { x: { time: true, range: (self, low, high) => self.chosen ? [low, high] : whole(low, high) }, y: { range: upTo(figures.max) }, right: { range: upTo(figures.right_max) }, ...(lane ? { lane: { range: [0, 1] } } : {}) },
      legend: { live: true },
      cursor: {
        drag: { x: true, y: false, setScale: false },
        focus: { prox: 24 },
        ...(group ? { sync: { key: group } } : {}),
        // Of series that have no figure at this moment the nearest is told, so that what hovers is never silent.
        dataIdx: (self, index, at) => index === 0 ? at : nearest(self.data[index], at),
      },
      hooks: { setSelect: [zoomed], draw: [marks(figures, ink), lanes(figures)] },
    };
  }

  function nearest(values, at) {
    if (values[at] !== undefined) return at;
    for (let away = 1; away < values.length; away++) {
      if (at - away >= 0 && values[at - away] !== undefined) return at - away;
      if (at + away < values.length && values[at + away] !== undefined) return at + away;
    }
    return at;
  }

  function marks(figures, ink) {
    return (self) => {
      for (const mark of figures.marks || []) {
        const x = Math.round(self.valToPos(mark.at / 1000, "x", true)), { left, top, width, height } = self.bbox;
        if (x < left || x > left + width) continue;
        self.ctx.save();
        Object.assign(self.ctx, { strokeStyle: ink, fillStyle: ink, lineWidth: devicePixelRatio, font: `${11 * devicePixelRatio}px system-ui, sans-serif`, textAlign: x > left + width / 2 ? "right" : "left" });
        self.ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
        self.ctx.beginPath();
        self.ctx.moveTo(x, top);
        self.ctx.lineTo(x, top + height);
        self.ctx.stroke();
        self.ctx.fillText(mark.label || "", x + (x > left + width / 2 ? -4 : 4) * devicePixelRatio, top + 11 * devicePixelRatio);
        self.ctx.restore();
      }
    };
  }

  function lanes(figures) {
    const text = colour("--tblr-body-color");
    const tones = figures.series.map((one) => (one.words || []).map((word) => colour(`--chart-${word.colour}`)));
    return (self) => figures.series.forEach((one, index) => {
      if (one.kind !== "lane" || !self.series[index + 1].show) return;
      const times = self.data[0], states = self.data[index + 1];
      for (let at = 1, since = 0; at <= times.length; at++) {
        if (at < times.length && states[at] === states[since]) continue;
        if (one.words[states[since]]) band(self, times[since], times[at] ?? times[at - 1], one.words[states[since]].label, tones[index][states[since]], text);
        since = at;
      }
    });
  }

  function band(self, since, until, label, tone, text) {
    const { left, top, width } = self.bbox, { ctx } = self, high = LANE * devicePixelRatio, line = 2 * devicePixelRatio;
    const begin = Math.max(left, self.valToPos(since, "x", true)), wide = Math.min(left + width, self.valToPos(until, "x", true)) - begin;
    if (wide <= 0) return;
    const above = top - high - line;
    ctx.save();
    ctx.fillStyle = faint(tone, 0.22);
    ctx.fillRect(begin, above, Math.max(wide, 1), high);
    ctx.fillStyle = tone;
    ctx.fillRect(begin, above + high - line, Math.max(wide, 1), line);
    Object.assign(ctx, { fillStyle: text, textBaseline: "middle", textAlign: "left", font: `${11 * devicePixelRatio}px system-ui, sans-serif` });
    if (ctx.measureText(label).width + 10 * devicePixelRatio < wide) ctx.fillText(label, begin + 5 * devicePixelRatio, above + high / 2);
    ctx.restore();
  }

  // --- zoom --------------------------------------------------------------------------------------------------------

  function choose(plot, low, high) {
    const all = charts.get(plot.place).group ? [...charts.values()].filter((one) => one.group === charts.get(plot.place).group) : [charts.get(plot.place)];
    for (const { plot: each, reset } of all) {
      each.chosen = low != null;
      if (low == null) each.setData(each.data, true);
      else each.setScale("x", { min: low, max: high });
      reset.hidden = low == null;
    }
  }

  function zoomed(self) {
    if (!self.place || self.select.width < 8) return;
    const low = self.posToVal(self.select.left, "x"), high = self.posToVal(self.select.left + self.select.width, "x");
    self.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    if (high - low >= 1) choose(self, low, high);
  }

  // Arrows walk along the curve, + and - zoom at the place, 0 and Escape show the whole.
  function keyed(event, plot) {
    const at = plot.cursor.idx ?? plot.data[0].length - 1, { min, max } = plot.scales.x;
    const walk = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 }[event.key];
    if (walk) {
      const next = Math.min(plot.data[0].length - 1, Math.max(0, plot.cursor.left < 0 ? at : at + walk));
      plot.setCursor({ left: plot.valToPos(plot.data[0][next], "x"), top: 10 });
    } else if (event.key === "+" || event.key === "-") {
      const centre = plot.data[0][at] ?? (min + max) / 2, span = (max - min) * (event.key === "+" ? 0.5 : 2);
      if (span >= 1) choose(plot, centre - span / 2, centre + span / 2);
    } else if (event.key === "0" || (event.key === "Escape" && plot.chosen)) choose(plot, null);
    else return;
    event.preventDefault();
  }

  // --- the table behind --------------------------------------------------------------------------------------------

  function table(figures, values) {
    const spelled = clock(figures), frame = make("div", "table-responsive chart-table"), grid = make("table", "table table-sm card-table");
    frame.tabIndex = 0;
    const head = grid.createTHead().insertRow(), first = Math.max(0, values[0].length - ROWS_MOST);
    for (const label of [word("Time"), ...figures.series.map((one) => one.label)]) {
      const one = figures.series[head.cells.length - 1], cell = make("th", one && one.kind !== "lane" ? "num" : "", label);
      cell.scope = "col";
      head.append(cell);
    }
    const body = grid.createTBody();
    for (let row = values[0].length - 1; row >= first; row--) {
      const line = body.insertRow();
      line.append(make("td", "nowrap", spelled(values[0][row])));
      figures.series.forEach((one, index) => line.append(make("td", one.kind === "lane" ? "" : "num", written(one, figures, values[index + 1][row]))));
    }
    frame.append(grid);
    return frame;
  }

  function toggle(one) {
    const shown = one.table.hidden;
    asTables[shown ? "add" : "delete"](one.plot.place.dataset.chart);
    one.table.hidden = !shown;
    one.canvas.hidden = shown;
    one.button.textContent = shown ? word("Show as chart") : word("Show as table");
    one.button.setAttribute("aria-pressed", String(shown));
    if (shown) one.table.replaceChildren(table(one.figures, one.values));
    else one.plot.setSize({ width: Math.max(one.canvas.clientWidth, 200), height: one.plot.height });
  }

  // --- one place ---------------------------------------------------------------------------------------------------

  function say(place, text) {
    forget(place);
    const note = make("p", "nothing", text);
    note.setAttribute("role", "status");
    place.replaceChildren(note);
  }

  function forget(place) {
    const known = charts.get(place);
    if (known) known.plot.destroy();
    charts.delete(place);
  }

  // What is drawn anew: another number of curves, another axis, another theme.
  const outline = (figures) => JSON.stringify([figures.unit, figures.zone, figures.bucket, figures.from != null, figures.series.map(({ points, ...rest }) => rest)]);

  function show(place, figures, anew) {
    if (!window.uPlot) return say(place, word("The chart could not be loaded; reload the page to try again."));
    if (!some(figures)) return say(place, figures.empty || word("There are no figures for this time yet."));
    const values = columns(figures), known = charts.get(place);
    if (known && !anew && known.outline === outline(figures) && known.canvas.isConnected) {
      Object.assign(known.figures, figures); // the hooks of the chart hold on to it
      known.values = values;
      known.plot.setData(values, !known.plot.chosen); // somebody who has zoomed in keeps what they look at
      if (known.plot.chosen) known.plot.redraw();
      if (!known.table.hidden) known.table.replaceChildren(table(figures, values));
      return;
    }
    forget(place);
    const canvas = make("div", "chart-canvas"), behind = make("div"), tools = make("div", "chart-tools");
    const button = make("button", "btn btn-sm", word("Show as table")), reset = make("button", "btn btn-sm", word("Reset zoom"));
    button.type = reset.type = "button";
    reset.hidden = behind.hidden = true;
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "group");
    canvas.setAttribute("aria-label", place.dataset.chartLabel || figures.series.map((one) => one.label).join(", "));
    tools.append(reset, button);
    place.replaceChildren(canvas, behind, tools);
    figures = { ...figures };
    const group = place.dataset.chartGroup || "";
    const plot = new uPlot(options(place, figures, group), values, canvas);
    plot.place = place;
    const one = { plot, figures, values, canvas, table: behind, button, reset, group, outline: outline(figures) };
    charts.set(place, one);
    button.addEventListener("click", () => toggle(one));
    reset.addEventListener("click", () => { choose(plot, null); canvas.focus(); });
    plot.over.addEventListener("dblclick", () => choose(plot, null));
    canvas.addEventListener("keydown", (event) => keyed(event, plot));
    if (asTables.has(place.dataset.chart)) toggle(one);
    watch.observe(place);
  }

  const watch = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const known = charts.get(target);
      if (known && !known.canvas.hidden && Math.abs(known.plot.width - target.clientWidth) > 1) known.plot.setSize({ width: Math.max(target.clientWidth, 200), height: known.plot.height });
    }
  });

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

  async function read(place, anew) {
    const source = place.dataset.chart, [address, name] = source.startsWith("#") ? [source] : source.split("#");
    let figures;
    try {
      if (place.dataset.chartFigures) figures = JSON.parse(place.dataset.chartFigures);
      else if (source.startsWith("#")) figures = JSON.parse(document.getElementById(source.slice(1)).textContent);
      else {
        figures = await load(address);
        if (name) figures = figures[name]; // URL#power: one of several charts of one answer
      }
      if (!figures || !figures.series) throw new Error("no figures");
    } catch (error) {
      if (!charts.has(place)) say(place, word("The chart could not be read just now; reload the page to try again."));
      return;
    }
    if (place.isConnected) show(place, figures, anew);
  }

  function scan(root) {
    for (const place of root.querySelectorAll("[data-chart]")) {
      if (charts.has(place) || place.dataset.chartKnown) continue;
      place.dataset.chartKnown = "yes";
      read(place);
      const every = Number(place.dataset.chartEvery);
      if (every) {
        const timer = setInterval(() => {
          if (!place.isConnected) clearInterval(timer);
          else if (!document.hidden) read(place);
        }, every * 1000);
      }
    }
  }

  // --- what changes ------------------------------------------------------------------------------------------------

  let planned = null;
  const followers = new Set();
  function follow(id) {
    followers.add(id);
    planned = planned || setTimeout(() => {
      planned = null;
      document.querySelectorAll("[data-chart-follow]").forEach((place) => { if (followers.has(place.dataset.chartFollow)) read(place); });
      followers.clear();
    }, 900);
  }
  document.addEventListener("live-replaced", (event) => {
    [...charts.keys()].forEach((place) => { if (!place.isConnected) forget(place); });
    scan(event.target);
    follow(event.target.id);
  });
  document.addEventListener("htmx:afterSwap", () => scan(document));
  const redraw = () => [...charts].forEach(([place, one]) => show(place, one.figures, true));
  document.addEventListener("theme-changed", redraw);
  window.addEventListener("storage", (event) => { if (event.key === "theme") redraw(); });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

  window.csmsChart = { show, scan, read, all: () => [...charts.values()].map((one) => one.plot) };
  scan(document);
})();
