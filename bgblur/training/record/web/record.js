// The recording page: the live picture with its guide, and the review.

import { Brush } from "./brush.js?token=%TOKEN%";

const POLL_MS = 250;

const $ = (id) => document.getElementById(id);
const address = (path) => `${path}?token=%TOKEN%`;
const brush = new Brush($("picture"));

let state = { phase: "ready", waiting: [], taken: 0 };
let view = "live";
let shown = null; // the name of the picture under review
let busy = false;
let ended = false;

function problem(text) {
  $("problem").textContent = text;
}

async function ask(path, options) {
  try {
    const answer = await fetch(address(path), options);
    if (!answer.ok) {
      problem((await answer.text()).trim());
      return null;
    }
    if (!ended) problem(""); // a late answer must not clear the final message
    return update(await answer.json());
  } catch {
    if (!ended) problem("The recorder has stopped: start scripts/record.py again to continue.");
    return null;
  }
}

const post = (path, body) => ask(path, { method: "POST", body });

function update(news) {
  const before = state;
  state = news;
  const words = {
    paused: "Paused",
    done: state.taken ? "All pictures are taken: review them now" : "No pictures were taken",
  };
  $("guide").textContent = words[state.phase] ?? state.guide;
  $("seconds").textContent = state.seconds > 0 ? Math.ceil(state.seconds) : "";
  $("counts").textContent =
    `${state.taken} of ${state.count} taken · ${state.waiting.length} to review · ${state.accepted} accepted`;
  $("folder").textContent = `The pictures stay in ${state.folder} on this machine.`;
  $("pause").textContent = { ready: "Start", paused: "Continue", done: "Take more" }[state.phase] ?? "Pause";
  $("pause").disabled = !["ready", "take", "paused", "done"].includes(state.phase) || Boolean(state.problem);
  if (state.problem) problem(state.problem);
  if (state.taken > before.taken) flash();
  if (state.phase === "done" && before.phase === "take" && state.waiting.length) choose("review");
  if (view === "review" && !busy && !state.waiting.includes(shown)) open(state.waiting[0] ?? null);
  label();
  return state;
}

function flash() {
  $("stream").classList.add("taken");
  setTimeout(() => $("stream").classList.remove("taken"), 250);
}

function choose(wanted) {
  view = wanted;
  $("live").hidden = view !== "live";
  $("review").hidden = view !== "review";
  for (const button of document.querySelectorAll("[data-view]")) {
    button.setAttribute("aria-pressed", String(button.dataset.view === view));
  }
  if (view === "live") $("stream").src = address("stream");
  else $("stream").removeAttribute("src");
  if (view === "review") open(state.waiting.includes(shown) ? shown : state.waiting[0] ?? null);
}

function setBusy(now) {
  busy = now;
  $("review").setAttribute("aria-busy", String(now));
}

function load(path) {
  const image = new Image();
  image.src = address(path);
  return image.decode().then(() => image);
}

async function open(name) {
  shown = name;
  for (const id of ["editor", "tools", "verdict"]) $(id).hidden = name === null;
  label();
  if (name === null) return;
  setBusy(true);
  try {
    const [picture, mask] = await Promise.all([load(`api/picture/${name}`), load(`api/mask/${name}`)]);
    if (shown === name) brush.show(picture, mask);
  } catch {
    problem(`The picture ${name} cannot be shown: reject it.`);
  } finally {
    setBusy(false);
  }
}

function label() {
  const at = state.waiting.indexOf(shown);
  $("which").textContent = at < 0
    ? "No pictures to review."
    : `Picture ${shown}, ${at + 1} of ${state.waiting.length}: the tinted part counts as background`;
}

function step(by) {
  const at = state.waiting.indexOf(shown) + by;
  if (!busy && at >= 0 && at < state.waiting.length) open(state.waiting[at]);
}

async function judge(verdict) {
  if (busy || shown === null) return;
  setBusy(true);
  const at = state.waiting.indexOf(shown);
  const body = verdict === "accept" && brush.changed ? await brush.png() : undefined;
  const done = await post(`api/${verdict}/${shown}`, body);
  setBusy(false);
  if (done) open(state.waiting[Math.min(at, state.waiting.length - 1)] ?? null);
}

function hold(mode) {
  brush.mode = mode;
  for (const button of document.querySelectorAll("[data-brush]")) {
    button.setAttribute("aria-pressed", String(button.dataset.brush === mode));
  }
}

for (const button of document.querySelectorAll("[data-view]")) {
  button.addEventListener("click", () => choose(button.dataset.view));
}
for (const button of document.querySelectorAll("[data-brush]")) {
  button.addEventListener("click", () => hold(button.dataset.brush));
}
$("size").addEventListener("input", () => { brush.size = Number($("size").value); });
$("undo").addEventListener("click", () => brush.undo());
$("nobody").addEventListener("click", () => brush.clear());
$("previous").addEventListener("click", () => step(-1));
$("next").addEventListener("click", () => step(1));
$("accept").addEventListener("click", () => judge("accept"));
$("reject").addEventListener("click", () => judge("reject"));
$("pause").addEventListener("click", () => post(state.phase === "take" ? "api/pause" : "api/resume"));
$("finish").addEventListener("click", async () => {
  ended = true;
  const last = await post("api/finish");
  clearInterval(polling);
  choose("review");
  for (const id of ["review", "views", "finish"]) $(id).hidden = true;
  const left = last?.waiting.length ? ` ${last.waiting.length} still need a review.` : "";
  problem(`Finished: ${last?.accepted ?? 0} pictures are ready for training.${left} You may close this page.`);
});

const KEYS = {
  a: () => judge("accept"),
  r: () => judge("reject"),
  n: () => brush.clear(),
  u: () => brush.undo(),
  1: () => hold("add"),
  2: () => hold("erase"),
  ArrowLeft: () => step(-1),
  ArrowRight: () => step(1),
};
document.addEventListener("keydown", (event) => {
  if (view !== "review" || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.target instanceof HTMLInputElement && event.key.startsWith("Arrow")) return;
  const act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act || shown === null) return;
  event.preventDefault();
  act();
});

choose("live");
ask("api/state");
const polling = setInterval(() => ask("api/state"), POLL_MS);
