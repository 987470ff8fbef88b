# shellcheck shell=bash
#
# How the judge starts a program that it does not trust. To be sourced after tools/lab.bash. In the sandbox
# (tools/classroom/sandbox) CONFINE holds the path of what confines a program, tools/classroom/confine; elsewhere it
# is empty, and then start_confined is start_server.
#
#   start_confined COMMAND...    as start_server: SERVER_PID is the process of COMMAND itself, behind all prefixes
#   start_traced FILE "OPTIONS OF STRACE" COMMAND...
#                                the same, watched by strace from its beginning, into FILE, children too
#   stop_server, server_status   as in tools/lab.bash, with the exit status of COMMAND itself
#   number_within PID           what getpid(2) tells that process
#   end_server                   ends it, and whatever it has left behind; lab_end and lab_close do so for all
#
# COMMAND is given by absolute paths, and sees nothing but the system, what -b of the sandbox shows and a /tmp of
# its own. Its first prefixes may be programs of the system (prlimit --nofile=64, nice, env NAME=VALUE). What is set
# in the judge's environment does not reach it.

declare -A CONFINED_IN=() # for each server process 1 of its namespace: who ends it ends all, wherever they hide

# start_confined COMMAND...: see above. Returns 1, with the reason on standard error, if the server does not begin.
start_confined() {
    if [ -z "${CONFINE-}" ]; then
        start_server "$@"
        return
    fi
    local status=0 said prefix
    CONFINED_INFO=$LAB_DIR/confined.${#LAB_SERVERS[@]}
    : >"$CONFINED_INFO"
    # (Exported for the prefix alone: the program behind it gets another environment. What is said of it is for the
    # one who wrote it, and says nothing of prefixes.)
    CONFINE_INFO=$CONFINED_INFO start_server "$CONFINE" "$@" 2>"$CONFINED_INFO.err" || status=$?
    said=$(<"$CONFINED_INFO.err")
    [ -z "$said" ] || printf '%s\n' "${said//" $CONFINE "/ }" >&2
    prefix=$SERVER_PID
    if find_confined; then
        LAB_BEHIND[SERVER_PID]=$prefix
        CONFINED_IN[$SERVER_PID]=$CONFINED_INIT
    fi
    if [ -n "$CONFINED_INIT" ]; then CONFINED_IN[$prefix]=$CONFINED_INIT; fi
    return "$status"
}

# start_traced FILE "OPTIONS" COMMAND...: start_confined, with strace -f OPTIONS, which writes into FILE, from the
# first call of COMMAND on (after those of env, which starts it). Where strace may not trace, COMMAND runs all the same,
# and FILE stays empty. In FILE processes have the judge's numbers.
start_traced() {
    local file=$1 options helper status=0
    read -ra options <<<"$2"
    shift 2
    : >"$file"
    if [ -z "${CONFINE-}" ]; then
        start_server strace -D -f -qq -o "$file" "${options[@]}" "$@"
        return
    fi
    CONFINED_INFO=$LAB_DIR/confined.${#LAB_SERVERS[@]}
    : >"$CONFINED_INFO"
    trace_held "$file" "${options[@]}" &
    helper=$!
    CONFINE_HOLD=yes start_confined "$@" || status=$?
    if ((status != 0)); then kill "$helper" 2>/dev/null; fi
    wait "$helper" 2>/dev/null
    return "$status"
}

# trace_held FILE OPTIONS...: as soon as the program that CONFINED_INFO tells of stops itself, starts strace, and lets it
# go on. (strace ends with whom it traces.)
trace_held() {
    wait_until is_held || return 0
    strace -f -qq -o "$1" "${@:2}" -p "$SERVER_PID" </dev/null >/dev/null 2>&1 &
    wait_until is_traced_or_not "$!"
    kill -CONT "$SERVER_PID"
}
is_held() {
    find_confined && in_state "$SERVER_PID" T
}
is_traced_or_not() {
    is_gone "$1" || ! grep -q '^TracerPid:[[:space:]]*0$' "/proc/$SERVER_PID/status"
}

# find_confined: sets SERVER_PID to the process of the program that CONFINED_INFO tells of, and CONFINED_INIT to process
# 1 of its namespace, or to nothing; returns 1 if it is not there (any more).
find_confined() {
    local child number
    CONFINED_INIT=''
    if [[ $(cat "$CONFINED_INFO" 2>/dev/null) =~ \"child-pid\":\ *([0-9]+) ]]; then CONFINED_INIT=${BASH_REMATCH[1]}; fi
    [ -n "$CONFINED_INIT" ] || return 1
    # The program is the first process that 1 starts there, number 2; others may be its heirs.
    read_children "$CONFINED_INIT"
    for child in "${CHILDREN[@]}"; do
        number=$(number_within "$child")
        if [ "$number" = 2 ]; then
            SERVER_PID=$child
            return 0
        fi
    done
    return 1
}

# number_within PID: prints the number that process has for itself: what getpid(2) tells it.
number_within() {
    awk '/^NSpid:/ { print $NF }' "/proc/$1/status" 2>/dev/null
}

# stop_server [SIGNAL]: that of tools/lab.bash; and ends what the server has left behind.
eval "lab_$(declare -f stop_server)"
stop_server() {
    local status=0
    lab_stop_server "$@" || status=$?
    if is_gone "$SERVER_PID"; then end_server; fi
    return "$status"
}

# end_server: ends the server, and all who are in its namespace.
end_server() {
    local prefix=${LAB_BEHIND[SERVER_PID]-$SERVER_PID} init=${CONFINED_IN[$SERVER_PID]-}
    {
        kill -KILL ${init:+"$init"} -- "-$prefix" || true
        kill -KILL "$prefix" || true
        wait "$prefix" || true
    } 2>/dev/null
}
