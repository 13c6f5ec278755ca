// Sends requests to the daemon. Every address has the token.

const token = new URLSearchParams(location.search).get("token");

export const address = (path, query = {}) => `${path}?${new URLSearchParams({ ...query, token })}`;

export const askStatus = () => fetch(address("api/status"), { signal: AbortSignal.timeout(3000) });

export const askCameras = () => fetch(address("api/cameras"), { signal: AbortSignal.timeout(5000) });

/** Change one key of the configuration. Resolves to "", or to the reason for a refusal. */
export async function change(key, value) {
  const body = JSON.stringify({ key, value });
  try {
    const answer = await fetch(address("api/set"), { method: "POST", body });
    return answer.ok ? "" : (await answer.text()).trim();
  } catch {
    return "The change did not reach bgblur.";
  }
}
