"""A headless Chromium and a server for its pages, for consumers that are web pages.

The browser is controlled by its debugging pipe, which carries JSON messages that end with a zero
byte. It opens only pages of this machine and resolves no names, so that nothing comes from the
network.
"""

import contextlib
import functools
import http.server
import json
import os
import select
import shutil
import subprocess
import tempfile
import threading
import time

from outcome import Skipped, Wrong

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OPTIONS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-pipe"]
OPTIONS += ["--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
SECONDS = 60


class Page:
    """A browser with one page, and the errors of the page."""

    def __init__(self, width=1280, height=900):
        program = next(filter(None, map(shutil.which, PROGRAMS)), None)
        if program is None:
            raise Skipped("there is no Chromium")
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        arguments = [program, *OPTIONS, f"--user-data-dir={self.profile.name}", f"--window-size={width},{height}", "about:blank"]
        theirs, self.to_browser = os.pipe()
        self.from_browser, answers = os.pipe()
        # Chromium reads its commands from descriptor 3 and answers on 4.
        shell = ["bash", "-c", f'exec "$@" 3<&{theirs} 4>&{answers}', "bash", *arguments]
        quiet = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        self.process = subprocess.Popen(shell, pass_fds=(theirs, answers), **quiet)
        os.close(theirs)
        os.close(answers)
        self.buffer, self.number, self.session = b"", 0, None
        self.dialogs, self.errors = [], []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "DOM"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)
        os.close(self.to_browser)
        os.close(self.from_browser)
        self.profile.cleanup()

    def open(self, address):
        self.call("Page.navigate", url=address)
        self.wait_for("document.readyState === 'complete'")

    def evaluate(self, script):
        """Returns the value of an expression in the page."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise Wrong(f"`{script}` fails in the page: {answer['exceptionDetails'].get('exception', {}).get('description')}")
        return answer["result"].get("value")

    def wait_for(self, script):
        """Waits until an expression in the page is true, and returns its value."""
        ends = time.monotonic() + SECONDS
        while not (value := self.evaluate(script)):
            if time.monotonic() > ends:
                raise Wrong(f"`{script}` did not come true; dialogs {self.dialogs}, errors {self.errors[:3]}")
            time.sleep(0.2)
        return value

    def give_file(self, selector, path):
        """Selects a file in an input of the page."""
        found = self.call("Runtime.evaluate", expression=f"document.querySelector({json.dumps(selector)})")["result"]
        if "objectId" not in found:
            raise Wrong(f"the page has no `{selector}`")
        self.call("DOM.setFileInputFiles", files=[str(path)], objectId=found["objectId"])

    def call(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to_browser, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise Wrong(f"the browser refuses {method}: {answer['error']['message']}")
                return answer["result"]
            self.note(answer)

    def note(self, event):
        """Handles an event: closes dialogs, which would stop the page, and keeps errors."""
        parameters = event.get("params", {})
        if event.get("method") == "Page.javascriptDialogOpening":
            self.dialogs.append(parameters["message"])
            self.number += 1
            closes = {"id": self.number, "method": "Page.handleJavaScriptDialog", "params": {"accept": True}, "sessionId": self.session}
            os.write(self.to_browser, json.dumps(closes).encode() + b"\0")
        elif event.get("method") == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description") or details["text"])

    def receive(self):
        while b"\0" not in self.buffer:
            if not select.select([self.from_browser], [], [], SECONDS)[0]:
                raise Wrong("the browser does not answer")
            read = os.read(self.from_browser, 1 << 20)
            if not read:
                raise Wrong("the browser has ended")
            self.buffer += read
        message, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(message)


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Logs nothing."""


@contextlib.contextmanager
def served(folder):
    """Serves the files of a folder, and yields their address."""
    handler = functools.partial(Handler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
