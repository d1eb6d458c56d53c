// The arrays of the page: one gzip stream in base64. Each array lies in it as planes of bytes, the lowest bytes first;
// those of kind `steps` hold the differences from value to value.
const BYTES = { steps: 4, level: 2 };

export async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text.trim()), (one) => one.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

export function arrayAt(bytes, { kind, start, length, low = 0, high = 0 }) {
  const width = BYTES[kind];
  const whole = new Int32Array(length);
  for (let plane = 0; plane < width; plane++) {
    const from = start + plane * length;
    for (let i = 0; i < length; i++) whole[i] |= bytes[from + i] << (8 * plane);
  }
  if (kind === "steps") {
    for (let i = 1; i < length; i++) whole[i] = (whole[i] + whole[i - 1]) | 0;
    return whole;
  }
  return Float32Array.from(whole, (level) => low + ((high - low) * level) / 65535);
}
