// The case viewer: truth, forecast and their difference at some initial times, drawn from bytes.
import { axisX, axisY, legend, line, raster } from "@observablehq/plot";
import { chosen, data, digits, element } from "./data.js";
import { figure, widthOf } from "./figure.js";

const MISSING = 255;
const at = { case: 0, variable: 0, lead: 0 };

export function buildCases(place) {
  const { variables, leads, times } = data.viewer;
  at.lead = Math.max(leads.findLastIndex((lead) => data.leads[lead] * data.leadHours <= 24), 0);
  const picker = (label, key, names) => {
    const list = element("select", { id: `case-${key}` }, ...names.map((name, number) => element("option", { value: number }, name)));
    list.value = String(at[key]);
    list.addEventListener("change", () => {
      at[key] = Number(list.value);
      drawCases(place);
    });
    return element("label", { for: list.id }, `${label} `, list);
  };
  const bar = element("div", { class: "choices" },
    picker("Initial time", "case", times),
    picker("Lead time", "lead", leads.map((lead) => `+${data.leadNames[lead]}`)),
    picker("Variable", "variable", variables.map((subject) => data.subjects[subject])));
  place.before(bar);
  bar.querySelectorAll("label").forEach((label) => {
    if (label.querySelectorAll("option").length < 2) label.hidden = true;
  });
}

export function drawCases(place) {
  const { width: pixels, height: rows, west, east, south, north } = data.viewer.raster;
  const { planes, rmse, valid } = data.viewer.cases[at.case][at.lead][at.variable];
  const subject = data.viewer.variables[at.variable];
  const room = 64;
  const width = widthOf(place, 300, 3);
  const shape = Math.min(Math.max((north - south) / (east - west) / Math.max(Math.cos(((east - west > 180 ? 0 : (north + south) / 2) * Math.PI) / 180), 0.2), 0.3), 1.6);
  const titles = [`Truth, ${valid}`, `Forecast, +${data.leadNames[data.viewer.leads[at.lead]]}`, `Forecast − truth, RMSE ${digits(rmse)}`];
  const figures = planes.map((plane, number) => {
    const options = {
      width,
      height: Math.round((width - room) * shape) + 44,
      marginLeft: 44,
      marginRight: 20,
      marginTop: 12,
      marginBottom: 32,
      x: { domain: [west, east], label: null },
      y: { domain: [south, north], label: null },
      color: colours(plane),
      marks: [
        raster(values(plane, pixels, rows), { width: pixels, height: rows, x1: west, x2: east, y1: north, y2: south, imageRendering: "pixelated", clip: true }),
        line(coast(west, east), { x: "0", y: "1", stroke: "#1a1d21", strokeWidth: 0.8, strokeOpacity: 0.75, clip: true }),
        axisX(degrees(west, east, 60), { anchor: "bottom", tickSize: 3, label: null, tickFormat: (one) => compass(((((one + 180) % 360) + 360) % 360) - 180, "E", "W") }),
        axisY(degrees(south, north, 30), { anchor: "left", tickSize: 3, label: null, tickFormat: (one) => compass(one, "N", "S") }),
      ],
    };
    const drawn = figure(titles[number], `${titles[number]}: ${data.subjects[subject]}`, options, `${data.subjects[subject]}-${number}`);
    drawn.append(legend({ color: { ...colours(plane), label: data.units[subject] || null }, width: Math.min(width, 300), ticks: 4, marginLeft: 44, marginRight: 24, style: { background: "none", color: "var(--ink)", overflow: "visible" } }));
    return drawn;
  });
  place.replaceChildren(...figures);
}

function colours({ palette, lower, upper }) {
  if (palette === "diverging") return { type: "diverging", scheme: "RdBu", reverse: true, domain: [lower, upper], pivot: 0, clamp: true };
  return { type: "linear", scheme: "viridis", domain: [lower, upper], clamp: true };
}

// A plane: rows from north to south, each byte the change from the one before, 255 a missing value.
function values({ start, lower, upper }, pixels, rows) {
  const found = new Float64Array(pixels * rows);
  for (let row = 0; row < rows; row++) {
    let byte = 0;
    for (let column = 0; column < pixels; column++) {
      const place = row * pixels + column;
      byte = (byte + data.planes[start + place]) & 255;
      found[place] = byte === MISSING ? NaN : lower + ((upper - lower) * byte) / (MISSING - 1);
    }
  }
  return found;
}

export function coast(west, east) {
  const points = [];
  for (const turn of [-360, 0, 360]) {
    for (const shape of data.coast) {
      const lengthwise = shape.filter((_, place) => place % 2 === 0).map((one) => one / 10 + turn);
      if (Math.max(...lengthwise) < west || Math.min(...lengthwise) > east) continue;
      lengthwise.forEach((one, place) => points.push([one, shape[2 * place + 1] / 10]));
      points.push([NaN, NaN]);
    }
  }
  return points;
}

// Round numbers of degrees: of the globe every `most`.
export function degrees(from, to, most) {
  const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60].find((one) => one >= most || (to - from) / one <= 5) ?? most;
  const first = Math.ceil(from / step);
  return Array.from({ length: Math.floor(to / step) - first + 1 }, (_, number) => +((first + number) * step).toFixed(2));
}

export function compass(degrees, positive, negative) {
  const letter = degrees === 0 || (positive === "E" && Math.abs(degrees) === 180) ? "" : degrees > 0 ? positive : negative;
  return `${+Math.abs(degrees).toFixed(2)}°${letter}`;
}
