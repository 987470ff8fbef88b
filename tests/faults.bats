#!/usr/bin/env bats
#
# The walk of the faults: a sample of it, one row of each behaviour, and what the tool says when a table is wrong.
# All rows: make faults.

ARTICLE_SLEEP=0
load setup

setup() {
    set +T # as setup.bash does
    cd "$ROOT" || return
    only_ours "the tables are about our own programs"
    not_under_valgrind "its own calls would be walked"
    if [ -n "${SANITIZE-}" ]; then skip_unasked "the sanitizers make calls of their own"; fi
    strace -o /dev/null true 2>/dev/null || skip_for tracing
    lab_open
    tables=$LAB_DIR/tables
    mkdir "$tables"
    cp tests/faults/*.tsv "$tables"
}

# faults ARGUMENT...: runs the tool, with tables that a test may spoil.
faults() {
    run timeout 300 env BIN="$BIN" TABLES="$tables" tools/faults "$@" </dev/null
}

# spoil FILE SED-SCRIPT: edits a table; the edit has to change something.
spoil() {
    sed -i.before -E "$2" "$tables/$1"
    expect "whether the edit of $1 changes it" different "$(cmp -s "$tables/$1" "$tables/$1.before" || echo different)" "$2"
}

@test "faults: each server and the client do what is declared, one row of each behaviour" {
    faults --sample
    expect "the status" 0 "$status" "$output"
    expect "how many programs are as declared" 9 "$(grep -c 'rows, all as declared' <<<"$output")" "$output"
}

@test "faults: stage 7 and the client have no row that hangs, crashes, leaks or is silent" {
    for program in step7_waitpid client; do
        expect "what $program does, other than what it may" '' \
            "$(cut -f 5 "$tables/$program.tsv" | sort -u | grep -vE '^(behaviour|dies|loses this connection|carries on(, says less)?|reports it)$')" \
            "tests/faults/$program.tsv"
        expect "what is left after $program" "- left" "$(cut -f 8 "$tables/$program.tsv" | sort -u | xargs)" "tests/faults/$program.tsv"
    done
    expect "what ends with a status other than 1, and yet dies" '' \
        "$(awk -F '\t' '$5 == "dies" && $6 != 1' "$tables"/step*.tsv "$tables/client.tsv")" tests/faults
    expect "what dies without a word" '' \
        "$(awk -F '\t' '$5 ~ /dies|loses|reports/ && $7 == "-"' "$tables"/step*.tsv "$tables/client.tsv")" tests/faults
}

@test "faults: a wrong declaration fails, and says what was declared, what was seen, where to look" {
    spoil step7_waitpid.tsv 's/^(server\taccept\tECONNABORTED\t1\t)carries on\t-\t-/\1loses this connection\t-\taccept: Nobody/'
    faults --sample 7
    expect "the status" 1 "$status" "$output"
    expect_match "the row" 'step7_waitpid: accept fails with ECONNABORTED, call 1 of the server' "$output" tell_differences
    expect_match "what was declared" 'declared: loses this connection: accept: Nobody' "$output" tell_differences
    expect_match "what was seen" 'seen: +carries on' "$output" tell_differences
    expect_match "where to look" 'look at: .* strace .*inject=accept:error=ECONNABORTED:when=1 ' "$output" tell_differences
    expect_match "the sum" 'rows, 1 of them not as declared' "$output" check
}

@test "faults: a child that ends before the server is in accept again interrupts nothing, and that is no other row" {
    STEP=step6_sigchld
    variant -x eintr '/^static .*serve_forever/i static int first = 1;' \
        's|^        if \(close\(connection\) == -1\) perror.*parent.s copy.*|&\n        for (volatile long i = first * 300000000L; i > 0; i--) {}\n        first = 0;|'
    mkdir -p "$LAB_DIR/bin/step6_sigchld"
    mv "$VARIANT" "$LAB_DIR/bin/step6_sigchld/eintr"
    BIN=$LAB_DIR/bin faults --sample eintr
    expect "the status" 0 "$status" "$output"
    expect_match "the rows" 'step6_sigchld-eintr +[1-9][0-9]* rows, all as declared' "$output" judge_server
}

@test "faults: nobody may declare that a server hangs, or that stage 7 leaves a zombie" {
    spoil step7_waitpid.tsv 's/^(server\taccept\tEINTR\t1\t)carries on\t-\t-\t-/\1hangs\t-\t-\t1 zombie/'
    faults --sample 7
    expect "the status" 1 "$status" "$output"
    expect_match "what it says" 'accept EINTR 1: nobody may declare that it "hangs"' "$output" forbidden
    expect_match "what it says" 'what is left \(1 zombie\) is not the flaw of this stage' "$output" forbidden
}

@test "faults: a call that nobody has listed fails: the tables do not go stale" {
    spoil calls.tsv '/^getsockname\t/d'
    faults --sample 7
    expect "the status" 2 "$status" "$output"
    expect_match "what it says" 'the server calls getsockname, which .*/calls\.tsv does not know' "$output" unknown
}

@test "faults: what a process begins and is killed in is no call, as strace does not know it" {
    # shellcheck disable=SC1090 # of the tool itself
    . <(sed -n '/^count_calls() {/,/^}/p' tools/faults)
    cat >"$LAB_DIR/log" <<'END'
17947 rt_sigaction(SIGPIPE, {sa_handler=SIG_IGN}, NULL, 8) = 0
17947 clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID) = 17951
17951 sendto(6, "GET /hello HTTP/1.1"..., 46, 0, NULL, 0 <unfinished ...>
17947 kill(17951, SIGKILL <unfinished ...>
17951 <... sendto resumed>)             = 46
17951 sendmsg(0, 0x4, MSG_CONFIRM <unfinished ...>
17947 <... kill resumed>)               = 0
17951 +++ killed by SIGKILL +++
17947 wait4(-1, [{WIFSIGNALED(s) && WTERMSIG(s) == SIGKILL}], 0, NULL) = 17951
17947 sendmsg(3, 0x4, 0)                = -1 EBADF (Bad file descriptor)
17947 exit_group(1)                     = ?
END
    TABLES=$tables run count_calls "$LAB_DIR/log" 'rt_sigaction(SIGPIPE, '
    expect "the calls" "child sendto 1 0, main ?sendmsg 1 0, main clone 1 0, main exit_group 1 0, main kill 1 0, main rt_sigaction 1 0, \
main wait4 1 0" "$(sort <<<"$output" | paste -sd , | sed 's/,/, /g')" "count_calls in tools/faults"
}

@test "faults: a row that is missing, or one too much, fails" {
    spoil step1_iterative.tsv '/^server\tbind\tEINVAL\t/d'
    faults --sample 1
    expect "the status" 1 "$status" "$output"
    expect_match "what is missing" '< server.bind.EINVAL.1' "$output" check
    cp tests/faults/step1_iterative.tsv "$tables"
    printf 'server\tchroot\tEPERM\t1\tdies\t1\tchroot: No\t-\n' >>"$tables/step1_iterative.tsv"
    faults --sample 1
    expect "the status" 1 "$status" "$output"
    expect_match "what is too much" '> server.chroot.EPERM.1' "$output" check
}

@test "faults: without strace, or where it may not trace, it says what to type" {
    mkdir "$LAB_DIR/strange"
    only_tools "$LAB_DIR/without" bash env timeout dirname nproc sed uname
    PATH=$LAB_DIR/without faults 7
    expect "the status" 2 "$status" "$output"
    expect_match "what it says" '^faults: strace is missing: .* Type: make deps$' "$output" obstacle
    printf '#!/bin/sh\necho "strace: PTRACE_TRACEME: Operation not permitted" >&2; exit 1\n' >"$LAB_DIR/strange/strace"
    chmod +x "$LAB_DIR/strange/strace"
    PATH=$LAB_DIR/strange:$PATH faults 7
    expect "the status" 2 "$status" "$output"
    expect_match "what it says" '^faults: strace may not trace .* Type: [^ ]' "$output" obstacle
}

@test "faults: a program or an option that there is not is refused" {
    faults 8
    expect "the status" 2 "$status" "$output"
    expect_match "what it says" "there is no program '8'" "$output" main
    faults --fast
    expect "the status" 2 "$status" "$output"
    expect_match "what it says" "there is no option '--fast'" "$output" main
}

@test "faults: Ctrl-C leaves no process and no file" {
    mkdir -p "$LAB_DIR/tmp" "$LAB_DIR/bin/step7_waitpid"
    cp "$BIN/step7_waitpid/server" "$LAB_DIR/bin/step7_waitpid" # so that its command line tells whose it is
    background env BIN="$LAB_DIR/bin" TABLES="$tables" TMPDIR="$LAB_DIR/tmp" tools/faults 7
    walking() { ls "$LAB_DIR"/tmp/lab.*/log "$LAB_DIR"/tmp/faults.*/seen.* >/dev/null 2>&1; }
    expect_soon "it walks" tools/faults walking
    interrupt "$BACKGROUND_PID" "$BACKGROUND_PID"
    left() { pgrep -f "^$LAB_DIR/bin|^(strace|bash).*$LAB_DIR/(bin|tmp)" | xargs; }
    none_left() { [ -z "$(left)" ] && [ -z "$(ls "$LAB_DIR/tmp")" ]; }
    seen_none_left() { echo "$(left) $(ls "$LAB_DIR/tmp")"; }
    expect_soon "nothing that it has started is left, and no file" end_all none_left
}

@test "faults: a signal between two rows leaves no file either" {
    mkdir "$LAB_DIR/tmp"
    # shellcheck disable=SC2016 # for the other shell
    run env TMPDIR="$LAB_DIR/tmp" bash -c '. tools/lab.bash; . tools/signals.bash
        . <(sed -n "/^clear_run() {/,/^}/p" tools/faults)
        hang_up() { kill -TERM "$BASHPID"; } # a stub: the moment at which the signal comes
        trap lab_close EXIT
        end_on_signals
        lab_open
        LAB_CONNECTIONS=(9)
        clear_run
        echo went on'
    expect "its status, and what it prints" 143 "$status$output" clear_run
    expect "files left behind" '' "$(ls "$LAB_DIR/tmp")" "lab_end and lab_close in tools/lab.bash"
}
