"""A Flask application: what it answers is what djangoapp.py answers."""

import hashlib

from flask import Flask, Response, make_response, request

app = Flask(__name__)


@app.route("/hello")
def hello():
    return "Hello, World!\n"


@app.route("/echo/", defaults={"rest": ""}, methods=["GET", "POST", "PUT"])
@app.route("/echo/<path:rest>", methods=["GET", "POST", "PUT"])
def echo(rest):
    return {
        "method": request.method,
        "path": request.path,
        "query": sorted(request.args.lists()),
        "form": sorted(request.form.lists()),
        "cookies": sorted(request.cookies.items()),
        "x-thing": request.headers.get("X-Thing"),
        "type": request.headers.get("Content-Type"),
        "host": request.host,
    }


@app.route("/cookie")
def cookie():
    response = make_response("two cookies\n")
    response.set_cookie("one", "1")
    response.set_cookie("two", "2", httponly=True)
    return response


@app.route("/digest", methods=["POST"])
def digest():
    body = request.get_data()
    return f"{len(body)} {hashlib.sha256(body).hexdigest()}\n"


@app.route("/upload", methods=["POST"])
def upload():
    file = request.files["file"]
    body = file.read()
    return f"{file.filename} {len(body)} {hashlib.sha256(body).hexdigest()} {request.form['title']}\n"


@app.route("/big")
def big():
    return b"0123456789abcdef" * 65536


@app.route("/stream")
def stream():
    return Response((f"piece {i}\n" for i in range(5)), mimetype="text/plain")


@app.route("/nothing")
def nothing():
    return "", 204


@app.route("/away")
def away():
    return Response("", 302, {"Location": "/hello"})


@app.route("/fault")
def fault():
    raise ValueError("as it is meant to")
