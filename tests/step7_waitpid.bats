#!/usr/bin/env bats
#
# Step 7, waitpid: the handler reaps all that have ended and blocks for none that has not.

ARTICLE_SLEEP=0
load setup

# crowd CLIENTS [OPTION...]: runs so many clients at once; all must be answered.
crowd() {
    local clients=$1
    shift
    run timeout -k 1 90 "$CLIENT" -p "$PORT" -c "$clients" -t "$LAB_DEADLINE" "$@"
    expect "the client's exit status (0: all $clients were answered)" 0 "$status" \
        "serve_forever, and what became of them: $output"
}

# expect_no_child AFTER: fails unless all children are soon gone, the dead ones too.
expect_no_child() {
    expect_soon "no child is left after $1, and no zombie" \
        "is grim_reaper called for each signal? its loop; how it is installed: strace -e trace=rt_sigaction,wait4" \
        has_children "$SERVER_PID" 0
}

@test "7.1 128 clients at once leave no zombie" {
    serve
    if [ -z "${SERVER-}" ]; then expect_queue 1024; fi
    crowd 128
    expect_no_child "128 clients"
}

@test "7.1 1,000 clients at once leave no zombie" {
    not_under_valgrind "1,000 children at once would need 1,000 valgrinds"
    serve
    crowd 1000
    expect_no_child "1,000 clients"
}

@test "7.1 128 clients at once, ten times over, leave no zombie" {
    not_under_valgrind "it takes a minute"
    serve
    for turn in 1 2 3 4 5 6 7 8 9 10; do crowd 128; done
    expect_no_child "ten times 128 clients"
}

@test "7.2 one signal for 10 children that ended meanwhile: all 10 are reaped" {
    serve
    lose_signals 10
    expect "how many zombies remain of 10" 0 "$(count_zombies "$SERVER_PID")" \
        "10: is grim_reaper installed? else: does it wait for any child (-1), and again until none is left? make diff-6-7"
}

@test "7.3 a child that is only stopped blocks nobody: a new client is served at once" {
    serve
    connect first
    expect_soon "the silent client has a child, which waits for its request" "fork, recv" \
        all_in recv "$SERVER_PID" 1
    expect_soon "the server waits in accept" "serve_forever" is_in accept "$SERVER_PID"
    child=$(children_of "$SERVER_PID")
    kill -STOP "$child"
    expect_soon "the child is stopped" "ps -o stat" in_state "$child" T
    expect_soon "the server is back in accept, as no child has ended" \
        "grim_reaper: in wait: WNOHANG is missing; running: its loop goes on although waitpid returns 0. waitpid(2)" \
        is_in accept "$SERVER_PID"
    connect second
    ask "$second"
    listen_to "$second"
    expect_match "the answer to the second client" 'Hello, World!' "$ANSWER" \
        "waitpid(2), WNOHANG: without it the handler waits for the stopped child to end"
    expect_soon "only the stopped child is left" "grim_reaper" has_children "$SERVER_PID" 1
    kill -CONT "$child"
    ask "$first"
    listen_to "$first"
    expect_match "the answer to the first client, once its child goes on" 'Hello, World!' "$ANSWER" "ps"
    expect_no_child "both clients"
}

# Prints the last $1 results of waitpid(-1, ..., WNOHANG) in strace's log, an error by its name.
last_waits() {
    sed -nE 's/.*wait4\(-1, .*WNOHANG[^)]*\) += (-1 )?([0-9A-Z]+).*/\2/p' "$LAB_DIR/strace" |
        tail -n "$1" | paste -sd ' '
}
has_waited() {
    [ "$(last_waits 2)" = "$1" ]
}

@test "7.3 WNOHANG: 0 when children live and none has ended, ECHILD when there is none" {
    not_under_valgrind "strace would trace it instead"
    strace -q -o "$LAB_DIR/probe" true 2>/dev/null || skip_for tracing
    serve strace -D -q -o "$LAB_DIR/strace" -e trace=wait4 -e signal=none
    connect first
    expect_soon "the first client has a child" "fork, recv" all_in recv "$SERVER_PID" 1
    child=$(children_of "$SERVER_PID")
    connect second
    expect_soon "so has the second" "fork, recv" all_in recv "$SERVER_PID" 2
    expect_soon "the server waits in accept" "serve_forever" is_in accept "$SERVER_PID"
    other=$(children_of "$SERVER_PID")
    other=${other#"$child "}
    ask "$first"
    wait_until has_waited "$child 0" || true
    expect "the last two results of waitpid: the child that has ended, then 0, as another one lives" \
        "$child 0" "$(last_waits 2)" \
        "grim_reaper, and how it is installed: does the kernel reap instead (SIG_IGN, SA_NOCLDWAIT)? strace -e trace=rt_sigaction,wait4"
    ask "$second"
    wait_until has_waited "$other ECHILD" || true
    expect "the last two results of waitpid: the other child, then ECHILD, as there is none left" \
        "$other ECHILD" "$(last_waits 2)" "strace -e trace=wait4; waitpid(2), ERRORS"
}

@test "7.4 the handler keeps errno: a signal between a failed accept and the look at errno spoils nothing" {
    variant 's/( *)int connection = accept.*/&\n\1if (connection == -1) raise(SIGCHLD);/'
    start_server "$VARIANT" -p 0 -s 0
    for turn in first second; do
        connect client
        expect_soon "the $turn client has a child" "$SERVER_ERR" all_in recv "$SERVER_PID" 1
        expect_soon "the server waits in accept" "serve_forever" is_in accept "$SERVER_PID"
        ask "$client"
        listen_to "$client"
        expect_soon "the $turn child is reaped" "grim_reaper" has_children "$SERVER_PID" 0
        expect_soon "accept is called again: errno is EINTR still, and not waitpid's ECHILD" \
            "saved_errno in grim_reaper; what the server says below" is_in accept "$SERVER_PID"
    done
}

# Prints how much memory of its own the server has, in KiB. Counted page by page: VmRSS, on many
# kernels, is an estimate, and includes pages of files that come and go.
own_memory() {
    awk '/^Anonymous:/ { print $2 }' "/proc/$SERVER_PID/smaps_rollup"
}

@test "7.5 after 600 connections, rude ones among them: descriptors 0 to 3, no child, no more memory" {
    not_under_valgrind "it takes a minute, and valgrind has memory of its own"
    serve
    crowd 10 -n 10
    expect_no_child "the first 100 connections"
    before=$(own_memory)
    for manner in reset vanish reset-after-request leave-before-answer half-close-and-reset rubbish megabyte; do
        "$RUDE" "$manner" "$PORT"
    done
    for turn in 1 2 3 4 5 6; do crowd 10 -n 10; done
    expect_no_child "600 connections"
    expect_soon "the server waits in accept" "$SERVER_ERR" is_in accept "$SERVER_PID"
    expect "the open descriptors" '0 1 2 3' "$(descriptors_of "$SERVER_PID")" "close in serve_forever"
    # The smallest block that malloc gives is 32 bytes: forgotten 600 times, 19 KiB. A page or two
    # may have been touched for the first time.
    grown=$(($(own_memory) - before))
    expect "memory: $before KiB after 100 connections, $grown more after 600 others; within 12" yes \
        "$( ((grown <= 12)) && echo yes || echo no)" "what serve_forever allocates and does not free: the child frees its own copy alone. valgrind --leak-check=full"
}

# Prints a server's source without its comments and without the body of its handler.
but_for_the_reaper() {
    sed -E 's@/\*.*\*/@@; /\/\*/,/\*\//d' "$1" | sed -E '/ grim_reaper\(int [a-z]+\) \{$/,/^}/d; s/ +$//; /^$/d'
}

@test "7.6 the reaper is the whole difference between stages 6 and 7" {
    only_ours "it is about our own sources"
    expect "the difference, but for comments and the body of grim_reaper" '' \
        "$(diff <(but_for_the_reaper step6_sigchld/server.c) <(but_for_the_reaper step7_waitpid/server.c))" \
        "make diff-6-7"
    for step in step6_sigchld step7_waitpid; do
        expect "how many lines set up grim_reaper in $step" 1 \
            "$(but_for_the_reaper "$step/server.c" | grep -c grim_reaper)" "make diff-6-7"
    done
    expect_match "the call in stage 6" 'wait\(NULL\)' \
        "$(sed -n '/ grim_reaper(int/,/^}/p' step6_sigchld/server.c)" "make diff-6-7"
    expect_match "the call in stage 7" 'while.*waitpid\(-1, NULL, WNOHANG\)' \
        "$(sed -n '/ grim_reaper(int/,/^}/p' step7_waitpid/server.c)" "make diff-6-7"
}
