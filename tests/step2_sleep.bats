#!/usr/bin/env bats
#
# Step 2, sleep: while the server sleeps for one client, every other one waits.
#
# A sleep that a test waits for is short, and only its lower bound is asserted; one that it looks at
# is the article's 60 seconds, and the server is killed in it.

# shellcheck disable=SC2034,SC2154 # connect sets the clients, setup.bash uses the rest
ARTICLE_SLEEP=60
load setup

# put_to_sleep: serves one client, so that the server sleeps for it.
put_to_sleep() {
    connect first
    ask "$first"
    expect_soon "the server has served the first client and sleeps" \
        "nanosleep in handle_request, in the server itself: a child that serves is step 3's lesson. make diff-1-2, make diff-2-3" \
        is_in sleep "$SERVER_PID"
}

# slept TIMES: has there been time to sleep so often since began was set? Says yes if so.
slept() {
    local nap elapsed=$(($(now) - began))
    LC_ALL=C printf -v nap %.0f "${NAP}e6"
    if ((elapsed >= $1 * nap)); then echo yes; else echo "no: $elapsed of $(($1 * nap)) µs"; fi
}

@test "2.1 the first client has its answer at once, but no end of file while the server sleeps" {
    serve -s 60
    put_to_sleep
    hear "$first"
    expect "what it has heard" "$GREETING" "${ANSWER//$'\r'/}" \
        "send_all comes before the sleep: strace -e trace=sendto,clock_nanosleep"
    listen_to "$first" 0.1
    expect "what follows" 'nothing, then time-out' "${ANSWER:-nothing}, then $ENDING" \
        "what ends the connection before the sleep is over? strace -e trace=sendto,shutdown,clock_nanosleep,close"
    expect "the connection" ESTABLISHED "$(tcp_state "$PORT" "$(port_of "$first")")" "ss -tn"
}

@test "2.1 curl prints the text and hangs while the server sleeps" {
    serve -s 60
    background curl --silent --no-buffer "http://localhost:$PORT/hello"
    expect_soon "curl has printed the text" "send_all comes before the sleep" \
        grep -q 'Hello, World!' "$BACKGROUND_OUT"
    expect_soon "the server sleeps" "nanosleep in handle_request" is_in sleep "$SERVER_PID"
    expect "curl's end of the connection" ESTAB "$(ss -Htn "dport = :$PORT" | awk '{ print $1 }')" \
        "close comes after the sleep"
}

@test "2.1 the end of file comes when the sleep is over, and so does the end of curl" {
    serve -s 0.2
    began=$(now)
    run curl --silent --max-time "$LAB_DEADLINE" "http://localhost:$PORT/hello"
    expect "curl's exit status" 0 "$status" "close in serve_forever"
    expect "what curl prints" 'Hello, World!' "$output" "RESPONSE"
    expect "did it take the sleep" yes "$(slept 1)" \
        "nanosleep, its seconds and its nanoseconds, and the close after it: strace -e trace=clock_nanosleep,close"
}

@test "2.2 a second client connects meanwhile, and is neither answered nor in the output" {
    serve -s 60
    put_to_sleep
    connect second
    printf 'number 2' >&"$second"
    expect_soon "the second connection" "listen: the kernel's queue takes it" \
        is_tcp "$PORT" "$(port_of "$second")" ESTABLISHED
    listen_to "$second" 0.1
    expect "what it hears" 'nothing, then time-out' "${ANSWER:-nothing}, then $ENDING" "does the server fork?"
    expect "the server still" sleeps "$(is_in sleep "$SERVER_PID" && echo sleeps)" "its wchan, below"
    expect "the requests in its output" 'GET /hello' \
        "$(grep -Eo 'GET /hello|number 2' "$SERVER_OUT" | paste -sd ' ')" "handle_request"
}

@test "2.3 the second is served after the sleep, and has its own: three clients take three sleeps" {
    serve -s 0.1
    began=$(now)
    for number in 1 2 3; do
        connect "client[number]"
        ask "${client[number]}"
    done
    for number in 1 2 3; do
        hear "${client[number]}"
        expect_match "the answer of client $number" 'Hello, World!' "$ANSWER" "serve_forever"
        expect "did it wait for $((number - 1)) sleeps" yes "$(slept $((number - 1)))" \
            "one process, one client at a time"
        listen_to "${client[number]}"
        expect "its end" 'end of file' "$ENDING" "close in serve_forever"
        expect "did that take $number sleeps" yes "$(slept "$number")" \
            "nanosleep in handle_request, once for each client: strace -e trace=accept,clock_nanosleep"
    done
}

# crowd N: a process that opens N connections and sends a line in each, one after another.
crowd() {
    # shellcheck disable=SC2016 # for the other bash
    background bash -c '
        for ((i = 0; i < $1; i++)); do
            exec {fd}<>"/dev/tcp/127.0.0.1/$2"
            echo "number $i" >&"$fd"
        done
        kill -STOP $$' bash "$1" "$PORT"
}

# Prints the queue of the listening socket: how many wait, and the limit.
queue() {
    ss -Hltn "sport = :$PORT" | awk '{ print $2, $3 }'
}
has_queue() {
    [ "$(queue)" = "$1" ]
}

# has_clients STATE N: are exactly N client's ends in that state?
has_clients() {
    [ "$(ss -Htn state "$1" "dport = :$PORT" | wc -l)" -eq "$2" ]
}

@test "2.4 the backlog: with listen(5) six more connections complete, and the seventh does not" {
    serve -s 60
    put_to_sleep
    read -r waiting limit <<<"$(queue)"
    if [ -z "${SERVER-}" ]; then expect "the limit, Send-Q" 5 "$limit" "REQUEST_QUEUE_SIZE, the second argument of listen: ss -ltn"; fi
    expect "how many wait at first, Recv-Q" 0 "$waiting" "ss -ltn"
    crowd $((limit + 2))
    expect_soon "ss -ltn shows one more than the limit in the queue" "ss -ltn; listen(2)" \
        has_queue "$((limit + 1)) $limit"
    expect_soon "the next one gets no answer from the kernel, and asks again" "ss -tn state syn-sent" \
        has_clients syn-sent 1
    expect_soon "only the served one and those in the queue are connected" "ss -tn state established" \
        has_clients established $((limit + 2))
    expect "the queue still" "$((limit + 1)) $limit" "$(queue)" "ss -ltn"
    expect "the server still" sleeps "$(is_in sleep "$SERVER_PID" && echo sleeps)" "its wchan, below"
}

@test "2.5 with a longer backlog more clients wait, and still one is served at a time" {
    variant 's/(REQUEST_QUEUE_SIZE =) 5/\1 20/'
    start_server "$VARIANT" -p 0 -s 60
    put_to_sleep
    crowd 15
    expect_soon "15 clients wait in a queue of 20" "ss -ltn" has_queue '15 20'
    expect_soon "all of them have sent their request" "/proc/$BACKGROUND_PID/fd" \
        in_state "$BACKGROUND_PID" T
    expect "the server still" sleeps "$(is_in sleep "$SERVER_PID" && echo sleeps)" "its wchan, below"
    expect "its children" '' "$(children_of "$SERVER_PID")" "who calls fork"
    expect "the requests in its output" 'GET /hello' \
        "$(grep -Eo 'GET /hello|number .*' "$SERVER_OUT" | paste -sd ' ')" "handle_request"
}
