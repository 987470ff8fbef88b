#!/usr/bin/env bats
#
# Step 6, SIGCHLD: the first program dies of the signal, the second loses some of them.
#
# A server of your own is taken for the second program, webserver3f. For the first, webserver3e:
#   make test STEP=step6_sigchld PROGRAM=eintr SERVER="./mine"

ARTICLE_SLEEP=0
if [ "${PROGRAM-}" = eintr ]; then ARTICLE_SLEEP=3; fi
load setup

# serve_first, serve_second [-s SECONDS]: start the program, or skip where another one is judged.
serve_first() {
    if [ -n "${SERVER-}" ] && [ "${PROGRAM-}" != eintr ]; then
        skip_unasked "about the first program: PROGRAM=eintr says that SERVER is that one"
    fi
    serve -x eintr "$@"
}
serve_second() {
    if [ -n "${SERVER-}" ] && [ "${PROGRAM-}" = eintr ]; then skip_unasked "about the second program"; fi
    serve "$@"
}

# connect_silently: connects a client that says nothing. Sets client, and child, the process that
# waits for its request while the server waits in accept.
connect_silently() {
    connect client
    expect_soon "the client has a child, which waits for its request" "fork, then recv in the child" \
        all_in recv "$SERVER_PID" 1
    expect_soon "the server waits in accept" "serve_forever" is_in accept "$SERVER_PID"
    child=$(children_of "$SERVER_PID")
}

# has_reported PID STATUS: does the output have a line with these numbers, in this order?
has_reported() {
    grep -Eq "(^|[^0-9])$1[^0-9](.*[^0-9])?$2([^0-9]|\$)" "$SERVER_OUT"
}

seen_has_reported() {
    tail -n 1 "$SERVER_OUT"
}

# is_settled: are all children dead, and all signals handled, as the server is back in accept?
is_settled() {
    [ "$(count_zombies "$SERVER_PID")" -eq "$(count_children "$SERVER_PID")" ] &&
        is_in accept "$SERVER_PID"
}

@test "6.1 the handler waits for the child that has ended and reports its PID and its status, 0" {
    serve_first
    connect_silently
    ask "$client"
    expect_soon "PID $child and status 0 in the output" \
        "is grim_reaper installed? does it wait, and write? strace -e trace=rt_sigaction,wait4,write" \
        has_reported "$child" 0
    expect_soon "the child is gone, no zombie" "wait in grim_reaper" has_children "$SERVER_PID" 0
}

@test "6.1 of a child that was killed it reports the signal as its status, 9" {
    serve_first
    connect_silently
    kill -KILL "$child"
    expect_soon "PID $child and status 9 in the output" \
        "grim_reaper, which prints all of the status: WEXITSTATUS says nothing of a child that was killed. wait(2)" \
        has_reported "$child" 9
}

@test "6.1 the handler calls nothing that is not async-signal-safe" {
    only_ours "it is our own source that is compiled"
    {
        sed -n '/^#/p; /^static void put_number/,/^}/p; /^static void grim_reaper/,/^}/p' \
            step6_sigchld/eintr.c
        echo 'void (*const handler)(int) = grim_reaper;'
    } >"$LAB_DIR/handler.c"
    "${CC:-cc}" -O0 -fno-builtin -fno-stack-protector -c -o "$LAB_DIR/handler.o" "$LAB_DIR/handler.c"
    calls=$(nm -u "$LAB_DIR/handler.o" | awk '{ print $2 }' | sort | paste -sd ' ')
    expect_match "the functions that it calls, by nm" \
        '^((__errno_location|strchr|strlen|strstr|wait|waitpid|write|memcpy|_GLOBAL_OFFSET_TABLE_) ?)+$' \
        "$calls" "signal-safety(7) lists what a handler may call: printf is not in it"
}

@test "6.2 the server, blocked in accept, dies when its first child ends: status 1" {
    serve_first
    connect_silently
    ask "$client"
    listen_to "$client"
    expect_match "the answer" 'Hello, World!' "$ANSWER" RESPONSE
    server_status
    expect "the exit status of the server" 1 "$SERVER_STATUS" \
        "is SA_RESTART in sigaction's flags, or accept called again after EINTR? make diff-eintr-6. Python since 3.5 does so by itself (PEP 475)"
    expect_match "the reason, on standard error" '[Ii]nterrupted system call' "$(cat "$SERVER_ERR")" \
        "accept(2), EINTR"
    if [ -z "${SERVER-}" ]; then
        expect "the last line of its errors" 'accept: Interrupted system call' \
            "$(tail -n 1 "$SERVER_ERR")" "die in serve_forever"
    fi
}

@test "6.2 the client that comes after the first one is refused" {
    serve_first
    connect_silently
    ask "$client"
    server_status
    expect "the exit status of the server" 1 "$SERVER_STATUS" "accept in serve_forever"
    run curl --silent --max-time "$LAB_DEADLINE" "http://127.0.0.1:$PORT/hello"
    expect "the exit status of the second client's curl (7: refused)" 7 "$status" "ss -ltn: who listens?"
}

@test "6.3 with SA_RESTART the kernel restarts accept: the same program lives and serves the next client" {
    variant -x eintr 's/\.sa_flags = 0/.sa_flags = SA_RESTART/'
    start_server "$VARIANT" -p 0 -s 0
    for turn in first second; do
        connect_silently
        ask "$client"
        listen_to "$client"
        expect_match "the answer to the $turn client" 'Hello, World!' "$ANSWER" "$SERVER_ERR"
        expect_soon "the handler has run for the $turn child" grim_reaper has_reported "$child" 0
        expect_soon "accept goes on" "sigaction(2), SA_RESTART" is_in accept "$SERVER_PID"
    done
}

@test "6.4 a child's end interrupts accept, which is called again: the server lives, the next client is served" {
    serve_second
    for turn in first second third; do
        connect_silently
        ask "$client"
        listen_to "$client"
        expect_match "the answer to the $turn client" 'Hello, World!' "$ANSWER" "$SERVER_ERR"
        expect_soon "the $turn child is reaped" "wait in grim_reaper" has_children "$SERVER_PID" 0
        expect_soon "the server is back in accept" \
            "errno == EINTR in serve_forever: no failure, accept has to be called again; its last words are below" \
            is_in accept "$SERVER_PID"
    done
}

@test "6.4 two children end, and no client comes between: accept is called again each time" {
    serve_second
    connect first
    connect second
    expect_soon "two silent clients have a child each" "fork in serve_forever" all_in recv "$SERVER_PID" 2
    left=2
    for asking in "$first" "$second"; do
        expect_soon "the server waits in accept, $left children live" \
            "serve_forever: accept may be interrupted any number of times; its last words are below" \
            is_in accept "$SERVER_PID"
        ask "$asking"
        left=$((left - 1))
        expect_soon "the child has ended, and is reaped" "wait in grim_reaper" has_children "$SERVER_PID" "$left"
    done
    expect_soon "the server is back in accept" \
        "serve_forever: accept may be interrupted any number of times; its last words are below" \
        is_in accept "$SERVER_PID"
}

@test "6.4 one client after another leaves no zombie" {
    serve_second
    for turn in 1 2 3 4 5; do
        run curl --silent --max-time "$LAB_DEADLINE" "http://127.0.0.1:$PORT/hello"
        expect "the exit status of curl, client $turn" 0 "$status" "curl's manual, EXIT CODES"
        expect_soon "no zombie after client $turn" "wait in grim_reaper" has_children "$SERVER_PID" 0
    done
}

@test "6.5 128 clients at once leave zombies again" {
    serve_second
    if [ -z "${SERVER-}" ]; then expect_queue 1024; fi
    run timeout -k 1 90 "$CLIENT" -p "$PORT" -c 128 -t "$LAB_DEADLINE"
    expect "the client's exit status (0: all were answered)" 0 "$status" "$output"
    expect_soon "the server has handled all that came" "a handler that blocks" is_settled
    expect_match "how many zombies of 128" '^[1-9][0-9]*$' "$(count_zombies "$SERVER_PID")" \
        "grim_reaper: one wait a signal?"
}

@test "6.6 signals do not queue: 5 children that end meanwhile are one signal, one wait; 4 zombies remain" {
    serve_second
    lose_signals 5
    expect "how many zombies remain of 5" 4 "$(count_zombies "$SERVER_PID")" \
        "signal(7), standard signals do not queue; how many wait calls does grim_reaper make? make diff-6-7 is the mend"
}

# Stops the child of a silent client, which raises SIGCHLD although no child has ended, and sets
# first, that client, and second, one that has connected and asked meanwhile.
stop_a_child() {
    connect_silently
    first=$client
    kill -STOP "$child"
    expect_soon "the child is stopped" "ps -o stat" in_state "$child" T
    expect_soon "the server sits in the handler's wait" \
        "grim_reaper: a stopped child's SIGCHLD calls it, and it waits; SA_NOCLDSTOP or WNOHANG would mend that. make diff-6-7" \
        is_in wait "$SERVER_PID"
    connect second
    ask "$second"
}

@test "6.7 a child that is only stopped raises SIGCHLD too: wait blocks the server, and new clients" {
    serve_second
    stop_a_child
    expect_soon "the second client's connection" "listen: the kernel's queue takes the connection" \
        is_tcp "$PORT" "$(port_of "$second")" ESTABLISHED
    listen_to "$second" 0.2
    expect "what the second client hears" ' then time-out' "$ANSWER then $ENDING" "grim_reaper: wait"
    expect_soon "the server still waits for a child to end" "grim_reaper" is_in wait "$SERVER_PID"
}

@test "6.7 when the stopped child goes on and ends, the server serves again" {
    serve_second
    stop_a_child
    kill -CONT "$child"
    ask "$first"
    listen_to "$second"
    expect_match "the answer to the second client" 'Hello, World!' "$ANSWER" \
        "the child ends while the handler waits: one more signal, and no child for it; wait fails, ECHILD, which is no reason to end"
    listen_to "$first"
    expect_match "the answer to the first client" 'Hello, World!' "$ANSWER" "ps"
}

@test "6.8 the remaining zombies stay: each new child's signal reaps one, and there is one more" {
    serve_second
    lose_signals 4
    for turn in 1 2 3; do
        connect client
        ask "$client"
        listen_to "$client"
        expect "how the answer to new client $turn ends" 'end of file' "$ENDING" "$SERVER_ERR"
        expect_soon "the server has handled the end of child $turn" "ps -o pid,ppid,stat,wchan" is_settled
        expect "the zombies after new client $turn" 3 "$(count_zombies "$SERVER_PID")" \
            "grim_reaper: one wait a signal"
    done
}

# are_orphans PID...: has none of these the server as its parent any more?
are_orphans() {
    local pid
    for pid; do
        [ "$(ps -o ppid= -p "$pid" | tr -d ' ')" != "$SERVER_PID" ] || return 1
    done
}

@test "6.8 the remaining zombies go with the server" {
    serve_second
    lose_signals 4
    zombies=$(zombies_of "$SERVER_PID")
    expect "how many zombies there are" 3 "$(count_words "$zombies")" "grim_reaper: one wait a signal"
    stop_server || true
    # shellcheck disable=SC2086 # a word each
    expect_soon "none is the dead server's child: process 1, or a subreaper, has inherited them" \
        "ps -o pid,ppid,stat -p ${zombies// /,}" are_orphans $zombies
}
