#!/usr/bin/env bats
#
# The inputs that fuzzing has kept, given once more to what reads them (tests/fuzz); and make fuzz
# itself, which has to find what is broken.

ARTICLE_SLEEP=0
load setup

REPLAY=${REPLAY:-build/tests/fuzz}

# replays TARGET FILE...: none of these inputs breaks it, nor does any that was kept for it.
replays() {
    local target=$1
    shift
    only_ours "it is our own source that is given inputs"
    run timeout -k 10 300 "$REPLAY/$target" tests/fuzz/corpus/"$target"/* "$@"
    expect "the status of $REPLAY/$target" 0 "$status" "$(tail -n 30 <<<"$output")"
    expect_match "its last line" '^[1-9][0-9]* inputs, no finding$' "${lines[-1]}" tests/fuzz/README.md
}

@test "fuzz: the servers' options, with all inputs that were kept" {
    replays server_options
}

@test "fuzz: the client's options, with all inputs that were kept" {
    replays client_options
}

@test "fuzz: the client's reading of answers, with all inputs that were kept" {
    replays client_answer
}

@test "fuzz: strace's text to rows, with all inputs that were kept and every recorded trace" {
    replays trace_log tests/traces/*.strace
}

@test "fuzz: rows to a picture, with all inputs that were kept and the rows of every picture" {
    replays trace_rows docs/pictures/*.tsv
}

@test "fuzz: each target has inputs, and each folder of inputs a target" {
    expect "the folders in tests/fuzz/corpus" "$(basename -s .c tests/fuzz/*_*.c | xargs)" \
        "$(basename -a tests/fuzz/corpus/* | xargs)" tests/fuzz
    expect "inputs of more than 4 KiB" '' "$(find tests/fuzz/corpus -type f -size +4096c)" "tests/fuzz/README.md"
}

# copy_tree: a copy of what make fuzz needs, in $LAB_DIR/tree, for sources that are broken.
copy_tree() {
    only_ours "it is our own source that is broken"
    unset ASAN_OPTIONS UBSAN_OPTIONS # a report is what is wanted here
    mkdir -p "$LAB_DIR/tree/tests"
    cp -r Makefile client step7_waitpid tools "$LAB_DIR/tree"
    cp -r tests/fuzz "$LAB_DIR/tree/tests"
    cd "$LAB_DIR/tree" || return
}

# broken FILE SED-SCRIPT: breaks a source of the copy.
broken() {
    cp "$1" "$LAB_DIR/whole.c"
    sed -i -E "$2" "$1"
    if cmp -s "$LAB_DIR/whole.c" "$1"; then report "the edit of $1" "$2" "it changes nothing" "$1"; fi
}

@test "fuzz: a client that miscounts the body fails on an input that was kept" {
    copy_tree
    broken client/client.c 's/answer->body >= answer->expected/answer->body > answer->expected/'
    "${CC:-cc}" -o "$LAB_DIR/replay" tests/fuzz/client_answer.c tests/fuzz/replay.c
    run timeout 60 "$LAB_DIR/replay" tests/fuzz/corpus/client_answer/*
    expect_match "its status" '^[1-9]' "$status" "$output"
    expect_match "what it says" 'client_answer.c:[0-9]+: this must hold, and does not: answer_is_whole' "$output" tests/fuzz/fuzz.h
    expect_match "the input that it names" 'Running: tests/fuzz/corpus/client_answer/' "$output" tests/fuzz/replay.c
}

needs_fuzzer() {
    tools/deps check fuzz clang libfuzzer 2>/dev/null || skip_for clang libfuzzer
}

# bring_fuzzer: the fuzzer of server_options, from sources that are not broken, is in the copy; it is built once.
bring_fuzzer() {
    needs_fuzzer
    if [ ! -e "$BATS_FILE_TMPDIR/fuzz" ]; then
        env -u MAKEFLAGS make -s build/fuzz/server_options
        cp -r build/fuzz "$BATS_FILE_TMPDIR"
    fi
    mkdir -p build
    cp -r "$BATS_FILE_TMPDIR/fuzz" build # newer than its sources, so make lets it be
}

# fuzz ARGUMENT...: runs make fuzz in the copy.
fuzz() {
    needs_fuzzer
    run timeout -k 10 120 env -u MAKEFLAGS make -s fuzz "$@"
}

@test "fuzz: what breaks a program is found, kept, and breaks it again" {
    copy_tree
    broken step7_waitpid/server.c '/^static double parse_number/a if (text[0] == 0x37 \&\& text[1] == 0x37) abort();'
    printf -- '-p\n7' >tests/fuzz/corpus/server_options/nearly # one byte away
    fuzz TIME=30 TARGET=server_options
    expect "the status of make fuzz" 2 "$status" "$output"
    expect_match "what it prints" 'server_options +[0-9]+ inputs, FOUND: ' "$output" tools/fuzz
    command=$(sed -n 's/^  to see it again: //p' <<<"$output")
    expect_match "the command" '^build/fuzz/server_options build/fuzz/found/server_options-crash-[0-9a-f]+$' "$command" tools/fuzz
    run bash -c "$command"
    expect_match "what that prints" 'deadly signal' "$output" "$command"
}

@test "fuzz: where nothing is broken it says so, and how many inputs it tried" {
    copy_tree
    bring_fuzzer
    fuzz TIME=1 TARGET=server_options
    expect "its status" 0 "$status" "$output"
    expect_match "what it prints" 'server_options +[1-9][0-9]* inputs, nothing found' "$output" tools/fuzz
    expect "its last line" "Nothing was found." "${lines[-1]}" tools/fuzz
}

@test "fuzz: ended by Ctrl-C, it leaves no process behind" {
    copy_tree
    bring_fuzzer
    background env TIME=100 tools/fuzz server_options
    has_begun() { grep -q '#2' build/fuzz/server_options.log 2>/dev/null; }
    expect_soon "a run has begun" build/fuzz/server_options.log has_begun
    watcher=$(children_of "$BACKGROUND_PID")
    expect_match "the process that it has started" '^[0-9]+$' "$watcher" "run in tools/fuzz"
    fuzzer=$(children_of "$watcher")
    expect_match "the one that this has started" '^[0-9]+$' "$fuzzer" "run in tools/fuzz"
    interrupt "$BACKGROUND_PID" "$BACKGROUND_PID"
    expect "what it has started" - "$(state_of "$watcher")" "its trap"
    expect_soon "the fuzzer has ended, too" "timeout passes the signal on" is_gone "$fuzzer"
}

@test "fuzz: what is wrong with its arguments it says, status 2" {
    for arguments in 'TIME=0' 'TIME=x' 'TIME=1 JOBS=0'; do
        run env "${arguments%% *}" "${arguments##* }" tools/fuzz
        expect "the status with $arguments" 2 "$status" "$output"
        expect_match "what it says" '^fuzz: .* is no number' "$output" tools/fuzz
    done
    run tools/fuzz nonsense
    expect "the status" 2 "$status" "$output"
    expect_match "what it says" "there is no target 'nonsense'" "$output" tools/fuzz
}
