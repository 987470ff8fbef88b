#!/usr/bin/env bats
#
# Hints and progress: what is passed, what is next, and the watch mode, in a terminal of its own (tmux).
#
# The exercises are three of the test's own, and so is who grades: a program that has "solved NAME" in it passes, one
# with "slow" in it is judged until the test lets it go. That the real one is asked is tested with the hand-out.

# shellcheck disable=SC2030,SC2031 # each test is a shell of its own
ARTICLE_SLEEP=0
load setup
load terminal
LOOK_AT_SCREEN="watch in tools/classroom/progress"

unset EX LEVEL SERVER FORMAT WATCH AGAIN JOBS UNSAFE STUDENT TMUX NO_COLOR MAKEFLAGS MAKELEVEL

setup() {
    set +T # as setup.bash does
    lab_open
    LAB_DEADLINE=$((LAB_DEADLINE * 3)) # each answer takes dozens of processes
    CLASS=$LAB_DIR/class
    mkdir -p "$CLASS/tools/classroom" "$CLASS/beyond/exercises"
    cp "$ROOT"/tools/*.bash "$CLASS/tools"
    cp "$ROOT"/tools/classroom/{exercises.bash,progress,hint,report,judge} "$CLASS/tools/classroom"
    local number=0
    for name in one two three; do
        number=$((number + 1))
        mkdir "$CLASS/beyond/exercises/$name"
        printf 'number=%d\ntitle="The exercise %s"\nbase=base/%d.c\nsolution=base/%d.c\n' \
            "$number" "$name" "$number" $((number + 1)) >"$CLASS/beyond/exercises/$name/exercise"
        : >"$CLASS/beyond/exercises/$name/judge.bash"
        printf '# Hints\n\n## 1\n\nLook at %s.\n\n## 2\n\nLook again,\nand longer, at %s: %s.\n\n- %s\n\n    code;\n\n## 3\n\nNearly all of %s.\n' \
            "$name" "$name" "$(printf 'word %.0s' {1..30})" "$(printf 'item %.0s' {1..30})" "$name" >"$CLASS/beyond/exercises/$name/hints.md"
    done
    printf '/*\n * Exercise 1, one: The exercise one.\n */\nbegin one\n' >"$CLASS/beyond/exercises/one/begin.c"
    cat >"$CLASS/tools/classroom/grade" <<'STUB'
#!/usr/bin/env bash
echo "$EX" >>asked
if grep -q mute "$SERVER"; then echo "grade: it cannot be judged here" >&2; exit 2; fi
if grep -q slow "$SERVER"; then : >judging; trap ': >ended; exit 1' TERM; until [ -e go ]; do sleep 0.02; done; fi
if grep -q unbuilt "$SERVER"; then
    printf '10\t0\tthe program can be built\twhat the compiler says\tno error\tan error\tread it\nEND\t0\t10\n'
    exit 1
fi
if grep -q "solved $EX" "$SERVER"; then earned=10; else earned=1; fi
if ((earned < 10)); then why=$'\tthe state\tsolved\tnot solved\twrite solved'; else why=$'\t\t\t\t'; fi
printf '10\t%d\tIt is solved%s\nEND\t%d\t10\n' "$((earned / 10 * 10))" "$why" "$((earned / 10 * 10))"
((earned == 10))
STUB
    chmod +x "$CLASS/tools/classroom/grade"
    cd "$CLASS" || return
}

teardown() {
    in_tmux kill-server 2>/dev/null || true
    lab_close
}

# progress [NAME=VALUE...]: what it says, without a terminal.
progress() {
    run --separate-stderr timeout 60 env "$@" tools/classroom/progress </dev/null
}
hint() {
    run --separate-stderr timeout 10 env "$@" tools/classroom/hint </dev/null
}
# How often the judge was asked since the last time.
asked() {
    if [ -e asked ]; then wc -l <asked; else echo 0; fi
    rm -f asked
}

@test "hint: that section and no more; without LEVEL the first; without EX the exercises" {
    hint EX=two
    expect "the status" 0 "$status" "$stderr"
    expect "what it prints" "Look at two." "$output" tools/classroom/hint
    hint EX=3 LEVEL=3
    expect "what it prints for a number" "Nearly all of three." "$output" tools/classroom/hint
    hint
    expect "the status without EX" 0 "$status" "$stderr"
    expect "the first line" ' 1  one        The exercise one' "${lines[0]}" tools/classroom/hint
}

@test "hint: in rot13, as in a hand-out, they are the same" {
    hint EX=two LEVEL=2
    plain=$output
    tr A-Za-z N-ZA-Mn-za-m <beyond/exercises/two/hints.md >beyond/exercises/two/hints.rot13
    rm beyond/exercises/two/hints.md
    hint EX=two LEVEL=2
    expect "the hint" "$plain" "$output" tools/classroom/hint
}

@test "hint: bad input is refused: one line, status 2" {
    local args
    for args in EX=four EX=../one EX=0 "EX=one LEVEL=4" "EX=one LEVEL=0" "EX=one LEVEL=x" "EX=one LEVEL=11"; do
        # shellcheck disable=SC2086 # words
        hint $args
        expect "the status of $args" 2 "$status" "$output"
        expect "what it prints" '' "$output" tools/classroom/hint
        expect_match "what it says" '^hint: there is no (exercise|LEVEL)' "$stderr" tools/classroom/hint
        expect "in how many lines" 1 "${#stderr_lines[@]}" "$stderr"
    done
}

@test "progress: first nothing is begun but the first exercise, which is put there; then one after the other" {
    progress
    expect "the status" 0 "$status" "$stderr"
    expect_match "what is said of the first" '^ 1  one        0 of 10 ' "${lines[0]}" "$stderr"
    expect_match "what is said of the second" '^ 2  two        not begun ' "${lines[1]}" "$stderr"
    expect_match "what is next" 'Next: one\. .*exercises/one\.c is its beginning.*make grade EX=one  ' "$output" show_next
    expect "its beginning" "$(<beyond/exercises/one/begin.c)" "$(<exercises/one.c)" begin
    echo "solved one" >>exercises/one.c
    progress
    expect_match "what is said of the first" '^ 1  one        passed ' "${lines[0]}" "$stderr"
    expect_match "what is next" 'Next: two\. .*exercises/two\.c is a copy of your exercises/one\.c' "$output" begin
    expect "what the second begins with: one's own program, its head aside" \
        "$(printf '/*\n * Exercise 2, two: The exercise two.\n */\nbegin one\nsolved one')" "$(<exercises/two.c)" change_head
    echo "solved two" >>exercises/two.c
    progress
    echo "solved three" >>exercises/three.c
    progress
    expect_match "the end" '3 of 3 passed.*There is no next one: you have done them all\.$' "$output" show_next
}

@test "progress: a program that is there is never overwritten" {
    mkdir exercises
    for name in one two three; do echo "mine $name" >"exercises/$name.c"; done
    for _ in 1 2; do progress; done
    progress EX=two
    for name in one two three; do expect "exercises/$name.c" "mine $name" "$(<"exercises/$name.c")" begin; done
}

@test "progress: it judges what has changed, and nothing else; AGAIN=1 all" {
    mkdir exercises
    for name in one two three; do echo "solved $name" >"exercises/$name.c"; done
    progress
    expect "how many were judged at first" 3 "$(asked)" "$output$stderr"
    progress
    expect "how many were judged then" 0 "$(asked)" is_known
    echo more >>exercises/two.c
    progress
    expect "how many were judged when one was changed" 1 "$(asked)" is_known
    echo "# more" >>beyond/exercises/one/judge.bash
    progress
    expect "how many were judged when a judge was changed" 1 "$(asked)" set_key
    progress AGAIN=1
    expect "how many were judged again" 3 "$(asked)" "$output"
}

@test "progress: EX chooses another; one that begins with a program that is not passed is refused, and why" {
    progress EX=three
    expect "the status" 2 "$status" "$output"
    expect "what it says" "progress: three begins with your own solution of two, which is not passed yet" "$stderr" begin
    echo begin three >beyond/exercises/three/begin.c
    progress EX=3
    expect_match "what is next" 'Next: three\.' "$output" "$stderr"
    expect "whether the first was begun, too" no "$([ -e exercises/one.c ] && echo yes || echo no)" choose
    for bad in EX=four EX=0 JOBS=0 JOBS=x; do
        progress "$bad"
        expect "the status of $bad" 2 "$status" "$output"
        expect "how many lines it says" 1 "${#stderr_lines[@]}" "$stderr"
    done
}

# has_program NAME: is there a program of the student's for that exercise? Prints yes or no.
has_program() {
    if [ -e "exercises/$1.c" ]; then echo yes; else echo no; fi
}

# class_at NAME: this is a hand-out for a class that is at that exercise.
class_at() {
    echo "$1" >tools/classroom/upto
    echo "begin $1" >"beyond/exercises/$1/begin.c"
}
# solve NAME...: the student's programs for these are right.
solve() {
    local name
    for name; do echo "solved $name" >"exercises/$name.c"; done
}

@test "progress: in a hand-out for a class at an exercise it begins there; what is before it is taken for done" {
    class_at two
    progress
    expect "the status" 0 "$status" "$stderr"
    expect_match "what is said of the first" '^ 1  one        taken for done  The exercise one' "${lines[0]}" is_done
    expect_match "what is said of the third" '^ 3  three      not begun       The exercise three' "${lines[2]}" show_all
    expect_match "what is passed, and what is next" '0 of 3 passed, 1 taken for done\..*Next: two\. ' "$output" choose
    expect "what the second begins with" "begin two" "$(<exercises/two.c)" begin
    expect "whether the first has been begun" no "$(has_program one)" choose
    solve two
    progress
    expect_match "what is next, with that one passed" '1 of 3 passed, 1 taken for done\..*Next: three\. ' "$output" choose
    solve three
    progress
    expect_match "the end" '2 of 3 passed, 1 taken for done\..*There is no next one: .* but for what is taken for done\.$' "$output" choose
    expect "whether the first has been begun in the end" no "$(has_program one)" choose
}

@test "progress: in such a hand-out, too, one can do an earlier one; once begun it counts" {
    class_at two
    progress EX=one
    expect_match "what is next, when asked for" ' 1  one        0 of 10 .*0 of 3 passed\..*Next: one\. ' "$output" "$stderr"
    progress
    expect_match "what is next, when not" ' 1  one        0 of 10 .*Next: two\. ' "$output" choose
    solve two three
    progress
    expect_match "what is next, when all the others are passed" '2 of 3 passed\..*Next: one\. ' "$output" choose
    solve one
    progress
    expect_match "the end" '3 of 3 passed\..*There is no next one' "$output" choose
    rm exercises/*
    class_at three
    progress
    expect_match "what is next in a later hand-out" '0 of 3 passed, 2 taken for done\..*Next: three\. ' "$output" read_class
}

@test "progress: what cannot be judged is said to be so, with the reason, and judged another time" {
    mkdir exercises
    echo mute >exercises/one.c
    progress
    expect "the status" 0 "$status" "$stderr"
    expect_match "what is said" ' 1  one        not judged .*grade: it cannot be judged here' "$output" "$stderr"
    asked
    progress
    expect_match "how often it was judged then" '^[1-9]$' "$(asked)" judge_program
}

@test "progress: ended by a signal, it ends the judging, too" {
    mkdir exercises
    echo slow >exercises/one.c
    background env tools/classroom/progress
    expect_soon "the judging goes on" start_job test -e judging
    kill -TERM "$BACKGROUND_PID"
    expect_soon "it has ended" end_jobs is_gone "$BACKGROUND_PID"
    expect_soon "the judging has been ended" end_jobs test -e ended
}

# repository ARGUMENT...: what make says there, with the repository's Makefile, where nothing is built.
repository() {
    cp "$ROOT/Makefile" .
    run --separate-stderr timeout 60 make --no-print-directory "$@" </dev/null
}

@test "make grade prints the report alone, and builds nothing" {
    echo "solved one" >mine.c
    repository grade EX=one SERVER=mine.c FORMAT=tsv
    expect "the status" 0 "$status" "$stderr"
    expect "what is on standard output" "$(printf '10\t10\tIt is solved\t\t\t\t\nEND\t10\t10')" "$output" "grade in Makefile"
}

@test "make grade judges exercises/NAME.c unless told otherwise" {
    mkdir exercises
    echo "solved one" >exercises/one.c
    echo "nothing" >mine.c
    repository grade EX=one FORMAT=tsv
    expect_match "what is said of exercises/one.c" '^10[[:blank:]]10' "$output" "$stderr"
    repository grade EX=one SERVER=mine.c FORMAT=tsv
    expect_match "what is said of another one" '^10[[:blank:]]0' "$output" "$stderr"
}

@test "make exercises builds the programs, and says of one that cannot be built what the compiler says" {
    mkdir exercises
    echo 'int main(void) { return 0; }' >exercises/one.c
    repository exercises
    expect "the status" 0 "$status" "$output$stderr"
    expect "what it says on standard error" '' "$stderr" "exercises in Makefile"
    expect "what is built" build/exercises/one "$(find build -type f -perm -1)" "exercises in Makefile"
    echo 'int main(void) { return nothing; }' >exercises/two.c
    repository exercises
    expect "the status with one that cannot be built" 2 "$status" "$output"
    expect "who speaks, the compiler's pictures aside" "exercises/two.c make" \
        "$(printf '%s\n' "${stderr_lines[@]}" | sed '/^ /d; s/:.*//' | sort -u | xargs)" "$stderr"
    repository clean
    expect "what make clean leaves of programs" 'exercises/one.c exercises/two.c' "$(echo exercises/*)" "clean in Makefile"
    expect "whether it leaves what was built" no "$([ -e build ] && echo yes || echo no)" "clean in Makefile"
}

@test "progress: a program that cannot be built is told from one that has no points" {
    progress
    expect_match "what is said of a beginning" ' 1  one        0 of 10 ' "$output" read_verdict
    echo unbuilt >exercises/one.c
    progress
    expect_match "what is said of a program that cannot be built" ' 1  one        no build +The exercise one' "$output" read_verdict
}

@test "progress: a WATCH that is none is refused: one line, status 2" {
    progress WATCH=yes
    expect "its status" 2 "$status" "$output"
    expect "what it says" "progress: WATCH=yes: WATCH=1 watches, and nothing else does" "$stderr" "WATCH in tools/classroom/progress"
}

# --- watch mode ----------------------------------------------------------------------------------

# watch [PREFIX...]: opens the watch mode in a terminal of 80x24. What the terminal was like before and after is in
# $LAB_DIR, and so is the exit status; WATCHER is its process.
watch() {
    command -v tmux >/dev/null || skip_for tmux
    in_terminal env WATCH=1 "$@" tools/classroom/progress
    see "the keys" '^\[h\] hint  \[n\] next exercise  \[q\] quit'
    WATCHER=$(children_of "$(in_tmux display-message -p '#{pane_pid}')")
}
# close_terminal: ends tmux's server, and waits until its process is gone: until then the next one would ask it.
close_terminal() {
    local server
    server=$(in_tmux display-message -p '#{pid}')
    in_tmux kill-server
    expect_soon "tmux's server has ended" "ps -p $server" is_gone "$server"
    rm -f "$LAB_DIR/status"
}
# save TEXT: as an editor that writes into the file; replace TEXT: as one that puts another file into its place.
save() {
    echo "$1" >exercises/one.c
}
replace() {
    echo "$1" >exercises/.one.c.new
    mv exercises/.one.c.new exercises/one.c
}

# has_left STATUS HOW: has it ended so, is the terminal as it was, and nothing left?
has_left() {
    expect_soon "$2 ends it" "watch in tools/classroom/progress" has_status
    expect "$2: the status" "$1" "$(<"$LAB_DIR/status")" "$(<"$LAB_DIR/complaint")"
    expect_soon "$2: the terminal is as it was, as stty tells" "close_watch, the guard" is_as_before
    expect_soon "$2: no process is left" close_watch none_left
    expect "$2: what is in exercises" one.c "$(ls -A exercises)" close_watch
}
is_as_before() {
    [ "$(<"$LAB_DIR/before")" = "$(in_tmux display-message -p '#{pane_tty}' | xargs stty -g -F)" ]
}
# (By its folder: nobody else has that.)
none_left() {
    local pid state
    for pid in /proc/[0-9]*; do
        if [ "$(readlink "$pid/cwd" 2>/dev/null)" = "$CLASS" ] && [[ $(tr '\0' ' ' <"$pid/cmdline" 2>/dev/null) == @(bash tools/classroom/*|inotifywait *|cat |*TTOU*) ]]; then
            state=$(state_of "${pid##*/}")
            [[ $state == [-ZX] ]] || return 1
        fi
    done
}

@test "progress: watch mode judges again on each save, be it by another file in its place" {
    watch
    see "what is missing" '0 of 10 +It is solved' 'try next +write solved'
    save "solved one"
    see "that it is passed" '^Passed\.'
    replace "nothing"
    see "that it is not" '0 of 10 +It is solved'
    replace "solved one"
    see "that it is passed again" '^Passed\.'
    press q
    has_left 0 'the key q'
}

@test "progress: watch mode, h: the next hint each time; n: the next exercise" {
    watch
    press h
    see "the first hint" 'Look at one\.'
    press h
    see "the second, in lines of 80 columns at most" 'Look again, and longer, at one: word word'
    press h
    see "the third" 'Nearly all of one\.'
    press h
    see "that there is no more" 'That was the last hint'
    press n
    see "that the next cannot be begun yet" 'two begins with your own solution of one, which is not passed'
    save "solved one"
    see "that it is passed" '^Passed\.'
    press n
    see "the next" 'exercises/two.c, for exercise 2 of 3' '0 of 10'
    press h
    see "its first hint" 'Look at two\.'
    press q
    expect_soon "q ends it" watch has_status
}

@test "progress: watch mode, n: what is taken for done is no next one" {
    echo two >tools/classroom/upto
    for name in two three; do echo "begin $name" >"beyond/exercises/$name/begin.c"; done
    watch EX=three
    press n
    see "that it goes on with the second" 'exercises/two.c, for exercise 2 of 3' '0 of 10'
    press q
    expect_soon "q ends it" watch has_status
}

@test "progress: watch mode: a save while it judges begins anew; q does not wait for it" {
    watch
    save "slow"
    expect_soon "the judging goes on" rejudge test -e judging
    save "solved one"
    see "the verdict of what was saved last" '^Passed\.'
    expect_soon "the judging of the other was ended" end_jobs test -e ended
    rm judging
    save "slow again"
    expect_soon "the judging goes on" rejudge test -e judging
    press q
    has_left 0 'the key q'
}

@test "progress: watch mode: a program that is gone is waited for" {
    watch
    rm exercises/one.c
    : >exercises/other.c
    see "that it is gone" 'There is no exercises/one.c any more'
    replace "solved one"
    see "that it is passed" '^Passed\.'
}

@test "progress: watch mode: Ctrl-C, TERM, HUP: the terminal is given back, and nothing is left" {
    local signal
    watch
    press C-c
    has_left 130 Ctrl-C
    for signal in TERM HUP; do
        close_terminal
        watch
        kill "-$signal" "$WATCHER"
        has_left $((128 + $(kill -l "$signal"))) "SIG$signal"
    done
}

@test "progress: watch mode: even after SIGKILL" {
    watch
    save slow
    expect_soon "the judging goes on" rejudge test -e judging
    kill -KILL "$WATCHER"
    expect_soon "it has ended" watch has_status
    expect_soon "the terminal is as it was, as stty tells" "the guard" is_as_before
    expect_soon "no process is left" "the guard" none_left
}

@test "progress: watch mode: a terminal that goes away ends it" {
    watch
    in_tmux kill-server
    expect_soon "it is gone" read_keys is_gone "$WATCHER"
    expect_soon "no process is left" close_watch none_left
}

@test "progress: watch mode without inotifywait looks each second, and says so" {
    only_tools "$LAB_DIR/bin" bash sh env cat rm mkdir ln sed awk grep cksum sort nproc setsid setpriv stty stat sleep mv cp tr xargs mktemp dirname head tail
    watch PATH="$LAB_DIR/bin"
    see "how it looks" 'By a look each second: inotifywait is missing'
    replace "solved one"
    see "that it is passed" '^Passed\.'
    press q
    has_left 0 'the key q'
}

@test "progress: watch mode looks each second where inotifywait sees nothing, or fails, and says so" {
    local script
    for script in 'exec sleep 1000' 'exit 1'; do
        mkdir -p "$LAB_DIR/stub"
        printf '#!/bin/sh\n%s\n' "$script" >"$LAB_DIR/stub/inotifywait"
        chmod +x "$LAB_DIR/stub/inotifywait"
        watch PATH="$LAB_DIR/stub:$PATH"
        see "how it looks" 'By a look each second: inotify does not tell of saves'
        save "solved one"
        see "that it is passed" '^Passed\.'
        press q
        has_left 0 'the key q'
        close_terminal
        rm exercises/one.c
    done
}

@test "progress: watch mode without a terminal reads no keys, and judges on each save all the same" {
    WATCH=1 background tools/classroom/progress
    expect_soon "it says that it reads no keys" tail_lines grep -q 'no keys are read' "$BACKGROUND_OUT"
    expect_soon "it has judged" show grep -q '0 of 10' "$BACKGROUND_OUT"
    replace "solved one"
    expect_soon "it has judged again" show grep -q '^Passed' "$BACKGROUND_OUT"
    expect "escape sequences" 0 "$(grep -c $'\e' "$BACKGROUND_OUT")" head_line
    kill -TERM "$BACKGROUND_PID"
    expect_soon "TERM ends it" end_on_signals is_gone "$BACKGROUND_PID"
    expect_soon "no process is left" close_watch none_left
}

@test "hint: on a terminal in lines of 80 columns; code stays" {
    command -v tmux >/dev/null || skip_for tmux
    in_tmux new-session -d -x 120 -y 24 -- sh -c 'EX=two LEVEL=2 tools/classroom/hint; exec sleep 1000'
    see "the hint" 'Look again, and longer' '^    code;' '^- item' 'One more: make hint EX=two LEVEL=3'
    expect "lines longer than 80 columns" 0 "$(screen | grep -cE '.{81}')" tools/classroom/hint
}
