# shellcheck shell=bash
#
# Exercise 6, reap: what is judged, in the words of tools/classroom/judge.

# The server is stopped while ten children end, so that of their ten signals one is left; then it goes on.
at_once() {
    serve
    expect_waiting "before its first client"
    expect_handled "when it waits for its first client"
    lose_signals 10
    expect "children that ended while the server was stopped, and are left when it is back in accept" 0 \
        "$(count_zombies "$SERVER_PID")" \
        "ten children have ended, but the server got one signal: count how many times it asks: strace -e trace=wait4 -p PID, and try again"
}

others_live() {
    at_once
    serve
    connect silent
    expect_child "$silent" "a silent client"
    connect client
    expect_answer "$client" "a second client, while the first one says nothing"
    expect_soon "children that are left, when of two one has ended" "ps -o pid,ppid,stat,args --ppid PID" has_children "$SERVER_PID" 1
    expect_waiting "when one of its two children has ended" \
        "what does the handler do when the call says that children live, but none of them has ended? man 2 waitpid, RETURN VALUE; strace -p PID"
    connect third
    expect_answer "$third" "a third client, while the first one says nothing"
    expect_answer "$silent" "the first client, when it asks at last"
    expect_no_child "when all three clients have been served"
}

stopped() {
    serve
    connect silent
    expect_child "$silent" "a silent client"
    kill -STOP "$CHILD"
    expect_soon "the child is stopped, as by kill -STOP" "ps -o pid,stat --ppid PID" in_state "$CHILD" T
    expect_waiting "when a child has been stopped, but has not ended" \
        "the signal comes for a child that is stopped, too. strace -p PID says in which call the server stands: does that call come back when no child has ended? man 2 waitpid, OPTIONS"
    connect client
    expect_answer "$client" "a new client, while a child is stopped"
    kill -CONT "$CHILD"
    expect_answer "$silent" "the client whose child was stopped and goes on"
    expect_no_child "when both clients have been served"
}

behaviour 1 answered "A client gets the whole answer and the end of its connection"
behaviour 1 one_by_one "After each of three clients, one after the other, no child and no descriptor is left"
behaviour 4 at_once "Ten children end while only one signal can tell of them: the handler asks about all ten"
behaviour 2 others_live "The handler returns while other children are still at work, and new clients are served"
behaviour 2 stopped "A child that is only stopped, not ended, holds up nobody"
