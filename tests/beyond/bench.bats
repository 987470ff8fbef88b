#!/usr/bin/env bats
#
# make bench: its figures are computed as it says, what it compares runs side by side, a request that
# failed is seen, and nothing stays behind. (How fast anything is, no test says.)

load setup

BENCH=beyond/bench/bench
TOOLS=$ROOT/build/bench
PYTHON=${PYTHON:-python3}

# bench VARIABLE=VALUE...: a run of it, as small as can be, with files of its own.
bench() {
    mkdir -p "$LAB_DIR/tmp"
    run timeout 120 env TMPDIR="$LAB_DIR/tmp" OUT="$LAB_DIR/out" ROUNDS=2 TIME=0.1 "$@" "$BENCH"
}

# figures CODE: what Python prints for it, with bench's functions.
figures() {
    PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=beyond/bench "$PYTHON" -c "from figures import *
$1"
}

# runs COLUMN: this column of the runs, in the order in which they began.
runs() {
    tail -n +2 "$LAB_DIR/out/runs.tsv" | sort -t $'\t' -k5,5n | cut -f "$1"
}

# python_server NAME ANSWER: writes a server that answers so, ANSWER being an expression of n, its requests so far.
python_server() {
    cat >"$LAB_DIR/$1.py" <<END
import socket, sys
listener = socket.create_server(('127.0.0.1', int(sys.argv[1])), backlog=1024)
n = 0
while True:
    connection = listener.accept()[0]
    connection.recv(1024)
    n += 1
    connection.sendall($2)
    connection.close()
END
}

# begin_bench: one that would run for very long; sets BACKGROUND_PID, and returns when a server of its is under load.
begin_bench() {
    mkdir -p "$LAB_DIR/tmp"
    background env TMPDIR="$LAB_DIR/tmp" OUT="$LAB_DIR/out" ROUNDS=1000 TIME=1 ONLY=2 AMONG='stage 7' "$BENCH"
    expect_soon "a server under the load of ab" "$BACKGROUND_OUT" is_at_work
}

is_at_work() {
    pgrep -P "$BACKGROUND_PID" -x server >/dev/null && pgrep -P "$BACKGROUND_PID" -x ab >/dev/null
}

# groups_of PID: the control groups that a bench has made.
groups_of() {
    find /sys/fs/cgroup -name "bench.$1" 2>/dev/null
}

@test "bench: quartiles lie between the values where they must, and ratios are of the same round" {
    expect "the quartiles of 1 to 5" "2.0 3.0 4.0" "$(figures 'print(*quartiles([5, 1, 4, 2, 3]))')" quartiles
    expect "the quartiles of 1 to 4" "1.75 2.5 3.25" "$(figures 'print(*quartiles([4, 1, 2, 3]))')" quartiles
    expect "the quartiles of a single value" "7.0 7.0 7.0" "$(figures 'print(*quartiles([7]))')" quartiles
    expect "the quartiles of nothing" None "$(figures 'print(quartiles([]))')" quartiles
    expect "the median of 2/1, 8/2, 9/3: not 8/2 in all" 3.0 "$(figures 'print(ratios([2, 8, 9], [1, 2, 3]).median)')" ratios
    expect "a round in which the other gave nothing" 3.0 "$(figures 'print(ratios([2, 9], [0, 3]).median)')" ratios
    expect "numbers in words" "0.012 0.00 1.23 12.3 1,234 -" \
        "$(figures 'print(short(0.0123), short(0), short(1.234), short(12.34), short(1234), short(None))')" short
    expect "goals at their bounds, and beyond" "True True False False" \
        "$(figures 's = quartiles([3]); print(is_met(s, ">=", 3), is_met(s, "<=", 3), is_met(s, ">=", 3.01), is_met(s, "<=", 2.99))')" is_met
}

@test "bench: a comparison has an A/A pair, runs that alternate, a table, a picture, and says on what machine" {
    bench ONLY=2 AMONG='stage 7,fork loop'
    expect "the status" 0 "$status" "$output"
    expect "the names of the table" "stage 7|stage 7 again|fork loop" \
        "$(tail -n +2 "$LAB_DIR/out/2-others.tsv" | cut -f 1 | paste -sd '|')" "$output"
    expect "who ran, in order" "stage 7|stage 7 again|fork loop|fork loop|stage 7 again|stage 7" "$(runs 3 | paste -sd '|')" \
        "compare in beyond/bench/questions.py"
    expect "failed requests" "0 0 0 0 0 0" "$(runs 7 | paste -sd ' ')" "$LAB_DIR/out/runs.tsv"
    expect "the first is 1.00 times itself" "1.00 (1.00 to 1.00)" "$(sed -n 2p "$LAB_DIR/out/2-others.tsv" | cut -f 3)" rows_of
    expect_match "the picture" '<svg.*@media.*</svg>' "$(cat "$LAB_DIR/out/2-others.svg")" "draw in beyond/bench/report.py"
    expect_match "the page" "$(uname -r).*2-others.svg" "$(cat "$LAB_DIR/out/results.md")" "machine in beyond/bench/report.py"
    expect "files left behind" "" "$(ls "$LAB_DIR/tmp")" "Lab.close"
}

@test "bench: claim 10.4, ten answers from one after the other, and about a hundred from a process each" {
    bench ONLY=1 QUICK=1 AMONG='stage 7,stage 2'
    expect "the status" 0 "$status" "$output"
    local one many # how many answers: on busy processors some come too late to be counted
    one=$(awk -F '\t' '$1 == "stage 2" { print $2 }' "$LAB_DIR/out/1-pause.tsv")
    many=$(awk -F '\t' '$1 == "stage 7" { print $2 }' "$LAB_DIR/out/1-pause.tsv")
    expect "stage 2: 11 answers or fewer ($one), and some" yes "$( ((one <= 11 && one > 0)) && echo yes || echo no)" "$output"
    expect "stage 7: three times as many as stage 2, or more ($many, and $one)" yes \
        "$( ((many >= 3 * one)) && echo yes || echo no)" "$output"
    expect "stage 7: 110 answers or fewer ($many)" yes "$( ((many <= 110)) && echo yes || echo no)" "$output"
}

@test "bench: a server that fails now and then is shown as failing, and no goal is judged by it" {
    python_server bad "b'HTTP/1.1 %d ?\r\n\r\nHello, World!\n' % (200 if n % 7 else 500)"
    bench ONLY=2 AMONG='stage 7,Python' PYTHON_SERVER="$LAB_DIR/bad.py {port}"
    expect "the status" 1 "$status" "$output"
    expect_match "the row" '^Python.*FAILED [1-9]' "$(grep ^Python "$LAB_DIR/out/2-others.tsv")" "$output"
    expect_match "the row of the other" $'\t0$' "$(sed -n 2p "$LAB_DIR/out/2-others.tsv")" "$output"
    expect_match "the goal" 'not judged: requests failed' "$(grep '^stage 7 : Python, req' "$LAB_DIR/out/goals.tsv")" "$output"
    expect_match "the last words" 'FAILED 2, 10 connections, Python: [1-9]' "$output" "Report.close"
}

@test "bench: who hangs up without an answer has failed, too" {
    python_server silent "b'HTTP/1.1 200 OK\r\n\r\nHello, World!\n' if n % 5 else b''"
    bench ONLY=2 AMONG='stage 7,Python' PYTHON_SERVER="$LAB_DIR/silent.py {port}"
    expect "the status" 1 "$status" "$output"
    expect_match "the row" 'FAILED [1-9]' "$(grep ^Python "$LAB_DIR/out/2-others.tsv")" "$output"
}

@test "bench: a server with another answer, with noise, one that ends, and one that is not there are left out, with the reason" {
    python_server other "b'HTTP/1.1 200 OK\r\n\r\nGoodbye\n'"
    bench ONLY=2 AMONG='stage 7,Python' PYTHON_SERVER="$LAB_DIR/other.py {port}"
    expect "the status" 0 "$status" "$output"
    expect_match "the reason" "Left out: Python: its answer is not the greeting: b'Goodbye" "$output" greets
    python_server noise "b'What?'"
    bench ONLY=2 AMONG='stage 7,Python' PYTHON_SERVER="$LAB_DIR/noise.py {port}"
    expect_match "the reason" "Left out: Python: its answer to one request is not HTTP: 'What\?" "$(grep '^Left' <<<"$output")" "greets; $output"
    echo 'raise SystemExit("no")' >"$LAB_DIR/ends.py"
    bench ONLY=2 AMONG='stage 7,Python' PYTHON_SERVER="$LAB_DIR/ends.py {port}"
    expect_match "the reason" 'Left out: Python: it does not listen: no' "$(grep '^Left' <<<"$output")" "class Server; $output"
    bench ONLY=2 AMONG='stage 7,Python' PYTHON_SERVER="$LAB_DIR/none.py"
    expect_match "the reason" 'Left out: Python: PYTHON_SERVER names .*none.py, which is not there' "$output" article
}

# cells TABLE: its rows, without the names; rows TABLE: the names. A table is a file of the results.
cells() {
    tail -n +2 "$LAB_DIR/out/$1.tsv" | cut -f 2-
}
rows() {
    tail -n +2 "$LAB_DIR/out/$1.tsv" | cut -f 1 | paste -sd '|'
}

@test "bench: question 3, a linkage beside its loop of fork, and ways to begin something as memory and descriptors grow" {
    bench ONLY=3 AMONG='stage 7 dynamic,fork loop dynamic,growth'
    expect "the status" 0 "$status" "$output"
    expect "who was compared" "stage 7 dynamic|stage 7 dynamic again|fork loop dynamic" "$(rows 3-linkages)" "$output"
    expect "ways, with more memory" "fork|fork, huge pages|vfork|posix_spawn|a thread" "$(rows 3-memory)" "$output"
    expect "how much memory" $'MiB of memory\t0\t4\t64\t256' "$(head -n 1 "$LAB_DIR/out/3-memory.tsv")" growth
    expect "ways, with more descriptors" "fork|vfork|posix_spawn|a thread" "$(rows 3-descriptors)" "$output"
    expect "cells that are no times" "" "$(cells 3-memory | tr '\t' '\n' | grep -vE '^[0-9.,]+ \([0-9.,]+ to [0-9.,]+\)$')" "$output"
    expect "loops in which nothing was made" "" "$(awk -F '\t' 'NR > 1 && $6 == 0' "$LAB_DIR/out/runs.tsv")" "limit in beyond/bench/load.py"
}

@test "bench: question 4, models: for a request each and kept, and with idle connections held" {
    bench QUICK=1 ONLY=4 AMONG='poll,epoll'
    expect "the status" 0 "$status" "$output"
    for table in close-10 close-100 keep-alive-100; do
        expect "who was compared: $table" "poll|poll again|epoll" "$(rows "4-$table")" "$output"
    done
    expect "failed requests" 0 "$(runs 7 | awk '{ sum += $1 } END { print sum + 0 }')" "$LAB_DIR/out/runs.tsv"
    expect "who held connections" "poll|epoll" "$(rows 4-held)" "$output"
    expect "runs with connections held, and without" 8 "$(grep -c ' held' "$LAB_DIR/out/runs.tsv")" "holding"
    expect "cells that are no figures" "" "$(cells 4-held | tr '\t' '\n' | grep -vE '^-?[0-9.,]+( \([0-9.,]+ to [0-9.,]+\))?$')" "$output"
}

@test "bench: question 5, bursts: who finds no place in a queue of 5 is dropped, and counted" {
    bench QUICK=1 ONLY=5
    expect "the status" 0 "$status" "$output"
    expect "a row for each burst and queue" "128 clients, a queue of 1,024|128 clients, a queue of 1,024 again|128 clients, a queue of 5|\
128 clients, a queue of 128|128 clients, a queue of 4,096|1,000 clients, a queue of 1,024|1,000 clients, a queue of 1,024 again|\
1,000 clients, a queue of 5|1,000 clients, a queue of 128|1,000 clients, a queue of 4,096" "$(rows 5-queue)" "$output"
    expect "answered of each burst: none, or more than there were" "" \
        "$(tail -n +2 "$LAB_DIR/out/5-queue.tsv" | tr -d , | awk -F '\t' '{ n = $1 + 0; if ($2 <= 0 || $2 > n) print }')" "$output"
    expect "dropped of 1,000 at a queue of 5" some \
        "$(awk -F '\t' '$1 == "1,000 clients, a queue of 5" { print ($6 > 0 ? "some" : "none") }' "$LAB_DIR/out/5-queue.tsv")" drops
}

@test "bench: without a tool it says what to install" {
    mkdir "$LAB_DIR/bin"
    ln -s /usr/local/bin/* /usr/bin/* /bin/* "$LAB_DIR/bin" 2>/dev/null || true
    rm -f "$LAB_DIR/bin/socat"
    bench PATH="$LAB_DIR/bin" ONLY=2 AMONG='stage 7,socat'
    expect "the status without socat" 0 "$status" "$output"
    expect_match "the reason" 'Left out: socat: it is not here: install the package socat' "$output" "Bench.has"
    rm -f "$LAB_DIR/bin/ab"
    bench PATH="$LAB_DIR/bin" ONLY=2
    expect "the status without ab" 2 "$status" "$output"
    expect "the reason" 'bench: ab is missing: install the package apache2-utils' "$output" "NEEDED in $BENCH"
}

@test "bench: a wrong word is refused in one line" {
    bench ONLY=9
    expect "ONLY=9" "2 bench: ONLY=9 is not a number from 1 to 6" "$status $output" main
    bench ROUNDS=none
    expect "ROUNDS=none" "2 bench: ROUNDS=none is not a number from 1 to 1000" "$status $output" Bench.number
    touch "$LAB_DIR/file"
    bench OUT="$LAB_DIR/file"
    expect "OUT=file" "2 bench: $LAB_DIR/file: File exists: OUT=DIRECTORY says where the results go" "$status $output" run
    bench BIN="$LAB_DIR"
    expect_match "no beyond/serve" '^bench: .*/beyond/serve does not run .*: make beyond builds it$' "$output" "class Bench"
}

@test "bench: Ctrl-C leaves nothing behind: no process, no file, no control group" {
    local processes
    begin_bench
    read -ra processes <<<"$BACKGROUND_PID $(descendants "$BACKGROUND_PID" | paste -sd ' ')"
    kill -INT "$BACKGROUND_PID"
    expect_soon "bench and all that it has started end" "Lab.close" all_gone "${processes[@]}"
    local status=0
    wait "$BACKGROUND_PID" || status=$?
    expect "the status" 130 "$status" "$BACKGROUND_OUT"
    expect "files" "" "$(ls "$LAB_DIR/tmp")" "Lab.close"
    expect "control groups" "" "$(groups_of "$BACKGROUND_PID")" "remove_group"
}

@test "bench: killed, it takes its server and its load with it" {
    local processes group
    begin_bench
    read -ra processes <<<"$BACKGROUND_PID $(descendants "$BACKGROUND_PID" | paste -sd ' ')"
    kill -KILL "$BACKGROUND_PID"
    expect_soon "bench and all that it has started end" "PR_SET_PDEATHSIG in beyond/bench/lab.py" all_gone "${processes[@]}"
    group=$(groups_of "$BACKGROUND_PID") # nobody is left to remove it
    if [ -n "$group" ]; then wait_until rmdir "$group"/* "$group" 2>/dev/null || true; fi
}

@test "bench: what has ended takes its children with it, and nobody who has its number after it" {
    local groups
    for groups in with without; do
        PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=beyond/bench run "$PYTHON" - "$groups" <<'END'
import signal, subprocess, sys, time
from lab import Lab, Process, remove_group

lab = Lab()
if sys.argv[1] == 'without' and lab.group:
    remove_group(lab.group)
    lab.group = None
first = Process(lab, ['sh', '-c', 'sleep 1000 & echo $!'])
first.wait(10)
first.stop()
orphan = int(open(first.out).read())

def is_gone(pid):
    try:
        return open(f'/proc/{pid}/stat').read().rpartition(') ')[2][0] in 'ZX'
    except (FileNotFoundError, ProcessLookupError):
        return True

end = time.monotonic() + 10
while not is_gone(orphan) and time.monotonic() < end:
    time.sleep(0.01)
print('its child is gone:', is_gone(orphan))
other = subprocess.Popen(['sleep', '1000'], start_new_session=True)
first.child.pid = other.pid  # the number's next owner
lab.close()
other.terminate()
print('who has its number lives:', other.wait() == -signal.SIGTERM)
END
        expect "$groups control groups" $'its child is gone: True\nwho has its number lives: True' "$output" "Process.stop in beyond/bench/lab.py"
    done
}

@test "bench: limit makes processes and threads in each way, and refuses what it does not know" {
    local way
    for way in fork vfork spawn thread "-m 4 fork" "-m 4 -H fork" "-d 100 fork"; do
        # shellcheck disable=SC2086 # words
        run "$TOOLS/limit" -t 0.02 $way
        expect_match "limit $way" '^[1-9][0-9]* 0\.[0-9]+$' "$output" beyond/bench/limit.c
    done
    local line which='limit: one word says what to make: fork, vfork, spawn or thread'
    while IFS=: read -r way line; do
        # shellcheck disable=SC2086
        run "$TOOLS/limit" $way
        expect "status of limit $way, and what it says" "2 $line" "$status ${lines[0]}" beyond/bench/limit.c
    done <<END
:$which
spoon:$which
fork vfork:$which
-t x fork:limit: 'x' is not a number from 0 to 3600
-m -1 fork:limit: '-1' is not a number from 0 to 65536
END
}

@test "bench: the holder holds connections that are answered, and knows which of them it has lost" {
    start_server "$BIN/beyond/serve" epoll http -p 0
    mkfifo "$LAB_DIR/end"
    (clean "$TOOLS/holder" -p "$PORT" -n 300) <"$LAB_DIR/end" >"$LAB_DIR/held" 2>&1 &
    LAB_SERVERS+=("$!")
    exec 7>"$LAB_DIR/end"
    expect_soon "300 connections" "$LAB_DIR/held" grep -q '^holding 300$' "$LAB_DIR/held"
    stop_server KILL || true
    exec 7>&-
    expect_soon "all of them are lost" "$LAB_DIR/held" grep -q '^lost 300$' "$LAB_DIR/held"
    run "$TOOLS/holder" -p 1 -n 1
    expect "with nobody at the port" "1 holder: connection 1: connect: Connection refused" "$status $output" beyond/bench/holder.c
    background "$PYTHON" -u -c '
import socket
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1])
while True:
    connection, _ = listener.accept()
    connection.recv(1000)
    connection.sendall(b"\x1b[2J")
    connection.close()
'
    expect_soon "the fake server says its port" "$BACKGROUND_OUT" grep -q . "$BACKGROUND_OUT"
    run "$TOOLS/holder" -p "$(<"$BACKGROUND_OUT")" -n 1
    expect "of an answer that would drive a terminal" '1 holder: connection 1: not greeted, but told: ""' "$status $output" "hear in holder.c"
    for words in '' '-p 12abc' '-p +12' '-p 65536' '-p 1 -n 99999999999999999999'; do
        # shellcheck disable=SC2086 # a word each
        run "$TOOLS/holder" $words
        expect "the status of holder $words" 2 "$status" "$output"
    done
}
