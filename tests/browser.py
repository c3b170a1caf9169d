"""A headless Chromium for tests, driven over the DevTools protocol."""

import base64
import contextlib
import itertools
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import websocket

CHROMIUM = shutil.which("chromium")

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
    "--remote-allow-origins=*",
)


class Tab:
    """An open page.

    Attributes:
        events: what the browser reported, dictionaries with `method` and `params`.
    """

    def __init__(self, socket):
        self._socket = socket
        self._numbers = itertools.count(1)
        self.events = []

    def call(self, method, **params):
        """Return the result of a DevTools command."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while (message := json.loads(self._socket.recv())).get("id") != number:
            self.events.append(message)
        if "error" in message:
            raise RuntimeError(f"{method}: {message['error']['message']}")
        return message["result"]

    def open(self, url):
        """Load a page and return when it is drawn."""
        self.call("Page.navigate", url=url)
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(json.loads(self._socket.recv()))

    def resize(self, width, height=900):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def prefer(self, scheme):
        """Choose the `light` or the `dark` colour scheme."""
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def evaluate(self, expression):
        """Return the value of a JavaScript expression, JSON-like."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in found:
            raise RuntimeError(found["exceptionDetails"]["text"])
        return found["result"].get("value")

    def screenshot(self, path):
        """Write the whole page as a PNG."""
        data = self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"]
        Path(path).write_bytes(base64.b64decode(data))


@contextlib.contextmanager
def tab():
    """Yield a fresh `Tab` of a browser of its own, which ends with the block."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [CHROMIUM, *_FLAGS, f"--user-data-dir={profile}", "about:blank"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
            try:
                with contextlib.closing(_connect(process)) as socket:
                    page = Tab(socket)
                    for domain in ("Page", "Runtime", "Network", "Log"):
                        page.call(f"{domain}.enable")
                    yield page
            finally:
                process.terminate()
                process.communicate()


def _connect(process):
    """Return a socket to the browser's first page; its port stands in the browser's own messages."""
    for line in process.stderr:
        if line.startswith("DevTools listening on "):
            address = line.split()[-1]
            break
    else:
        raise RuntimeError("chromium ended before it listened")
    browser = websocket.create_connection(address, timeout=60)
    browser.send(json.dumps({"id": 0, "method": "Target.getTargets"}))
    targets = json.loads(browser.recv())["result"]["targetInfos"]
    browser.close()
    page = next(target["targetId"] for target in targets if target["type"] == "page")
    host = address.split("/")[2]
    return websocket.create_connection(f"ws://{host}/devtools/page/{page}", timeout=60)
