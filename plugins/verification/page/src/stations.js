// The map of stations: each a point, coloured by its RMSE or bias.
import { axisX, axisY, dot, legend, line } from "@observablehq/plot";
import { compass, degrees, coast } from "./cases.js";
import { chosen, data, digits, element } from "./data.js";
import { figure, widthOf } from "./figure.js";

export function drawStations(place) {
  const { names, east, north, variables, leads, rmse, bias, cases } = data.stations;
  const lead = Math.max(leads.findLastIndex((one) => one <= chosen.lead), 0);
  const variable = Math.max(variables.indexOf(chosen.subject), 0);
  const box = bounds(east, north);
  const width = widthOf(place, 420, 2);
  const figures = [["RMSE", rmse], ["Bias", bias]].map(([title, scores]) => {
    const found = scores[variable]?.[lead] ?? [];
    const rows = names.map((name, at) => ({ name, east: east[at], north: north[at], value: found[at], count: cases[variable][lead][at] })).filter((row) => row.value !== null && row.value !== undefined);
    const largest = Math.max(...rows.map((row) => Math.abs(row.value)), 1e-12);
    const color = title === "Bias" ? { type: "diverging", scheme: "RdBu", reverse: true, domain: [-largest, largest], pivot: 0 } : { type: "linear", scheme: "viridis", domain: [0, largest] };
    const words = (row) => `${row.name}\n${title} ${digits(row.value)}, ${row.count} cases`;
    const options = {
      width,
      height: Math.round(width * 0.6),
      marginLeft: 44,
      marginBottom: 32,
      x: { domain: box.x, label: null },
      y: { domain: box.y, label: null },
      color,
      marks: [
        line(coast(...box.x), { x: "0", y: "1", stroke: "var(--faint)", strokeWidth: 0.8, clip: true }),
        dot(rows, { x: "east", y: "north", r: 5, fill: "value", stroke: "var(--ink)", strokeWidth: 0.6, title: words, tip: { fill: "var(--card)" } }),
        axisX(degrees(...box.x, 60), { anchor: "bottom", tickSize: 3, label: null, tickFormat: (one) => compass(((((one + 180) % 360) + 360) % 360) - 180, "E", "W") }),
        axisY(degrees(...box.y, 30), { anchor: "left", tickSize: 3, label: null, tickFormat: (one) => compass(one, "N", "S") }),
      ],
    };
    const subject = data.subjects[variables[variable]];
    const drawn = figure(`${title} of ${subject}, +${data.leadNames[leads[lead]]}`, `${title} of ${subject} at ${rows.length} stations`, options, `stations-${title}`);
    drawn.append(legend({ color: { ...color, label: data.units[variables[variable]] || null }, width: 300, ticks: 4, marginLeft: 44, marginRight: 24, style: { background: "none", color: "var(--ink)", overflow: "visible" } }));
    return drawn;
  });
  place.replaceChildren(...figures);
}

// All stations with room around them, no further than the poles.
function bounds(east, north) {
  const ends = (values, least) => {
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const room = Math.max(0.08 * (high - low), least);
    return [low - room, high + room];
  };
  const y = ends(north, 1);
  return { x: ends(east, 1.5), y: [Math.max(y[0], -90), Math.min(y[1], 90)] };
}
