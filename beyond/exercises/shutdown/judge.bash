# shellcheck shell=bash
#
# Exercise 14, shutdown: what is judged, in the words of tools/classroom/judge.

WAITS_IN=poll
QUIET=6000 # milliseconds without any activity are no reason to give up: a deadline of the server may be running
LOOK_AT_STATUS="./mine; kill -TERM its PID in another terminal; echo \$? then. 143 is 128 + 15: the signal itself has ended it. man 7 signal"

one_by_one() {
    serve
    expect_soon "the server, before its first client" "strace -p PID" in_state "$SERVER_PID" S
    three_clients
}

# expect_status WHEN: the server ends, with status 0. (Not within $(...): who started it must wait for it.)
expect_status() {
    echo "the server is to end $1" >"$DOING"
    if ! wait_until is_gone "$SERVER_PID"; then
        report "the server $1" "it ends" "it is $(whereabouts "$SERVER_PID"); children: $(count_children "$SERVER_PID")" \
            "strace -f -p PID: who waits for whom?"
    fi
    if [ -z "$SERVER_ENDED" ]; then
        server_status
        SERVER_ENDED=$SERVER_STATUS
    fi
    expect "the exit status of the server $1" 0 "$SERVER_ENDED" "$LOOK_AT_STATUS"
}

idle() {
    local turn
    for turn in "before its first client" "after a client"; do
        serve
        if [ "$turn" = "after a client" ]; then
            connect client
            expect_answer "$client" "a client"
            expect_no_child "after its client has been served"
        fi
        expect_soon "the server $turn" "strace -p PID" in_state "$SERVER_PID" S
        kill -TERM "$SERVER_PID"
        expect_status "that has nothing to do and gets SIGTERM, $turn"
    done
}

# begin_answered: a client in CLIENT that has its answer, and whose child in CHILD is asleep after it.
begin_answered() {
    serve -s 30
    connect CLIENT
    expect_soon "a client has a child" "$LOOK_AT_FORK" has_children "$SERVER_PID" 1
    CHILD=$(children_of "$SERVER_PID")
    ask "$CLIENT"
    expect_greeting "$CLIENT" "a client"
    expect_soon "the child that has answered sleeps, as it is told to by -s 30" "strace -f -p PID" is_in sleep "$CHILD"
}

refuses() {
    begin_answered
    kill -TERM "$SERVER_PID"
    expect_soon "a new client, when the server has got SIGTERM and waits for a child" \
        "who still holds the listening socket? ss -ltnp; ls -l /proc/PID/fd. As long as it is open, the kernel takes clients in" refused
    expect "the child that serves a client meanwhile" "asleep still, by -s 30" \
        "$(if is_in sleep "$CHILD"; then echo "asleep still, by -s 30"; else whereabouts "$CHILD"; fi)" "who has ended it? strace -f -p PID"
    if is_gone "$SERVER_PID"; then
        report "the server, which has got SIGTERM, while a child of it is at work" "it waits for the child" "ended" \
            "who is to wait for the child, if not the server? ps -o pid,ppid,stat,args"
    fi
    # Another child may be there, of a client that had come before the server knew of the signal.
    read_children "$SERVER_PID"
    for CHILD in "${CHILDREN[@]}"; do kill -KILL "$CHILD" || true; done
    expect_status "whose last child has ended, after SIGTERM"
}
# (Who asks by connecting, as long as somebody listens, fills the queue, and waits then.)
refused() {
    ! is_listening && ! { : <>"/dev/tcp/127.0.0.1/$PORT"; } 2>/dev/null
}
wanted_refused() {
    echo "refused: connection refused"
}
seen_refused() {
    echo "it is taken in: somebody listens still at its port"
}

finishes() {
    local i clients=() children
    serve -s 1
    for i in 0 1 2; do connect "clients[i]"; done
    expect_soon "three clients have a child each" "$LOOK_AT_FORK" has_children "$SERVER_PID" 3
    children=$(children_of "$SERVER_PID")
    for i in 0 1 2; do ask "${clients[i]}"; done
    for i in 0 1 2; do expect_soon "client $i gets an answer" "strace -f -p PID" can_be_read "${clients[i]}"; done
    kill -TERM "$SERVER_PID"
    expect_status "that has got SIGTERM while it served three clients"
    expect_all_gone "$children"
    for i in 0 1 2; do
        expect_greeting "${clients[i]}" "one of three clients that have asked before SIGTERM"
        expect_end "${clients[i]}" "one of three clients that have asked before SIGTERM" "ps -o pid,ppid,stat,args: who holds the connection?"
    done
}

# expect_all_gone CHILDREN: none of these lives any more.
expect_all_gone() {
    local child left=0
    for child in $1; do
        if ! is_gone "$child"; then left=$((left + 1)); fi
    done
    expect "children that are left when the server has ended" 0 "$left" \
        "who waits for them, before the server ends? ps -e -o pid,ppid,stat,args"
}

# A request that has come before SIGTERM, but that its child has not looked at yet: the child is stopped meanwhile.
asked() {
    serve
    connect client
    expect_soon "a client has a child, which waits for its request" "$LOOK_AT_FORK" waits_for_request
    kill -STOP "$CHILD"
    expect_soon "the child is stopped" "ps -o pid,stat --ppid PID" in_state "$CHILD" T
    ask "$client"
    kill -TERM "$SERVER_PID"
    expect_soon "a new client, when the server has got SIGTERM" "ss -ltnp: who still holds the listening socket?" refused
    kill -CONT "$CHILD"
    expect_greeting "$client" "a client whose request had come before SIGTERM, but had not been read yet" \
        "what ends the child: a signal, at any moment, or its own look at whether there is a request?"
    expect_end "$client" "that client" "ps -o pid,ppid,stat,args: who holds the connection?"
    expect_status "when that client has been served, after SIGTERM"
}
waits_for_request() {
    read_children "$SERVER_PID"
    ((${#CHILDREN[@]} == 1)) || return 1
    CHILD=${CHILDREN[0]}
    is_in recv "$CHILD" || is_in poll "$CHILD"
}
wanted_waits_for_request() {
    echo "in recv, or in poll or the like"
}
seen_waits_for_request() {
    echo "children: $(count_children "$SERVER_PID")"
}

silent() {
    local i clients=() children
    serve
    for i in 0 1 2; do connect "clients[i]"; done
    expect_soon "three silent clients have a child each" "$LOOK_AT_FORK" has_children "$SERVER_PID" 3
    children=$(children_of "$SERVER_PID")
    kill -TERM "$SERVER_PID"
    for i in 0 1 2; do
        expect_soon "the connection of a client that has not asked, when the server has got SIGTERM" \
            "its child waits for a request that may never come: how is it to learn that it need not? strace -f -p PID" lets_go "${clients[i]}"
    done
    expect_status "when clients that have not asked have been let go, after SIGTERM"
    expect_all_gone "$children"
}
lets_go() {
    has_ended "$1"
}
wanted_lets_go() {
    echo "it ends, at once or within five seconds"
}
seen_lets_go() {
    echo "it does not end"
}

behaviour 1 one_by_one "After each of three clients, one after the other, no child and no descriptor is left"
behaviour 2 idle "SIGTERM ends a server that has nothing to do at once, with exit status 0"
behaviour 2 refuses "After SIGTERM new clients are refused, while the server waits for a child that is at work"
behaviour 2 finishes "Three clients that have asked are served in full, then the server ends with status 0, and no child is left"
behaviour 1 asked "So is one whose request has come, but has not been read yet"
behaviour 2 silent "Clients that have not asked are let go, at once or soon, and the server ends with status 0"
