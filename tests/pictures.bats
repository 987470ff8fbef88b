#!/usr/bin/env bats
#
# The pictures: what they show has happened, those that are shown are drawn from the rows beside them,
# and where nothing can be drawn it says why.

ARTICLE_SLEEP=0
load setup

TRACE=${TRACE:-build/tools/trace}
SHOWN=docs/pictures

setup_file() {
    export ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0 # it cannot look for leaks under strace
}

# picture ARGUMENT...: runs the tool, as make does, with a directory of its own.
picture() {
    run timeout 60 env BIN="$BIN" TRACE="$TRACE" OUT="$LAB_DIR/pictures" tools/picture "$@" </dev/null
}

# counted NAME COLUMN: the last value in that column of the counts of NAME, 2 for children, 3 for zombies, 4 for
# descriptors, that the server lived to see.
counted() {
    "$TRACE" counts "$LAB_DIR/pictures/$1.tsv" |
        awk -v column="$2" '!/^#/ && $4 >= 4 { value = $column } END { print value }'
}

# rows NAME EVENT [COLUMN PATTERN]: how many rows of NAME are of that event (and match in that column).
rows() {
    awk -F '\t' -v event="$2" -v column="${3:-3}" -v pattern="${4:-.}" \
        '$3 == event && $column ~ pattern { n++ } END { print n + 0 }' "$LAB_DIR/pictures/$1.tsv"
}

# strange_tool NAME BODY: from here on the picture's tools find this in place of the tool NAME.
strange_tool() {
    mkdir -p "$LAB_DIR/bin"
    printf '#!/bin/sh\n%s\n' "$2" >"$LAB_DIR/bin/$1"
    chmod +x "$LAB_DIR/bin/$1"
    PATH=$LAB_DIR/bin:$PATH
}

@test "picture: step 5's rows hold the five zombies, and their server's four descriptors" {
    picture 5
    expect "the status" 0 "$status" "$output"
    expect "zombies at the end" 5 "$(counted step5_zombie 3)" "$TRACE counts"
    expect "the server's descriptors at the end" 4 "$(counted step5_zombie 4)" "$TRACE counts"
    expect "how many children have been reaped" 0 "$(rows step5_zombie reap)" "$LAB_DIR/pictures/step5_zombie.tsv"
    for file in step5_zombie.svg step5_zombie-counts.svg; do
        expect "$file begins as a picture does, and ends as one" "yes yes" "$(
            head -c 300 "$LAB_DIR/pictures/$file" | grep -q '<svg' && echo yes
        ) $(tail -n 2 "$LAB_DIR/pictures/$file" | grep -q '</svg>' && echo yes)" "tools/picture"
    done
}

@test "picture: step 4's staircase ends with every descriptor that the limit allows, and EMFILE" {
    picture 4-limit
    expect "the status" 0 "$status" "$output"
    expect "connections accepted" 12 "$(rows step4_leak-limit open 4 accept)" "prlimit --nofile=16: 16 less four"
    expect "accepts that failed for want of descriptors" 1 "$(rows step4_leak-limit return 7 EMFILE)" "the rows"
    expect "the server closed a connection so often" 0 \
        "$(awk -F '\t' '$2 == "server" && $3 == "close" && $4 == "close"' "$LAB_DIR/pictures/step4_leak-limit.tsv" | wc -l)" \
        "step4_leak/server.c"
}

@test "picture: step 6, eintr: the handler reaps, accept fails with EINTR, the server dies" {
    picture eintr
    expect "the status" 0 "$status" "$output"
    expect "SIGCHLD was delivered so often" 1 "$(rows step6_sigchld-eintr signal)" "the rows"
    expect "children reaped" 1 "$(rows step6_sigchld-eintr reap)" "the rows"
    expect "accepts that were interrupted" 1 "$(rows step6_sigchld-eintr return 7 EINTR)" "the rows"
    expect "what the tool says of it ends with the server's end" 1 \
        "$(grep -c 'EINTR' <<<"$output")" "$output"
}

@test "picture: step 6 loses two of three signals; step 7, in the same experiment, reaps all three" {
    picture 6
    expect "the status" 0 "$status" "$output"
    expect "signals delivered, lost, children reaped, zombies left" "1 2 1 2" \
        "$(rows step6_sigchld signal) $(rows step6_sigchld lost) $(rows step6_sigchld reap) $(counted step6_sigchld 3)" \
        "$LAB_DIR/pictures/step6_sigchld.tsv"
    picture 7
    expect "the status" 0 "$status" "$output"
    expect "signals delivered, lost, children reaped, zombies left" "1 2 3 0" \
        "$(rows step7_waitpid signal) $(rows step7_waitpid lost) $(rows step7_waitpid reap) $(counted step7_waitpid 3)" \
        "$LAB_DIR/pictures/step7_waitpid.tsv"
}

@test "picture: with ARGS the client makes the reader's own experiment" {
    ARGS="-c 4" picture 7
    expect "the status" 0 "$status" "$output"
    expect_match "what the tool says names the picture" 'pictures/step7_waitpid-yours\.svg: 4 children ended' "$output" \
        "main in tools/picture"
    expect "children" 4 "$(rows step7_waitpid-yours fork)" "the rows"
    expect "the title tells of it" 1 "$(grep -c '<title[^>]*>.*client -c 4' "$LAB_DIR/pictures/step7_waitpid-yours.svg")" \
        "title_of in tools/picture"
    expect "pictures in the name of the stage itself" 0 "$(find "$LAB_DIR/pictures" -name 'step7_waitpid[-.]*' ! -name '*-yours*' | wc -l)" \
        "YOURS in tools/picture"
}

@test "picture: with SERVER another server is drawn, under a name of its own" {
    SERVER=$BIN/step7_waitpid/server picture 5
    expect "the status" 0 "$status" "$output"
    expect_match "what the tool says names the picture" 'pictures/step5_zombie-yours\.svg: 5 children ended' "$output" \
        "main in tools/picture"
    expect "children reaped" 5 "$(rows step5_zombie-yours reap)" "the rows"
    [ ! -e "$LAB_DIR/pictures/step5_zombie.svg" ] ||
        report "step 5's own picture" "not drawn, or as it was" "drawn anew" "YOURS in tools/picture"
}

@test "picture: what the client says of ARGS that it does not take is told" {
    ARGS=--nonsense picture 3
    expect "the status" 1 "$status" "$output"
    expect_match "what it says" "^picture: the client does not take ARGS: client: .*--nonsense" "$output" \
        "await_client in tools/picture"
    expect "pictures drawn" 0 "$(find "$LAB_DIR/pictures" -name '*.svg' | wc -l)" "await_client in tools/picture"
}

@test "picture: a SERVER that cannot be run is told before all else, in one line" {
    : >"$LAB_DIR/plain"
    while read -r program complaint; do
        for step in 3 ''; do
            SERVER=$program picture ${step:+"$step"}
            expect "the status of SERVER=$program" 1 "$status" "$output"
            expect "what it says" "picture: $complaint" "$output" "server_obstacle in tools/picture"
        done
    done <<END
./none there is no program './none'
no-such-program there is no program 'no-such-program'
$LAB_DIR there is no program '$LAB_DIR'
$LAB_DIR/plain '$LAB_DIR/plain' may not be executed: chmod +x $LAB_DIR/plain
END
}

@test "picture: what it says of a run without children is what its clients see" {
    picture 1
    expect "the status" 0 "$status" "$output"
    expect_match "what it says" 'step1_iterative.svg: One client at a time: client 2 waits [0-9.]+ m?s to be accepted\.$' \
        "$output" "trace summary"
}

@test "picture: what is shown is drawn from the rows that lie beside it" {
    for name in $(tools/picture --list); do
        "$TRACE" check "$SHOWN/$name.tsv" || report "the rows in $SHOWN/$name.tsv" "rows that can be" "see above" "make pictures"
    done
    run tools/picture --redraw "$LAB_DIR"
    expect "the status of drawing them again" 0 "$status" "$output"
    for name in $(tools/picture --list); do
        cmp "$SHOWN/$name.svg" "$LAB_DIR/$name.svg" ||
            report "$SHOWN/$name.svg" "drawn from $SHOWN/$name.tsv" "another picture" "make pictures"
    done
}

@test "picture: a program that behaves in another way tells another story" {
    mkdir "$LAB_DIR/bin"
    cp -r "$BIN"/step* "$BIN/client" "$LAB_DIR/bin"
    BIN=$LAB_DIR/bin picture --check step5_zombie
    expect "the status with the program itself" 0 "$status" "$output"
    cp "$BIN/step7_waitpid/server" "$LAB_DIR/bin/step5_zombie/server"
    BIN=$LAB_DIR/bin picture --check step5_zombie
    expect "the status with step 7's program in the place of step 5's" 1 "$status" "$output"
    expect_match "what it says" 'step5_zombie.svg tells another story' "$output" "trace story"
}

@test "picture: a process number with more or fewer digits is no other story" {
    sed 's/Child  *child/Child      child/' "$SHOWN/step6_sigchld-eintr.tsv" >"$LAB_DIR/padded.tsv"
    expect "rows that differ" 1 "$(diff "$SHOWN/step6_sigchld-eintr.tsv" "$LAB_DIR/padded.tsv" | grep -c '^>')" "this test's sed"
    expect "the story" "$("$TRACE" story "$SHOWN/step6_sigchld-eintr.tsv")" "$("$TRACE" story "$LAB_DIR/padded.tsv")" \
        "write_anonymous in tools/trace/main.c"
}

@test "picture: each picture stands in a README, with a text for those who do not see it" {
    for name in $(tools/picture --list); do
        readme=${name%-*}/README.md
        expect "pictures in $readme that are $name.svg and have a text" 1 \
            "$(grep -cE "^!\[.{40,}\]\(\.\./docs/pictures/$name\.svg\)" "$readme")" "$readme"
    done
    expect "the stages beside each other, on the front page of the pictures" 1 \
        "$(grep -c '!\[.*\](counts\.svg)' docs/pictures/README.md)" docs/pictures/README.md
}

@test "picture: text is text, described, and fit for a dark page" {
    for needed in '<title' '<desc' '<text' 'prefers-color-scheme: *dark' viewBox; do
        expect "pictures without $needed" '' "$(grep -LE "$needed" "$SHOWN"/*.svg)" "$SHOWN"
    done
    expect "scripts and things from elsewhere" '' "$(grep -nE '<script|<image|@import|url\(.?http' "$SHOWN"/*.svg)" "$SHOWN"
}

@test "picture: a stage that there is not is refused: one line, one of usage, status 2" {
    for step in '' 8 x step9_x 6-127; do
        picture "$step"
        expect "the status of STEP='$step'" 2 "$status" "$output"
        expect "how many lines it prints" 2 "${#lines[@]}" "$output"
    done
    picture 1 2
    expect "the status with two" 2 "$status" "$output"
}

@test "picture: without strace, or without gnuplot, it says what to type" {
    only_tools "$LAB_DIR/neither" bash env timeout dirname
    only_tools "$LAB_DIR/strace" bash env timeout dirname strace
    while read -r tools missing; do
        PATH=$LAB_DIR/$tools picture 5
        expect "the status without $missing" 1 "$status" "$output"
        expect "what it says" "picture: $missing is missing: make deps installs it" "$output" "obstacle in tools/picture"
    done <<END
neither strace
strace gnuplot
END
}

@test "picture: where strace may not trace, it says so, and what helps" {
    # its first line has the reason; the others follow from that
    strange_tool strace 'echo "strace: test_ptrace_get_syscall_info: PTRACE_TRACEME: Operation not permitted" >&2
        echo "strace: detach: waitpid(7): No child processes" >&2; exit 1'
    picture 5
    expect "the status" 1 "$status" "$output"
    expect_match "what it says" '^picture: strace may not trace here \(Operation not permitted\)\. .*--cap-add=SYS_PTRACE$' "$output" "obstacle in tools/picture"
}

@test "picture: an empty trace is told, with the file's name" {
    # shellcheck disable=SC2016 # the script's variables
    strange_tool strace 'while :; do
        case $1 in
        -o) : >"$2"; shift 2 ;;
        -e | -s) shift 2 ;;
        -*) shift ;;
        *) "$@"; exit ;;
        esac
    done'
    picture 5
    expect "the status" 1 "$status" "$output"
    expect_match "what it says" 'step5_zombie.*(empty|nothing)' "$output" "trace read"
}

@test "picture: ended by Ctrl-C, it leaves no process behind" {
    (clean env BIN="$BIN" TRACE="$TRACE" OUT="$LAB_DIR/pictures" tools/picture 2) >"$LAB_DIR/out" 2>&1 &
    tool=$!
    LAB_SERVERS+=("$tool")
    recorded() { compgen -G "$LAB_DIR/pictures/step2_sleep.client*" >/dev/null; }
    expect_soon "it records" tools/picture recorded
    interrupt "$tool" "$tool"
    left() { pgrep -f "^[^ ]*(strace|server|client) .*$LAB_DIR/pictures" | xargs; }
    none_left() { [ -z "$(left)" ]; }
    seen_none_left() { left; }
    expect_soon "no strace that still writes to its directory" lab_close none_left
}
