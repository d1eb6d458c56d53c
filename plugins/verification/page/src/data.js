// What the page knows: the scores and fields that Python put into it, and what the reader has chosen.
export const data = {};
export const chosen = { region: 0, group: 0, subject: -1, number: 0, against: 1, lead: 0 };

const listeners = [];

export function onChange(listener) {
  listeners.push(listener);
}

export function choose(changes) {
  Object.assign(chosen, changes);
  for (const listener of listeners) listener();
}

export async function load() {
  Object.assign(data, JSON.parse(new TextDecoder().decode(await inflated("scores-data"))));
  data.planes = await inflated("fields-data");
  chosen.number = Math.max(data.numbers.findIndex((one) => one.name === "rmse"), 0);
  chosen.subject = data.variables === 1 ? 0 : -1;
  chosen.against = data.against;
  chosen.lead = data.shownLead;
}

async function inflated(id) {
  const text = document.getElementById(id).textContent.trim();
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// The scores of a number, forecast and subject by lead time in the chosen region and group; null if there are none.
export function scores(number, forecast, subject, kind = "values") {
  const found = data[kind]?.[chosen.group]?.[chosen.region]?.[number]?.[forecast]?.[subject];
  return found ?? null;
}

export function has(number, subject) {
  return data.forecasts.some((_, forecast) => scores(number, forecast, subject) !== null);
}

// What is shown: every subject of one number, or every number of one subject.
export function shownPairs() {
  if (chosen.subject < 0) {
    return data.subjects.map((_, subject) => [chosen.number, subject]).filter((pair) => has(...pair));
  }
  return data.numbers.map((_, number) => [number, chosen.subject]).filter((pair) => has(...pair));
}

export function unitsOf(number, subject) {
  return data.numbers[number].units ? data.units[subject] : "";
}

export function digits(value) {
  if (value === null || value === undefined) return "–";
  return (Math.abs(value) >= 1e5 || (value && Math.abs(value) < 1e-4) ? value.toExponential(3) : String(+value.toPrecision(4))).replace("-", "−");
}

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}
