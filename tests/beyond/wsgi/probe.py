"""
Asks a server that serves odd.py or validated.py, and says what is not as PEP 3333 or HTTP has it.

usage: probe.py PORT NAME; the file of the server's errors is in SERVER_ERR, odd.py's notes are in NOTES.
Exit status 0, or 1 and what was expected, what was seen, where to look.
"""

import io
import json
import os
import select
import socket
import subprocess
import sys
import time

from wire import PATIENCE, Answer, Failure, ask, chunked, connect, expect, expect_that, read_on, request, wait_until

PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 0
NOTES = os.environ.get("NOTES", "")
BODY = b"first line\nsecond line, longer\n\n" + bytes(range(256)) + b"\nthe last has no end"


def get(path, **options):
    return ask(PORT, request("GET", path, **options))


def errors():
    with open(os.environ["SERVER_ERR"], encoding="utf-8", errors="replace") as file:
        return file.read()


def expect_said(path, words):
    expect_that(f"the server says on standard error, about {path}: {words!r}",
                wait_until(lambda: words in errors()), errors()[-2000:], "complain and traceback in gateway.py")


def notes(name):
    try:
        with open(f"{NOTES}/{name}", encoding="utf-8") as file:
            return file.read().count("\n")
    except FileNotFoundError:
        return 0


def go():
    with open(f"{NOTES}/go", "w", encoding="utf-8"):
        pass


def check_environ():
    with connect(PORT) as connection:
        connection.sendall(
            b"GET http://Example.com:81/a%2Fb/%C3%A9%ff%zz%4;x=1//c%00?q=%41&&r=?/ HTTP/1.1\r\nHost: other\r\n"
            b"X-Thing: one\r\nx-thing:   two \t\r\nX_Thing: forged\r\nContent-Type: text/odd\r\nX-Latin: \xe9\r\n"
            b"Content-Length: 00\r\nX-Empty:\r\nCookie: a=1; b=2\r\nProxy: no\r\n\r\n")
        port = connection.getsockname()[1]
        answer = Answer(read_on(connection)[0], "GET", False)
    wanted = {
        "REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/a/b/\xc3\xa9\xff%zz%4;x=1//c\0",
        "QUERY_STRING": "q=%41&&r=?/", "SERVER_NAME": "127.0.0.1", "SERVER_PORT": str(PORT),
        "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1", "REMOTE_PORT": str(port),
        "CONTENT_TYPE": "text/odd", "CONTENT_LENGTH": "00", "HTTP_HOST": "Example.com:81",
        "HTTP_X_THING": "one,two", "HTTP_X_LATIN": "\xe9", "HTTP_X_EMPTY": "", "HTTP_COOKIE": "a=1; b=2",
        "HTTP_PROXY": "no", "wsgi.version": [1, 0], "wsgi.url_scheme": "http", "wsgi.multithread": False,
        "wsgi.multiprocess": True, "wsgi.run_once": False, "wsgi.input_terminated": True,
    }
    # its application is whatever the path is: the server is started with odd:environ
    seen = json.loads(answer.body)
    for key in sorted(wanted | seen):
        expect(f"environ[{key!r}]", wanted.get(key, "nothing"), seen.get(key, "nothing"), "make_environ in gateway.c")
    answer = ask(PORT, b"GET /?a HTTP/1.0\r\n\r\n")
    seen = json.loads(answer.body)
    expect("SERVER_PROTOCOL of HTTP/1.0", "HTTP/1.0", seen["SERVER_PROTOCOL"], "make_environ in gateway.c")
    expect("is there a CONTENT_LENGTH, a CONTENT_TYPE, an HTTP_HOST that nobody has sent?", [],
           [key for key in seen if key in ("CONTENT_LENGTH", "CONTENT_TYPE", "HTTP_HOST")], "make_environ")
    for target, path, query in [("http://h?q", "/", "q"), ("/?", "/", ""), ("//evil//", "//evil//", ""),
                                ("/%2e%2E/x%20y+z", "/../x y+z", "")]:
        seen = json.loads(get(target).body)
        expect(f"PATH_INFO and QUERY_STRING of {target}", (path, query), (seen["PATH_INFO"], seen["QUERY_STRING"]),
               "read_target in request.c, decoded in gateway.c")


def check_body():
    lines = list(io.BytesIO(BODY))
    wanted = {
        "read": [BODY], "read5": [BODY[i : i + 5] for i in range(0, len(BODY), 5)], "readline": lines,
        "readline3": [line[i : i + 3] for line in lines for i in range(0, len(line), 3)], "readlines": lines,
        "lines": lines,
    }
    behind = b"GET /never HTTP/1.1\r\n\r\n"
    for how, pieces in wanted.items():
        pieces = [piece.decode("latin-1") for piece in pieces + [b""]]
        by_length = request("POST", f"/body?{how}", body=BODY) + behind
        by_chunks = request("POST", f"/body?{how}", "Transfer-Encoding: Chunked") + chunked(BODY) + behind
        for name, data in [("by its length", by_length), ("in chunks", by_chunks)]:
            answer = ask(PORT, data)
            expect(f"what {how} gives of a body that is sent {name}", pieces, json.loads(answer.body or "null"),
                   f"Body in gateway.py, body_read in body.c; status {answer.status}")
        with connect(PORT) as connection:  # a byte at a time
            for i in range(0, len(by_chunks), 40):
                connection.sendall(by_chunks[i : i + 40])
                time.sleep(0.0005)
            answer = Answer(read_on(connection)[0], "POST", False)
        expect(f"what {how} gives of a body that comes slowly", pieces, json.loads(answer.body), "body_read in body.c")
    expect("the body of a GET without one", ["", ""], json.loads(get("/body?read").body), "body_read in body.c")
    for chunks, why in [(b"g\r\n", "no size"), (b"5\r\nhello!\r\n", "too long"), (b"5\nhello\r\n0\r\n\r\n", "LF"),
                        (b"-1\r\n", "negative"), (b"0x5\r\n", "0x"), (b" 5\r\nhello\r\n0\r\n\r\n", "blank in front"),
                        (b"5 5\r\nhello\r\n0\r\n\r\n", "two sizes"), (b"5\v\r\nhello\r\n0\r\n\r\n", "odd blank"),
                        (b"5;\1\r\nhello\r\n0\r\n\r\n", "control character"), (b"5;a\rb\r\nhello\r\n0\r\n\r\n", "CR"),
                        (b"5;" + b"x" * 300 + b"\r\n", "long line"), (b"0\r\n" + b"A: b\r\n" * 101, "long trailer"),
                        (b"0\r\nA b\r\n\r\n", "trailer without a colon"),
                        (b"0\r\nA: \1\r\n\r\n", "trailer with control")]:
        answer = ask(PORT, request("POST", "/body?read", "Transfer-Encoding: chunked") + chunks + b"\r\n")
        expect(f"the status for wrong chunks: {why}", 400, answer.code, "body.c, and ClientError in gateway.py")
    for line in b"5 ", b"5\t ;x", b"5; x=\t\"y\"", b"00000000000000000000000000000005":
        chunks = line + b"\r\nhello\r\n0 \r\n\r\n"
        answer = ask(PORT, request("POST", "/body?read", "Transfer-Encoding: chunked") + chunks)
        expect(f"the body whose chunk begins with {line!r}", ["hello", ""], json.loads(answer.body or "null"),
               "read_chunk_line in body.c")


def check_large():
    """The server is started with -b 10."""
    for size, code in [(10, 200), (11, 413), (10**15, 413)]:
        answer = ask(PORT, request("POST", "/one", f"Content-Length: {size}"))
        expect(f"the status for a body of {size} bytes, where -b is 10", code, answer.code, "request_read in request.c")
    for chunks, code in [(b"5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n", 200),
                         (b"6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n", 413),
                         (b"f" * 17 + b"\r\n", 413), (b"1%016x\r\nhello\r\n0\r\n\r\n" % 5, 413)]:
        answer = ask(PORT, request("POST", "/body?read", "Transfer-Encoding: chunked") + chunks)
        expect(f"the status for {chunks!r}, where -b is 10", code, answer.code, "read_chunk_line in body.c")
    expect_said("a body that is too large", "wsgi: a client is lost: the request's body is too large")


def check_half_body():
    for fields, half in [(["Content-Length: 10"], b"half"), (["Transfer-Encoding: chunked"], b"a\r\nhalf")]:
        with connect(PORT) as connection:
            connection.sendall(request("POST", "/body?read", *fields) + half)
            connection.shutdown(socket.SHUT_WR)
            answer = Answer(read_on(connection)[0], "POST", False)
        expect("the status for half a body", 400, answer.code, "body_read in body.c: it is not to look whole")
    expect_said("half a body", "in the middle of its request")


def check_expect():
    expects = "Expect: 100-continue"
    with connect(PORT) as connection:
        connection.sendall(request("POST", "/body?read", expects, f"Content-Length: {len(BODY)}"))
        raw, _ = read_on(connection, until=b"\r\n\r\n")
        expect("what comes before the body is sent", b"HTTP/1.1 100 Continue\r\n\r\n", raw, "ask_for_it in body.c")
        connection.sendall(BODY)
        answer = Answer(read_on(connection, raw)[0], "POST", False)
    expect("the body", [BODY.decode("latin-1"), ""], json.loads(answer.body), "body.c")
    answer = ask(PORT, request("POST", "/one", expects, "Content-Length: 5"))
    expect("is a body asked for that the application does not read?", (False, 200), (answer.asked, answer.code),
           "ask_for_it in body.c")
    with connect(PORT) as connection:
        connection.sendall(request("POST", "/late_body", expects, "Content-Length: 5"))
        raw, _ = read_on(connection, until=b"first")
        connection.sendall(b" last")
        answer = Answer(read_on(connection, raw)[0], "POST", False)
    expect("an answer in whose middle the body is read", (b"first last", True, False),
           (answer.body, answer.whole, b" 100 " in answer.raw), "ask_for_it in body.c: not after the answer has begun")
    answer = ask(PORT, request("POST", "/one", "Expect: a-miracle", "Content-Length: 5"))
    expect("the status for another expectation", 417, answer.code, "heed_field in request.c")


def check_framing():
    cases = [  # method, path, version, status, Content-Length, Transfer-Encoding, body
        ("GET", "/one", "1.1", 200, "5", None, b"alone"),
        ("GET", "/one", "1.0", 200, "5", None, b"alone"),
        ("HEAD", "/one", "1.1", 200, "5", None, b""),
        ("GET", "/two", "1.1", 200, None, "chunked", b"one two"),
        ("GET", "/two", "1.0", 200, None, None, b"one two"),
        ("HEAD", "/two", "1.1", 200, None, None, b""),
        ("GET", "/none", "1.1", 200, "0", None, b""),
        ("HEAD", "/none", "1.1", 200, None, None, b""),
        ("GET", "/length", "1.1", 200, "5", None, b"five!"),
        ("HEAD", "/length", "1.1", 200, "5", None, b""),
        ("GET", "/no_content", "1.1", 204, None, None, b""),
        ("GET", "/not_modified", "1.1", 304, None, None, b""),
        ("GET", "/writes", "1.1", 200, None, "chunked", b"one two three"),
        ("HEAD", "/writes", "1.1", 200, None, None, b""),
        ("HEAD", "/endless", "1.1", 200, None, None, b""),
        ("GET", "/long", "1.1", 200, "4", None, b"four"),
        ("GET", "/counts", "1.1", 200, "4", None, b"four"),
    ]
    for method, path, version, *wanted in cases:
        answer = ask(PORT, request(method, path, version=version))
        seen = [answer.code, answer.get("Content-Length"), answer.get("Transfer-Encoding"), answer.body]
        expect(f"status, length, coding, body of {method} {path} HTTP/{version}", wanted, seen, "begin in gateway.py")
        expect(f"{method} {path} HTTP/{version}: whole, one Date, Connection: close", (True, 1, "close"),
               (answer.whole, [name.lower() for name, _ in answer.headers].count("date"), answer.get("Connection")),
               f"begin and send_all in gateway.py: {answer.raw!r}")
    expect("the application's own Date", "Thu, 01 Jan 1970 00:00:00 GMT", get("/dated").get("Date"), "begin")
    expect("how often more was asked for of an answer that was whole", 0, notes("asked"), "send_all in gateway.py")
    expect_said("/long", "longer than its Content-Length")
    answer = get("/short")
    expect("an answer that is shorter than it said: body, and is it whole?", (b"four", False),
           (answer.body, answer.whole), "send_all in gateway.py")
    expect_said("/short", "5 bytes shorter than its Content-Length")
    answer = get("/exceeds_by_write")
    expect("what is sent when write is given too much", b"four", answer.body, "write in gateway.py")
    expect_said("/exceeds_by_write", "RuntimeError: write: 4 bytes, and the Content-Length has room for 0")
    answer = get("/writes_late")
    expect("what is sent when write is called after the end: body, whole?", (b"whole", True),
           (answer.body, answer.whole), f"write in gateway.py: {answer.raw!r}")
    expect_said("/writes_late", "RuntimeError: write is called when the answer has ended")


def check_rules():
    cases = [
        ("twice", "RuntimeError: start_response was called twice"), ("silent", "before it has called start_response"),
        ("status_bytes", "the status is to be a str, not bytes"), ("status_word", "not 'fine'"),
        ("status_line", "not '200 OK\\r\\nX-Evil"), ("status_100", "not '100 Continue'"),
        ("headers_tuple", "the headers are to be a list, not tuple"), ("header_list", "a tuple of two str, not ['A'"),
        ("header_bytes", "a tuple of two str, not ('A', b'b')"), ("header_line", "no control characters"),
        ("header_tab", "('A', 'b\\tc')"), ("header_euro", "latin-1 alone"), ("header_name", "'A b' is not a header"),
        ("header_colon", "'A:' is not a header"), ("hop", "Connection is about the connection"),
        ("hop2", "transfer-Encoding is about"), ("length_word", "no Content-Length: 'five'"),
        ("lengths", "no Content-Length: '5, 6'"), ("lengths_alike", "no Content-Length: '5, 5'"),
        ("text", "made of bytes, not of str"),
        ("text_whole", "made of bytes, not of str"), ("nothing", "'NoneType' object is not iterable"),
        ("before", "ValueError: before the answer: "), ("exits", "SystemExit: the application wants to end"),
        ("closes_after_failure", "before the first byte"),
    ]
    for path, words in cases:
        answer = get("/" + path)
        expect(f"the answer when the application breaks a rule: {path}",
               (500, b"Internal Server Error\n", True, None),
               (answer.code, answer.body, answer.whole, answer.get("X-Evil")), "gateway.py: replace, check_...")
        expect_said(path, words)
    answer = get("/errors")
    expect("the answer of one who writes to wsgi.errors", b"said", answer.body, "wsgi.errors in gateway.py")
    expect_said("/errors", "a euro \u20ac and a byte \\udcff\ntwo words\n")
    with open(os.environ["SERVER_OUT"], encoding="utf-8") as file:
        expect("how often it has said what it prints", 1, file.read().count("on standard output\n"), "buffered_stdio")
    answer = get("/child")
    expect("the status of a program that the application has run", b"7", answer.body,
           "SIGCHLD in serve_forever: its handler would take the child away from the application")


def check_replaced():
    answer = get("/replaced")
    expect("an answer that is replaced by start_response with exc_info, before its first byte",
           (503, "replaced", None, b"sorry"),
           (answer.code, answer.get("X-Why"), answer.get("Content-Type"), answer.body), "start_response in gateway.py")
    answer = get("/replaced_too_late")
    expect("one that is replaced too late: status, body, whole?", (200, b"begun", False),
           (answer.code, answer.body, answer.whole), "start_response in gateway.py: exc_info is raised again")
    expect_said("/replaced_too_late", "ValueError: the first reason")


def check_middle():
    for path, version in [("/middle", "1.1"), ("/middle_with_length", "1.1"), ("/middle", "1.0")]:
        answer = get(path, version=version)
        expect(f"{path} HTTP/{version}, which fails in the middle: status, and does it look whole?", (200, False),
               (answer.code, answer.whole), f"replace in gateway.py, cut in connection.c: {answer.raw!r}")
    expect_said("/middle", "ValueError: in the middle")
    expect("the next request is served", b"alone", get("/one").body, "serve_forever")


def check_stream():
    for path, first in [("/stream", b"one "), ("/writes_nothing", b"\r\n\r\n")]:
        with connect(PORT) as connection:
            connection.sendall(request("GET", path))
            raw, _ = read_on(connection, until=first)
            go()
            answer = Answer(read_on(connection, raw)[0], "GET", False)
        os.unlink(f"{NOTES}/go")
        expect(f"{path} is whole in the end", True, answer.whole, "send_all in gateway.py")
    # the application waits for a note that is made when the first piece has come


def check_closed():
    get("/closes")
    expect("how often close was called after a whole answer", 1, notes("closed"), "serve in gateway.py")
    answer = get("/closes?fails", version="1.0")
    expect("an answer whose close fails: body, whole?", (b"whole", True), (answer.body, answer.whole), "replace")
    expect_said("/closes?fails", "ValueError: close fails, as it is meant to")
    expect("how often close was called, then", 2, notes("closed"), "serve in gateway.py")
    get("/closes_after_failure")
    expect("how often close was called, after a failure, too", 3, notes("closed"), "serve in gateway.py")
    with connect(PORT) as connection:
        connection.sendall(request("GET", "/endless"))
        read_on(connection, until=b"xxxx")
    expect_that("close is called when the client has left in the middle", wait_until(lambda: notes("closed") == 4),
                notes("closed"), "serve in gateway.py: finally")
    expect_said("/endless", "wsgi: a client is lost: ")
    expect_that("a client that leaves is no failure of the application", errors().count("Traceback") == 2, errors(),
                "serve in gateway.py: ClientError")


def check_validated():
    posts = [request("POST", path, body=b"some\nlines\nto read\n") for path in ("/", "/write", "/generator")]
    posts += [request("POST", path, "Transfer-Encoding: chunked") + chunked(b"some\nlines\nto read\n")
              for path in ("/", "/write", "/generator")]
    for data in posts:
        answer = ask(PORT, data)
        expect(f"the answer to {data[:60]!r}", (200, b"POST some\nlines\nto read\n", True),
               (answer.code, answer.body, answer.whole), errors()[-1500:])
    for method in "GET", "HEAD", "PUT", "OPTIONS":
        for path in "/", "/write", "/generator", "/a%20b;c//?d=e":
            answer = ask(PORT, request(method, path, "Content-Type: text/plain"))
            expect(f"the answer to {method} {path}", (200, b"" if method == "HEAD" else method.encode() + b" ", True),
                   (answer.code, answer.body, answer.whole), errors()[-1500:])
    expect("what the server says on standard error", "", errors(), "wsgiref.validate: an assertion does not hold")


def check_refusals():
    long = "x" * 20000
    cases = [
        (b"GET /\r\n\r\n", 400), (b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400), (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400), (b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400),
        (b"GET / http/1.1\r\nHost: a\r\n\r\n", 400), (b"GET x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", 400), (b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", 400), (b"GET http://a@b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET http://:80/ HTTP/1.1\r\nHost: a\r\n\r\n", 400), (b"GET http://a/ HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400), (b"GET / HTTP/1.1\r\nHost: a\"b\r\n\r\n", 400),
        (b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400), (request("POST", "/", "Content-Length: 16777217"), 413),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400), (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n", 400), (b"GET / HTTP/1.1\r\nHost: a\r\n X: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", 400), (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400), (b"\x16\x03\x01\x02\r\n\r\n", 400),
        (request("POST", "/", "Content-Length: 1", "Content-Length: 1"), 400),
        (request("POST", "/", "Content-Length: 1, 1"), 400), (request("POST", "/", "Content-Length: -1"), 400),
        (request("POST", "/", "Content-Length: +1"), 400), (request("POST", "/", "Content-Length:"), 400),
        (request("POST", "/", "Content-Length: 1", "Transfer-Encoding: chunked"), 400),
        (request("POST", "/", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), 400),
        (request("POST", "/", "Transfer-Encoding: chunked", version="1.0"), 400),
        (request("POST", "/", "Content-Length: 99999999999999999999"), 413),
        (request("GET", "/" + long), 414), (request("GET", "/", "X: " + long), 431),
        (request("GET", "/", *["X: y"] * 99), 431), (request("POST", "/", "Transfer-Encoding: gzip, chunked"), 501),
        (request("POST", "/", "Transfer-Encoding: gzip"), 501), (request("OPTIONS", "*"), 501),
        (request("GET", "*"), 400),
        (request("CONNECT", "a:1"), 501), (request("connect", "a:1"), 400), (request("options", "*"), 400), (request("GET", "/", version="2.0"), 505),
    ]
    for data, code in cases:
        answer = ask(PORT, data)
        expect(f"the answer to {data[:80]!r}: status, whole?", (code, True), (answer.code, answer.whole), "request.c")
    for data in [b"GET /one HTTP/1.1\nHost: a\n\n", b"GET /one HTTP/1.0\r\n\r\n", request("BREW", "/one"),
                 b"\r\n" + request("GET", "/one"), request("BR#W", "/one"), b"GET /one HTTP/1.1\r\nHost:\r\n\r\n",
                 request("GET", "/one", *["X: y"] * 90), request("GET", "/one?" + "x" * 15000)]:
        answer = ask(PORT, data)
        expect(f"the answer to {data[:60]!r}", (200, b"alone"), (answer.code, answer.body), "request.c")


def check_unread():
    answer = ask(PORT, request("POST", "/one", body=b"x" * 1048576))
    expect("the answer to a MiB that the application does not read", (200, b"alone", True),
           (answer.code, answer.body, answer.whole), "connection_close: unread bytes make a reset")


def check_silent():
    with connect(PORT) as silent, connect(PORT) as half, connect(PORT) as body:
        half.sendall(b"GET / HTT")
        body.sendall(request("POST", "/body?read", "Content-Length: 5") + b"ha")
        expect("what a silent client gets", (b"", False), read_on(silent), "request_read")
        expect("what one with half a head gets", 408, Answer(read_on(half)[0], "GET", False).code, "request_read")
        expect("what one with half a body gets", 408, Answer(read_on(body)[0], "GET", False).code, "wait_for")
    with connect(PORT) as greedy:
        greedy.sendall(request("GET", "/endless"))
        expect_that("one who does not read its answer is given up", wait_until(lambda: notes("closed") == 1),
                    errors()[-500:], "connection_send")


def drip(connection, byte):
    """Sends this byte every now and then until there is an answer; returns its status."""
    end = time.monotonic() + PATIENCE
    while not select.select([connection], [], [], 0.02)[0]:
        if time.monotonic() > end:
            return "none, for as long as bytes come"
        connection.sendall(byte)
    return Answer(connection.recv(1000), "GET", False).code


def check_slow():
    for head in b"G", b"POST /body?read HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n\r\n":
        with connect(PORT) as connection:
            connection.sendall(head)
            expect(f"what one gets who sends {head!r}, and then a byte now and then, with -t 0.5", 408,
                   drip(connection, b"E"), "wait_for in connection.c: are all waits one account?")


def check_flood():
    """The server is slowed down by strace: it never finds that nothing is there."""
    with connect(PORT) as connection:
        connection.sendall(b"NO\r\n\r\n")
        connection.setblocking(True)  # for the others: a time-out is Python's own, on a socket that does not block
        talkers = [subprocess.Popen(["yes"], stdout=connection, stderr=subprocess.DEVNULL) for _ in range(4)]
        left = wait_until(lambda: all(talker.poll() is not None for talker in talkers))
        for talker in talkers:
            talker.kill()
            talker.wait()
        expect_that("one who has been refused, and sends without a break, is left", left,
                    f"it is listened to for {PATIENCE} s", "wait_for in connection.c: who looks at the deadline?")


def check_steady():
    """The server is started with -t 2."""
    with connect(PORT) as connection:
        connection.sendall(request("POST", "/body?read", "Content-Length: 50000"))
        for _ in range(50):
            time.sleep(0.05)
            connection.sendall(b"x" * 1000)
        answer = Answer(read_on(connection)[0], "POST", False)
    expect("the status for a body that takes longer than -t, but comes steadily", 200, answer.code,
           "credit in connection.c")


def check_together():
    connections = [connect(PORT) for _ in range(10)]
    for i, connection in enumerate(connections):
        connection.sendall(request("GET", f"/together?{i}"))
    for connection in connections:
        answer = Answer(read_on(connection)[0], "GET", False)
        expect("the answer to one of ten who are answered only when all ten are there", b"ten", answer.body,
               "serve_forever: is each served by a child of its own?")


def check_many():
    for _ in range(20):
        connections = [connect(PORT) for _ in range(10)]
        for connection in connections:
            connection.sendall(request("GET", "/one"))
        for connection in connections:
            expect("one of 200 answers", b"alone", Answer(read_on(connection)[0], "GET", False).body, "serve_forever")
            connection.close()
    expect("how many of 10 children have drawn another number", 10, len({get("/chance").body for _ in range(10)}),
           "PyOS_AfterFork_Child in gateway_fork: random begins anew after a fork")
    expect("how often the application was loaded", 1, notes("loaded"), "gateway_load")


def main():
    try:
        globals()["check_" + sys.argv[2]]()
    except Failure as failure:
        sys.exit(str(failure))
    except TimeoutError:
        sys.exit("what:     an answer, or a part of it\nexpected: within 20 s\nseen:     nothing more\nlook at:  the server")


if __name__ == "__main__":
    main()
