const POLL_MS = 500;
const SEND_MS = 100;
// The daemon applies a change within half a second; until then a poll still tells the old value.
const HOLD_MS = 1500;
const NOTICE_MS = 6000;

const STATES = {
  blurring: "Your background is hidden",
  off: "Off: others see your room",
  starting: "Starting",
  "no camera": "No camera",
  "no mask": "You cannot be made out: the whole picture is hidden",
};

const token = new URLSearchParams(location.search).get("token");
const $ = (id) => document.getElementById(id);
const stage = $("stage"), after = $("after"), before = $("before"), strength = $("strength");

const address = (path, query = {}) => `${path}?${new URLSearchParams({ ...query, token })}`;

/* ---- the pictures ---- */

let streams = 0;
let connected = true;
let comparing = false;

function show(image, wanted) {
  const open = image.hasAttribute("src");
  if (wanted && !open) {
    // A new number each time, or the browser would take up the ended stream from its memory.
    image.src = address("stream", { view: image.id, n: ++streams });
    image.hidden = false;
  } else if (!wanted && open) {
    image.removeAttribute("src"); // ends the stream
    image.hidden = true;
  }
}

function showPictures() {
  // A hidden tab costs the daemon nothing.
  const visible = !document.hidden;
  show(after, visible);
  show(before, visible && comparing);
}

for (const image of [after, before]) {
  image.addEventListener("error", () => {
    if (!connected) return;
    notice("The picture does not arrive: is this preview open in too many windows?");
    show(image, false);
    setTimeout(showPictures, 2000);
  });
}

document.addEventListener("visibilitychange", showPictures);

/* ---- before and after ---- */

const divider = $("divider"), comparison = $("comparison");

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

$("compare").addEventListener("click", () => {
  comparing = !comparing;
  $("compare").setAttribute("aria-pressed", comparing);
  comparison.hidden = !comparing;
  showPictures();
});

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

/* ---- strength ---- */

let dragging = false;
let heldUntil = 0;
let timer = null;
let sending = Promise.resolve();
let mode = "blur";

function showStrength(value) {
  strength.value = value;
  $("strength-number").textContent = value;
}

async function send(key, value) {
  try {
    const answer = await fetch(address("api/set"), { method: "POST", body: JSON.stringify({ key, value }) });
    if (answer.ok) return;
    notice((await answer.text()).trim());
  } catch {
    // The status poll tells of a lost connection.
  }
  heldUntil = 0;
}

async function sendStrength() {
  const value = Number(strength.value);
  await send("background.strength", value);
  // With mode "none" the slider would do nothing, and who moves it wants the room hidden.
  if (mode === "none" && value > 0) await send("background.mode", "blur");
}

strength.addEventListener("input", () => {
  $("strength-number").textContent = strength.value;
  heldUntil = performance.now() + HOLD_MS;
  // At most one change each SEND_MS while dragging; the last one always goes out.
  timer ??= setTimeout(() => {
    timer = null;
    sending = sending.then(sendStrength);
  }, SEND_MS);
});
strength.addEventListener("pointerdown", () => { dragging = true; });
for (const end of ["pointerup", "pointercancel", "change", "blur"]) {
  strength.addEventListener(end, () => { dragging = false; });
}

/* ---- what the daemon says ---- */

let noticeText = "";
let noticeUntil = 0;
let lastProblem = "";

function notice(text) {
  noticeText = text;
  noticeUntil = performance.now() + NOTICE_MS;
  showProblem();
}

function showProblem() {
  const text = performance.now() < noticeUntil ? noticeText : lastProblem;
  if ($("problem").textContent !== text) $("problem").textContent = text; // said once by a screen reader
}

const ms = (value) => (Number.isFinite(value) ? `${value.toFixed(value < 10 ? 1 : 0)} ms` : "–");

function showState(state, words = STATES[state] ?? state) {
  $("state").dataset.state = state;
  if ($("state").textContent !== words) $("state").textContent = words;
}

function showStages(stages) {
  $("stages").hidden = Object.keys(stages).length === 0;
  $("stage-rows").replaceChildren(...Object.entries(stages).map(([name, times]) => {
    const row = document.createElement("tr");
    for (const text of [name, ms(times.p50), ms(times.p95)]) row.insertCell().textContent = text;
    return row;
  }));
}

function showStatus(status) {
  showState(status.state);
  lastProblem = status.problem ?? "";
  mode = status.mode;
  if (!dragging && (performance.now() > heldUntil || Number(strength.value) === status.strength)) {
    showStrength(status.strength);
  }
  if (status.width && status.height) {
    stage.style.setProperty("--ratio", status.width / status.height);
    $("size").textContent = `${status.width} × ${status.height}`;
  }
  $("source").textContent = status.source || "–";
  $("fps").textContent = Number.isFinite(status.fps) ? `${status.fps.toFixed(1)} a second` : "–";
  $("p50").textContent = ms(status.latency_ms?.p50);
  $("p95").textContent = ms(status.latency_ms?.p95);
  showStages(status.stages_ms ?? {});
}

function setConnected(now, why = "") {
  if (now && !connected) {
    for (const image of [after, before]) show(image, false);
  }
  connected = now;
  document.body.classList.toggle("lost", !now);
  strength.disabled = !now;
  $("compare").disabled = !now;
  if (now) {
    showPictures();
  } else {
    showState("lost", "Not connected");
    lastProblem = why;
  }
}

async function poll() {
  try {
    const answer = await fetch(address("api/status"), { signal: AbortSignal.timeout(3000) });
    if (answer.ok) {
      setConnected(true);
      showStatus(await answer.json());
    } else if (answer.status === 403) {
      setConnected(false, "bgblur was started anew: open the address that it printed.");
    } else {
      lastProblem = (await answer.text()).trim();
    }
  } catch {
    setConnected(false, "bgblur has ended, or does not answer. Trying again…");
  }
  showProblem();
  setTimeout(poll, POLL_MS);
}

after.addEventListener("load", () => { $("waiting").hidden = true; });
moveDivider(50);
poll();
