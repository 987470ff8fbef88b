"""A Django application in one file: what it answers is what flaskapp.py answers."""

import hashlib

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse, StreamingHttpResponse
from django.urls import re_path

settings.configure(ALLOWED_HOSTS=["localhost", "127.0.0.1"], ROOT_URLCONF=__name__, SECRET_KEY="nobody's",
                   MIDDLEWARE=["django.middleware.common.CommonMiddleware"])


def plain(text):
    return HttpResponse(text, content_type="text/plain")


def hello(request):
    return plain("Hello, World!\n")


def echo(request):
    return JsonResponse({
        "method": request.method,
        "path": request.path,
        "query": sorted(request.GET.lists()),
        "form": sorted(request.POST.lists()),
        "cookies": sorted(request.COOKIES.items()),
        "x-thing": request.headers.get("X-Thing"),
        "type": request.headers.get("Content-Type"),
        "host": request.get_host(),
    })


def cookie(request):
    response = plain("two cookies\n")
    response.set_cookie("one", "1")
    response.set_cookie("two", "2", httponly=True)
    return response


def digest(request):
    return plain(f"{len(request.body)} {hashlib.sha256(request.body).hexdigest()}\n")


def upload(request):
    file = request.FILES["file"]
    body = file.read()
    return plain(f"{file.name} {len(body)} {hashlib.sha256(body).hexdigest()} {request.POST['title']}\n")


def big(request):
    return plain(b"0123456789abcdef" * 65536)


def stream(request):
    return StreamingHttpResponse((f"piece {i}\n" for i in range(5)), content_type="text/plain")


def nothing(request):
    return HttpResponse(status=204)


def away(request):
    return HttpResponseRedirect("/hello")


def fault(request):
    raise ValueError("as it is meant to")


urlpatterns = [
    re_path("^hello$", hello),
    re_path("^echo/", echo),
    re_path("^cookie$", cookie),
    re_path("^digest$", digest),
    re_path("^upload$", upload),
    re_path("^big$", big),
    re_path("^stream$", stream),
    re_path("^nothing$", nothing),
    re_path("^away$", away),
    re_path("^fault$", fault),
]
app = get_wsgi_application()
