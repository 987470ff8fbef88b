"""gunicorn's configuration: it says which port it has."""


def when_ready(server):
    print(f"Serving WSGI on port {server.LISTENERS[0].getsockname()[1]} ...", flush=True)
