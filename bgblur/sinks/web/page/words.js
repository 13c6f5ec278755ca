// Shows what the daemon does and what is wrong. The words come with its status.

const NOTICE_MS = 6000;

const line = document.getElementById("problem"), stateLine = document.getElementById("state");

let noticeText = "";
let noticeUntil = 0;
let lasting = "";

/** Show the daemon's state; ``words`` say it to people. */
export function showState(state, words) {
  stateLine.dataset.state = state;
  if (stateLine.textContent !== words) stateLine.textContent = words;
}

/** Show for a while what a click led to. */
export function notice(text) {
  noticeText = text;
  noticeUntil = performance.now() + NOTICE_MS;
  showProblem();
}

/** Show what is wrong until the next call. Without an argument: end a notice whose time is up. */
export function showProblem(problem = lasting) {
  lasting = problem;
  const text = performance.now() < noticeUntil ? noticeText : lasting;
  if (line.textContent !== text) line.textContent = text; // a screen reader says every change
}
