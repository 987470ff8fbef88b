# shellcheck shell=bash
#
# Exercise 13, timeout: what is judged, in the words of tools/classroom/judge. What is asked for is a time. A clock runs
# beside, so that a machine that is late is not taken for a server that is late; and what is timed is seen without
# starting a process, which on a busy machine may take a second.

QUIET=4000 # milliseconds without any activity are no reason to give up: a timer may be running
LOOK_AT_TIME="nc localhost PORT, and type nothing: when does it return? strace -f -p PID says what the child waits in, and for how long"

# connect_and_ask VARIABLE: connects, and has sent its request before its time begins: the server is stopped meanwhile.
connect_and_ask() {
    expect_room
    kill -STOP "$SERVER_PID"
    connect "$1"
    ask "${!1}"
    kill -CONT "$SERVER_PID"
}

# expect_served WHO: the judge's, for one who connects in this way.
expect_served() {
    local client
    connect_and_ask client
    expect_greeting "$client" "$1"
    expect_end "$client" "$1" "who still holds the connection? ls -l /proc/PID/fd, for the PID of the server and of its children"
}

# start_clock: a clock of two seconds runs from now on, in 20 steps; BEGUN is now, in microseconds.
start_clock() {
    BEGUN=${EPOCHREALTIME//[.,]/}
    (
        for _ in {1..20}; do nap 100; done
        echo "${EPOCHREALTIME//[.,]/}" >"$LAB_DIR/clock.new"
        mv "$LAB_DIR/clock.new" "$LAB_DIR/clock"
    ) &
}

# read_clock: sets TOOK to the milliseconds since then.
read_clock() {
    TOOK=$(((${EPOCHREALTIME//[.,]/} - BEGUN) / 1000))
}

# expect_time WHAT LEAST MOST IN-WORDS [NEXT]: TOOK is between these, in milliseconds, or later by no more than the clock.
expect_time() {
    local late
    QUIET=0 wait_until test -s "$LAB_DIR/clock"
    late=$((($(<"$LAB_DIR/clock") - BEGUN) / 1000 - 2000))
    if ((TOOK >= $2 && TOOK <= $3 + late)); then return 0; fi
    report "after how long $1" "$4" "$((TOOK / 1000)).$((TOOK / 100 % 10)) seconds" "${5:-$LOOK_AT_TIME}"
}

silent() {
    serve
    expect_waiting "before its first client"
    start_clock
    connect client
    expect_soon "the connection of a client that says nothing" "$LOOK_AT_TIME" lets_go "$client"
    read_clock
    expect_time "the connection of a client that says nothing ends" 1500 4000 "2 seconds"
    expect_soon "the connection of a client that says nothing" "$LOOK_AT_TIME" has_ended "$client"
    expect_no_child "when that client has been let go"
    expect_waiting "when that client has been let go"
    expect_served "the next client"
}
lets_go() {
    can_be_read "$1" # the end of file; or first what it is told, 408 for instance
}
wanted_lets_go() {
    echo "it ends after 2 seconds: an end of file for the client"
}
seen_lets_go() {
    echo "it does not end; $(seen_instead all_in recv "$SERVER_PID")"
}

# Ten silent ones and one who asks.
others() {
    local i clients=() served look="who waits for the silent ones: a child of theirs, or the server itself? strace -p PID"
    serve
    expect_waiting "before its first client"
    start_clock
    for ((i = 0; i < 10; i++)); do connect "clients[i]"; done
    connect_and_ask asks
    expect_greeting "$asks" "a client who asks, while ten others say nothing" "$look"
    read_clock
    served=$TOOK
    expect_soon "the children of ten clients that say nothing" "$LOOK_AT_TIME" has_children "$SERVER_PID" 0
    read_clock
    expect_time "all ten silent clients have been let go" 0 6000 "2 seconds, as they came at the same time"
    TOOK=$served
    expect_time "a client who asks is served, while ten others say nothing" 0 5000 "at once" "$look"
    expect_end "$asks" "a client who has asked while ten others said nothing" "who still holds the connection?"
    for i in "${clients[@]}"; do
        expect_soon "the connections of ten clients that say nothing" "$LOOK_AT_TIME" has_ended "$i"
    done
    expect_no_child "when ten clients have been let go at the same time"
}

# Who has asked has all the time of the answer, and of the sleep after it: the time is for the request alone.
in_time() {
    local child
    serve -s 30
    connect_and_ask asks
    expect_greeting "$asks" "a client who asks in time"
    expect_soon "who serves that client" "$LOOK_AT_FORK" has_children "$SERVER_PID" 1
    child=$(children_of "$SERVER_PID")
    expect_soon "the child that has answered sleeps, as it is told to by -s 30" "strace -f -p PID" is_in sleep "$child"
    connect client
    expect_soon "the connection of a client that says nothing" "$LOOK_AT_TIME" lets_go "$client"
    nap 500
    expect "the child of a client who has asked in time, and been answered, when more than 2 seconds have passed" "asleep still, by -s 30" \
        "$(if is_in sleep "$child"; then echo "asleep still, by -s 30"; else whereabouts "$child"; fi)" \
        "the time is for the request alone: when the request is there, does a timer run on? strace -f ./mine -s 30"
}

# A byte now and then: each of them is in time, all of them are not.
trickle() {
    local i=0 ended=''
    trap '' PIPE
    serve
    expect_waiting "before its first client"
    start_clock
    connect silent
    connect client
    while ((i < 20)) && [ -z "$ended" ]; do
        printf %s "${REQUEST:i:1}" >&"$client" || true
        nap 400
        if lets_go "$client"; then ended=yes; fi
        i=$((i + 1))
    done 2>/dev/null
    read_clock
    expect "a client that sends a byte every 0.4 seconds, and never a whole request" "not kept for ever: its connection ends" \
        "$(if [ -n "$ended" ]; then echo "not kept for ever: its connection ends"; else echo "kept: after $((TOOK / 1000)) seconds it goes on still"; fi)" \
        "for what is the time: for each byte, or for the whole request? strace -f -p PID shows what the child waits in, and how often"
    expect_time "the connection of a client that sends a byte every 0.4 seconds ends" 0 6000 \
        "2 seconds, or as soon as it has been answered" "for what is the time: for each byte, or for the whole request?"
    expect_soon "the connection of a client that sends a byte every 0.4 seconds" "$LOOK_AT_TIME" has_ended "$client"
    expect_soon "the connection of a client that says nothing, beside one that sends a byte now and then" "$LOOK_AT_TIME" lets_go "$silent"
    expect_no_child "when both clients have been let go"
}

behaviour 1 one_by_one "After each of three clients, one after the other, no child and no descriptor is left"
behaviour 3 silent "A client that says nothing is let go after two seconds, and its child is reaped"
behaviour 2 others "Ten silent clients hold up nobody who asks, and are all let go at the same time"
behaviour 2 in_time "Who has asked in time is not cut off two seconds later"
behaviour 2 trickle "A client that sends a byte now and then is not kept for ever either"
