// Draws the time that each stage takes, as lines over the last minute.

import { element } from "./svg.js?token=%TOKEN%";

const HISTORY_MS = 60_000;
const GAP_MS = 3000; // a longer gap between samples breaks the line
const HEIGHT = 216;
const TOP = 10, BOTTOM = 24, LEFT = 34, RIGHT = 142;
const LABEL_PITCH = 17; // smallest distance of two labels, pixels
const KINDS = 8; // styles of lines in chart.css

const svg = document.getElementById("chart");
const samples = []; // { at, stages: { name: milliseconds } }, oldest first
const kinds = new Map(); // style by stage name; a stage keeps its style

/** Add the current medians, milliseconds by stage, and draw. */
export function addSample(stages) {
  const now = performance.now();
  samples.push({ at: now, stages });
  while (samples[0].at < now - HISTORY_MS) samples.shift();
  for (const name of Object.keys(stages)) {
    if (!kinds.has(name)) kinds.set(name, kinds.size % KINDS);
  }
  draw();
}

function draw() {
  const width = Math.round(svg.getBoundingClientRect().width);
  if (!width || !samples.length) return;
  svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  const now = samples.at(-1).at;
  const top = niceAbove(Math.max(...samples.flatMap(({ stages }) => Object.values(stages)), 1));
  const right = width - RIGHT, bottom = HEIGHT - BOTTOM;
  const x = (at) => right - ((now - at) / HISTORY_MS) * (right - LEFT);
  const y = (ms) => bottom - (ms / top) * (bottom - TOP);

  svg.replaceChildren(
    ...[0, top / 2, top].flatMap((ms) => [
      element("line", { class: "grid", x1: LEFT, x2: right, y1: y(ms), y2: y(ms) }),
      element("text", { class: "scale", x: LEFT - 6, y: y(ms), "text-anchor": "end" }, ms),
    ]),
    element("text", { class: "scale", x: LEFT, y: HEIGHT - 8 }, "1 min ago"),
    element("text", { class: "scale", x: right, y: HEIGHT - 8, "text-anchor": "end" }, "now"),
    ...[...kinds].map(([name, kind]) => element("path", { class: `stage k${kind}`, d: path(name, x, y) })),
    ...labels(samples.at(-1).stages, y, bottom).flatMap(({ name, ms, from, to }) => [
      element("path", {
        class: `stage k${kinds.get(name)}`,
        d: `M${right + 2} ${from}L${right + 14} ${to}H${right + 30}`,
      }),
      element("text", { class: "name", x: right + 36, y: to }, `${name} ${ms.toFixed(ms < 10 ? 1 : 0)}`),
    ]),
  );
}

function path(name, x, y) {
  let d = "";
  let last = -Infinity;
  for (const { at, stages } of samples) {
    if (stages[name] === undefined) continue;
    d += `${at - last > GAP_MS ? "M" : "L"}${x(at).toFixed(1)} ${y(stages[name]).toFixed(1)}`;
    last = at;
  }
  return d;
}

/** The labels beside the ends of the lines, moved just enough not to overlap. */
function labels(stages, y, bottom) {
  const found = Object.entries(stages)
    .map(([name, ms]) => ({ name, ms, from: y(ms), to: y(ms) }))
    .sort((a, b) => a.from - b.from);
  let above = TOP - LABEL_PITCH;
  for (const label of found) above = label.to = Math.max(label.to, above + LABEL_PITCH);
  let below = bottom + LABEL_PITCH;
  for (const label of found.reverse()) below = label.to = Math.min(label.to, below - LABEL_PITCH);
  return found;
}

/** The smallest of 1, 2, 5, 10, 20, 50... that is not below ``value``. */
function niceAbove(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].find((step) => step * power >= value) * power;
}

new ResizeObserver(draw).observe(svg);
