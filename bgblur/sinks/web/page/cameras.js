// The choice of the camera.

import { askCameras } from "./server.js?token=%TOKEN%";
import { set } from "./settings.js?token=%TOKEN%";

const select = document.getElementById("camera");

let source = null; // what the status named last

/** List the cameras again: some may have been plugged in or out. */
async function list() {
  let cameras;
  try {
    cameras = await (await askCameras()).json();
  } catch {
    return; // the status says that bgblur does not answer
  }
  const now = [...select.options].map((option) => [option.text, option.value]);
  const next = cameras.map(({ text, value }) => [text, value]);
  if (JSON.stringify(now) !== JSON.stringify(next)) {
    select.replaceChildren(...next.map(([text, value]) => new Option(text, value)));
  }
  select.selectedIndex = cameras.findIndex((camera) => camera.chosen);
}

// A list that is open stays as it is; it is made before, when the pointer or the keyboard comes.
for (const event of ["pointerenter", "focus"]) select.addEventListener(event, list);

select.addEventListener("change", async () => {
  if (select.value && !(await set("camera.device", select.value))) await list();
});

export function showCamera(status) {
  if (status.source === source) return;
  source = status.source;
  list();
}
