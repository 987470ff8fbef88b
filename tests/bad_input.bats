#!/usr/bin/env bats
#
# Bad input, for every server: one line that says what is wrong, one of usage, status 2, nothing
# started; what the system refuses ends with the call's name and its reason, status 1.
# (The client's is in client.bats.)

ARTICLE_SLEEP=0
load setup

PROGRAMS="step1_iterative/server step2_sleep/server step3_fork/server step4_leak/server
    step5_zombie/server step6_sigchld/eintr step6_sigchld/server step7_waitpid/server"

# refuses LINE ARGUMENT...: with these arguments every program prints a line that matches LINE, a
# line of usage, and ends with status 2.
refuses() (
    line=$1
    shift
    for program in $PROGRAMS; do
        status=0
        output=$(timeout "$LAB_DEADLINE" "$BIN/$program" "$@" 2>&1) || status=$?
        mapfile -t lines <<<"$output"
        expect "the status of $program '$*'" 2 "$status" \
            "main and parse_number in $program.c (124: it was started all the same)"
        expect "how many lines it prints" 2 "${#lines[@]}" "$output"
        expect_match "the line that says what is wrong" "$line" "${lines[0]}" "main in $program.c"
        expect_match "the line of usage" '^usage: server \[-p PORT.*\[-s SECONDS.*\[-h\]$' "${lines[1]}" USAGE
    done
)

@test "bad input: not a port" {
    for port in '' -1 x 80x ' 80' +80 0x50 8.5 65536 99999999999999999999 inf; do
        refuses "'.*' is not a number from 0 to 65535$" -p "$port"
    done
}

@test "bad input: not a number of seconds" {
    for seconds in '' -1 x 1s ' 1' +1 0x1 1e3 . 1.2.3 86401 99999999999999999999 nan inf; do
        refuses "'.*' is not a number from 0 to 86400$" -s "$seconds"
    done
}

@test "bad input: an option without its value" {
    refuses "option requires an argument -- '?p" -p
    refuses "option requires an argument -- '?s" -s
}

@test "bad input: an unknown option" {
    refuses "(invalid|illegal|unrecognized) option" -x
    refuses "(invalid|illegal|unrecognized) option" --help
}

@test "bad input: an argument too many" {
    refuses "'8888' is unexpected" 8888
    refuses "'8888' is unexpected" -p 0 8888
}

@test "good input: -h prints the usage and starts nothing" {
    for program in $PROGRAMS; do
        run timeout "$LAB_DEADLINE" "$BIN/$program" -h
        expect "the status of $program -h" 0 "$status" main
        expect_match "what it prints" '^usage: server' "$output" USAGE
    done
}

@test "good input: seconds with a decimal point, port 0" {
    for program in $PROGRAMS; do
        start_server "$BIN/$program" -p 0 -s .25
        expect "$program listens on the loopback address alone" "127.0.0.1:$PORT" \
            "$(ss -Hltn "sport = :$PORT" | awk '{ print $4 }')" \
            "sin_addr in listen_on: at 0.0.0.0 it serves whoever can reach this machine. ss -ltn"
    done
}

@test "bad input: a port in use" {
    start_server "$BIN/step1_iterative/server" -p 0
    for program in $PROGRAMS; do
        run timeout "$LAB_DEADLINE" "$BIN/$program" -p "$PORT"
        expect "the status of $program" 1 "$status" listen_on
        expect "what it prints" 'bind: Address already in use' "$output" "bind(2), EADDRINUSE"
    done
}

@test "bad input: a privileged port, as an ordinary user" {
    lowest=$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)
    if ((lowest < 2)); then skip_for privileged; fi
    as_user=()
    if [ "$(id -u)" -eq 0 ]; then
        as_user=(setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all)
        chmod 755 "$LAB_DIR"
    fi
    for program in $PROGRAMS; do
        cp "$BIN/$program" "$LAB_DIR/server" # where any user can reach it
        run timeout "$LAB_DEADLINE" "${as_user[@]}" "$LAB_DIR/server" -p 1
        expect "the status of $program" 1 "$status" listen_on
        expect "what it prints" 'bind: Permission denied' "$output" "bind(2), EACCES"
    done
}

@test "bad input: standard output that cannot be written" {
    for program in $PROGRAMS; do
        run timeout "$LAB_DEADLINE" sh -c "'$BIN/$program' -p 0 2>&1 >/dev/full"
        expect "the status of $program" 1 "$status" listen_on
        expect "what it prints" 'printf: No space left on device' "$output" "the first printf"
    done
}
