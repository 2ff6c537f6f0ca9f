"""Inside a container: wait until the service is ready, then score one image: `ask_service.py IMAGE`."""

import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ADDRESS = "http://127.0.0.1:3000"

deadline = time.monotonic() + 120
while True:
    try:
        urllib.request.urlopen(f"{ADDRESS}/readyz", timeout=2)
        break
    except (urllib.error.URLError, OSError):
        if time.monotonic() > deadline:
            raise
        time.sleep(0.5)
body = Path(sys.argv[1]).read_bytes()
request = urllib.request.Request(f"{ADDRESS}/score", data=body, headers={"Content-Type": "image/png"})
with urllib.request.urlopen(request, timeout=60) as answer:
    print(answer.read().decode())
