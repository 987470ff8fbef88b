# shellcheck shell=bash
#
# Exercise 9, nocldwait: what is judged, in the words of tools/classroom/judge.

# Who is stopped can neither handle a signal nor wait: if the children vanish all the same, it is the kernel's work.
vanish() {
    local client
    serve
    silent_crowd 5 "who is whose child? ps -e -o pid,ppid,stat,args, or pstree -p PID, for the PID of the server"
    freeze
    for client in "${SILENT_CLIENTS[@]}"; do ask "$client"; done
    for client in "${SILENT_CLIENTS[@]}"; do expect_greeting "$client" "one of five clients"; done
    expect_soon "how many of five children are left when they have ended, while the server is stopped and can do nothing about them" \
        "here nobody is to wait for the children, no handler either: the kernel can be told beforehand not to keep them. strace -f -e trace=rt_sigaction,wait4 ./mine shows who waits; man 2 sigaction, sa_flags" \
        has_children "$SERVER_PID" 0
    kill -CONT "$SERVER_PID"
    expect_waiting "when it goes on"
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
