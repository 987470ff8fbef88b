# shellcheck shell=bash
#
# Expectations about a server, for the tests (tests/setup.bash) and for the judge of the exercises
# (tools/classroom/judge): each says what was looked at, what was expected and what was seen. Beside tools/lab.bash.
#
# Whoever sources this defines
#   report WHAT EXPECTED SEEN LOOK    tells of an expectation that is not met; LOOK says what to look at next

# Where to look when there are fewer zombies than children that should have ended.
WHO_REAPS="does the child end (_exit)? who waits, or ignores SIGCHLD? strace -f -e trace=wait4,rt_sigaction,exit_group"

# expect WHAT EXPECTED SEEN LOOK: fails unless SEEN equals EXPECTED; LOOK says what to look at next.
expect() {
    if [ "$2" = "$3" ]; then return 0; fi
    report "$1" "$2" "$3" "$4"
}

# expect_match WHAT PATTERN SEEN LOOK: the same for an extended regular expression.
expect_match() {
    if [[ $3 =~ $2 ]]; then return 0; fi
    report "$1" "something that matches: $2" "$3" "$4"
}

# expect_soon WHAT LOOK COMMAND...: fails unless COMMAND succeeds before the deadline.
expect_soon() {
    local what=$1 look=$2
    shift 2
    if wait_until "$@"; then return 0; fi
    report "$what" "within $LAB_DEADLINE s: $*" "$(seen_instead "$@")" "$look"
}

# seen_instead COMMAND...: prints what there is instead of what that command has waited for. A file's
# own command may have a seen_COMMAND beside it.
seen_instead() {
    local child
    case $1 in
    is_in) shift 2 && for child; do whereabouts "$child"; done ;;
    all_in)
        echo "children: $(count_children "$3")$(for child in $(children_of "$3"); do whereabouts "$child"; done |
            sort | uniq -c | sed -E 's/^ +/, /' | tr -d '\n')"
        ;;
    has_children | has_zombies) echo "children: $(count_children "$2"), zombies among them: $(count_zombies "$2")" ;;
    has_descriptors) if is_gone "$2"; then whereabouts "$2"; else descriptors_of "$2"; fi ;;
    in_state | is_gone) whereabouts "$2" ;;
    is_tcp) tcp_state "$2" "$3" ;;
    grep) echo "no such line" ;;
    *) if declare -F "seen_$1" >/dev/null; then "seen_$1" "${@:2}"; else echo "still not so"; fi ;;
    esac
}

# whereabouts PID: prints what that process is at.
whereabouts() {
    local call
    case $(state_of "$1") in
    [-X]) echo "ended" ;;
    Z) if [ "$1" = "${SERVER_PID-}" ]; then echo "ended"; else echo "a zombie"; fi ;;
    T) echo "stopped" ;;
    *)
        for call in accept recv sleep wait ${WAITS_IN-}; do
            if is_in "$call" "$1"; then echo "in $call" && return; fi
        done
        if in_state "$1" R; then
            echo "running, not asleep in any call"
        else
            echo "asleep, but not in accept, recv, sleep or wait"
        fi
        ;;
    esac
}

# freeze: stops the server, by SIGSTOP; returns when it is stopped.
freeze() {
    kill -STOP "$SERVER_PID"
    expect_soon "the server is stopped" "ps -o pid,stat" in_state "$SERVER_PID" T
}

# silent_crowd N [LOOK]: sets SILENT_CLIENTS to N silent clients; returns when each of them has a child, in recv.
silent_crowd() {
    local i
    SILENT_CLIENTS=()
    for ((i = 0; i < $1; i++)); do connect "SILENT_CLIENTS[i]"; done
    expect_soon "$(if (($1 == 1)); then echo "a silent client"; else echo "each of $1 silent clients"; fi) has a child, which waits for the request" \
        "${2:-${LOOK_AT_FORK:-"fork in serve_forever, recv in the child"}}" all_in recv "$SERVER_PID" "$1"
}

# lose_signals N: lets N children end while the server is stopped, so that their N signals are one,
# then lets it go on. Returns when it is back in accept (or in the call that WAITS_IN names): all that it will do about
# them is done.
# Where to look if it does not come so far: LOOK_AT_FORK, LOOK_AT_ACCEPT, LOOK_AT_DEAD, LOOK_AT_RETURN.
lose_signals() {
    local client
    silent_crowd "$1"
    expect_soon "the server waits in ${WAITS_IN:-accept}" "${LOOK_AT_ACCEPT:-serve_forever}" is_in "${WAITS_IN:-accept}" "$SERVER_PID"
    freeze
    for client in "${SILENT_CLIENTS[@]}"; do ask "$client"; done
    expect_soon "all $1 children are dead, and nobody has waited for them: the server is stopped" \
        "${LOOK_AT_DEAD:-$WHO_REAPS}" has_zombies "$SERVER_PID" "$1"
    kill -CONT "$SERVER_PID"
    expect_soon "the server goes on, and is back in ${WAITS_IN:-accept}" \
        "${LOOK_AT_RETURN:-"does grim_reaper return? is accept called again after EINTR? its last words are below"}" \
        is_in "${WAITS_IN:-accept}" "$SERVER_PID"
}
