// The bar of choices; every choice is a labelled select.
import { choose, chosen, data, element } from "./data.js";

export function buildFilters(place) {
  const numbers = data.numbers.map(({ title }, at) => [at, title]);
  const subjects = [[-1, "all"], ...data.subjects.map((name, at) => [at, name])];
  const against = data.forecasts.map((name, at) => [at, name]).filter(([at]) => at > 0);
  const named = (names) => names.map((name, at) => [at, name]);
  const fields = [
    select("Region", "region", named(data.regions)),
    select("Cases", "group", named(data.groups)),
    select("Variable", "subject", subjects),
    select("Metric", "number", numbers),
    select("Against", "against", against),
  ];
  place.append(...fields.filter(Boolean));
  place.hidden = !place.children.length;
}

export function select(label, key, options) {
  if (options.length < 2) return null;
  const list = element("select", { id: `choose-${key}` }, ...options.map(([value, text]) => element("option", { value }, text)));
  list.value = String(chosen[key]);
  list.addEventListener("change", () => choose({ [key]: Number(list.value), ...sideEffect(key, Number(list.value)) }));
  return element("label", { for: list.id }, `${label} `, list);
}

// A metric is shown for all variables, and a variable with all metrics: one choice takes the other back.
function sideEffect(key, value) {
  if (key !== "number" || chosen.subject < 0) return {};
  if (data.subjects.length === 1) return {};
  const list = document.getElementById("choose-subject");
  list.value = "-1";
  return { subject: -1 };
}
