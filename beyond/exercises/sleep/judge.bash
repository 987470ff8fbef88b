# shellcheck shell=bash
#
# Exercise 1, sleep: what is judged, in the words of tools/classroom/judge.

answered() {
    serve -s 0
    connect client
    expect_answer "$client" "a client"
    expect_waiting "after its first client"
}

# put_to_sleep: a client is answered, and the server sleeps for it.
put_to_sleep() {
    serve -s 30
    connect first
    ask "$first"
    expect_greeting "$first" "a client" \
        "an answer is to come at once, and the sleep after it: which of the two is called first? strace -e trace=sendto,clock_nanosleep ./mine -s 30"
    expect_soon "where the server is after its answer, started with -s 30" \
        "does it sleep in its own process, and for as long as -s says? strace -f -e trace=clock_nanosleep ./mine -s 30; man 2 nanosleep" \
        is_in sleep "$SERVER_PID"
}

asleep() {
    put_to_sleep
    expect "the client's end of the connection, while the server sleeps" ESTABLISHED "$(tcp_state "$(port_of "$first")" "$PORT")" \
        "curl is to print the text and to hang until the sleep is over. What ends the connection before that? strace -e trace=sendto,shutdown,clock_nanosleep,close ./mine -s 30"
}

others_wait() {
    put_to_sleep
    connect second
    ask "$second"
    nap 300
    if can_be_read "$second"; then
        hear "$second"
        report "what a second client hears while the server sleeps for the first one" "nothing" "${ANSWER:-"nothing, then: $ENDING"}" \
            "who answers here, while the server sleeps? ps --ppid PID; one process can serve one client at a time, and that is to be seen"
    fi
    expect "the children of the server" 0 "$(count_children "$SERVER_PID")" \
        "the server is to do all by itself here: a child for each client is the next exercise"
    expect "where the server is, when a second client waits" "in sleep" "$(whereabouts "$SERVER_PID")" "strace -p PID"
}

# expect_sleep WHO SECONDS NEXT: WHO asks and is answered; then the server sleeps, for so long, and the connection ends.
expect_sleep() {
    local began elapsed least
    printf -v least %.0f "$2e6"
    began=$(now)
    connect client
    ask "$client"
    wait_until sleeps_or_is_done || true
    elapsed=$(($(now) - began)) # (on a busy machine the sleep may be over before anybody has looked)
    if ! is_in sleep "$SERVER_PID" && ((elapsed < least)); then
        report "where the server is after its answer to $1, started with -s $2" "in sleep" \
            "$(whereabouts "$SERVER_PID"), $((elapsed / 1000)) ms after the client came" "$3"
    fi
    expect_greeting "$client" "$1"
    expect_end "$client" "$1" "for how long does the server sleep? strace -e trace=accept,clock_nanosleep,close ./mine -s $2"
}

# sleeps_or_is_done: does the server sleep, or has it answered the client and waits for another?
sleeps_or_is_done() {
    is_in sleep "$SERVER_PID" || { can_be_read "$client" && is_in accept "$SERVER_PID"; }
}

fraction() {
    put_to_sleep
    serve -s 0.9
    expect_sleep "a client" 0.9 \
        "is the fraction of the second lost on the way? strace -e trace=clock_nanosleep ./mine -s 0.9; man 2 nanosleep: the structure has two parts"
}

each_its_own() {
    local turn
    put_to_sleep
    serve -s 0.5
    for turn in first second third; do
        expect_sleep "the $turn client" 0.5 \
            "does the server sleep for each client, not for the first one only, and for half a second? strace -e trace=accept,clock_nanosleep ./mine -s 0.5"
    done
}

behaviour 1 answered "Without a sleep, -s 0, a client gets the whole answer and the end of its connection"
behaviour 3 asleep "With -s 30 a client gets its answer at once, and the server sleeps before it ends the connection"
behaviour 2 others_wait "While the server sleeps for one client, a second one is neither answered nor given a process"
behaviour 2 fraction "A fraction of a second counts: -s 0.9"
behaviour 2 each_its_own "Each of three clients, one after the other, costs a sleep of its own"
