// A layer is a set of nodes or of edges as it is drawn: its geometry, its colours, and how much of it is shown.
import { BufferAttribute, BufferGeometry, Color, LineBasicMaterial, LineSegments, Points, PointsMaterial, CanvasTexture } from "three";
import { angle, arcs, points } from "./sphere.js";
import { arrayAt } from "./arrays.js";

const EARTH_KM = 6371;
const PLAIN = ["#ffb454", "#59c2ff", "#aad94c", "#f07178", "#d2a6ff", "#95e6cb"];

export function nodeLayer(bytes, told, number) {
  const [north, east] = [arrayAt(bytes, told.north), arrayAt(bytes, told.east)];
  const places = points(north, east);
  const values = Object.fromEntries(told.values.map(({ name, array }) => [name, arrayAt(bytes, array)]));
  const geometry = new BufferGeometry();
  const radius = 1.0006 + 0.0004 * number;
  geometry.setAttribute("position", new BufferAttribute(places.map((one) => one * radius), 3));
  const material = new PointsMaterial({ sizeAttenuation: false, vertexColors: true, map: disc(), alphaTest: 0.5, transparent: true });
  const drawn = new Points(geometry, material);
  drawn.renderOrder = 2; // over the edges
  const numbers = told.numbers && arrayAt(bytes, told.numbers);
  const layer = { told, drawn, places, north, east, values, numbers, plain: PLAIN[number % PLAIN.length] };
  layer.spacing = told.spacing;
  layer.valuesOf = (name) => values[name];
  layer.paint = (name, palette) => paint(geometry, layer, name, palette, (i) => i, told.shown);
  return layer;
}

export function edgeLayer(bytes, told, nodes, number) {
  const [source, target] = [nodes[told.source], nodes[told.target]];
  const [sources, targets] = [arrayAt(bytes, told.sources), arrayAt(bytes, told.targets)];
  const { ends, owner, until } = arcs(source.places, sources, target.places, targets, 1.0003 + 0.00005 * number);
  const geometry = new BufferGeometry();
  geometry.setAttribute("position", new BufferAttribute(ends, 3));
  const drawn = new LineSegments(geometry, new LineBasicMaterial({ vertexColors: true, transparent: true, opacity: 0.55, depthWrite: false }));
  drawn.renderOrder = 1;
  const lengths = Float32Array.from(sources, (_, i) => EARTH_KM * angle(source.places, sources[i], target.places, targets[i]));
  const layer = { told, drawn, plain: PLAIN[(number + 3) % PLAIN.length] };
  layer.valuesOf = () => lengths;
  layer.paint = (name, palette) => paint(geometry, layer, name, palette, (i) => owner[i >> 1], 2 * owner.length);
  layer.showMost = (most) => {
    layer.edges = Math.min(most, sources.length);
    geometry.setDrawRange(0, 2 * until[layer.edges]);
  };
  return layer;
}

// Colours every vertex by a value of its node or edge; without a name of a value in one colour. Returns the range.
function paint(geometry, layer, name, palette, ownerOf, vertices) {
  const colours = new Uint8Array(3 * vertices);
  const values = name && layer.valuesOf(name);
  const [low, high] = values ? range(values) : [0, 1];
  const plain = new Color(layer.plain);
  const fixed = [plain.r, plain.g, plain.b].map((one) => Math.round(255 * one));
  const linear = palette.map((one) => Math.round(255 * ((one / 255) ** 2.2)));
  for (let i = 0; i < vertices; i++) {
    const at = values ? 3 * Math.round((255 * (values[ownerOf(i)] - low)) / (high - low || 1)) : 0;
    for (let k = 0; k < 3; k++) colours[3 * i + k] = values ? linear[at + k] : fixed[k];
  }
  geometry.setAttribute("color", new BufferAttribute(colours, 3, true));
  return [low, high];
}

function range(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : [0, 1];
}

function disc() {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 32;
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#fff";
  pen.beginPath();
  pen.arc(16, 16, 15, 0, 2 * Math.PI);
  pen.fill();
  return new CanvasTexture(canvas);
}
