#!/usr/bin/env bats
#
# Clients without manners, for every server: what each is declared to do, and that it does just this.
#
#   all, while it lasts    each connection gets what a single recv gives it, no more; step 1 and 2 are
#                          busy with one at a time, the others serve everybody else meanwhile
#   steps 1, 2 and 7       afterwards as at the start: descriptors 0 to 3, no child
#   steps 3 and 5          a zombie for each connection
#   step 4                 that, and a descriptor for each connection
#   step 6, eintr          dies of the first child that ends: "accept: Interrupted system call", status 1
#   step 6                 zombies, as many as signals were lost
#
# HOSTILE_SECONDS and HOSTILE_CROWD, which make hostile sets, make it longer and bigger.

ARTICLE_SLEEP=0
load setup

CROWD=${HOSTILE_CROWD:-300} # connections that send nothing
PROGRAMS=(step1_iterative step2_sleep step3_fork step4_leak step5_zombie step6_sigchld step7_waitpid)

# begin STEP [-x PROGRAM]: starts that stage's server, which may have as many descriptors as it can get.
begin() {
    only_ours "here all stages are compared"
    STEP=$1
    shift
    serve "$@" prlimit --nofile="$(ulimit -Hn)"
}

# Prints how many connections the server has accepted: it counts them.
accepted() {
    awk '/^Connection [0-9]+ is descriptor / { count = $2 } END { print count + 0 }' "$SERVER_OUT"
}

# is_settled: does the server wait for a client, with none in the queue, and does none of its children
# live?
is_settled() {
    is_in accept "$SERVER_PID" && [ "$(queue_of "$PORT")" -eq 0 ] || return 1
    read_zombies "$SERVER_PID"
    ((${#ZOMBIES[@]} == ${#CHILDREN[@]}))
}

# expect_as_declared AFTER: a new client is answered, and what remains of all is what was declared.
expect_as_declared() {
    local client connections zombies descriptors
    connect client
    ask "$client"
    hear "$client"
    expect "a new client's answer after $1, from $STEP" "$GREETING" "${ANSWER//$'\r'/}" "$SERVER_ERR"
    hang_up "$client"
    expect_soon "$STEP waits for a client again, and no child lives, after $1" "ps, and $SERVER_ERR" is_settled
    connections=$(accepted)
    read_zombies "$SERVER_PID"
    zombies=${#ZOMBIES[@]}
    read_descriptors "$SERVER_PID"
    descriptors=${#DESCRIPTORS[@]}
    case $STEP in
    step[345]*) expect "zombies of $STEP after $1: as many as connections" "$connections" "$zombies" "who calls wait?" ;;
    step6*) expect "zombies of $STEP after $1: fewer than connections ($connections)" yes \
        "$( ((zombies < connections)) && echo yes || echo "no, $zombies")" grim_reaper ;;
    # (one that has just ended is a zombie until the server has run its handler)
    *) expect_soon "$STEP has no child after $1" "ps -o pid,ppid,stat; grim_reaper" has_children "$SERVER_PID" 0 ;;
    esac
    if [[ $STEP == step4* ]]; then connections=$((connections + 4)); else connections=4; fi
    expect "descriptors of $STEP after $1" "$connections" "$descriptors" "ls -l /proc/$SERVER_PID/fd"
}

# end_background: ends what background has started.
end_background() {
    kill -KILL "$BACKGROUND_PID"
    wait "$BACKGROUND_PID" 2>/dev/null || true
}

# rude MANNER [COUNT [SEED]]: such a client, or so many, one after another.
rude() {
    expect "rude $* could misbehave at $STEP" 0 "$(timeout 60 "$RUDE" "$1" "$PORT" "${@:2}" >&2 && echo 0 || echo $?)" \
        "above, and $SERVER_ERR"
}

# manners: sets MANNERS to all that rude knows, but for those that take part in no conversation.
manners() {
    read -ra MANNERS < <("$RUDE" 2>&1 | sed -n 's/.*: any silent flood //p')
    expect "the manners of rude: 13 or more" yes "$( ((${#MANNERS[@]} >= 13)) && echo yes || echo "${#MANNERS[@]}")" "$RUDE"
}

@test "hostile: each manner of its own" {
    manners
    for program in "${PROGRAMS[@]}"; do
        begin "$program"
        for manner in "${MANNERS[@]}"; do
            rude "$manner"
            expect_as_declared "$manner"
        done
        stop_server || true
    done
}

@test "hostile: what a client sends drives no terminal" {
    for program in "${PROGRAMS[@]}"; do
        begin "$program"
        rude rubbish
        rude megabyte
        expect_soon "the rubbish in the output of $STEP" "printf in handle_request" grep -q owned "$SERVER_OUT"
        expect_as_declared "rubbish"
        expect "bytes that are neither printable ASCII nor a newline, from $STEP" 0 \
            "$(LC_ALL=C tr -d ' -~\n' <"$SERVER_OUT" | wc -c)" "cat -v $SERVER_OUT"
        stop_server || true
    done
}

@test "hostile: $CROWD connections that send nothing" {
    not_under_valgrind "hundreds of children are too much for it"
    for program in "${PROGRAMS[@]}"; do
        begin "$program"
        case $STEP in
        step[12]*) # one is accepted, and keeps the server busy; the queue has room for a few
            background "$RUDE" flood "$PORT" "$CROWD"
            expect_soon "$STEP is busy with the first silent client" handle_request is_in recv "$SERVER_PID"
            ;;
        *)
            background "$RUDE" silent "$PORT" "$CROWD"
            expect_soon "each of $CROWD silent clients has a child, which waits" "$SERVER_ERR and $BACKGROUND_OUT" \
                all_in recv "$SERVER_PID" "$CROWD"
            connect client
            ask "$client"
            hear "$client"
            expect "a new client's answer meanwhile" "$GREETING" "${ANSWER//$'\r'/}" "$SERVER_ERR"
            hang_up "$client"
            ;;
        esac
        expect_soon "all are on their way" "$BACKGROUND_OUT" grep -q "of $CROWD are connected" "$BACKGROUND_OUT"
        end_background
        expect_as_declared "$CROWD silent clients"
        stop_server || true
    done
}

@test "hostile: a flood beyond the queue" {
    not_under_valgrind "hundreds of children are too much for it"
    for program in "${PROGRAMS[@]}"; do
        begin "$program"
        expect_soon "$STEP waits in accept" serve_forever is_in accept "$SERVER_PID"
        kill -STOP "$SERVER_PID"
        expect_soon "$STEP is stopped" "ps -o pid,stat" in_state "$SERVER_PID" T
        background "$RUDE" flood "$PORT" 1500
        expect_soon "1,500 clients have asked to be let in" "$BACKGROUND_OUT" grep -q 'of 1500 are' "$BACKGROUND_OUT"
        waiting=$(queue_of "$PORT")
        size=$(sed -n 's/.*REQUEST_QUEUE_SIZE = \([0-9]*\).*/\1/p' "$STEP/server.c")
        most=$(</proc/sys/net/core/somaxconn)
        expect "clients in the queue of $STEP: its size and one more (of 1,500)" $(((size < most ? size : most) + 1)) "$waiting" \
            "listen, /proc/sys/net/core/somaxconn"
        end_background
        kill -CONT "$SERVER_PID"
        expect_as_declared "a flood"
        expect "connections of $STEP: those in the queue, and the new client" yes \
            "$( (($(accepted) > waiting)) && echo yes || echo "no: $(accepted), of $waiting")" serve_forever
        stop_server || true
    done
}

# swarm STEP: 8 clients at once, each with manners chosen anew each time, for HOSTILE_SECONDS; where
# each connection leaves something behind, for so many turns at the most. (Where the queue is short, many of them
# are let in only when they ask again, a second later.)
swarm() {
    local turns=60 i clients=() status
    case ${HOSTILE_SECONDS:+long} in
    long) case $1 in step[127]*) turns=1000000 ;; *) turns=500 ;; esac ;;
    *) case $1 in step[1-5]*) turns=10 ;; esac ;;
    esac
    for i in 1 2 3 4 5 6 7 8; do
        timeout "${HOSTILE_SECONDS:-60}" "$RUDE" any "$PORT" "$turns" "$i" 2>"$LAB_DIR/rude.$i" &
        clients+=("$!")
    done
    for i in "${clients[@]}"; do
        status=0
        wait "$i" || status=$?
        if ((status == 124)) && [ -n "${HOSTILE_SECONDS-}" ]; then status=0; fi # its time was up
        expect "the status of a rude client of $1" 0 "$status" "$(cat "$LAB_DIR"/rude.*) $(tail -n 3 "$SERVER_ERR")"
    done
}

@test "hostile: all manners at once, from 8 clients" {
    not_under_valgrind "hundreds of children are too much for it"
    for program in "${PROGRAMS[@]}"; do
        begin "$program"
        swarm "$program"
        expect_as_declared "8 rude clients at once"
        stop_server || true
    done
}

@test "hostile: eintr dies of the first child that ends, whatever ended it, with its reason" {
    manners
    for manner in "${MANNERS[@]}"; do
        begin step6_sigchld -x eintr
        # a child that ends before the server is back in accept interrupts nothing: the client waits until it is
        rm -f "$LAB_DIR/go"
        mkfifo "$LAB_DIR/go"
        background env RUDE_GO="$LAB_DIR/go" "$RUDE" "$manner" "$PORT"
        expect_soon "the client has a child, which waits for its request" handle_request all_in recv "$SERVER_PID" 1
        expect_soon "eintr waits in accept" serve_forever is_in accept "$SERVER_PID"
        : >"$LAB_DIR/go"
        server_status
        status=0
        wait "$BACKGROUND_PID" || status=$?
        expect "rude $manner could misbehave at eintr" 0 "$status" "$(tail -n 3 "$BACKGROUND_OUT")"
        expect "the status of eintr after $manner" 1 "$SERVER_STATUS" "accept(2), EINTR"
        expect_match "what it says" '^(.*'$'\n'')?accept: Interrupted system call$' "$(cat "$SERVER_ERR")" "accept(2), EINTR"
    done
}
