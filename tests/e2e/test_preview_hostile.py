"""Pages of other sites in the same Chromium as the open preview."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, Request, expect
from support.web.browser import CHROMIUM, REBOUND
from support.web.page_daemon import PageDaemon

pytest_plugins = ["support.web.page_fixtures"]
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


HOSTILE = """<!doctype html><title>hostile</title>
<iframe name="hole"></iframe>
<script>
const target = "{target}";
window.loot = {{}};
const report = (name) => (value) => {{ window.loot[name] = value; }};
for (const query of ["", "?view=before", "?view=alpha"]) {{
  const image = new Image();
  image.onload = () => report("image" + query)("loaded");
  image.onerror = () => report("image" + query)("nothing");
  image.src = target + "/stream" + query;
  document.body.append(image);
}}
const body = JSON.stringify({{ key: "background.strength", value: 0 }});
fetch(target + "/api/status", {{ credentials: "include" }})
  .then((answer) => answer.text()).then(report("status"), () => report("status")("nothing"));
fetch(target + "/api/set", {{ method: "POST", credentials: "include", body }})
  .then((answer) => answer.text()).then(report("set"), () => report("set")("nothing"));
fetch(target + "/api/set", {{ method: "POST", mode: "no-cors", credentials: "include", body }})
  .then((answer) => answer.text()).then(
    (text) => report("blind")(text || "nothing"), () => report("blind")("nothing"));
const form = document.createElement("form");
form.method = "post"; form.action = target + "/api/set";
form.enctype = "text/plain"; form.target = "hole";
const field = document.createElement("input");
field.name = body.slice(0, -1) + ', "x": "'; field.value = '"}}';
form.append(field); document.body.append(form); form.submit();
</script>"""


@pytest.fixture
def hostile_url(daemon: PageDaemon) -> Iterator[str]:
    content = HOSTILE.format(target=daemon.origin).encode()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


def test_a_hostile_local_page_gets_nothing(
    page: Page, context: BrowserContext, daemon: PageDaemon, hostile_url: str
) -> None:
    """Another port of the same host, in the same browser as the open preview."""
    hostile = context.new_page()
    posts: list[Request] = []
    hostile.on("request", lambda r: posts.append(r) if r.method == "POST" else None)
    hostile.goto(hostile_url, wait_until="commit")
    hostile.wait_for_function("Object.keys(window.loot).length === 6")
    assert set(hostile.evaluate("Object.values(window.loot)")) == {"nothing"}
    assert len(posts) == 3
    assert all(post.response() is None or post.response().status == 403 for post in posts)  # type: ignore[union-attr]
    assert daemon.changes == []
    assert daemon.asked == {"before": 0, "alpha": 0}
    expect(page.locator("#state")).to_have_text("Your background is hidden")


LOOT = """async () => {
    const loot = [];
    for (const path of PATHS) loot.push(await (await fetch(path)).text());
    const body = JSON.stringify({ key: "background.strength", value: 0 });
    loot.push(await (await fetch("/api/set?token=TOKEN", { method: "POST", body })).text());
    const image = new Image();
    loot.push(await new Promise((done) => {
        image.onload = () => done("loaded");
        image.onerror = () => done("no picture");
        image.src = "/stream?view=alpha&token=TOKEN";
    }));
    return loot;
}"""


@pytest.mark.parametrize("leaked", [False, True])
def test_a_rebound_name_gets_nothing(
    context: BrowserContext, daemon: PageDaemon, leaked: bool
) -> None:
    """To the browser the preview now belongs to the hostile site; it may even know the token."""
    token = daemon.token if leaked else "guess"
    paths = ["/", "/api/status", *(f"/stream?view={v}" for v in ("after", "before", "alpha"))]
    asked = [f"{path}{'&' if '?' in path else '?'}token={token}" for path in paths]
    page = context.new_page()
    refused = page.goto(f"http://{REBOUND}:{daemon.port}/?token={token}")
    assert refused is not None
    assert refused.status == 403
    loot = page.evaluate(LOOT.replace("PATHS", str(asked)).replace("TOKEN", token))
    assert loot == [*["Refused: open this page at 127.0.0.1 or localhost.\n"] * 6, "no picture"]
    assert daemon.changes == []
    assert daemon.asked == {"before": 0, "alpha": 0}
