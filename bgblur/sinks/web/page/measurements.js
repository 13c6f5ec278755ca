// Shows the numbers, the chart and its table.

import { addSample } from "./chart.js?token=%TOKEN%";
import { showHistogram } from "./histogram.js?token=%TOKEN%";

const $ = (id) => document.getElementById(id);

const ms = (value) => (Number.isFinite(value) ? `${value.toFixed(value < 10 ? 1 : 0)} ms` : "–");

function showStages(stages) {
  $("stage-rows").replaceChildren(...Object.entries(stages).map(([name, times]) => {
    const row = document.createElement("tr");
    for (const text of [name, ms(times.p50), ms(times.p95)]) row.insertCell().textContent = text;
    return row;
  }));
}

/** What is open; an output that is not, by the name that the user gave it. */
const inWords = (outputs) =>
  outputs.map(({ device, name }) => name ?? `${device} (not open)`).join(", ");

export function showMeasurements(status) {
  if (status.width && status.height) $("size").textContent = `${status.width} × ${status.height}`;
  $("source").textContent = status.source || "–";
  $("outputs").textContent = inWords(status.outputs ?? []) || "–";
  $("network").textContent = status.network ? `${status.network}, ${status.input_height}\u00a0lines` : "–";
  $("fps").textContent = Number.isFinite(status.fps) ? `${status.fps.toFixed(1)} fps` : "–";
  $("p50").textContent = ms(status.latency_ms?.p50);
  $("p95").textContent = ms(status.latency_ms?.p95);

  const stages = status.stages_ms ?? {};
  $("stages").hidden = Object.keys(stages).length === 0;
  showStages(stages);
  if (status.latency_histogram) showHistogram(status.latency_histogram);
  // Without new frames the daemon repeats its last medians: nothing new for the chart.
  if (status.fps > 0) {
    addSample(Object.fromEntries(Object.entries(stages).map(([name, { p50 }]) => [name, p50])));
  }
}
