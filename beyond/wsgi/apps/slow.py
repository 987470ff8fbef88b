"""Takes a second over each answer, and gives it in two pieces: watch them come."""

import os
import time


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"I am process %d, " % os.getpid()
    time.sleep(1)
    yield b"and I have slept.\n"
