#!/usr/bin/env bats
#
# The mutants, as far as a few seconds allow: their files are as they should be, and the run says so
# when a mutant is not killed as it should be. `make mutants` runs them all.

ARTICLE_SLEEP=0
load setup

# keep NAME BREAKS SED-SCRIPT: a mutant of step 2 in a directory of its own: an edit of today's source.
keep() {
    export MUTANTS=$LAB_DIR/mutants
    mkdir -p "$MUTANTS/step2_sleep" "$LAB_DIR/a/step2_sleep" "$LAB_DIR/b/step2_sleep"
    cp step2_sleep/server.c "$LAB_DIR/a/step2_sleep"
    sed "$3" step2_sleep/server.c >"$LAB_DIR/b/step2_sleep/server.c"
    {
        printf '%s\n' 'Why: to see what the run says' "Breaks: $2" 'Hint: none'
        (cd "$LAB_DIR" && diff -u a/step2_sleep/server.c b/step2_sleep/server.c)
    } >"$MUTANTS/step2_sleep/$1.patch" || true
}

mutants() {
    run timeout -k 5 120 env JOBS=3 tools/mutants "$@"
}

@test "mutants: all apply to today's source, and are complete; the table in their README is theirs" {
    mutants --check
    expect "the status of tools/mutants --check" 0 "$status" "$output"
    expect_match "its last line" '^[0-9]+ mutants, 0 not as they should be$' "${lines[-1]}" "$output"
    count=$(find tests/mutants -name '*.patch' | wc -l)
    expect "60 mutants or more ($count)" yes "$( ((count >= 60)) && echo yes || echo no)" tests/mutants
    expect "each has its message on record" "$count" "$(find tests/mutants -name '*.expected' | wc -l)" \
        "tools/mutants --record"
    expect "unescaped signs in the table" '' "$(grep -n '<[a-z]*;' tests/mutants/README.md)" "telling in tools/mutants"
    for folder in step*/ client/; do
        expect "mutants of $folder" yes "$(ls "tests/mutants/$folder"*.patch >/dev/null && echo yes)" tests/mutants
    done
}

@test "mutants: one is killed, by which test, and with which words" {
    mutants step2_sleep/longer_queue
    expect "the status" 0 "$status" "$output"
    expect_match "who killed it" '^step2_sleep/longer_queue +killed by 2\.4 ' "$output" tools/mutants
    expect_match "the test's words" 'what: +the limit, Send-Q' "$output" tools/mutants
    expect_match "the last line" '^1 mutants, 1 killed, 0 survived, .* score 100 %$' "${lines[-1]}" tools/mutants
}

@test "mutants: one that survives fails the run, in a clear line; unless its file argues that it changes nothing" {
    keep harmless 2.5 's/socket(AF_INET, SOCK_STREAM, 0)/socket(PF_INET, SOCK_STREAM, 0)/'
    keep renamed 2.5 's/while the server sleeps for one/while it sleeps for one/'
    sed -i '3a Equivalent: it is a comment' "$MUTANTS/step2_sleep/renamed.patch"
    mutants
    expect "the status" 1 "$status" "$output"
    expect_match "the line about it" 'step2_sleep/harmless +SURVIVED: no test tells\. Breaks: 2\.5' "$output" tools/mutants
    expect_match "the line about the other" 'step2_sleep/renamed +equivalent: it is a comment' "$output" tools/mutants
    expect_match "that it is not counted" '1 equivalent, not counted' "$output" tools/mutants
    expect_match "the last line" '^1 mutants, 0 killed, 1 survived, .* score 0 %$' "${lines[-1]}" tools/mutants
}

@test "mutants: one that is killed by another claim's test, or with other words, fails the run" {
    keep other_claim 2.3 's/REQUEST_QUEUE_SIZE = 5/REQUEST_QUEUE_SIZE = 6/'
    keep other_words 2.4 's/REQUEST_QUEUE_SIZE = 5/REQUEST_QUEUE_SIZE = 6/'
    sed 's/^seen:     50$/seen:     7/' tests/mutants/step2_sleep/longer_queue.expected \
        >"$MUTANTS/step2_sleep/other_words.expected"
    mutants
    expect "the status" 1 "$status" "$output"
    expect_match "the line about the first" "other_claim +killed, but by another claim's test than 2\.3: 2\.4 " "$output" tools/mutants
    expect_match "the line about its words" 'its message is not on record: tools/mutants --record step2_sleep/other_claim' \
        "$output" tools/mutants
    expect_match "the line about the other" 'other_words +killed by 2\.4 ' "$output" tools/mutants
    expect_match "the line about its words" 'the message is another one than on record' "$output" tools/mutants
    expect_match "the difference" '-seen:     7.*\+seen:     6' "$output" tools/mutants
}

@test "mutants: one that does not apply any more, or lacks something, fails the run, and is named" {
    keep stale 2.4 's/REQUEST_QUEUE_SIZE = 5/REQUEST_QUEUE_SIZE = 6/'
    sed -i 's/^-enum { DEFAULT_PORT = 8888/-enum { DEFAULT_PORT = 80/' "$MUTANTS/step2_sleep/stale.patch"
    keep nameless 2.4 's/REQUEST_QUEUE_SIZE = 5/REQUEST_QUEUE_SIZE = 6/'
    sed -i /^Hint/d "$MUTANTS/step2_sleep/nameless.patch"
    keep claimless 2.9 's/REQUEST_QUEUE_SIZE = 5/REQUEST_QUEUE_SIZE = 6/'
    mutants
    expect "the status" 1 "$status" "$output"
    expect_match "the stale one" 'stale\.patch does not apply any more: make that edit anew in .*step2_sleep/server\.c' \
        "$output" tools/mutants
    expect_match "the one without a hint" "nameless\.patch: no line 'Hint: \.\.\.'" "$output" tools/mutants
    expect_match "the one of a claim that there is not" "claimless\.patch: no test is called '2\.9" "$output" tools/mutants
    mutants no_such
    expect "the status where there is no such mutant" 2 "$status" "$output"
}

has_begun() {
    ls "$LAB_DIR"/mutants.*/0/tests >/dev/null 2>&1
}
# remain: does anything run in the directory of the run?
remain() {
    readlink /proc/[0-9]*/cwd /proc/[0-9]*/exe 2>/dev/null | grep -q "^$LAB_DIR/mutants\\."
}
are_none() {
    ! remain
}

@test "mutants: ended by Ctrl-C, it leaves no process and no file behind" {
    TMPDIR=$LAB_DIR background tools/mutants step7_waitpid
    expect_soon "mutants are being judged" "$BACKGROUND_OUT" has_begun
    expect_soon "something runs there" "$BACKGROUND_OUT" remain
    interrupt "-$BACKGROUND_PID" "$BACKGROUND_PID" # the whole foreground, as a terminal does
    expect_soon "no process is left" "cleanup in tools/mutants" are_none
    expect "its directories" '' "$(ls -d "$LAB_DIR"/mutants.* 2>/dev/null)" "cleanup in tools/mutants"
}
