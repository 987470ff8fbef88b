#!/usr/bin/env python3
"""Lets system calls of beyond/serve fail, one at a time, and compares what happens with what faults.tsv declares.

    faults.py MODEL...    walks the rows of these models; status 1 if one is not as declared, 77: cannot be walked
    faults.py list        prints each row as it is walked: MODEL CALL ERRNO WHEN

strace stops the server at a call, skips it, and says that it has failed (tests/faults/README.md). A first client
meets the fault; a second one comes after it, when nobody traces any more. Then the server has to be at rest (nobody
runs, nobody wakes up) and to have the processes, threads and descriptors of a server that no fault has met.

SERVE names the program, TABLE another table. Nothing sleeps until something has "surely" happened; LAB_DEADLINE is the
most that is waited.
"""
import errno
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SERVE = os.environ.get("SERVE") or os.path.join(HERE, "..", "..", "beyond", "serve")
DEADLINE = float(os.environ.get("LAB_DEADLINE") or 10)
TABLE = os.environ.get("TABLE") or os.path.join(HERE, "faults.tsv")
CANNOT = 77
PAUSE = 0.1  # ACCEPT_PAUSE in remedy.h
REST = 0.02  # a server at rest is seen twice with the same figures, so many seconds apart
WORKERS = {"prefork": 1, "threads": 1, "multi": 1}

# What a call of the table is called in the kernel, there being several names; ?: not on each machine.
NAMES = {
    "accept": "?accept,accept4", "fork": "clone,?clone3,?fork,?vfork", "pthread_create": "clone,?clone3",
    "recv": "recvfrom", "send": "sendto,sendmsg", "poll": "?poll,ppoll",
    "epoll_wait": "?epoll_wait,epoll_pwait,?epoll_pwait2",
}
# The first client says nothing until the fault has come, where somebody has to wait for its request; and where
# somebody has to refuse it, it says rubbish.
SILENT = ("poll", "epoll_wait", "epoll_ctl", "io_uring_enter")
REQUEST = b"GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
RUBBISH = b"rubbish\r\n\r\n"


class Wrong(Exception):
    pass


def wait_until(condition):
    """Returns what the condition says, as soon as that is true, or what it says at the deadline."""
    end = time.monotonic() + DEADLINE
    while True:
        result = condition()
        if result or time.monotonic() > end:
            return result
        time.sleep(0.003)


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def rows():
    """Yields each fault of the table: models, call, errno, when, behaviour, message."""
    with open(TABLE, encoding="utf-8") as table:
        for line in table:
            if line.startswith("#") or not line.strip():
                continue
            models, call, errnos, when, behaviour, message = line.rstrip("\n").split("\t")
            for name in errnos.split():
                yield models.split(), call, name, int(when), behaviour, message


# ---- What is to be seen of a server ----------------------------------------------------------------------------

def family(pid):
    """The process and its descendants."""
    found = [pid]
    for task in listed(f"/proc/{pid}/task"):
        for child in read(f"/proc/{pid}/task/{task}/children").split():
            found += family(int(child))
    return found


def listed(path):
    try:
        return os.listdir(path)
    except (FileNotFoundError, ProcessLookupError):
        return []


def shape(pid):
    """What a server consists of: a line for each process, with its threads and the kinds of its descriptors."""
    lines = []
    for number, process in enumerate(family(pid)):
        kinds = []
        for fd in listed(f"/proc/{process}/fd"):
            try:
                target = os.readlink(f"/proc/{process}/fd/{fd}")
            except FileNotFoundError:
                continue
            kinds.append(re.sub(r":?\[(\d+|(\w+))\]", r" \2", target).strip() if int(fd) > 2 else "std")
        counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in sorted(set(kinds)))
        zombie = ", a zombie" if "\nState:\tZ" in read(f"/proc/{process}/status") else ""
        lines.append(f"{'child' if number else 'server'}: {len(listed(f'/proc/{process}/task'))} thread(s), "
                     f"{counts}{zombie}")
    return "; ".join(sorted(lines, reverse=True))


def figures(pid):
    """What changes if anybody runs; None if somebody does right now."""
    found = []
    for process in family(pid):
        for task in listed(f"/proc/{process}/task"):
            status = read(f"/proc/{process}/task/{task}/status")
            if re.search(r"^State:\s[RD]", status, re.M):
                return None
            stat = read(f"/proc/{process}/task/{task}/stat").rpartition(")")[2].split()
            found.append((task, stat[11:13], re.findall(r"ctxt_switches:\s(\d+)", status)))
    return found


def is_at_rest(pid):
    for _ in range(2):
        before = figures(pid)
        time.sleep(REST)
        if before is None or figures(pid) != before:
            return False
    return True


# ---- A run -----------------------------------------------------------------------------------------------------

class Run:
    """A server under strace, which is its grandchild (-D): so the server is our own child."""

    def __init__(self, directory, model, call, trace):
        self.out, self.err, self.log = (os.path.join(directory, name) for name in ("out", "err", "log"))
        for path in (self.out, self.err, self.log):
            open(path, "w", encoding="utf-8").close()
        workers = 2 if (model, call) == ("threads", "pthread_create") else WORKERS.get(model)
        command = ["setpriv", "--pdeathsig", "KILL", "strace", "-D", "-f", "-q", "-ttt", "-o", self.log,
                   *trace, SERVE, model, "http", "-p", "0"]
        with open(self.out, "w", encoding="utf-8") as out, open(self.err, "w", encoding="utf-8") as err:
            # a group of its own, so that nothing of it stays
            self.server = subprocess.Popen(command + (["-w", str(workers)] if workers else []), stdout=out, stderr=err,
                                           stdin=subprocess.DEVNULL, start_new_session=True)
        self.port = None

    def is_ready(self):
        match = re.match(r"Serving \S+ on port (\d+) ", read(self.out))
        self.port = int(match[1]) if match else None
        return self.port or self.server.poll() is not None

    def is_hit(self):
        return "(INJECTED" in read(self.log)

    def untrace(self):
        """Sends strace away: what it held goes on."""
        def tracer():
            match = re.search(r"^TracerPid:\s([1-9]\d*)", read(f"/proc/{self.server.pid}/status"), re.M)
            return int(match[1]) if match else None
        pid = tracer()
        if pid is not None:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            wait_until(lambda: tracer() is None)

    def close(self):
        if self.server.poll() is None:
            os.killpg(self.server.pid, signal.SIGKILL)  # strace is one of them; and a master's death is its workers'
            self.server.wait()

    def client(self, words, before=None):
        """Says what becomes of a client: answered, busy, refused, lost, or waits (for ever)."""
        heard = b""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE) as connection:
                if before is not None:
                    wait_until(before)
                connection.sendall(words)
                while True:
                    more = connection.recv(4096)
                    if not more:
                        break
                    heard += more
        except socket.timeout:
            return "waits"
        except OSError:
            pass
        if re.match(rb"HTTP/1.1 200 .*Hello, World!\n$", heard, re.S):
            return "answered"
        status = re.match(rb"HTTP/1.1 (\d+)", heard)
        return {b"503": "busy", b"400": "refused"}.get(status[1], heard.decode("latin1")) if status else "lost"

    def words(self):
        """What it has said on standard error: one line, without the numbers of processes, and libevent's details."""
        return "; ".join(re.sub(r"^\[warn\] Epoll .*: ", "[warn] Epoll: ", re.sub(r"\bprocess \d+", "process N", line))
                         for line in read(self.err).splitlines())

    def gap(self):
        """The seconds from the fault to the next call of that name."""
        hit = None
        for line in read(self.log).splitlines():
            match = re.match(r"\d+ +(\d+\.\d+) (<\.\.\. )?\w", line)
            if not match:
                continue
            if hit is not None and not match[2]:
                return float(match[1]) - hit
            if "(INJECTED" in line:
                hit = float(match[1])
        return 0.0


def reads_before_ready(directory, model):
    """How many times the dynamic linker, and whoever else, reads before the server is ready."""
    run = Run(directory, model, "read", ["-e", "trace=read,write"])
    try:
        wait_until(lambda: "Serving " in read(run.log))
        return len(re.findall(r" read\(", read(run.log).partition("Serving ")[0]))
    finally:
        run.close()


def whole(directory, model):
    """The shape of a server that no fault has met."""
    run = Run(directory, model, None, ["-e", "trace=none"])
    try:
        wait_until(run.is_ready)
        run.untrace()
        seen = run.client(REQUEST) if run.port else "no server: " + run.words()
        if seen != "answered":
            raise Wrong(f"what becomes of a client\nexpected: answered\nseen:     {seen}")
        if not wait_until(lambda: is_at_rest(run.server.pid) and "zombie" not in shape(run.server.pid)):
            raise Wrong("that without a fault nobody runs when nobody is there, and nobody is a zombie\n"
                        f"expected: all sleep\nseen:     {shape(run.server.pid)}")
        return shape(run.server.pid)
    finally:
        run.close()


# What the first client may hear, by behaviour.
FIRST = {"answers": ("answered", "refused"), "waits": ("answered",), "loses": ("lost",), "busy": ("busy",),
         "replaced": ("answered", "lost")}


def compare(what, expected, seen):
    if expected != seen:
        raise Wrong(f"{what}\nexpected: {expected}\nseen:     {seen}")


def walk(directory, model, fault, normal):
    """Walks one row; raises Wrong if the server is not as declared. Normal: its shape, had there been no fault."""
    call, name, when, behaviour, message = fault
    names = NAMES.get(call, call)
    if call == "read":
        when += reads_before_ready(directory, model)
    run = Run(directory, model, call,
              ["-e", f"trace={names}", "-e", "signal=none", "-e", f"inject={names}:error={name}:when={when}"])
    try:
        wait_until(run.is_ready)
        first = "lost"
        if run.port:
            first = run.client(RUBBISH if call == "shutdown" else REQUEST, run.is_hit if call in SILENT else None)
        if not wait_until(lambda: run.is_hit() or run.server.poll() is not None):
            raise Wrong("the call is made\nexpected: yes\nseen:     no: the fault is not reached")
        expected = "" if message == "-" else message.replace("REASON", os.strerror(getattr(errno, name)))
        if behaviour == "ends":
            wait_until(lambda: run.server.poll() is not None)
            compare("its exit status (None: it lives)", 1, run.server.poll())
            compare("what it says", expected, run.words())
            return
        if first not in FIRST[behaviour]:
            raise Wrong("what becomes of the first client\n"
                        f"expected: {' or '.join(FIRST[behaviour])}\nseen:     {first}")
        if behaviour == "replaced":
            wait_until(lambda: "another one" in run.words())
        if behaviour == "waits" and call == "accept" and run.gap() < 0.9 * PAUSE:
            raise Wrong(f"the seconds until it accepts again\nexpected: {PAUSE} or more\nseen:     {run.gap():.6f}")
        run.untrace()
        compare("what becomes of the next client", "answered", run.client(REQUEST))
        if not wait_until(lambda: is_at_rest(run.server.pid)):
            raise Wrong("that nobody runs when nobody is there\nexpected: all sleep\n"
                        f"seen:     {figures(run.server.pid) or 'somebody runs'}")
        wait_until(lambda: shape(run.server.pid) == normal)
        compare("what is left: processes, threads, descriptors", normal, shape(run.server.pid))
        compare("what it says", expected, run.words())
    finally:
        run.close()


def main():
    if sys.argv[1:] == ["list"]:
        for models, call, name, when, *_ in rows():
            for model in models:
                print(model, call, name, when)
        return 0
    for tool in ("strace", "setpriv"):
        if shutil.which(tool) is None:
            print(f"{tool} is missing: make deps installs it")
            return CANNOT
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and so nothing stays behind
    failed = 0
    with tempfile.TemporaryDirectory(prefix="faults.") as directory:
        for model in sys.argv[1:]:
            if not any(model in models for models, *_ in rows()):
                print(f"{model}: no row of faults.tsv is about it")
                failed += 1
                continue
            count, wrong = 0, 0
            try:
                normal = whole(directory, model)
            except Wrong as seen:
                print(f"{model}, before any fault\nwhat:     {seen}\n"
                      f"look at:  make test-beyond MODEL={model} STEP=conform")
                failed += 1
                continue
            for models, call, name, when, behaviour, message in rows():
                if model not in models:
                    continue
                count += 1
                try:
                    walk(directory, model, (call, name, when, behaviour, message), normal)
                except Wrong as seen:
                    wrong += 1
                    print(f"{model}: {call} fails with {name}, call {when}; declared: {behaviour}\nwhat:     {seen}\n"
                          f"look at:  {call} in beyond; strace -f -e inject={NAMES.get(call, call)}:error={name}:"
                          f"when={when} beyond/serve {model} http -p 0")
            print(f"{model:23}{count:4} rows, {f'{wrong} of them not' if wrong else 'all'} as declared")
            failed += wrong
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
