// Places on the unit sphere: y points north, z to 0°N 0°E, x to 0°N 90°E, so that east is to the right.
export function points(north, east) {
  const found = new Float32Array(3 * north.length);
  for (let i = 0; i < north.length; i++) {
    const phi = (north[i] * Math.PI) / 1.8e7; // places are in units of 1e-5 degrees
    const lambda = (east[i] * Math.PI) / 1.8e7;
    found[3 * i] = Math.cos(phi) * Math.sin(lambda);
    found[3 * i + 1] = Math.sin(phi);
    found[3 * i + 2] = Math.cos(phi) * Math.cos(lambda);
  }
  return found;
}

export function angle(from, i, to, j) {
  const chord = Math.hypot(from[3 * i] - to[3 * j], from[3 * i + 1] - to[3 * j + 1], from[3 * i + 2] - to[3 * j + 2]);
  return 2 * Math.asin(Math.min(1, chord / 2));
}

const LONGEST = (2 * Math.PI) / 180; // a chord of more than this would dip below the surface

// The edges as pieces of great circles, in an order whose every beginning is spread over the sphere.
// Returns the ends of the pieces, the edge of each piece, and how many pieces the first n edges have.
export function arcs(from, sources, to, targets, radius) {
  const count = sources.length;
  const order = spreadOrder(count);
  const pieces = new Uint16Array(count);
  let total = 0;
  for (let n = 0; n < count; n++) {
    pieces[n] = Math.max(1, Math.ceil(angle(from, sources[order[n]], to, targets[order[n]]) / LONGEST));
    total += pieces[n];
  }
  const ends = new Float32Array(6 * total);
  const owner = new Uint32Array(total);
  const until = new Uint32Array(count + 1);
  let piece = 0;
  for (let n = 0; n < count; n++) {
    const i = sources[order[n]];
    const j = targets[order[n]];
    for (let k = 0; k < pieces[n]; k++, piece++) {
      between(ends, 6 * piece, from, i, to, j, k / pieces[n], radius);
      between(ends, 6 * piece + 3, from, i, to, j, (k + 1) / pieces[n], radius);
      owner[piece] = order[n];
    }
    until[n + 1] = piece;
  }
  return { ends, owner, until };
}

function between(ends, at, from, i, to, j, share, radius) {
  const x = from[3 * i] * (1 - share) + to[3 * j] * share;
  const y = from[3 * i + 1] * (1 - share) + to[3 * j + 1] * share;
  const z = from[3 * i + 2] * (1 - share) + to[3 * j + 2] * share;
  const scale = radius / Math.max(Math.hypot(x, y, z), 1e-9);
  ends[at] = x * scale;
  ends[at + 1] = y * scale;
  ends[at + 2] = z * scale;
}

function spreadOrder(count) {
  const order = new Uint32Array(count);
  let step = Math.max(1, Math.round(count * 0.6180339887));
  while (divisor(step, count) !== 1) step++;
  for (let n = 0, at = 0; n < count; n++, at = (at + step) % count) order[n] = at;
  return order;
}

function divisor(a, b) {
  return b ? divisor(b, a % b) : a;
}
