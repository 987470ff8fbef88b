#!/usr/bin/env bats
#
# Step 5, zombie: a child that has ended stays until its parent waits for it.

# shellcheck disable=SC2034,SC2154 # connect sets the clients, setup.bash uses the rest
ARTICLE_SLEEP=0
load setup

# visit: a client connects, asks, hears all there is, and leaves. Sets ANSWER and ENDING.
visit() {
    connect client 2>/dev/null || report "a client connects" "a connection" "none" "does the server live?"
    ask "$client"
    listen_to "$client"
    hang_up "$client"
}

# make_zombies N: so many clients, and their children end.
make_zombies() {
    local i
    for ((i = 0; i < $1; i++)); do
        visit
        expect "how client $((i + 1)) of $1 is left" 'end of file' "$ENDING" "is the leak of step 4 mended?"
    done
    expect_soon "one zombie per client, $1 in all" "$WHO_REAPS" has_zombies "$SERVER_PID" "$1"
    zombies=$(zombies_of "$SERVER_PID")
}

@test "5.1 the client gets its end of file" {
    serve
    visit
    expect "what the client hears" "$GREETING, end of file" "${ANSWER//$'\r'/}, $ENDING" \
        "close behind the switch: as long as the server holds the connection, it does not end. make diff-4-5"
    expect_soon "the server holds no connection" "close in serve_forever" \
        has_descriptors "$SERVER_PID" '0 1 2 3'
    run curl --silent --max-time "$LAB_DEADLINE" "http://localhost:$PORT/hello"
    expect "what curl prints, and its exit status" 'Hello, World! 0' "$output $status" \
        "curl --verbose http://localhost:$PORT/hello"
}

@test "5.1 the mend of stage 4 is one line" {
    only_ours "it is our own source that is compared"
    run diff step4_leak/server.c step5_zombie/server.c
    expect "the lines that differ, comments aside" \
        '>         if (close(connection) == -1) perror("close"); /* parent'"'s copy of the connection */" \
        "$(grep '^[<>]' <<<"$output" | grep -vE '^[<>] +/?\*')" "diff -u step4_leak/server.c step5_zombie/server.c"
}

@test "5.2 after each connection the server has one more zombie: state Z, <defunct> in ps" {
    serve
    for number in 1 2 3; do
        visit
        expect_soon "one zombie per client, $number so far" "$WHO_REAPS" has_zombies "$SERVER_PID" "$number"
    done
    for zombie in $(zombies_of "$SERVER_PID"); do
        expect_match "zombie $zombie, by ps" "^ *$SERVER_PID Z.*<defunct>" \
            "$(ps -o ppid=,stat=,args= -p "$zombie")" "ps -o pid,ppid,stat,args"
    done
}

@test "5.3 a zombie holds no descriptors and no memory" {
    serve
    connect client
    expect_soon "a living child, in recv" "fork in serve_forever" all_in recv "$SERVER_PID" 1
    living=$(children_of "$SERVER_PID")
    expect "the descriptors of the living child" '0 1 2 4' "$(descriptors_of "$living")" "/proc/$living/fd"
    expect_match "its resident memory in KiB" '^[1-9]' "$(memory_of "$living")" "/proc/$living/status"
    ask "$client"
    expect_soon "the child is a zombie" "$WHO_REAPS" in_state "$living" Z
    listen_to "$client"
    expect "the connection that it held" 'end of file' "$ENDING" "the kernel closes what a process held, when it ends"
    expect "its descriptors then (root alone may look)" '' "$(descriptors_of "$living")" "/proc/$living/fd"
    expect "its memory then: VmRSS in its status" '' "$(memory_of "$living")" "/proc/$living/status"
    expect "its memory then, in pages" '0 0 0 0 0 0 0' "$(cat "/proc/$living/statm")" "/proc/$living/statm"
}

@test "5.3 it keeps its PID, its exit status and its use of resources" {
    serve
    make_zombies 1
    connect client
    expect_soon "a child in recv" "fork in serve_forever" youngest_in_recv
    kill -TERM "$child"
    expect_soon "two zombies" "$WHO_REAPS" has_zombies "$SERVER_PID" 2
    expect "the PIDs are still the server's children" "$zombies $child" "$(children_of "$SERVER_PID")" "ps"
    for pid in "$zombies" "$child"; do
        read -r stat <"/proc/$pid/stat"
        read -r _ ppid _ _ _ _ _ faults _ <<<"${stat##*) }"
        expect "the parent of $pid" "$SERVER_PID" "$ppid" "proc(5), /proc/PID/stat"
        expect_match "the page faults it had" '^[1-9]' "$faults" "proc(5), minflt"
    done
    expect "the status of the one that ended by itself" 0 "$(exit_code_of "$zombies")" \
        "what it gives to _exit, times 256: wait(2), proc(5)"
    expect "the status of the one that SIGTERM ended" 15 "$(exit_code_of "$child")" "proc(5), exit_code; wait(2)"
}
youngest_in_recv() {
    child=$(children_of "$SERVER_PID") child=${child##* }
    is_in recv "$child"
}
exit_code_of() {
    awk '{ print $NF }' "/proc/$1/stat"
}

@test "5.4 kill -9 does not remove a zombie" {
    serve
    make_zombies 2
    for zombie in $zombies; do
        run kill -KILL "$zombie"
        expect "the exit status of kill -9 $zombie" 0 "$status" "kill(2): the signal is sent, in vain"
    done
    visit
    expect_soon "the next client's zombie joins them" "$WHO_REAPS" \
        has_zombies "$SERVER_PID" 3
    expect_match "the zombies now" "^$zombies [0-9]+$" "$(zombies_of "$SERVER_PID")" "ps -o pid,ppid,stat"
}

# are_gone PID...: is none of them left, not even as a zombie?
are_gone() {
    local pid
    for pid; do in_state "$pid" - || return 1; done
}

@test "5.5 when the server ends, its zombies are gone: another process inherits and reaps them" {
    serve
    make_zombies 3
    stop_server || true
    # shellcheck disable=SC2086 # a word each
    if wait_until are_gone $zombies; then return; fi
    heir=$(ps -o ppid= -p "${zombies##* }" | tr -d ' ')
    expect_match "the zombies' parent, another one than $SERVER_PID" '^[0-9]+$' "${heir/#$SERVER_PID/the server}" \
        "ps -o pid,ppid,stat"
    skip_for orphans
}

# limit_processes: sets limited, a command prefix under which a server has at most 19 children. Root
# is exempt from the limit, so root takes a user who has no process; anyone else takes a user
# namespace, where the user's other processes do not count. Where neither can be, the 20th fork fails
# because strace says so. (SIGCHLD is blocked then: strace would see a fork that it interrupts, and
# the kernel starts again, as two.)
limit_processes() {
    local user=$((2000000 + BASHPID))
    if [ -z "${SERVER-}" ]; then
        mkdir "$LAB_DIR/$STEP"
        cp "$BIN/$STEP/server" "$LAB_DIR/$STEP"
        chmod 755 "$LAB_DIR" "$LAB_DIR/$STEP"
        BIN=$LAB_DIR
    fi
    limited=(setpriv --reuid "$user" --regid "$user" --clear-groups --no-new-privs prlimit --nproc=20)
    if ((EUID == 0)) && ! pgrep -U "$user" >/dev/null && can_start "${limited[@]}"; then return; fi
    limited=(unshare -U prlimit --nproc=20)
    if ((EUID != 0)) && can_start "${limited[@]}"; then return; fi
    limited=(strace -D -f -qq -o /dev/null -e 'inject=clone,?clone3,?fork,?vfork:error=EAGAIN:when=20'
        env --block-signal=CHLD)
    if strace -o /dev/null env --block-signal=CHLD true; then return; fi
    skip_for limiting tracing
}

# can_start PREFIX...: may the server's files be read under this prefix?
can_start() {
    local word words path
    read -ra words <<<"${SERVER:-$BIN/$STEP/server}"
    for word in "${words[@]}"; do
        path=$(command -v -- "$word") || path=$word
        [ ! -e "$path" ] || "$@" test -r "$path" || return 1
    done
} 2>/dev/null

@test "5.6 with 20 processes at most, the 20th client kills the server: Resource temporarily unavailable" {
    not_under_valgrind "the other user cannot write its log"
    limit_processes
    serve "${limited[@]}"
    make_zombies 19
    expect "the children that live" 0 $(($(count_children "$SERVER_PID") - 19)) "zombies alone fill the limit"
    connect client
    server_status
    expect "the server's exit status" 1 "$SERVER_STATUS" \
        "what it does when fork returns -1: that is neither the parent's case nor the child's. fork(2)"
    expect_match "what it says" '[Rr]esource temporarily unavailable' "$(cat "$SERVER_ERR")" "fork(2), EAGAIN"
    if [ -z "${SERVER-}" ]; then
        expect "what our server says" 'fork: Resource temporarily unavailable' "$(cat "$SERVER_ERR")" "perror in die"
    fi
}

@test "5.7 wait in the accept loop is no way out: no zombies, but one client at a time again" {
    variant 's/#include <sys\/socket.h>/&\n#include <sys\/wait.h>/' \
        "s/^( +)if \(close\(connection\).*parent's copy.*/&\n\1wait(NULL);/"
    start_server "$VARIANT" -p 0 -s 0
    connect first
    expect_soon "the first client's child waits for the request" "fork in serve_forever" all_in recv "$SERVER_PID" 1
    expect_soon "the server waits for the child" "wait, behind the fork" is_in wait "$SERVER_PID"
    connect second
    ask "$second"
    listen_to "$second" 0.1
    expect "what the second client hears" 'nothing, then time-out' "${ANSWER:-nothing}, then $ENDING" "the server waits for its child, not for clients"
    expect "how many children there are" 1 "$(count_children "$SERVER_PID")" "was the second client accepted?"
    ask "$first"
    for client in "$first" "$second"; do
        listen_to "$client"
        expect "what a client hears then" "$GREETING, end of file" "${ANSWER//$'\r'/}, $ENDING" "does the server go on when the child has ended?"
    done
    expect_soon "the server waits in accept, with no child, dead or alive" "wait" is_alone
}
is_alone() {
    is_in accept "$SERVER_PID" && has_children "$SERVER_PID" 0
}
