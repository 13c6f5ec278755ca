// Shows the pictures: what others see, before and after, and the mask.

import { address } from "./server.js?token=%TOKEN%";
import { notice } from "./words.js?token=%TOKEN%";

const RETRY_MS = 2000;
const WAITING = "Waiting for the first picture";
const NO_MASK = {
  off: "No mask: others see your room.",
  paused: "No mask: the camera is off.",
  idle: "No mask: the camera is off.",
  "no camera": "No mask: there is no camera.",
};

const $ = (id) => document.getElementById(id);
const stage = $("stage"), divider = $("divider"), comparison = $("comparison"), blank = $("blank");
const after = $("after"), before = $("before"), alpha = $("alpha");
const views = [...document.querySelectorAll("[data-view]")];

let streams = 0;
let connected = true;
let view = "after";
let state = "starting";
const arrived = new WeakSet();

function show(image, wanted) {
  const open = image.hasAttribute("src");
  if (wanted && !open) {
    // A new number each time: the browser must not reuse the ended stream from its cache.
    image.src = address("stream", { view: image.id, n: ++streams });
    image.hidden = false;
  } else if (!wanted && open) {
    image.removeAttribute("src"); // ends the stream
    image.hidden = true;
    arrived.delete(image);
  }
}

function update() {
  // A hidden tab must not cost the daemon anything.
  const visible = !document.hidden;
  // When no new camera picture or mask comes, the last one must not stay visible.
  const comparing = view === "compare" && ["blurring", "off"].includes(state);
  const masked = view === "alpha" && state === "blurring";
  show(after, visible && view !== "alpha");
  show(before, visible && comparing);
  show(alpha, visible && masked);
  comparison.hidden = !comparing;

  let text = arrived.has(view === "alpha" ? alpha : after) ? "" : WAITING;
  if (view === "alpha" && !masked) text = NO_MASK[state] ?? "No mask yet.";
  blank.hidden = !text;
  blank.textContent = text;
}

export function showPictures(status) {
  if (!connected) {
    // A browser does not reopen a broken stream by itself.
    for (const image of [after, before, alpha]) show(image, false);
  }
  connected = true;
  state = status.state;
  if (status.width && status.height) stage.style.setProperty("--ratio", status.width / status.height);
  update();
}

export function losePictures() {
  connected = false;
}

for (const image of [after, before, alpha]) {
  image.addEventListener("load", () => {
    if (arrived.has(image)) return;
    arrived.add(image);
    update();
  });
  image.addEventListener("error", () => {
    if (!connected) return;
    notice("No picture arrives. Close other windows of this preview.");
    show(image, false);
    setTimeout(update, RETRY_MS);
  });
}

document.addEventListener("visibilitychange", update);

for (const button of views) {
  button.addEventListener("click", () => {
    view = button.dataset.view;
    for (const other of views) other.setAttribute("aria-pressed", other === button);
    update();
  });
}

/* ---- the divider between before and after ---- */

function moveDivider(percent) {
  const position = Math.round(Math.min(100, Math.max(0, percent)));
  stage.style.setProperty("--divider", `${position}%`);
  divider.setAttribute("aria-valuenow", position);
  divider.setAttribute("aria-valuetext", `${position} % before`);
}

function dragDivider(event) {
  const box = stage.getBoundingClientRect();
  moveDivider(((event.clientX - box.left) / box.width) * 100);
}

comparison.addEventListener("pointerdown", (event) => {
  comparison.setPointerCapture(event.pointerId);
  dragDivider(event);
  divider.focus({ focusVisible: false });
  event.preventDefault();
});
comparison.addEventListener("pointermove", (event) => {
  if (comparison.hasPointerCapture(event.pointerId)) dragDivider(event);
});

divider.addEventListener("keydown", (event) => {
  const now = Number(divider.getAttribute("aria-valuenow"));
  const target = {
    ArrowLeft: now - 2, ArrowDown: now - 2, ArrowRight: now + 2, ArrowUp: now + 2,
    PageDown: now - 10, PageUp: now + 10, Home: 0, End: 100,
  }[event.key];
  if (target === undefined) return;
  moveDivider(target);
  event.preventDefault();
});

moveDivider(50);
