// Scores against lead time, with their bands where these are known.
import { areaY, axisX, axisY, gridX, gridY, line, dot, pointerX, ruleX, ruleY, tip } from "@observablehq/plot";
import { chosen, data, digits, element, scores, shownPairs, unitsOf } from "./data.js";
import { figure, widthOf } from "./figure.js";

const DASHES = { persistence: "6 4", interpolation: "6 4", climatology: "2 3", "diurnal-persistence": "7 3 2 3", "climatology-ensemble": "2 3" };
const REFERENCES = { acc: 0.6, "acc-pooled": 0.6, "acc-centred": 0.6, bias: 0, "spread-skill": 1, "spread-skill-unbiased": 1 };
const RUNS = ["--run-2", "--run-3", "--run-4", "--run-5"];

export function colourOf(forecast) {
  const name = data.forecasts[forecast];
  if (isKnown(name)) return `var(--${name})`;
  const others = data.forecasts.filter((one) => !isKnown(one));
  return `var(${RUNS[others.indexOf(name) % RUNS.length]})`;
}

function dashesOf(forecast) {
  return DASHES[data.forecasts[forecast]] ?? (forecast ? "7 3 2 3" : "");
}

function isKnown(name) {
  return name === "forecast" || name in DASHES;
}

export function drawCurves(place) {
  const pairs = shownPairs();
  const width = widthOf(place, 320, 3);
  place.replaceChildren(...pairs.map(([number, subject]) => panel(number, subject, width)));
  if (!pairs.length) place.append(element("p", {}, "There is no score of what is chosen."));
}

function panel(number, subject, width) {
  const { name, title, better } = data.numbers[number];
  const rows = pointsOf(number, subject);
  const units = unitsOf(number, subject);
  const caption = `${chosen.subject < 0 ? data.subjects[subject] : title}${units ? ` (${units})` : ""}`;
  const values = rows.flatMap((row) => [row.value, row.low, row.high]).filter((one) => one !== null);
  const options = {
    width,
    height: 210,
    marginTop: 10,
    marginLeft: 52,
    marginBottom: 34,
    x: { domain: [0, Math.max(...data.leads) * 1.02], label: null },
    y: { domain: domain(name, better, values), label: null },
    marks: [
      gridX(steps(), { stroke: "var(--faint)", strokeOpacity: 0.25 }),
      gridY({ stroke: "var(--faint)", strokeOpacity: 0.25 }),
      axisX(steps(), { anchor: "bottom", tickSize: 0, label: `lead time (${data.leadUnit}) →` }),
      axisY({ anchor: "left", ticks: 5, tickSize: 0, tickFormat: (one) => digits(one) }),
      ...(name in REFERENCES ? [ruleY([REFERENCES[name]], { stroke: "var(--soft)" })] : []),
      ...data.forecasts.map((_, forecast) => forecast).reverse().flatMap((forecast) => marks(rows.filter((row) => row.forecast === forecast), forecast)),
      ruleX(rows, pointerX({ x: "lead", py: "value", stroke: "var(--faint)" })),
      tip(rows, pointerX({ x: "lead", y: "value", title: words, fill: "var(--card)" })),
    ],
  };
  return figure(caption, `${title} of ${data.subjects[subject]} against lead time`, options, `${name}-${data.subjects[subject]}`);
}

function marks(rows, forecast) {
  if (!rows.length) return [];
  const style = { stroke: colourOf(forecast), strokeDasharray: dashesOf(forecast) };
  return [
    areaY(rows.filter((row) => row.low !== null), { x: "lead", y1: "low", y2: "high", fill: colourOf(forecast), fillOpacity: 0.18 }),
    line(rows, { x: "lead", y: "value", strokeWidth: forecast ? 1.6 : 2.4, ...style }),
    dot(rows, { x: "lead", y: "value", r: 2.4, fill: colourOf(forecast) }),
  ];
}

function pointsOf(number, subject) {
  return data.forecasts.flatMap((_, forecast) => {
    const [found, low, high] = ["values", "low", "high"].map((kind) => scores(number, forecast, subject, kind));
    if (!found) return [];
    const rows = found.map((value, at) => ({ forecast, lead: data.leads[at], name: data.leadNames[at], value, low: low?.[at] ?? null, high: high?.[at] ?? null }));
    return rows.filter((row) => row.value !== null);
  });
}

function words({ forecast, name, value, low, high }) {
  return `${data.forecasts[forecast]}, ${name}\n${digits(value)}${low === null ? "" : ` (${digits(low)} to ${digits(high)})`}`;
}

// Hours by parts of a day, days by whole ones.
function steps() {
  const last = Math.max(...data.leads);
  const step = (data.leadUnit === "h" ? [1, 3, 6, 12, 24] : [1, 2, 5, 10]).find((one) => last / one <= 8) ?? Math.ceil(last / 8);
  return Array.from({ length: Math.floor(last / step) + 1 }, (_, number) => number * step);
}

// Errors start at zero and correlations end at one, so that panels can be compared by eye.
function domain(name, better, values) {
  const [lowest, highest] = [Math.min(...values), Math.max(...values)];
  const room = 0.06 * (highest - lowest) || Math.abs(highest) * 0.06 || 1;
  if (name.startsWith("acc") || name === "roc") return [Math.min(lowest - room, name === "roc" ? 0.5 : 0), 1];
  if (better === "nearer to one") return [Math.min(lowest - room, 0), Math.max(highest + room, 1.05)];
  if (better === "nearer to zero") return [Math.min(lowest - room, 0), Math.max(highest + room, 0)];
  if (lowest >= 0) return [0, highest + room];
  return [lowest - room, highest + room];
}

export function drawLegend(place) {
  const signs = data.forecasts.map((name, forecast) => {
    const dashes = dashesOf(forecast);
    const box = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    box.setAttribute("viewBox", "0 0 40 8");
    box.setAttribute("aria-hidden", "true");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    for (const [key, value] of Object.entries({ d: "M0 4H40", stroke: colourOf(forecast), "stroke-width": forecast ? 1.6 : 2.4, "stroke-dasharray": dashes })) path.setAttribute(key, value);
    box.append(path);
    return element("li", {}, box, name);
  });
  place.replaceChildren(...signs);
}
