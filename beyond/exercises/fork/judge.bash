# shellcheck shell=bash
#
# Exercise 2, fork: what is judged, in the words of tools/classroom/judge.

answered() {
    local before
    serve -s 0
    expect_waiting "before its first client"
    before=$(descriptors_of "$SERVER_PID")
    connect client
    expect_answer "$client" "a client"
    expect_waiting "after its first client"
    expect_descriptors "after its first client" "$before"
}

# three_asleep: three clients are answered, and each has a child that sleeps for it. Sets clients, and before, the
# server's descriptors when it had no client yet.
three_asleep() {
    local number
    clients=()
    serve -s 30
    expect_waiting "before its first client"
    before=$(descriptors_of "$SERVER_PID")
    for number in 0 1 2; do
        connect "clients[number]"
        ask "${clients[number]}"
        expect_greeting "${clients[number]}" "client $((number + 1)) of 3, while the sleep for those before it goes on" \
            "who sleeps: the process that has to accept the next client, or one of its own for each? ps -o pid,ppid,stat,wchan:20,args -p PID --ppid PID"
    done
    expect_soon "the children of the server, when three clients have been answered and -s 30 asks for a long sleep" \
        "one child for each client, which answers and then sleeps: ps -o pid,ppid,stat,wchan:20,args --ppid PID; pstree -p PID shows grandchildren too" \
        all_in sleep "$SERVER_PID" 3
    expect_waiting "while its three children sleep" \
        "the server itself is only to accept and to fork: does it also serve, sleep, or wait for a child? strace -p PID"
}

at_once() {
    three_asleep
}

# Prints the sockets that process $1 holds, as the kernel numbers them.
sockets_of() {
    local fd kind
    for fd in $(descriptors_of "$1"); do
        kind=$(descriptor "$1" "$fd")
        if [[ $kind == socket:* ]]; then echo "$kind"; fi
    done
}

closes() {
    local child listener
    three_asleep
    expect_descriptors "while three children serve three clients" "$before"
    listener=$(sockets_of "$SERVER_PID")
    for child in $(children_of "$SERVER_PID"); do
        expect "sockets that a child holds, beside its client's connection" "none" \
            "$(if [[ " $(sockets_of "$child" | xargs) " == *" $listener "* ]]; then echo "the listening one, too"; else echo "none"; fi)" \
            "after fork both processes hold all that was open before. Which of it does the child never use? ls -l /proc/PID/fd of the child and of the server; ss -ltnp"
        expect "how many sockets a child holds" 1 "$(sockets_of "$child" | wc -l)" \
            "ls -l /proc/PID/fd of the child: which connections are not its own?"
    done
}

crash() {
    local child
    three_asleep
    read -r child _ <<<"$(children_of "$SERVER_PID")"
    kill -KILL "$child"
    expect_end "${clients[0]}" "the client whose child has been killed" \
        "a connection ends when the last process that holds it has closed it: who holds it still? ls -l /proc/PID/fd of the server and of the other children"
    expect "the connection of another client, when the child of the first has been killed" ESTABLISHED \
        "$(tcp_state "$(port_of "${clients[1]}")" "$PORT")" "does each client have a child of its own? ps --ppid PID"
    connect fourth
    ask "$fourth"
    expect_greeting "$fourth" "a new client, when a child has been killed"
}

# no_child_alive: have all children of the server ended?
no_child_alive() {
    read_children "$SERVER_PID"
    has_zombies "$SERVER_PID" "${#CHILDREN[@]}"
}
wanted_no_child_alive() {
    echo "no living child: each has ended when its client was served"
}
seen_no_child_alive() {
    local child words=''
    for child in $(children_of "$SERVER_PID"); do words+="${words:+, }$(whereabouts "$child")"; done
    echo "$words"
}

children_end() {
    local turn child status
    serve -s 0
    for turn in first second third; do
        connect client
        expect_child "$client" "the $turn client"
        expect_answer "$client" "the $turn client"
        expect_soon "the children of the server, when the $turn client has been served" \
            "what does a child do after it has served its client? Follow it from fork on: strace -f -e trace=clone,accept,exit_group ./mine -s 0" \
            no_child_alive
    done
    for child in $(zombies_of "$SERVER_PID"); do
        status=$(awk '{ print $NF }' "/proc/$child/stat" 2>/dev/null)
        if ((${status:-0} != 0)); then
            report "the status with which a child has ended, as the kernel keeps it for its parent" "0: success" \
                "$status (256 is exit status 1); and these words: $(last_words)" \
                "what went wrong after it had served its client? strace -f -e trace=clone,accept,close,exit_group ./mine -s 0"
        fi
    done
    expect_waiting "when three clients have been served"
}

behaviour 1 answered "A client gets the whole answer and the end of its connection"
behaviour 3 at_once "Three clients are answered at once, although each answer is followed by a sleep of 30 seconds"
behaviour 2 closes "The server keeps no connection, and a child keeps nothing but its own"
behaviour 2 crash "A child that is killed ends its own client's connection, and nobody else's"
behaviour 2 children_end "A child ends, successfully, when it has served its client"
