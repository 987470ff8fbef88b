#!/usr/bin/env bats
#
# The tour and the other tools: what they show is true, and they say so when it is not.

ARTICLE_SLEEP=0
load setup

# tour [STEP]: runs the tour without a terminal, with the programs of $BIN, at a port that is free.
tour() {
    export ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0 # it lets servers run short of what that needs
    run timeout 60 env BIN="$BIN" PORT="${PORT:-0}" tools/tour "$@" </dev/null
}

# swap STAGE OTHER: from here on the tour finds the program of stage OTHER in the place of STAGE's.
swap() {
    mkdir "$LAB_DIR/bin"
    cp -r "$BIN"/step* "$BIN/client" "$LAB_DIR/bin"
    cp "$BIN/$2" "$LAB_DIR/bin/$1"
    BIN=$LAB_DIR/bin
}

@test "tour: a stage's observations come out, and it ends with status 0" {
    tour 7
    expect "its status" 0 "$status" "$output"
    expect_match "its last line" '^All [0-9]+ observations came out\.$' "${lines[-1]}" tools/tour
    expect "escape sequences where there is no terminal" 0 "$(grep -c $'\e' <<<"$output")" tools/tour
}

@test "tour: a stage may be called by its name" {
    tour step5_zombie
    expect "its status" 0 "$status" "$output"
    expect_match "what it shows" 'Step 5 of 7: step5_zombie' "$output" tools/tour
}

@test "tour: before the client that gets no end of file nothing names the line that step 4 lacks" {
    tour 4
    expect "its status" 0 "$status" "$output"
    expect_match "what it shows first" 'no end of file: \*1\* connection' "${output%%\$ ls /proc/*}" tools/tour
    expect "how often that speaks of close" 0 "$(grep -ciE 'clos|copy' <<<"${output%%\$ ls /proc/*}")" "step_4 in tools/tour"
    expect_match "what it says next" 'it does not close' "$(tr -s ' \n' ' ' <<<"${output#*\$ ls /proc/}")" tools/tour
    tour 3
    expect "how often what step 3 says of the next one speaks of it" 0 \
        "$(sed -n '/^Next: /,/^$/p' <<<"$output" | grep -ciE 'clos|copy')" "step_3 in tools/tour"
}

@test "tour: a broken stage that is mended does not pass: status 1, and what was expected" {
    swap step5_zombie/server step7_waitpid/server
    LAB_DEADLINE=1 tour 5
    expect "its status" 1 "$status" "$output"
    expect_match "what it says" 'NOT AS EXPECTED: \*0\* zombies' "$output" tools/tour
    expect_match "its last line" '^[0-9]+ of [0-9]+ observations did not come out' "${lines[-1]}" tools/tour
}

@test "tour: when its port is taken, it takes another and says so" {
    start_server "$BIN/step1_iterative/server" -p 0
    tour 7
    expect "its status" 0 "$status" "$output"
    expect_match "what it says" "Port $PORT is taken" "$output" tools/tour
}

@test "tour: a step that there is not is refused: one line, usage, status 2" {
    for step in 0 8 x step9_x; do
        tour "$step"
        expect "the status of tools/tour $step" 2 "$status" "$output"
        expect_match "what it says" "there is no step '$step'" "${lines[0]}" tools/tour
        expect "how many lines it prints" 2 "${#lines[@]}" "$output"
    done
}

clients_run() {
    [ "$(pgrep -c -g "$tour" -x client)" -eq 3 ]
}

@test "tour: ended by Ctrl-C, it leaves no process behind" {
    (clean env BIN="$BIN" PORT=0 tools/tour 2) >"$LAB_DIR/tour" 2>&1 &
    tour=$!
    LAB_SERVERS+=("$tour")
    expect_soon "the tour's client and its two processes wait for the server" tools/tour clients_run
    interrupt "-$tour" "$tour" # the whole foreground, as a terminal does
    started=$(sed -n 's/.*server -p \([0-9]*\) -s 2 &/\1/p' "$LAB_DIR/tour")
    expect_match "the port of the server that it had started" '^[0-9]+$' "$started" "$LAB_DIR/tour"
    expect "who listens there" '' "$(ss -Hltn "sport = :$started")" "lab_close"
}

@test "tools/signals: a signal in the midst of an expansion ends a tool, too, and by its EXIT trap" {
    local signal
    for signal in HUP INT TERM; do
        # shellcheck disable=SC2016 # the other shell's
        run env --default-signal bash -c '. "$0/tools/signals.bash"; trap "echo tidied up" EXIT; end_on_signals
            true "$(kill -"$1" $$)" "$(echo)"; echo went on' "$ROOT" "$signal"
        expect "what is said, after $signal" 'tidied up' "$output" "end_on_signals: bash 5.2 reads a trap within \$(...) up to its )"
        expect "the status, after $signal" "$((128 + $(kill -l "$signal")))" "$status" end_on_signals
    done
}

@test "tools/test: a stage that there is not, or a SERVER without STEP, is refused" {
    run env STEP=step8_x SERVER= tools/test
    expect "the status with STEP=step8_x" 2 "$status" tools/test
    expect_match "what it says" "there are no tests named 'step8_x'" "$output" tools/test
    run env STEP= SERVER=./mine tools/test
    expect "the status with SERVER and no STEP" 2 "$status" tools/test
    expect_match "what it says" 'SERVER=... needs STEP=' "$output" tools/test
}

@test "tools/test: no tests, or no number of jobs, is refused; so it is by the mutants and the faults" {
    run env -u STEP tools/test nonsense
    expect "the status of tools/test nonsense" 2 "$status" "$output"
    expect_match "what it says" "^test: there are no such tests: tools/test nonsense" "$output" tools/test
    run make fuzz TARGET=clean
    expect "the status of make fuzz TARGET=clean" 2 "$status" "$output"
    expect_match "what it says" "fuzz: there is no target 'clean'" "$output" Makefile
    for tool in test mutants faults; do
        for jobs in 0 x; do
            run env JOBS="$jobs" timeout 10 "tools/$tool"
            expect "the status of tools/$tool with JOBS=$jobs" 2 "$status" "$output"
            expect "what it says" "$tool: JOBS=$jobs is not a number from 1 to 999" "$output" "tools/$tool"
        done
    done
}

@test "tools/test: a server that is not there is not tested, and why" {
    run env STEP=7 SERVER=/nowhere/server SERVER_ARGS= JOBS=1 tools/test bats
    expect "the status" 2 "$status" tools/test
    expect_match "what it says" '/nowhere/server.*No such file' "$output" tools/test
    expect_match "its last line" '^test: so nothing was tested$' "${lines[-1]}" tools/test
}

@test "tools/deps: what is wrong with its argument it says, status 2" {
    run tools/deps nonsense
    expect "the status" 2 "$status" tools/deps
    expect_match "what it says" 'usage: tools/deps test\|lint\|fuzz\|beyond\|classroom\|browser\|check' "$output" tools/deps
}

@test "tools/deps: what is missing for the tests it says in one line, status 2" {
    mkdir "$LAB_DIR/bin"
    for tool in bash env make cc mkdir dirname cmp echo sh; do
        ln -s "$(command -v "$tool")" "$LAB_DIR/bin/$tool"
    done
    run env PATH="$LAB_DIR/bin" tools/deps check test
    expect "the status" 2 "$status" tools/deps
    expect_match "what it says" '^test: missing: bats .*curl ss ps .*\. Type: make deps$' "$output" tools/deps
}
