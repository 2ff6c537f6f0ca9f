#!/usr/bin/env python3
"""A test double of the scorer: `bentoml serve FOLDER --host HOST --port PORT` without bentoml, torch or a model.

All around it is real: the image is started by the real template, the real init container fetched and unpacked the
archive. behaviour.json in it says what the service does: `bias` is added to every score, `crash` ends it at once,
`ready: false` keeps it from becoming ready.
"""

import json
import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BEHAVIOUR = json.loads((Path(sys.argv[2]) / "behaviour.json").read_text())


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        ready = self.path == "/livez" or (self.path == "/readyz" and BEHAVIOUR.get("ready", True))
        self.answer(200 if ready else 503, {"ready": ready})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        score = sum(body) % 1000 / 100 + BEHAVIOUR["bias"]
        model = {"line": BEHAVIOUR["line"], "version": os.environ["CSAD_MODEL_VERSION"]}
        self.answer(200, {"score": score, "threshold": 5.0, "anomalous": score > 5.0, "model": model})

    def answer(self, status, content):
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        return


if __name__ == "__main__":
    if "crash" in BEHAVIOUR:
        sys.exit(BEHAVIOUR["crash"])
    arguments = dict(zip(sys.argv[3::2], sys.argv[4::2], strict=True))
    server = ThreadingHTTPServer((arguments["--host"], int(arguments["--port"])), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()
