# shellcheck shell=bash
#
# Exercise 4, handler: what is judged, in the words of tools/classroom/judge. (Whether the server outlives the
# signal is not asked here: that is the next exercise.)

installed() {
    serve
    expect_waiting "before its first client"
    expect_handled "when it waits for its first client"
}

# end_child COMMAND...: CHILD ends of it while the server is stopped; BEFORE is then what has been printed so far, in bytes, for
# nobody can report a child before it has ended.
end_child() {
    freeze
    "$@"
    expect_soon "the child, which the stopped server cannot ask about" "$LOOK_AT_DEAD" is_gone "$CHILD"
    BEFORE=$(stat -c %s "$SERVER_OUT")
    kill -CONT "$SERVER_PID"
}

# has_reported PID STATUS: does a line of the output since then have these numbers, in this order?
has_reported() {
    tail -c +$((BEFORE + 1)) "$SERVER_OUT" | grep -aEq "(^|[^0-9])$1[^0-9](.*[^0-9])?$2([^0-9]|\$)"
}
wanted_has_reported() {
    echo "a line with the child's PID, $1${CONFINE:+" (processes in the sandbox have small numbers)"}, and then the status, $2"
}
seen_has_reported() {
    echo "no such line; the last one is: $(tail -c 1000 "$SERVER_OUT" | tr -d '\0' | grep -a '[^[:space:]]' | tail -n 1 | head -c 200)"
}

# ended_or_waiting: has the handler returned, and is the server in accept or, interrupted in it, gone?
ended_or_waiting() {
    is_gone "$SERVER_PID" || is_in accept "$SERVER_PID"
}
wanted_ended_or_waiting() {
    echo "back in accept, or ended because accept was interrupted"
}
seen_ended_or_waiting() {
    whereabouts "$SERVER_PID"
}

# expect_report CHILD STATUS WHEN: it is reported, the child is reaped, and the handler returns.
expect_report() {
    expect_soon "what the handler prints $3" \
        "does the handler run, does it wait for a child, and does it write to descriptor 1? strace -e trace=rt_sigaction,wait4,write ./mine; man 2 wait: the status is to be printed as wait gives it" \
        has_reported "$1" "$2"
    expect_soon "where the server is when the handler has reported a child, while another child lives" \
        "does the handler ask for more children than have ended, and wait for those that live? strace -p PID" \
        ended_or_waiting
    if ! is_gone "$SERVER_PID"; then
        expect_soon "children that are left, when one of them has ended" "ps -o pid,ppid,stat,args --ppid PID" \
            has_children "$SERVER_PID" "$silent_ones"
    fi
}

# some_clients: one to three silent clients (so that the PID to report is not the same each time), and client, with CHILD.
some_clients() {
    local i
    serve
    silent_ones=$((1 + RANDOM % 3))
    for ((i = 0; i < silent_ones; i++)); do
        connect silent
        expect_child "$silent" "a client"
    done
    connect client
    expect_child "$client" "another client"
}

reports() {
    local child
    some_clients
    child=$(number_within "$CHILD") # what the server itself calls it
    end_child ask "$client"
    expect_greeting "$client" "a client"
    expect_report "$child" 0 "when a child has ended as it should"
}

killed() {
    local child
    some_clients
    child=$(number_within "$CHILD")
    end_child kill -KILL "$CHILD"
    expect_report "$child" 9 "when a child has been killed by signal 9"
}

behaviour 1 answered "A client gets the whole answer and the end of its connection"
behaviour 2 installed "A handler of SIGCHLD is in its place before the first client comes"
behaviour 4 reports "When a child ends, the handler waits for it and prints its PID and its status, 0"
behaviour 3 killed "Of a child that is killed the handler prints the PID and the signal as its status, 9"
