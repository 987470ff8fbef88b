"""
Sends the same requests to this server, to wsgiref's and to gunicorn, and says where answers differ.

usage: compare.py PORT WSGIREF-PORT GUNICORN-PORT; each serves flaskapp.py, or each djangoapp.py.
Compared are status, headers (not those of a server's own: Date, Server, Connection, and the coding), body.
"""

import os
import sys

from wire import Failure, ask, chunked, expect
from wire import request as wire_request

FORM = "Content-Type: application/x-www-form-urlencoded"
MULTIPART = "Content-Type: multipart/form-data; boundary=edge"
MIB = os.urandom(1048576)
UPLOAD = (b'--edge\r\nContent-Disposition: form-data; name="title"\r\n\r\na title\r\n'
          b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n'
          b"Content-Type: application/octet-stream\r\n\r\n" + MIB + b"\r\n--edge--\r\n")
SERVERS_OWN = {"date", "server", "connection", "transfer-encoding"}



def request(method, target, *fields, **options):
    """wsgiref takes a request without a type for text/plain: so each has one."""
    if not any(field.startswith("Content-Type:") for field in fields):
        fields += ("Content-Type: text/plain",)
    return wire_request(method, target, *fields, **options)


BOTH = [
    request("GET", "/hello"),
    request("HEAD", "/hello"),
    request("GET", "/hello", version="1.0"),
    request("GET", "/echo/"),
    request("GET", "/echo/a%2Fb"),
    request("GET", "/echo/%C3%A9"),
    request("GET", "/echo/%ff%fe"),
    request("GET", "/echo/a//b///"),
    request("GET", "/echo/a;b=c;d"),
    request("GET", "/echo/a%20b+c%zz%"),
    request("GET", "/echo/../hello"),
    request("GET", "/echo/a?q=1&q=2&r=%C3%A9&s=%ff&t=a+b&u&=&;v?w"),
    request("GET", "/echo/%3Fq=1?"),
    request("GET", "/echo/", "Cookie: one=1; two=a%20b; three=\"x y\""),
    request("GET", "/echo/", "X-Thing: one", "X-Thing: two"),
    request("GET", "/echo/", "X-Thing: \xe9\xff"),
    request("GET", "/echo/", "Content-Type: text/odd; charset=utf-8"),
    request("POST", "/echo/a?b=c", FORM, body=b"x=1&y=%C3%A9&x=2+3"),
    request("POST", "/echo/", FORM, body=b""),
    request("PUT", "/echo/", "Content-Type: text/plain", body=b"x=1"),
    request("GET", "/cookie"),
    request("POST", "/digest", body=MIB),
    request("POST", "/upload", MULTIPART, body=UPLOAD),
    request("GET", "/big"),
    request("GET", "/stream"),
    request("GET", "/stream", version="1.0"),
    request("GET", "/nothing"),
    request("GET", "/away"),
    request("GET", "/fault"),
    request("GET", "/missing"),
    request("GET", "/Hello"),
]
# wsgiref reads no chunks and no absolute targets, makes one slash of two at the beginning, and says of an
# answer to HEAD that its length is 0
GUNICORN = [
    wire_request("GET", "/echo/"),
    request("HEAD", "/stream"),
    request("POST", "/digest", "Transfer-Encoding: chunked") + chunked(MIB, 5000),
    request("POST", "/upload", MULTIPART, "Transfer-Encoding: chunked") + chunked(UPLOAD, 65536),
    request("GET", "//hello"),
    request("GET", "http://localhost/echo/x?y=z"),
]


def seen_of(port, data):
    answer = ask(port, data)
    headers = sorted((name.lower(), value.replace(str(port), "PORT")) for name, value in answer.headers)
    body = answer.body if not data.startswith(b"HEAD") else b""
    # RFC 9110, 8.6: a 204 has no length; the references let it have one
    own = SERVERS_OWN | ({"content-length"} if answer.code == 204 else set())
    return answer.status, [header for header in headers if header[0] not in own], body


def short(text):
    return f"{text[:300]!r} ... ({len(text)} bytes)" if isinstance(text, bytes) and len(text) > 300 else text


def main():
    ours, wsgiref, gunicorn = (int(port) for port in sys.argv[1:])
    cases = [(data, {"wsgiref": wsgiref, "gunicorn": gunicorn}) for data in BOTH]
    cases += [(data, {"gunicorn": gunicorn}) for data in GUNICORN]
    for data, references in cases:
        seen = seen_of(ours, data)
        for name, port in references.items():
            for part, expected, got in zip(("status", "headers", "body"), seen_of(port, data), seen):
                if got != expected:
                    expect(f"the {part} of the answer to {data[:200]!r}, as {name} gives it", short(expected),
                           short(got), "gateway.py")
    print(f"{len(cases)} requests: the same answers")


try:
    main()
except Failure as failure:
    sys.exit(str(failure))
