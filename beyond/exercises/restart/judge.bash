# shellcheck shell=bash
#
# Exercise 8, restart: what is judged, in the words of tools/classroom/judge.

LOOK_AT_END="the server is to live on when a child ends, and its handler is to ask about the child. Has the server ended: what did it print last? If not: who is left, and did the handler run? strace -e trace=accept,rt_sigaction ./mine, ask it with curl, and read what becomes of accept when SIGCHLD comes"

answered() {
    serve
    connect client
    ask "$client"
    expect_greeting "$client" "a client"
    expect_end "$client" "a client" "who still holds the connection? ls -l /proc/PID/fd, for the PID of the server and of its children"
}

lives() {
    local before turn
    serve
    expect_waiting "before its first client"
    before=$(descriptors_of "$SERVER_PID")
    for turn in first second third; do
        connect client
        expect_soon "the $turn client has a child, which waits for its request" "$LOOK_AT_FORK" all_in recv "$SERVER_PID" 1
        expect_waiting "while the child of the $turn client waits for a request"
        ask "$client"
        expect_greeting "$client" "the $turn client"
        expect_no_child "after the $turn client has been served" "$LOOK_AT_END"
        expect_waiting "after its $turn client" "$LOOK_AT_END"
    done
    expect_handled "after three clients"
    expect_descriptors "after three clients" "$before"
}

several() {
    local i
    serve
    silent_crowd 5
    for ((i = 0; i < 5; i++)); do
        expect_waiting "before client number $((i + 1)) of five asks, and when the children of those before it have ended" "$LOOK_AT_END"
        ask "${SILENT_CLIENTS[i]}"
        expect_greeting "${SILENT_CLIENTS[i]}" "one of five clients"
        expect_soon "children that are left, when client number $((i + 1)) of five has been served" "$LOOK_AT_END" \
            has_children "$SERVER_PID" "$((4 - i))"
    done
    expect_waiting "when five clients have been served" "$LOOK_AT_END"
}

# serve_traced CALLS: serve, with strace's words about those calls in the file TRACE; returns 1 where it may not trace.
serve_traced() {
    local QUIET=0 LAB_DEADLINE=30 # the server is held until strace has begun, and that may take its time
    TRACE=$LAB_DIR/trace TRACED=$1
    if [ -z "${CONFINE-}" ] && ! strace -q -o "$TRACE" true 2>/dev/null; then return 1; fi
    # shellcheck disable=SC2317 # serve calls it, instead of the judge's own
    start_judged() { start_traced "$TRACE" "-e trace=$TRACED" "$@"; }
    serve
    [ -s "$TRACE" ]
}

# traced: prints what strace has said about the server itself.
traced() {
    sed -n "s/^$SERVER_PID  *//p" "$TRACE"
}

restarted() {
    local how="nothing: the kernel calls accept again by itself"
    lives
    serve_traced accept,accept4,rt_sigreturn ||
        report "what the program gets from accept when a child ends meanwhile" "to be seen by strace" \
            "$(if command -v strace >/dev/null; then echo "strace may not trace here"; else echo "strace is missing"; fi)" \
            "make deps-classroom installs it; a container lets it trace when it is run with --cap-add SYS_PTRACE. Until then: make progress EX=nocldwait"
    connect client
    expect_soon "the server takes in a client, and calls accept for the next one" "strace -e trace=accept ./mine" calls_accept 2
    expect_soon "the client has a child, which waits for its request" "$LOOK_AT_FORK" all_in recv "$SERVER_PID" 1
    ask "$client"
    expect_greeting "$client" "a client"
    expect_no_child "after its client has been served" "$LOOK_AT_END"
    expect_soon "what strace shows when a child ends while the server waits in accept" \
        "is SIGCHLD blocked, or does the server wait elsewhere? strace -e trace=accept,rt_sigaction,rt_sigprocmask ./mine" interrupted
    # The end of the handler tells: EINTR is for the program; else it is the number of the call that the kernel calls again.
    if [[ $(traced) =~ rt_sigreturn[^$'\n']*EINTR ]]; then how="-1, with errno EINTR; it is the program that calls accept again"; fi
    expect "what the program gets from accept when a child ends meanwhile" "nothing: the kernel calls accept again by itself" "$how" \
        "how the handler is installed decides that: strace -e trace=rt_sigaction ./mine shows its sa_flags; man 7 signal, \"Interruption of system calls\""
}
calls_accept() {
    (($(traced | grep -cE '^accept4?\(') >= $1))
}
interrupted() {
    [[ $(traced) =~ accept[^$'\n']*ERESTARTSYS.*rt_sigreturn[^$'\n']*= ]]
}
wanted_interrupted() {
    echo "accept, interrupted by SIGCHLD"
}
seen_interrupted() {
    if [[ $(traced) == *SIGCHLD* ]]; then echo "SIGCHLD, but not within accept"; else echo "no SIGCHLD"; fi
}

behaviour 1 answered "A client gets the whole answer and the end of its connection"
behaviour 3 lives "When a child ends while the server waits in accept, the handler reaps it, and the server lives on"
behaviour 2 several "Five clients at the same time: the server lives on after each of them, and its child is reaped"
behaviour 4 restarted "The program never sees EINTR: the kernel itself calls accept again (as strace sees it)"
