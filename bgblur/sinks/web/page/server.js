// The way to the daemon. Every address carries the token.

const token = new URLSearchParams(location.search).get("token");

export const address = (path, query = {}) => `${path}?${new URLSearchParams({ ...query, token })}`;

export const askStatus = () => fetch(address("api/status"), { signal: AbortSignal.timeout(3000) });

/** Write one key of the configuration; resolves to "", or to why it was refused. */
export async function change(key, value) {
  const body = JSON.stringify({ key, value });
  try {
    const answer = await fetch(address("api/set"), { method: "POST", body });
    return answer.ok ? "" : (await answer.text()).trim();
  } catch {
    return "The change did not reach bgblur.";
  }
}
