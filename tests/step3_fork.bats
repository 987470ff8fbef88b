#!/usr/bin/env bats
#
# Step 3, fork: a child for each connection, so that no client waits for another.

# shellcheck disable=SC2034,SC2154 # connect sets the clients, setup.bash uses the rest
ARTICLE_SLEEP=60
load setup

# connect_silently: a client that says nothing, its child in recv and the server back in accept.
connect_silently() {
    connect client
    port=$(port_of "$client")
    expect_soon "the client has a child, which waits for the request" \
        "fork in serve_forever: one child a client, and it serves. Does its connection live? close acts on one's own copy, shutdown on all" \
        all_in recv "$SERVER_PID" 1
    expect_soon "the server waits in accept" \
        "behind the switch in serve_forever: the server goes on to accept; who else calls handle_request?" \
        is_in accept "$SERVER_PID"
    child=$(children_of "$SERVER_PID")
}

# new_child_in_recv OLD: is the youngest child another one than OLD, and in recv? Sets child.
new_child_in_recv() {
    child=$(children_of "$SERVER_PID") child=${child##* }
    [ "$child" != "$1" ] && is_in recv "$child"
}

# Prints the inodes of the server's socket that listens, and of its end of the client's connection,
# as descriptor prints them.
listening_socket() {
    ss -Hltne "sport = :$PORT" | sed -E 's/.* ino:([0-9]+).*/socket:[\1]/'
}
connected_socket() {
    ss -Htne "sport = :$PORT and dport = :$port" | sed -E 's/.* ino:([0-9]+).*/socket:[\1]/'
}

@test "3.1 five clients take one sleep: all are answered while five children sleep at the same time" {
    serve -s 60
    for number in 1 2 3 4 5; do
        connect "client[number]"
        ask "${client[number]}"
    done
    expect_soon "five children, all asleep" \
        "fork in serve_forever: a child for each, while the server goes back to accept at once, and waits for none" \
        all_in sleep "$SERVER_PID" 5
    for number in 1 2 3 4 5; do
        hear "${client[number]}"
        expect "what client $number has heard" "$GREETING" "${ANSWER//$'\r'/}" "handle_request"
    done
    expect_soon "the server waits for a sixth" "serve_forever" is_in accept "$SERVER_PID"
    expect "the children that still sleep" 5 "$(count_children "$SERVER_PID")" "ps -o pid,ppid,stat,wchan"
}

# has_curls STATES: are the connections that clients still hold in these states?
has_curls() {
    [ "$(seen_has_curls)" = "$1" ]
}
seen_has_curls() {
    ss -Htn "dport = :$PORT" | awk '{ print $1 }' | paste -sd ' '
}

@test "3.1 each curl prints the text at once, and hangs until its own child has slept" {
    serve -s 60
    for number in 1 2 3; do
        background curl --silent --no-buffer "http://localhost:$PORT/hello"
        curl[number]=$BACKGROUND_PID
        expect_soon "curl $number has printed the text" "fork in serve_forever" \
            grep -q 'Hello, World!' "$BACKGROUND_OUT"
    done
    expect_soon "three children, all asleep" "fork in serve_forever" all_in sleep "$SERVER_PID" 3
    expect "the curls' ends of their connections" 'ESTAB ESTAB ESTAB' "$(seen_has_curls)" \
        "the child's close comes after the sleep"
    kill -KILL "$(children_of "$SERVER_PID" | cut -d ' ' -f 1)"
    expect_soon "the end of the first child ends the first curl" "who else holds the connection" \
        is_gone "${curl[1]}"
    expect_soon "the other curls' ends, and no third" "ss -tn" has_curls 'ESTAB ESTAB'
}

@test "3.2 the server prints its PID; a child prints its own and its parent's, the server's" {
    serve
    expect_soon "the server's PID in its output" \
        "printf in serve_forever, setvbuf in main: fork copies what is still in a buffer, and _exit drops it" \
        grep -qw "$SERVER_PID" "$SERVER_OUT"
    connect_silently
    expect "the child's parent, by ps" "$SERVER_PID" "$(ps -o ppid= -p "$child" | tr -d ' ')" \
        "ps -o pid,ppid,args"
    so_far=$(wc -l <"$SERVER_OUT")
    ask "$client"
    listen_to "$client"
    added=$(tail -n "+$((so_far + 1))" "$SERVER_OUT")
    expect "the child's PID in what the request added" "$child" "$(grep -ow "$child" <<<"$added" | head -n 1)" \
        "getpid in handle_request: what was asked before fork is the parent's"
    expect "the server's PID there" "$SERVER_PID" "$(grep -ow "$SERVER_PID" <<<"$added" | head -n 1)" \
        "getppid in handle_request"
    if [ -z "${SERVER-}" ]; then
        expect "the line with both" "Child PID: $child. Parent PID: $SERVER_PID" "$(grep PID: <<<"$added")" \
            "which is which: getpid is the caller's own, getppid its parent's. ps -o pid,ppid"
    fi
}

@test "3.3 one process calls fork, two return from it, each its own way" {
    serve
    expect "the children before" '' "$(children_of "$SERVER_PID")" "who calls fork"
    connect_silently
    expect "the programs of the two processes" "$(readlink "/proc/$SERVER_PID/exe")" \
        "$(readlink "/proc/$child/exe")" "fork copies the process, exec does not come"
    expect "the parent of the second" "$SERVER_PID" "$(ps -o ppid= -p "$child" | tr -d ' ')" "ps -o pid,ppid"
}

@test "3.3 fork returns 0 in the child, the child's PID in the server" {
    variant 's/switch \(fork\(\)\)/long pid = fork(); \
        printf("in %ld fork returned %ld\\n", (long)getpid(), pid); \
        switch (pid)/'
    start_server "$VARIANT" -p 0 -s 0
    connect_silently
    expect "what it returned in each" \
        "$(printf 'in %d fork returned %d\n' "$SERVER_PID" "$child" "$child" 0 | sort)" \
        "$(grep 'fork returned' "$SERVER_OUT" | sort)" "fork(2), RETURN VALUE"
}

@test "3.4 right after fork both processes hold the same open sockets" {
    variant 's/case 0: .* child .*/& raise(SIGSTOP);/' 's/default: break; .* parent .*/default: raise(SIGSTOP);/'
    start_server "$VARIANT" -p 0 -s 0
    connect client
    expect_soon "the server has stopped before its close" "fork in serve_forever" in_state "$SERVER_PID" T
    copy=$(children_of "$SERVER_PID")
    expect_soon "the child has stopped before its close" "fork in serve_forever" in_state "$copy" T
    for pid in "$SERVER_PID" "$copy"; do
        expect "the descriptors of $pid" '0 1 2 3 4' "$(descriptors_of "$pid")" \
            "fork copies what is open at that time: who has closed something before? strace -f -e trace=clone,close"
    done
    for fd in 3 4; do
        expect_match "what descriptor $fd is" '^socket:' "$(descriptor "$SERVER_PID" $fd)" "accept"
        expect "what it is in the child" "$(descriptor "$SERVER_PID" $fd)" "$(descriptor "$copy" $fd)" "fork(2)"
    done
    kill -CONT "$SERVER_PID" "$copy"
    expect_soon "the server closes the connection" \
        "close(connection) behind the switch; the listening socket is the server's, the connection the child's: make diff-2-3" \
        has_descriptors "$SERVER_PID" '0 1 2 3'
    expect_soon "the child closes the listening socket" \
        "close(listener) in case 0: the child accepts nobody, and would keep the port when the server has ended" \
        has_descriptors "$copy" '0 1 2 4'
}

@test "3.4 afterwards the server holds 0 to 3, the child 0 to 2 and the connection" {
    serve
    connect_silently
    expect "the server's descriptors" '0 1 2 3' "$(descriptors_of "$SERVER_PID")" "the parent closes its copy of the connection"
    expect "its 3, the listening socket" "$(listening_socket)" "$(descriptor "$SERVER_PID" 3)" "ss -ltne"
    expect "the child's descriptors" '0 1 2 4' "$(descriptors_of "$child")" "the child closes what it does not use"
    expect "its 4, the connection" "$(connected_socket)" "$(descriptor "$child" 4)" "ss -tne"
    ask "$client"
    listen_to "$client"
    expect_soon "the child ends when it has served" "_exit in case 0" is_gone "$child"
    if [ -z "${SERVER-}" ]; then
        expect "their error messages: each closes each of these once, and the child ends there" '' "$(cat "$SERVER_ERR")" \
            "a descriptor that is closed twice, a child that goes on behind the switch: strace -f -e trace=close,accept,exit_group"
    fi
}

@test "3.5 the server's close does not end the connection: it lives until the child's" {
    serve
    connect_silently
    expect "the server has closed it: its descriptors" '0 1 2 3' "$(descriptors_of "$SERVER_PID")" "the parent closes its copy of the connection"
    expect "the server's end" ESTABLISHED "$(tcp_state "$PORT" "$port")" "who else holds it"
    expect "the client's end" ESTABLISHED "$(tcp_state "$port" "$PORT")" "ss -tn"
    ask "$client"
    listen_to "$client"
    expect "what the client hears" "$GREETING, end of file" "${ANSWER//$'\r'/}, $ENDING" "the child closes what it does not use"
    expect_soon "the server's end, closed, waits for the client's close" "ss -tn" \
        is_tcp "$PORT" "$port" FIN-WAIT-2
    expect "the client's end" CLOSE-WAIT "$(tcp_state "$port" "$PORT")" "ss -tn"
}

@test "3.6 the server is back in accept, with no descriptor of the connection, while the child serves it" {
    serve -s 60
    connect_silently
    expect "the server's descriptors while the child reads" '0 1 2 3' "$(descriptors_of "$SERVER_PID")" "the parent closes its copy of the connection"
    ask "$client"
    expect_soon "the child has answered and sleeps" "handle_request" is_in sleep "$child"
    hear "$client"
    expect "the answer" "$GREETING" "${ANSWER//$'\r'/}" "send_all in the child"
    expect "the server still" 'in accept' "$(is_in accept "$SERVER_PID" && echo in accept)" "serve_forever"
}

@test "3.6 the server itself never reads from or writes to a connection" {
    not_under_valgrind "strace would see its calls"
    strace -o /dev/null true 2>/dev/null || skip_for tracing
    log=$LAB_DIR/trace
    serve strace -D -q -o "$log" \
        -e 'trace=accept,?accept4,read,readv,recvfrom,recvmsg,write,writev,sendto,sendmsg,shutdown,close'
    for turn in 1 2; do
        connect client
        ask "$client"
        listen_to "$client"
        expect "answer $turn" "$GREETING" "${ANSWER//$'\r'/}" "handle_request"
    done
    stop_server || true
    expect_soon "the end of the trace" "strace(1), -D" grep -q '^+++' "$log"
    expect "what it does with a connection, twice" 'accept close accept close' \
        "$(sed -nE '/^accept/,$ { s/^accept4?\(3.* = 4$/accept/p; s/^([a-z]*)\(4.*/\1/p }' "$log" | paste -sd ' ')" \
        "serve_forever: who calls handle_request?"
}

@test "3.7 a child that crashes takes down neither the server nor another child" {
    ulimit -c 0
    export ASAN_OPTIONS=${ASAN_OPTIONS-}:handle_segv=0 # this one is no finding
    serve
    connect bystander
    expect_soon "the first client has a child in recv" "fork in serve_forever" new_child_in_recv ''
    bystanders_child=$child
    for signal in SEGV KILL; do
        youngest=$(children_of "$SERVER_PID")
        connect victim
        expect_soon "another client has a child in recv" "fork in serve_forever" \
            new_child_in_recv "${youngest##* }"
        kill "-$signal" "$child"
        expect_soon "the child is dead of SIG$signal" "ps -o pid,stat" is_gone "$child"
        listen_to "$victim"
        expect "what its client hears" 'nothing, then end of file' "${ANSWER:-nothing}, then $ENDING" "the kernel closes what a dead process held; who else holds the connection?"
        expect "the other child" 'in recv' "$(is_in recv "$bystanders_child" && echo in recv)" "does the server end its other children?"
        connect newcomer
        ask "$newcomer"
        listen_to "$newcomer"
        expect "what a new client hears" "$GREETING, end of file" "${ANSWER//$'\r'/}, $ENDING" "does the server live? and the child?"
    done
    ask "$bystander"
    listen_to "$bystander"
    expect "what the first client hears" "$GREETING, end of file" "${ANSWER//$'\r'/}, $ENDING" "does the server live? and the child?"
}

@test "3.8 nobody waits: each child that has ended stays as a zombie" {
    serve
    for number in 1 2 3; do
        connect client
        ask "$client"
        listen_to "$client"
        hang_up "$client"
        expect_soon "one zombie per client, $number so far" "$WHO_REAPS" has_zombies "$SERVER_PID" "$number"
    done
}
