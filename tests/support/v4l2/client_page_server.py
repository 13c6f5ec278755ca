"""Serves one page on 127.0.0.1:PORT and prints what it reports, one JSON object per line."""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PORT = 8000
PAGE = Path(__file__).with_name("client_page.html")


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(PAGE.read_bytes())

    def do_POST(self) -> None:
        print(self.rfile.read(int(self.headers["Content-Length"])).decode(), flush=True)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log nothing: the output is for the reports."""


if __name__ == "__main__":
    print('{"serving": true}', flush=True)
    ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
    sys.exit()
