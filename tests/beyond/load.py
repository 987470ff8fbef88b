"""load.py PORT STOP: asks a server again and again, a connection each time, with four at a time, until the file STOP
is there, or, if STOP is "refused", until one is refused. Prints how many were answered and how many failed, and the
first failures."""
import os
import socket
import sys
import threading

port, stop = int(sys.argv[1]), sys.argv[2]
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
answered, failures = [0], []
until_refused = stop == "refused"
refused = threading.Event()


def ask():
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(REQUEST)
        answer = b""
        while piece := connection.recv(4096):
            answer += piece
    if not answer.endswith(b"Hello, World!\n"):
        raise OSError("answered with %r" % answer)


def client():
    while not refused.is_set() and (until_refused or not os.path.exists(stop)):
        try:
            ask()
            answered[0] += 1
        except ConnectionRefusedError as error:
            refused.set()
            if not until_refused:
                failures.append(error)
        except OSError as error:
            failures.append(error)


clients = [threading.Thread(target=client) for _ in range(4)]
for one in clients:
    one.start()
for one in clients:
    one.join()
print("answered", answered[0], "failed", len(failures))
for failure in failures[:10]:
    print(failure)
