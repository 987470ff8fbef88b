"""
PEP 3333, the server's side of it: what a server and an application have agreed upon.

The application is called with the environ and with start_response, and returns what its answer is
made of, piece by piece. This is the part of the server that is made of rules about Python's objects,
and so it is in Python; it is built into the program, and gateway.c runs it. Sockets, processes and
the request are C's: _wsgi_wire has receive (of the body), send, blame (what was wrong with the
client), and cut (the connection).
"""

import io
import os
import re
import sys
import traceback
from email.utils import formatdate

import _wsgi_wire as wire

STATUS = re.compile(r"[2-9][0-9][0-9] [\x20-\x7e\x80-\xff]*")
NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
VALUE = re.compile(r"[\x20-\x7e\x80-\xff]*")  # no control characters, and nothing but latin-1
LENGTH = re.compile(r"[0-9]{1,18}")
HOP_BY_HOP = {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te",
              "trailer", "trailers", "transfer-encoding", "upgrade"}  # PEP 3333: the server's alone


def load(name):
    """Returns the callable that is named as MODULE:CALLABLE; the modules here come first."""
    sys.path.insert(0, os.getcwd())
    module, _, attribute = name.partition(":")
    try:
        __import__(module)
        application = getattr(sys.modules[module], attribute)
    except ModuleNotFoundError as error:
        if error.name is None or not (module + ".").startswith(error.name + "."):
            fail_to_load(module)
        sys.exit(f"wsgi: there is no module {error.name!r}, neither in this directory nor in {sys.prefix}")
    except AttributeError:
        if module not in sys.modules:
            fail_to_load(module)
        sys.exit(f"wsgi: there is no {attribute!r} in the module {module!r}")
    except BaseException:
        fail_to_load(module)
    if not callable(application):
        sys.exit(f"wsgi: {name!r} is {type(application).__name__!r}, which cannot be called")
    return application


def fail_to_load(module):
    traceback.print_exc()
    sys.exit(f"wsgi: the module {module!r} fails while it is loaded: see above")


class Body(io.RawIOBase):
    """The request's body. A BufferedReader around it has read, readline, readlines, iteration."""

    def readable(self):
        return True

    def readinto(self, buffer):
        return wire.receive(buffer)


class Answer:
    """One answer: it keeps the head until the first of the body is there, then sends what comes."""

    def __init__(self, environ):
        self.is_head = environ["REQUEST_METHOD"] == "HEAD"
        self.is_http11 = environ["SERVER_PROTOCOL"] == "HTTP/1.1"
        self.status = None  # what start_response was called with
        self.headers = []
        self.begun = False  # the head has been sent
        self.over = False  # all has been sent
        self.bodiless = False  # what the application gives is not sent: HEAD, 204, 304
        self.left = None  # of the Content-Length; None: there is none
        self.chunked = False

    def start_response(self, status, headers, exc_info=None):
        if exc_info:
            try:
                if self.begun:  # too late for another answer
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # or this frame and the traceback would hold each other
        elif self.status is not None:
            raise RuntimeError("start_response was called twice, and without exc_info")
        check_status(status)
        check_headers(headers)
        self.status, self.headers = status, list(headers)
        return self.write

    def write(self, data):
        """What start_response returns, for applications that cannot do without."""
        check_data(data)
        if self.over:
            raise RuntimeError("write is called when the answer has ended")
        if not self.begun:
            self.begin(None)
        if self.left is not None and len(data) > self.left and not self.bodiless:
            raise RuntimeError(f"write: {len(data)} bytes, and the Content-Length has room for {self.left}")
        self.send(data)

    def send_all(self, items):
        """Sends each item before it asks for the next, and stops when the answer is whole."""
        alone = hasattr(items, "__len__") and len(items) == 1
        for data in items:
            check_data(data)
            if not data:
                continue  # the headers may change until there is something to send
            if not self.begun:
                self.begin(len(data) if alone else None)
            self.send(data)
            if self.bodiless or self.left == 0:
                break
        if not self.begun:
            self.begin(None if self.is_head else 0)
        if self.chunked:
            wire.send(b"0\r\n\r\n")
        self.over = True
        if self.left and not self.bodiless:
            complain(f"wsgi: the application's answer is {self.left} bytes shorter than its Content-Length\n")

    def begin(self, size):
        """Sends the head. size is that of the whole body, if it is known."""
        if self.status is None:
            raise RuntimeError("the application gives an answer before it has called start_response")
        code = int(self.status[:3])
        self.bodiless = self.is_head or code in (204, 304)
        names = {name.lower(): value for name, value in self.headers}
        headers = self.headers
        if code == 204:  # RFC 9110, 8.6
            headers = [header for header in headers if header[0].lower() != "content-length"]
        elif "content-length" in names:
            self.left = int(names["content-length"])
        elif size is not None and code != 304:
            self.left = size
            headers = headers + [("Content-Length", str(size))]
        elif self.is_http11 and not self.bodiless:
            self.chunked = True
            headers = headers + [("Transfer-Encoding", "chunked")]
        if "date" not in names:
            headers = headers + [("Date", formatdate(usegmt=True))]
        lines = [f"{name}: {value}\r\n" for name, value in headers + [("Connection", "close")]]
        head = f"HTTP/1.1 {self.status}\r\n{''.join(lines)}\r\n".encode("latin-1")
        self.begun = True
        wire.send(head)

    def send(self, data):
        """Sends some of the body: never more of it than the Content-Length."""
        if self.bodiless:
            return
        if self.left is not None:
            if len(data) > self.left:
                complain("wsgi: the application's answer is longer than its Content-Length: the rest is left out\n")
                data = data[: self.left]
            self.left -= len(data)
        if self.chunked and data:  # an empty chunk would be the last
            data = b"%x\r\n%b\r\n" % (len(data), data)
        wire.send(data)

    def replace(self, status):
        """Sends this instead of what the application could not give, or cuts what it has begun."""
        if self.over:
            return
        if self.begun:
            if not self.chunked and self.left is None and not self.bodiless:
                wire.cut()  # the end of this answer is the end of file: only a reset is none
            return
        text = status[4:] + "\n"
        self.start_response(status, [("Content-Type", "text/plain")], sys.exc_info())
        self.send_all([text.encode()])


def check_status(status):
    if not isinstance(status, str):
        raise TypeError(f"the status is to be a str, not {type(status).__name__}")
    if not STATUS.fullmatch(status):
        raise ValueError(f"the status is to be three digits, a space, a reason, not {status!r}")


def check_headers(headers):
    if type(headers) is not list:
        raise TypeError(f"the headers are to be a list, not {type(headers).__name__}")
    lengths = []
    for header in headers:
        if not (type(header) is tuple and len(header) == 2 and all(isinstance(text, str) for text in header)):
            raise TypeError(f"a header is to be a tuple of two str, not {header!r}")
        name, value = header
        if not NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a header's name")
        if not VALUE.fullmatch(value):
            raise ValueError(f"a header may have no control characters, and latin-1 alone: {header!r}")
        if name.lower() in HOP_BY_HOP:
            raise ValueError(f"{name} is about the connection, which is the server's, not the application's")
        if name.lower() == "content-length":
            lengths.append(value)
    if len(lengths) > 1 or not all(LENGTH.fullmatch(value) for value in lengths):
        raise ValueError(f"this is no Content-Length: {', '.join(lengths)!r}")


def check_data(data):
    if not isinstance(data, bytes):
        raise TypeError(f"an answer is made of bytes, not of {type(data).__name__}")


def complain(text):
    """Says it on standard error. If nobody can be told there, the client is served all the same."""
    try:
        sys.stderr.write(text)
    except Exception:  # a disk that is full, a reader that is gone, or what the application has put there
        pass


def serve(application, environ):
    """Lets the application answer one request. Returns the status that was sent, 0 if none was."""
    environ |= {
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BufferedReader(Body()),
        "wsgi.input_terminated": True,  # not in PEP 3333, but asked for: a body ends without a length, too
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    answer = Answer(environ)
    items = None
    try:
        try:
            items = application(environ, answer.start_response)
            answer.send_all(items)
        finally:
            if hasattr(items, "close"):
                items.close()
    except wire.ClientError as error:
        give_instead(answer, wire.blame())
        complain(f"wsgi: a client is lost: {error}\n")
    except BaseException:
        give_instead(answer, "500 Internal Server Error")
        complain(traceback.format_exc())
    return int(answer.status[:3]) if answer.begun else 0


def give_instead(answer, status):
    try:
        answer.replace(status)
    except wire.ClientError:
        pass  # it has left, and knows
