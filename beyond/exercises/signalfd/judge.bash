# shellcheck shell=bash
#
# Exercise 11, signalfd: what is judged, in the words of tools/classroom/judge.

WAITS_IN=poll
LOOK_AT_ACCEPT="here the server is to wait for two things at once, clients and its signal, in poll, select or epoll. strace -p PID says where it waits, and for what"
LOOK_AT_RETURN="where is it now? strace -p PID. A read from a signalfd that has no signal may wait for ever; what does poll say before it?"
LOOK_AT_WAITING=$LOOK_AT_RETURN

one_by_one() {
    serve
    expect_waiting "before its first client" "$LOOK_AT_ACCEPT"
    three_clients expect_waiting
}

has_signalfd() {
    serve
    expect_waiting "before its first client" "$LOOK_AT_ACCEPT"
    expect_soon "the descriptors of the server while it waits" \
        "ls -l /proc/PID/fd, for the PID of the server; man 2 signalfd" holds_signalfd
    expect "what the server does with the signal SIGCHLD" blocked "$(disposition_of CHLD)" \
        "grep Sig /proc/PID/status: a signal that is not blocked is handled, or thrown away, before anybody can read it. man 2 signalfd"
}
holds_signalfd() {
    local fd
    read_descriptors "$SERVER_PID"
    for fd in "${DESCRIPTORS[@]}"; do
        if [ "$(descriptor "$SERVER_PID" "$fd")" = 'anon_inode:[signalfd]' ]; then return 0; fi
    done
    return 1
}
wanted_holds_signalfd() {
    echo "among them anon_inode:[signalfd]"
}
seen_holds_signalfd() {
    more_descriptors "$SERVER_PID"
}

rests() {
    has_signalfd
    three_clients
    expect_soon "the server after three clients, when it has nothing to do" \
        "strace -p PID: why does poll return again and again? What makes a signalfd readable, and what ends that?" is_at_rest "$SERVER_PID"
}

at_once() {
    has_signalfd
    lose_signals 10
    expect "children that ended while the server was stopped, and are left when it is back in poll" 0 \
        "$(count_zombies "$SERVER_PID")" \
        "ten children have ended, but one signal was there to read, and it tells of one of them. strace -e trace=read,wait4 -p PID, and try again"
    connect client
    expect_answer "$client" "the next client"
}

unblocked() {
    local child
    has_signalfd
    silent_crowd 1
    child=$(children_of "$SERVER_PID")
    expect "what a child does with the signal SIGCHLD, while it waits for the request" "it does not block it" \
        "$(if [ "$(disposition_of CHLD "$child")" = blocked ]; then echo "it blocks it"; else echo "it does not block it"; fi)" \
        "grep SigBlk /proc/PID/status, for the PID of the child: it has inherited that, and so would every program it executes, which could never hear of a child of its own. man 2 sigprocmask"
    expect_answer "${SILENT_CLIENTS[0]}" "that client"
}

clean_child() {
    has_signalfd
    silent_crowd 1
    expect_socket_alone "$(children_of "$SERVER_PID")"
    expect_answer "${SILENT_CLIENTS[0]}" "that client"
}

behaviour 1 answered "A client gets the whole answer and the end of its connection"
behaviour 2 one_by_one "The server waits in poll, select or epoll, and after each of three clients its child is reaped"
behaviour 1 has_signalfd "It has a signalfd, and SIGCHLD is blocked, so that it can be read there"
behaviour 1 rests "It sleeps when there is nothing to do: the signal has been read"
behaviour 2 at_once "Ten children end with one signal for all of them: none is left"
behaviour 2 unblocked "In a child SIGCHLD is no longer blocked"
behaviour 1 clean_child "A child keeps neither the signalfd nor the listening socket open"
