# shellcheck shell=bash
#
# Exercise 12, limit: what is judged, in the words of tools/classroom/judge.

MOST=8  # children at a time
QUEUE=5 # clients that the kernel holds for the server: what listen(2) asks for in the first stages, and so in some beginnings

# fill CLIENTS: so many silent clients in SILENT_CLIENTS, MOST + QUEUE at the most; returns when MOST have a child, and no more get one.
fill() {
    local i
    SILENT_CLIENTS=()
    serve
    expect_waiting "before its first client"
    BEFORE=$(descriptors_of "$SERVER_PID")
    for ((i = 0; i < $1; i++)); do
        connect "SILENT_CLIENTS[i]"
        if ((i < MOST)); then
            expect_soon "silent client number $((i + 1)) has come: it is to have a child, as those before it have" "$LOOK_AT_FORK" \
                all_in recv "$SERVER_PID" "$((i + 1))"
        fi
    done
    expect_soon "$1 silent clients have come: how many get a child" \
        "ps -o pid,ppid,stat,args --ppid PID, for the PID of the server: how many children are there, and what decides that?" \
        stays_at "$MOST"
}

# stays_at CHILDREN: does the server have so many children, that wait for requests, and sleep, and is that still so soon after?
stays_at() {
    all_in recv "$SERVER_PID" "$1" && in_state "$SERVER_PID" S || return 1
    nap 200
    all_in recv "$SERVER_PID" "$1" && in_state "$SERVER_PID" S
}
wanted_stays_at() {
    echo "$1, and the others wait"
}
seen_stays_at() {
    local runs=''
    if in_state "$SERVER_PID" R; then runs="; the server runs all the time"; fi
    echo "$(seen_instead all_in recv "$SERVER_PID" "$1")$runs"
}

eight() {
    fill $((MOST + QUEUE))
    expect_soon "the server, when it has $MOST children and cannot serve more" \
        "strace -p PID: what does it do again and again? It is to sleep until a child ends; which calls wait for that?" is_at_rest "$SERVER_PID"
}

# Those who must wait are in the queue of the kernel, and not in the server's hands.
queued() {
    fill $((MOST + QUEUE))
    expect "$((MOST + QUEUE)) silent clients have come: how many of them the kernel holds in the queue" "$QUEUE" "$(queue_of "$PORT")" \
        "ss -ltn shows the queue, as Recv-Q. When is accept called: before there is room for another child, or after it?"
    expect "the open descriptors of the server meanwhile" "$BEFORE" "$(descriptors_of "$SERVER_PID")" "ls -l /proc/PID/fd, for the PID of the server"
}

next_one() {
    local i
    fill 12
    for ((i = 0; i < 12; i++)); do
        ask "${SILENT_CLIENTS[i]}"
        expect_greeting "${SILENT_CLIENTS[i]}" "client number $((i + 1)) of 12"
        expect_soon "children, when $((i + 1)) of 12 clients have been served" \
            "a child has ended, and another client waits in the queue: what wakes the server, and what does it do then? strace -p PID" \
            all_in recv "$SERVER_PID" "$((11 - i < MOST ? 11 - i : MOST))"
    done
    expect_no_child "when all 12 clients have been served"
    expect_waiting "when all 12 clients have been served"
    expect_descriptors "when all 12 clients have been served" "$BEFORE"
}

# All children end while the server is stopped: it gets one signal for all.
at_once() {
    local i
    fill $((MOST + QUEUE))
    freeze
    for ((i = 0; i < MOST; i++)); do ask "${SILENT_CLIENTS[i]}"; done
    expect_soon "all $MOST children have ended, and nobody has asked about them: the server is stopped" \
        "does each child end by _exit? strace -f -e trace=wait4,exit_group ./mine" has_zombies "$SERVER_PID" "$MOST"
    kill -CONT "$SERVER_PID"
    expect_soon "the children when $MOST have ended at once, with one signal for all, and $QUEUE other clients wait" \
        "for how many is there room now, and for how many does the server think there is? Count what the handler asks, and what it counts: strace -e trace=wait4,accept -p PID" \
        all_in recv "$SERVER_PID" "$QUEUE"
    for ((i = MOST; i < MOST + QUEUE; i++)); do expect_answer "${SILENT_CLIENTS[i]}" "client number $((i + 1))"; done
    expect_no_child "when all clients have been served"
}

killed() {
    local child
    fill $((MOST + 2))
    child=$(children_of "$SERVER_PID")
    kill -KILL "${child%% *}"
    expect_soon "the children when one of $MOST has been killed, and another client waits" \
        "does the server learn of it? strace -p PID" other_child "${child%% *}"
    # pause returns for signals that come while it sleeps; one that came just before is gone
    expect "how the server waits for a child to end" "in a call that no signal can slip past" \
        "$( [ "$(uname -m):$(cut -d ' ' -f 1 "/proc/$SERVER_PID/syscall" 2>/dev/null)" = x86_64:34 ] &&
            echo "in pause" || echo "in a call that no signal can slip past")" \
        "a child ends after the server has looked at its count, and before it is asleep: the handler has run, and nobody wakes the server any more. man 2 sigsuspend"
}
other_child() {
    all_in recv "$SERVER_PID" "$MOST" && [[ " ${CHILDREN[*]} " != *" $1 "* ]]
}
wanted_other_child() {
    echo "$MOST again: the next client has taken its place"
}
seen_other_child() {
    echo "children: $(count_children "$SERVER_PID"), zombies among them: $(count_zombies "$SERVER_PID")"
}

behaviour 1 one_by_one "After each of three clients, one after the other, no child and no descriptor is left"
behaviour 3 eight "Thirteen silent clients come: eight get a child, and the server sleeps then"
behaviour 1 queued "The other five wait in the kernel's queue, and not in the server's hands"
behaviour 2 next_one "As soon as a child ends, the next client gets one, until all have been served"
behaviour 2 at_once "Eight children end with one signal for all of them: the five clients that wait are served"
behaviour 1 killed "A child that is killed makes room, too; and the server waits so that it cannot miss its end"
