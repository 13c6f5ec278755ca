// The controls. They change the configuration and follow it when others change it.

import { change } from "./server.js?token=%TOKEN%";
import { notice } from "./words.js?token=%TOKEN%";

const SEND_MS = 100;
// The daemon applies a change within half a second; until then its status has the old value.
const HOLD_MS = 1500;

const $ = (id) => document.getElementById(id);
const strength = $("strength"), blur = $("blur"), color = $("color"), picture = $("picture");
const mirror = $("mirror"), pause = $("pause"), pauseShows = $("pause-shows");
const modes = [...document.querySelectorAll("[data-mode]")];
const options = [...document.querySelectorAll(".option")];

/* ---- pending changes ---- */

const held = new Map(); // by key: the value asked for, and until when another one in the status is ignored
let sending = Promise.resolve();

const hold = (key, value) => held.set(key, { value, until: performance.now() + HOLD_MS });

/** Whether to show the value in the daemon's status: not while it may be older than a change. */
export function follows(key, value) {
  const asked = held.get(key);
  return !asked || performance.now() > asked.until || String(value) === String(asked.value);
}

/** Send a change after all earlier ones. Resolves to whether it was accepted. */
export function set(key, value) {
  hold(key, value);
  const sent = sending.then(async () => {
    const refusal = await change(key, value);
    if (refusal) {
      held.delete(key);
      notice(refusal);
    }
    return !refusal;
  });
  sending = sent;
  return sent;
}

/** Send the value of ``input`` while it changes: at most every SEND_MS, and always the last. */
export function sendLive(input, key, read, send) {
  let timer = null;
  input.addEventListener("input", () => {
    hold(key, read());
    timer ??= setTimeout(() => {
      timer = null;
      send(read());
    }, SEND_MS);
  });
}

/* ---- the background ---- */

let mode = "blur";
let choosingPicture = false; // "Picture" was clicked, but no file is set yet
let typed = false; // the path was edited and not sent: the status must not overwrite it

function showMode(now) {
  mode = now;
  for (const button of modes) button.setAttribute("aria-pressed", button.dataset.mode === now);
  const shown = choosingPicture ? "image" : now;
  for (const option of options) option.hidden = !option.dataset.for.split(" ").includes(shown);
}

async function setMode(wanted) {
  choosingPicture = false;
  showMode(wanted);
  return set("background.mode", wanted);
}

for (const button of modes) {
  button.addEventListener("click", () => {
    if (button.dataset.mode !== "image" || (picture.value && !typed)) {
      setMode(button.dataset.mode);
    } else if (picture.value) {
      picture.form.requestSubmit();
    } else {
      choosingPicture = true;
      showMode(mode);
      picture.focus();
    }
  });
}

/* ---- strength ---- */

let dragging = false;

const showStrength = () => { $("strength-number").textContent = strength.value; };

strength.addEventListener("input", showStrength);
sendLive(strength, "background.strength", () => Number(strength.value), (value) => {
  set("background.strength", value);
  // In mode "none" the slider has no effect: a user who moves it wants to hide the room.
  if (mode === "none" && value > 0) setMode("blur");
});
strength.addEventListener("pointerdown", () => { dragging = true; });
for (const end of ["pointerup", "pointercancel", "change", "blur"]) {
  strength.addEventListener(end, () => { dragging = false; });
}

blur.addEventListener("change", () => set("background.blur", blur.value));

/* ---- picture and colour ---- */

picture.addEventListener("input", () => { typed = true; });
picture.form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const path = picture.value.trim();
  if (!path) {
    notice("Enter the path of a file first.");
    return;
  }
  if (!(await set("background.image", path))) return;
  typed = false;
  await setMode("image");
});

sendLive(color, "background.color", () => color.value, (value) => set("background.color", value));

/* ---- mirror and pause ---- */

mirror.addEventListener("change", () => set("camera.mirror", mirror.checked));

const showPaused = (paused) => pause.setAttribute("aria-pressed", paused);

pause.addEventListener("click", () => {
  const paused = pause.getAttribute("aria-pressed") !== "true";
  showPaused(paused);
  set("output.paused", paused);
});

pauseShows.addEventListener("change", () => set("output.pause_shows", pauseShows.value));

/* ---- the daemon's status ---- */

export function showSettings(status) {
  if (!dragging && follows("background.strength", status.strength)) {
    strength.value = status.strength;
    showStrength();
  }
  if (follows("background.blur", status.blur)) blur.value = status.blur;
  if (follows("background.mode", status.mode)) showMode(status.mode);
  if (!typed && follows("background.image", status.image)) picture.value = status.image;
  if (follows("background.color", status.color)) color.value = status.color;
  if (follows("camera.mirror", status.mirror)) mirror.checked = status.mirror;
  if (follows("output.paused", status.paused)) showPaused(status.paused);
  if (follows("output.pause_shows", status.pause_shows)) pauseShows.value = status.pause_shows;
}
