"""Applications for the probe, by path: what is right, what is odd, and what is wrong."""

import json
import os
import random
import subprocess
import sys
import time

NOTES = os.environ.get("NOTES")  # a directory for side effects
PLAIN = [("Content-Type", "text/plain")]
if NOTES:
    with open(f"{NOTES}/loaded", "a") as file:
        file.write("once\n")


def note(name, text=""):
    with open(f"{NOTES}/{name}", "a") as file:
        file.write(text + "\n")


def wait_for(name):
    for _ in range(3000):
        if os.path.exists(f"{NOTES}/{name}"):
            return
        time.sleep(0.01)
    raise TimeoutError(f"nobody has made {name}")


class Items:
    """An iterable with a close that leaves a note."""

    def __init__(self, items, name, fails=False):
        self.items, self.name, self.fails = iter(items), name, fails

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.items)

    def close(self):
        note(self.name)
        if self.fails:
            raise ValueError("close fails, as it is meant to")


def environ(env, start):
    start("200 OK", PLAIN)
    return [json.dumps({key: value for key, value in env.items() if isinstance(value, (str, bool, tuple))}).encode()]


def body(env, start):
    """Reads the body as the query says, and tells what came."""
    stream, how, got = env["wsgi.input"], env["QUERY_STRING"], []
    if how == "read":
        got = [stream.read()]
    elif how == "read5":
        while piece := stream.read(5):
            got.append(piece)
    elif how == "readline":
        while line := stream.readline():
            got.append(line)
    elif how == "readline3":
        while line := stream.readline(3):
            got.append(line)
    elif how == "readlines":
        got = stream.readlines()
    elif how == "lines":
        got = list(stream)
    got.append(stream.read())  # and nothing after the end
    start("200 OK", PLAIN)
    return [json.dumps([piece.decode("latin-1") for piece in got]).encode()]


def late_body(env, start):
    start("200 OK", PLAIN)
    yield b"first"
    yield env["wsgi.input"].read()


def stream(env, start):
    start("200 OK", PLAIN)
    yield b"one "
    yield b""
    wait_for("go")
    yield b"two"


def writes(env, start):
    write = start("200 OK", PLAIN)
    write(b"one ")
    write(b"two ")
    return [b"three"]


def writes_nothing(env, start):
    start("200 OK", PLAIN)(b"")
    wait_for("go")
    return []


def replaced(env, start):
    start("200 OK", PLAIN)
    yield b""
    try:
        raise ValueError("before there is anything to send")
    except ValueError:
        start("503 Service Unavailable", [("X-Why", "replaced")], sys.exc_info())
    yield b"sorry"


def replaced_too_late(env, start):
    start("200 OK", PLAIN)
    yield b"begun"
    try:
        raise ValueError("the first reason")
    except ValueError:
        start("500 Oh", PLAIN, sys.exc_info())
    yield b"never"


def twice(env, start):
    start("200 OK", PLAIN)
    start("200 OK", PLAIN)
    return [b"never"]


def answers(status="200 OK", headers=PLAIN, items=(b"never",)):
    def application(env, start):
        start(status, headers)
        return items
    return application


def silent(env, start):
    return [b"without start_response"]


def middle(env, start):
    start("200 OK", PLAIN)
    yield b"half"
    raise ValueError("in the middle")


def middle_with_length(env, start):
    start("200 OK", [("Content-Length", "8")])
    yield b"half"
    raise ValueError("in the middle")


def before(env, start):
    raise ValueError("before the answer: \udcff \u20ac")


def exits(env, start):
    sys.exit("the application wants to end")


def endless(env, start):
    start("200 OK", PLAIN)

    def items():
        while True:
            yield b"x" * 65536
    return Items(items(), "closed")


def closes(env, start):
    start("200 OK", PLAIN)
    return Items([b"whole"], "closed", env["QUERY_STRING"] == "fails")


def closes_after_failure(env, start):
    start("200 OK", PLAIN)

    def items():
        yield b""
        raise ValueError("before the first byte")
    return Items(items(), "closed")


def exceeds_by_write(env, start):
    write = start("200 OK", [("Content-Length", "4")])
    write(b"four")
    write(b"more")
    return []


def writes_late(env, start):
    """Does what close is not for."""
    write = start("200 OK", PLAIN)

    class Late(Items):
        def close(self):
            write(b"and more")
    return Late([b"who", b"le"], "closed")


def counts(env, start):
    """Has an answer that is whole after the first item: the second is not to be asked for."""
    start("200 OK", [("Content-Length", "4")])

    def items():
        yield b"four"
        note("asked")
        yield b"more"
    return Items(items(), "closed")


def state_of(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(") ")[2][0]
    except FileNotFoundError:
        return "gone"


def child(env, start):
    """Asks for the status of a program only when it has ended: does anybody else take it away?"""
    start("200 OK", PLAIN)
    program = subprocess.Popen(["sh", "-c", "exit 7"])
    while state_of(program.pid) not in ("Z", "gone"):
        time.sleep(0.01)
    return [b"%d" % program.wait()]


def chance(env, start):
    start("200 OK", PLAIN)
    return [str(random.random()).encode()]


def together(env, start):
    """Answers when ten of its kind are there."""
    note("here." + env["QUERY_STRING"])
    for _ in range(3000):
        if sum(name.startswith("here.") for name in os.listdir(NOTES)) == 10:
            break
        time.sleep(0.01)
    else:
        raise TimeoutError("the other nine have not come")
    start("200 OK", PLAIN)
    return [b"ten"]


def sleeps(env, start):
    time.sleep(1)
    start("200 OK", PLAIN)
    return [b"slept"]


def errors(env, start):
    env["wsgi.errors"].write("a euro \u20ac and a byte \udcff\n")
    env["wsgi.errors"].writelines(["two ", "words\n"])
    env["wsgi.errors"].flush()
    print("on standard output")
    start("200 OK", PLAIN)
    return [b"said"]


APPLICATIONS = {
    "/environ": environ,
    "/body": body,
    "/late_body": late_body,
    "/stream": stream,
    "/writes": writes,
    "/writes_nothing": writes_nothing,
    "/replaced": replaced,
    "/replaced_too_late": replaced_too_late,
    "/twice": twice,
    "/silent": silent,
    "/middle": middle,
    "/middle_with_length": middle_with_length,
    "/before": before,
    "/exits": exits,
    "/endless": endless,
    "/closes": closes,
    "/closes_after_failure": closes_after_failure,
    "/exceeds_by_write": exceeds_by_write,
    "/writes_late": writes_late,
    "/counts": counts,
    "/child": child,
    "/chance": chance,
    "/together": together,
    "/sleeps": sleeps,
    "/errors": errors,
    "/one": answers(items=[b"alone"]),
    "/two": answers(items=[b"one ", b"two"]),
    "/none": answers(items=[]),
    "/no_content": answers("204 No Content", [("Content-Length", "5")], [b"five!"]),
    "/not_modified": answers("304 Not Modified", [("ETag", '"x"')], [b"never"]),
    "/length": answers(headers=[("Content-Length", "5")], items=[b"fi", b"ve!"]),
    "/long": answers(headers=[("Content-Length", "4")], items=[b"fo", b"ur and more"]),
    "/short": answers(headers=[("Content-Length", "9")], items=[b"four"]),
    "/dated": answers(headers=[("Date", "Thu, 01 Jan 1970 00:00:00 GMT")], items=[b"old"]),
    "/status_bytes": answers(b"200 OK"),
    "/status_word": answers("fine"),
    "/status_line": answers("200 OK\r\nX-Evil: 1"),
    "/status_100": answers("100 Continue"),
    "/headers_tuple": answers(headers=tuple(PLAIN)),
    "/header_list": answers(headers=[["A", "b"]]),
    "/header_bytes": answers(headers=[("A", b"b")]),
    "/header_line": answers(headers=[("A", "b\r\nX-Evil: 1")]),
    "/header_tab": answers(headers=[("A", "b\tc")]),
    "/header_euro": answers(headers=[("A", "\u20ac")]),
    "/header_name": answers(headers=[("A b", "c")]),
    "/header_colon": answers(headers=[("A:", "c")]),
    "/hop": answers(headers=[("Connection", "keep-alive")]),
    "/hop2": answers(headers=[("transfer-Encoding", "chunked")]),
    "/length_word": answers(headers=[("Content-Length", "five")]),
    "/lengths": answers(headers=[("Content-Length", "5"), ("Content-Length", "6")]),
    "/lengths_alike": answers(headers=[("Content-Length", "5"), ("Content-Length", "5")]),
    "/text": answers(items=["not bytes"]),
    "/text_whole": answers(items="not bytes"),
    "/nothing": answers(items=None),
}


def application(env, start):
    return APPLICATIONS[env["PATH_INFO"]](env, start)


not_callable = 42
