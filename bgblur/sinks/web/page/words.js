// What the daemon does and suffers, in words.

const NOTICE_MS = 6000;

const STATES = {
  blurring: "Your background is hidden",
  off: "Off: others see your room",
  starting: "Starting",
  idle: "Camera off: nobody is watching",
  paused: "Paused: others see a card, the camera is off",
  "no camera": "No camera",
  "no mask": "You cannot be made out: the whole picture is hidden",
  lost: "Not connected",
};

const line = document.getElementById("problem"), stateLine = document.getElementById("state");

let noticeText = "";
let noticeUntil = 0;
let lasting = "";

export function showState(state) {
  const words = STATES[state] ?? state;
  stateLine.dataset.state = state;
  if (stateLine.textContent !== words) stateLine.textContent = words;
}

/** Say for a while what a click led to. */
export function notice(text) {
  noticeText = text;
  noticeUntil = performance.now() + NOTICE_MS;
  showProblem();
}

/** Say what is wrong for as long as it is; without a new text, see that a notice ends. */
export function showProblem(problem = lasting) {
  lasting = problem;
  const text = performance.now() < noticeUntil ? noticeText : lasting;
  if (line.textContent !== text) line.textContent = text; // said once by a screen reader
}
