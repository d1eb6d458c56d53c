// The scorecard: triangles up where the forecast is better, down where it is worse; their size is that of the effect.
import { chosen, data, digits, element, scores, shownPairs, unitsOf } from "./data.js";

const LARGEST = 0.5; // the effect from which on triangles grow no more
const SMALLEST_SIZE = 0.55; // in em, of the triangle of no effect

export function drawScorecard(place) {
  const [own, other] = [data.forecasts[0], data.forecasts[chosen.against]];
  const pairs = shownPairs().filter(([number]) => data.numbers[number].better !== "neither");
  const rows = pairs.map((pair) => row(...pair)).filter(Boolean);
  if (!other || !rows.length) {
    place.replaceChildren(element("p", {}, "Nothing of what is chosen has a score that tells better from worse, of the forecast and of what it is compared with."));
    return;
  }
  const where = `${data.regions[chosen.region]}, ${data.groups[chosen.group]}`;
  const what = chosen.subject < 0 ? data.numbers[chosen.number].title : data.subjects[chosen.subject];
  const head = element("tr", {}, element("th", { scope: "col" }, "lead time"), ...data.leadNames.map((name) => element("th", { scope: "col" }, name)));
  const table = element("table", { class: "triangles" },
    element("caption", {}, `${what}: ${own} against ${other} (${where})`),
    element("thead", {}, head), element("tbody", {}, ...rows, counts()));
  place.replaceChildren(element("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Scorecard" }, table), key(other));
}

function row(number, subject) {
  const mine = scores(number, 0, subject);
  const others = scores(number, chosen.against, subject);
  if (!mine || !others) return null;
  const title = chosen.subject < 0 ? data.subjects[subject] : data.numbers[number].title;
  const units = unitsOf(number, subject);
  const name = element("th", { scope: "row" }, title, units && element("small", {}, ` ${units}`));
  return element("tr", {}, name, ...data.leadNames.map((_, lead) => cell(number, subject, lead, mine[lead], others[lead])));
}

function cell(number, subject, lead, mine, other) {
  if (mine === null || other === null) return element("td", {}, "–");
  const effect = gain(data.numbers[number], mine, other);
  const p = scores(number, chosen.against, subject, "p")?.[lead] ?? null;
  const sure = scores(number, chosen.against, subject, "significant")?.[lead] ?? null;
  const share = `${Math.abs(effect * 100).toFixed(Math.abs(effect) < 0.1 ? 1 : 0)} %`;
  const verdict = effect === 0 ? "the same" : `${share} ${effect > 0 ? "better" : "worse"}`;
  const words = [verdict, `${digits(mine)} against ${digits(other)}`];
  if (p !== null) words.push(`p ${p < 0.001 ? "< 0.001" : `= ${p.toFixed(3)}`}, ${sure ? "significant" : "not significant"}`);
  const text = words.join("; ");
  if (effect === 0) return element("td", { title: text }, element("span", { class: "same", role: "img", "aria-label": text }, "·"));
  const size = SMALLEST_SIZE + (1.6 - SMALLEST_SIZE) * Math.sqrt(Math.min(Math.abs(effect) / LARGEST, 1));
  const filled = sure === 1;
  const sign = effect > 0 ? (filled ? "▲" : "△") : filled ? "▼" : "▽";
  const mark = element("span", { class: effect > 0 ? "up" : "down", role: "img", "aria-label": text, style: `font-size:${size.toFixed(2)}em` }, sign);
  return element("td", { title: text }, mark);
}

// How much better: the share of the distance to a perfect score that is gone.
export function gain({ better, bounded }, mine, other) {
  const far = { smaller: (x) => x, larger: (x) => (bounded ? 1 - x : -x), "nearer to zero": Math.abs, "nearer to one": (x) => Math.abs(x - 1) }[better];
  const [own, reference] = [far(mine), far(other)];
  if (own === reference) return 0;
  return reference === 0 ? -1 : (reference - own) / Math.abs(reference);
}

function counts() {
  const found = data.cases[chosen.group]?.[chosen.region] ?? [];
  return element("tr", { class: "cases" }, element("th", { scope: "row" }, "cases"), ...found.map((count) => element("td", {}, String(count))));
}

function key(other) {
  const signs = [["up", "▲", `better than ${other}`], ["down", "▼", `worse than ${other}`]];
  signs.push(["up", "△", "better, not significant or not tested"], ["down", "▽", "worse, not significant or not tested"]);
  const list = signs.map(([name, sign, text]) => element("li", {}, element("span", { class: name, "aria-hidden": "true" }, sign), ` ${text}`));
  const about = "The larger, the more of the distance to a perfect score is gone (or come): 50 % and above have the largest. Point at one to see the numbers.";
  return element("div", {}, element("ul", { class: "legend" }, ...list), element("p", { class: "soft" }, `${about} ${data.sure}`));
}
