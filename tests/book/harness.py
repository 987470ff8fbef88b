"""What all tests of the book need: expectations that explain themselves, a browser, a web server."""

import functools
import http.server
import json
import os
import pathlib
import re
import threading

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BOOK = pathlib.Path(os.environ.get("BOOK", "build/book")).resolve()
PAGES = sorted(str(path.relative_to(BOOK)) for path in BOOK.rglob("*.html"))
CHAPTERS = sorted(page for page in PAGES if re.match(r"step\d_", page))
PICTURES = sorted(path.stem for path in (ROOT / "docs/pictures").glob("*.tsv"))

TESTS = []  # titles and functions, in the order in which they are to be run


def test(title):
    """Makes a function a test of that title."""

    def add(function):
        TESTS.append((title, function))
        return function

    return add


class Failure(Exception):
    """What a test that fails has to say."""


def fail(what, expected, seen, look):
    raise Failure(f"what:     {what}\nexpected: {expected}\nseen:     {seen}\nlook at:  {look}")


def expect(what, expected, seen, look):
    if expected != seen:
        fail(what, expected, seen, look)


class Browser:
    """Chromium, headless, with its console and the requests of its pages recorded."""

    def begin(self):
        try:
            self.driver = self.start(sandbox=os.getuid() != 0)
        except Exception:
            if os.getuid() == 0:
                raise
            self.driver = self.start(sandbox=False)  # some containers do not let it have one; the pages are our own
        self.driver.set_page_load_timeout(60)
        self.driver.set_script_timeout(120)
        self.wide(1280)

    @staticmethod
    def start(sandbox):
        options = Options()
        options.binary_location = os.environ.get("BROWSER", "/usr/bin/chromium")
        for argument in [
            "--headless=new",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--disable-extensions",
        ]:
            options.add_argument(argument)
        if not sandbox:
            options.add_argument("--no-sandbox")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        return webdriver.Chrome(service=Service(os.environ.get("DRIVER", "/usr/bin/chromedriver")), options=options)

    def command(self, name, **arguments):
        return self.driver.execute_cdp_cmd(name, arguments)

    def wide(self, width, height=900):
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    def prefer(self, scheme="light", media=""):
        self.command(
            "Emulation.setEmulatedMedia",
            media=media,
            features=[
                {"name": "prefers-color-scheme", "value": scheme},
                {"name": "prefers-reduced-motion", "value": "reduce"},
            ],
        )

    def scripts(self, on):
        self.command("Emulation.setScriptExecutionDisabled", value=not on)

    def open(self, address):
        """Loads a page anew, even if only its fragment differs from the page before."""
        self.driver.get("about:blank")
        self.driver.get(address)

    def page(self, page):
        self.open(
            (BOOK / page).as_uri()
            if "#" not in page
            else (BOOK / page.split("#")[0]).as_uri() + "#" + page.split("#")[1]
        )

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def name(self):
        """The name of the page that is shown."""
        return self.run("return location.pathname.split('/').pop()")

    def find(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def press(self, *keys):
        self.driver.switch_to.active_element.send_keys(*keys)

    def console(self):
        return [f"{entry['level']}: {entry['message']}" for entry in self.driver.get_log("browser")]

    def requests(self):
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]

    def close(self):
        self.driver.quit()


browser = Browser()  # the one that all tests share


class Server:
    """The book at a port of this machine, as a web server would give it."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    def __enter__(self):
        self.server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), functools.partial(self.Handler, directory=str(BOOK))
        )
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_port}/"

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
