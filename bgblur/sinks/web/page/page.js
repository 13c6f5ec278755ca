// Asks the daemon for its status twice a second and shows the answer.

import { showCamera } from "./cameras.js?token=%TOKEN%";
import { showFraming } from "./framing.js?token=%TOKEN%";
import { showMeasurements } from "./measurements.js?token=%TOKEN%";
import { askStatus } from "./server.js?token=%TOKEN%";
import { showSettings } from "./settings.js?token=%TOKEN%";
import { losePictures, showPictures } from "./stage.js?token=%TOKEN%";
import { showProblem, showState } from "./words.js?token=%TOKEN%";

const POLL_MS = 500;

let focused = null; // what to focus again: disabled controls lose the focus

function setConnected(now) {
  const lost = document.body.classList.contains("lost");
  if (!now && !lost) focused = document.activeElement;
  document.body.classList.toggle("lost", !now);
  for (const controls of document.querySelectorAll("fieldset")) controls.disabled = !now;
  if (now && lost && document.activeElement === document.body) focused?.focus();
}

function showStatus(status) {
  setConnected(true);
  showState(status.state, status.words);
  showProblem(status.problem ?? "");
  showPictures(status);
  showSettings(status);
  showCamera(status);
  showFraming(status);
  showMeasurements(status);
}

function lose(why) {
  setConnected(false);
  showState("lost", "Not connected");
  showProblem(why);
  losePictures();
}

async function poll() {
  let answer, text;
  try {
    answer = await askStatus();
    text = await answer.text();
  } catch {
    lose("bgblur has ended or does not answer. Trying again…");
    return;
  }
  if (answer.ok) {
    showStatus(JSON.parse(text));
  } else if (answer.status === 403) {
    lose("bgblur was restarted: open the new address that it printed.");
  } else {
    showProblem(text.trim());
  }
}

async function pollForever() {
  for (;;) {
    await poll();
    await new Promise((done) => setTimeout(done, POLL_MS));
  }
}

pollForever();
