# shellcheck shell=bash
#
# Exercise 5, eintr: what is judged, in the words of tools/classroom/judge.

LOOK_AT_ERROR="what did the server print last, and which call was it in when the signal came? strace -e trace=accept,wait4,exit_group ./mine; man 2 accept, ERRORS"
LOOK_AT_CHILD="if it stands in wait: for whom does the handler wait, when one child has ended and another one lives? If it has ended: what did it print last? strace -p PID"

goes_on() {
    serve
    connect client
    expect_child "$client" "a first client"
    ask "$client"
    expect_greeting "$client" "the first client"
    expect_soon "the server, when its first child has ended" "$LOOK_AT_ERROR" is_idle "$SERVER_PID"
    expect_handled "after its first client"
    connect second
    expect_answer "$second" "a second client, when the child of the first one has ended"
    expect_soon "the server, when its second child has ended" "$LOOK_AT_ERROR" is_idle "$SERVER_PID"
}

many() {
    local turn before
    serve
    expect_waiting "before its first client"
    before=$(descriptors_of "$SERVER_PID")
    for ((turn = 1; turn <= 10; turn++)); do
        connect client
        expect_answer "$client" "client $turn of ten, who come one after the other"
        expect_no_child "when $turn of ten clients have been served, one after the other"
    done
    expect_soon "the server, after ten clients" "$LOOK_AT_ERROR" is_idle "$SERVER_PID"
    expect_descriptors "after ten clients" "$before"
}

others_go_on() {
    serve
    connect silent
    expect_child "$silent" "a first client"
    connect client
    expect_answer "$client" "a second client, while the first one says nothing"
    expect_soon "the server, when one of its two children has ended" "$LOOK_AT_CHILD" is_idle "$SERVER_PID"
    expect_answer "$silent" "the first client, when it asks at last"
    expect_soon "the server, when the other one has ended, too" "$LOOK_AT_ERROR" is_idle "$SERVER_PID"
}

other_errors() {
    goes_on
    serve prlimit --nofile=4
    expect_soon "the server, where it may have four descriptors only: accept has none for the connection" \
        "this failure is not one of a signal, and calling again does not help: is every failure of accept taken for the same? strace -e trace=accept ./mine, after ulimit -n 4" \
        is_gone "$SERVER_PID"
    server_status
    if [ "$SERVER_STATUS" = 0 ]; then
        report "the exit status of a server that ends because accept failed" "not 0: it is a failure" "0" "echo \$?; man 3 exit"
    fi
}

behaviour 1 answered "The first client gets the whole answer and the end of its connection"
behaviour 4 goes_on "When the first child ends, the server goes on, waits in accept, and serves the next client"
behaviour 1 many "Ten clients, one after the other, are served, and neither a child nor a descriptor is left"
behaviour 2 others_go_on "A child that ends does not disturb a client who is silent still, and whose own child ends next"
behaviour 2 other_errors "Another failure of accept, too many open files, still ends the server, with a status that says so"
