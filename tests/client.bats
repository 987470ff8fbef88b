#!/usr/bin/env bats
#
# The stress client: it opens what it is asked to open, and tells apart what becomes of it.

ARTICLE_SLEEP=0
load setup

# stage FOLDER [OPTION...]: starts our server of that stage; its children do not sleep.
stage() {
    local folder=$1
    shift
    start_server "$BIN/$folder/server" -p 0 -s 0 "$@"
}

# stopped_stage: starts a server and stops it. The kernel goes on to take connections into its queue,
# up to 1,024 of them, and nobody answers, until `kill -CONT $SERVER_PID`.
stopped_stage() {
    stage step7_waitpid
    expect_soon "the server waits in accept" "$SERVER_ERR" is_in accept "$SERVER_PID"
    kill -STOP "$SERVER_PID"
    expect_soon "the server is stopped" "ps -o pid,stat" in_state "$SERVER_PID" T
}

# judge COMMAND...: runs it, a client. Sets status, output and counts, the numbers of its summary.
# client OPTION...: does so with our client, against the server (or port 1, where nobody listens).
judge() {
    run timeout -k 1 30 "$@"
    counts=$(count)
}
client() {
    judge "$CLIENT" -p "${PORT:-1}" "$@"
}

# begin OPTION...: the same in the background. connected N: have so many of its connections come
# about? end: waits until it has ended.
begin() {
    background "$CLIENT" -p "$PORT" -t 60 "$@" # it waits while a busy machine is slow to look at it
}
connected() {
    [ "$(ss -Htn state established "sport = :$PORT" | wc -l)" -eq "$1" ]
}
seen_connected() {
    echo "$(ss -Htn state established "sport = :$PORT" | wc -l) connections"
}
end() {
    expect_soon "the client ends by itself" \
        "what its processes wait for: with -t for no longer than that, with --no-read for no answer. strace -f" \
        is_gone "$BACKGROUND_PID"
    status=0
    wait "$BACKGROUND_PID" || status=$?
    output=$(<"$BACKGROUND_OUT")
    counts=$(count)
}

# Prints the numbers of the client's summary in one line: "4 answered and ended; 2 reset".
count() {
    sed -nE 's/^ +([0-9]+)  ([a-z].*)$/\1 \2/p' <<<"$output" | paste -sd ';' | sed 's/;/; /g'
}

# expect_outcome COUNTS STATUS: fails unless the summary has these numbers, and the client this status.
expect_outcome() {
    expect "the numbers of the summary" "$1" "$counts" \
        "classify, and what it is told; step, which settles at the deadline what is left. The client's words: $output"
    expect "the client's exit status (0: all answered and ended, 1: not all)" "$2" "$status" \
        "the end of main in the client. Its words: $output"
}

# refuses LINE ARGUMENT...: with these arguments the client prints a line that matches LINE, a line of
# usage, and ends with status 2.
refuses() {
    local line=$1
    shift
    run timeout -k 1 "$LAB_DEADLINE" "$CLIENT" "$@"
    expect "the status of client $*" 2 "$status" "parse_options and parse_number in the client. Its words: $output"
    expect "how many lines client $* prints" 2 "${#lines[@]}" "$output"
    expect_match "the line that says what is wrong with $*" "client: .*$line" "${lines[0]}" "parse_options in the client"
    expect_match "the line of usage" '^usage: client \[-c CLIENTS\].*\[-h\]$' "${lines[1]}" USAGE
}

# no_leak_check: at the end of a sanitized client it would want descriptors, processes and no tracer.
no_leak_check() {
    export ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0
}

@test "8.1 -c N -n M: N processes open M connections each" {
    stopped_stage
    begin -c 3 -n 4
    expect_soon "12 connections" \
        "start_clients forks 3, be_client makes 4 connections in each: ss -tnp shows whose they are" connected 12
    expect "how many connections each of its processes holds, by ss" '4 4 4' \
        "$(ss -Htnp state established "dport = :$PORT" | grep -o 'pid=[0-9]*' | sort | uniq -c | awk '{ print $1 }' | xargs)" \
        "ss -tnp dport = :$PORT"
    expect "how many processes it has forked" 3 "$(count_children "$BACKGROUND_PID")" "ps --ppid $BACKGROUND_PID"
    kill -CONT "$SERVER_PID"
    end
    expect_outcome '12 answered and ended' 0
}

@test "8.1 --max-clients and --max-conns are the same options; each is 1 unless told otherwise" {
    stage step7_waitpid
    client --max-clients 2 --max-conns 3
    expect_outcome '6 answered and ended' 0
    client --max-conns 5
    expect_outcome '5 answered and ended' 0
    client --max-clients 5
    expect_outcome '5 answered and ended' 0
    client
    expect_outcome '1 answered and ended' 0
}

@test "8.1 the server agrees: N x M connections have come" {
    stage step7_waitpid
    client -c 10 -n 20
    expect_outcome '200 answered and ended' 0
    expect "the connections that the server has counted" 200 "$(grep -c '^Connection ' "$SERVER_OUT")" "$SERVER_OUT"
}

@test "8.2 each connection sends the article's request, byte for byte, and nothing else" {
    cat >"$LAB_DIR/record.c" <<'END'
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    int connection, listener = socket(AF_INET, SOCK_STREAM, 0);
    char bytes[1024];
    address.sin_addr.s_addr = inet_addr("127.0.0.1");
    if (bind(listener, (struct sockaddr *)&address, size) == -1 || listen(listener, 100) == -1 ||
        getsockname(listener, (struct sockaddr *)&address, &size) == -1)
        return 1;
    printf("Serving HTTP on port %d ...\n", ntohs(address.sin_port));
    if (fflush(stdout) == EOF) return 1;
    while ((connection = accept(listener, NULL, NULL)) != -1) {
        for (ssize_t got; (got = recv(connection, bytes, sizeof bytes, 0)) > 0;)
            if (write(1, bytes, (size_t)got) != got) return 1;
        if (write(1, "<end of file>\n", 14) != 14 || close(connection) == -1) return 1;
    }
    return 1;
}
END
    "${CC:-cc}" -o "$LAB_DIR/record" "$LAB_DIR/record.c"
    start_server "$LAB_DIR/record"
    client -c 2 -n 2 --no-read
    expect_outcome '4 sent, not read' 0
    request=$'GET /hello HTTP/1.1\r\nHost: 127.0.0.1:'$PORT$'\r\n\r\n<end of file>\n'
    printf '%s' "$request$request$request$request" >"$LAB_DIR/wanted"
    received() { tail -n +2 "$SERVER_OUT"; }
    all_received() { [ "$(received | grep -c '<end of file>')" -eq 4 ]; }
    expect_soon "four connections have come and gone" "$SERVER_OUT" all_received
    expect "what the server received, as cat -A shows it" "$(cat -A "$LAB_DIR/wanted")" "$(received | cat -A)" \
        "format_request in the client: its lines end in CRLF, which is ^M$ here, and Host is one of them. RFC 9112, 3.2"
}

@test "8.3 all connections of all clients are ESTABLISHED at the same instant" {
    stopped_stage
    begin -c 4 -n 50
    expect_soon "200 connections at once" "ss -tn sport = :$PORT" connected 200
    kill -CONT "$SERVER_PID"
    end
    expect_outcome '200 answered and ended' 0
}

@test "8.3 a client holds each connection until the last one of its connections is settled" {
    stage step3_fork -s 60
    begin -n 2
    expect_soon "the children of both connections sleep" "ps --ppid $SERVER_PID" all_in sleep "$SERVER_PID" 2
    states() { ss -Htn "dport = :$PORT" | awk '{ print $1 }' | sort | xargs; }
    one_has_ended() { [ "$(states)" = 'CLOSE-WAIT ESTAB' ]; }
    read -r one other <<<"$(children_of "$SERVER_PID")"
    kill -KILL "$one"
    expect_soon "one connection has had its end of file, and is open nevertheless" \
        "when does the client close a connection? It is to hold all until the last one is settled" one_has_ended
    nap 5
    expect "the client's ends of its connections, a moment later" 'CLOSE-WAIT ESTAB' "$(states)" \
        "when does the client close a connection?"
    kill -KILL "$other"
    end
    expect_outcome '2 answered and ended' 0
}

@test "8.3 with a barrier no client connects before the last one has been forked" {
    strace -q -o "$LAB_DIR/probe" true 2>/dev/null || skip_for tracing
    stage step7_waitpid
    no_leak_check
    judge strace -f -qq -o "$LAB_DIR/strace" -e trace=connect,clone,?clone3,?fork,?vfork \
        -e signal=none -E ASAN_OPTIONS=detect_leaks=0 "$CLIENT" -p "$PORT" -c 20 --barrier
    expect_outcome '20 answered and ended' 0
    expect "forks and connects, in the order in which they began, repetitions left out" \
        'fork connect' "$(sed -nE -e "s/.*connect\(.*htons\($PORT\).*/connect/p" \
            -e 's/^[0-9]+ +(clone|clone3|fork|vfork)\(.*/fork/p' "$LAB_DIR/strace" | uniq | head -n 4 | xargs)" \
        "strace -f -e trace=connect,clone: who waits at the barrier?"
}

@test "8.4 answered and ended: a whole answer and an end of file; status 0" {
    stage step7_waitpid
    client -c 4
    expect_outcome '4 answered and ended' 0
}

@test "8.4 answered, but no end of file: the leak of step 4; status 1" {
    stage step4_leak
    client -c 3 -t 0.5
    expect_outcome '3 answered, but no end of file' 1
}

@test "8.4 connected, but no answer: nobody calls accept; status 1" {
    stopped_stage
    client -c 3 -t 0.1
    expect_outcome '3 connected, but no answer' 1
}

@test "8.4 never connected: the server's queue is full; status 1" {
    stage step2_sleep -s 60
    connect first
    ask "$first"
    expect_soon "the server sleeps" "nanosleep in handle_request" is_in sleep "$SERVER_PID"
    for place in 1 2 3 4 5 6; do connect waiting; done
    is_full() { [ "$(ss -Hltn "sport = :$PORT" | awk '{ print $2 }')" -eq 6 ]; }
    expect_soon "six connections wait in the queue of 5, one more than its length" "ss -ltn" is_full
    client -c 3 -t 0.1
    expect_outcome '3 never connected (queue full?)' 1
}

@test "8.4 reset: the server dies while connections wait in its queue; status 1" {
    stopped_stage
    begin -c 3
    expect_soon "3 connections" "ss -tn sport = :$PORT" connected 3
    kill -KILL "$SERVER_PID"
    end
    expect_outcome '3 reset' 1
}

@test "8.4 refused: nobody listens; status 1" {
    client -c 3 -n 2
    expect_outcome '6 refused' 1
    expect "the times that it shows: none, as no connection was made" '' "$(grep -E '^connect ' <<<"$output" | sed 's/  .*//')" \
        "end_connect in the client: a socket whose connect has failed can be written to as well; SO_ERROR tells. connect(2)"
}

@test "8.4 the sleeping server: one answer without end of file, no answer for the others, told apart" {
    stage step2_sleep -s 60
    client -c 2 -n 3 -t 0.5
    expect_outcome '1 answered, but no end of file; 5 connected, but no answer' 1
}

@test "8.4 could not start, for want of descriptors: the limit, and what to type" {
    no_leak_check
    stage step7_waitpid
    judge prlimit --nofile=12 "$CLIENT" -p "$PORT" -n 50
    expect_match "the numbers of the summary" '^[1-9] answered and ended; 4[0-9] could not start$' "$counts" "$output"
    expect "their sum" 50 "$((${counts//[!0-9]/ + }0))" "$output"
    expect "the exit status" 1 "$status" "$output"
    expect_match "its advice" '12 files.* ulimit -n [0-9]+' "$(grep "^Not the server's fault" <<<"$output")" \
        "print_shortage in the client: EMFILE is this process's limit, ENFILE the machine's. socket(2)"
}

@test "8.4 could not start, for want of processes: the limit, and what to type" {
    no_leak_check
    stage step7_waitpid
    if [ "$(id -u)" -eq 0 ]; then # root is exempt: a user id that nobody has
        user=$((100000 + BASHPID % 900000 + RANDOM))
        limited=(setpriv --reuid "$user" --regid "$user" --clear-groups --no-new-privs prlimit --nproc=20)
        chmod 755 "$LAB_DIR"
    else
        limited=(unshare --user prlimit --nproc=20)
        "${limited[@]}" true 2>/dev/null || skip_for limiting
    fi
    cp "$CLIENT" "$LAB_DIR/client" # where any user can reach it
    judge "${limited[@]}" "$LAB_DIR/client" -p "$PORT" -c 50
    expect_outcome '19 answered and ended; 31 could not start' 1
    expect_match "its advice" '20 processes.* ulimit -u [0-9]+' "$output" "print_shortage in the client"
}

@test "8.4 a client process that dies is not the server's fault: its connections are counted apart" {
    stopped_stage
    begin -c 3 -n 2
    expect_soon "6 connections" "ss -tn sport = :$PORT" connected 6
    read -r victim _ <<<"$(children_of "$BACKGROUND_PID")"
    kill -KILL "$victim"
    kill -CONT "$SERVER_PID"
    end
    expect_outcome '4 answered and ended; 2 could not start' 1
    expect_match "its reason" "Not the server's fault: clients died" "$output" "print_shortage in the client"
}

@test "--no-read: it sends and leaves, and waits for no answer; status 0" {
    stopped_stage
    begin -c 2 -n 2 --no-read
    end
    expect_outcome '4 sent, not read' 0
}

@test "-v shows each connection's socket pair, descriptor and answer" {
    stopped_stage
    begin -v -n 2
    expect_soon "2 connections" "ss -tn sport = :$PORT" connected 2
    pairs=$(ss -Htnp state established "dport = :$PORT" |
        sed -nE 's/.* ([0-9.]+:[0-9]+) +([0-9.]+:[0-9]+) .*fd=([0-9]+).*/\1 -> \2, descriptor \3/p' | sort)
    kill -CONT "$SERVER_PID"
    end
    expect "the socket pairs and descriptors, as ss told them meanwhile" "$pairs" \
        "$(sed -nE 's/^client 1, connection [12]: //p' <<<"$output" | sort)" "print_record in the client"
    answer='    | HTTP/1.1 200 OK;    | ;    | Hello, World!'
    expect "the answers" "$answer;$answer" "$(grep '^    |' <<<"$output" | paste -sd ';')" \
        "print_excerpt in the client"
    expect_outcome '2 answered and ended' 0
}

@test "Ctrl-C: it prints its summary, leaves no process behind, and dies of SIGINT" {
    stopped_stage
    for target in "" -; do # to the parent alone, and to the whole group, as a terminal does
        begin -c 3 -n 2
        expect_soon "6 connections" "ss -tn sport = :$PORT" connected 6
        clients=$(children_of "$BACKGROUND_PID")
        kill -INT -- "$target$BACKGROUND_PID"
        end
        expect "the numbers of the summary" '6 not known (interrupted)' "$counts" \
            "handle_signals and collect in the client: a signal asks it to sum up. Its words: ${output:-none}"
        expect "its status (130: SIGINT)" 130 "$status" "$output"
        # shellcheck disable=SC2086 # a word each
        expect "its processes" '' "$(ps -o pid=,stat=,args= $clients)" "end_clients in the client"
        kill -CONT "$SERVER_PID" # the server finds that all have gone
        expect_soon "no connection is left" "ss -tn sport = :$PORT" connected 0
        expect_soon "the server waits in accept" "$SERVER_ERR" is_in accept "$SERVER_PID"
        kill -STOP "$SERVER_PID"
        expect_soon "the server is stopped" "ps -o pid,stat" in_state "$SERVER_PID" T
    done
}

@test "kill -9 of the parent: its clients end too" {
    stopped_stage
    begin -c 3 -n 2
    expect_soon "6 connections" "ss -tn sport = :$PORT" connected 6
    clients=$(children_of "$BACKGROUND_PID")
    expect "its clients" 3 "$(count_words "$clients")" "ps --ppid $BACKGROUND_PID"
    kill -KILL "$BACKGROUND_PID"
    for process in $clients; do
        expect_soon "client $process has ended" "the lifeline in the client, a pipe: its end of file tells that the parent has gone" is_gone "$process"
    done
}

@test "bad input: a number that is none, too small, or too large" {
    for option in c t; do
        for value in '' 0 -1 x 3x ' 3' +3 0x3 1e1 1.2.3 nan inf 99999999999999999999; do
            refuses "'${value/+/[+]}'" "-$option" "$value"
        done
    done
    for option in n p; do
        for value in '' 0 -1 3x 1.5; do refuses "'$value'" "-$option" "$value"; done
    done
    refuses "'100001'" --max-clients 100001
    refuses "'100001'" --max-conns=100001
    refuses "'65536'" --port 65536
    refuses "'86401'" --timeout 86401
}

@test "bad input: more connections in all than it can count" {
    refuses 1000000 -c 1001 -n 1000
}

@test "bad input: an option without its value" {
    for option in c n H p t; do refuses "requires an argument -- '?$option" "-$option"; done
    for option in max-clients max-conns host port timeout; do
        refuses "'?--$option'? requires an argument" "--$option"
    done
}

@test "bad input: an unknown option, a value that nobody asked for, an argument too many" {
    refuses "(invalid|unrecognized) option" -x
    refuses "(unrecognized|unknown) option" --nosuch
    refuses "doesn't (allow|take) an argument" --barrier=1
    refuses "'8888' is unexpected" 8888
    refuses "'extra' is unexpected" -c 1 extra
}

@test "bad input: a host that there is not" {
    refuses "''" -H ''
    refuses "'\.\.'" --host ..
    refuses "'1\.2\.3\.4\.5 6'" -H '1.2.3.4.5 6'
}

@test "good input: -h and --help print the usage and connect to nobody" {
    for option in -h --help; do
        run timeout -k 1 "$LAB_DEADLINE" "$CLIENT" "$option"
        expect "the status of client $option" 0 "$status" "$output"
        expect_match "what it prints" '^usage: client .*--max-clients' "$output" HELP
    done
}
