// The Earth below the graph: sea, land and a net of 30 degrees, painted once.
import { CanvasTexture, Mesh, MeshLambertMaterial, SphereGeometry, SRGBColorSpace } from "three";

const WIDTH = 4096;

export function earth(land) {
  const canvas = document.createElement("canvas");
  canvas.width = WIDTH;
  canvas.height = WIDTH / 2;
  const pen = canvas.getContext("2d");
  pen.scale(WIDTH / 36000, -WIDTH / 36000); // hundredths of degrees
  pen.translate(18000, -9000);
  pen.fillStyle = "#16202c";
  pen.fillRect(-18000, -9000, 36000, 18000);
  paintLand(pen, land);
  paintNet(pen);
  const map = new CanvasTexture(canvas);
  map.colorSpace = SRGBColorSpace;
  map.anisotropy = 8;
  const ball = new Mesh(new SphereGeometry(0.999, 256, 128), new MeshLambertMaterial({ map, polygonOffset: true, polygonOffsetFactor: 8, polygonOffsetUnits: 400 }));
  ball.rotation.y = -Math.PI / 2; // the middle of the painting, 0°E, to z
  return ball;
}

function paintLand(pen, shapes) {
  pen.fillStyle = "#34404d";
  pen.strokeStyle = "#7d8b99";
  pen.lineWidth = 14;
  pen.lineJoin = "round";
  for (const shape of shapes) {
    pen.beginPath();
    for (const ring of shape) {
      ring.forEach(([east, north], at) => (at ? pen.lineTo(east, north) : pen.moveTo(east, north)));
      pen.closePath();
    }
    pen.fill("evenodd");
    paintCoast(pen, shape);
  }
}

function paintCoast(pen, shape) {
  pen.beginPath();
  for (const ring of shape)
    for (let at = 1; at < ring.length; at++) if (!isCut(ring[at - 1], ring[at])) line(pen, ...ring[at - 1], ...ring[at]);
  pen.stroke();
}

// A side along the date line or at a pole is no coast.
function isCut([fromEast, fromNorth], [toEast, toNorth]) {
  return (Math.abs(fromEast) > 17990 && fromEast === toEast) || (Math.abs(fromNorth) > 8990 && Math.abs(toNorth) > 8990);
}

function paintNet(pen) {
  pen.strokeStyle = "rgba(190, 205, 220, 0.16)";
  pen.lineWidth = 10;
  pen.beginPath();
  for (let east = -18000; east <= 18000; east += 3000) line(pen, east, -9000, east, 9000);
  for (let north = -6000; north <= 6000; north += 3000) line(pen, -18000, north, 18000, north);
  pen.stroke();
}

function line(pen, ...ends) {
  pen.moveTo(ends[0], ends[1]);
  pen.lineTo(ends[2], ends[3]);
}
