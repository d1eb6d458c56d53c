// Writes what the page and the maps need into the package: the bundle, its licences, and the outlines of the land.
// Run it with `nox -s globe`; the same versions (package-lock.json) give the same bytes.
import { geoEquirectangular } from "d3-geo";
import { geoProject } from "d3-geo-projection";
import { build } from "esbuild";
import { readFileSync, writeFileSync } from "node:fs";
import { feature } from "topojson-client";

const target = new URL("../src/wxml_graph_viewer/bundled/", import.meta.url);
const read = (name) => readFileSync(new URL(`node_modules/${name}`, import.meta.url), "utf8");

await build({
  entryPoints: [new URL("src/main.js", import.meta.url).pathname],
  outfile: new URL("globe.js", target).pathname,
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  charset: "ascii",
  legalComments: "none",
});

const world = JSON.parse(read("world-atlas/land-110m.json"));
const flat = geoEquirectangular().translate([0, 0]).scale(180 / Math.PI).precision(0); // cuts shapes at the date line
const land = geoProject(feature(world, world.objects.land), flat);
const hundredths = (line) => line.map(([east, south]) => [Math.round(east * 100), -Math.round(south * 100)]);
const shapes = land.features.flatMap(({ geometry }) => geometry.type === "Polygon" ? [geometry.coordinates] : geometry.coordinates);
const rings = shapes.map((shape) => shape.map(hundredths));
writeFileSync(new URL("land.json", target), JSON.stringify(rings) + "\n");

const parts = ["three", "world-atlas"].map((name) => `${name} ${JSON.parse(read(`${name}/package.json`)).version}\n\n${read(`${name}/LICENSE`)}`);
writeFileSync(new URL("LICENSES.txt", target), parts.join("\n\n----\n\n").replace(/[ \t]+$/gm, "").trimEnd() + "\n");
