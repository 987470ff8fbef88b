#!/usr/bin/env bats
#
# What the article's siblings claim, number by number: tests/CLAIMS.md, section 10.

# shellcheck disable=SC2030,SC2031 # each test is a subshell, and sets its own
load setup

# talks_well ARGUMENT...: talk hears what it ought to.
talks_well() {
    run "$TALK" "$@" -p "$PORT"
    expect "$MODEL: the exit status of talk $*" 0 "$status" "$output"
}

# hear_text DESCRIPTOR TEXT: hears exactly this, and nothing but.
hear_text() {
    local heard
    IFS= read -r -t "$LAB_DEADLINE" -N "${#2}" -u "$1" heard || true
    expect "$MODEL: what a client hears" "$2" "$heard" "the protocol, the model"
}

# say DESCRIPTOR TEXT
say() {
    printf %s "$2" >&"$1"
}

@test "10.1 a forking echo server: ten messages come back, Bye ends the conversation, several clients at once" {
    needs_model fork
    serve_by fork echo
    for name in first second third; do connect "$name"; done
    for word in one two three; do # all three are in the midst of a conversation
        for client in "$third" "$first" "$second"; do
            say "$client" "$word of $client"
            hear_text "$client" "$word of $client"
        done
    done
    expect "how many children serve three clients" 3 "$(count_children "$SERVER_PID")" "fork in fork.c"
    talks_well echo
    expect "how many messages came back" 10 "$(grep -c '^came back: ' <<<"$output")" "$output"
    talks_well echo -n 20
    for client in "$first" "$second" "$third"; do
        say "$client" Bye
        listen_to "$client"
        expect "what each of the three hears after Bye" ', end of file' "$ANSWER, $ENDING" "echo.c"
    done
}

# end_together N: so many clients of a forking server end while it is stopped: of N signals one is left.
end_together() {
    local i clients=()
    for ((i = 0; i < $1; i++)); do
        connect "clients[i]"
        say "${clients[i]}" hello
        hear_text "${clients[i]}" hello
    done
    expect "the children that serve $1 clients" "$1" "$(count_children "$SERVER_PID")" "fork in fork.c"
    kill -STOP "$SERVER_PID"
    expect_soon "the server is stopped" "ps -o pid,stat" in_state "$SERVER_PID" T
    for client in "${clients[@]}"; do
        say "$client" Bye
        listen_to "$client"
        expect "how the server's child leaves" 'end of file' "$ENDING" "converse in conversation.c"
    done
    expect_soon "$1 children are dead, and nobody has waited for them" "$WHO_REAPS" has_zombies "$SERVER_PID" "$1"
    kill -CONT "$SERVER_PID"
}

REAPING='for \(pid_t pid; \(pid = waitpid\(-1, &status, WNOHANG\)\) > 0;\)'

@test "10.2 without a handler each ended conversation leaves a zombie" {
    needs_model fork
    edited "s/$REAPING/status = 0; for (pid_t pid = 0; pid > 0;)/" supervisor.c
    serve_by fork echo
    end_together 5
    talks_well echo
    expect_soon "a zombie for each of six ended conversations" "waitpid in supervisor.c" has_zombies "$SERVER_PID" 6
}

@test "10.2 a handler with a single waitpid leaves some when several end together: the author says none" {
    needs_model fork
    edited "s/$REAPING/for (pid_t pid = waitpid(-1, \&status, WNOHANG); pid > 0; pid = 0)/" supervisor.c
    serve_by fork echo
    end_together 5
    expect_soon "one of the five is reaped" "waitpid in supervisor.c" has_reaped_one
    expect_soon "the server waits again" "ps -o pid,stat,wchan" in_state "$SERVER_PID" S
    expect_match "the zombies that are left of five" '^[1-4]$' "$(count_zombies "$SERVER_PID")" "one signal, one waitpid"
}
has_reaped_one() {
    (($(count_zombies "$SERVER_PID") < 5))
}

@test "10.2 a handler with a loop leaves none" {
    needs_model fork
    serve_by fork echo
    end_together 5
    expect_soon "no child, dead or alive" "$WHO_REAPS" has_children "$SERVER_PID" 0
}

@test "10.3 a serving process is killed: its client gets the end, the server and the others go on" {
    needs_model fork
    serve_by fork echo
    connect first
    say "$first" hello
    hear_text "$first" hello
    serving=$(children_of "$SERVER_PID")
    connect second
    say "$second" hello
    hear_text "$second" hello
    kill -KILL "$serving"
    listen_to "$first" # its end of file, or a reset: read tells them not apart
    expect "what the client of the killed process hears" ', end of file' "$ANSWER, $ENDING" "the kernel closes what a process held"
    say "$second" again
    hear_text "$second" again
    talks_well echo
    expect_soon "one child is left, the second client's, and no zombie" "$WHO_REAPS" only_one_lives
}
only_one_lives() {
    has_children "$SERVER_PID" 1 && has_zombies "$SERVER_PID" 0
}

@test "10.4 with a pause for each request and 10 connections, single answers them one by one, fork ten at a time" {
    needs ab
    needs_model fork
    # a tenth of the siblings' pause: 2 s are 20 pauses, for one client or for each of ten
    declare -A answered
    for model in single fork; do
        serve_by "$model" http -s 0.1
        run ab -q -t 2 -c 10 "http://127.0.0.1:$PORT/"
        expect "ab's exit status for $model" 0 "$status" "$output"
        answered[$model]=$(awk '/^Complete requests:/ { print $3 }' <<<"$output")
    done
    expect "single: 21 answers or fewer (${answered[single]}), and some" yes \
        "$( ((answered[single] <= 21 && answered[single] > 0)) && echo yes || echo no)" "-s is waited before each answer"
    expect "fork: three times as many as single, or more (${answered[fork]}, and ${answered[single]})" yes \
        "$( ((answered[fork] >= 3 * answered[single])) && echo yes || echo no)" "does each child wait for itself?"
    expect "fork: 220 answers or fewer (${answered[fork]})" yes \
        "$( ((answered[fork] <= 220)) && echo yes || echo no)" "-s is waited before each answer"
}

# Prints the connections to the server's port that process $1 holds, as ss shows them: states.
held_by() {
    ss -Htnp "sport = :$PORT" | grep -E "pid=$1[,)]" | awk '{ print $1 }' | xargs
}

@test "10.5 without the parent's close, ss still shows the connection of the last request in the parent" {
    needs ss
    needs_model fork
    for close in with without; do
        if [ "$close" = without ]; then
            edited "s/if \(close\(connection\) == -1\).*the parent's copy.*/(void)0;/" models/fork.c
        fi
        serve_by fork http
        connect client
        say "$client" $'GET / HTTP/1.0\r\n\r\n'
        expect_soon "the child has ended" "converse" has_living "$SERVER_PID" 0
        if [ "$close" = with ]; then
            listen_to "$client"
            expect "with its close: how the client is left" 'end of file' "$ENDING" "fork.c"
            expect "with its close: what the parent holds" '' "$(held_by "$SERVER_PID")" "ss -tnp"
        else
            listen_to "$client" 0.2
            expect "without: how the client is left" time-out "$ENDING" "who holds the connection?"
            expect "without: what the parent holds" ESTAB "$(held_by "$SERVER_PID")" "ss -tnp"
            hang_up "$client"
            expect_soon "without: the parent holds it after the client has left, too" "ss -tnp" holds_half "$SERVER_PID"
        fi
    done
}
has_living() {
    (($(count_children "$1") - $(count_zombies "$1") == $2))
}
holds_half() {
    [ "$(held_by "$1")" = CLOSE-WAIT ]
}

@test "10.6 a question ends with ?, an answer with .: also an unknown one, and half a one hurts nobody" {
    needs_models inetd
    for model in "${MODELS[@]}"; do
        serve_by "$model" zen
        connect client
        say "$client" 'Simple is better'
        say "$client" ' than?'
        hear_text "$client" 'complex.'
        say "$client" 'Late is better than?'
        hear_text "$client" 'Error: unknown aphorism.'
        say "$client" 'Explicit is better than?'
        hear_text "$client" 'implicit.'
        if [ "$model" = single ]; then hang_up "$client"; fi # nobody else is served before
        talks_well zen --cause-error
        expect_soon "$model reports half a question" "complain_of in words.c" \
            grep -q 'half a question, and then the end: "Beautiful is"' "$SERVER_ERR"
        if [ "$model" != single ]; then
            say "$client" 'Beautiful is better than?'
            hear_text "$client" 'ugly.'
            hang_up "$client"
        fi
        talks_well zen
    done
}

@test "10.7 one protocol under every model: a hundred clients each" {
    left_out=()
    for model in $(all_models); do
        if ! is_built "$model"; then left_out+=("$model"); fi
    done
    for model in $(models inetd); do
        serve_by "$model" zen
        talks_well zen -n 100
    done
    if [[ " $(models | xargs) " == *" inetd "* ]]; then
        needs tcpserver
        background tcpserver -1 -H -R -l 0 -c 200 127.0.0.1 0 "$SERVE" inetd zen
        expect_soon "tcpserver says its port" "$BACKGROUND_OUT" grep -q '^[0-9]' "$BACKGROUND_OUT"
        read -r PORT <"$BACKGROUND_OUT"
        MODEL=inetd
        talks_well zen -n 100
    fi
    if ((${#left_out[@]} > 0)); then skip "all well but for those left out of this program: ${left_out[*]}"; fi
}

# starved_by N: N clients that hold their connections keep another one waiting, and N - 1 do not.
starved_by() {
    local i held=()
    for ((i = 0; i < $1; i++)); do
        talks_well echo
        connect "held[i]"
        say "${held[i]}" hello # which comes back: this client has its worker
        hear_text "${held[i]}" hello
    done
    connect other
    say "$other" 'I wait'
    listen_to "$other" 0.2
    expect "$MODEL, $1 clients held: what another one hears" ', time-out' "$ANSWER, $ENDING" "how many workers are there?"
    hang_up "${held[0]}"
    hear_text "$other" 'I wait'
    for client in "${held[@]}" "$other"; do hang_up "$client"; done
}

@test "10.8 one client that holds its connection starves single" {
    needs_model single
    serve_by single echo
    starved_by 1
}

@test "10.8 three that hold theirs starve three threads" {
    needs_model threads
    serve_by threads echo -w 3
    starved_by 3
}

@test "10.8 three that hold theirs starve three processes forked in advance" {
    needs_model prefork
    serve_by prefork echo -w 3
    starved_by 3
}

@test "10.8 fifty starve none of the others" {
    needs_models single threads prefork inetd
    for model in "${MODELS[@]}"; do
        serve_by "$model" echo
        held=()
        for ((i = 0; i < 50; i++)); do
            connect "held[i]"
            say "${held[i]}" hello
        done
        for client in "${held[@]}"; do hear_text "$client" hello; done
        talks_well echo
        for client in "${held[@]}"; do hang_up "$client"; done
    done
}

@test "10.10 ab -n 1000 -c 100 against a page of 1,320 bytes: no failed request" {
    needs ab
    needs_models inetd
    for model in "${MODELS[@]}"; do
        serve_by "$model" http -n 1320
        for keep in '' -k; do
            # single and those with workers answer who keeps the connection before all others: fewer at a time, then
            at_once=100
            if [ -n "$keep" ]; then at_once=$(kept_at_once "$model" 100); fi
            # shellcheck disable=SC2086 # nothing, or a word
            run ab -q $keep -n 1000 -c "$at_once" "http://127.0.0.1:$PORT/"
            expect "$model: ab's exit status" 0 "$status" "$output"
            expect "$model: what ab $keep counts" "Document Length: 1320 bytes Complete requests: 1000 Failed requests: 0" \
                "$(grep -E '^(Document Length|Complete requests|Failed requests):' <<<"$output" | tr -s ' ' | xargs)" "$output"
            expect "$model: other answers than 200" '' "$(grep Non-2xx <<<"$output")" "$output"
        done
    done
}

@test "10.10 the server without reaping dies of EAGAIN under ab -n 10000, with a limit of processes" {
    needs ab
    user=$((2000000 + BASHPID))
    cp "$BIN/step5_zombie/server" "$LAB_DIR/server"
    chmod 755 "$LAB_DIR" "$LAB_DIR/server"
    if ((EUID == 0)); then
        limited=(setpriv --reuid "$user" --regid "$user" --clear-groups --no-new-privs prlimit --nproc=100)
    else
        limited=(unshare -U prlimit --nproc=100)
    fi
    "${limited[@]}" test -x "$LAB_DIR/server" || skip_for limiting
    start_server "${limited[@]}" "$LAB_DIR/server" -p 0 -s 0
    run ab -q -r -n 10000 -c 10 "http://127.0.0.1:$PORT/"
    server_status
    expect "the server's exit status" 1 "$SERVER_STATUS" "what it does when fork returns -1: fork(2)"
    expect "its last words" 'fork: Resource temporarily unavailable' "$(cat "$SERVER_ERR")" "EAGAIN in fork(2)"
}

@test "10.11 prefork has its workers before the first client, and keeps them; fork has none" {
    needs_model prefork
    serve_by prefork echo -w 3
    workers=$(children_of "$SERVER_PID")
    expect "the workers of prefork -w 3 before the first client" 3 "$(count_words "$workers")" "prefork.c"
    talks_well echo
    talks_well echo -n 10
    expect "the workers after eleven clients" "$workers" "$(children_of "$SERVER_PID")" "is there a fork for a client?"
    needs_model fork
    serve_by fork echo
    expect "the children of fork before the first client" 0 "$(count_children "$SERVER_PID")" "fork.c"
    connect client
    say "$client" hello
    hear_text "$client" hello
    expect "the children of fork while it serves one client" 1 "$(count_children "$SERVER_PID")" "fork.c"
}
