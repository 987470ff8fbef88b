# shellcheck shell=bash
#
# What every experiment with a server needs: start it cleanly, wait for a state, look at its
# processes, descriptors and sockets, clean up whatever happens. The tests and the tour share it.
# Linux only: it reads /proc (proc(5)).
#
#   lab_open                     once, first: makes $LAB_DIR for the servers' output
#   start_server COMMAND...      sets SERVER_PID, PORT, SERVER_OUT, SERVER_ERR
#   connect VARIABLE             a TCP connection to $PORT, its descriptor in VARIABLE
#   wait_until COMMAND...        polls COMMAND until it succeeds, or fails at the deadline
#   lab_close                    last, in a trap or teardown: nothing stays behind

LAB_DEADLINE=${LAB_DEADLINE:-10} # seconds that wait_until gives a state to come about

# Prints why no experiment can be made on this machine, if so.
lab_obstacle() {
    if [ ! -e /proc/self/stat ]; then
        echo "this looks into /proc as Linux has it: run it on Linux, or in a Linux container"
    elif ((BASH_VERSINFO[0] < 5)); then
        echo "this needs bash 5, and this is $BASH_VERSION"
    elif [ ! -e "/proc/$$/task/$$/children" ]; then
        echo "this kernel does not list children in /proc (CONFIG_PROC_CHILDREN)"
    fi
}

# Makes the directory for this experiment's files.
lab_open() {
    set +m # with job control a job leads its process group: setsid would fork, and SERVER_PID be another's
    # a signal that ends everybody must not end mktemp between its work and its word about it
    LAB_DIR=$(trap '' HUP INT TERM && exec mktemp -d "${TMPDIR:-/tmp}/lab.XXXXXX") || return 1
    LAB_SERVERS=()
    LAB_BEHIND=() # for a server that is not our own child: the child of ours that ends when it does, with its status
    LAB_CONNECTIONS=()
    exec {LAB_NAP}<> <(:) # never readable: a read with a time-out is a sleep without a process
}

# Ends all that the experiment started, children of servers included.
lab_end() {
    local fd pid
    # a signal may have come between a start and the note of it
    if [ -n "${LAB_STARTING-}" ] && [ -n "${!-}" ]; then LAB_SERVERS+=("$!"); fi
    for fd in "${LAB_CONNECTIONS[@]}"; do hang_up "$fd"; done
    for pid in "${LAB_SERVERS[@]}"; do
        kill -KILL -- "-$pid" || true # the whole process group
        kill -KILL "$pid" || true
        wait "$pid" || true
    done 2>/dev/null
    LAB_SERVERS=()
}

# The same, and removes its files.
lab_close() {
    lab_end
    [ -z "${LAB_DIR-}" ] || rm -rf -- "$LAB_DIR"
}

# nap MILLISECONDS: sleeps for so long, below 1,000, without starting a process.
nap() {
    local seconds
    printf -v seconds '0.%03d' "$1"
    read -rt "$seconds" -u "$LAB_NAP" || true
}

# Prints the time in microseconds.
now() {
    echo "${EPOCHREALTIME//[.,]/}"
}

# wait_until COMMAND...: returns 0 as soon as COMMAND does, 1 if it never does within LAB_DEADLINE. It looks
# every 5 ms, and less and less often, the longer it takes: every 50 ms in the end.
wait_until() {
    local - end pause=5
    set +T # polling is not to be followed command by command, as bats would
    end=$((${EPOCHREALTIME//[.,]/} + LAB_DEADLINE * 1000000))
    until "$@"; do
        ((${EPOCHREALTIME//[.,]/} < end)) || return 1
        nap "$pause"
        pause=$((pause < 40 ? pause + pause / 4 : 50))
    done
}

# --- servers -------------------------------------------------------------------------------------

# clean COMMAND...: replaces this shell by COMMAND with descriptors 0 to 2 alone, default signal
# dispositions (a background job would ignore SIGINT, a careless caller SIGCHLD), in a session and
# so a process group of its own. It dies with the shell that started it, should that be killed.
clean() {
    local fd
    for fd in "/proc/$BASHPID/fd/"*; do
        fd=${fd##*/}
        ((fd <= 2)) || eval "exec $fd>&-"
    done
    exec setsid setpriv --pdeathsig KILL env --default-signal "$@"
}

# start_server COMMAND...: starts it, waits for its first line, and sets
#   SERVER_PID   its process; COMMAND may begin with prlimit, setpriv, valgrind: they exec
#   PORT         the port of its first line, "Serving HTTP on port N ..."
#   SERVER_OUT   the file with what it prints, SERVER_ERR its error messages
# Returns 1, with the reason on standard error, if there is no such line.
start_server() {
    SERVER_OUT=$LAB_DIR/server.${#LAB_SERVERS[@]}.out
    SERVER_ERR=$LAB_DIR/server.${#LAB_SERVERS[@]}.err
    PORT=
    : >"$SERVER_OUT"
    : >"$SERVER_ERR"
    LAB_STARTING=yes
    (clean "$@") </dev/null >>"$SERVER_OUT" 2>>"$SERVER_ERR" &
    SERVER_PID=$!
    LAB_SERVERS+=("$SERVER_PID")
    LAB_STARTING=
    LAB_SHELL=$BASHPID
    if wait_until announced_or_gone && [ -n "$PORT" ]; then return 0; fi
    {
        echo "the server did not say \"Serving HTTP on port N ...\" in its first line: $*"
        sed 's/^/  its output: /' "$SERVER_OUT" "$SERVER_ERR"
        echo "  (has it ended? is the line the first one, and is it flushed: setvbuf in C, python3 -u?)"
    } >&2
    return 1
}

announced_or_gone() {
    local line gone=1 first='^Serving [A-Za-z]+ on port ([0-9]+)' # in a variable: else bash 3.2 could not even say that it is too old
    if is_gone "$SERVER_PID"; then gone=0; fi # before the look: its last words may be its first
    if read -r line <"$SERVER_OUT" && [[ $line =~ $first ]]; then
        PORT=${BASH_REMATCH[1]}
        return 0
    fi
    return "$gone"
}

# stop_server [SIGNAL]: ends the server (SIGTERM unless told otherwise) and its process group,
# and returns its exit status.
stop_server() {
    local status=0
    kill "-${1:-TERM}" "$SERVER_PID" 2>/dev/null || true
    wait_until is_gone "$SERVER_PID" || return 1
    wait "${LAB_BEHIND[SERVER_PID]-$SERVER_PID}" 2>/dev/null || status=$?
    kill -KILL -- "-${LAB_BEHIND[SERVER_PID]-$SERVER_PID}" 2>/dev/null || true
    return "$status"
}

# server_status: waits for the server to end by itself, and sets SERVER_STATUS to its exit status, or
# to "running". Not within $(...): only the shell that started the server can wait for it.
server_status() {
    SERVER_STATUS=running
    if [ "$BASHPID" != "$LAB_SHELL" ]; then
        echo "call server_status directly, not in \$(...): it sets SERVER_STATUS" >&2
        return 1
    fi
    wait_until is_gone "$SERVER_PID" || return 0
    SERVER_STATUS=0
    wait "${LAB_BEHIND[SERVER_PID]-$SERVER_PID}" 2>/dev/null || SERVER_STATUS=$?
}

# --- processes -----------------------------------------------------------------------------------

# What is asked again and again sets a variable, as $(...) starts a process each time.
#
# read_state PID: sets STATE to its state letter (proc(5): R, S, D, T, Z ...), to "-" when there is no such
# process.
read_state() {
    STATE=''
    { IFS= read -rd '' STATE <"/proc/$1/stat"; } 2>/dev/null || true # all of it: a process's name may have a line end
    if [ -n "$STATE" ]; then
        STATE=${STATE##*) }
        STATE=${STATE%% *}
    else
        STATE=-
    fi
}

# read_children PID: sets CHILDREN to its children, dead ones included, oldest first.
read_children() {
    CHILDREN=()
    { read -ra CHILDREN <"/proc/$1/task/$1/children"; } 2>/dev/null || true
}

# read_zombies PID: sets ZOMBIES to those of its children that are dead.
read_zombies() {
    local child
    read_children "$1"
    ZOMBIES=()
    for child in "${CHILDREN[@]}"; do
        read_state "$child"
        if [ "$STATE" = Z ]; then ZOMBIES+=("$child"); fi
    done
}

# Print the state letter, the children, the zombies of process $1.
state_of() {
    read_state "$1"
    echo "$STATE"
}
children_of() {
    read_children "$1"
    echo "${CHILDREN[*]}"
}
zombies_of() {
    read_zombies "$1"
    echo "${ZOMBIES[*]}"
}

# Prints the parent of process $1, nothing when there is no such process.
parent_of() {
    local stat=''
    { IFS= read -rd '' stat <"/proc/$1/stat"; } 2>/dev/null || true
    if [ -n "$stat" ]; then
        read -r _ stat _ <<<"${stat##*) }"
        echo "$stat"
    fi
}

# Print how many children, or zombies, process $1 has.
count_children() {
    read_children "$1"
    echo "${#CHILDREN[@]}"
}
count_zombies() {
    read_zombies "$1"
    echo "${#ZOMBIES[@]}"
}

# Prints how many words $1 has.
count_words() {
    # shellcheck disable=SC2086 # the words are what is counted
    set -- $1
    echo $#
}

# in_state PID LETTER: is it in that state?
in_state() {
    read_state "$1"
    [ "$STATE" = "$2" ]
}

# is_gone PID: has the process ended (be it that nobody has waited for it yet)?
is_gone() {
    read_state "$1"
    [[ $STATE == [-ZX] ]]
}

# has_children PID N, has_zombies PID N: exactly so many?
has_children() {
    read_children "$1"
    ((${#CHILDREN[@]} == $2))
}
has_zombies() {
    read_zombies "$1"
    ((${#ZOMBIES[@]} == $2))
}

# is_in CALL PID...: do all of these sleep in that call: accept, recv, sleep, wait or poll (or its like, select, epoll)?
# The kernel tells by the name of the function it sleeps in, or, where that is hidden, by the number of the system
# call. That number alone would be told of a process, too, which is stopped in that call, or held there by its tracer.
is_in() {
    local call=$1 pid where number
    shift
    for pid; do
        where='' number=''
        { read -r where <"/proc/$pid/wchan"; } 2>/dev/null || true
        case $call:$where in
        accept:inet_csk_accept* | recv:wait_woken | recv:sk_wait_data | sleep:*nanosleep* | wait:do_wait*)
            continue ;;
        poll:poll_schedule_timeout* | poll:do_poll* | poll:do_sys_poll* | poll:do_select* | poll:*ep_poll* | poll:do_epoll_wait*)
            continue ;;
        *:0 | *:) ;; # hidden, as some containers do, or it runs
        *) return 1 ;;
        esac
        read_state "$pid"
        [ "$STATE" = S ] || return 1
        { read -r number _ <"/proc/$pid/syscall"; } 2>/dev/null || return 1
        case $call:$(uname -m):$number in
        accept:x86_64:43 | accept:x86_64:288 | accept:aarch64:202 | accept:aarch64:242) ;;
        recv:x86_64:45 | recv:x86_64:0 | recv:aarch64:207 | recv:aarch64:63) ;;
        sleep:x86_64:35 | sleep:x86_64:230 | sleep:aarch64:101 | sleep:aarch64:115) ;;
        wait:x86_64:61 | wait:aarch64:260) ;;
        poll:x86_64:7 | poll:x86_64:23 | poll:x86_64:27[01] | poll:aarch64:7[23]) ;;
        poll:x86_64:232 | poll:x86_64:281 | poll:x86_64:441 | poll:aarch64:22 | poll:aarch64:441) ;;
        poll:x86_64:219 | poll:aarch64:128) ;; # poll, restarted after the process was stopped
        *) return 1 ;;
        esac
    done
}

# all_in CALL PID N: has PID exactly N children, and do they all sleep in that call?
all_in() {
    read_children "$2"
    ((${#CHILDREN[@]} == $3)) && is_in "$1" "${CHILDREN[@]}"
}

# read_turns PID: sets TURNS to how often that process has run and gone to sleep again, or has been interrupted.
read_turns() {
    local key value
    TURNS=
    while read -r key value; do
        if [[ $key == *voluntary_ctxt_switches: ]]; then TURNS+="$value "; fi
    done <"/proc/$1/status" 2>/dev/null
}

# is_at_rest PID: does it sleep, and has nothing woken it for 300 ms?
is_at_rest() {
    local before
    read_state "$1"
    [ "$STATE" = S ] || return 1
    read_turns "$1"
    before=$TURNS
    nap 300
    read_turns "$1"
    [ "$TURNS" = "$before" ] && in_state "$1" S
}

# Prints the resident memory of process $1 in KiB.
memory_of() {
    local key value
    while read -r key value _; do
        if [ "$key" = VmRSS: ]; then echo "$value"; fi
    done <"/proc/$1/status"
}

# --- descriptors and sockets ---------------------------------------------------------------------

# read_descriptors PID: sets DESCRIPTORS to its open descriptors, in order, as an array always is. Those that
# valgrind keeps for itself, at the top of a limit that the tests set to 1,024, are not the program's.
read_descriptors() {
    local fd
    DESCRIPTORS=()
    for fd in "/proc/$1/fd/"*; do
        fd=${fd##*/}
        [[ $fd == '*' ]] || { [ -n "${VALGRIND-}" ] && ((fd >= 1000)); } || DESCRIPTORS[fd]=$fd
    done
}

# Prints the open descriptors of process $1.
descriptors_of() {
    read_descriptors "$1"
    echo "${DESCRIPTORS[*]}"
}

# has_descriptors PID "0 1 2 3": exactly these?
has_descriptors() {
    read_descriptors "$1"
    [ "${DESCRIPTORS[*]}" = "$2" ]
}

# Prints what descriptor $2 of process $1 is: a path, pipe:[INODE], socket:[INODE], or nothing.
descriptor() {
    readlink "/proc/$1/fd/$2" || true
}

TCP_STATES=([1]=ESTABLISHED [2]=SYN-SENT [3]=SYN-RECV [4]=FIN-WAIT-1 [5]=FIN-WAIT-2 [6]=TIME-WAIT
    [7]=CLOSE [8]=CLOSE-WAIT [9]=LAST-ACK [10]=LISTEN [11]=CLOSING)

# Prints a line for each TCP socket whose local port is $1 (and remote port is $2, if given):
# LOCAL-PORT REMOTE-PORT STATE, as /proc/net/tcp has them, whoever owns them; that lists one again now and then,
# when others come or go meanwhile.
tcp_sockets() {
    local local_address remote_address state lines line remote='[0-9A-F]*'
    local -A listed=()
    if [ -n "${2-}" ]; then printf -v remote %04X "$2"; fi
    printf -v lines ': [0-9A-F]*:%04X [0-9A-F]*:%s ' "$1" "$remote"
    while read -r _ local_address remote_address state _; do
        local_address=$((16#${local_address##*:})) remote_address=$((16#${remote_address##*:}))
        line="$local_address $remote_address ${TCP_STATES[16#$state]}"
        [ -n "${listed[$line]-}" ] || echo "$line"
        listed[$line]=yes
    done < <(grep "$lines" /proc/net/tcp) # read alone takes a second where thousands have TIME_WAIT
}

# tcp_state LOCAL-PORT REMOTE-PORT: the state of that end of that connection, "none" if there is none.
tcp_state() {
    local line
    line=$(tcp_sockets "$1" "$2")
    line=${line##* }
    echo "${line:-none}"
}

# is_tcp LOCAL-PORT REMOTE-PORT STATE: is it in that state?
is_tcp() {
    [ "$(tcp_state "$1" "$2")" = "$3" ]
}

# Prints how many connections wait in the queue of the listening socket at port $1; 0 if there is none.
queue_of() {
    local queues lines
    printf -v lines ': [0-9A-F]*:%04X [0-9A-F]*:0000 0A ' "$1"
    read -r _ _ _ _ queues _ < <(grep "$lines" /proc/net/tcp)
    queues=${queues##*:}
    echo $((16#${queues:-0}))
}

# --- clients -------------------------------------------------------------------------------------

REQUEST=$'GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n'

# connect VARIABLE: connects to the server and stays silent; VARIABLE holds the descriptor.
connect() {
    local _fd
    exec {_fd}<>"/dev/tcp/127.0.0.1/$PORT" || return 1
    LAB_CONNECTIONS+=("$_fd")
    printf -v "$1" %s "$_fd"
}

# ask DESCRIPTOR: sends the request, in one write: through cat, as bash itself writes line by line.
ask() {
    printf %s "$REQUEST" | cat >&"$1"
}

# hang_up DESCRIPTOR: closes the connection.
hang_up() {
    { eval "exec $1>&-"; } 2>/dev/null || true
}

# listen_to DESCRIPTOR [SECONDS]: reads up to the end of file or, after SECONDS without a line, to a
# time-out. Sets ANSWER to what came, and ENDING to "end of file" or "time-out".
listen_to() {
    local line status
    ANSWER=
    while :; do
        status=0
        IFS= read -r -t "${2:-$LAB_DEADLINE}" -u "$1" line 2>/dev/null || status=$?
        if ((status == 0)); then
            ANSWER+=$line$'\n'
        else
            ANSWER+=$line
            break
        fi
    done
    # shellcheck disable=SC2034 # for the caller
    if ((status > 128)); then ENDING=time-out; else ENDING='end of file'; fi
}

# hear DESCRIPTOR: reads as far as the greeting, without waiting for the end of file, and sets ANSWER
# to what came.
hear() {
    local line
    ANSWER=
    while IFS= read -r -t "$LAB_DEADLINE" -u "$1" line 2>/dev/null; do
        ANSWER+=$line$'\n'
        if [[ $line == *'Hello, World!'* ]]; then break; fi
    done
}

# background COMMAND...: starts another program than a server, as cleanly; its output is in the file
# BACKGROUND_OUT, its process is BACKGROUND_PID.
background() {
    BACKGROUND_OUT=$LAB_DIR/background.${#LAB_SERVERS[@]}.out
    LAB_STARTING=yes
    (clean "$@") </dev/null >"$BACKGROUND_OUT" 2>&1 &
    # shellcheck disable=SC2034 # for the caller
    BACKGROUND_PID=$!
    LAB_SERVERS+=("$!")
    LAB_STARTING=
}

# Prints the client's own port of a connection: its inode in /proc/net/tcp tells.
port_of() {
    local inode local_address
    inode=$(readlink "/proc/$BASHPID/fd/$1") inode=${inode//[!0-9]/}
    while read -r _ local_address _ _ _ _ _ _ _ line_inode _; do
        if [ "$line_inode" != "$inode" ]; then continue; fi
        echo $((16#${local_address##*:}))
        break # it may be there again: see tcp_sockets
    done < <(grep " $inode " /proc/net/tcp)
}
