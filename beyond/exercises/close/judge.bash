# shellcheck shell=bash
#
# Exercise 3, close: what is judged, in the words of tools/classroom/judge.

LOOK_AT_HOLDERS="after fork two processes hold the connection, and it ends when both have closed it. Which of the two holds it still? ls -l /proc/PID/fd of the server, after each client"

answered() {
    serve
    connect client
    ask "$client"
    expect_greeting "$client" "a client"
}

ends() {
    answered
    expect_end "$client" "the client" "$LOOK_AT_HOLDERS"
}

no_leak() {
    local before turn
    serve
    expect_waiting "before its first client"
    before=$(descriptors_of "$SERVER_PID")
    for turn in first second third fourth fifth; do
        connect client
        ask "$client"
        expect_greeting "$client" "the $turn of five clients"
    done
    expect_descriptors "after five clients" "$before"
}

others_go_on() {
    serve
    connect first
    connect second
    connect third
    expect_answer "$third" "a third client, while the first two say nothing"
    expect "the connection of the first client, who has not been answered yet" ESTABLISHED \
        "$(tcp_state "$(port_of "$first")" "$PORT")" "the first client is to be served still: who ends its connection? strace -f -e trace=close,shutdown ./mine"
    expect_answer "$second" "the second client, when it asks at last"
    expect_answer "$first" "the first client, when it asks at last"
}

limit() {
    local turn
    serve prlimit --nofile=16
    for ((turn = 1; turn <= 20; turn++)); do
        connect client
        ask "$client"
        expect_greeting "$client" "client $turn of 20, where the server may have 16 descriptors" "$LOOK_AT_HOLDERS"
        hang_up "$client"
    done
}

behaviour 1 answered "A client gets the whole answer"
behaviour 4 ends "After the answer the client gets the end of its connection"
behaviour 2 no_leak "After five clients the server has the descriptors that it began with"
behaviour 2 others_go_on "Clients who have not asked yet keep their connections, and are answered later"
behaviour 1 limit "A server that may have 16 descriptors serves 20 clients, one after the other"
