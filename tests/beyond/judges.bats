#!/usr/bin/env bats
#
# HTTP judged by others: clients and proxies that many people use, and that are strict where it matters. (ab judges
# in claims.bats: 10.10.)

# shellcheck disable=SC2030,SC2031 # each test is a subshell, and sets its own
load setup

PAGE=1320
LOOK="what this judge says, above; curl --verbose; the protocol: http.c; the model"

# ask_all COMMON...: GET, GET, HEAD and POST with curl, each on the connection of the one before; sets SEEN to the
# statuses, the bytes of the bodies, and how many connections were made for each.
ask_all() {
    local form='%{http_code} %{size_download} %{num_connects}\n' next=(--next --silent --output /dev/null)
    run curl --silent --max-time "$LAB_DEADLINE" --output /dev/null "$@" -w "$form" http://localhost:"$PORT"/one \
        "${next[@]}" "$@" -w "$form" http://localhost:"$PORT"/two \
        "${next[@]}" "$@" -w "$form" --head http://localhost:"$PORT"/three \
        "${next[@]}" "$@" -w "$form" --data 'some words' http://localhost:"$PORT"/four \
        "${next[@]}" "$@" -w "$form" -H 'Transfer-Encoding: chunked' --data 'some words' http://localhost:"$PORT"/five \
        "${next[@]}" "$@" -w "$form" -H 'Expect: 100-continue' --data 'some words' http://localhost:"$PORT"/six
    SEEN=$(xargs <<<"$output")
}
ANSWERS="200 $PAGE 1 200 $PAGE 0 200 0 0 405 19 0 405 19 0 405 19 0"

@test "curl: GET, HEAD, POST, chunks and 100 Continue on one connection; HTTP/1.0; a megabyte" {
    needs curl
    needs_models inetd
    for model in "${MODELS[@]}"; do
        serve_by "$model" http -n "$PAGE"
        ask_all
        expect "$model: status, bytes and new connections of six requests, and curl's status" "$ANSWERS, 0" "$SEEN, $status" "$LOOK"
        run curl --silent --show-error --http1.0 --max-time "$LAB_DEADLINE" -w '%{http_code} %{http_version}' -o "$LAB_DIR/page" "http://localhost:$PORT/"
        expect "$model: HTTP/1.0" "200 1.1 $PAGE" "$output $(stat -c %s "$LAB_DIR/page")" "$LOOK"
        serve_by "$model" http -n 1048576
        run curl --silent --show-error --max-time "$LAB_DEADLINE" -o "$LAB_DIR/page" "http://localhost:$PORT/"
        expect "$model: a megabyte is the greeting, again and again" "$(yes 'Hello, World!' | head -c 1048576 | cksum)" \
            "$(cksum <"$LAB_DIR/page")" "$LOOK"
    done
}

@test "Python's http.client: GET, HEAD, POST, on one connection" {
    needs python3
    needs_models inetd
    for model in "${MODELS[@]}"; do
        serve_by "$model" http -n "$PAGE"
        run python3 -c '
import http.client, sys
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=10)
connection.connect()
socket = connection.sock
for method, body, chunked in (("GET", None, False), ("HEAD", None, False), ("POST", b"words", False), ("PUT", iter([b"a", b"b"]), True), ("GET", None, False)):
    connection.request(method, "/", body, encode_chunked=chunked)
    answer = connection.getresponse()
    print(method, answer.status, len(answer.read()), connection.sock is socket)
' "$PORT"
        expect "$model: method, status, bytes, the same connection?" \
            "GET 200 $PAGE True HEAD 200 0 True POST 405 19 True PUT 405 19 True GET 200 $PAGE True" "$(xargs <<<"$output")" "$LOOK"
    done
}

@test "wrk: for a second, no error and no other answer than 200" {
    needs wrk
    needs_models inetd
    for model in "${MODELS[@]}"; do
        serve_by "$model" http -n "$PAGE"
        run wrk -t 1 -c "$(kept_at_once "$model" 10)" -d 1s "http://127.0.0.1:$PORT/"
        expect "$model: wrk's exit status" 0 "$status" "$output"
        expect "$model: errors" '' "$(grep -E 'Socket errors|Non-2xx' <<<"$output")" "$output"
        expect_match "$model: requests" '[1-9][0-9]* requests in' "$output" "$LOOK"
    done
}

@test "h2load --h1: 1,000 requests, all of them succeed" {
    needs h2load
    needs_models inetd
    for model in "${MODELS[@]}"; do
        serve_by "$model" http -n "$PAGE"
        run h2load --h1 -n 1000 -c "$(kept_at_once "$model" 10)" "http://127.0.0.1:$PORT/"
        expect "$model: what h2load counts" "requests: 1000 total, 1000 started, 1000 done, 1000 succeeded, 0 failed, 0 errored, 0 timeout" \
            "$(grep '^requests:' <<<"$output")" "$output"
    done
}

# listens_at PATH: is that socket there, and not only bound, before listen(2)? (HAProxy gives it its name afterwards.)
listens_at() {
    [ -S "$1" ] && ! awk -v path="$1" '$NF == path && $4 == "00000000" { bound = 1 } END { exit !bound }' /proc/net/unix
}

# proxy NAME COMMAND...: starts a proxy, and waits for its socket.
proxy() {
    local name=$1
    shift
    PATH=$PATH:/usr/sbin background "$@"
    expect_soon "$name listens at $LAB_DIR/proxy/socket: $(tail -n 3 "$BACKGROUND_OUT")" "$BACKGROUND_OUT" listens_at "$LAB_DIR/proxy/socket"
    PROXY_OUT=$BACKGROUND_OUT
}

# through_proxy MODEL NAME: the same answers come through the proxy, and a hundred at a time.
through_proxy() {
    ask_all --unix-socket "$LAB_DIR/proxy/socket"
    expect "$1: status, bytes and new connections of six requests through $2" "$ANSWERS, 0" "$SEEN, $status" "$LOOK; $(tail -n 3 "$PROXY_OUT")"
    run curl --silent --max-time "$LAB_DEADLINE" --unix-socket "$LAB_DIR/proxy/socket" --parallel --parallel-max 20 \
        -w '%{http_code} %{size_download}\n' -o /dev/null "http://localhost/[1-100]" 
    expect "$1: 100 requests, 20 at a time, through $2" "100 200 $PAGE" "$(grep -E '^[0-9]+ [0-9]+$' <<<"$output" | sort | uniq -c | xargs)" \
        "$output; $(tail -n 3 "$PROXY_OUT")"
}

ordinary=(setpriv --reuid 65534 --regid 65534 --clear-groups)
as_ordinary() {
    rm -rf "$LAB_DIR/proxy"
    mkdir -m 777 "$LAB_DIR/proxy"
    chmod 755 "$LAB_DIR"
}

# write_nginx: its configuration, in front of $PORT, with connections to it that are kept.
write_nginx() {
    local user=
    if ((EUID == 0)) && [ "$1" = root ]; then user="user nobody nogroup;"; fi
    cat >"$LAB_DIR/nginx.conf" <<END
$user
daemon off;
worker_processes 1;
pid $LAB_DIR/proxy/pid;
error_log stderr;
events { worker_connections 256; }
http {
    access_log off;
    client_body_temp_path $LAB_DIR/proxy/body;
    proxy_temp_path $LAB_DIR/proxy/proxy;
    fastcgi_temp_path $LAB_DIR/proxy/fastcgi;
    uwsgi_temp_path $LAB_DIR/proxy/uwsgi;
    scgi_temp_path $LAB_DIR/proxy/scgi;
    upstream server { server 127.0.0.1:$PORT max_conns=$2; keepalive $2; }
    server {
        listen unix:$LAB_DIR/proxy/socket;
        location / {
            proxy_pass http://server;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_request_buffering off;
        }
    }
}
END
}

write_haproxy() {
    # one thread: each has kept connections of its own, and single serves one connection in all
    cat >"$LAB_DIR/haproxy.conf" <<END
global
    nbthread 1
defaults
    mode http
    timeout connect 10s
    timeout client 10s
    timeout server 10s
    timeout queue 10s
    option http-keep-alive
    http-reuse always
frontend here
    bind unix@$LAB_DIR/proxy/socket
    default_backend there
backend there
    server server 127.0.0.1:$PORT maxconn $1
END
}

# users: who a proxy is run as.
users() {
    if ((EUID == 0)); then echo root; fi
    echo ordinary
}

# as USER: sets AS, the command that makes a process this user's.
as() {
    AS=()
    if [ "$1" = ordinary ] && ((EUID == 0)); then AS=("${ordinary[@]}"); fi
    as_ordinary
}

@test "nginx in front, with connections that are kept: the same answers" {
    needs nginx curl
    needs_models inetd single
    for model in "${MODELS[@]}"; do
        for user in $(users); do
            serve_by "$model" http -n "$PAGE"
            as "$user"
            # nginx does not queue for an upstream with a limit: no limit, for those who have none
            write_nginx "$user" 0
            sed -i 's/ max_conns=0; keepalive 0/; keepalive 2/' "$LAB_DIR/nginx.conf"
            proxy nginx "${AS[@]}" nginx -e stderr -c "$LAB_DIR/nginx.conf"
            through_proxy "$model" "nginx, as $user"
            kill -TERM "$BACKGROUND_PID"
            expect_soon "nginx ends" "$PROXY_OUT" is_gone "$BACKGROUND_PID"
            stop_server KILL || true
        done
    done
}

@test "HAProxy in front, with connections that are kept: the same answers" {
    needs haproxy curl
    needs_models inetd
    for model in "${MODELS[@]}"; do
        for user in $(users); do
            serve_by "$model" http -n "$PAGE"
            as "$user"
            write_haproxy "$(kept_at_once "$model" 10)"
            proxy haproxy "${AS[@]}" haproxy -db -f "$LAB_DIR/haproxy.conf"
            through_proxy "$model" "HAProxy, as $user"
            kill -TERM "$BACKGROUND_PID"
            expect_soon "HAProxy ends" "$PROXY_OUT" is_gone "$BACKGROUND_PID"
            stop_server KILL || true
        done
    done
}
