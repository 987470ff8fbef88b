#!/usr/bin/env python3
"""Asks a server of beyond, as a client would, whether it does what its protocol says: whatever its model.

    conform.py MODEL PROTOCOL GROUP     makes the checks of that group; status 1 if one fails, 77: cannot be made
    conform.py tests PROTOCOL MODEL...  prints a bats test for each model and group
    conform.py list                     prints what is checked

Each check is a function, and its docstring is its title. SERVE names the program (beyond/serve). No check sleeps
until something has "surely" happened: it waits for a state, at most for LAB_DEADLINE seconds. What has to last
some time (a pause, a time-out) is measured from before it could begin, and has no upper limit but that one: a busy
machine is slow, and not wrong.
"""
import contextlib
import fcntl
import os
import re
import resource
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from email.utils import formatdate

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SERVE = os.environ.get("SERVE") or os.path.join(ROOT, "beyond", "serve")
DEADLINE = float(os.environ.get("LAB_DEADLINE") or 10)
CROWD = int(os.environ.get("CROWD") or 1000)  # connections that are held at a time
WORKERS = 4
NEVER = 3600  # seconds, for a time-out that is not to come
SILENCE = 0.1  # seconds: so long nothing is heard of one who is to wait
CANNOT = 77  # exit status
F_SETPIPE_SZ = 1031  # which Python names since 3.10

# How many clients hold up all others, where some do; a model that is not here has no such number.
HOLDERS = {"single": 1, "prefork": WORKERS, "threads": WORKERS}
KEEPS = {"uv": 1}  # descriptors that a library opens with the first client, for good
if os.environ.get("SANITIZE"):
    KEEPS["coroutine"] = 1  # the sanitizer's log: it warns of makecontext
MINDERS = {}  # threads that are not the model's own, and come with the first that it makes
if "thread" in os.environ.get("SANITIZE", ""):
    MINDERS["thread-per-connection"] = 1  # the sanitizer's
LOOPS = ("poll", "epoll", "uv", "coroutine", "event", "uring")  # one for all clients
TAKES_WORKERS = ("prefork", "threads", "multi")
TAKES_MOST = ("fork", "thread-per-connection", "poll", "epoll", "uv", "coroutine", "event", "uring")

# What is checked of each protocol, in groups: each is a bats test.
GROUPS = {
    "http": {
        "pieces": "takes requests in any pieces, and many in one",
        "refusals": "refuses what is no request, and what could be read in two ways",
        "manners": "keeps to the manners of HTTP/1.0 and 1.1",
        "times": "gives no client more time than it says",
        "crowd": "serves one client beside others, rude ones too, and keeps nothing of them",
    },
    "echo": {
        "pieces": "says what it hears, in any pieces, until it hears Bye",
        "times": "gives no client more time than it says",
        "crowd": "serves one client beside others, rude ones too, and keeps nothing of them",
    },
    "zen": {
        "pieces": "answers questions, in any pieces, and says what is none",
        "times": "gives no client more time than it says",
        "crowd": "serves one client beside others, rude ones too, and keeps nothing of them",
    },
}


# ---- Expectations ---------------------------------------------------------------------------------------------


class Failed(Exception):
    """What was expected, what was seen, and what to look at."""


class Cannot(Exception):
    """Why it cannot be checked."""


def show(value):
    """A value in words: bytes as Python writes them, long ones by their ends."""
    text = repr(value)[1:] if isinstance(value, (bytes, bytearray)) else str(value)
    return text if len(text) <= 300 else f"{text[:140]} ... {text[-140:]} ({len(value)} bytes)"


def fail(expected, seen, look):
    raise Failed(f"expected: {show(expected)}\nseen:     {show(seen)}\nlook at:  {look}")


def expect(expected, seen, look):
    if expected != seen:
        fail(expected, seen, look)


def wait_until(state, what, look):
    """Waits until state() is true; what: the state in words, or a function that finds them."""
    end = time.monotonic() + DEADLINE
    while not state():
        if time.monotonic() > end:
            fail(f"within {DEADLINE:g} s: {what() if callable(what) else what}", "still not so", look)
        time.sleep(0.002)


# ---- A server -------------------------------------------------------------------------------------------------


def models():
    """The models of the program, and why one was left out of it, or None."""
    found, last = {}, None
    text = subprocess.run([SERVE, "--help"], stdout=subprocess.PIPE, check=True).stdout.decode()
    for line in text.split("Models:\n")[1].split("\n\n")[0].splitlines():
        if line[2:3].strip():
            last = line.split()[0]
            found[last] = None
        elif "left out" in line:
            found[last] = line.strip(" ()")
    return found


def begin_process(command, **files):
    """Starts it in a session of its own; it dies with us, should we be killed."""
    if shutil.which("setpriv"):
        command = ["setpriv", "--pdeathsig", "KILL"] + command
    return subprocess.Popen(command, start_new_session=True, **files)


class Inetd(threading.Thread):
    """Does what inetd does: each connection is standard input and output of a process of its own."""

    def __init__(self, command, errors):
        super().__init__(daemon=True)
        self.command, self.errors, self.processes = command, errors, []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                self.processes.append(begin_process(self.command, stdin=connection, stdout=connection,
                                                    stderr=self.errors))

    def living(self):
        return [process.pid for process in list(self.processes) if process.poll() is None]

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.join()
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()


class Server:
    """A server of this model and protocol, at any port; its output and its complaints go to files, or, if they are
    to be unread, into a pipe of which nobody takes more than the first line."""

    def __init__(self, model, protocol, *options, unread=False):
        self.model, self.folder = model, tempfile.mkdtemp(prefix="conform.")
        self.out = open(os.path.join(self.folder, "out"), "w+b")
        self.err = open(os.path.join(self.folder, "err"), "w+b")
        self.inetd = self.process = self.pipe = None
        out, err = self.out, self.err
        if unread:
            self.pipe, self.first_line = os.pipe(), b""
            out = err = self.pipe[1]
            fcntl.fcntl(out, F_SETPIPE_SZ, 4096)
        command = [SERVE, model, protocol]
        if model in TAKES_WORKERS:
            command += ["-w", str(WORKERS)]
        command += [str(option) for option in options]
        if model == "inetd":
            self.inetd = Inetd(command, err)
            self.port = self.inetd.port
        else:
            self.process = begin_process(command + ["-p", "0"], stdin=subprocess.DEVNULL, stdout=out, stderr=err)
            wait_until(lambda: b"\n" in self.output() or self.process.poll() is not None,
                       "the server prints its first line", " ".join(command))
            line = re.match(rb"Serving \w+ on port (\d+) by ", self.output())
            if not line:
                self.stop()
                fail("Serving PROTOCOL on port N by MODEL ...", self.output() + self.complaints(), " ".join(command))
            self.port = int(line.group(1))
        wait_until(self.waits, "the server has done what it does before it waits for clients", "announce, and what follows")
        processes, threads, descriptors = self.holds()
        self.at_first = processes, threads + MINDERS.get(model, 0), descriptors + KEEPS.get(model, 0)

    def output(self):
        """What it has printed; if that is to be unread: its first line."""
        if self.pipe:
            if b"\n" not in self.first_line and select.select([self.pipe[0]], [], [], 0)[0]:
                self.first_line += os.read(self.pipe[0], 4096)
            return self.first_line
        return os.pread(self.out.fileno(), 1 << 26, 0)

    def complaints(self):
        """What it has said on standard error."""
        return os.pread(self.err.fileno(), 1 << 26, 0)

    def processes(self):
        """The server and its children, dead ones included."""
        if self.inetd:
            return self.inetd.living()
        found = [self.process.pid]
        for pid in found:
            with contextlib.suppress(OSError):
                for task in os.listdir(f"/proc/{pid}/task"):
                    with open(f"/proc/{pid}/task/{task}/children") as children:
                        found += [int(child) for child in children.read().split()]
        return found

    def waits(self):
        """Do all its threads sleep? Some models go on after their first line: an epoll_create1, a fork."""
        for pid in self.processes():
            with contextlib.suppress(OSError):
                for task in os.listdir(f"/proc/{pid}/task"):
                    with open(f"/proc/{pid}/task/{task}/stat") as stat:
                        if stat.read().rsplit(") ", 1)[1][0] != "S":
                            return False
        return True

    def holds(self):
        """How many processes, threads and descriptors it has."""
        processes, threads, descriptors = self.processes(), 0, 0
        for pid in processes:
            with contextlib.suppress(OSError):
                for task in os.listdir(f"/proc/{pid}/task"):
                    with open(f"/proc/{pid}/task/{task}/comm") as name:
                        threads += not name.read().startswith("iou-")  # the kernel's own, for io_uring
                descriptors += len(os.listdir(f"/proc/{pid}/fd"))
        return len(processes), threads, descriptors

    def busy_time(self):
        """For how many seconds its threads have had a processor, or have waited for one: proc(5), schedstat."""
        nanoseconds = 0
        for pid in self.processes():
            with contextlib.suppress(OSError):
                for task in os.listdir(f"/proc/{pid}/task"):
                    with open(f"/proc/{pid}/task/{task}/schedstat") as times:
                        nanoseconds += sum(int(time_) for time_ in times.read().split()[:2])
        return nanoseconds / 1e9

    def has_closed(self, client):
        """Has it closed its end of this client's connection, although the client may not have heard it?"""
        ends = f" 0100007F:{self.port:04X} 0100007F:{client.port:04X} "
        with open("/proc/net/tcp") as table:
            return not any(ends in line and line.split()[3] in ("01", "08") for line in table)

    def stop(self):
        if self.inetd:
            self.inetd.stop()
        else:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        for end in self.pipe or ():
            os.close(end)
        self.out.close()
        self.err.close()
        shutil.rmtree(self.folder, ignore_errors=True)


# ---- A client -------------------------------------------------------------------------------------------------


class Client:
    """A connection; what it hears must come within the deadline."""

    def __init__(self, server, window=None):
        self.socket = socket.socket()
        if window:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        self.socket.settimeout(DEADLINE)
        self.socket.connect(("127.0.0.1", server.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port = self.socket.getsockname()[1]
        self.came, self.speakers = b"", []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.leave()

    def say(self, text):
        self.socket.sendall(text)

    def say_beside(self, text):
        """Says it while somebody else listens: more than the buffers between hold."""
        speaker = threading.Thread(target=self._try_to_say, args=(text,), daemon=True)
        speaker.start()
        self.speakers.append(speaker)
        return speaker

    def _try_to_say(self, text):
        with contextlib.suppress(OSError):
            self.socket.sendall(text)

    def say_slowly(self, text):
        for byte in text:
            self.say(bytes([byte]))
            time.sleep(0.001)

    def finish(self):
        """Sends the end of file, and still listens."""
        self.socket.shutdown(socket.SHUT_WR)

    def leave(self):
        if any(speaker.is_alive() for speaker in self.speakers):
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)  # which ends a send(2) that waits, as close(2) does not
        for speaker in self.speakers:
            speaker.join()
        self.socket.close()

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.leave()

    def more(self):
        """Reads what has come; returns False at the end of file."""
        try:
            piece = self.socket.recv(1 << 16)
        except socket.timeout:
            fail(f"more, or the end of file, within {DEADLINE:g} s", f"nothing after {show(self.came)}",
                 "does the model wait for the right thing? is it stuck in another conversation?")
        except ConnectionError as error:
            fail("more, or the end of file", f"{error.strerror} after {show(self.came)}",
                 "does the server live? does it close with unread bytes (take_leave)?")
        self.came += piece
        return bool(piece)

    def hear(self, size):
        """The next so many bytes."""
        while len(self.came) < size and self.more():
            pass
        text, self.came = self.came[:size], self.came[size:]
        return text

    def hear_to(self, mark):
        """All up to this mark."""
        while mark not in self.came:
            if not self.more():
                fail(f"an answer up to {show(mark)}", f"{show(self.came)}, end of file", "who ends the connection?")
        size = self.came.index(mark) + len(mark)
        return self.hear(size)

    def hear_all(self):
        """All up to the end of file."""
        while self.more():
            pass
        text, self.came = self.came, b""
        return text

    def expect_end(self, look="who ends the connection? is there one answer too many?"):
        rest = self.hear_all()
        if rest:
            fail("end of file", rest, look)

    def expect_silence(self, look):
        if self.came or select.select([self.socket], [], [], SILENCE)[0]:
            fail("nothing yet", self.came or self.socket.recv(1000), look)


# ---- HTTP -----------------------------------------------------------------------------------------------------

GREETING = b"Hello, World!\n"
REQUEST = b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"
HEAD = REQUEST.replace(b"GET", b"HEAD")
HTTP10 = b"GET /hello HTTP/1.0\r\n"
KEEP = b"Connection: keep-alive\r\n"
LENGTH_LOOK = "read_content_length in http.c: RFC 9112, 6.3"
CHUNK_LOOK = "take_line in http.c: RFC 9112, 7.1"


class Answer:
    """Reads an answer, and is strict about it: RFC 9112, 4 to 6."""

    LOOK = "say in http.c; the sequence of parts in conversation_parts"

    def __init__(self, client, to_head=False):
        head = client.hear_to(b"\r\n\r\n")
        match = re.fullmatch(rb"HTTP/1\.1 (\d{3}) [ -~]+\r\n((?:[!-9;-~]+: [ -~]*\r\n)*)\r\n", head)
        if not match:
            fail("a status line, fields and an empty line, each with CRLF", head, self.LOOK)
        self.status, self.fields, self.body = int(match.group(1)), {}, b""
        for line in match.group(2).decode().splitlines():
            name, value = line.split(": ", 1)
            if name.lower() in self.fields:
                fail(f"one field {name}", head, self.LOOK)
            self.fields[name.lower()] = value
        if self.status == 100:
            expect({}, self.fields, self.LOOK)
            return
        if not self.fields.get("content-length", "").isdigit():
            fail("Content-Length: a number", head, self.LOOK)
        self.length = int(self.fields["content-length"])
        if not to_head:
            self.body = client.hear(self.length)
            expect(f"a body of {self.length} bytes", f"a body of {len(self.body)} bytes", self.LOOK)

    @property
    def closes(self):
        return self.fields.get("connection") == "close"


def expect_greeting(client, to_head=False):
    """Hears the greeting, and that the connection stays."""
    answer = Answer(client, to_head)
    expect(f"200, {show(b'' if to_head else GREETING)}, the connection stays",
           f"{answer.status}, {show(answer.body)}, the connection {'ends' if answer.closes else 'stays'}",
           "take_head and say in http.c")
    expect(len(GREETING), answer.length, "Content-Length in say")
    return answer


def expect_refusal(client, status, look):
    """Hears that status, and then the end of file: nothing behind what was refused is answered."""
    answer = Answer(client)
    expect(f"{status}, Connection: close", f"{answer.status}, Connection: {answer.fields.get('connection')}", look)
    client.expect_end("refuse in http.c, take_leave in conversation.c: what follows is no request any more")


# ---- Checks ---------------------------------------------------------------------------------------------------

CHECKS = []  # (protocol, group, function, for which models)


def check(protocol, group, *, only=None):
    """Makes a function a check: of this group, for the models for which only(model) is true."""
    def register(function):
        CHECKS.append((protocol, group, function, only or (lambda model: True)))
        return function
    return register


class Lab:
    """What a check is given: a server that all of its group share, and others if it needs them."""

    def __init__(self, model, protocol):
        self.model, self.protocol, self.servers, self._server = model, protocol, [], None
        self.lock = threading.Lock()

    def start(self, *options, **more):
        server = Server(self.model, self.protocol, *options, **more)
        with self.lock:
            self.servers.append(server)
        return server

    @property
    def server(self):
        if self._server is None:
            most = ("-m", CROWD + 100) if self.model in TAKES_MOST else ()  # a limit of its own may be lower
            self._server = self.start("-H", NEVER, "-I", NEVER, "-W", NEVER, *most)
        return self._server

    def client(self, **options):
        return Client(self.server, **options)

    def stop(self):
        for server in self.servers:
            server.stop()


def expect_service(protocol, server):
    """A new client is served, with the head of a page if the server has large ones."""
    with Client(server) as client:
        if protocol == "http":
            client.say(HEAD)
            expect(200, Answer(client, to_head=True).status, "does the server live?")
        else:
            converse_once(protocol, client)


def converse_once(protocol, client):
    ask(protocol, client)
    hear_answer(protocol, client)


def ask(protocol, client):
    client.say({"http": REQUEST, "echo": b"hello", "zen": b"Simple is better than?"}[protocol])


def hear_answer(protocol, client):
    if protocol == "http":
        expect_greeting(client)
    elif protocol == "echo":
        expect(b"hello", client.hear(5), "take in echo.c")
    else:
        expect(b"complex.", client.hear(8), "take in zen.c")


# ---- http: pieces


@check("http", "pieces")
def split_everywhere(lab):
    """A request is split in two, in every place"""
    # The first piece comes with the request before it: when that is answered, the server has read the piece.
    with lab.client() as client:
        client.say(REQUEST + REQUEST[:1])
        for place in range(1, len(REQUEST)):
            expect_greeting(client)
            client.say(REQUEST[place:] + REQUEST[:place + 1])
        expect_greeting(client)
        expect_greeting(client)


@check("http", "pieces")
def split_body_everywhere(lab):
    """A request with a body in chunks is split in two, in every place"""
    request = (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
               b"5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nA: b\r\n\r\n")
    with lab.client() as client:
        for place in range(1, len(request)):
            client.say(REQUEST + request[:place])
            expect_greeting(client)
            client.say(request[place:])
            expect(405, Answer(client).status, CHUNK_LOOK)


@check("http", "pieces")
def byte_by_byte(lab):
    """A request comes byte by byte"""
    with lab.client() as client:
        client.say_slowly(REQUEST)
        expect_greeting(client)


@check("http", "pieces")
def pipelined(lab):
    """2, 100 and 1,000 requests come in one burst, GET and HEAD and POST by turns"""
    turns = [(REQUEST, 200, False), (HEAD, 200, True),
             (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nGET /", 405, False)]
    for count in (2, 100, 1000):
        with lab.client() as client:
            burst = [turns[i % 3] for i in range(count)]
            client.say_beside(b"".join(request for request, _, _ in burst))
            for number, (_, status, to_head) in enumerate(burst):
                expect((number, status), (number, Answer(client, to_head).status),
                       "what is left of the bytes in finish_answer and consider")
            client.finish()
            client.expect_end()


@check("http", "pieces")
def half_closed(lab):
    """Requests that are followed by the end of file are answered, all of them, and then it is the end"""
    for count in (1, 3, 200):
        with lab.client() as client:
            client.say_beside(REQUEST * count).join()
            client.finish()
            for _ in range(count):
                expect_greeting(client)
            client.expect_end()


@check("http", "pieces")
def nothing_and_the_end(lab):
    """A client that says nothing and finishes hears nothing, and the end"""
    with lab.client() as client:
        client.finish()
        client.expect_end("conversation_came with 0 bytes")


@check("http", "pieces")
def empty_line_and_the_end(lab):
    """An empty line, and then the end of file, is no request: nothing is said to it, nor is it in the log"""
    server = lab.start("-l")
    for empty in (b"\r\n", b"\n"):
        with Client(server) as client:
            client.say(REQUEST + empty)
            client.finish()
            expect_greeting(client)
            client.expect_end("the empty line in take_head")
    if lab.model != "inetd":  # its standard output is the connection
        with Client(server) as client:
            client.say(b"GET /last HTTP/1.0\r\n\r\n")
            client.hear_all()
        wait_until(lambda: b"/last" in server.output(), "the last request in the log", "-l, log_request")
        expect(3, server.output().count(b" - - ["), "a line for each of three requests in the log: take_head")


@check("http", "pieces")
def half_and_the_end(lab):
    """Half a request and the end of file is a bad request, wherever it stops"""
    for place in (1, 4, 20, len(REQUEST) - 1):
        with lab.client() as client:
            client.say(REQUEST[:place])
            client.finish()
            expect_refusal(client, 400, "take_head in http.c, when ended")


@check("http", "pieces")
def empty_lines(lab):
    """An empty line before a request is forgiven; lines may end with LF alone; names are in any case"""
    for request in (b"\r\n" + REQUEST, b"\n" + REQUEST, REQUEST.replace(b"\r\n", b"\n"),
                    b"GET / HTTP/1.1\r\nhOsT:\tlocalhost \t\r\n\r\n", b"GET / HTTP/1.1\r\nHost:\r\n\r\n",
                    b"GET http://localhost/hello HTTP/1.1\r\nHost: localhost\r\n\r\n",
                    b"GET /hello HTTP/1.9\r\nHost: localhost\r\n\r\n"):
        with lab.client() as client:
            client.say(request)
            expect_greeting(client)


# ---- http: refusals


def with_fields(*fields, method=b"POST", version=b"HTTP/1.1", body=b""):
    lines = [method + b" / " + version, b"Host: x", *fields]
    return b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


def chunked(body):
    return with_fields(b"Transfer-Encoding: chunked", body=body)


def expect_refusals(lab, status, look, requests):
    """Each of these gets this status, and nothing behind it is answered."""
    for request in requests:
        with lab.client() as client:
            client.say_beside(request + REQUEST)
            try:
                expect_refusal(client, status, look)
            except Failed as failed:
                raise Failed(f"sent:     {show(request)}\n{failed}") from None


@check("http", "refusals")
def bad_request_lines(lab):
    """What is no request line is answered with 400"""
    expect_refusals(lab, 400, "read_request_line in http.c: RFC 9112, 3", [
        line + b"\r\nHost: x\r\n\r\n" for line in (
            b"GET", b"GET /", b"GET /  HTTP/1.1", b"GET  / HTTP/1.1", b" GET / HTTP/1.1", b"GET / HTTP/1.1 ",
            b"GET /a b HTTP/1.1", b"GET\t/\tHTTP/1.1", b"G(T / HTTP/1.1", b"GET hello HTTP/1.1", b"GET / http/1.1",
            b"GET / HTTP/1", b"GET / HTTP/1.10", b"GET / HTTP/11", b"GET / HTTP/x.1", b"GET /\x00 HTTP/1.1",
            b"GET /\xc3\xa4 HTTP/1.1", b"GET /\x7f HTTP/1.1", b"GET /\rX HTTP/1.1", b"G\x00T / HTTP/1.1",
            b"GET / HTTP/1.1\r", b"GET * HTTP/1.1", b": / HTTP/1.1")])


@check("http", "refusals")
def targets(lab):
    """A target with a fragment, or an absolute one whose host is missing or none, is answered with 400, whatever the method"""
    expect_refusals(lab, 400, "is_target in http.c: RFC 9112, 3.2", [
        method + b" " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n" for method in (b"GET", b"POST", b"BREW") for target in (
            b"/#a", b"/a?b#", b"#", b"http://", b"http:///a", b"http://:80/", b"HTTP://?a", b"http://a@b/", b"http://a,b/", b"http://a\\b/",
            b"http://a#/", b"http:/a", b"https://a/", b"a")])
    with lab.client() as client:
        for method, target, status in ((b"GET", b"http://x", 200), (b"GET", b"http://x:80?a", 200), (b"GET", b"HTTP://x/@,", 200),
                                       (b"GET", b"/?http:///", 200), (b"OPTIONS", b"*", 405), (b"CONNECT", b"x:80", 405)):
            client.say(method + b" " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n")
            expect((target, status), (target, Answer(client).status), "is_target in http.c: RFC 9112, 3.2")


@check("http", "refusals")
def rubbish(lab):
    """Rubbish is answered with 400 at once: no line end is waited for"""
    for bytes_ in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(32)), b"\x00", b"\x1b[2J\x1b]0;you\x07",
                   bytes(range(256)), b"\x80\x80", b"\xff\xf4\xff\xfd\x06", b"(", b"{\"a\": 1}"):
        with lab.client() as client:
            client.say(bytes_)
            expect_refusal(client, 400, "begins_badly in http.c")


@check("http", "refusals")
def bad_fields(lab):
    """What is no field is answered with 400: no colon, a blank before it, a folded line, control characters"""
    expect_refusals(lab, 400, "read_field in http.c: RFC 9112, 5", [
        with_fields(field, method=b"GET") for field in (
            b"Name", b"Name : value", b"Name\t: value", b": value", b" Name: value", b"A: b\r\n c", b"A: b\r\n\tc",
            b"A: b\rc", b"A: b\r", b"\rA: b", b"A: b\x00c", b"A: \x1b[2J", b"A: \x7f", b"A\x00: b", b"A(: b",
            b"\xc3\xa4: b", b"A b: c")])


@check("http", "refusals")
def hosts(lab):
    """HTTP/1.1 without Host, with two, or with one that is none, is answered with 400"""
    expect_refusals(lab, 400, "Host in read_fields and read_field: RFC 9112, 3.2", [
        b"GET / HTTP/1.1\r\n" + fields + b"\r\n" for fields in (
            b"", b"A: b\r\n", b"Host: a\r\nHost: a\r\n", b"Host: a\r\nhost: b\r\n", b"Host: a b\r\n",
            b"Host: a/b\r\n", b"Host: a@b\r\n", b"Host: a, b\r\n", b"Host: a?b\r\n", b"Host: a#b\r\n",
            b"Host: \xc3\xa4\r\n", b"Host: a\"b\r\n", b"Host: {a}\r\n")]
        + [HTTP10 + b"Host: a\r\nHost: b\r\n\r\n"])


@check("http", "refusals")
def lengths(lab):
    """A Content-Length that is no number, or comes twice, is answered with 400"""
    expect_refusals(lab, 400, LENGTH_LOOK, [
        with_fields(b"Content-Length:" + value, body=b"hello") for value in (
            b" +5", b" -5", b" 0x5", b" 5a", b" 5 5", b" 5,5", b" 5, 5", b"", b" ", b" 5;", b" \"5\"", b" 5.0", b" 1e1",
            b" 5\r\nContent-Length: 5", b" 5\r\nContent-Length: 6", b" 0\r\ncontent-length: 5",
            b" \xd9\xa5", b" 5\x0b")])


@check("http", "refusals")
def lengths_and_chunks(lab):
    """Content-Length beside Transfer-Encoding, in any order, is answered with 400: request smuggling"""
    both = [b"Content-Length: 5", b"Transfer-Encoding: chunked"]
    expect_refusals(lab, 400, "the end of the head in read_fields: RFC 9112, 6.1", [
        with_fields(*both, body=b"0\r\n\r\n"), with_fields(*reversed(both), body=b"0\r\n\r\n"),
        with_fields(both[0], b"transfer-ENCODING:\tchunked", body=b"0\r\n\r\n"),
        with_fields(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
        with_fields(b"Transfer-Encoding: \x0bchunked", body=b"0\r\n\r\n"),
        with_fields(b"Transfer-Encoding : chunked", body=b"0\r\n\r\n"),
        with_fields(b"Transfer-Encoding\n: chunked", body=b"0\r\n\r\n"),
        with_fields(b"Transfer-Encoding: chunked", version=b"HTTP/1.0", body=b"0\r\n\r\n")])


@check("http", "refusals")
def encodings(lab):
    """A Transfer-Encoding other than chunked is answered with 501"""
    expect_refusals(lab, 501, "read_transfer_encoding in http.c: RFC 9112, 6.1", [
        with_fields(b"Transfer-Encoding:" + value, body=b"0\r\n\r\n") for value in (
            b" gzip", b" identity", b" gzip, chunked", b" chunked, gzip", b" xchunked", b" chunkedx", b" chunked,",
            b" \"chunked\"", b"", b" chunked;q=1")])


@check("http", "refusals")
def chunks(lab):
    """A chunk that is none is answered with 400"""
    expect_refusals(lab, 400, CHUNK_LOOK, [
        chunked(body) for body in (
            b"+5\r\nhello\r\n0\r\n\r\n", b"-5\r\nhello\r\n0\r\n\r\n", b"0x5\r\nhello\r\n0\r\n\r\n",
            b"5h\r\nhello\r\n0\r\n\r\n", b"\r\nhello\r\n", b"g\r\n", b"5 5\r\nhello\r\n0\r\n\r\n",
            b";a=b\r\nhello\r\n", b"5\r\nhelloX\r\n0\r\n\r\n", b"5\r\nhello0\r\n\r\n",
            b"5\r\nhello\rX0\r\n\r\n", b"5\r\r\nhello", b"10000000000000000g\r\n", b"5\x0b\r\nhello\r\n",
            b"\x00\r\n", b"5;a=\x7f\r\nhello\r\n", b"5;a=\x1b[2J\r\nhello\r\n", b"5;" + b"a" * 500 + b"\r\nhello\r\n0\r\n\r\n")])


@check("http", "refusals")
def strict_chunks(lab):
    """Between chunks, what a proxy could read in another way is answered with 400: a bare LF or CR, a blank in front"""
    expect_refusals(lab, 400, CHUNK_LOOK, [
        chunked(body) for body in (
            b"5\r\nhell\r\n0\r\n\r\n", b"5\nhello\r\n0\r\n\r\n", b"5\r\nhello\n0\r\n\r\n", b" 5\r\nhello\r\n0\r\n\r\n",
            b"5;a\nhello\r\n0\r\n\r\n", b"5;a\rb\r\nhello\r\n0\r\n\r\n", b"5;\x00\r\nhello\r\n0\r\n\r\n")])


@check("http", "refusals")
def trailers(lab):
    """What is no field is none behind the last chunk either: 400"""
    expect_refusals(lab, 400, CHUNK_LOOK, [
        chunked(b"0\r\n" + line + b"\r\n\r\n") for line in (b"rubbish", b"A : b", b" A: b", b"A: b\x00", b"GET / HTTP/1.1")])


@check("http", "refusals")
def too_large(lab):
    """Too much is answered with 414 (the line), 431 (the head), 413 (the body)"""
    expect_refusals(lab, 414, "take_head in http.c", [b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n", b"A" * 8192, b"A" * 100000])
    expect_refusals(lab, 431, "FIELDS_MOST, REQUEST_SIZE in take_head", [
        with_fields(b"A: " + b"b" * 9000), with_fields(*[b"A: b"] * 101), with_fields(*[b"A: " + b"b" * 100] * 90),
        chunked(b"0\r\n" + b"A: b\r\n" * 102), chunked(b"0\r\nA: " + b"b" * 9000)])
    expect_refusals(lab, 413, "BODY_MOST in http.c", [
        with_fields(b"Content-Length: 1048577"), with_fields(b"Content-Length: 99999999999999999999999999"),
        with_fields(b"Content-Length: 18446744073709551617"),
        chunked((b"FFFF\r\n" + b"x" * 0xffff + b"\r\n") * 17),
        *[chunked(size + b"\r\n") for size in (b"100000", b"100001", b"FFFFFFFFFFFFFFFFF", b"10000000000000005 ;a")]])
    with lab.client() as client:  # 100 fields, with Host, are not too many
        client.say(with_fields(*[b"A: b"] * 99, method=b"GET") + REQUEST)
        expect_greeting(client)
        expect_greeting(client)


@check("http", "refusals")
def versions_and_expectations(lab):
    """Another HTTP is answered with 505, an unknown expectation with 417"""
    expect_refusals(lab, 505, "read_request_line in http.c", [
        b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", b"GET / HTTP/0.9\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"])
    expect_refusals(lab, 417, "Expect in read_field: RFC 9110, 10.1.1", [with_fields(b"Expect: 200-ok", method=b"GET")])


@check("http", "refusals")
def framed_after_a_body(lab):
    """Other methods are answered with 405 or 501, and the request behind their body is found"""
    bodies = [with_fields, lambda **more: with_fields(b"Content-Length: 40", body=REQUEST, **more),
              lambda **more: with_fields(b"Content-Length: 0", **more),
              lambda **more: with_fields(b"content-length:00040", body=REQUEST, **more),
              lambda **more: with_fields(b"Transfer-Encoding: Chunked",
                                         body=b"28\r\n" + REQUEST + b"\r\n00a ;\tx=\"y\"\r\n0123456789\r\n"
                                              b"1 \t\r\n-\r\n000\r\nA: b\r\n\r\n",
                                         **more),
              lambda **more: with_fields(b"Content-Length: 100000", body=b"\r\n" * 50000, **more)]
    expect(40, len(REQUEST), "this check")
    methods = [(b"POST", 405), (b"PUT", 405), (b"DELETE", 405), (b"PATCH", 405), (b"TRACE", 405), (b"BREW", 501),
               (b"get", 501), (b"GET", 200)]
    with lab.client() as client:
        client.say_beside(b"".join(body(method=method) + HEAD for method, _ in methods for body in bodies))
        for method, status in methods:
            for _ in bodies:
                answer = Answer(client)
                expect((method, status), (method, answer.status), "end_body in http.c")
                if status == 405:
                    expect("GET, HEAD", answer.fields.get("allow"), "Allow in say: RFC 9110, 15.5.6")
                expect_greeting(client, to_head=True)


@check("http", "refusals")
def many_left_unread(lab):
    """A megabyte behind a refusal does not take the answer away: it is read and forgotten"""
    with lab.client() as client:
        client.say(b"GET / HTTP/3.0\r\n\r\n")
        client.say_beside(b"x" * 1000000).join()
        with contextlib.suppress(OSError):
            client.finish()
        expect_refusal(client, 505, "WANT_LEAVE in take_leave: RFC 9112, 9.6")


# ---- http: manners


@check("http", "manners")
def keep_alive(lab):
    """HTTP/1.1 keeps the connection, unless told to close it; HTTP/1.0 closes it, unless told to keep it"""
    for fields in (b"Connection: close\r\n", b"connection: CLOSE\r\n", b"Connection: keep-alive, close\r\n",
                   b"Connection: x ,\tClose\r\n", b"Connection: x\r\nConnection: close\r\n"):
        with lab.client() as client:
            client.say(REQUEST[:-2] + fields + b"\r\n" + REQUEST)
            answer = Answer(client)
            expect((fields, 200, "close"), (fields, answer.status, answer.fields.get("connection")), "read_connection in http.c")
            client.expect_end()
    for fields, stays in ((b"", False), (KEEP, True), (b"Connection: Keep-Alive, close\r\n", False),
                          (b"Connection: x, keep-alive\r\n", True), (b"Connection: keep-alivex\r\n", False)):
        with lab.client() as client:
            client.say(HTTP10 + fields + b"\r\n" + HTTP10 + b"\r\n")
            answer = Answer(client)
            expect((fields, 200, "keep-alive" if stays else "close"),
                   (fields, answer.status, answer.fields.get("connection")), "begin_body in http.c: RFC 9112, 9.3")
            if stays:
                expect("close", Answer(client).fields.get("connection"), "the second request asked for nothing")
            client.expect_end()
    with lab.client() as client:
        for _ in range(3):
            client.say(REQUEST)
            expect(None, expect_greeting(client).fields.get("connection"), "nothing has to be said to HTTP/1.1")


@check("http", "manners")
def head_is_get_without_body(lab):
    """HEAD has the same fields as GET, and no body, whatever the status"""
    with lab.client() as client:
        client.say(REQUEST + HEAD + REQUEST)
        get, head = expect_greeting(client), expect_greeting(client, to_head=True)
        expect(sorted(get.fields), sorted(head.fields), "say in http.c")
        expect_greeting(client)


@check("http", "manners")
def refused_head_has_no_body(lab):
    """HEAD has no body when it is refused, either; what is refused behind a HEAD has one, if it is no HEAD itself"""
    look = "FLAG_HEAD in take_head: RFC 9110, 9.3.2"
    for request, status in ((b"HEAD / HTTP/1.1\r\n\r\n", 400), (b"HEAD / HTTP/2.0\r\n\r\n", 505),
                            (b"HEAD /a b HTTP/1.1\r\n", 400), (b"\r\nHEAD /" + b"a" * 9000, 414),
                            (with_fields(b"Expect: 200-ok", method=b"HEAD"), 417),
                            (with_fields(b"Content-Length: 1048577", method=b"HEAD"), 413),
                            (with_fields(b"Transfer-Encoding: chunked", method=b"HEAD", body=b"g\r\n"), 400)):
        with lab.client() as client:
            client.say_beside(request)
            expect(status, Answer(client, to_head=True).status, look)
            client.expect_end(look)
    for bad, status in ((b"(", 400), (b"A" * 9000, 414), (b"GET / HTTP/2.0\r\n\r\n", 505)):
        with lab.client() as client:
            client.say(HEAD)
            expect_greeting(client, to_head=True)
            client.say_beside(bad)
            expect_refusal(client, status, look)


def clock():
    """The time as time(2) has it, which is a few milliseconds behind that of time.time()."""
    return time.clock_gettime(5)  # CLOCK_REALTIME_COARSE, which Python does not name


@check("http", "times")
def dates(lab):
    """Date is the time, in HTTP's words, and goes on with it; the type of the page is said"""
    with Client(lab.start()) as client:
        for _ in range(2):
            before = int(clock())
            client.say(REQUEST)
            answer = expect_greeting(client)
            times = [formatdate(second, usegmt=True) for second in range(before, int(clock()) + 1)]
            if answer.fields.get("date") not in times:
                fail(" or ".join(times), answer.fields.get("date"), "date in http.c: RFC 9110, 5.6.7")
            expect("text/plain; charset=utf-8", answer.fields.get("content-type"), "say in http.c")
            wait_until(lambda: int(clock()) > before, "the next second", "the clock")


@check("http", "manners")
def expectations(lab):
    """100 Continue is said to who waits for it, and not to HTTP/1.0, nor where there is no body"""
    with lab.client() as client:
        client.say(with_fields(b"Content-Length: 5", b"Expect: 100-Continue"))
        expect(100, Answer(client).status, "begin_body in http.c: RFC 9110, 10.1.1")
        client.say(b"hello")
        expect(405, Answer(client).status, "end_body in http.c")
        client.say(with_fields(b"Transfer-Encoding: chunked", b"Expect: 100-continue", body=b"0\r\n\r\n"))
        expect(100, Answer(client).status, "begin_body in http.c")
        expect(405, Answer(client).status, "end_body in http.c")
        client.say(with_fields(b"Expect: 100-continue", method=b"GET"))
        expect_greeting(client)
        client.say(HTTP10 + KEEP + b"Content-Length: 1\r\nExpect: 100-continue\r\n\r\nx")
        expect(200, Answer(client).status, "HTTP/1.0 does not know 100")


@check("http", "manners")
def pages(lab):
    """-n is the size of the page: 0, 14, 1,320 bytes, 1 MiB, to a slow reader too"""
    for size in (0, 14, 1320, 1 << 20):
        page = (GREETING * (size // len(GREETING) + 1))[:size]
        with Client(lab.start("-n", size), window=4096) as client:
            client.say(HEAD + REQUEST * 3)
            expect(size, Answer(client, to_head=True).length, "-n, and prepare in http.c")
            for _ in range(3):
                answer = Answer(client)
                if answer.body != page:
                    fail(f"the greeting, again and again, {size} bytes", answer.body,
                         "prepare in http.c, conversation_parts: a part that is sent in pieces")


@check("http", "manners")
def many_large_pages(lab):
    """A client that takes 50 pages of 64 KiB in small pieces gets each byte in its place"""
    size = 1 << 16
    page = (GREETING * (size // len(GREETING) + 1))[:size]
    with Client(lab.start("-n", size), window=2048) as client:
        client.say_beside(REQUEST * 50)
        for number in range(50):
            expect((number, True), (number, Answer(client).body == page), "conversation_parts, conversation_went")


@check("http", "manners")
def more_beside_the_last_answer(lab):
    """What comes while the last answer is under way, and is never read, takes nothing of it away"""
    size = 16 << 20  # more than the buffers between hold: the server is at it until we have read
    with Client(lab.start("-n", size), window=1 << 18) as client:
        client.say(HTTP10 + b"\r\n")
        client.hear_to(b"\r\n\r\n")
        client.say(b"\r\n")
        expect(f"{size} bytes", f"{len(client.hear_all())} bytes", "take_leave in conversation.c: RFC 9112, 9.6")


@check("http", "manners")
def logged(lab):
    """The log has a line for each request, and nothing in it can drive a terminal or end a quotation"""
    server = lab.start("-l")
    with Client(server) as client:
        for begin in (b"", b"\r\n"):
            client.say(begin + b"GET /a\"b\\c HTTP/1.1\r\nHost: x\r\n\r\n")
            expect_greeting(client)
    for bad in (b"GET /\x1b[2J\x07\xff HTTP/1.1\r\n\r\n", b"\x1b]0;you\x07\r\n", b"\x00\n", b"A" * 9000):
        with Client(server) as client:
            client.say_beside(bad)
            Answer(client)
            client.expect_end()
    if lab.model != "inetd":  # its standard output is the connection
        wait_until(lambda: server.output().count(b"\n") >= 7, "a line for each of six requests in the log", "-l, log_request")
        for wanted in (rb'127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\] "GET /a\\"b\\\\c HTTP/1.1" 200 14\n',
                       rb'"\\r\\nGET /a\\"b\\\\c HTTP/1.1" 200 14\n', rb'"GET /\\x1b\[2J\\x07\\xff HTTP/1.1" 400 \d+\n', rb'"A{500,1000}" 414 \d+\n'):
            if not re.search(wanted, server.output()):
                fail(wanted, server.output(), "log_request, escape in words.c")
    raw = set(server.output() + server.complaints()) - set(range(32, 127)) - {10}
    expect("nothing but text in the log", "nothing but text in the log" if not raw else f"bytes {sorted(raw)}", "escape")


@check("http", "manners")
def unread_log(lab):
    """Nobody reads the log and the complaints any more: the lines are lost, and clients are served all the same"""
    server = lab.start("-l", unread=True)
    for _ in range(5):  # each makes a line of 3,600 bytes, or a complaint, where 4,096 find room
        with Client(server) as client:
            client.say(b"GET /" + b"\x1b" * 900 + b" HTTP/1.1\r\n\r\n")
            expect_refusal(client, 400, "print in words.c: poll")
        with Client(server) as client:
            client.say(chunked(b"x" + b"\x1b" * 300))
            expect_refusal(client, 400, "print in words.c: poll")


@check("http", "manners")
def pause(lab):
    """-s is waited before each answer, and who leaves meanwhile holds up nobody"""
    server = lab.start("-s", "0.1")
    for leave in (Client.leave, Client.reset):
        client = Client(server)
        client.say(REQUEST)
        leave(client)
    with Client(server) as client:
        begin = time.monotonic()
        client.say(REQUEST * 3)
        for _ in range(3):
            expect_greeting(client)
        lasted = time.monotonic() - begin
        if lasted < 0.29:
            fail("3 pauses of 0.1 s", f"{lasted:.3f} s", "WANT_PAUSE in ask, conversation_late")
        client.finish()
        client.expect_end()


# ---- times, of all protocols


def expect_lasted(begin, seconds, look):
    lasted = time.monotonic() - begin
    if lasted < seconds - 0.005:
        fail(f"{seconds:g} s at least", f"{lasted:.3f} s", look)


def silent(lab):
    """Who says nothing is left after -I, not before, and hears nothing"""
    server = lab.start("-I", "0.3", "-H", NEVER)
    begin = time.monotonic()
    with Client(server) as client:
        client.expect_end("WANT_REQUEST in conversation_late")
        expect_lasted(begin, 0.3, "idle_time")
    expect_service(lab.protocol, server)


def silent_after_an_answer(lab):
    """Who says nothing after an answer is left after -I"""
    server = lab.start("-I", "0.3", "-H", NEVER)
    with Client(server) as client:
        begin = time.monotonic()  # before the answer can have left the server
        ask(lab.protocol, client)
        hear_answer(lab.protocol, client)
        client.expect_end("WANT_REQUEST in consider")
        expect_lasted(begin, 0.29, "idle_time begins anew after each answer")
    expect_service(lab.protocol, server)


def half_a_request(lab):
    """Who begins a request and does not end it is left after -H; HTTP says 408"""
    server = lab.start("-H", "0.3", "-I", NEVER)
    halves = {"http": [REQUEST[:9], REQUEST + REQUEST[:-1], with_fields(b"Content-Length: 5", body=b"hell"),
                       chunked(b"5\r\nhel")],
              "echo": [b"By"], "zen": [b"Simple is"]}[lab.protocol]
    for half in halves:
        begin = time.monotonic()
        with Client(server) as client:
            client.say(half)
            if half.startswith(REQUEST):
                expect_greeting(client)
            if lab.protocol == "http":
                answer = Answer(client)
                expect((408, "close"), (answer.status, answer.fields.get("connection")), "late in http.c, WANT_REST in conversation_late")
                expect(True, "date" in answer.fields, "RFC 9110, 6.6.1: a Date in each answer, but for 1xx and 5xx")
            client.expect_end("WANT_REST in conversation_late")
            expect_lasted(begin, 0.3, "header_time")
    expect_service(lab.protocol, server)


def drops(lab):
    """The time of -H is for the whole request: who sends a byte now and then gets no more"""
    server = lab.start("-H", "0.4", "-I", NEVER)
    with Client(server) as client:
        begin = time.monotonic()
        client.say(b"GET /")
        while not select.select([client.socket], [], [], 0.02)[0]:
            if time.monotonic() - begin > DEADLINE:
                fail("408, or the end, after 0.4 s", f"nothing for {DEADLINE:g} s", "consider: a wait that goes on is not begun anew")
            client.say_beside(b"a").join()
        expect_lasted(begin, 0.4, "header_time")
    expect_service(lab.protocol, server)


def never_reads(lab):
    """Who takes nothing of the answer is left after -W"""
    options, text = {"http": (("-n", 8 << 20), REQUEST), "echo": ((), b"x" * (12 << 20)),
                     "zen": ((), b"Simple is better than?" * 400000)}[lab.protocol]
    server = lab.start("-W", "0.3", "-H", NEVER, "-I", NEVER, *options)
    with Client(server, window=2048) as client:
        begin = time.monotonic()
        speaker = client.say_beside(text)
        wait_until(lambda: server.has_closed(client), "the server closes the connection", "WANT_ROOM in conversation_late")
        expect_lasted(begin, 0.3, "write_time")
    speaker.join()
    expect_service(lab.protocol, server)


for _protocol in GROUPS:
    for _check in (silent, silent_after_an_answer, half_a_request, never_reads):
        check(_protocol, "times")(_check)
for _protocol in ("http", "zen"):
    check(_protocol, "times")(drops)


@check("http", "times")
def reads_slowly(lab):
    """Who takes some of the answer within -W, again and again, gets all of it, however long that takes"""
    size = 16 << 20  # more than the buffers between hold, so that the server is at it for longer than -W
    with Client(lab.start("-W", "1", "-n", size), window=1 << 16) as client:
        begin = time.monotonic()
        client.say(REQUEST)
        client.hear_to(b"\r\n\r\n")
        left, client.came = size - len(client.came), b""
        while left > 0:
            some = max(0, left - (5 << 19))  # enough to make room: the kernel tells of a third of a buffer
            while left > some:
                piece = client.socket.recv(min(1 << 16, left - some))
                if not piece:
                    fail(f"{size} bytes", f"the end of file, {left} bytes before", "conversation_went: the time begins anew")
                left -= len(piece)
            time.sleep(0.3 if left > 0 else 0)
        expect_lasted(begin, 1, "this check: it has been too quick to prove anything")


@check("http", "times")
def drips(lab):
    """Who takes a little of the answer all the time gets all of it, although it is long until there is room for more"""
    size = 8 << 20
    with Client(lab.start("-W", "1", "-n", size), window=1 << 15) as client:
        begin = time.monotonic()
        client.say(REQUEST)
        expect(size, int(re.search(rb"Content-Length: (\d+)", client.hear_to(b"\r\n\r\n")).group(1)), "say in http.c")
        taken = 0
        while time.monotonic() < begin + 2.5:  # the second time that -W is over, it has to be seen that some was taken
            taken += len(client.hear(1 << 13))
            time.sleep(0.025)
        expect(f"{size} bytes", f"{taken + len(client.hear(size - taken))} bytes", "takes_some in conversation.c")


@check("http", "times")
def waits_for_nothing(lab):
    """Who waits keeps no processor busy: in a pause, gone in a pause, deaf, half-closed, in the midst of a request"""
    paused, large = lab.start("-s", "0.4"), lab.start("-n", 8 << 20)
    with contextlib.ExitStack() as stack:
        def begin(server, text):
            client = stack.enter_context(Client(server, window=2048))
            client.say(text)
            return client
        clients = [begin(paused, REQUEST * 2) for _ in range(HOLDERS.get(lab.model, 4))]
        begin(large, REQUEST)
        begin(large, REQUEST * 3).finish()
        begin(large, HALVES["http"])
        for client in clients:  # the second pause begins when the first answer comes
            expect_greeting(client)
        before, since = paused.busy_time() + large.busy_time(), time.monotonic()
        for client, then in zip(clients, (Client.reset, Client.finish, Client.leave)):
            then(client)
        time.sleep(0.3)
        spent, lasted = paused.busy_time() + large.busy_time() - before, time.monotonic() - since
        if spent > lasted / 2:
            fail(f"next to nothing, in {lasted:.1f} s", f"{spent:.2f} s with a processor, or in wait for one",
                 "what a loop is told again and again: events_for, EPOLLHUP, a deadline that has passed")


# ---- crowds, of all protocols


def is_limited(model):
    return model in HOLDERS


def crowd_size(lab):
    """So many as can be: descriptors are needed here, and there."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 100
    return min(CROWD, most, 100 if lab.model == "inetd" else CROWD)


HALVES = {"http": REQUEST[:20], "echo": b"B", "zen": b"Simple is "}
RESTS = {"http": REQUEST[20:], "echo": b"hello", "zen": b"better than?"}


def crowd(lab):
    """1,000 hold their connections, silent or in the midst of a request, while others are served; then they are"""
    count, protocol = crowd_size(lab), lab.protocol
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(lab.client()) for _ in range(count)]
        for client in held[::2]:
            client.say(HALVES[protocol])
        for _ in range(20):
            expect_service(protocol, lab.server)
        for number, client in enumerate(held):
            if number % 2:
                ask(protocol, client)
            else:
                client.say(RESTS[protocol])
        for number, client in enumerate(held):
            if protocol == "echo" and number % 2 == 0:
                expect(b"B", client.hear(1), "what is held back comes with the rest")
            hear_answer(protocol, client)
        for client in held[::3]:
            client.reset()
    expect_nothing_left(lab.server)


def held_up(lab):
    """As many as there are workers hold up all others, who are served as soon as these leave"""
    protocol = lab.protocol
    expect_service(protocol, lab.server)
    held = [lab.client() for _ in range(HOLDERS[lab.model])]
    for client in held:  # each has a worker when it has an answer
        converse_once(protocol, client)
    waiting = [lab.client() for _ in range(20)]
    for client in waiting:
        ask(protocol, client)
    waiting[0].expect_silence("there is a worker more than it says")
    for client in waiting[1:]:
        if select.select([client.socket], [], [], 0)[0]:
            fail("none of 20 is answered while the workers are held", "one is", "there is a worker more than it says")
    for client in held:
        client.leave()
    for client in waiting:
        hear_answer(protocol, client)
        client.leave()
    expect_nothing_left(lab.server)


def beside_slow_ones(lab):
    """One who sends slowly and one who takes nothing hold up nobody else"""
    protocol = lab.protocol
    server = lab.start("-n", 8 << 20) if protocol == "http" else lab.server
    with Client(server, window=2048) as deaf, Client(server) as slow:
        deaf.say_beside({"http": REQUEST * 4, "echo": b"x" * (1 << 23), "zen": b"Simple is better than?" * 400000}[protocol])
        slow.say(HALVES[protocol])
        for _ in range(10):
            expect_service(protocol, server)
            slow.say(b"" if protocol == "echo" else b" " if protocol == "zen" else b"a")
        deaf.reset()
    expect_nothing_left(server)


def resets(lab):
    """Clients that leave or reset before, during and after a request, and in the midst of an answer, hurt nobody"""
    protocol = lab.protocol
    server = lab.start("-n", 1 << 20) if protocol == "http" else lab.server
    for leave in (Client.leave, Client.reset):
        for said in (b"", HALVES[protocol], {"http": REQUEST * 20, "echo": b"x" * 100000, "zen": b"Simple is better than?" * 4000}[protocol]):
            for heard in (0, 1):
                clients = [Client(server) for _ in range(HOLDERS.get(lab.model, 10))]
                for client in clients:
                    client.say_beside(said).join(0.001)
                    if heard and len(said) > 100:
                        client.hear(1)
                    leave(client)
    expect_service(protocol, server)
    expect_nothing_left(server)


def at_most(lab):
    """With -m 2, a third client waits or is told that the server is busy; when one leaves, another is served"""
    protocol, server = lab.protocol, lab.start("-m", 2)
    first, second = Client(server), Client(server)
    for client in (first, second):
        converse_once(protocol, client)
    third = Client(server)
    ask(protocol, third)
    if select.select([third.socket], [], [], SILENCE)[0]:
        heard = third.hear_all()
        if protocol != "http" and heard or protocol == "http" and not heard.startswith(b"HTTP/1.1 503 "):
            fail("nothing yet, or the protocol's word for busy", heard, "service.most")
        first.leave()
        wait_until(lambda: serves(protocol, server), "the next client is served, when the first has left", "service.most")
    else:
        first.leave()
        hear_answer(protocol, third)
    converse_once(protocol, second)
    second.leave()
    third.leave()
    expect_nothing_left(server)


def no_descriptor(lab):
    """When no descriptor is left, it says so and pauses, ten times a second at the most; all are served in the end"""
    server = lab.start("-m", 100)
    pid = server.process.pid
    limit = max(int(name) for name in os.listdir(f"/proc/{pid}/fd")) + 4
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (limit, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    begin = time.monotonic()
    clients = [Client(server) for _ in range(10)]
    for client in clients:
        ask(lab.protocol, client)
    wait_until(lambda: server.complaints().count(b"serve: accept: Too many open files\n") >= 4,
               lambda: f"four complaints that no descriptor is left, instead of {show(server.complaints())}", "remedy_for")
    expect_lasted(begin, 0.29, "ACCEPT_PAUSE")
    for client in clients:
        hear_answer(lab.protocol, client)
        client.leave()
    expect_nothing_left(server)


def serves(protocol, server):
    try:
        expect_service(protocol, server)
    except Failed:
        return False
    return True


def expect_nothing_left(server):
    """What the server has of clients is gone when they are: processes, threads, descriptors."""
    wait_until(lambda: all(now <= first for now, first in zip(server.holds(), server.at_first)),
               lambda: f"(processes, threads, descriptors) as before the first client, {server.at_first}: now {server.holds()}",
               "conversation_end for each; who reaps, who joins?")


for _protocol in GROUPS:
    check(_protocol, "crowd", only=lambda model: not is_limited(model))(crowd)
    check(_protocol, "crowd", only=is_limited)(held_up)
    check(_protocol, "crowd", only=lambda model: HOLDERS.get(model, 3) > 2)(beside_slow_ones)
    check(_protocol, "crowd")(resets)
    check(_protocol, "crowd", only=lambda model: model in TAKES_MOST)(at_most)
check("http", "crowd", only=lambda model: model in TAKES_MOST and model != "fork")(no_descriptor)


@check("zen", "crowd", only=lambda model: model in LOOPS)
def turns(lab):
    """Who asks 5,000 questions at once is answered by turns with those who ask one, before him or after him"""
    server = lab.start("-l")
    with Client(server) as before, Client(server) as many, Client(server) as after:
        for client in (before, many, after):
            converse_once("zen", client)
        os.kill(server.process.pid, signal.SIGSTOP)  # so that it finds all questions there
        many.say(b"?" * 5000)
        for client in (before, after):
            ask("zen", client)
        os.kill(server.process.pid, signal.SIGCONT)
        for client in (before, after):
            hear_answer("zen", client)
    lines = server.output().splitlines()[4:]
    waited = [number for number, line in enumerate(lines) if b"Simple" in line][-1]
    if waited > 500:
        fail("100 or 200 answers, until both others have theirs", f"{waited} answers", "CALLS_AT_ONCE in conversation_go; WRITES_AT_ONCE in uv.c")


# ---- echo


@check("echo", "pieces")
def echo_split_everywhere(lab):
    """A message is split in every place, a Bye too: all of it comes back, without the Bye"""
    text = b"B By Bye"
    for place in range(1, len(text)):
        with lab.client() as client:
            client.say(b"ByBx" + text[:place])  # what has come back has been read, and so has the rest
            expect(b"ByBx", client.hear(4), "take in echo.c")
            client.say(text[place:])
            expect(b"B By ", client.hear_all(), "the beginning of a Bye is held back in echo.c")


@check("echo", "pieces")
def echo_byte_by_byte(lab):
    """Ten messages come byte by byte, each when the one before has come back, and then Bye"""
    with lab.client() as client:
        for number in range(10):
            message = b"message %d: Bx" % number
            client.say_slowly(message)
            expect(message, client.hear(len(message)), "take in echo.c")
        client.say_slowly(b"Bye")
        client.expect_end("take in echo.c")


@check("echo", "pieces")
def echo_bytes(lab):
    """Every byte comes back, NUL and controls too, and a megabyte in one burst"""
    text = bytes(range(256)) * 4096
    with lab.client() as client:
        client.say_beside(text + b"Bye")
        heard = client.hear_all()
        expect(True, heard == text, f"{len(text)} bytes were sent, {len(heard)} came back: finish_answer")


@check("echo", "pieces")
def echo_burst(lab):
    """2, 100 and 1,000 messages in one burst come back in order"""
    for count in (2, 100, 1000):
        text = b"".join(b"message %d\n" % number for number in range(count))
        with lab.client() as client:
            client.say_beside(text)
            expect(text, client.hear(len(text)), "take in echo.c")
            client.say(b"Bye")
            client.expect_end()


@check("echo", "pieces")
def echo_after_bye(lab):
    """What follows Bye is not said, and takes nothing away of what came before"""
    for rest in (b" more", b"Bye", b"x" * 100000):
        with lab.client() as client:
            client.say_beside(b"hello" + b"Bye" + rest)
            expect(b"hello", client.hear_all(), "take in echo.c, WANT_LEAVE in conversation.c")


@check("echo", "pieces")
def echo_after_bye_alone(lab):
    """Nor does it when there is nothing to say before the Bye: the connection ends, and is not reset"""
    for begin in (b"hello", b"hello By"):
        with lab.client() as client:
            client.say(begin)
            expect(b"hello", client.hear(5), "take in echo.c")
            client.say(b"Bye"[len(begin[6:]):] + b"x" * 32768)  # more than one read takes: closed now, it would be a reset
            expect(begin[5:6], client.hear_all(), "ask in conversation.c: take_leave, though there is no answer")


@check("echo", "pieces")
def echo_end(lab):
    """The end of file ends it: what was held back of a Bye that was none comes first"""
    for text in (b"", b"hello", b"B", b"By", b"hello By", b"ByBy", b"bye", b"BYE", b"B y e"):
        with lab.client() as client:
            client.say(text)
            client.finish()
            expect(text, client.hear_all(), "take in echo.c, when ended")


@check("echo", "pieces")
def echo_log(lab):
    """The log has what was said as text: no control character reaches the terminal"""
    server = lab.start("-l")
    with Client(server) as client:
        client.say(b"\x1b[2J\x07\n")
        expect(b"\x1b[2J\x07\n", client.hear(6), "take in echo.c")
    if lab.model != "inetd":
        wait_until(lambda: rb'"\x1b[2J\x07\n" - 6' in server.output(), "the escaped message in the log", "log_request")
    raw = set(server.output() + server.complaints()) - set(range(32, 127)) - {10}
    expect("nothing but text in the log", "nothing but text in the log" if not raw else f"bytes {sorted(raw)}", "escape")


def short_pause(lab):
    """-s is waited before each answer, and who leaves meanwhile holds up nobody"""
    server = lab.start("-s", "0.1")
    for leave in (Client.leave, Client.reset):
        client = Client(server)
        ask(lab.protocol, client)
        leave(client)
    with Client(server) as client:
        begin = time.monotonic()
        for _ in range(2):
            converse_once(lab.protocol, client)
        expect_lasted(begin, 0.2, "WANT_PAUSE in ask, conversation_late")


check("echo", "times")(short_pause)
check("zen", "times")(short_pause)


# ---- zen

QUESTIONS = {b"Beautiful is better than?": b"ugly.", b"Explicit is better than?": b"implicit.",
             b"Simple is better than?": b"complex."}
UNKNOWN = b"Error: unknown aphorism."


@check("zen", "pieces")
def zen_split_everywhere(lab):
    """Each question is split in every place, and answered"""
    with lab.client() as client:
        for question, answer in QUESTIONS.items():
            for place in range(1, len(question)):
                client.say(b"Simple is better than?" + question[:place])
                expect(b"complex.", client.hear(8), "take in zen.c")
                client.say(question[place:])
                expect(answer, client.hear(len(answer)), "take in zen.c")


@check("zen", "pieces")
def zen_byte_by_byte(lab):
    """A question comes byte by byte, and blanks and line ends before one are forgiven"""
    with lab.client() as client:
        client.say_slowly(b" \r\n\nSimple is better than?")
        expect(b"complex.", client.hear(8), "blanks in zen.c")


@check("zen", "pieces")
def zen_burst(lab):
    """2, 100 and 1,000 questions come in one burst, and are answered in order"""
    questions = list(QUESTIONS.items()) + [(b"Why?", UNKNOWN)]
    for count in (2, 100, 1000):
        burst = [questions[number % 4] for number in range(count)]
        with lab.client() as client:
            client.say_beside(b"\n".join(question for question, _ in burst))
            answers = b"".join(answer for _, answer in burst)
            expect(answers, client.hear(len(answers)), "finish_answer: what is left of the bytes")
            client.finish()
            client.expect_end()


@check("zen", "pieces")
def zen_unknown(lab):
    """Another question is an unknown aphorism, rubbish with a question mark too, and the next is answered"""
    with lab.client() as client:
        for question in (b"Why?", b"?", b"simple is better than?", b"Simple is better than ?", b"\x00?", b"\x1b[2J?",
                         b"Simple is better than\x00?", b"\xff\xfe?"):
            client.say(question)
            expect(UNKNOWN, client.hear(len(UNKNOWN)), "take in zen.c")
            converse_once("zen", client)


@check("zen", "pieces")
def zen_half(lab):
    """Half a question and the end is reported, as text, by the client's address; others are not affected"""
    with lab.client() as other:
        converse_once("zen", other)
        if lab.model == "single":
            other.leave()
        with lab.client() as client:
            client.say(b"Beautiful\x1b is")
            client.finish()
            client.expect_end("take in zen.c, when ended")
            wanted = b'serve: client 127.0.0.1:%d: half a question, and then the end: "Beautiful\\x1b is"\n' % client.port
            wait_until(lambda: wanted in lab.server.complaints(), f"standard error has {show(wanted)}", "complain_of")
        if lab.model != "single":
            converse_once("zen", other)
    expect_service("zen", lab.server)


@check("zen", "pieces")
def zen_too_long(lab):
    """A question that has no end is too long: it is said, and the rest of it is forgotten"""
    for size in (8192, 8193, 300000):
        with lab.client() as client:
            client.say_beside(b"a" * size)
            expect(b"Error: the question is too long.", client.hear_all(), "take in zen.c, WANT_LEAVE")
    expect_service("zen", lab.server)


@check("zen", "pieces")
def zen_half_closed(lab):
    """Questions that are followed by the end of file are answered"""
    with lab.client() as client:
        client.say(b"Simple is better than?\nWhy?\r\n ")
        client.finish()
        expect(b"complex." + UNKNOWN, client.hear_all(), "take in zen.c, when ended")


# ---- The command line -----------------------------------------------------------------------------------------


def title(function):
    return function.__doc__.splitlines()[0]


def make(lab, function, failures):
    """Makes one check, and notes what it finds."""
    begin = time.monotonic()
    try:
        function(lab)
        if "TIMES" in os.environ:
            print(f"{time.monotonic() - begin:6.3f} s  {lab.protocol} by {lab.model}: {title(function)}")
    except Failed as failed:
        failures.append((function, str(failed)))
    except OSError as error:
        line = error.__traceback__
        while line.tb_next and line.tb_next.tb_frame.f_code.co_filename == __file__:
            line = line.tb_next
        failures.append((function, f"expected: a connection that lasts\nseen:     {error}, in line {line.tb_lineno} of "
                         "conform.py\nlook at:  does the server live? its last words are below"))


def run(model, protocol, group):
    reason = models().get(model, "there is no such model")
    if reason:
        print(reason)
        return CANNOT
    lab, failures = Lab(model, protocol), []
    wanted = [function for of, at, function, only in CHECKS if (of, at) == (protocol, group) and only(model)]
    try:
        if group == "times":  # they wait, each with a server of its own
            threads = [threading.Thread(target=make, args=(lab, function, failures)) for function in wanted]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        else:
            for function in wanted:
                make(lab, function, failures)
        for function, text in failures:
            print(f"what:     {protocol} by {model}: {title(function)}\n{text}")
        words = b"".join(server.complaints() for server in lab.servers)
        if failures and words:
            print("the server's last words:")
            print("".join("  " + show(line) + "\n" for line in words.splitlines()[-5:]), end="")
    finally:
        lab.stop()
    return 1 if failures else 0


def print_tests(protocol, names):
    """The bats tests of a protocol: bats wants to read them before it runs one."""
    print(f"load {ROOT}/tests/beyond/setup")
    for model in names:
        for group, words in GROUPS[protocol].items():
            print(f'@test "{protocol} by {model}: {words}" {{\n    conform {model} {protocol} {group}\n}}')


def main(arguments):
    if arguments[:1] == ["tests"] and arguments[1:2] and arguments[1] in GROUPS:
        print_tests(arguments[1], arguments[2:] or list(models()))
        return 0
    if arguments == ["list"]:
        for protocol, groups in GROUPS.items():
            for group, words in groups.items():
                print(f"{protocol} {words}")
                for of, at, function, _ in CHECKS:
                    if (of, at) == (protocol, group):
                        print(f"    {title(function)}")
        return 0
    if len(arguments) == 3 and arguments[2] in GROUPS.get(arguments[1], {}):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != hard:  # not more than needed: a server may look at each descriptor that there could be
            most = CROWD + 500 if hard == resource.RLIM_INFINITY else min(hard, CROWD + 500)
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
        return run(*arguments)
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
