// The panel: a line for each set of nodes and of edges. Names are data: they are set as text, never as markup.
const one = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

export const thousands = (count) => count.toLocaleString("en").replaceAll(",", "\u202f");
export const short = (value) => (Math.abs(value) >= 1e5 || (value && Math.abs(value) < 1e-3) ? value.toExponential(2) : String(+value.toPrecision(4)));

export function addLayer(list, layer, names, palette, changed) {
  const { told } = layer;
  const box = one("input", { type: "checkbox", checked: told.visible });
  const counted = told.shown === told.count ? thousands(told.count) : `${thousands(told.shown)} of ${thousands(told.count)}`;
  const chosen = one("select", { title: `colour of ${told.name}` }, one("option", { value: "", textContent: "one colour" }));
  chosen.append(...names.map((name) => one("option", { value: name, textContent: name })));
  const bar = one("canvas", { width: 128, height: 1, className: "bar" });
  const [low, high] = [one("span"), one("span")];
  const scale = one("div", { className: "scale" }, low, bar, high);
  const dot = one("span", { className: "dot" });
  dot.style.background = layer.plain;
  const label = one("label", {}, box, dot, one("b", { textContent: told.name }), one("span", { textContent: counted, className: "count" }));
  list.append(one("li", {}, label, chosen, scale));
  paintBar(bar, palette);
  const repaint = () => {
    const [least, most] = layer.paint(chosen.value, palette);
    scale.hidden = !chosen.value;
    [low.textContent, high.textContent] = [short(least), short(most)];
    layer.drawn.visible = box.checked;
    changed();
  };
  for (const control of [box, chosen]) control.addEventListener("change", repaint);
  repaint();
}

function paintBar(bar, palette) {
  const pen = bar.getContext("2d");
  for (let x = 0; x < 128; x++) {
    pen.fillStyle = `rgb(${palette.slice(6 * x, 6 * x + 3).join(",")})`;
    pen.fillRect(x, 0, 1, 1);
  }
}
