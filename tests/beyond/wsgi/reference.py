"""PEP 3333's reference server, from Python's own library: reference.py MODULE:CALLABLE"""

import os
import sys
from importlib import import_module
from wsgiref.simple_server import make_server

sys.path.insert(0, os.getcwd())
module, _, name = sys.argv[1].partition(":")
server = make_server("127.0.0.1", 0, getattr(import_module(module), name))
print(f"Serving WSGI on port {server.server_port} ...", flush=True)
server.serve_forever()
