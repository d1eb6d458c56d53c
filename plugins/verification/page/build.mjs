// Writes what the report needs into the package: the bundle, its licences, and the coastlines.
// Run it with `nox -s report_page`; the same versions (package-lock.json) give the same bytes.
import { build } from "esbuild";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { mesh } from "topojson-client";

const target = new URL("../src/wxml_verification/bundled/", import.meta.url);
const read = (name) => readFileSync(new URL(`node_modules/${name}`, import.meta.url), "utf8");

const { metafile } = await build({
  entryPoints: [new URL("src/main.js", import.meta.url).pathname],
  outfile: new URL("report.js", target).pathname,
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  charset: "ascii",
  legalComments: "none",
  metafile: true,
});

// Coastlines in tenths of degrees: [[east, north, east, north, …], …]; sides along the date line and the pole are no coast.
const world = JSON.parse(read("world-atlas/land-110m.json"));
const isCut = ([a, b], [c, d]) => (Math.abs(a) > 179.9 && Math.abs(c) > 179.9) || (b < -89.9 && d < -89.9);
const lines = [];
for (const shape of mesh(world).coordinates) {
  let line = [];
  shape.forEach((point, at) => {
    if (at && (isCut(shape[at - 1], point) || Math.abs(shape[at - 1][0] - point[0]) > 180)) line = [];
    const [east, north] = point.map((one) => Math.round(one * 10));
    if (line.at(-2) !== east || line.at(-1) !== north) line.push(east, north);
    if (line.length === 4) lines.push(line);
  });
}
writeFileSync(new URL("coast.json", target), JSON.stringify(lines) + "\n");

// The licence of everything whose code or data went in.
const used = Object.keys(metafile.inputs).map((path) => path.match(/node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[1]);
const names = [...new Set([...used.filter(Boolean), "world-atlas"])].sort();
const licence = (name) => ["LICENSE", "LICENSE.md", "LICENSE.txt"].find((file) => existsSync(new URL(`node_modules/${name}/${file}`, import.meta.url)));
const parts = names.map((name) => `${name} ${JSON.parse(read(`${name}/package.json`)).version}\n\n${read(`${name}/${licence(name)}`)}`);
writeFileSync(new URL("LICENSES.txt", target), parts.join("\n\n----\n\n").replace(/\r/g, "").replace(/[ \t]+$/gm, "").trimEnd() + "\n");
