// A figure: a caption, a drawing of Observable Plot, and buttons that save it.
import { plot } from "@observablehq/plot";
import { element } from "./data.js";

const STYLE = { background: "none", color: "var(--ink)", fontSize: "11.5px", fontFamily: "inherit", overflow: "visible" };

export function figure(caption, words, options, name) {
  const drawing = plot({ style: STYLE, ariaLabel: words, ...options });
  const svg = drawing.tagName === "svg" ? drawing : drawing.querySelector("svg:last-of-type");
  svg.setAttribute("role", "img");
  const buttons = ["svg", "png"].map((kind) => {
    const button = element("button", { type: "button", "aria-label": `Save ${words} as ${kind.toUpperCase()}` }, kind.toUpperCase());
    button.addEventListener("click", () => save(svg, name, kind));
    return button;
  });
  return element("figure", { class: "plot", style: `width:${options.width}px` }, element("figcaption", {}, element("strong", {}, caption), element("span", { class: "save" }, ...buttons)), drawing);
}

// A copy of a drawing that stands alone: the page's colours become colours of its own.
export function standalone(svg) {
  const style = getComputedStyle(svg);
  const copy = svg.cloneNode(true);
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("font-family", "sans-serif");
  copy.setAttribute("color", style.color);
  const text = new XMLSerializer().serializeToString(copy);
  return text.replace(/var\((--[\w-]+)\)/g, (_, key) => style.getPropertyValue(key).trim() || "currentColor");
}

async function save(svg, name, kind) {
  const text = standalone(svg);
  if (kind === "svg") return download(new Blob([text], { type: "image/svg+xml" }), `${name}.svg`);
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  const { width, height } = svg.viewBox.baseVal;
  const canvas = element("canvas", { width: width * 2, height: height * 2 });
  const pen = canvas.getContext("2d");
  pen.fillStyle = getComputedStyle(document.body).backgroundColor;
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(image, 0, 0, canvas.width, canvas.height);
  canvas.toBlob((blob) => download(blob, `${name}.png`));
}

function download(blob, name) {
  const link = element("a", { href: URL.createObjectURL(blob), download: name.replace(/[^\w.-]+/g, "-") });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export function widthOf(place, least, most) {
  const all = place.clientWidth || 900;
  const columns = Math.max(1, Math.min(most, Math.floor((all + 16) / (least + 16))));
  return Math.floor((all - 16 * (columns - 1)) / columns);
}
