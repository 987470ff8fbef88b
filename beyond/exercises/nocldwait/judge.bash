# shellcheck shell=bash
#
# Exercise 9, nocldwait: what is judged, in the words of tools/classroom/judge.

answered() {
    serve
    connect client
    expect_answer "$client" "a client"
    expect_accept "after its first client"
}

one_by_one() {
    local before turn
    serve
    expect_accept "before its first client"
    before=$(descriptors_of "$SERVER_PID")
    for turn in first second third; do
        connect client
        expect_answer "$client" "the $turn client"
        expect_no_child "after the $turn client has been served"
    done
    expect_accept "after three clients"
    expect_descriptors "after three clients" "$before"
}

# Who is stopped can neither handle a signal nor wait: if the children vanish all the same, it is the kernel's work.
vanish() {
    local i clients=()
    serve
    for ((i = 0; i < 5; i++)); do
        connect "clients[i]"
        expect_soon "each of $((i + 1)) silent clients has a child, a child of the server itself, which waits for the request" \
            "who is whose child? ps -e -o pid,ppid,stat,args, or pstree -p PID, for the PID of the server" \
            all_in recv "$SERVER_PID" "$((i + 1))"
    done
    kill -STOP "$SERVER_PID"
    expect_soon "the server is stopped" "ps -o pid,stat" in_state "$SERVER_PID" T
    for i in "${clients[@]}"; do ask "$i"; done
    for i in "${clients[@]}"; do expect_greeting "$i" "one of five clients"; done
    expect_soon "how many of five children are left when they have ended, while the server is stopped and can do nothing about them" \
        "here nobody is to wait for the children, no handler either: the kernel can be told beforehand not to keep them. strace -f -e trace=rt_sigaction,wait4 ./mine shows who waits; man 2 sigaction, sa_flags" \
        has_children "$SERVER_PID" 0
    kill -CONT "$SERVER_PID"
    expect_accept "when it goes on"
    connect client
    expect_answer "$client" "the next client"
}

default_action() {
    vanish
    expect "what the server does with the signal SIGCHLD" "left alone" "$(disposition_of CHLD)" \
        "strace -e trace=rt_sigaction ./mine. An ignored signal stays ignored in every program that a child executes, and that program then loses its own children: the exercise asks for the other way, a flag beside the default action. man 2 sigaction"
}

behaviour 1 answered "A client gets the whole answer and the end of its connection"
behaviour 3 one_by_one "After each of three clients no child is left, and no zombie"
behaviour 4 vanish "Five children that end while the server is stopped are gone at once: the kernel reaps them"
behaviour 2 default_action "SIGCHLD itself is neither handled nor ignored nor blocked"
