#!/usr/bin/env bats
#
# inetd: standard input and output of beyond/serve are the connection. Four programs that listen start
# it for each client, as socket, pipe or terminal; and a shell does, too.

# shellcheck disable=SC2016 # what is in single quotes is for another bash
load setup
PATH=$PATH:/usr/sbin # where Debian has inetd

GET=$'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'

# --- who listens: each of these starts it at $PORT, for the arguments of serve inetd ----------------

by_systemd() {
    background systemd-socket-activate --listen "127.0.0.1:$PORT" --accept --inetd "$SERVE" inetd "$@"
}
# -d: in the foreground, and without the one file that says which process is the system's inetd
by_inetd() {
    echo "127.0.0.1:$PORT stream tcp nowait $(id -un) $SERVE serve inetd $*" >"$LAB_DIR/inetd.conf"
    background inetd -d "$LAB_DIR/inetd.conf"
}
by_socat() {
    background socat "TCP-LISTEN:$PORT,bind=127.0.0.1,reuseaddr,fork" "EXEC:$SERVE inetd $*"
}
by_socat_with_pipes() {
    background socat "TCP-LISTEN:$PORT,bind=127.0.0.1,reuseaddr,fork" "EXEC:$SERVE inetd $*,pipes"
}
by_tcpserver() {
    background tcpserver -RH -l localhost 127.0.0.1 "$PORT" "$SERVE" inetd "$@"
}

# listen_by WHO ARGUMENT...: has it listen at a free port, below those that the kernel deals out.
listen_by() {
    PORT=
    until [ -n "$PORT" ] && ! listens; do PORT=$((10000 + RANDOM % 20000)); done
    "$@"
    expect_soon "it listens at port $PORT" "does it end with an error? Its output: $BACKGROUND_OUT" listens
}
listens() {
    tcp_sockets "$PORT" | grep -q LISTEN
}

# expect_answer CLIENT TEXT ANSWER LOOK: says TEXT, and expects this and no more, and the end of file.
expect_answer() {
    printf %s "$2" >&"$1"
    listen_to "$1"
    expect "the answer to $2" "$3" "$ANSWER" "$4"
    expect "what comes after the answer to $2" "end of file" "$ENDING" "conversation_end, and close in serve_inetd"
}

# expect_service WHO: what each of them has to bring about; the log is in $BACKGROUND_OUT then.
expect_service() {
    local first second
    listen_by "$1" http
    expect "the page that curl gets" 'Hello, World!' \
        "$(curl --silent --max-time "$LAB_DEADLINE" "http://127.0.0.1:$PORT/")" "what it says: $(<"$BACKGROUND_OUT")"
    listen_by "$1" zen
    connect first
    connect second
    expect_soon "two clients at a time have a process each" "is it started once for each connection? ps -ef" serves 2
    printf 'Simple is better than?' >&"$second"
    IFS= read -rd . -t "$LAB_DEADLINE" -u "$second" ANSWER || true
    expect "what the second hears while the first is silent" complex "$ANSWER" "go_on in models/inetd.c"
    printf 'Explicit is better than?' >&"$second"
    IFS= read -rd . -t "$LAB_DEADLINE" -u "$second" ANSWER || true
    expect "its second answer, on the same connection" implicit "$ANSWER" "serve_inetd: its loop"
    hang_up "$first"
    hang_up "$second"
    expect_soon "the processes end when their clients are gone" "conversation_came, 0 bytes" serves 0
    listen_by "$1" echo -l
    connect first
    expect_answer "$first" helloBye hello \
        "more than hello: does the log go to the client? take_output and hears_complaints in models/inetd.c"
}
# serves N: has who listens N processes of this program, as children or children's children?
serves() {
    [ "$(count_serves "$BACKGROUND_PID")" -eq "$1" ]
}
seen_serves() {
    echo "$(count_serves "$BACKGROUND_PID") of them"
}
count_serves() {
    local child name count=0
    for child in $(children_of "$1"); do
        name=
        { read -r name <"/proc/$child/comm"; } 2>/dev/null || true
        if [ "$name" = serve ]; then count=$((count + 1)); fi
        count=$((count + $(count_serves "$child")))
    done
    echo "$count"
}

@test "systemd-socket-activate --accept --inetd starts it for each client, and gets the log" {
    needs systemd-socket-activate curl
    expect_service by_systemd
    expect_soon "the log is in standard error" take_output grep -q '"hello"' "$BACKGROUND_OUT"
}

@test "openbsd-inetd starts it for each client, and the client hears no complaint and no log" {
    needs inetd curl
    expect_service by_inetd
}

@test "socat starts it for each client, and gets the log" {
    needs socat curl
    expect_service by_socat
    expect_soon "the log is in standard error" take_output grep -q '"hello"' "$BACKGROUND_OUT"
}

@test "socat starts it with two pipes for each client" {
    needs socat curl
    expect_service by_socat_with_pipes
}

@test "tcpserver starts it for each client, and gets the log" {
    needs tcpserver curl
    expect_service by_tcpserver
    expect_soon "the log is in standard error" take_output grep -q '"hello"' "$BACKGROUND_OUT"
}

# --- without a network ------------------------------------------------------------------------------

@test "a shell has a conversation with it through pipes, and it exits 0" {
    run --separate-stderr bash -c 'printf "%s" "$1" | "$0" inetd zen | cat; exit "${PIPESTATUS[1]}"' "$SERVE" 'Simple is better than?'
    expect "what it answers" complex. "$output" "go_on in models/inetd.c"
    expect "its exit status" 0 "$status" "serve_inetd: what it returns"
    expect "what it says on standard error" '' "$stderr" "announce, which is for those who listen"
}

@test "it talks to a terminal" {
    needs script
    printf 'hello\nBye\n' >"$LAB_DIR/typed"
    run script -qec "stty -echo; '$SERVE' inetd echo; echo status \$?" /dev/null <"$LAB_DIR/typed"
    expect_match "what the terminal shows" $'hello\r?\n(Bye\r?\n)?status 0' "$output" "read and writev in go_on"
}

@test "what is larger than a pipe holds arrives whole" {
    run bash -c 'printf "%s" "$1" | "$0" inetd http -n 1000000 | tail -c 1000000 | wc -c' "$SERVE" "$GET"
    expect "how many bytes of the page come through" 1000000 "$output" "conversation_parts, conversation_went"
}

@test "whoever does not read is given up, though standard output may block" {
    local in out pid
    mkfifo "$LAB_DIR/in" "$LAB_DIR/out"
    exec {in}<>"$LAB_DIR/in" {out}<>"$LAB_DIR/out"
    "$SERVE" inetd http -n 1000000 -W 0.3 <&"$in" >&"$out" 3>&- & # which shares our descriptors
    pid=$!
    LAB_SERVERS+=("$pid")
    printf %s "$GET" >&"$in"
    expect_soon "it ends" "PIPE_BUF in go_on: a write of more may wait for ever" is_gone "$pid"
    IFS= read -r -t "$LAB_DEADLINE" -u "$out" ANSWER
    expect_match "what it has written" '^HTTP/1.1 200 ' "$ANSWER" "was it started?"
    expect "whether our own end of the pipe still blocks: the flags of open(2)" 0 "$(nonblocking "$in")" \
        "who sets O_NONBLOCK? It would be set for all who share the pipe"
    exec {in}>&- {out}>&-
}
# nonblocking DESCRIPTOR: prints a number, 0 if O_NONBLOCK (04000) is not set.
nonblocking() {
    local flags
    flags=$(awk '$1 == "flags:" { print $2 }' "/proc/$BASHPID/fdinfo/$1")
    echo $((flags & 04000))
}

@test "whoever is slow over a request hears so" {
    local in
    mkfifo "$LAB_DIR/in"
    exec {in}<>"$LAB_DIR/in"
    background bash -c 'exec "${@:2}" <"$1"' - "$LAB_DIR/in" "$SERVE" inetd http -H 0.3
    printf GET >&"$in"
    expect_soon "it ends" "wait_until_it_can in models/inetd.c" is_gone "$BACKGROUND_PID"
    expect_match "the answer" '^HTTP/1.1 408 ' "$(<"$BACKGROUND_OUT")" "conversation_late"
    exec {in}>&-
}

@test "whoever has had the last answer, and sends on without a break, is left" {
    needs_tracing
    run timeout 60 "$PYTHON" - "$SERVE" <<'END'
import socket, subprocess, sys
client, server = socket.socketpair()
# strace slows it down: it never finds that nothing is there
program = subprocess.Popen(["strace", "-qq", "-o", "/dev/null", sys.argv[1], "inetd", "http"], stdin=server, stdout=server)
server.close()
client.sendall(b"NO\r\n\r\n")
talkers = [subprocess.Popen(["yes"], stdout=client, stderr=subprocess.DEVNULL) for _ in range(4)]
try:
    program.wait(10)
    print("left")
except subprocess.TimeoutExpired:
    print("it listens, and listens")
for child in program, *talkers:
    child.kill()
    child.wait()
END
    expect "how that ends" left "$output" "wait_until_it_can in models/inetd.c: the deadline comes first"
}

@test "a listening socket for standard input is refused, in one line" {
    needs systemd-socket-activate
    listen_by by_systemd_without_accept http
    connect client
    expect_soon "it says what is needed" "is_listening in models/inetd.c" grep -q "nowait.*Accept=yes" "$BACKGROUND_OUT"
    expect_soon "it ends" "serve_inetd" is_gone "$BACKGROUND_PID"
}
by_systemd_without_accept() {
    background systemd-socket-activate --listen "127.0.0.1:$PORT" --inetd "$SERVE" inetd "$@"
}

@test "without standard input it says so, and fails" {
    run bash -c '"$0" inetd http <&-' "$SERVE"
    expect "its exit status" 1 "$status" "serve_inetd: its first lines"
    expect_match "what it says" '^serve: standard input: ' "$output" "serve_inetd: its first lines"
}
