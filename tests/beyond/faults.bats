#!/usr/bin/env bats
#
# When a system call fails: each model does what faults.tsv declares, row by row (faults.py).

load setup

setup() {
    cd "$ROOT" || return
    if [ -n "${SANITIZE-}" ]; then skip_unasked "the sanitizers make calls of their own"; fi
    needs strace setpriv
    needs_tracing
    lab_open
}

# walk MODEL...: walks the rows of those of these models that are built and asked for.
walk() {
    local model walked=()
    for model; do
        if [[ " $(models | xargs) " == *" $model "* ]]; then walked+=("$model"); fi
    done
    if ((${#walked[@]} == 0)); then skip "none of these is built, or MODEL asks for others: $*"; fi
    run "$PYTHON" tests/beyond/faults.py "${walked[@]}"
    if ((status == 77)); then skip "$output"; fi
    if ((status != 0)); then echo "$output" && return 1; fi
    expect "how many models are as declared" "${#walked[@]}" "$(grep -c 'rows, all as declared' <<<"$output")" "$output"
}

@test "faults: one after the other, and threads: single, threads, thread-per-connection" {
    walk single threads thread-per-connection
}

@test "faults: processes: fork, prefork, multi" {
    walk fork prefork multi
}

@test "faults: loops: poll, epoll, coroutine" {
    walk poll epoll coroutine
}

@test "faults: libraries' loops, and the kernel's rings: uv, event, uring" {
    walk uv event uring
}

@test "faults: what is not as declared fails, and says what was expected, what was seen, where to look" {
    needs_model single
    # of each: wrong words, a wrong end, a wrong first client, a fault that is never reached
    {
        printf 'single\taccept\tEMFILE\t1\twaits\t-\n'
        printf 'single\taccept\tEBADF\t1\tanswers\t-\n'
        printf 'single\trecv\tECONNRESET\t1\tanswers\t-\n'
        printf 'single\trecv\tEINTR\t1\tloses\t-\n'
        printf 'single\taccept\tEINTR\t1\tends\tserve: accept: REASON\n'
        printf 'single\tepoll_ctl\tENOMEM\t1\tanswers\t-\n'
    } >"$LAB_DIR/table"
    run env TABLE="$LAB_DIR/table" LAB_DEADLINE=1 "$PYTHON" tests/beyond/faults.py single
    expect "the status" 1 "$status" "$output"
    expect_match "the sum" 'single +6 rows, 6 of them not as declared' "$output" main
    expect_match "wrong words" $'EMFILE, call 1; declared: waits\nwhat: +what it says\nexpected: \nseen: +serve: accept: Too many open files\nlook at: .* strace -f .*error=EMFILE:when=1 beyond/serve single http' "$output" compare
    expect_match "a server that ends" $'EBADF, call 1; declared: answers\nwhat: +what becomes of the first client\nexpected: answered or refused\nseen: +lost' "$output" FIRST
    expect_match "a client that is lost" $'ECONNRESET, call 1; declared: answers\nwhat: [^\n]*\n[^\n]*\nseen: +lost' "$output" FIRST
    expect_match "one that is not" $'EINTR, call 1; declared: loses\nwhat: [^\n]*\n[^\n]*\nseen: +answered' "$output" FIRST
    expect_match "a server that goes on" $'declared: ends\nwhat: +its exit status [^\n]*\nexpected: 1\nseen: +None' "$output" walk
    expect_match "a fault that does not come" 'the fault is not reached' "$output" is_hit
}

@test "faults: uring goes on when its ring is full, and the kernel takes no request for now" {
    local clients=() tracer i
    needs_model uring
    edited 's/REQUESTS = 512/REQUESTS = 1/; s/8 \* REQUESTS/64/' models/uring.c
    # -D: strace is the grandchild, and the server our own child; every second call fails
    serve_beyond strace -D -qq -o "$LAB_DIR/log" -e trace=io_uring_enter -e inject=io_uring_enter:error=EAGAIN:when=2+2 -- uring http
    kill -STOP "$SERVER_PID"
    expect_soon "the server is stopped, as strace holds it" "ps -o pid,stat" in_state "$SERVER_PID" t
    for ((i = 0; i < 8; i++)); do # so that it finds all of them there
        connect "clients[i]"
        ask "${clients[i]}"
    done
    kill -CONT "$SERVER_PID"
    expect_soon "it was told that a request cannot be had now" "next_request in uring.c" \
        grep -q '^serve: io_uring_enter: Resource temporarily unavailable$' "$SERVER_ERR"
    tracer=$(sed -n 's/^TracerPid:\t//p' "/proc/$SERVER_PID/status")
    kill -KILL "$tracer"
    connect "clients[8]"
    ask "${clients[8]}"
    hear "${clients[8]}"
    expect_match "what is answered when nothing fails any more" 'Hello, World!' "$ANSWER" "$(<"$SERVER_ERR")"
}
