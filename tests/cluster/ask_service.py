"""Inside a container: wait until the service is ready, then score one image: `ask_service.py IMAGE`."""

import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ADDRESS = "http://127.0.0.1:3000"
STRAIGHT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Through no proxy: it would look for the service on its own machine."""

deadline = time.monotonic() + 120
while True:
    try:
        STRAIGHT.open(f"{ADDRESS}/readyz", timeout=2)
        break
    except (urllib.error.URLError, OSError):
        if time.monotonic() > deadline:
            raise
        time.sleep(0.5)
body = Path(sys.argv[1]).read_bytes()
request = urllib.request.Request(f"{ADDRESS}/score", data=body, headers={"Content-Type": "image/png"})
with STRAIGHT.open(request, timeout=60) as answer:
    print(answer.read().decode())
