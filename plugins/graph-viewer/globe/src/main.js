// The page of `wxml graph plot --html`: a globe with the nodes and the edges of a graph.
import { AmbientLight, DirectionalLight, PerspectiveCamera, Raycaster, Scene, Vector2, Vector3, WebGLRenderer } from "three";
import { OrbitControls } from "three/addons/controls/OrbitControls.js";
import { unpacked } from "./arrays.js";
import { earth } from "./earth.js";
import { edgeLayer, nodeLayer } from "./layers.js";
import { addLayer, short } from "./panel.js";

const FAR = 200_000; // so many edges of a set are drawn of the whole globe, and more of a part of it
const ACROSS = 40; // degrees that are seen across the shorter side of the canvas
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const page = document.documentElement;
const find = (id) => document.getElementById(id);

async function start() {
  const told = JSON.parse(find("told").textContent);
  const bytes = await unpacked(find("arrays").textContent);
  const renderer = new WebGLRenderer({ canvas: find("globe"), antialias: true, preserveDrawingBuffer: true });
  renderer.setClearColor("#090c11");
  const [scene, camera] = [new Scene(), new PerspectiveCamera(ACROSS, 1, 0.1, 10)];
  const sun = new DirectionalLight("#fff", 1.6);
  camera.add(sun);
  sun.position.set(-0.6, 0.9, 1);
  scene.add(camera, new AmbientLight("#fff", 1.7), earth(told.land));
  const nodes = told.nodes.map((one, number) => nodeLayer(bytes, one, number));
  const edges = told.edges.map((one, number) => edgeLayer(bytes, one, nodes, number));
  scene.add(...edges.map((layer) => layer.drawn), ...nodes.map((layer) => layer.drawn));

  const controls = new OrbitControls(camera, renderer.domElement);
  Object.assign(controls, { enablePan: false, minDistance: 1.01, maxDistance: 8 });
  look(camera, told.view);
  let asked = false;
  const draw = () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      render(renderer, scene, camera, controls, nodes, edges);
    });
  };
  for (const [list, layers] of [[find("nodes"), nodes], [find("edges"), edges]])
    for (const layer of layers) addLayer(list, layer, layer.values ? Object.keys(layer.values) : ["length (km)"], told.palette, draw);

  const fit = () => {
    const { clientWidth: width, clientHeight: height } = renderer.domElement;
    renderer.setPixelRatio(Math.min(2, devicePixelRatio));
    renderer.setSize(width, height, false);
    camera.aspect = width / height;
    camera.fov = fieldOfView(camera.aspect);
    draw();
  };
  controls.addEventListener("change", draw);
  addEventListener("resize", fit);
  addEventListener("keydown", (event) => turn(event, camera, controls));
  hover(renderer.domElement, camera, nodes);
  fit();
}

// The field of view from top to bottom: wider where the canvas is higher than wide, so that the globe fits.
function fieldOfView(aspect) {
  return (360 / Math.PI) * Math.atan(Math.tan((ACROSS * Math.PI) / 360) / Math.min(1, aspect));
}

function look(camera, { north, east, distance }) {
  const [phi, lambda] = [(north * Math.PI) / 180, (east * Math.PI) / 180];
  camera.position.set(Math.cos(phi) * Math.sin(lambda), Math.sin(phi), Math.cos(phi) * Math.cos(lambda)).multiplyScalar(distance);
  camera.lookAt(0, 0, 0);
}

function render(renderer, scene, camera, controls, nodes, edges) {
  const away = camera.position.length();
  const height = away - 1;
  Object.assign(camera, { near: Math.max(height / 4, 1e-3), far: away + 1.2 });
  camera.updateProjectionMatrix();
  Object.assign(controls, { rotateSpeed: Math.min(1, height / 2), zoomSpeed: Math.max(0.05, (2 * height) / away) });
  const pixels = renderer.domElement.clientHeight / (2 * Math.tan((camera.fov * Math.PI) / 360) * height); // of a radian below
  for (const layer of nodes) layer.drawn.material.size = renderer.getPixelRatio() * Math.min(11, Math.max(1.4, 0.34 * layer.spacing * pixels));
  for (const layer of edges) layer.showMost(FAR * Math.max(1, (2 / height) ** 2));
  renderer.render(scene, camera);
  const { points, lines } = renderer.info.render;
  Object.assign(page.dataset, { state: "drawn", points, lines, calls: renderer.info.render.calls });
}

function turn(event, camera, controls) {
  if (event.target instanceof HTMLSelectElement) return;
  const away = camera.position.length();
  const step = 0.1 * Math.min(1, away - 1);
  if (KEYS[event.key]) {
    const [right, up] = KEYS[event.key];
    const side = new Vector3().crossVectors(camera.up, camera.position).normalize();
    const above = new Vector3().crossVectors(camera.position, side).normalize();
    camera.position.addScaledVector(side, right * step).addScaledVector(above, up * step).setLength(away);
  } else if (event.key === "+" || event.key === "-") {
    camera.position.setLength(1 + (away - 1) * (event.key === "+" ? 0.85 : 1.18));
  } else return;
  event.preventDefault();
  controls.update();
}

function hover(canvas, camera, nodes) {
  const [ray, place, tip] = [new Raycaster(), new Vector2(), find("tip")];
  canvas.addEventListener("pointermove", (event) => {
    const area = canvas.getBoundingClientRect();
    place.set((2 * (event.clientX - area.left)) / area.width - 1, 1 - (2 * (event.clientY - area.top)) / area.height);
    ray.setFromCamera(place, camera);
    const found = event.buttons ? undefined : nearest(ray, camera, nodes, area.height);
    tip.hidden = !found;
    page.dataset.pointer = `${event.clientX},${event.clientY}`;
    if (!found) return;
    tip.textContent = sentence(found.layer, found.index);
    tip.style.left = `${event.clientX + 14}px`;
    tip.style.top = `${event.clientY + 10}px`;
  });
  canvas.addEventListener("pointerleave", () => (tip.hidden = true));
}

// The node nearest to the pointer, within eight pixels, on the side of the globe that is seen.
function nearest(ray, camera, nodes, height) {
  const seen = Math.tan((camera.fov * Math.PI) / 360) * (camera.position.length() - 1);
  ray.params.Points.threshold = (16 * seen) / height;
  const hits = nodes
    .filter((layer) => layer.drawn.visible)
    .flatMap((layer) => ray.intersectObject(layer.drawn).map((hit) => ({ layer, ...hit })))
    .filter((hit) => hit.point.dot(camera.position) > 1);
  return hits.sort((a, b) => a.distanceToRay - b.distanceToRay)[0];
}

function sentence(layer, index) {
  const number = layer.numbers ? layer.numbers[index] : index;
  const [north, east] = [layer.north[index] / 1e5, layer.east[index] / 1e5];
  const place = `${Math.abs(north).toFixed(3)}\u00b0${north < 0 ? "S" : "N"} ${Math.abs(east).toFixed(3)}\u00b0${east < 0 ? "W" : "E"}`;
  const values = Object.entries(layer.values).map(([name, one]) => `${name} ${short(one[index])}`);
  return [`${layer.told.name} ${number}`, place, ...values].join("\n");
}

start().catch((error) => {
  page.dataset.state = "failed";
  find("failure").textContent = `The globe cannot be drawn: ${error.message}`;
  find("failure").hidden = false;
});
