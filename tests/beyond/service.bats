#!/usr/bin/env bats
#
# fork, prefork and multi, which one would put in front of people: signals, limits, the dead, time-outs,
# privileges, systemd, the log.

load setup

# half FD: sends half a request. rest FD: the other half.
half() {
    printf 'GET / HTTP/1.1\r\nHost: a' | cat >&"$1"
}
rest() {
    printf '\r\n\r\n' | cat >&"$1"
}

# queue_is N: do so many wait to be accepted? refuses: does nobody listen any more?
queue_is() {
    [ "$(ss -Hltn "sport = :$PORT" | awk '{ sum += $2 } END { print sum + 0 }')" -eq "$1" ]
}
seen_queue_is() {
    ss -Hltn "sport = :$PORT"
}
refuses() {
    ! (exec {fd}<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null
}

# says PATTERN [TIMES]: is there such a line (so many) in what the server has complained of?
says() {
    (($(grep -cE "$1" "$SERVER_ERR") >= ${2:-1}))
}
seen_says() {
    cat "$SERVER_ERR"
}

# are_others N PID...: has the server N children, and none of these among them?
are_others() {
    local wanted=$1 child old
    shift
    has_children "$SERVER_PID" "$wanted" || return 1
    for child in $(children_of "$SERVER_PID"); do
        for old; do [ "$child" != "$old" ] || return 1; done
    done
}
seen_are_others() {
    echo "children: $(children_of "$SERVER_PID"); the old ones: ${*:2}"
}

# greets [LOOK]: is a new client answered?
greets() {
    local client
    connect client
    ask "$client"
    hear "$client"
    expect_match "the answer to a new client" 'Hello, World!' "$ANSWER" "${1:-$SERVER_ERR}"
    hang_up "$client"
}

# expect_status STATUS: fails unless the server soon ends with that status.
expect_status() {
    server_status
    expect "the exit status" "$1" "$SERVER_STATUS" "master_end in beyond/supervisor.c; its words: $(<"$SERVER_ERR")"
}

# ticks_of PID...: prints the processor time that they have used, and their dead children, in hundredths
# of a second.
ticks_of() {
    local pid stat sum=0
    for pid; do
        stat=
        { read -r stat <"/proc/$pid/stat"; } 2>/dev/null || true
        read -ra stat <<<"${stat##*) }"
        sum=$((sum + ${stat[11]:-0} + ${stat[12]:-0} + ${stat[13]:-0} + ${stat[14]:-0}))
    done
    echo "$sum"
}

# --- the end -----------------------------------------------------------------------------------------

# drains OPTIONS...: three clients: one is idle, one in the middle of its request, one in the queue.
drains() {
    serve_beyond -- "$@"
    connect idle
    ask "$idle"
    hear "$idle"
    connect slow
    half "$slow"
    connect queued
    ask "$queued"
    expect_soon "the third client is in the queue" "the limit of $MODEL" queue_is 1
    kill -TERM "$SERVER_PID"
    listen_to "$idle"
    expect "what the idle client hears: the end, without a word" 'end of file:' "$ENDING:$ANSWER" "conversation_is_idle"
    listen_to "$queued"
    expect_match "what the client in the queue hears" 'Connection: close.*Hello, World!' "$ANSWER" "last_orders"
    expect_soon "nobody is accepted any more, although one client is being served" \
        "last_orders; is the socket open in some process: ss -ltnp" refuses
    rest "$slow"
    listen_to "$slow"
    expect_match "what the slow client hears" 'Connection: close.*Hello, World!' "$ANSWER" "is its process killed too early?"
    expect_status 0
    expect "its complaints" '' "$(<"$SERVER_ERR")" "beyond/supervisor.c"
}
@test "service: TERM: fork finishes requests and the queue, idle clients end, status 0" {
    drains fork http -m 2
}
@test "service: TERM: prefork does" {
    drains prefork http -w 2
}
@test "service: TERM: multi does" {
    drains multi http -w 1 -m 2
}

# hears_term OPTIONS...: a crowd keeps the listening socket ready at all times: signals are heard all the same.
hears_term() {
    serve_beyond -- "$@"
    background "$PYTHON" "$ROOT/tests/beyond/load.py" "$PORT" refused
    wait_until has_worked_for 20 || report "the crowd is being served" "20 ticks of work" "$(<"$BACKGROUND_OUT")" "$SERVER_ERR"
    kill -INT "$SERVER_PID"
    expect_status 0
    expect_soon "the crowd has gone" "$BACKGROUND_OUT" is_gone "$BACKGROUND_PID"
    expect_match "what the crowd says" '^answered [1-9]' "$(<"$BACKGROUND_OUT")" "$SERVER_ERR"
}
# floods OPTIONS...: a client asks without a break, so that there is always something to read: it is told, too.
floods() {
    serve_beyond -- "$@" -D 8
    background "$PYTHON" -c 'import socket, sys, threading
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
def send():
    try:
        while True: s.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 1000)
    except OSError: pass
threading.Thread(target=send, daemon=True).start()
last = b""
try:
    while piece := s.recv(1 << 20): last = (last + piece)[-200:]
except OSError: pass
print(last)' "$PORT"
    expect_soon "the client is being served" "$SERVER_ERR" has_worked_for 30
    kill -TERM "$SERVER_PID"
    expect_status 0
    expect_soon "the client has ended" "$BACKGROUND_OUT" is_gone "$BACKGROUND_PID"
    expect_match "the last that the client hears" 'Connection: close.*Hello, World!' "$(<"$BACKGROUND_OUT")" "consider"
}
@test "service: TERM is heard while a client asks without a break: fork" {
    floods fork http
}
@test "service: TERM is heard while a client asks without a break: prefork" {
    floods prefork http -w 1
}
@test "service: TERM is heard while a client asks without a break: multi" {
    floods multi http -w 1
}

has_worked_for() {
    # shellcheck disable=SC2046 # a word each
    (($(ticks_of "$SERVER_PID" $(children_of "$SERVER_PID")) >= $1))
}
@test "service: INT is heard in the middle of a crowd by fork" {
    hears_term fork http
}
@test "service: INT is heard in the middle of a crowd by prefork" {
    hears_term prefork http -w 2
}
@test "service: INT is heard in the middle of a crowd by multi" {
    hears_term multi http -w 2
}

# has_accepted N: as strace has seen it.
has_accepted() {
    (($(grep -c 'accept4.* = [0-9]' "$LAB_DIR/strace") >= $1))
}
@test "service: the master of fork hears TERM although its listening socket is ready all the time" {
    needs_tracing
    # a slow accept: TERM comes while the master is at it, and the queue is never empty
    serve_beyond strace -D -qq -o "$LAB_DIR/strace" -e trace=accept4 -e inject=accept4:delay_enter=20000 -- fork http
    for ((i = 0; i < 60; i++)); do
        connect client
        hang_up "$client"
    done
    expect_soon "the server accepts" "$SERVER_ERR" has_accepted 3
    kill -TERM "$SERVER_PID"
    sent=$(grep -c 'accept4.* = [0-9]' "$LAB_DIR/strace")
    expect_status 0
    expect_soon "strace has seen it all" "$LAB_DIR/strace" has_accepted 60
    heard=$(sed '/SIGTERM/,$d' "$LAB_DIR/strace" | grep -c 'accept4.* = [0-9]' || true)
    expect "TERM came after $sent of 60 clients and was heard after $heard: within 16" yes \
        "$( ((heard <= sent + 16 && heard < 60)) && echo yes || echo no)" "master_wait: ppoll tells of sockets, and of signals only if none is ready"
}

# needs_filters: skips where the kernel lets nobody but root attach a filter to a socket (Linux 6.18 here).
needs_filters() {
    "$PYTHON" -c 'import ctypes, socket, struct
code = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0)) # one instruction: return 0
socket.socket().setsockopt(socket.SOL_SOCKET, 26, struct.pack("HL", 1, ctypes.addressof(code)))' 2>/dev/null ||
        skip "this kernel lets an ordinary user attach no filter to a socket (SO_ATTACH_FILTER): the queue cannot be locked. Type: sudo make test-beyond"
}

# locks OPTIONS...: clients come faster than they are accepted, so that the queue is never empty: with TERM
# nobody new comes into it, and those who are in it are served.
locks() {
    needs_filters
    needs_tracing
    serve_beyond strace -D -f -qq -o "$LAB_DIR/strace" -e trace=accept4 -e inject=accept4:delay_enter=20000 -- "$@" -D 5
    background "$PYTHON" "$ROOT/tests/beyond/load.py" "$PORT" refused
    expect_soon "the crowd is being served" "$SERVER_ERR" has_accepted 20
    kill -TERM "$SERVER_PID"
    expect_status 0
    expect_soon "the crowd has gone" "$BACKGROUND_OUT" is_gone "$BACKGROUND_PID"
    expect_match "what became of the crowd" '^answered [1-9][0-9]* failed 0$' "$(<"$BACKGROUND_OUT")" \
        "master_locks: does the queue end? $SERVER_ERR"
    expect "its complaints" '' "$(grep -v '^strace: ' "$SERVER_ERR" || true)" "beyond/supervisor.c"
}
@test "service: TERM while the queue is never empty: fork serves who is in it, and nobody is reset" {
    locks fork http
}
@test "service: TERM while the queue is never empty: prefork serves who is in it, and nobody is reset" {
    locks prefork http -w 1
}
@test "service: TERM while the queue is never empty: multi serves who is in it, and nobody is reset" {
    locks multi http -w 1 -m 2
}

# gives_up SIGNALS LINE OPTIONS...: somebody never sends the rest of his request.
gives_up() {
    local signals=$1 line=$2 turn
    shift 2
    serve_beyond -- "$@" -H 60
    connect slow
    half "$slow"
    expect_soon "the client has been accepted" "accept" queue_is 0
    for ((turn = 0; turn < signals; turn++)); do
        kill -TERM "$SERVER_PID"
        if ((turn == 0)); then expect_soon "the first TERM is heard: nobody is accepted" "last_orders" refuses; fi
    done
    expect_status 1
    expect_match "its complaint" "$line" "$(<"$SERVER_ERR")" "master_end"
    listen_to "$slow"
    expect "what the client hears" 'end of file:' "$ENDING:$ANSWER" "is its process still there?"
}
OVER='^serve: the time to end is over: 1 process is killed$'
TWICE='^serve: told twice to end: 1 process is killed$'
@test "service: TERM: whoever is not done in time is killed, and the status is 1: fork" {
    gives_up 1 "$OVER" fork http -D 0.3
}
@test "service: TERM: whoever is not done in time is killed, and the status is 1: prefork" {
    gives_up 1 "$OVER" prefork http -w 2 -D 0.3
}
@test "service: TERM: whoever is not done in time is killed, and the status is 1: multi" {
    gives_up 1 "$OVER" multi http -w 2 -D 0.3
}
@test "service: a second TERM ends fork at once" {
    gives_up 2 "$TWICE" fork http -D 60
}
@test "service: a second TERM ends prefork at once" {
    gives_up 2 "$TWICE" prefork http -w 2 -D 60
}
@test "service: a second TERM ends multi at once" {
    gives_up 2 "$TWICE" multi http -w 2 -D 60
}

# group OPTIONS...: a terminal's Ctrl-C and systemd's TERM go to all processes: the master's word counts.
group() {
    serve_beyond -- "$@"
    connect slow
    half "$slow"
    expect_soon "the client has been accepted" "accept" queue_is 0
    kill -INT -- "-$SERVER_PID"
    rest "$slow"
    listen_to "$slow"
    expect_match "what the slow client hears" 'Hello, World!' "$ANSWER" "which signals the children leave blocked: master_begin"
    expect_status 0
}
@test "service: INT to the whole group of processes kills nobody who is being served" {
    group fork http
    group prefork http -w 2
    group multi http -w 2
}

# --- renewal -----------------------------------------------------------------------------------------

# renews OPTIONS...: HUP replaces the two workers; one of the old ones has a request to finish.
renews() {
    local old
    serve_beyond -- "$@"
    expect_soon "there are two workers" "$SERVER_ERR" has_children "$SERVER_PID" 2
    connect slow
    half "$slow"
    expect_soon "the client has been accepted" "accept" queue_is 0
    old=$(children_of "$SERVER_PID")
    kill -HUP "$SERVER_PID"
    expect_soon "one old worker is gone, two new ones are there" "renew in beyond/supervisor.c" has_children "$SERVER_PID" 3
    greets "renew"
    rest "$slow"
    listen_to "$slow"
    expect_match "what the client of the old worker hears" 'Connection: close.*Hello, World!' "$ANSWER" "is it killed too early?"
    # shellcheck disable=SC2086 # a word each
    expect_soon "the old workers are gone" "renew" are_others 2 $old
    greets "renew"
    expect "its complaints" "serve: the workers are replaced: process $SERVER_PID has others now" "$(<"$SERVER_ERR")" "renew"
    kill -TERM "$SERVER_PID"
    expect_status 0
}
@test "service: HUP replaces the workers of prefork; requests under way are finished" {
    renews prefork http -w 2
}
@test "service: HUP replaces the workers of multi; requests under way are finished" {
    renews multi http -w 2
}

# loses_none OPTIONS...: clients come without a break, while the workers are replaced six times.
loses_none() {
    local turn old
    serve_beyond -- "$@" -l
    background "$PYTHON" "$ROOT/tests/beyond/load.py" "$PORT" "$LAB_DIR/stop"
    for turn in 1 2 3 4 5 6; do
        expect_soon "the clients are being served (turn $turn)" "$BACKGROUND_OUT" has_lines $(($(wc -l <"$SERVER_OUT") + 50)) "$SERVER_OUT"
        old=$(children_of "$SERVER_PID")
        kill -HUP "$SERVER_PID"
        # shellcheck disable=SC2086
        expect_soon "the old workers are gone (turn $turn)" "renew" are_others 2 $old
    done
    : >"$LAB_DIR/stop"
    expect_soon "the clients have ended" "$BACKGROUND_OUT" is_gone "$BACKGROUND_PID"
    expect_match "what became of the clients" '^answered [1-9][0-9]* failed 0$' "$(<"$BACKGROUND_OUT")" \
        "who is reset: whose queue is closed, who is taken for idle before the first request?"
}
@test "service: HUP six times in a crowd: prefork loses no request" {
    loses_none prefork http -w 2
}
@test "service: HUP six times in a crowd: multi loses no request" {
    loses_none multi http -w 2
}

@test "service: HUP: whoever has been replaced and is not done in time is killed" {
    serve_beyond -- prefork http -w 1 -D 0.3 -H 60
    connect slow
    half "$slow"
    expect_soon "the client has been accepted" "accept" queue_is 0
    old=$(children_of "$SERVER_PID")
    kill -HUP "$SERVER_PID"
    expect_soon "the old worker is gone" "hurry in beyond/supervisor.c" are_others 1 "$old"
    expect_soon "it says so" "hurry" says "time to end is over: process $old is killed"
    greets
}

@test "service: HUP does fork no harm: who is being served stays, and it says that there is nothing to do" {
    serve_beyond -- fork http
    connect slow
    half "$slow"
    expect_soon "the client has a child" "fork" has_children "$SERVER_PID" 1
    kill -HUP "$SERVER_PID"
    expect_soon "it says so" "serve_fork" says 'nothing to replace'
    rest "$slow"
    hear "$slow"
    expect_match "the answer to the client" 'Hello, World!' "$ANSWER" "is HUP handled?"
    greets
}

# --- the dead ----------------------------------------------------------------------------------------

# replaces OPTIONS...: a worker is killed again and again.
replaces() {
    local old turn
    serve_beyond -- "$@" -w 1
    for turn in 1 2 3 4; do
        expect_soon "there is a worker (turn $turn)" "fill in beyond/supervisor.c" has_children "$SERVER_PID" 1
        old=$(children_of "$SERVER_PID")
        kill -KILL "$old"
        expect_soon "there is another one (turn $turn)" "bury, fill" are_others 1 "$old"
    done
    greets
    expect "what it says of the four deaths" "at once, in 100 ms, in 200 ms, in 400 ms" \
        "$(sed -nE 's/^serve: process [0-9]+ was killed by signal 9 \(Killed\): another one (.*)/\1/p' "$SERVER_ERR" | paste -sd , | sed 's/,/, /g')" \
        "bury, vacate"
    expect_soon "no zombie is left" "reap" has_zombies "$SERVER_PID" 0
}
@test "service: a dead worker of prefork is replaced at once, then later and later" {
    replaces prefork http
}
@test "service: a dead worker of multi is replaced at once, then later and later" {
    replaces multi http
}

@test "service: the queue of multi's worker outlives it" {
    serve_beyond -- multi http -w 1
    old=$(children_of "$SERVER_PID")
    kill -STOP "$old"
    connect client
    ask "$client"
    expect_soon "a client waits in the queue" "listen" queue_is 1
    kill -KILL "$old"
    hear "$client"
    expect_match "its answer" 'Hello, World!' "$ANSWER" "does the master keep the socket?"
}

# orphans OPTIONS...: the master is killed.
orphans() {
    local children
    serve_beyond -- "$@" -H 60
    connect slow
    half "$slow"
    expect_soon "somebody serves the client" "$SERVER_ERR" queue_is 0
    wait_until has_children "$SERVER_PID" "$ORPHANS" || true
    children=$(children_of "$SERVER_PID")
    expect "how many children there are" "$ORPHANS" "$(count_words "$children")" "$SERVER_ERR"
    kill -KILL "$SERVER_PID"
    # shellcheck disable=SC2086
    expect_soon "all children are gone, too" "die_with_master" all_gone $children
    expect_soon "nobody listens" "ss -ltnp" refuses
}
@test "service: when the master is killed, its children end, too" {
    ORPHANS=1 orphans fork http
    ORPHANS=2 orphans prefork http -w 2
    ORPHANS=2 orphans multi http -w 2
}
@test "service: when the master is killed, children that are another user end, too" {
    ((EUID == 0)) || skip_unasked "only root can become another user"
    ORPHANS=1 orphans fork http -u nobody
    ORPHANS=2 orphans prefork http -w 2 -u nobody
    ORPHANS=2 orphans multi http -w 2 -u nobody
}

# --- limits ------------------------------------------------------------------------------------------

# limits CHILDREN OPTIONS...: two clients at a time; the third waits until one has gone.
limits() {
    local children=$1
    shift
    serve_beyond -- "$@"
    connect first
    connect second
    half "$first"
    half "$second"
    expect_soon "two clients are being served" "accept" queue_is 0
    connect third
    ask "$third"
    expect_soon "the third waits in the queue" "the limit of $MODEL" queue_is 1
    expect_soon "the children of the server are $children" "master_children" has_children "$SERVER_PID" "$children"
    hang_up "$first"
    hear "$third"
    expect_match "the answer to the third, once the first has gone" 'Hello, World!' "$ANSWER" "is accept called again when one has ended?"
}
@test "service: fork -m 2: two children at a time, the third client waits" {
    limits 2 fork http -m 2
}
@test "service: prefork -w 2: two clients at a time, the third waits" {
    limits 2 prefork http -w 2
}
@test "service: multi -m 2: two clients at a time in a worker, the third waits" {
    limits 1 multi http -w 1 -m 2
}

@test "service: unless told otherwise: prefork has two workers per processor, multi one, fork 256 children at most" {
    count=$(getconf _NPROCESSORS_ONLN)
    serve_beyond -- prefork http
    expect_soon "the workers of prefork" "serve_prefork" has_children "$SERVER_PID" $((2 * count))
    serve_beyond -- multi http
    expect_soon "the workers of multi" "serve_multi" has_children "$SERVER_PID" "$count"
    serve_beyond -- fork http
    for ((i = 0; i < 257; i++)); do connect client; done
    expect_soon "256 children of fork" "CHILDREN_MOST" has_children "$SERVER_PID" 256
    expect_soon "one client in the queue" "is_full" queue_is 1
}

# dribbles OPTIONS...: a client that sends a byte now and then, one that sends nothing, one that hears nothing.
dribbles() {
    local slow silent deaf writer letter
    serve_beyond -- "$@" -H 0.5 -I 0.5 -W 0.5 -n 16777216
    connect slow
    for letter in G E T ' ' / ' ' H T T P / 1 . 1 a b c d e f g h i j k l m n; do printf %s "$letter" && sleep 0.1; done | cat >&"$slow" &
    writer=$!
    listen_to "$slow"
    kill "$writer" 2>/dev/null || true
    wait "$writer" || true
    expect_match "what a client hears that sends a byte now and then" '^HTTP/1.1 408 ' "$ANSWER" "service.header_time"
    connect silent
    listen_to "$silent"
    expect "what a silent client hears" 'end of file:' "$ENDING:$ANSWER" "service.idle_time"
    connect deaf
    ask "$deaf"
    expect_soon "the deaf client is being served" "accept" queue_is 0
    # the only worker, or child, is free again as soon as it has given up
    connect other
    ask "$other"
    IFS= read -r -t "$LAB_DEADLINE" -u "$other" line
    expect_match "what another client hears, when the deaf one's time is over" '^HTTP/1.1 200' "$line" "service.write_time"
}
@test "service: slow, silent and deaf clients do not hold the only child of fork" {
    dribbles fork http -m 1
}
@test "service: slow, silent and deaf clients do not hold the only worker of prefork" {
    dribbles prefork http -w 1
}
@test "service: slow, silent and deaf clients do not hold the only place of multi" {
    dribbles multi http -w 1 -m 1
}

# refuses_for_good OPTIONS...: a client goes on sending after it has been refused.
refuses_for_good() {
    local rude
    serve_beyond -- "$@"
    connect rude
    printf 'GET\0/\r\n\r\n' | cat >&"$rude"
    (exec 2>/dev/null && exec cat /dev/zero >&"$rude") &
    greets "LEAVE_TIME: is a conversation late although there is something to read?"
    expect_soon "the rude client is cut off" "LEAVE_TIME" is_gone "$!"
}
@test "service: a client that goes on sending after its refusal is cut off" {
    refuses_for_good fork http -m 1
    refuses_for_good prefork http -w 1
    refuses_for_good multi http -w 1 -m 1
}

# runs_out LIMIT OPTIONS...: no descriptors are left for whoever accepts, above LIMIT.
runs_out() {
    local limit=$1 acceptors before used pid start
    shift
    serve_beyond -- "$@"
    acceptors=$SERVER_PID
    connect held
    half "$held"
    expect_soon "a client is being served" "accept" queue_is 0
    if [ "$MODEL" != fork ]; then acceptors=$(children_of "$SERVER_PID"); fi
    for pid in $acceptors; do prlimit --pid "$pid" --nofile="$limit:"; done
    # a worker that waits in accept already has the descriptor for whoever comes
    if [ "$MODEL" = prefork ]; then greets; fi
    connect client
    ask "$client"
    expect_soon "it says that no descriptor is left" "remedy_for" says 'accept: Too many open files'
    # shellcheck disable=SC2086 # a word each
    before=$(ticks_of $acceptors) start=$(now)
    expect_soon "it tries again" "ACCEPT_PAUSE" says 'accept: Too many open files' 6
    # shellcheck disable=SC2086
    used=$(($(ticks_of $acceptors) - before))
    expect "whether five pauses took 400 ms at least" yes "$( (($(now) - start >= 400000)) && echo yes || echo no)" "ACCEPT_PAUSE"
    expect "hundredths of a second of work in five pauses: $used; at most 10" yes "$( ((used <= 10)) && echo yes || echo no)" "is it polled in a spin?"
    rest "$held"
    hear "$held"
    expect_match "the answer to the client who was there before" 'Hello, World!' "$ANSWER" "$SERVER_ERR"
    for pid in $acceptors; do prlimit --pid "$pid" --nofile=256:; done
    hear "$client"
    expect_match "the answer, once there are descriptors" 'Hello, World!' "$ANSWER" "is accept called again?"
}
@test "service: fork without descriptors pauses, does not spin, and goes on" {
    runs_out 4 fork http
}
@test "service: prefork without descriptors pauses, does not spin, and goes on" {
    runs_out 4 prefork http -w 2
}
@test "service: multi without descriptors pauses, does not spin, and goes on" {
    runs_out 6 multi http -w 1
}

# limit_processes N: sets limited, a prefix of a user who may have so many processes, and copies the
# server to where he can read it. Skips where that cannot be had.
limit_processes() {
    user=$((2100000 + BASHPID))
    ((EUID == 0)) || skip_unasked "only root can become a user who has no other processes"
    mkdir "$LAB_DIR/beyond"
    cp "$BIN/beyond/serve" "$LAB_DIR/beyond"
    chmod 755 "$LAB_DIR" "$LAB_DIR/beyond"
    BIN=$LAB_DIR
    limited=(setpriv --reuid "$user" --regid "$user" --clear-groups --no-new-privs prlimit --nproc="$1:100")
    "${limited[@]}" true || skip_unasked "no process can be started as user $user"
}
@test "service: no process left for fork: 503, and it carries on" {
    limit_processes 2
    serve_beyond "${limited[@]}" -- fork http
    connect first
    half "$first"
    expect_soon "the first client has a child" "fork" has_children "$SERVER_PID" 1
    connect second
    ask "$second"
    listen_to "$second"
    expect_match "what the second client hears" '^HTTP/1.1 503 ' "$ANSWER" "turn_away"
    expect_soon "it says why" "complain" says '^serve: fork: Resource temporarily unavailable$'
    rest "$first"
    hear "$first"
    expect_match "the answer to the first" 'Hello, World!' "$ANSWER" "$SERVER_ERR"
    hang_up "$first"
    expect_soon "its child is gone" "reap" has_children "$SERVER_PID" 0
    greets
}
@test "service: no process left for a worker: it is tried again" {
    limit_processes 2
    for model in prefork multi; do
        serve_beyond "${limited[@]}" -- "$model" http -w 2
        expect_soon "one worker, where two are wanted" "$SERVER_ERR" has_children "$SERVER_PID" 1
        expect_soon "it tries again, a few times" "fill" says '^serve: fork: Resource temporarily unavailable$' 3
        expect "how often it tried in no more than a second or two" yes \
            "$( (($(grep -c fork: "$SERVER_ERR") < 10)) && echo yes || echo no)" "vacate: 100 ms, 200 ms, ..."
        setpriv --reuid "$user" --regid "$user" --clear-groups prlimit --pid "$SERVER_PID" --nproc=50:
        expect_soon "the second worker, now that it may be" "fill" has_children "$SERVER_PID" 2
        greets
        kill -TERM "$SERVER_PID"
        expect_status 0
    done
}

@test "service: no process for any worker: it does not say that it serves before there is one" {
    limit_processes 1
    for model in prefork multi; do
        background "${limited[@]}" "$BIN/beyond/serve" "$model" http -p 0 -w 2
        expect_soon "it says why it has none" "fill" grep -qs 'fork: Resource temporarily unavailable' "$BACKGROUND_OUT"
        expect "what it says of its service meanwhile" '' "$(grep Serving "$BACKGROUND_OUT" || true)" "announce in master_keep"
        setpriv --reuid "$user" --regid "$user" --clear-groups prlimit --pid "$BACKGROUND_PID" --nproc=50:
        expect_soon "it says so when it has a worker" "announce in master_keep" grep -qs '^Serving http' "$BACKGROUND_OUT"
        kill -TERM "$BACKGROUND_PID"
        expect_soon "it ends" "$BACKGROUND_OUT" is_gone "$BACKGROUND_PID"
    done
}

# --- privileges --------------------------------------------------------------------------------------

# identity_of PID: prints what the kernel knows of who it is and what it may.
identity_of() {
    sed -nE 's/^(Uid|Gid|Groups|CapPrm|CapEff):\s*/\1 /p' "/proc/$1/status" | tr '\t' ' ' | sed 's/ *$//' | paste -sd ,
}
# drops OPTIONS...
drops() {
    local nobody nogroup child client
    nobody=$(id -u nobody) nogroup=$(id -g nobody)
    serve_beyond -- "$@" -u nobody
    connect client
    half "$client"
    expect_soon "the client is being served" "accept" queue_is 0
    wait_until has_some_children
    for child in $(children_of "$SERVER_PID"); do
        expect "who the process is that talks to the client" \
            "Uid $nobody $nobody $nobody $nobody,Gid $nogroup $nogroup $nogroup $nogroup,Groups $nogroup,CapPrm 0000000000000000,CapEff 0000000000000000" \
            "$(identity_of "$child")" "become_user in beyond/supervisor.c"
    done
    expect_match "who the master is" '^Uid 0 0 0 0,' "$(identity_of "$SERVER_PID")" "become_user: the children alone"
    rest "$client"
    hear "$client"
    expect_match "the answer" 'Hello, World!' "$ANSWER" "$SERVER_ERR"
    kill -TERM "$SERVER_PID"
    expect_status 0
}
has_some_children() {
    (($(count_children "$SERVER_PID") > 0))
}
@test "10.12 who talks to clients is another user, in all ways, and the server is root" {
    ((EUID == 0)) || skip_unasked "only root can become another user"
    drops fork http
    drops prefork http -w 2
    drops multi http -w 2
}
@test "10.12 a process that is as that child is cannot touch what the server can" {
    ((EUID == 0)) || skip_unasked "only root can become another user"
    echo secret >"$LAB_DIR/secret"
    chmod 755 "$LAB_DIR"
    chmod 600 "$LAB_DIR/secret"
    serve_beyond -- prefork http -w 1 -u nobody
    expect_soon "there is a worker" "$SERVER_ERR" has_children "$SERVER_PID" 1
    worker=$(children_of "$SERVER_PID")
    read -r _ uid _ < <(grep ^Uid: "/proc/$worker/status")
    read -r _ gid _ < <(grep ^Gid: "/proc/$worker/status")
    as_server() { setpriv --reuid "$1" --regid "$2" --clear-groups "${@:3}"; }
    expect "what the server may do: read a file, and send a signal to itself" yes \
        "$(as_server 0 0 test -r "$LAB_DIR/secret" && as_server 0 0 kill -0 "$SERVER_PID" && echo yes || echo no)" "the test itself"
    expect "what the worker may read" nothing \
        "$(as_server "$uid" "$gid" cat "$LAB_DIR/secret" 2>/dev/null || echo nothing)" "become_user"
    expect "whom the worker may signal" nobody \
        "$(as_server "$uid" "$gid" kill -0 "$SERVER_PID" 2>/dev/null && echo "the server" || echo nobody)" "become_user"
}
@test "service: -u: a child that could become root again serves nobody" {
    ((EUID == 0)) || skip_unasked "only root can become another user"
    needs_tracing
    serve_beyond strace -D -f -qq -o "$LAB_DIR/strace" -e trace=setuid -e inject=setuid:retval=0 -- fork http -u nobody
    connect client
    ask "$client"
    listen_to "$client"
    expect "what the client hears" '' "$ANSWER" "become_user: is it checked that it came about?"
    expect_soon "it says why" "become_user" says 'privileges of root do not go away'
}
@test "service: -u: a user who is not known, and root, are refused" {
    ((EUID == 0)) || skip_unasked "only root can become another user"
    for user in nosuchuser root; do
        run timeout 10 "$BIN/beyond/serve" fork http -p 0 -u "$user"
        expect "the exit status with -u $user" 2 "$status" "check_user"
        expect_match "what it says" "^serve: user '$user' is " "$output" "check_user"
    done
}

# --- systemd -----------------------------------------------------------------------------------------

# notified LINES: has systemd, if it were there, been told this?
notified() {
    [ "$(sed 's/=[0-9]\{3,\}$/=N/' "$BACKGROUND_OUT" | paste -sd ' ')" = "$1" ]
}
seen_notified() {
    paste -sd ' ' "$BACKGROUND_OUT"
}
@test "service: systemd is told: READY, RELOADING and READY, STOPPING" {
    for options in "fork http" "prefork http -w 2" "multi http -w 2"; do
        background "$PYTHON" -u -c 'import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
while True: print(s.recv(4096).decode())' "$LAB_DIR/${options%% *}.notify"
        expect_soon "the socket is there" "$BACKGROUND_OUT" test -S "$LAB_DIR/${options%% *}.notify"
        # shellcheck disable=SC2086 # a word each
        serve_beyond env NOTIFY_SOCKET="$LAB_DIR/${options%% *}.notify" -- $options
        expect_soon "READY" "announce" notified 'READY=1'
        kill -HUP "$SERVER_PID"
        expect_soon "RELOADING" "tell_systemd" notified 'READY=1 RELOADING=1 MONOTONIC_USEC=N READY=1'
        kill -TERM "$SERVER_PID"
        expect_soon "STOPPING" "master_tell_all" notified 'READY=1 RELOADING=1 MONOTONIC_USEC=N READY=1 STOPPING=1'
        expect_status 0
    done
}

# activated OPTIONS...: systemd hands over its socket, with a client in its queue.
activated() {
    local inodes
    command -v systemd-socket-activate >/dev/null || skip_unasked "there is no systemd-socket-activate"
    PORT=$("$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    if [ -n "${SANITIZE-}" ]; then export ASAN_OPTIONS=detect_leaks=0; fi
    background systemd-socket-activate -E ASAN_OPTIONS -l "127.0.0.1:$PORT" "$BIN/beyond/serve" "$@"
    SERVER_PID=$BACKGROUND_PID SERVER_OUT=$BACKGROUND_OUT SERVER_ERR=$BACKGROUND_OUT MODEL=$1
    LAB_SHELL=$BASHPID
    expect_soon "it listens" "$SERVER_ERR" listens
    connect client
    ask "$client"
    hear "$client"
    expect_match "the answer to the client whose coming has started the server" 'Hello, World!' "$ANSWER" "find_listener"
    expect_soon "its first line" "announce" says "Serving http on port $PORT by $MODEL"
    inodes=$(for pid in "$SERVER_PID" $(children_of "$SERVER_PID"); do descriptor "$pid" 3; done | sort -u | wc -l)
    if [ "$MODEL" != fork ]; then expect "how many sockets all processes have as their descriptor 3" 1 "$inodes" "listen_beside"; fi
    for turn in 1 2 3 4 5 6; do greets; done
    if [ "$MODEL" != fork ]; then
        kill -HUP "$SERVER_PID"
        expect_soon "the workers are replaced" "renew" says 'workers are replaced'
        greets "renew"
    fi
    kill -TERM "$SERVER_PID"
    expect_status 0
}
listens() {
    ss -Hltn "sport = :$PORT" | grep -q LISTEN
}
@test "service: a socket that systemd hands over: fork" {
    activated fork http
}
@test "service: a socket that systemd hands over: prefork" {
    activated prefork http -w 2
}
@test "service: a socket that systemd hands over: multi, whose workers share it" {
    activated multi http -w 2
}

# hand_over OPTIONS...: starts a server with a listening socket that is not its own, and does not block; when it
# has ended, the next one is started.
hand_over() {
    if ! ldd "$SERVE" | grep -q libsystemd; then skip "this program was built without libsystemd"; fi
    # shellcheck disable=SC2016 # Python's
    serve_beyond "$PYTHON" -c 'import os, socket, sys, time
listener = socket.create_server(("127.0.0.1", 0))
listener.setblocking(False)
os.dup2(listener.fileno(), 10)
os.dup2(10, 3)
os.close(10)
os.set_inheritable(3, True)
server = os.getpid()
if os.fork() == 0:
    while os.getppid() == server: time.sleep(0.01)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.argv[1], sys.argv[1:])' -- "$@"
}

# waits_for_rest CLIENT PID: has the process read what the client has sent, and does it sleep?
waits_for_rest() {
    [ "$(ss -Htn state established "sport = :$PORT and dport = :$(port_of "$1")" | awk '{ print $1 }')" = 0 ] && in_state "$2" S
}
# naps PID: prints how often it has gone to sleep.
naps() {
    awk '/^voluntary_ctxt_switches/ { print $2 }' "/proc/$1/status"
}
has_napped_again() {
    (($(naps "$1") > $2))
}

# leaves_queue OPTIONS...: one client is being served, and one in the queue.
leaves_queue() {
    hand_over "$@"
    connect slow
    half "$slow"
    expect_soon "the client has been accepted" "accept" queue_is 0
    connect queued
    ask "$queued"
    expect_soon "the second client is in the queue" "the limit of $MODEL" queue_is 1
    read -r child _ <<<"$(children_of "$SERVER_PID")"
    expect_soon "the process of the slow client waits for the rest" "ps -o pid,stat" waits_for_rest "$slow" "$child"
    before=$(naps "$child")
    kill -TERM "$SERVER_PID"
    expect_soon "that process has been told, and waits again" "the signal from the master to its children" \
        has_napped_again "$child" "$before"
    rest "$slow"
    listen_to "$slow"
    expect_match "what the slow client hears" 'Connection: close.*Hello, World!' "$ANSWER" "is its process killed too early?"
    expect_status 0
    hear "$queued"
    expect_match "what the other one hears, of the next server" 'Hello, World!' "$ANSWER" "who has reset systemd's queue?"
    expect "whether that answer is the last, of a server that is to end" no "$([[ $ANSWER == *'Connection: close'* ]] && echo yes || echo no)" \
        "handed_over: the queue is not to be served"
}
@test "service: TERM leaves the queue of systemd's socket to the next server: fork" {
    leaves_queue fork http -m 1
}
@test "service: TERM leaves the queue of systemd's socket to the next server: prefork" {
    leaves_queue prefork http -w 1
}
@test "service: TERM leaves the queue of systemd's socket to the next server: multi" {
    leaves_queue multi http -w 1 -m 1
}

@test "service: a socket that is handed over and does not block keeps nobody busy" {
    for model in $(models inetd); do
        hand_over "$model" http
        greets "accept"
        expect_soon "$model sleeps" "find_listener: accept of a socket that does not block" all_sleep
    done
}
all_sleep() {
    local pid
    for pid in "$SERVER_PID" $(children_of "$SERVER_PID"); do
        if [ "$(state_of "$pid")" != S ]; then return 1; fi
    done
}

@test "service: what systemd hands over and cannot be read is an error: it does not listen elsewhere" {
    ldd "$SERVE" | grep -q libsystemd || skip_unasked "this program was built without libsystemd"
    # shellcheck disable=SC2016 # for the other shell
    run timeout 10 sh -c 'LISTEN_PID=$$ LISTEN_FDS=one exec "$0" epoll http -p 0' "$SERVE"
    expect "the status, and what it says" "1 serve: sd_listen_fds: Invalid argument" "$status $output" find_listener
}

@test "service: the unit files are as systemd wants them" {
    command -v systemd-analyze >/dev/null || skip_unasked "there is no systemd-analyze"
    mkdir "$LAB_DIR/units"
    for unit in beyond/serve@.service beyond/serve@.socket; do
        sed "s|/usr/local/bin/serve|$BIN/beyond/serve|" "$unit" >"$LAB_DIR/units/$(basename "$unit" | sed 's/@/@prefork/')"
    done
    run systemd-analyze verify --man=no "$LAB_DIR"/units/*
    expect "what systemd-analyze verify says" '0:' "$status:$output" "beyond/serve@.service"
}

# --- the log and the rest ----------------------------------------------------------------------------

LOG_LINE='^127\.0\.0\.1 - - \[[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}(:[0-9]{2}){3} \+0000\] "([^"\\]|\\["\\nrt]|\\x[0-9a-f]{2})*" ([0-9]{3}|-) [0-9]+$'

# logs OPTIONS...
logs() {
    serve_beyond -- "$@" -l
    connect client
    printf 'GET /\033]0;x\007"\\\377\tz HTTP/1.1\r\n\r\n' | cat >&"$client"
    listen_to "$client"
    greets
    expect_soon "there are two lines" "log_request" has_lines 3 "$SERVER_OUT"
    expect "the requests, statuses and sizes in the log" \
        '"GET /\x1b]0;x\x07\"\\\xff\tz HTTP/1.1" 400 12|"GET /hello HTTP/1.1" 200 14' \
        "$(sed -E '1d; s/^[^"]*//' "$SERVER_OUT" | paste -sd '|')" "escape"
    expect "the lines that are not in the common log format" '' "$(sed 1d "$SERVER_OUT" | grep -vE "$LOG_LINE" || true)" "log_request"
}
has_lines() {
    (($(wc -l <"$2") >= $1))
}
@test "service: -l: the common log format; a stranger's bytes drive no terminal and end no quotation" {
    logs fork http
    logs prefork http -w 2
    logs multi http -w 2
}

# unmixed OPTIONS...: four clients ask at once, 100 times each, for the longest line of all.
unmixed() {
    serve_beyond -- "$@" -l
    timeout 60 "$PYTHON" -c 'import socket, sys, threading
def client(letter):
    for turn in range(100):
        s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
        s.sendall(b"GET /" + letter + b"\x1b" * 2000 + b" HTTP/1.1\r\n\r\n")
        while s.recv(4096): pass
clients = [threading.Thread(target=client, args=(bytes([65 + i]),)) for i in range(4)]
for one in clients: one.start()
for one in clients: one.join()' "$PORT"
    expect_soon "400 lines" "$SERVER_OUT" has_lines 401 "$SERVER_OUT"
    expect "how many lines are not whole" 0 "$(sed 1d "$SERVER_OUT" | grep -cvE "$LOG_LINE" || true)" \
        "log_request: is a line one write?"
    expect "how many lines are of each client" "100 A,100 B,100 C,100 D" \
        "$(sed -nE 's/.*"GET \/([A-D])\\x1b.*/\1/p' "$SERVER_OUT" | sort | uniq -c | sed 's/^ *//' | paste -sd ,)" "log_request"
}
@test "service: -l: the lines of several processes do not mix" {
    unmixed fork http
    unmixed prefork http -w 4
    unmixed multi http -w 4
}
@test "service: -l: a line is one write of at most 4,096 bytes, which a pipe takes whole" {
    needs_tracing
    serve_beyond strace -D -f -qq -o "$LAB_DIR/strace" -e trace=write -e signal=none -- fork http -l
    connect client
    { printf 'GET /' && head -c 3000 /dev/zero | tr '\0' '\033' && printf ' HTTP/1.1\r\n\r\n'; } | cat >&"$client"
    listen_to "$client"
    expect_soon "the child is gone" "$SERVER_ERR" has_children "$SERVER_PID" 0
    expect "how many writes of the child there are" 1 "$(grep -c 'write(1, "127' "$LAB_DIR/strace")" "log_request"
    size=$(sed -nE 's/.*write\(1, "127.* = ([0-9]+)$/\1/p' "$LAB_DIR/strace")
    expect "the size of the line, $size, is above 3,000 and at most PIPE_BUF" yes \
        "$( ((size > 3000 && size <= 4096)) && echo yes || echo no)" "LOGGED_MOST"
}

# leaves_nothing DESCRIPTORS CHILDREN OPTIONS...
leaves_nothing() {
    local descriptors=$1 children=$2 child
    shift 2
    serve_beyond -- "$@"
    background "$PYTHON" "$ROOT/tests/beyond/load.py" "$PORT" "$LAB_DIR/$MODEL.stop"
    expect_soon "the crowd is being served" "$BACKGROUND_OUT" has_worked_for 10
    if [ "$MODEL" != fork ]; then kill -HUP "$SERVER_PID"; fi
    : >"$LAB_DIR/$MODEL.stop"
    expect_soon "the crowd has gone" "$BACKGROUND_OUT" is_gone "$BACKGROUND_PID"
    expect_soon "the children are $children" "reap" has_children "$SERVER_PID" "$children"
    expect_soon "no zombie is left" "reap" has_zombies "$SERVER_PID" 0
    expect_soon "the master's descriptors are $descriptors" "who closes the connection?" has_descriptors "$SERVER_PID" "$descriptors"
    for child in $(children_of "$SERVER_PID"); do
        # 3, or 3 and another one: the listening socket, and multi's loop
        expect_match "the descriptors of a worker" "$([ "$MODEL" = multi ] && echo '^0 1 2 [3-5] [3-5]$' || echo '^0 1 2 3$')" \
            "$(descriptors_of "$child")" "close_listeners"
    done
}
@test "service: after a crowd: no zombie, no descriptor left open" {
    leaves_nothing "0 1 2 3" 0 fork http
    leaves_nothing "0 1 2 3" 2 prefork http -w 2
    leaves_nothing "0 1 2 3 4" 2 multi http -w 2
}

@test "service: multi shares its port with no second server" {
    serve_beyond -- multi http -w 2
    for model in multi fork; do
        run timeout 10 "$BIN/beyond/serve" "$model" http -p "$PORT"
        expect "the exit status of a second server" 1 "$status" "listen_here"
        expect_match "what it says" "^serve: port $PORT is taken" "$output" "listen_here"
    done
}
