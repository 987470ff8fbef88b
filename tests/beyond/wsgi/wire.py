"""HTTP by hand, as a client sees it: what was sent, byte by byte, and whether it is whole."""

import os
import socket
import time

PATIENCE = float(os.environ.get("PATIENCE", 20))  # seconds


class Answer:
    """What came: head, body, and whether the end that HTTP asks for was there."""

    def __init__(self, raw, method, reset):
        self.raw, self.reset, self.asked = raw, reset, False
        while raw.startswith(b"HTTP/1.1 100 "):
            self.asked, raw = True, raw.partition(b"\r\n\r\n")[2]
        head, blank, rest = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.status = lines[0].partition(" ")[2]
        self.code = int(self.status[:3]) if self.status[:3].isdigit() else 0
        self.headers = [(line.partition(":")[0], line.partition(":")[2].strip(" ")) for line in lines[1:]]
        names = {name.lower(): value for name, value in self.headers}
        self.names, self.body, self.whole = names, rest, bool(blank) and not reset
        if method == "HEAD" or self.code in (204, 304):
            self.whole = self.whole and rest == b""
        elif names.get("transfer-encoding") == "chunked":
            self.body, self.whole = self.unchunk(rest)
        elif "content-length" in names:
            self.whole = self.whole and len(rest) == int(names["content-length"])

    @staticmethod
    def unchunk(rest):
        body = b""
        while True:
            line, found, rest = rest.partition(b"\r\n")
            if not found:
                return body, False
            size = int(line, 16)
            body += rest[:size]
            if len(rest) < size + 2 or rest[size : size + 2] != b"\r\n":
                return body, False
            rest = rest[size + 2 :]
            if size == 0:
                return body, rest == b""

    def get(self, name):
        return self.names.get(name.lower())


def connect(port):
    connection = socket.create_connection(("127.0.0.1", port), PATIENCE)
    connection.settimeout(PATIENCE)
    return connection


def read_on(connection, raw=b"", until=None):
    """Reads up to the end of file, or until those bytes have come; returns bytes, and: was it reset?"""
    while until is None or until not in raw:
        try:
            data = connection.recv(65536)
        except ConnectionResetError:
            return raw, True
        if not data:
            return raw, False
        raw += data
    return raw, False


def ask(port, request, method=None):
    """Sends the bytes of a request; returns the Answer."""
    with connect(port) as connection:
        try:
            connection.sendall(request)
        except (BrokenPipeError, ConnectionResetError):
            pass  # an answer may have come all the same
        raw, reset = read_on(connection)
    return Answer(raw, method or request.split(b" ", 1)[0].decode("latin-1"), reset)


def request(method, target, *fields, body=None, version="1.1"):
    """Makes the bytes of a request."""
    lines = [f"{method} {target} HTTP/{version}", "Host: localhost", "Connection: close", *fields]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "".join(line + "\r\n" for line in lines).encode("latin-1") + b"\r\n" + (body or b"")


def chunked(body, size=7):
    """Makes chunks of the body, with all that RFC 9112 allows: extensions, zeros, a trailer."""
    pieces = [body[i : i + size] for i in range(0, len(body), size)]
    return b"".join(b"0%X;why=not\r\n%b\r\n" % (len(p), p) for p in pieces) + b"0\r\nX-Trailer: yes\r\n\r\n"


def wait_until(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


class Failure(Exception):
    """A claim that does not hold: what was expected, what was seen, where to look."""


def expect(what, expected, seen, look):
    if seen != expected:
        raise Failure(f"what:     {what}\nexpected: {expected!r}\nseen:     {seen!r}\nlook at:  {look}")


def expect_that(what, holds, seen, look):
    if not holds:
        raise Failure(f"what:     {what}\nexpected: that it is so\nseen:     {seen!r}\nlook at:  {look}")
