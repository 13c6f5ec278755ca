// Draws how many of the newest frames took how long, as bars.

import { element } from "./svg.js?token=%TOKEN%";

const TOP = 16, BOTTOM = 24;
const GAP = 2; // between bars, pixels

const svg = document.getElementById("histogram");
let shown = { bar_ms: 1, counts: [] };

/** ``counts[i]`` frames took ``i * bar_ms`` or more; the last bar has no upper end. */
export function showHistogram(histogram) {
  shown = histogram;
  draw();
}

function draw() {
  const { width, height } = svg.getBoundingClientRect(); // set by chart.css
  const { bar_ms: step, counts } = shown;
  if (!width || !counts.length) return;
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const most = Math.max(...counts);
  const frames = counts.reduce((sum, count) => sum + count);
  const pitch = width / counts.length, bottom = height - BOTTOM;
  const fullest = counts.indexOf(most), last = counts.length - 1;
  const from = (bar) => (bar === last ? `${bar * step} ms or more` : `${bar * step} to ${(bar + 1) * step} ms`);
  svg.setAttribute("aria-label", `Histogram of latency: ${most} of ${frames} frames took ${from(fullest)}`);

  svg.replaceChildren(
    element("line", { class: "grid", x1: 0, x2: width, y1: bottom, y2: bottom }),
    ...counts.map((count, bar) => {
      // One slow frame among hundreds still shows.
      const high = count && Math.max(2, (count / most) * (bottom - TOP));
      return element("rect", {
        class: "bar", x: bar * pitch + GAP / 2, width: pitch - GAP, y: bottom - high, height: high,
      });
    }),
    element("text", {
      class: "name", x: (fullest + 0.5) * pitch, y: 7,
      "text-anchor": fullest === 0 ? "start" : fullest === last ? "end" : "middle",
    }, most),
    ...[0, 1, 2, 3].map((part) => Math.round((part * counts.length) / 4)).concat(last).map((bar) => element("text", {
      class: "scale", x: bar === 0 ? 0 : bar === last ? width : bar * pitch, y: height - 8,
      "text-anchor": bar === 0 ? "start" : bar === last ? "end" : "middle",
    }, bar === last ? `${bar * step}+` : bar * step)),
  );
}

new ResizeObserver(draw).observe(svg);
