"""An application and a server that keep to PEP 3333, or wsgiref.validate says who does not."""

from wsgiref.validate import validator


def plain(environ, start_response):
    stream = environ["wsgi.input"]
    got = b"".join([stream.read(3), stream.readline(), *stream.readlines(), *stream, stream.read(1)])
    environ["wsgi.errors"].write("")
    environ["wsgi.errors"].flush()
    body = environ["REQUEST_METHOD"].encode() + b" " + got
    status, headers = "200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))]
    how = environ["PATH_INFO"]
    if how == "/write":
        start_response(status, headers)(body)
        return []
    if how == "/generator":
        return generate(environ, start_response, body)
    start_response(status, headers)
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]


def generate(environ, start_response, body):
    start_response("200 OK", [("Content-Type", "text/plain")])
    for i in range(len(body)):
        yield body[i : i + 1]


application = validator(plain)
