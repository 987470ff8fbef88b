#!/usr/bin/env bats
#
# Step 1: the iterative server serves one client after another, each to its end.

ARTICLE_SLEEP=0
load setup


@test "1.1 curl prints the greeting and exits 0" {
    serve
    run curl --silent --max-time "$LAB_DEADLINE" "http://localhost:$PORT/hello"
    expect "curl's exit status" 0 "$status" \
        "7: nobody listens at the port that it prints, 28: no end in time. Start it, and type: curl -v http://localhost:8888/hello"
    expect "what curl prints" 'Hello, World!' "$output" "RESPONSE and send_all in the server"
}

@test "1.1 the answer is HTTP: a status line, a blank line, the greeting, and end of file" {
    serve
    connect client
    ask "$client"
    listen_to "$client"
    expect "the answer, CR aside" "$GREETING" "${ANSWER//$'\r'/}" \
        "RESPONSE: a status line and no header. Start it, and type: curl -si http://localhost:8888/hello | cat -A"
    expect "how the answer ends" 'end of file' "$ENDING" "who still holds the connection"
    if [ -z "${SERVER-}" ]; then
        expect "all bytes of the answer, as cat -A shows them" $'HTTP/1.1 200 OK^M$\n^M$\nHello, World!$' \
            "$(curl --silent --include --max-time "$LAB_DEADLINE" "http://127.0.0.1:$PORT/hello" | cat -A)" \
            "RESPONSE, and its length: the lines of HTTP's head end in CRLF (^M$), and no NUL (^@) follows"
    fi
}

@test "1.2 the server says where it serves, and prints each request that it reads" {
    serve
    expect_match "its first line" '^Serving HTTP on port [0-9]+ \.\.\.$' "$(head -n 1 "$SERVER_OUT")" \
        "the first printf, and whether it is flushed"
    for path in one two %d; do
        curl --silent --output /dev/null --max-time "$LAB_DEADLINE" "http://127.0.0.1:$PORT/$path"
        expect_soon "request /$path in the output" \
            "printf in handle_request, its format above all: a stranger must not write that. printf(3)" \
            grep -q "GET /$path HTTP/1.1" "$SERVER_OUT"
    done
}

@test "1.3 the server is one process with one thread; its parent is the shell that started it" {
    serve
    expect_soon "the idle server waits in accept" "/proc/$SERVER_PID/wchan" is_in accept "$SERVER_PID"
    expect "its children" '' "$(children_of "$SERVER_PID")" "who calls fork"
    expect "its threads" 1 "$(ps -o nlwp= -p "$SERVER_PID" | tr -d ' ')" "who starts a thread"
    expect "its parent" "$BASHPID" "$(ps -o ppid= -p "$SERVER_PID" | tr -d ' ')" "ps -o pid,ppid,args"
}

@test "1.4 descriptors 0, 1, 2 are input, output, errors; the first socket is 3" {
    serve
    expect "the open descriptors" '0 1 2 3' "$(descriptors_of "$SERVER_PID")" "ls -l /proc/$SERVER_PID/fd"
    expect "descriptor 0, standard input" /dev/null "$(descriptor "$SERVER_PID" 0)" "how it was started"
    expect "descriptor 1, standard output" "$SERVER_OUT" "$(descriptor "$SERVER_PID" 1)" "how it was started"
    expect "descriptor 2, standard error" "$SERVER_ERR" "$(descriptor "$SERVER_PID" 2)" "how it was started"
    expect_match "descriptor 3" '^socket:' "$(descriptor "$SERVER_PID" 3)" "listen_on"
}

@test "1.5 every connection is descriptor 4: close frees the number, accept takes the lowest free one" {
    serve
    for turn in first second third; do
        connect client
        expect_soon "the $turn connection is descriptor 4" "close in serve_forever" \
            has_descriptors "$SERVER_PID" '0 1 2 3 4'
        expect_match "descriptor 4 meanwhile" '^socket:' "$(descriptor "$SERVER_PID" 4)" serve_forever
        hang_up "$client"
        expect_soon "4 is free again after the $turn" \
            "close in serve_forever: shutdown ends a connection, close gives its number back. strace -e trace=accept,shutdown,close" \
            has_descriptors "$SERVER_PID" '0 1 2 3'
    done
}

@test "1.6 while a first client is silent, a second one connects but gets no answer" {
    serve
    connect first
    expect_soon "the server waits for the first client's request" \
        "who calls handle_request? Here the server itself is to; a child that serves is step 3's lesson: make diff-2-3" \
        is_in recv "$SERVER_PID"
    connect second
    ask "$second"
    expect_soon "the second client's connection" "listen: the kernel's queue takes the connection" \
        is_tcp "$PORT" "$(port_of "$second")" ESTABLISHED
    listen_to "$second" 0.2
    expect "what the second client hears" ' then time-out' "$ANSWER then $ENDING" "does it fork?"
    ask "$first"
    listen_to "$second"
    expect_match "what it hears once the first is done" 'Hello, World!' "$ANSWER" serve_forever
}

@test "1.7 the order of service is the order of arrival" {
    serve
    connect blocker
    expect_soon "the server is busy with a silent client" "handle_request" is_in recv "$SERVER_PID"
    for number in 1 2 3 4; do
        connect client
        printf 'number %d' "$number" >&"$client"
    done
    ask "$blocker"
    expect_soon "the last one is served" "serve_forever" grep -q 'number 4' "$SERVER_OUT"
    expect "the order of their requests" 'number 1 number 2 number 3 number 4' \
        "$(grep -o 'number [0-9]' "$SERVER_OUT" | paste -sd ' ')" "accept takes from the head of the queue"
}

# Serves one client, so that its connection is left in TIME_WAIT at the server's end.
leave_time_wait() {
    connect client
    client_port=$(port_of "$client")
    ask "$client"
    listen_to "$client"
    expect "how the answer ended" 'end of file' "$ENDING" "does the server close the connection? strace -e trace=sendto,close"
    hang_up "$client"
    expect_soon "the server's end of the connection is in TIME_WAIT" "ss -tan | grep $PORT" \
        is_tcp "$PORT" "$client_port" TIME-WAIT
}

@test "1.8 with SO_REUSEADDR the server restarts at once, although TIME_WAIT holds its port" {
    serve
    leave_time_wait
    stop_server || true
    port=$PORT
    serve -p "$port" 2>/dev/null ||
        report "the server, started again at the same port" "it serves" "$(tail -n 1 "$SERVER_ERR")" \
            "SO_REUSEADDR, set before bind: TIME_WAIT holds the port. strace -e trace=setsockopt,bind; socket(7)"
    expect "the old connection meanwhile" TIME-WAIT "$(tcp_state "$PORT" "$client_port")" "ss -tan"
}

@test "1.8 without SO_REUSEADDR it is refused: Address already in use" {
    only_ours "it is our own source that is built without the option"
    sed '/SO_REUSEADDR/d; s/int on = 1, /int /' "$STEP/server.c" >"$LAB_DIR/server.c"
    "${CC:-cc}" -o "$LAB_DIR/without" "$LAB_DIR/server.c"
    serve
    leave_time_wait
    stop_server || true
    run timeout "$LAB_DEADLINE" "$LAB_DIR/without" -p "$PORT"
    expect "its exit status" 1 "$status" "is a connection still in TIME_WAIT? ss -tan"
    expect "what it says" 'bind: Address already in use' "$output" "socket(7), SO_REUSEADDR"
}

@test "1.9 the side that closes first holds TIME_WAIT: the server's" {
    serve
    leave_time_wait
    expect_soon "the client's end" "who closed first: ss -tan" is_tcp "$client_port" "$PORT" none
}

@test "1.10 a second server on the same port is refused: Address already in use, status 1" {
    only_ours "another's program need not take a port"
    serve
    run timeout "$LAB_DEADLINE" "$BIN/$STEP/server" -p "$PORT"
    expect "its exit status" 1 "$status" \
        "124: it serves, so bind took another port, or nobody looked at its result; 0: what die says. strace -e trace=bind,listen"
    expect "what it says" 'bind: Address already in use' "$output" "bind(2), EADDRINUSE"
    expect "the first server" "Serving HTTP on port $PORT ..." "$(head -n 1 "$SERVER_OUT")" "$SERVER_ERR"
}

@test "1.11 the client's port is an ephemeral one of the kernel's choice, another for each connection" {
    serve
    read -r lowest highest </proc/sys/net/ipv4/ip_local_port_range
    seen=()
    for turn in 1 2 3; do
        connect client
        port=$(port_of "$client")
        seen+=("$port")
        expect "port $port is within $lowest to $highest" yes \
            "$( ((port >= lowest && port <= highest)) && echo yes || echo no)" ip_local_port_range
    done
    expect "how many different ports" 3 "$(printf '%s\n' "${seen[@]}" | sort -u | wc -l)" "${seen[*]}"
}

@test "1.11 the server's peer is the client's own address: the pair names one connection" {
    serve
    connect client
    port=$(port_of "$client")
    expect_soon "the server has accepted" "accept" has_descriptors "$SERVER_PID" '0 1 2 3 4'
    inode=$(descriptor "$SERVER_PID" 4)
    expect "local and remote address of the server's descriptor 4, by ss" \
        "127.0.0.1:$PORT 127.0.0.1:$port" \
        "$(ss -Htne "sport = :$PORT" | grep "ino:${inode//[!0-9]/} " | awk '{ print $4, $5 }')" "ss -tne"
    expect "the client's end" "$port $PORT ESTABLISHED" "$(tcp_sockets "$port" "$PORT")" "ss -tn"
}

# next_is_answered AFTER: is the client answered that comes after such a one?
next_is_answered() {
    ANSWER=
    if connect client 2>/dev/null; then
        ask "$client" 2>/dev/null || true # the server may be dying
        listen_to "$client"
    fi
    if [[ $ANSWER != *'Hello, World!'* ]]; then
        server_status
        ANSWER="none; the server's exit status: $SERVER_STATUS"
        if ((SERVER_STATUS > 128)); then ANSWER+=" (128 + SIG$(kill -l "$SERVER_STATUS"))"; fi
    fi
    expect_match "the next client's answer after $1" 'Hello, World!' "$ANSWER" \
        "a client's failure is its own: is SIGPIPE ignored? does recv or send that fails end the server? Its last words are below"
}

@test "1.12 no rude client ends the server: the next one is answered" {
    serve
    for manner in reset vanish reset-after-request leave-before-answer half-close-and-reset rubbish megabyte; do
        "$RUDE" "$manner" "$PORT"
        next_is_answered "$manner"
    done
    expect_soon "the server waits for the next one" serve_forever is_in accept "$SERVER_PID"
    expect "its children" '' "$(children_of "$SERVER_PID")" "who calls fork"
}

@test "1.12 nor does one that has left before the server comes to it: no SIGPIPE" {
    serve
    for manner in reset vanish reset-after-request leave-before-answer half-close-and-reset rubbish; do
        connect blocker
        expect_soon "the server is busy with a silent client" "handle_request" is_in recv "$SERVER_PID"
        "$RUDE" "$manner" "$PORT"
        ask "$blocker"
        next_is_answered "$manner before its turn"
    done
}

@test "1.12 what a client sends cannot drive the terminal of the server" {
    only_ours "it is our promise, not the article's"
    serve
    "$RUDE" rubbish "$PORT"
    expect_soon "the rubbish in the output" \
        "the loop before the printf in handle_request: it makes blanks of NUL, which ends a string, and of ESC, which drives a terminal" \
        grep -q owned "$SERVER_OUT"
    expect "control characters in it" 0 "$(LC_ALL=C grep -c '[^ -~]' "$SERVER_OUT")" "cat -v $SERVER_OUT"
}
