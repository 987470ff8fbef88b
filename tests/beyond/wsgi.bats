#!/usr/bin/env bats
#
# beyond/wsgi, the article's exercise: a WSGI server that is concurrent in the way of stage 7.

ARTICLE_SLEEP=0
load setup

WSGI=$BIN/beyond/wsgi/wsgi
APPS=$ROOT/beyond/wsgi/apps
PROBES=$ROOT/tests/beyond/wsgi
PYTHON=${PYTHON:-/usr/bin/python3} # the one that the program is built for has the system's packages

setup() {
    cd "$ROOT" || return
    if [ ! -x "$WSGI" ]; then skip "beyond/wsgi/wsgi is not built: make deps-beyond, then make beyond"; fi
    lab_open
    export NOTES=$LAB_DIR
    export PYTHONDONTWRITEBYTECODE=1
    unset VIRTUAL_ENV PYTHONUNBUFFERED PYTHONPATH PYTHONHOME # what would make the program another one
    LAB_DEADLINE=$((LAB_DEADLINE + 20)) # Django takes its time to load where processors are busy
    if [ -n "${SANITIZE-}" ]; then export ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0; fi # CPython's own
}

# serve_wsgi MODULE:CALLABLE [OPTION...]: starts the server in the folder of the probe's applications.
serve_wsgi() {
    start_server env -C "${FOLDER:-$PROBES}" "$WSGI" -p 0 "${@:2}" "$1"
    export SERVER_ERR SERVER_OUT
}

# probe NAME: has the probe look for NAME's claims; fails with its words.
probe() {
    run env -u PYTHONPATH timeout 120 "$PYTHON" "$PROBES/probe.py" "$PORT" "$1"
    if ((status == 0)); then return 0; fi
    echo "$output"
    report "the probe $1" "exit status 0" "exit status $status" "what is above"
}

# expect_no_child: fails unless all children are soon gone, the dead ones too.
expect_no_child() {
    expect_soon "no child is left, and no zombie" "grim_reaper in beyond/wsgi/server.c" has_children "$SERVER_PID" 0
}

# refused STATUS PATTERN ARGUMENT...: fails unless the program, so called, ends at once and says that.
refused() {
    local wanted=$1 pattern=$2
    shift 2
    run timeout 30 env -C "$PROBES" "$WSGI" "$@"
    expect "the exit status of wsgi $*" "$wanted" "$status" "$output"
    expect_match "what wsgi $* says" "$pattern" "$output" "main in server.c, load in gateway.py"
}

# misused PATTERN ARGUMENT...: the same for what is no command line: a line, the usage, status 2.
misused() {
    refused 2 "$@"
    expect_match "the first line" "^wsgi: $1$" "${lines[0]}" "parse_... in server.c"
    expect "the second line" "$USAGE" "${lines[1]}" "USAGE in server.c"
    expect "how many lines" 2 "${#lines[@]}" "$output"
}
USAGE='usage: wsgi [-p PORT, 0 for any] [-t SECONDS a client may keep us waiting] [-b BYTES of a body] [-h] MODULE:CALLABLE'

# Prints what valgrind found, but for values that are uninitialised within Python's own library: it says so
# of the optimised int.from_bytes, before any code of ours has run.
errors_of_ours() {
    awk '/^==[0-9]+== [A-Z]/ { kind = $0; python = 0 }
        /^==[0-9]+==    (at|by) / { if (/libpython/) python = 1
            if (kind !~ /uninitialised/ || (!python && /\((server|gateway|request|body|connection)\.c:/)) { print kind; print } }'
}

# compare APPLICATION: fails unless it answers through this server as it does through the references.
compare() {
    local ours wsgiref gunicorn package
    for package in "$1" gunicorn; do
        "$PYTHON" -c "import ${package%app}" 2>/dev/null ||
            skip "$PYTHON has no ${package%app}: make deps-beyond installs it"
    done
    start_server env -C "$APPS" "$PYTHON" "$PROBES/reference.py" "$1:app"
    wsgiref=$PORT
    start_server env -C "$APPS" "$PYTHON" -m gunicorn --config "$PROBES/gunicorn_port.py" -b 127.0.0.1:0 "$1:app"
    gunicorn=$PORT
    FOLDER=$APPS serve_wsgi "$1:app"
    ours=$PORT
    run timeout 120 "$PYTHON" "$PROBES/compare.py" "$ours" "$wsgiref" "$gunicorn"
    echo "$output"
    if ((status != 0)); then
        report "$1 through this server and through the references" "the same answers" "see above" "gateway.py"
    fi
    expect_match "how many requests were compared" '^[2-9][0-9] requests: the same answers$' "$output" "$PROBES/compare.py"
    expect_no_child
}

@test "9.1 the article's Hello, World! is answered by a child for each request" {
    FOLDER=$APPS serve_wsgi hello:application
    for i in 1 2 3; do
        run curl -s --max-time 20 "http://localhost:$PORT/hello"
        expect "what curl prints, and its status" "Hello, World! 0" "$output $status" "handle_request"
    done
    expect_no_child # a child says what it has answered when its client has gone
    expect "how many children have answered" 3 "$(grep -c "^Child [0-9]*: GET /hello HTTP/1.1: 200$" "$SERVER_OUT")" "$(cat "$SERVER_OUT")"
    expect "how many different ones" 3 "$(sed -n 's/^Child \([0-9]*\):.*/\1/p' "$SERVER_OUT" | sort -u | wc -l)" "$(cat "$SERVER_OUT")"
    expect "what it says on standard error" "" "$(cat "$SERVER_ERR")" "$SERVER_ERR"
}

@test "9.1 ten requests are served at once: each is answered when all ten are there" {
    serve_wsgi odd:application
    probe together
    expect_no_child
}

@test "9.1 200 requests leave no zombie and no descriptor, and the application is loaded once" {
    serve_wsgi odd:application
    before=$(descriptors_of "$SERVER_PID")
    probe many
    expect_no_child
    expect "the server's descriptors, as before" "$before" "$(descriptors_of "$SERVER_PID")" "serve_forever"
    expect_soon "the server waits in accept" "accept_one: EINTR" is_in accept "$SERVER_PID"
}

@test "9.1 wsgiref.validate finds nothing wrong with this server, by any method and framing" {
    serve_wsgi validated:application
    probe validated
}

@test "9.1 environ says what the request says, letter by letter" {
    serve_wsgi odd:environ
    probe environ
}

@test "9.1 the application reads the body, by length or in chunks, and nothing behind it" {
    serve_wsgi odd:application
    probe body
}

@test "9.1 half a body does not look like a whole one" {
    serve_wsgi odd:application
    probe half_body
}

@test "9.1 a client that expects 100 Continue gets it when the application reads, and not otherwise" {
    serve_wsgi odd:application
    probe expect
}

@test "9.1 answers are framed as HTTP wants it, and no Content-Length is exceeded" {
    serve_wsgi odd:application
    probe framing
}

@test "9.1 an application that breaks PEP 3333's rules is answered for with 500, and told why" {
    serve_wsgi odd:application
    probe rules
    expect_no_child
}

@test "9.1 start_response with exc_info replaces an answer, unless it has begun" {
    serve_wsgi odd:application
    probe replaced
}

@test "9.1 an application that fails in the middle: the client sees that the answer is not whole" {
    serve_wsgi odd:application
    probe middle
}

@test "9.1 each piece of an answer is sent before the next is asked for" {
    serve_wsgi odd:application
    probe stream
}

@test "9.1 close is called: after the answer, after a failure, and when the client has left" {
    serve_wsgi odd:application
    probe closed
    expect_no_child
}

@test "9.1 a request that could be read in two ways, or has no end, is refused" {
    serve_wsgi odd:application
    probe refusals
    expect_no_child
}

@test "9.1 an answer is not lost when the application leaves a MiB unread" {
    serve_wsgi odd:application
    probe unread
}

@test "9.1 a silent client holds a child as long as -t says, and no longer" {
    serve_wsgi odd:application -t 0.5
    probe silent
    expect_no_child
}

@test "9.1 a byte now and then does not hold a child for ever" {
    serve_wsgi odd:application -t 0.5
    probe slow
    expect_no_child
}

@test "9.1 nor do bytes without a break" {
    needs_tracing
    start_server strace -D -f -qq -o /dev/null env -C "$PROBES" "$WSGI" -p 0 odd:application
    probe flood
    expect_no_child
}

@test "9.1 a body that comes steadily may take longer than -t says" {
    serve_wsgi odd:application -t 2
    probe steady
}

@test "9.1 a body that is larger than -b says is refused, by length or in chunks" {
    serve_wsgi odd:application -b 10
    probe large
}

@test "9.1 the client is answered also where standard error cannot be written to" {
    # shellcheck disable=SC2016 # for the other bash
    start_server bash -c 'exec "$@" 2>/dev/full' - env -C "$PROBES" "$WSGI" -p 0 odd:application
    for expected in before:500 status_word:500 long:200 one:200; do
        run curl -s -o /dev/null -w '%{http_code}' --max-time 20 "http://localhost:$PORT/${expected%:*}"
        expect "the status of /${expected%:*}, where nobody can be told, and curl's" "${expected#*:} 0" "$output $status" \
            "complain in gateway.py"
    done
}

@test "9.1 what is wrong with the application is said before anything is served" {
    refused 1 "^wsgi: there is no module 'nowhere', neither .*$" -p 0 nowhere:application
    expect "how many lines" 1 "${#lines[@]}" "$output"
    refused 1 "^wsgi: there is no module 'odd.nowhere', neither .*$" -p 0 odd.nowhere:application
    refused 1 "^wsgi: there is no 'nothing_here' in the module 'odd'$" -p 0 odd:nothing_here
    refused 1 "^wsgi: 'odd:not_callable' is 'int', which cannot be called$" -p 0 odd:not_callable
    for fault in 'import nowhere' 'raise AttributeError("oh")' 'import sys; sys.exit(0)' 'def' 'x = 1 / 0'; do
        echo "$fault" >"$LAB_DIR/faulty.py"
        run timeout 30 env -C "$LAB_DIR" "$WSGI" -p 0 faulty:application
        expect "the status for a module that says: $fault" 1 "$status" "$output"
        expect_match "what is said of it" "Traceback .*wsgi: the module 'faulty' fails while it is loaded: see above" \
            "$(tr '\n' ' ' <<<"$output")" "load in gateway.py"
    done
}

@test "9.1 a bad command line: a line of what is wrong, and the usage; status 2" {
    refused 0 '' -h
    expect "what -h prints" "$USAGE" "$output" "main in server.c"
    misused "which application[?] MODULE:CALLABLE is missing"
    for name in odd ':a' 'a:' ''; do misused "'$name' is not MODULE:CALLABLE, as in .*" "$name"; done
    misused "'more' is unexpected" odd:application more
    for port in 65536 -1 x ''; do misused "'$port' is not a number from 0 to 65535" -p "$port" odd:application; done
    for time in 0 1e3 nan ''; do misused "'$time' is not a number from 0.01 to 86400" -t "$time" odd:application; done
    refused 2 "invalid option" -x odd:application
    expect "the second line" "$USAGE" "${lines[1]}" "USAGE in server.c"
    for size in 1e3 -1 ''; do misused "'$size' is not a number from 0 to 1000000000000" -b "$size" odd:application; done
    serve_wsgi odd:application
    refused 1 "^wsgi: port $PORT is taken: .*$" -p "$PORT" odd:application
    expect "how many lines" 1 "${#lines[@]}" "$output"
}

@test "9.1 TERM ends the server, and a request that is under way is answered" {
    serve_wsgi odd:application
    connect slow
    printf 'GET /sleeps HTTP/1.0\r\n\r\n' >&"$slow"
    expect_soon "a child serves the slow request" "serve_forever" has_children "$SERVER_PID" 1
    kill -TERM "$SERVER_PID"
    server_status
    expect "the server's exit status, 128 and SIGTERM" 143 "$SERVER_STATUS" "signals in server.c"
    listen_to "$slow"
    expect_match "the answer that was under way" 'slept$' "$ANSWER" "handle_request"
}

@test "9.1 a child that crashes takes neither the server nor another child with it" {
    serve_wsgi odd:application
    connect first
    expect_soon "the first client has a child" "serve_forever" has_children "$SERVER_PID" 1
    child=$(children_of "$SERVER_PID")
    connect second
    expect_soon "the second client has a child" "serve_forever" has_children "$SERVER_PID" 2
    kill -KILL "$child"
    expect_soon "the dead child is reaped" "grim_reaper" has_children "$SERVER_PID" 1
    printf 'GET /one HTTP/1.0\r\n\r\n' >&"$second"
    listen_to "$second"
    expect_match "the answer to the second" 'alone$' "$ANSWER" "serve_forever"
}

@test "9.1 one signal for ten children that ended meanwhile: all ten are reaped" {
    serve_wsgi odd:application
    for i in {0..9}; do connect "clients[i]"; done
    expect_soon "each of ten silent clients has a child" "serve_forever" has_children "$SERVER_PID" 10
    expect_soon "the server waits in accept" "accept_one" is_in accept "$SERVER_PID"
    kill -STOP "$SERVER_PID"
    expect_soon "the server is stopped" "ps -o pid,stat" in_state "$SERVER_PID" T
    for i in {0..9}; do hang_up "${clients[i]}"; done
    expect_soon "all ten children are dead, and nobody has waited for them: the server is stopped" "$WHO_REAPS" \
        has_zombies "$SERVER_PID" 10
    kill -CONT "$SERVER_PID"
    expect_soon "the server goes on, and is back in accept" "accept_one: EINTR" is_in accept "$SERVER_PID"
    expect "how many zombies remain of 10" 0 "$(count_zombies "$SERVER_PID")" "grim_reaper: its loop"
}

@test "9.1 where no process can be had the client is told, and the server goes on" {
    needs_tracing
    start_server strace -D -qq -o "$LAB_DIR/trace" -e 'inject=clone,?clone3,?fork,?vfork:error=EAGAIN:when=1' \
        -e trace=clone,?clone3,?fork,?vfork,poll env -C "$PROBES" "$WSGI" -p 0 odd:application
    run curl -s -o /dev/null -w '%{http_code}' --max-time 20 "http://localhost:$PORT/one"
    expect "the status where fork fails" 503 "$output" "turn_away: $(cat "$SERVER_ERR")"
    expect_match "what the server says" 'wsgi: fork: ' "$(cat "$SERVER_ERR")" "turn_away"
    expect_match "what it does first: it looks for the request, which unread would make a reset of the end" \
        'events=POLLIN}' "$(grep -m 1 ^poll "$LAB_DIR/trace")" "turn_away"
    run curl -s --max-time 20 "http://localhost:$PORT/one"
    expect "the answer to the next client" "alone" "$output" "serve_forever"
}

@test "9.1 when accept fails: the next client at once, a pause, or the end" {
    needs_tracing
    for error in ECONNABORTED EAGAIN EPERM EPROTO ENETDOWN ENOPROTOOPT EHOSTDOWN ENONET EHOSTUNREACH EOPNOTSUPP ENETUNREACH; do
        accept_fails "$error"
        run curl -s --max-time 20 "http://localhost:$PORT/one"
        expect "the answer after accept has failed with $error" "alone" "$output" "accept_one: $(<"$SERVER_ERR")"
        expect "what it says of that" "" "$(<"$SERVER_ERR")" "accept_one"
        stop_server KILL || true
    done
    for error in EMFILE ENFILE ENOBUFS ENOMEM; do
        accept_fails "$error"
        run curl -s --max-time 20 "http://localhost:$PORT/one"
        expect "the answer after accept has failed with $error" "alone" "$output" "accept_one"
        expect_match "what it says of that" '^wsgi: accept: [^:]*$' "$(<"$SERVER_ERR")" "accept_one"
        stop_server KILL || true
    done
    accept_fails EBADF
    server_status
    expect "its exit status where accept fails with EBADF" 1 "$SERVER_STATUS" "accept_one"
    expect "what it says of that" "wsgi: accept: Bad file descriptor" "$(<"$SERVER_ERR")" "accept_one"
}
# accept_fails ERRNO: starts a server whose first accept fails so.
accept_fails() {
    start_server strace -D -qq -o /dev/null -e trace=accept4 -e "inject=accept4:error=$1:when=1" \
        env -C "$PROBES" "$WSGI" -p 0 odd:application
}

@test "9.1 a virtual environment that is active has its packages found; one of another Python is refused" {
    "$PYTHON" -c 'import venv, ensurepip' 2>/dev/null || skip "python3-venv is missing"
    "$PYTHON" -m venv --without-pip "$LAB_DIR/env"
    library=$(echo "$LAB_DIR"/env/lib/python3.*/site-packages)
    cp "$APPS/hello.py" "$library/only_there.py"
    export VIRTUAL_ENV=$LAB_DIR/env
    FOLDER=$LAB_DIR serve_wsgi only_there:application
    run curl -s --max-time 20 "http://localhost:$PORT/"
    expect "the answer of an application of the environment" "Hello, World!" "$output" "find_python in gateway.c"
    mv "$LAB_DIR/env/lib" "$LAB_DIR/env/other"
    refused 1 "^wsgi: the virtual environment $VIRTUAL_ENV has no .*$" -p 0 odd:application
}

@test "9.1 valgrind finds no error of ours in a request" {
    command -v valgrind >/dev/null || skip "valgrind is missing"
    if [ -n "${SANITIZE-}" ]; then skip_unasked "valgrind cannot run what has a sanitizer"; fi
    LAB_DEADLINE=120
    PYTHONMALLOC=malloc start_server env -C "$PROBES" valgrind --quiet --vgdb=no --error-limit=no \
        --log-file="$LAB_DIR/valgrind.%p" "$WSGI" -p 0 -t 60 odd:application
    run curl -s --max-time 100 --data-binary 'a=b' -H 'Transfer-Encoding: chunked' "http://localhost:$PORT/body?read"
    expect "the answer" '["a=b", ""]' "$output" "$(cat "$SERVER_ERR")"
    expect_no_child
    expect "what valgrind says of our own" "" "$(cat "$LAB_DIR"/valgrind.* | errors_of_ours)" "these lines"
}

@test "9.2 a Flask application answers through this server as through wsgiref and gunicorn" {
    compare flaskapp
}

@test "9.2 a Django application answers through this server as through wsgiref and gunicorn" {
    compare djangoapp
}
