#!/usr/bin/env bats
#
# Step 4, leak: the parent keeps its copy of each connection, so none of them ends.

# shellcheck disable=SC2034,SC2154 # connect sets the clients, setup.bash uses the rest
ARTICLE_SLEEP=0
load setup

# be_served: a client connects, asks, and hears an answer; its child ends, and the client stays. Sets
# client, port and ANSWER.
be_served() {
    connect client
    port=$(port_of "$client")
    ask "$client"
    hear "$client"
    expect_soon "no child lives any more, and the server waits in accept" "_exit in the child" is_settled
}
is_settled() {
    [ "$(count_children "$SERVER_PID")" -eq "$(count_zombies "$SERVER_PID")" ] &&
        is_in accept "$SERVER_PID"
}

@test "4.1 the client gets the whole answer" {
    serve
    be_served
    expect "the bytes of the answer" "$GREETING" "${ANSWER//$'\r'/}" "send_all in the child"
}

@test "4.2 the client gets no end of file, although the child is gone" {
    serve
    be_served
    listen_to "$client" 0.1
    expect "what follows the answer" 'nothing, then time-out' "${ANSWER:-nothing}, then $ENDING" \
        "this stage is to keep the connection: who closes the server's copy, or calls shutdown? make diff-3-4"
}

@test "4.2 curl prints the text and hangs: with --max-time it exits 28" {
    serve
    for seconds in 0.3 3 "$LAB_DEADLINE"; do # one with which the answer comes in time
        run curl --silent --max-time "$seconds" "http://localhost:$PORT/hello"
        expect "curl's exit status" 28 "$status" \
            "28 is a time-out. 0: curl did not wait for the end of file, as an answer with a length lets it (curl -si), or it came (make diff-3-4)"
        if [ -n "$output" ]; then break; fi
    done
    expect "what curl prints" 'Hello, World!' "$output" "curl --verbose http://localhost:$PORT/hello"
}

@test "4.3 no FIN is sent when the child ends: both ends are ESTABLISHED" {
    serve
    be_served
    expect "the server's end" ESTABLISHED "$(tcp_state "$PORT" "$port")" "who else holds the connection"
    expect "the client's end" ESTABLISHED "$(tcp_state "$port" "$PORT")" "ss -tn"
}

@test "4.3 nor is one when the client closes: the server's end stays in CLOSE-WAIT" {
    serve
    be_served
    hang_up "$client"
    expect_soon "the server's end knows of the client's close" "who else holds the connection" \
        is_tcp "$PORT" "$port" CLOSE-WAIT
    expect_soon "the client's end has no answer to it" "ss -tn" is_tcp "$port" "$PORT" FIN-WAIT-2
}

# has_printed LINES NUMBER: is the number a word of the output that follows so many lines?
has_printed() {
    tail -n "+$(($1 + 1))" "$SERVER_OUT" | grep -qw "$2"
}
is_back_with() {
    has_children "$SERVER_PID" "$1" && is_in accept "$SERVER_PID"
}

@test "4.4 the server's descriptors grow by one per connection, and it prints how many there were" {
    serve
    own=$(count_words "$(descriptors_of "$SERVER_PID")")
    for number in 1 2 3; do
        so_far=$(wc -l <"$SERVER_OUT")
        connect client # and stay silent, so that the output has no number of a request
        expect_soon "the server is back in accept, with $number children" "serve_forever" \
            is_back_with "$number"
        expect "how many descriptors it has" $((own + number)) "$(count_words "$(descriptors_of "$SERVER_PID")")" \
            "this stage keeps each connection: who closes one? make diff-3-4"
        expect_soon "connection $number adds the number $number to the output" \
            "printf in serve_forever: it counts aloud, as the article's does" \
            has_printed "$so_far" "$number"
    done
}

@test "4.4 valgrind finds the leak: it names the accept that gave out each descriptor" {
    only_ours "it looks for the name of a function of ours"
    command -v valgrind >/dev/null || skip_for valgrind
    if [ -n "${SANITIZE-}" ]; then skip_unasked "the sanitizers and valgrind do not go together"; fi
    LAB_DEADLINE=60
    start_server valgrind --quiet --vgdb=no --track-fds=yes "--log-file=$LAB_DIR/valgrind" \
        "$BIN/$STEP/server" -p 0
    for number in 1 2 3; do be_served; done
    stop_server || true
    expect "leaked sockets with serve_forever's accept in their history" 3 \
        "$(grep "^==$SERVER_PID== *by .* serve_forever (server.c:" -c "$LAB_DIR/valgrind")" \
        "$(cat "$LAB_DIR/valgrind")"
}

@test "4.5 when the server is killed, every waiting client gets its end of file at once" {
    serve
    for number in 1 2 3; do
        be_served
        expect "what client $number has heard" "$GREETING" "${ANSWER//$'\r'/}" "send_all in the child"
        clients[number]=$client
    done
    expect "the clients' ends" 'ESTAB ESTAB ESTAB' \
        "$(ss -Htn "dport = :$PORT" | awk '{ print $1 }' | paste -sd ' ')" "who holds the connections"
    kill -KILL "$SERVER_PID"
    for number in 1 2 3; do
        listen_to "${clients[number]}"
        expect "what client $number hears then" 'nothing, then end of file' "${ANSWER:-nothing}, then $ENDING" \
            "the kernel closes what a dead process held"
    done
}

# Prints how many of N clients are answered: one after another they connect, ask, hear and stay.
count_answers() {
    trap '' PIPE #  the server may die on us
    local answers=0
    while ((answers < $1)) && connect client && echo 'GET /hello HTTP/1.1' >&"$client" &&
        hear "$client" && [[ $ANSWER == *Hello* ]]; do
        answers=$((answers + 1))
    done 2>/dev/null
    echo "$answers"
}

# die_of_descriptors LIMIT CLIENTS: so many clients to a server with that limit.
die_of_descriptors() {
    not_under_valgrind "it needs descriptors of its own"
    serve prlimit --nofile="$1"
    own=$(count_words "$(descriptors_of "$SERVER_PID")")
    expect "how many clients were answered: $1 minus the server's own $own" $(($1 - own)) \
        "$(count_answers "$2")" "which close is missing"
    server_status
    expect "the server's exit status" 1 "$SERVER_STATUS" \
        "what it does when accept fails: to try again for ever serves nobody. strace -c -e trace=accept"
    expect_match "what it says" '[Tt]oo many open files' "$(cat "$SERVER_ERR")" "accept(2), EMFILE"
    if [ -z "${SERVER-}" ]; then
        expect "what our server says" 'accept: Too many open files' "$(cat "$SERVER_ERR")" "perror in die"
    fi
}

@test "4.6 with 256 descriptors and 300 clients it dies: Too many open files, status 1, after 252" {
    die_of_descriptors 256 300
}

@test "4.6 with 16 descriptors it dies after 12 clients" {
    die_of_descriptors 16 20
}

@test "4.7 the descriptors handed out are 4, 5, 6, with no gap, although the clients leave" {
    serve
    descriptors='0 1 2 3'
    for number in 1 2 3; do
        be_served
        hang_up "$client"
        descriptors+=" $((number + 3))"
        expect "the server's descriptors" "$descriptors" "$(descriptors_of "$SERVER_PID")" "accept(2)"
        expect_match "descriptor $((number + 3))" '^socket:' "$(descriptor "$SERVER_PID" $((number + 3)))" accept
    done
}

@test "4.8 the leak and the zombies are two flaws, and both are here" {
    serve
    for number in 1 2 3; do
        be_served
        hang_up "$client"
    done
    expect "its zombies" 3 "$(count_zombies "$SERVER_PID")" "$WHO_REAPS"
    expect "its descriptors" '0 1 2 3 4 5 6' "$(descriptors_of "$SERVER_PID")" "does the parent close a connection?"
}
