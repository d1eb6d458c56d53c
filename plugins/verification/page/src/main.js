// The report with a script: filters, a scorecard, curves, diagrams and cases take the place of what stands there without.
import { buildCases, drawCases } from "./cases.js";
import { drawCurves, drawLegend } from "./curves.js";
import { choose, chosen, data, element, load, onChange } from "./data.js";
import { drawDiagrams } from "./diagrams.js";
import { buildFilters, select } from "./filters.js";
import { drawScorecard } from "./scorecard.js";
import { drawStations } from "./stations.js";

const place = (name) => document.getElementById(name);

async function start() {
  await load();
  for (const one of document.querySelectorAll("[data-static]")) one.hidden = true;
  for (const one of document.querySelectorAll("[data-live]")) one.hidden = false;
  buildFilters(place("filters"));
  drawLegend(place("live-legend"));
  const sections = [["live-scorecard", drawScorecard], ["live-curves", drawCurves]];
  const picker = data.curves.length || data.stations ? select("Lead time", "lead", data.leadNames.map((name, at) => [at, name])) : null;
  if (picker) place("filters").append(picker);
  if (data.stations) sections.push(["live-stations", drawStations]);
  if (data.curves.length) {
    sections.push(["live-diagrams", drawDiagrams]);
  }
  if (data.viewer) {
    buildCases(place("live-cases"));
    sections.push(["live-cases", drawCases]);
  }
  const draw = () => {
    for (const [name, drawing] of sections) drawing(place(name));
    place("said").textContent = said();
  };
  onChange(draw);
  draw();
  let waiting = 0, width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    clearTimeout(waiting);
    waiting = setTimeout(draw, 150);
  });
  document.documentElement.dataset.state = "drawn";
}

function said() {
  const what = chosen.subject < 0 ? data.numbers[chosen.number].title : data.subjects[chosen.subject];
  return `Shown: ${what}, ${data.regions[chosen.region]}, ${data.groups[chosen.group]}.`;
}

start().catch((error) => {
  document.documentElement.dataset.state = "failed";
  place("said").textContent = `The page could not be drawn by its script (${error}); tables and pictures of all cases are shown instead.`;
  for (const one of document.querySelectorAll("[data-static]")) one.hidden = false;
  for (const one of document.querySelectorAll("[data-live]")) one.hidden = true;
  place("filters").hidden = true;
});
