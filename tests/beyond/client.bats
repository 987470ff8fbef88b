#!/usr/bin/env bats
#
# talk, the clients of the siblings: they hear what they ought to, and say so if they do not.

load setup

# fake_server TEXT: starts a server that says this to whatever it hears first, and then it is the end; sets PORT.
fake_server() {
    background python3 -u -c '
import socket, sys, time
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1])
while True:
    connection, _ = listener.accept()
    connection.recv(1000)
    connection.sendall(sys.argv[1].encode())
    connection.close()
' "$1"
    expect_soon "the fake server says its port" "$BACKGROUND_OUT" grep -q . "$BACKGROUND_OUT"
    PORT=$(<"$BACKGROUND_OUT")
}

@test "talk echo: ten messages, each checked when it comes back, then Bye and the end of file" {
    serve_by epoll echo
    run "$TALK" echo -p "$PORT"
    expect "its exit status" 0 "$status" "$output"
    expect "how many messages came back" 10 "$(grep -c '^came back: message [0-9]* of client 1$' <<<"$output")" "$output"
    expect "its last line" 'after Bye: end of file' "${lines[-1]}" "$output"
}

@test "talk zen: three questions in random order, each answer checked" {
    serve_by epoll zen
    orders=
    for ((i = 0; i < 40; i++)); do
        run "$TALK" zen -p "$PORT"
        expect "its exit status" 0 "$status" "$output"
        expect "its questions and answers" "Beautiful is better than?: ugly. Explicit is better than?: implicit. Simple is better than?: complex." \
            "$(tail -n 3 <<<"$output" | sort | xargs -d '\n')" "$output"
        orders+=${lines[1]}${lines[2]}$'\n'
        # six orders there are; once two are seen, they vary
        if (($(sort -u <<<"${orders%$'\n'}" | wc -l) > 1)); then return; fi
    done
    report "the order of the questions" "more than one, in 40 runs" "always ${lines[1]}" "srandom in talk.c"
}

@test "talk zen --cause-error: half a question, which the server reports, and serves others" {
    serve_by epoll zen
    run "$TALK" zen -p "$PORT" --cause-error
    expect "its exit status" 0 "$status" "$output"
    expect_soon "the server's complaint" "complain_of in words.c" \
        grep -q 'half a question, and then the end: "Beautiful is"' "$SERVER_ERR"
    run "$TALK" zen -p "$PORT"
    expect "the next client's exit status" 0 "$status" "$output"
}

@test "talk -n: many at once, and how many heard what they ought to" {
    serve_by epoll echo
    run "$TALK" echo -p "$PORT" -n 50
    expect "its exit status and words" "0 50 clients: 50 heard what they ought to, 0 did not" "$status $output" "run_all in talk.c"
    stop_server || true
    run "$TALK" echo -p "$PORT" -n 3
    expect "its exit status without a server" 1 "$status" "$output"
    expect "its last line" "3 clients: 0 heard what they ought to, 3 did not" "${lines[-1]}" "$output"
    expect "what each of the three says" 3 "$(grep -c '^talk: client [1-3]: 127.0.0.1: Connection refused$' <<<"$output")" "$output"
}

@test "10.9 talk: a name with several addresses: when one takes no connection, the next is tried" {
    printf '::1 several\n127.0.0.1 several\n' >"$LAB_DIR/hosts"
    cp "$TALK" "$LAB_DIR/talk"
    # shellcheck disable=SC2016 # for the other shell
    with_hosts=(unshare --user --map-root-user --mount sh -c 'mount --bind "$0/hosts" /etc/hosts && exec "$0/talk" "$@"' "$LAB_DIR")
    "${with_hosts[@]}" -h >/dev/null || skip "this user cannot have an /etc/hosts of its own: unshare --user --mount"
    serve_by epoll echo
    run "${with_hosts[@]}" echo -a several -p "$PORT"
    expect "its exit status" 0 "$status" "$output"
    expect "the address that failed, and the one that did not" \
        'no connection, so the next address is tried: ::1 connected to: 127.0.0.1' "${lines[0]} ${lines[1]}" "connect_to_host in talk.c"
    stop_server || true
    run "${with_hosts[@]}" echo -a several -p "$PORT"
    expect "its exit status when none takes it" 1 "$status" "$output"
    expect "its last line" 'talk: client 1: 127.0.0.1: Connection refused' "${lines[-1]}" "$output"
}

@test "talk says what is wrong with an answer, and with a conversation that ends too early" {
    fake_server "Message 1 of client 1"
    run "$TALK" echo -p "$PORT"
    expect "its exit status and last lines" "1 talk: client 1: expected: message 1 of client 1 talk: client 1: heard: Message 1 of client 1" \
        "$status ${lines[-2]} ${lines[-1]}" "hear in talk.c"
    fake_server $'\e[2Jmessage 1 of a client \a\u00e4'
    run "$TALK" echo -p "$PORT"
    expect_match "its last line, in which nothing can drive a terminal" '^talk: client 1: heard: \?\[2Jmessage 1 of a cl$' "${lines[-1]}" \
        "make_text in talk.c"
    fake_server ""
    run "$TALK" zen -p "$PORT"
    expect "its exit status" 1 "$status" "$output"
    expect_match "its last line" '^talk: client 1: the server has ended the conversation, instead of: [a-z]+\.$' "${lines[-1]}" "hear in talk.c"
}

@test "talk: whose time is up is told so, and not that a resource is busy or an operation in progress" {
    needs_tracing
    serve_by epoll echo
    for fault in connect:error=EINPROGRESS recvfrom:error=EAGAIN sendto:error=EAGAIN; do # as the kernel does after 10 seconds
        run strace -qq -o /dev/null -e trace="${fault%%:*}" -e inject="$fault" "$TALK" echo -p "$PORT"
        expect "its exit status" 1 "$status" "$output"
        expect_match "its last line" '^talk: client 1: .*: nothing for 10 seconds$' "${lines[-1]}" "reason in talk.c"
    done
}

@test "talk: what it does not understand is one line, the usage, and status 2" {
    for words in '' 'both' 'echo zen' 'echo -p 0' 'echo -p x' 'echo -p 65536' 'echo -p 12abc' 'echo -p +12' 'echo -n 0' 'echo -n 10001' \
        'echo -n 1x' 'echo -n 99999999999999999999' 'echo --cause-error' 'echo -x'; do
        # shellcheck disable=SC2086 # a word each
        run "$TALK" $words
        expect "the status of talk $words" 2 "$status" "$output"
        expect "how many lines it says to talk $words" 2 "${#lines[@]}" "$output"
        expect_match "its last line" '^usage: talk' "${lines[-1]}" "$output"
    done
    run "$TALK" echo -a no.such.name.invalid
    expect "the status for an unknown name" 1 "$status" "$output"
    expect_match "what it says" '^talk: client 1: no.such.name.invalid: ' "$output" "gai_strerror(3)"
}
