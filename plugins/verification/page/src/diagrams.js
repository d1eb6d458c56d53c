// Numbers along axes of their own: rank histogram, reliability, ROC, spectra, quantiles, and what any other metric gives.
import { axisX, axisY, dot, gridX, gridY, line, rectY, ruleY, tip, pointer, text } from "@observablehq/plot";
import { chosen, data, digits, element } from "./data.js";
import { figure, widthOf } from "./figure.js";

const COLOURS = ["var(--forecast)", "var(--persistence)", "var(--climatology)", "var(--run-2)", "var(--run-3)"];

export function drawDiagrams(place) {
  const width = widthOf(place, 320, 3);
  const shown = data.curves.filter(({ subject }) => chosen.subject < 0 || belongs(subject, data.subjects[chosen.subject]));
  const figures = shown.flatMap(apart).map((one) => diagram(one, width)).filter(Boolean);
  place.replaceChildren(...figures);
  if (!figures.length) place.append(element("p", {}, "There is no diagram of what is chosen."));
}

// Powers or quantiles of forecast and truth are one diagram; what has another scale is another.
function apart(one) {
  const { forecast, truth, ...others } = one.parts;
  if (!forecast || !truth || !Object.keys(others).length) return [one];
  const isWave = /wavenumber/.test(truth.axis);
  return [{ ...one, parts: { forecast, truth } }, { ...one, parts: others, title: `${one.title}, ${isWave ? "ratio and coherence" : "densities"}`, isRatio: isWave }];
}

// `t_850 > 273.15` belongs to `t_850`.
function belongs(subject, variable) {
  return subject === variable || subject.startsWith(`${variable} `);
}

function valuesOf(part) {
  const region = part.values[chosen.region] ? chosen.region : 0;
  const lead = part.leads.includes(chosen.lead) ? part.leads.indexOf(chosen.lead) : part.leads.length - 1;
  const found = part.values[region]?.[lead];
  return found?.some((one) => one !== null) ? found : null;
}

function diagram(one, width) {
  const parts = Object.fromEntries(Object.entries(one.parts).map(([key, part]) => [key, { ...part, shown: valuesOf(part) }]));
  if (!Object.values(parts).some(({ shown }) => shown)) return null;
  const kind = kindOf(one, parts);
  const options = { width, height: Math.min(300, width), marginTop: 28, marginLeft: 52, marginBottom: 36, ...kind.options };
  const caption = `${kind.name}: ${one.subject}`;
  return figure(caption, `${kind.name} of ${one.subject} at ${data.leadNames[chosen.lead]}`, options, `${one.metric}-${one.subject}`);
}

function kindOf(one, parts) {
  if (parts.histogram && parts.histogram.axis === "rank") return { name: "Rank histogram", options: ranks(parts.histogram) };
  if (parts.frequency && parts.share) return { name: "Reliability diagram", options: reliability(parts) };
  if (parts.hits && parts["false-alarms"]) return { name: "ROC curve", options: roc(parts) };
  if (parts.forecast && parts.truth && parts.truth.axis === "share") return { name: "Quantiles", options: quantiles(parts, one.units) };
  return { name: one.title, options: lines(parts, one.isRatio) };
}

const grids = [gridX({ stroke: "var(--faint)", strokeOpacity: 0.25 }), gridY({ stroke: "var(--faint)", strokeOpacity: 0.25 })];
const axes = (x, y, format = (value) => digits(value)) => [
  axisX({ anchor: "bottom", tickSize: 0, label: `${x} →`, ticks: 6 }),
  axisY({ anchor: "left", tickSize: 0, label: `↑ ${y}`, ticks: 5, tickFormat: format }),
];
const diagonal = (from, to) => line([[from, from], [to, to]], { stroke: "var(--soft)", strokeDasharray: "4 3" });

function ranks({ positions, shown }) {
  const rows = positions.map((rank, at) => ({ rank, share: shown[at] }));
  return {
    x: { label: null, type: "linear", domain: [-0.5, positions.length - 0.5] },
    y: { label: null, domain: [0, Math.max(...shown, 1 / positions.length) * 1.08] },
    marks: [
      ...grids.slice(1),
      rectY(rows, { x1: (row) => row.rank - 0.45, x2: (row) => row.rank + 0.45, y: "share", fill: "var(--forecast)", title: (row) => `rank ${row.rank}: ${digits(row.share)}`, tip: { fill: "var(--card)" } }),
      ruleY([1 / positions.length], { stroke: "var(--ink)", strokeDasharray: "4 3" }),
      axisX({ anchor: "bottom", tickSize: 0, label: "members below the truth →", ticks: Math.min(positions.length, 12), tickFormat: (one) => (Number.isInteger(one) ? String(one) : "") }),
      axisY({ anchor: "left", tickSize: 0, label: "↑ share", ticks: 5 }),
    ],
  };
}

function reliability({ frequency, share }) {
  const rows = frequency.positions.map((probability, at) => ({ probability, frequency: frequency.shown?.[at] ?? null, share: share.shown?.[at] ?? null })).filter((row) => row.frequency !== null);
  const words = (row) => `probability ${digits(row.probability)}\nfrequency ${digits(row.frequency)}\n${digits(row.share * 100)} % of the cases`;
  return {
    x: { domain: [-0.03, 1.03], label: null },
    y: { domain: [-0.03, 1.03], label: null },
    r: { range: [1.5, 11], domain: [0, 1] },
    marks: [
      ...grids,
      diagonal(0, 1),
      line(rows, { x: "probability", y: "frequency", stroke: "var(--forecast)", strokeWidth: 2 }),
      dot(rows, { x: "probability", y: "frequency", r: "share", fill: "var(--forecast)", stroke: "var(--paper)", title: words, tip: { fill: "var(--card)" } }),
      ...axes("probability of the forecast", "frequency of the event"),
    ],
  };
}

function roc(parts) {
  const rows = parts.hits.positions.map((needed, at) => ({ needed, hit: parts.hits.shown?.[at] ?? null, alarm: parts["false-alarms"].shown?.[at] ?? null })).filter((row) => row.hit !== null && row.alarm !== null);
  const words = (row) => `warned from ${row.needed} members on\nhits ${digits(row.hit)}, false alarms ${digits(row.alarm)}`;
  return {
    x: { domain: [0, 1], label: null },
    y: { domain: [0, 1], label: null },
    marks: [
      ...grids,
      diagonal(0, 1),
      line(rows, { x: "alarm", y: "hit", stroke: "var(--forecast)", strokeWidth: 2 }),
      dot(rows, { x: "alarm", y: "hit", r: 3, fill: "var(--forecast)", title: words, tip: { fill: "var(--card)" } }),
      ...axes("false alarm rate", "hit rate"),
    ],
  };
}

function quantiles({ forecast, truth }, units) {
  const rows = truth.positions.map((quantile, at) => ({ quantile, x: truth.shown?.[at] ?? null, y: forecast.shown?.[at] ?? null })).filter((row) => row.x !== null && row.y !== null);
  const all = rows.flatMap((row) => [row.x, row.y]);
  const words = (row) => `quantile ${digits(row.quantile)}\ntruth ${digits(row.x)}, forecast ${digits(row.y)}`;
  const of = units ? ` (${units})` : "";
  return {
    x: { label: null },
    y: { label: null },
    marks: [
      ...grids,
      diagonal(Math.min(...all), Math.max(...all)),
      dot(rows, { x: "x", y: "y", r: 2.6, fill: "var(--forecast)", title: words, tip: { fill: "var(--card)" } }),
      ...axes(`quantile of the truth${of}`, `of the forecast${of}`),
    ],
  };
}

function lines(parts, isRatio) {
  const known = Object.entries(parts).filter(([, part]) => part.shown);
  const axis = known[0][1].axis;
  const rows = known.flatMap(([key, part], place) => part.positions.map((position, at) => ({ key, place, position, value: part.shown[at] })));
  const isWave = /wavenumber|wavelength/.test(axis);
  const kept = rows.filter((row) => row.value !== null && (!isWave || row.position > 0));
  const isLog = isWave && "truth" in parts && kept.every((row) => row.value > 0);
  const across = isWave ? { type: "log" } : {};
  const up = isLog ? { type: "log" } : isRatio ? { domain: [0, 2], clamp: true } : {};
  const words = (row) => `${row.key}\n${axis} ${digits(row.position)}: ${digits(row.value)}`;
  const named = known.map(([key], place) => ({ ...kept.filter((row) => row.place === place).at(Math.floor(place * 3) + 1), key, place })).filter((row) => row.value !== undefined);
  return {
    x: { label: null, ...across },
    y: { label: null, ...up },
    marginRight: 12,
    marks: [
      ...grids,
      ...(isRatio ? [ruleY([0.5], { stroke: "var(--soft)", strokeDasharray: "4 3" })] : []),
      ...known.map(([, part], place) => line(kept.filter((row) => row.place === place), { x: "position", y: "value", stroke: COLOURS[place % COLOURS.length], strokeWidth: 2 })),
      tip(kept, pointer({ x: "position", y: "value", title: words, fill: "var(--card)" })),
      ...(known.length > 1 ? [text(named, { x: "position", y: "value", text: "key", textAnchor: "start", dx: 4, dy: -7, fill: (row) => COLOURS[row.place % COLOURS.length] })] : []),
      axisX({ anchor: "bottom", tickSize: 0, label: `${axis} →`, ticks: 5, ...(isWave ? { tickFormat: "~s" } : {}) }),
      axisY({ anchor: "left", tickSize: 0, ticks: 4, ...(isLog ? { tickFormat: "~e" } : { tickFormat: (one) => digits(one) }) }),
    ],
  };
}
