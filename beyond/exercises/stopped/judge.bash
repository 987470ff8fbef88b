# shellcheck shell=bash
#
# Exercise 7, stopped: what is judged, in the words of tools/classroom/judge.

LOOK_AT_WAIT="strace -p PID says in which call the server stands, and for whom. The signal has come, but no child has ended: what is there to wait for? For which events does it come at all: man 2 sigaction, sa_flags"
LOOK_AT_CONTINUED="the signal can come for a child that goes on, too; that one has not ended either. strace -p PID, then kill -CONT its child"

one_by_one() {
    serve
    expect_waiting "before its first client"
    expect_handled "when it waits for its first client"
    three_clients expect_waiting
}

# begin_silent: a silent client in SILENT, its child in CHILD, the server in accept.
begin_silent() {
    serve
    connect SILENT
    expect_child "$SILENT" "a silent client"
}

# stop_child: stops CHILD, and looks that this holds up nobody.
stop_child() {
    kill -STOP "$CHILD"
    expect_soon "the child is stopped, as by kill -STOP" "ps -o pid,stat --ppid PID" in_state "$CHILD" T
    expect_waiting "when a child has been stopped, but has not ended" "$LOOK_AT_WAIT"
}

# continue_child: lets it go on, and looks that this holds up nobody either.
continue_child() {
    kill -CONT "$CHILD"
    expect_soon "the child goes on, and waits for its request again" "ps -o pid,stat,wchan --ppid PID" is_in recv "$CHILD"
    expect_waiting "when the child that was stopped goes on" "$LOOK_AT_CONTINUED"
}

stopped() {
    begin_silent
    stop_child
    connect client
    expect_answer "$client" "a new client, while a child is stopped"
    expect_soon "children that are left: the stopped one" "ps -o pid,ppid,stat,args --ppid PID" has_children "$SERVER_PID" 1
    expect_waiting "when that client has been served" "$LOOK_AT_WAIT"
}

continued() {
    begin_silent
    stop_child
    continue_child
    connect client
    expect_answer "$client" "a new client, when the stopped child goes on"
    # one after the other: of two that end at the same time one may be lost, and that is not asked for here
    expect_soon "children that are left: the one that was stopped" "ps -o pid,ppid,stat,args --ppid PID" has_children "$SERVER_PID" 1
    expect_waiting "when that client has been served" "$LOOK_AT_WAIT"
    expect_answer "$SILENT" "the client whose child was stopped and goes on"
    expect_no_child "when both clients have been served"
}

# The server itself is stopped meanwhile, so that one signal stands for both.
together() {
    local children
    begin_silent
    stop_child
    continue_child
    connect client
    expect_soon "a second silent client has a child, too" "$LOOK_AT_FORK" all_in recv "$SERVER_PID" 2
    expect_waiting "while two children wait for requests"
    children=$(children_of "$SERVER_PID")
    freeze
    kill -STOP "$CHILD"
    expect_soon "the first child is stopped" "ps -o pid,stat --ppid PID" in_state "$CHILD" T
    ask "$client"
    expect_soon "the second child has ended, and nobody has asked about it: the server is stopped" \
        "does the child end by _exit, and does nobody but the handler ask about it? strace -f -e trace=rt_sigaction,wait4,exit_group ./mine" in_state "${children#"$CHILD "}" Z
    kill -CONT "$SERVER_PID"
    expect_soon "who is left, when one child was stopped, then another one ended, and then the server went on" \
        "one signal stands for both, and what it says is of the first of them alone. Is a child that has ended asked about, whatever the signal tells?" \
        only_stopped
    expect_waiting "when one child has been stopped, and another one has ended" "$LOOK_AT_WAIT"
    kill -CONT "$CHILD"
    expect_answer "$SILENT" "the client whose child was stopped and goes on"
    expect_no_child "when both clients have been served"
}
only_stopped() {
    [ "$(children_of "$SERVER_PID")" = "$CHILD" ] && in_state "$CHILD" T
}
wanted_only_stopped() {
    echo "the stopped child, and no other"
}
seen_only_stopped() {
    echo "children: $(count_children "$SERVER_PID"), zombies among them: $(count_zombies "$SERVER_PID")"
}

killed() {
    begin_silent
    stop_child
    kill -KILL "$CHILD"
    expect_no_child "when the child that was stopped has been killed"
    expect_waiting "when the child that was stopped has been killed"
    connect client
    expect_answer "$client" "the next client"
}

behaviour 1 answered "A client gets the whole answer and the end of its connection"
behaviour 1 one_by_one "After each of three clients, one after the other, the handler has reaped the child"
behaviour 3 stopped "While a child is stopped the server waits in accept, and serves a new client at once"
behaviour 2 continued "When the stopped child goes on, that holds up nobody either, and its client is served"
behaviour 2 together "One child is stopped and another one ends, with one signal for both: the one that ended is reaped"
behaviour 1 killed "A child that is killed while it is stopped is reaped like any other"
