#!/usr/bin/env bats
#
# make beyond where libraries are missing: what needs none is built, and of the rest it is said what to install.

load setup

@test "make beyond without the libraries: three models are left out, and each place says what to type" {
    export PKG_CONFIG=false # it finds nothing
    edited ''
    run env -u MAKEFLAGS -u SANITIZE make -s -C "$LAB_DIR/edited" beyond CFLAGS=-O0
    expect "the status of make beyond" 0 "$status" "$output"
    expect "what it leaves out" "beyond: the model uv is left out: libuv is missing. Type: make deps-beyond
beyond: the model event is left out: libevent is missing. Type: make deps-beyond
beyond: the model uring is left out: liburing is missing. Type: make deps-beyond
beyond: wsgi is left out: the library of Python 3.10 or later is missing (Debian: libpython3-dev). Type: make deps-beyond" \
        "$output" "BEYOND_MISSING in Makefile"
    run "$SERVE" --help
    expect "the status of --help" 0 "$status" "$output"
    for model in uv:libuv1-dev event:libevent-dev uring:liburing-dev; do
        expect "what --help says below ${model%:*}" \
            "(left out: type make deps-beyond, or install ${model#*:}, and build it again)" \
            "$(grep -A 1 "^  ${model%:*} " <<<"$output" | sed -n '2s/^ *//p')" "help in serve.c"
        run --separate-stderr "$SERVE" "${model%:*}" http -p 0
        expect "the status of serve ${model%:*}, and what it prints" "1:" "$status:$output" "main in serve.c"
        expect "what it complains of" \
            "serve: ${model%:*} was left out of this program: type make deps-beyond, or install ${model#*:}, and build it again" \
            "$stderr" "main in serve.c"
        run "$SERVE" --help
    done
    expect "the models that are left" "single fork prefork threads thread-per-connection poll epoll coroutine multi inetd" \
        "$(ASKED='' && models | xargs)" "is_built in tests/beyond/setup.bash"
    serve_by epoll http
    connect client
    ask "$client"
    hear "$client"
    expect_match "what a model that needs no library answers" 'Hello, World!' "$ANSWER" "$SERVER_ERR"
}
