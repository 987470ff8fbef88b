# shellcheck shell=bash
#
# Exercise 10, selfpipe: what is judged, in the words of tools/classroom/judge.

WAITS_IN=poll
LOOK_AT_ACCEPT="here the server is to wait for two things at once, clients and its pipe, in poll or select. strace -p PID says where it waits, and for what"
LOOK_AT_RETURN="where is it now? strace -p PID. poll returns early when a signal comes (with which errno?), and a read from an empty pipe may wait for ever"
LOOK_AT_WAITING=$LOOK_AT_RETURN

# read_pipe: sets PIPE_READ and PIPE_WRITE to the descriptors of a pipe that the server has both ends of.
read_pipe() {
    local fd name flags
    local -A reads=() writes=()
    PIPE_READ='' PIPE_WRITE=''
    read_descriptors "$SERVER_PID"
    for fd in "${DESCRIPTORS[@]}"; do
        name=$(descriptor "$SERVER_PID" "$fd")
        if ((fd <= 2)) || [[ $name != pipe:* ]]; then continue; fi
        flags=$(flags_of "$fd")
        if (((flags & 3) == 0)); then reads[$name]=$fd; else writes[$name]=$fd; fi
    done
    for name in "${!reads[@]}"; do
        if [ -n "${writes[$name]-}" ]; then PIPE_READ=${reads[$name]} PIPE_WRITE=${writes[$name]}; fi
    done
    [ -n "$PIPE_READ" ]
}

# Prints the flags of a descriptor of the server, as fcntl(2) has them.
flags_of() {
    local key value
    while read -r key value; do
        if [ "$key" = flags: ]; then echo "$((8#$value))"; fi
    done <"/proc/$SERVER_PID/fdinfo/$1"
}

one_by_one() {
    serve
    expect_waiting "before its first client" "$LOOK_AT_ACCEPT"
    expect_handled "when it waits for its first client"
    three_clients expect_waiting
}

has_pipe() {
    serve
    expect_waiting "before its first client" "$LOOK_AT_ACCEPT"
    expect_soon "the descriptors of the server while it waits" \
        "ls -l /proc/PID/fd, for the PID of the server. A pipe has two ends, and the server needs both: who writes, who reads? man 2 pipe" read_pipe
}
wanted_read_pipe() {
    echo "among them a pipe, with both its ends"
}
seen_read_pipe() {
    more_descriptors "$SERVER_PID"
}

rests() {
    has_pipe
    three_clients
    expect_soon "the server after three clients, when it has nothing to do" \
        "strace -p PID: why does poll return again and again? What makes a pipe readable, and what ends that?" is_at_rest "$SERVER_PID"
}

at_once() {
    has_pipe
    lose_signals 10
    expect "children that ended while the server was stopped, and are left when it is back in poll" 0 \
        "$(count_zombies "$SERVER_PID")" \
        "ten children have ended, but the server got one signal, and wrote one byte: what does a byte tell, and what not? strace -e trace=read,wait4 -p PID, and try again"
    connect client
    expect_answer "$client" "the next client"
}

clean_child() {
    has_pipe
    silent_crowd 1
    expect_socket_alone "$(children_of "$SERVER_PID")"
    expect_answer "${SILENT_CLIENTS[0]}" "that client"
}

# A pipe that is full is a pipe with more signals than anybody reads. The judge fills it itself, while the server is stopped.
full() {
    has_pipe
    silent_crowd 1
    expect_waiting "while its child waits for a request"
    freeze
    if ! fill 4096 || ! fill 1; then
        # nobody may write there: then its flags must tell
        expect "the end of the pipe that the handler writes into" "does not wait when the pipe is full" \
            "$( (($(flags_of "$PIPE_WRITE") & 04000)) && echo "does not wait when the pipe is full" || echo "waits")" \
            "cat /proc/PID/fdinfo/$PIPE_WRITE; man 7 pipe, \"I/O on pipes\": what does write do when a pipe is full?"
    fi
    ask "${SILENT_CLIENTS[0]}"
    expect_greeting "${SILENT_CLIENTS[0]}" "a client"
    expect_soon "its child has ended, and nobody has asked about it: the server is stopped" "$LOOK_AT_DEAD" has_zombies "$SERVER_PID" 1
    kill -CONT "$SERVER_PID"
    expect_waiting "when a child has ended while the pipe was full" \
        "nobody reads the pipe while the handler runs. What does write do when a pipe is full? man 7 pipe, \"I/O on pipes\"; strace -p PID"
    expect_no_child "when a child has ended while the pipe was full"
    expect_soon "the server, when the pipe was full and a child has ended" \
        "strace -p PID: is the pipe read until it is empty, sooner or later?" is_at_rest "$SERVER_PID"
    connect client
    expect_answer "$client" "the next client"
}

# fill SIZE: writes into the server's pipe, in pieces of that size, until there is no room for another one.
fill() {
    local errors
    errors=$(dd if=/dev/zero of="/proc/$SERVER_PID/fd/$PIPE_WRITE" bs="$1" count=1M oflag=nonblock conv=notrunc 2>&1) && return 1
    [[ $errors == *temporarily* ]]
}

behaviour 1 answered "A client gets the whole answer and the end of its connection"
behaviour 2 one_by_one "The server waits in poll or select, and after each of three clients its child is reaped"
behaviour 1 has_pipe "It has a pipe of its own, both ends"
behaviour 1 rests "It sleeps when there is nothing to do: what was written into the pipe has been read"
behaviour 2 at_once "Ten children end with one signal, and one byte, for all of them: none is left"
behaviour 1 clean_child "A child keeps neither the pipe nor the listening socket open"
behaviour 2 full "A pipe that is full does not hold up the handler"
