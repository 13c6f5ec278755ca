// What is shown of the camera's picture, and the output's size.

import { follows, sendLive, set } from "./settings.js?token=%TOKEN%";

const $ = (id) => document.getElementById(id);
const follow = $("follow"), zoom = $("zoom"), across = $("across"), down = $("down");
const rotate = $("rotate"), flip = $("flip"), size = $("output-size"), fit = $("fit"), bars = $("bars");
const mirror = $("mirror");

/* ---- changes ---- */

const showZoom = () => { $("zoom-number").textContent = `${Number(zoom.value).toFixed(2)}×`; };

// The centre is that of the picture before it is mirrored; the slider goes the way that is seen.
const seen = (x) => (mirror.checked ? 1 - x : x);
const center = () => [Number(seen(Number(across.value)).toFixed(2)), Number(down.value)];

follow.addEventListener("change", () => set("camera.follow", follow.checked));
zoom.addEventListener("input", showZoom);
sendLive(zoom, "camera.zoom", () => Number(zoom.value), (value) => set("camera.zoom", value));
for (const slider of [across, down]) {
  sendLive(slider, "camera.center", center, (value) => set("camera.center", value));
}
rotate.addEventListener("change", () => set("camera.rotate", Number(rotate.value)));
flip.addEventListener("change", () => set("camera.flip", flip.value));
size.addEventListener("change", async () => {
  const [width, height] = size.value.split("×").map((side) => (side === "auto" ? side : Number(side)));
  await set("output.width", width);
  await set("output.height", height);
});
fit.addEventListener("change", () => set("output.fit", fit.value));
bars.addEventListener("change", () => set("output.bars", bars.value));

/* ---- the daemon's status ---- */

/** Choose ``value``, which may be one that only the configuration file offers. */
function choose(select, value) {
  if (![...select.options].some((option) => option.value === value)) {
    select.add(new Option(value.replaceAll("auto", "16:9"), value));
  }
  select.value = value;
}

export function showFraming(status) {
  const now = status.geometry;
  if (!now) return;
  if (follows("camera.follow", now.follow)) follow.checked = now.follow;
  if (follows("camera.zoom", now.zoom)) zoom.value = now.zoom;
  if (follows("camera.center", now.center)) {
    across.value = seen(now.center[0]);
    down.value = now.center[1];
  }
  across.disabled = down.disabled = Number(zoom.value) === 1;
  showZoom();
  if (follows("camera.rotate", now.rotate)) choose(rotate, String(now.rotate));
  if (follows("camera.flip", now.flip)) choose(flip, now.flip);
  if (follows("output.width", now.width) && follows("output.height", now.height)) {
    choose(size, `${now.width}×${now.height}`);
  }
  if (follows("output.fit", now.fit)) choose(fit, now.fit);
  if (follows("output.bars", now.bars)) choose(bars, now.bars);
}
