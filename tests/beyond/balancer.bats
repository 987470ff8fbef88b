#!/usr/bin/env bats
#
# Outgrowing one machine: servers behind HAProxy fail in every way, and the network goes.

ARTICLE_SLEEP=0
load setup

PATIENCE_PROGRAM=${PATIENCE_PROGRAM:-build/beyond/patience}

# balance SETTING...: a short run, with its files in $LAB_DIR/out.
balance() {
    run timeout 120 env OUT="$LAB_DIR/out" BIN="$BIN" RATE=60 INTER=300ms FALL=2 BALANCE_SECONDS=4 "$@" beyond/balancer/balance </dev/null
    RUN=$LAB_DIR/out
}

# all_events: a run of all events, without another attempt for anything; made once, looked at by many.
all_events() {
    needs_hosts
    RUN=$BATS_FILE_TMPDIR/all
    if [ ! -e "$RUN.status" ]; then
        balance RETRY=none BALANCE_SECONDS=14 OUT="$RUN"
        RUN=$BATS_FILE_TMPDIR/all
        echo "$status" >"$RUN.status"
        echo "$output" >"$RUN.output"
    fi
    expect "the status of balance" 0 "$(<"$RUN.status")" "$(<"$RUN.output")"
}

# all_of_unplug: the tour, run once; each client's part of it is looked at by many.
all_of_unplug() {
    needs_hosts
    TOUR=$BATS_FILE_TMPDIR/unplug
    if [ ! -e "$TOUR.status" ]; then
        timeout 120 env BIN="$BIN" PATIENCE_PROGRAM="$PATIENCE_PROGRAM" beyond/balancer/unplug </dev/null >"$TOUR" 2>&1 && echo 0 >"$TOUR.status" || echo $? >"$TOUR.status"
    fi
}

# needs_hosts: skips where there can be no network namespaces.
needs_hosts() {
    # shellcheck source=beyond/balancer/network.bash
    . beyond/balancer/network.bash
    network_way >/dev/null || skip_for namespaces
}

# of EVENT COLUMN: a value of the table of events, by the column's name.
of() {
    awk -F '\t' -v event="$1" -v name="$2" '
        /^# / { sub(/^# /, ""); for (i = 1; i <= NF; i++) if ($i == name) at = i }
        $1 == event { print $at }' "$RUN/events.tsv"
}

# lost EVENT FROM TO [EVENT]: how many requests were lost that were due after the one and before the other of its times,
# or before that time of the second event, by a tenth of a second and more.
lost() {
    awk -F '\t' -v from="$(of "$1" "$2")" -v to="$(of "${4:-$1}" "$3")" -v begin="$(<"$RUN/begin")" \
        '$5 != "ok" && $1 - begin > from + 0.1 && $1 - begin < to - 0.1 { n++ } END { print n + 0 }' "$RUN/requests.tsv"
}

# expect_shares EVENT VICTIM: all servers answered before it, and after it; the others while HAProxy knew of it.
expect_shares() {
    local part='[1-9][0-9]?' meanwhile
    case $2 in
    web1) meanwhile="0:$part:$part" ;;
    web2) meanwhile="$part:0:$part" ;;
    web3) meanwhile="$part:$part:0" ;;
    esac
    expect_match "who answered before" "^$part:$part:$part$" "$(of "$1" before)" "$RUN/events.tsv"
    expect_match "who answered while $2 was known to be away" "^$meanwhile$" "$(of "$1" meanwhile)" "$RUN/events.tsv"
    expect_match "who answered after" "^$part:$part:$part$" "$(of "$1" after)" "$RUN/events.tsv"
}

# between WHAT LEAST MOST SEEN LOOK: is it a number from least to most?
between() {
    expect "$1, from $2 to $3 ($4)" yes "$(awk -v x="$4" -v least="$2" -v most="$3" \
        'BEGIN { if (x != "" && x + 0 >= least + 0 && x + 0 <= most + 0) print "yes" }')" "$5"
}

# noticed EVENT: after how many seconds HAProxy did.
noticed() {
    awk -v at="$(of "$1" at)" -v noticed="$(of "$1" noticed)" 'BEGIN { print noticed - at }'
}

# refuses TEXT COMMAND...: does it say that one line, and end with status 2, having started nothing?
refuses() {
    run timeout 20 env TMPDIR="$LAB_DIR" BIN="$BIN" OUT="$LAB_DIR/out" "${@:2}" </dev/null
    expect "the status of ${*:2}" 2 "$status" "$output"
    expect_match "what it says" "^$1$" "$output" "${*:2}"
}

@test "10.9 a server is killed: the others serve its clients, and from when HAProxy notices none is lost" {
    all_events
    expect_shares kill web1
    between "requests lost until HAProxy noticed" 1 1000 "$(lost kill at noticed)" "without another attempt some are"
    expect "requests lost while HAProxy knew" 0 "$(lost kill noticed back)" "$RUN/requests.tsv"
    expect "requests lost after web1 was in service again" 0 "$(lost kill up at freeze)" "$RUN/requests.tsv"
    # checks begin 0.3 s apart, and it takes 2 that fail
    between "seconds until HAProxy noticed" 0.25 5 "$(noticed kill)" "inter and fall in haproxy.cfg"
}

@test "10.9 a server hangs: its kernel still accepts, so only a check that asks for a page notices" {
    all_events
    expect_shares freeze web2
    expect_match "what its clients got" '^[1-9][0-9]* x 504$' "$(of freeze how)" "timeout server in haproxy.cfg"
    expect "requests lost while HAProxy knew" 0 "$(lost freeze noticed back)" "$RUN/requests.tsv"
    between "the slowest answer, ms" 1900 4900 "$(of freeze slowest_ms)" "timeout server in haproxy.cfg"
}

@test "10.9 a server is cut off: nobody refuses, so each attempt takes its time-out, until HAProxy notices" {
    all_events
    expect_shares cut web3
    expect_match "what its clients got" '[1-9][0-9]* x 50[34]' "$(of cut how)" "timeout connect in haproxy.cfg"
    expect "requests lost while HAProxy knew" 0 "$(lost cut noticed back)" "$RUN/requests.tsv"
    between "the slowest answer, ms" 480 4900 "$(of cut slowest_ms)" "timeout connect in haproxy.cfg"
}

@test "10.9 a server is drained: no request is lost, although none gets another attempt" {
    all_events
    expect_shares drain web1
    expect "requests lost" 0 "$(of drain lost)" "$(of drain how)"
    between "requests" 100 10000 "$(of drain requests)" beyond/balancer/probe
}

@test "10.9 a server is killed: what was under way is lost, unless it gets another attempt: then nothing is" {
    needs_hosts
    balance EVENTS=kill RETRY=connect PAUSE=0.15 RATE=120 INTER=600ms # so some six requests are under way
    expect "the status" 0 "$status" "$output"
    expect_match "what was lost" '^[1-9][0-9]* x 502$' "$(of kill how)" "RETRY=connect in haproxy.cfg"
    expect "lost, but due later" 0 "$(lost kill at up)" "$RUN/requests.tsv"
    between "requests that another server answered" 1 1000 "$(of kill retried)" "option redispatch in haproxy.cfg"
    balance EVENTS=kill RETRY=all PAUSE=0.15 RATE=120 INTER=600ms
    expect "the status" 0 "$status" "$output"
    expect_shares kill web1
    expect "requests lost" 0 "$(of kill lost)" "$(of kill how)"
}

@test "10.9 the table, the numbers and the picture agree" {
    all_events
    expect "lost in all" "$(awk -F '\t' '$5 != "ok" { n++ } END { print n + 0 }' "$RUN/requests.tsv")" \
        "$(awk -F '\t' '!/^#/ { n += $8 } END { print n }' "$RUN/events.tsv")" count_events
    for pattern in '<title>Three servers' '<desc>web1: kill' '<text' 'prefers-color-scheme: dark' 'viewBox'; do
        expect "$pattern in the picture" yes "$(grep -q "$pattern" "$RUN/balance.svg" && echo yes)" draw
    done
}

@test "10.9 without namespaces three addresses of one host stand for three; what cannot be shown is said" {
    balance NETWORK=loopback EVENTS="cut kill" RETRY=all
    expect "the status" 0 "$status" "$output"
    expect_match "what it says" 'left out: a server that is cut off, as these have no cable to pull' "$output" balance
    expect_shares kill web1
    expect "requests lost" 0 "$(of kill lost)" "$(of kill how)"
}

@test "10.9 an ordinary user can have it all, hosts too where the system lets him" {
    local as=()
    if ((EUID == 0)); then as=(setpriv --reuid $((100000 + BASHPID % 100000)) --regid 100000 --clear-groups); fi
    mkdir -p "$LAB_DIR/copy/beyond" "$LAB_DIR/copy/tools"
    chmod 755 "$LAB_DIR"
    chmod -R 777 "$LAB_DIR/copy"
    cp -r beyond/balancer "$SERVE" "$LAB_DIR/copy/beyond"
    cp tools/lab.bash tools/signals.bash tools/dress.bash "$LAB_DIR/copy/tools"
    run timeout 120 "${as[@]}" env PATH=/usr/local/bin:/usr/bin:/bin BIN="$LAB_DIR/copy" RATE=60 INTER=300ms FALL=2 \
        BALANCE_SECONDS=3 EVENTS=drain "$LAB_DIR/copy/beyond/balancer/balance" </dev/null
    RUN=$LAB_DIR/copy/build/balance
    expect "the status" 0 "$status" "$output"
    expect_shares drain web1
    expect "requests lost" 0 "$(of drain lost)" "$(of drain how)"
    rm "$LAB_DIR/copy/tools/signals.bash"
    run timeout 20 "$LAB_DIR/copy/beyond/balancer/balance" </dev/null
    expect "the status where a file of its own is missing" 2 "$status" "$output"
}

# --- nothing stays behind ------------------------------------------------------------------------

# networks PID...: prints their network namespaces, other than ours.
networks() {
    local pid
    for pid; do readlink "/proc/$pid/ns/net"; done 2>/dev/null | sort -u | grep -vxF "$(readlink /proc/self/ns/net)"
}

says() {
    grep -q "$1" "$BACKGROUND_OUT"
}
seen_says() {
    cat "$BACKGROUND_OUT"
}

# no_network NAME...: is nobody in these network namespaces, and none of them held by a mount?
no_network() {
    local name
    for name; do
        if readlink /proc/[0-9]*/ns/net 2>/dev/null | grep -qxF "$name"; then return 1; fi
        if grep -qF "$name" /proc/mounts; then return 1; fi
    done
}

# leaves_nothing SIGNAL STATUS: begins a run of balance, and ends it by SIGNAL in the midst of an event.
leaves_nothing() {
    local processes networks result
    background env OUT="$LAB_DIR/out" BIN="$BIN" TMPDIR="$LAB_DIR" BALANCE_SECONDS=20 RATE=20 EVENTS="freeze" beyond/balancer/balance
    expect_soon "web2 is frozen" "beyond/balancer/balance" says 'HAProxy has found web2 down'
    read -ra processes <<<"$(descendants "$BACKGROUND_PID" | xargs)"
    read -ra networks <<<"$(networks "${processes[@]}" | xargs)"
    between "processes: three hosts, three servers, HAProxy, wrk, the prober, and more" 10 100 ${#processes[@]} descendants
    expect "networks: this host's, and three" 4 ${#networks[@]} "network.bash"
    kill "-$1" "$BACKGROUND_PID"
    wait "$BACKGROUND_PID" && result=0 || result=$?
    expect "the exit status" "$2" "$result" "$(<"$BACKGROUND_OUT")"
    expect_soon "all its processes have ended" "network_enter" all_gone "${processes[@]}"
    expect_soon "its networks are gone" "network_enter" no_network "${networks[@]}"
    expect "interfaces that are left" '' "$(ip -o link show type veth 2>/dev/null | grep -E ' (web[123]|lan)[@:]')" network.bash
}

@test "10.9 Ctrl-C in the midst of it: no process, no network, no file is left" {
    needs_hosts
    leaves_nothing INT 130
    expect "files that are left" '' "$(find "$LAB_DIR" -mindepth 1 -name 'network.*')" network_enter
}

@test "10.9 killed in the midst of it: no process and no network is left" {
    needs_hosts
    leaves_nothing KILL 137
}

@test "10.9 after its end no process and no file is left" {
    local processes result
    needs_hosts
    background env TMPDIR="$LAB_DIR" BIN="$BIN" OUT="$LAB_DIR/out" RATE=20 INTER=300ms FALL=2 BALANCE_SECONDS=4 EVENTS=kill beyond/balancer/balance
    expect_soon "web1 is in service again" "$BACKGROUND_OUT" says 'HAProxy has web1 in service again'
    read -ra processes <<<"$(descendants "$BACKGROUND_PID" | xargs)"
    between "processes: three hosts, three servers, HAProxy, wrk, the prober, and more" 10 100 ${#processes[@]} descendants
    wait "$BACKGROUND_PID" && result=0 || result=$?
    expect "the status" 0 "$result" "$(<"$BACKGROUND_OUT")"
    expect "files that are left" '' "$(find "$LAB_DIR" -mindepth 1 -name 'network.*')" network_enter
    expect_soon "all its processes have ended" network_enter all_gone "${processes[@]}"
}

@test "10.9 without namespaces, too, Ctrl-C leaves no process" {
    local processes result
    background env NETWORK=loopback OUT="$LAB_DIR/out" BIN="$BIN" TMPDIR="$LAB_DIR" BALANCE_SECONDS=20 RATE=20 EVENTS=freeze beyond/balancer/balance
    expect_soon "web2 is frozen" "beyond/balancer/balance" says 'HAProxy has found web2 down'
    read -ra processes <<<"$(descendants "$BACKGROUND_PID" | xargs)"
    between "processes: three servers, HAProxy, wrk, the prober" 6 100 ${#processes[@]} descendants
    interrupt "$BACKGROUND_PID" "$BACKGROUND_PID"
    wait "$BACKGROUND_PID" && result=0 || result=$?
    expect "the exit status" 130 "$result" "$(<"$BACKGROUND_OUT")"
    expect_soon "all its processes have ended" lab_close all_gone "${processes[@]}"
}

# --- a name with several addresses ---------------------------------------------------------------

@test "10.9 a name with several addresses: curl tries the next one when the first refuses" {
    start_server "$SERVE" epoll http -a 127.0.0.3 -p 0
    run curl -s --max-time 10 --resolve "several:$PORT:127.0.0.2" "http://several:$PORT/hello"
    expect "curl's status with the first address alone: it refuses" 7 "$status" "who else listens on port $PORT?"
    run curl -s --max-time 10 --resolve "several:$PORT:127.0.0.2,127.0.0.3" "http://several:$PORT/hello"
    expect "curl's status with both" 0 "$status" "curl -v"
    expect "its answer" "Hello, World!" "$output" "curl -v"
}

@test "10.9 a name with several addresses: so does Python's create_connection" {
    start_server "$SERVE" epoll http -a 127.0.0.3 -p 0
    run python3 beyond/balancer/several "$PORT" 127.0.0.2
    expect "the status with the first address alone" 1 "$status" "$output"
    run python3 beyond/balancer/several "$PORT" 127.0.0.2 127.0.0.3
    expect "the status with both" 0 "$status" "$output"
    expect "its answer" "127.0.0.3: HTTP/1.1 200 OK" "$output" beyond/balancer/several
}

# --- the network goes ----------------------------------------------------------------------------

# foretold PATTERN: does the tour say that it is so, with a +?
foretold() {
    expect_match "what make unplug says" "(^|"$'\n'")  [+] $1" "$(<"$TOUR")" beyond/balancer/unplug
}

# moment NAME TEXT: the time when that client printed that text.
moment() {
    sed -n "s/^    $1: *\([0-9.]*\) s  $2\$/\1/p" "$TOUR" | tail -n 1
}

# time_out NAME FROM: the seconds from when it printed FROM to its ETIMEDOUT.
time_out() {
    awk -v from="$(moment "$1" "$2")" -v to="$(moment "$1" "read: Connection timed out")" \
        'BEGIN { if (from != "" && to != "") printf "%.2f", to - from }'
}

@test "10.3 the network goes: a client that waits, and its server, notice nothing, and go on when it is back" {
    all_of_unplug
    foretold "anna's end is ESTABLISHED; no timer runs"
    foretold "the server's end is, too"
    foretold "all goes on, as if nothing had been"
}

@test "10.3 the network goes: what a client writes is sent again and again, and arrives when it is back" {
    all_of_unplug
    foretold "her bytes are sent again and again"
    foretold "the next attempt arrives, and so does the answer"
}

@test "10.3 TCP_USER_TIMEOUT of 2 s: a client that writes is told ETIMEDOUT after 2 s" {
    all_of_unplug
    foretold "ben has been told"
    between "seconds from its last word to ETIMEDOUT" 1.9 6 "$(time_out ben 'said:  and now?')" "$(<"$TOUR")"
}

@test "10.3 SO_KEEPALIVE, 1 s and two questions: a client that waits is told ETIMEDOUT after 3 s" {
    all_of_unplug
    foretold "cleo has a timer"
    foretold "so has cleo"
    between "seconds from its last answer to ETIMEDOUT" 2.9 7 "$(time_out cleo 'heard: I am cleo')" "$(<"$TOUR")"
}

@test "10.3 TCP_USER_TIMEOUT of 2 s without keep-alive: a client that waits is told nothing" {
    all_of_unplug
    foretold "dora still waits, and no timer runs"
}

@test "10.3 TCP_USER_TIMEOUT of 1.5 s with keep-alive, 1 s and nine questions: a client that waits is told ETIMEDOUT after 2 s" {
    all_of_unplug
    foretold "so has emil"
    between "seconds from its last answer to ETIMEDOUT" 1.9 6 "$(time_out emil 'heard: I am emil')" "$(<"$TOUR")"
}

@test "10.3 the server holds the conversations of those who gave up until its own time-out" {
    all_of_unplug
    foretold "four conversations, ESTABLISHED"
    foretold "the server has hung up by itself"
    expect "the status of make unplug" 0 "$(<"$TOUR.status")" "$(<"$TOUR")"
}

# --- what is wrong is said -----------------------------------------------------------------------

@test "balance: bad settings are refused in one line" {
    refuses "balance: SECONDS=soon is not a number .*" BALANCE_SECONDS=soon beyond/balancer/balance
    refuses "balance: RATE=0 is not a number .*" RATE=0 beyond/balancer/balance
    refuses "balance: RETRY=often is neither none, connect nor all" RETRY=often beyond/balancer/balance
    refuses "balance: PAUSE=2 is not a number .*" PAUSE=2 beyond/balancer/balance
    refuses "balance: INTER=half is no time, .*" INTER=half beyond/balancer/balance
    refuses "balance: FALL=0 is not a number .*" FALL=0 beyond/balancer/balance
    refuses "balance: EVENTS: there is no event 'flood': .*" EVENTS="kill flood" beyond/balancer/balance
    refuses "balance: MODEL=nodel is none that there is: .*" MODEL=nodel beyond/balancer/balance
    touch "$LAB_DIR/file"
    refuses "balance: OUT=$LAB_DIR/file: no files can be made there" OUT="$LAB_DIR/file" beyond/balancer/balance
    refuses "balance: NETWORK=none is neither hosts nor loopback" NETWORK=none beyond/balancer/balance
    refuses "balance: .*/none/beyond/serve is not built: type make beyond" BIN="$LAB_DIR/none" beyond/balancer/balance
    refuses "unplug: there is no cable to pull: NETWORK=loopback was asked for" NETWORK=loopback PATIENCE_PROGRAM="$PATIENCE_PROGRAM" beyond/balancer/unplug
    refuses "unplug: this takes no arguments, and '7' is one" beyond/balancer/unplug 7
    expect "files that are left" '' "$(find "$LAB_DIR" -mindepth 1 -name 'network.*')" network_enter
}

@test "balance: a tool that is missing is named" {
    mkdir "$LAB_DIR/bin"
    for tool in bash env dirname; do ln -s "$(command -v "$tool")" "$LAB_DIR/bin/$tool"; done
    refuses "balance: wrk is missing: type make deps-beyond" PATH="$LAB_DIR/bin" beyond/balancer/balance
}

@test "patience: bad options are refused in one line, and the usage" {
    local bad wanted
    while IFS=: read -r bad wanted; do
        # shellcheck disable=SC2086 # words
        run "$PATIENCE_PROGRAM" $bad
        expect "the status of patience $bad" 2 "$status" "$output"
        expect_match "what it says" "^patience: '.*' is not $wanted"$'\n'"usage: patience .*$" "$output" read_numbers
    done <<'END'
-u 0 127.0.0.1 1:a number of milliseconds from 1 to 86400000
-u 2s 127.0.0.1 1:a number of milliseconds from 1 to 86400000
-k 1,1 127.0.0.1 1:IDLE,INTERVAL,COUNT: .*
-k 1,1,1,1 127.0.0.1 1:IDLE,INTERVAL,COUNT: .*
-k 1,-1,1 127.0.0.1 1:IDLE,INTERVAL,COUNT: .*
-k 32768,1,1 127.0.0.1 1:IDLE,INTERVAL,COUNT: .* seconds from 1 to 32767.*
-k 1,1,128 127.0.0.1 1:IDLE,INTERVAL,COUNT: .* from 1 to 127 questions
localhost 1:an IPv4 address, such as 127.0.0.1
127.0.0.1 http:a port from 1 to 65535
127.0.0.1 65536:a port from 1 to 65535
END
    run "$PATIENCE_PROGRAM" -k 32767,32767,127 127.0.0.1 1 </dev/null # the kernel knows these
    expect_match "what it says to the largest" 'connect: Connection refused$' "$output" KEEP
    run "$PATIENCE_PROGRAM" 127.0.0.1
    expect "the status without a port" 2 "$status" "$output"
    expect_match "what it says" "^usage: patience " "$output" usage
}

@test "patience: says, hears, and ends with either side" {
    start_server "$SERVE" epoll echo -p 0 -I 0.5
    local in
    mkfifo "$LAB_DIR/in"
    exec {in}<>"$LAB_DIR/in" # both ends: it has no end of file
    echo hello >&"$in"
    run "$PATIENCE_PROGRAM" -u 1000 -k 5,5,5 127.0.0.1 "$PORT" <&"$in"
    expect "the status when the server hangs up" 0 "$status" "$output"
    expect_match "what it prints" 'connected.*said:  hello.*heard: hello.*the server hung up$' "${output//$'\n'/ }" pass_on
    run "$PATIENCE_PROGRAM" 127.0.0.1 "$PORT" </dev/null
    expect "the status at the end of its input" 0 "$status" "$output"
    stop_server || true
    run "$PATIENCE_PROGRAM" 127.0.0.1 "$PORT" </dev/null
    expect "the status when nobody listens" 1 "$status" "$output"
    expect_match "what it prints" 'connect: Connection refused$' "$output" end
}
