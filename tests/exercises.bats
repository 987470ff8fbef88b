#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031 # text for another shell; each test is a shell of its own
#
# The exercises and their judge: what a student begins with has nearly no points, a solution all of them, and the common
# mistakes lose those that they should; and nothing that a server does leads the judge astray.

ARTICLE_SLEEP=0
load setup

JUDGE=tools/classroom/judge
FLAGS=(-std=c11 -O1 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror)

# Common mistakes, and what is none: NAME, EXERCISE, the points of each behaviour, what is seen, and an edit of the solution.
# (Who begins with his own programs, and not with the stages, has their queue of five.)
MISTAKES=(
    "sleeps_before_the_answer|sleep|1 0 0 0 0|the server is in sleep|s/^( *)if \(send_all.*/    nanosleep(\&nap, NULL);\n&/; /^    if \(\(nap.tv_sec/d"
    "fraction_lost|sleep|1 3 2 0 0|in accept, [0-9]+ ms after the client came|s/nap.tv_nsec = .*/nap.tv_nsec = 0;/"
    "sleeps_once|sleep|1 3 2 2 0|second client.*in accept|s/(nanosleep\(&nap, NULL\) == -1\)) perror\(\"nanosleep\"\);/\1 perror(\"nanosleep\");\n    nap.tv_sec = nap.tv_nsec = 0;/"
    "no_handling_of_s|sleep|1 0 0 0 0|in accept|s/seconds = parse_number/(void)parse_number/; s/DEFAULT_SLEEP = 60/DEFAULT_SLEEP = 0/"
    "parent_waits|fork|1 0 0 0 0|the server is in wait|s/^#include <time.h>/&\n#include <sys\/wait.h>/; s/default: break; .*/default: wait(NULL);/"
    "listener_open_in_the_child|fork|1 3 0 2 2|the listening one, too|/^            if \(close\(listener\)/d"
    "child_goes_on|fork|1 3 2 2 0|256.*Bad file descriptor|s/_exit\(EXIT_SUCCESS\);/break;/"
    "closed_before_the_fork|fork|0 0 0 0 0|nothing, then: end of file|s/^        switch \(fork/        close(connection);\n&/"
    "server_keeps_it|fork|0 3 0 0 0|the answer, but no end of file|/^        if \(close\(connection\)/d"
    "shutdown_for_close|close|1 4 0 2 0|0 1 2 3 4 5 6 7 8|/^        if \(close\(connection\)/d; s/^            if \(close\(connection\) == -1\) .*/            shutdown(connection, SHUT_WR);/"
    "waits_for_each_child|close|1 4 2 0 1|the server is in wait|s/^#include <time.h>/&\n#include <sys\/wait.h>/; s/default: break; .*/default: wait(NULL);/"
    "closed_before_the_fork|close|0 0 0 0 0|nothing, then: end of file|s/^        switch \(fork/        close(connection);\n&/"
    "exit_code_for_status|handler|1 2 4 0|status  *0 |s/'.n'\) - 1, status\)/'\\\\n') - 1, WEXITSTATUS(status))/"
    "signal_ignored|handler|1 0 0 0|ignored|s/action.sa_handler = grim_reaper;/(void)grim_reaper;/"
    "reports_beforehand|handler|1 2 0 0|no such line|s/^    \(void\)!write\(STDOUT_FILENO.*//; s/^( *)if \(printf\(\"Parent PID.*/&\n\1for (int n = 2; n < 40; n++) printf(\"%d 0, %d 9\\\\n\", n, n);/"
    "does_not_wait|handler|1 2 0 0|no such line|s/wait\(&status\)/0/"
    "waits_for_all|handler|1 2 0 0|in wait|s/^( *)errno = saved_errno;/\1while (wait(NULL) > 0) continue;\n&/"
    "every_failure_again|eintr|1 4 1 2 0|running, not asleep|s/^.*ECONNABORTED.*/        if (connection == -1) continue;/"
    "accept_once_more|eintr|1 4 1 0 2|Interrupted system call|s/(errno == EINTR\)) continue;/\1 connection = accept(listener, NULL, NULL);/"
    "sigchld_ignored|eintr|1 0 1 2 0|ignored|s/action.sa_handler = grim_reaper;/(void)grim_reaper;/"
    "wait_once|reap|1 1 0 0 0|9|s/while \(waitpid.*/wait(NULL);/"
    "one_waitpid|reap|1 1 0 0 2|9|s/while \((waitpid.*) > 0\) continue;/\1;/"
    "wnohang_forgotten|reap|1 1 4 0 0|in wait|s/WNOHANG/0/"
    "spins|reap|1 1 4 0 0|running, not asleep|s/ > 0\) continue/ >= 0) continue/"
    "sig_ign|reap|1 1 0 0 2|ignored|s/action.sa_handler = grim_reaper;/(void)grim_reaper;/"
    "no_zombies_by_flag|reap|1 1 0 0 2|children: 0|s/^( *)(action.sa_handler = grim_reaper;)/\1\2 action.sa_flags = SA_NOCLDWAIT;/; s/_POSIX_C_SOURCE 200809L/_XOPEN_SOURCE 700/"
    "asks_for_the_stopped|stopped|1 1 3 0 0 1|in wait|s/wait\(NULL\);/waitpid(-1, NULL, WUNTRACED);/; /SA_NOCLDSTOP;/d"
    "spins|stopped|1 1 0 0 0 0|running, not asleep|s/\(void\)wait\(NULL\);/while (waitpid(-1, NULL, WNOHANG) != -1) continue;/; /SA_NOCLDSTOP;/d"
    "sig_ign|stopped|1 0 3 2 0 1|ignored|s/action.sa_handler = grim_reaper;/(void)grim_reaper;/"
    "flag_for_the_wrong_signal|restart|1 0 0 0|Interrupted system call|s/^    action.sa_handler = grim_reaper;/&\n    action.sa_flags = 0;/; s/^    action.sa_flags = SA_RESTART.*//; s/\.sa_flags = 0\};/.sa_flags = SA_RESTART};/"
    "sig_ign|restart|1 0 2 0|ignored|s/action.sa_handler = grim_reaper;/(void)grim_reaper;/"
    "sig_ign|nocldwait|1 3 4 0|ignored|s/SIG_DFL/SIG_IGN/"
    "wrong_flag|nocldwait|1 0 0 0|zombies among them: 5|s/SA_NOCLDWAIT;/SA_NOCLDSTOP;/"
    "handler_may_wait|selfpipe|1 2 1 1 2 1 0|asleep, but not in accept|/^    if \(fcntl\(self_pipe\[1\]/d"
    "reads_for_ever|selfpipe|1 0 1 0 0 1 0|zombies among them: 1|/^    if \(fcntl\(self_pipe\[0\]/d"
    "one_waitpid|selfpipe|1 2 1 1 0 1 2|9|s/while \((waitpid.*) > 0\) continue;/\1;/"
    "pipe_open_in_the_child|selfpipe|1 2 1 1 2 0 2|pipe pipe socket|/^    if \(close\(self_pipe/d"
    "not_polled_again|selfpipe|1 0 1 0 0 1 0|Interrupted system call|s/^    if \(poll\(.*/    if (poll(news, 2, -1) == -1) die(\"poll\");/"
    "not_blocked|signalfd|1 0 0 0 0 0 0|left alone|/^    if \(sigprocmask\(SIG_BLOCK/d"
    "mask_inherited|signalfd|1 2 1 1 2 0 1|it blocks it|/^    if \(sigprocmask\(SIG_UNBLOCK/d"
    "waits_for_the_one_named|signalfd|1 2 1 1 0 2 1|9|s/while \(waitpid.*/waitpid((pid_t)ignored.ssi_pid, NULL, 0);/"
    "queue_of_five|limit|1 3 1 2 2 1||s/REQUEST_QUEUE_SIZE = 1024/REQUEST_QUEUE_SIZE = 5/"
    "queue_of_five|timeout|1 3 2 2 2||s/REQUEST_QUEUE_SIZE = 1024/REQUEST_QUEUE_SIZE = 5/"
    "parent_polls|timeout|1 3 0 2 2|let go.*[0-9] seconds|s/^        switch \(fork\(\)\) \{/        struct pollfd news = {connection, POLLIN, 0};\n        if (poll(\&news, 1, 2000) < 1) {\n            close(connection);\n            continue;\n        }\n&/; s/^#include <netinet.in.h>/&\n#include <poll.h>/"
    "queue_of_five|shutdown|1 2 2 2 1 2||s/REQUEST_QUEUE_SIZE = 1024/REQUEST_QUEUE_SIZE = 5/"
    "still_listens|shutdown|1 2 0 2 0 2|somebody listens still|s/^    if \(close\(listener\) == -1\) perror\(\"close\"\); .. from now on.*//"
    "one_too_many|limit|1 0 0 0 0 0|children: 9|s/MAX_CHILDREN = 8/MAX_CHILDREN = 9/"
    "one_less_for_each_signal|limit|1 3 1 2 0 1|children: 1, 1 in recv|s/^    while \(waitpid.*/    while (waitpid(-1, NULL, WNOHANG) > 0) continue;\n    children--;/"
    "accepts_first|limit|1 3 0 2 2 1|queue.4|/^        wait_for_room\(\);/d; s/^        handler\(SIG_BLOCK\);.*/        wait_for_room();\n&/"
    "looks_again_and_again|limit|1 0 1 2 2 1|runs again and again|s/^    while \(children == MAX_CHILDREN\).*/    while (children == MAX_CHILDREN) {\n        sigprocmask(SIG_SETMASK, \&usual, NULL);\n        nanosleep(\&(struct timespec){.tv_nsec = 10000000}, NULL);\n        sigprocmask(SIG_BLOCK, \&child_ends, NULL);\n    }/"
    "too_patient|timeout|1 0 0 0 0|does not end|s/PATIENCE = 2/PATIENCE = 20/"
    "alarm_goes_off_later|timeout|1 3 2 0 2|ended|/^    struct timeval/d; s/^    if \(setsockopt\(connection.*/    if (alarm(PATIENCE) > 0) {/"
    "never_refuses|shutdown|1 2 0 2 0 2|it is taken in|/clients are refused/d"
    "silent_ones_stay|shutdown|1 2 2 2 1 0|it does not end|/it has not asked yet/d"
    "word_before_the_request|shutdown|1 2 2 2 0 2|nothing, then: end of file|s/wait_for\(connection, stop_pipe\[0\]\) != connection/wait_for(stop_pipe[0], connection) != connection/"
    "status_of_a_failure|shutdown|1 0 0 0 0 0|status 1|s/return EXIT_SUCCESS/return EXIT_FAILURE/"
)

exercises() {
    "$JUDGE" --list
}

# Those that are judged: all, or what EX says (make test-classroom STEP=exercises EX="fork reap").
asked() {
    local name
    for name in $(exercises); do
        if [[ " ${EX:-$name} " == *" $name "* ]]; then echo "$name"; fi
    done
}

# read_exercise NAME: sets number, title, base, solution (the program, made by tools/classroom/solution).
read_exercise() {
    number='' title='' base='' solution=''
    # shellcheck source=/dev/null
    . "beyond/exercises/$1/exercise"
    solution=$BATS_FILE_TMPDIR/solutions/$1.c
}

# judge_built WHERE NAME SOURCE: builds it and has it judged; leaves WHERE.tsv, WHERE.err and WHERE.status, and, if it
# could not be built, WHERE.cc.
judge_built() {
    local cc status=0
    read -ra cc <<<"${CC:-cc}"
    if ! "${cc[@]}" "${FLAGS[@]}" -o "$1" "$3" 2>"$1.cc"; then return; fi
    rm "$1.cc"
    timeout --foreground -k 5 300 "$JUDGE" "$2" "$1" >"$1.tsv" 2>"$1.err" </dev/null || status=$?
    echo "$status" >"$1.status"
}

# All that is judged is judged once, some at a time: they mostly wait.
setup_file() {
    local name job line exercise points seen edit most
    most=$(($(nproc) * 3))
    cd "$ROOT" || return
    mkdir -p "$BATS_FILE_TMPDIR"/{begin,solutions,solution,mistake}
    tools/classroom/solution --all "$BATS_FILE_TMPDIR/solutions" || return
    chmod 755 "$BATS_FILE_TMPDIR"
    {
        for name in $(asked); do
            read_exercise "$name"
            tools/classroom/begin "$name" >"$BATS_FILE_TMPDIR/begin/$name.c"
            echo "begin/$name $name $BATS_FILE_TMPDIR/begin/$name.c"
            echo "solution/$name $name $solution"
        done
        for line in "${MISTAKES[@]}"; do
            IFS='|' read -r job exercise points seen edit <<<"$line"
            if [[ " ${EX:-$exercise} " != *" $exercise "* ]]; then continue; fi
            read_exercise "$exercise"
            sed -E "$edit" "$solution" >"$BATS_FILE_TMPDIR/mistake/$exercise.$job.c"
            echo "mistake/$exercise.$job $exercise $BATS_FILE_TMPDIR/mistake/$exercise.$job.c"
        done
    } >"$BATS_FILE_TMPDIR/jobs"
    while read -r job exercise line; do
        while (($(jobs -pr | wc -l) >= most)); do wait -n || true; done
        judge_built "$BATS_FILE_TMPDIR/$job" "$exercise" "$line" </dev/null 3>&- &
    done <"$BATS_FILE_TMPDIR/jobs"
    wait
}

# has_been_judged WHERE: fails, with the compiler's or the judge's words, if that could not be.
has_been_judged() {
    if [ -e "$1.cc" ]; then report "the compiler's words about ${1##*/}" "none" "$(cat "$1.cc")" "${FLAGS[*]}"; fi
    expect_match "the exit status of the judge of ${1##*/}: 0 or 1" '^[01]$' "$(cat "$1.status")" "$(cat "$1.err")"
    expect "the judge's words on standard error about ${1##*/}" '' "$(cat "$1.err")" "$JUDGE"
}

# Prints the points of each behaviour.
earned() {
    awk -F '\t' '$1 != "END" { printf "%s%s", (NR > 1 ? " " : ""), $2 }' "$1.tsv"
}

# is_well_formed WHERE NAME: are the judge's lines those of that exercise, in order, explained, printable, and complete?
is_well_formed() {
    expect "the points and titles that the judge prints of ${1##*/}" "$("$JUDGE" --list "$2")" \
        "$(sed '$d' "$1.tsv" | cut -f 1,3)" "$1.tsv"
    expect "lines about ${1##*/} that have a field too many, too few, or too long, or lack their explanation" '' \
        "$(sed '$d' "$1.tsv" | awk -F '\t' '{
            bad = NF != 7 || ($2 != 0 && $2 != $1)
            for (i = 4; i <= 7; i++) bad = bad || length($i) > 500 || ($i == "") != ($1 == $2)
            if (bad) print
        }')" "behaviour in $JUDGE"
    expect "bytes in it that do not print, TAB and newline aside" 0 \
        "$(LC_ALL=C tr -d '\t\n -~' <"$1.tsv" | wc -c)" "escape in $JUDGE"
    expect "its last line" "$(printf 'END\t%s\t%s' "$(sed '$d' "$1.tsv" | awk -F '\t' '{ sum += $2 } END { print sum + 0 }')" \
        "$(sed '$d' "$1.tsv" | awk -F '\t' '{ sum += $1 } END { print sum + 0 }')")" "$(tail -n 1 "$1.tsv")" "$JUDGE"
}

@test "every exercise has its files, a number of its own, a stage to begin with and a solution" {
    expect "their numbers" "$(seq -s ' ' "$(exercises | wc -l)")" \
        "$(for name in $(exercises); do read_exercise "$name" && echo "$number"; done | xargs)" "beyond/exercises/*/exercise"
    for name in $(exercises); do
        for file in exercise README.md hints.md judge.bash; do
            expect "beyond/exercises/$name/$file" there "$( [ -s "beyond/exercises/$name/$file" ] && echo there)" \
                "beyond/exercises/README.md"
        done
        read_exercise "$name"
        expect_match "what $name begins with" '^step[1-7]_[a-z0-9]+/(server|eintr)\.c$' "$base" "beyond/exercises/$name/exercise"
        expect "its solution, $solution" there "$( [ -s "$solution" ] && echo there)" "beyond/exercises/$name/exercise"
    done
}

@test "the list of the exercises has each of them, in order, with its title" {
    expect "the list in beyond/exercises/README.md" \
        "$(for name in $(exercises); do read_exercise "$name" && echo "$number $name $title"; done)" \
        "$(sed -nE 's/^\| ([0-9]+) \| \[([a-z0-9]+)\]\([a-z0-9]+\) \| (.*) \| .* \|$/\1 \2 \3/p' beyond/exercises/README.md)" \
        "beyond/exercises/README.md"
}

@test "the table of points in each README is what the judge announces, 10 points in all" {
    for name in $(exercises); do
        expect "the table in beyond/exercises/$name/README.md" "$("$JUDGE" --list "$name")" \
            "$(sed -nE 's/^\| ([0-9]+) \| (.*) \|$/\1\t\2/p' "beyond/exercises/$name/README.md")" "tools/classroom/judge --list $name"
        expect "the sum of its points" 10 "$("$JUDGE" --list "$name" | awk '{ sum += $1 } END { print sum }')" \
            "beyond/exercises/$name/judge.bash"
    done
}

# Prints the lines of code of the solution of exercise $1 that its base does not have.
cure() {
    read_exercise "$1"
    diff <(bare "$base") <(bare "$solution") | sed -n 's/^> //p' | grep -E '[^ ].{10}' | grep -vFx -f <(bare "$base")
}
# Prints a program without its comments and blank lines.
bare() {
    sed -E '1,/^ \*\/$/d; s@ */\*.*\*/@@; /^ *$/d' "$1"
}

@test "each exercise has three hints, the first one the shortest, and none gives a line of the solution" {
    for name in $(exercises); do
        hints=beyond/exercises/$name/hints.md
        expect "the levels in $hints" '1 2 3' "$(sed -n 's/^## //p' "$hints" | xargs)" "$hints"
        first=0
        for level in 1 2 3; do
            size=$(sed -n "/^## $level\$/,/^## $((level + 1))\$/p" "$hints" | sed '/^## /d' | wc -w)
            expect "level $level of $hints ($size words) says something, and more than the first one ($first)" yes \
                "$( ((size > first && size > 20)) && echo yes)" "$hints"
            if ((level == 1)); then first=$size; fi
        done
        while read -r line; do # without its indentation
            expect "files for students that have the solution's line: $line" '' \
                "$(grep -lF -- "$line" "$hints" "beyond/exercises/$name/README.md")" "$hints"
        done < <(cure "$name")
    done
}

@test "a starting program is its stage, without the comments that tell the flaw, and with no line of the solution" {
    for name in $(asked); do
        program=$BATS_FILE_TMPDIR/begin/$name.c
        read_exercise "$name"
        expect "its code, compared with that of $base" '' "$(diff <(bare "$base") <(bare "$program"))" "tools/classroom/begin $name"
        expect "its lines that speak of a flaw, a stage or a flag" '' "$(grep -E 'FLAW|SA_|[Ss]tep ?[0-9]|webserver3' "$program")" \
            "tools/classroom/begin"
        expect "what it has of the solution's new lines" '' "$(grep -Fx -f <(cure "$name") <(bare "$program"))" \
            "tools/classroom/begin $name"
        expect "its head" " * Exercise $number, $name: $title." "$(sed -n 2p "$program")" "tools/classroom/begin"
    done
}

@test "tools/classroom/begin: an unknown name is refused, status 2" {
    run tools/classroom/begin nonsense
    expect "its exit status" 2 "$status" "$output"
    expect_match "its words" "no exercise named 'nonsense'.*reap" "$output" "fail in tools/classroom/begin"
}

@test "tools/classroom/solution: shows a solution; an unknown name and an edit that does not fit are refused" {
    mkdir -p "$LAB_DIR/copy/tools" "$LAB_DIR/copy/beyond"
    cp -R tools/classroom tools/edit "$LAB_DIR/copy/tools" && cp -R beyond/exercises "$LAB_DIR/copy/beyond" && cp -R step* "$LAB_DIR/copy"
    cd "$LAB_DIR/copy"
    tools/classroom/solution restart >"$LAB_DIR/printed"
    run tools/classroom/solution --show 8
    expect "the exit status of --show 8" 0 "$status" "$output"
    expect_match "what it shows" "^build/solutions/restart.c: a solution .*given, step6_sigchld/eintr.c:.*[+] +action.sa_flags = SA_RESTART;" \
        "$output" "tools/classroom/solution"
    expect "whether it made what is printed without --show" yes "$(cmp -s "$LAB_DIR/printed" build/solutions/restart.c && echo yes)" make_solution
    run tools/classroom/solution nonsense
    expect "the exit status for an unknown name" 2 "$status" "$output"
    expect_match "its words" "^solution: there is no exercise 'nonsense': one of sleep .* shutdown$" "$output" choose
    run tools/classroom/solution --show
    expect "the exit status for no name" 2 "$status" "$output"
    expect_match "its words" "^solution: of which exercise\? EX=reap" "$output" choose
    sed -i 's/accept(listener/accept( listener/; s/sa_handler = grim/sa_handler =  grim/' step6_sigchld/eintr.c
    run tools/classroom/solution --show restart
    expect "the exit status when the stage has changed where the edit is" 1 "$status" "$output"
    expect "its words" "solution: beyond/exercises/restart/solution.patch does not fit step6_sigchld/eintr.c any more: make that edit anew" \
        "$output" make_solution
}

@test "a starting program builds without a warning, and gets 2 points at the most, each lost one explained" {
    for name in $(asked); do
        where=$BATS_FILE_TMPDIR/begin/$name
        has_been_judged "$where"
        is_well_formed "$where" "$name"
        expect_match "the points of the starting program of $name: 2 at the most" '^END.[012].10$' "$(tail -n 1 "$where.tsv")" \
            "$(cat "$where.tsv")"
        expect "the judge's exit status" 1 "$(cat "$where.status")" "$JUDGE"
    done
}

@test "a solution builds without a warning, and gets all points" {
    for name in $(asked); do
        where=$BATS_FILE_TMPDIR/solution/$name
        has_been_judged "$where"
        is_well_formed "$where" "$name"
        if [ "$name" = restart ] && ! can_trace; then continue; fi # see below
        expect "the last line about the solution of $name" $'END\t10\t10' "$(tail -n 1 "$where.tsv")" \
            "$(awk -F '\t' '$1 != $2' "$where.tsv")"
        expect "the judge's exit status" 0 "$(cat "$where.status")" "$JUDGE"
    done
}

can_trace() {
    strace -q -o "$LAB_DIR/probe" true 2>/dev/null
}

@test "restart: where strace may not trace the points for what it alone can see are not given, and it is said why" {
    mkdir "$LAB_DIR/bin"
    printf '#!/bin/sh\nexit 1\n' >"$LAB_DIR/bin/strace"
    chmod +x "$LAB_DIR/bin/strace"
    PATH=$LAB_DIR/bin:$PATH judge_built "$LAB_DIR/right" restart "$BATS_FILE_TMPDIR/solutions/restart.c"
    has_been_judged "$LAB_DIR/right"
    expect "the points of a solution of restart" "1 3 2 0" "$(earned "$LAB_DIR/right")" "$(cat "$LAB_DIR/right.tsv")"
    expect_match "what is seen of it" 'strace may not trace here' "$(cut -f 6 "$LAB_DIR/right.tsv")" "$(cat "$LAB_DIR/right.tsv")"
}

@test "restart: a loop in the program that calls accept again is told from a kernel that does" {
    can_trace || skip_for tracing
    judge_built "$LAB_DIR/loop" restart step6_sigchld/server.c
    has_been_judged "$LAB_DIR/loop"
    expect "the points of a loop in restart" "1 3 2 0" "$(earned "$LAB_DIR/loop")" "$(cat "$LAB_DIR/loop.tsv")"
    expect_match "what is seen of it" 'errno EINTR' "$(cut -f 6 "$LAB_DIR/loop.tsv")" "$(cat "$LAB_DIR/loop.tsv")"
}

@test "common mistakes lose the points that they should, with what was seen" {
    for line in "${MISTAKES[@]}"; do
        IFS='|' read -r job exercise points seen edit <<<"$line"
        if [[ " ${EX:-$exercise} " != *" $exercise "* ]]; then continue; fi
        where=$BATS_FILE_TMPDIR/mistake/$exercise.$job
        read_exercise "$exercise"
        expect "does the edit of $job change the solution of $exercise" yes \
            "$(cmp -s "$solution" "$where.c" || echo yes)" "$edit"
        has_been_judged "$where"
        is_well_formed "$where" "$exercise"
        expect "the points of $job in $exercise" "$points" "$(earned "$where")" "$(cat "$where.tsv")"
        expect_match "what is seen of $job in $exercise" "$seen" "$(awk -F '\t' '$1 != $2' "$where.tsv" | cut -f 4,6)" "$(cat "$where.tsv")"
    done
}

# judge NAME SERVER...: runs the judge, with its files in a folder of ours. Sets status, output (of both), and OUT, ERR.
judge() {
    OUT=$LAB_DIR/out ERR=$LAB_DIR/err status=0
    mkdir -p "$LAB_DIR/tmp"
    TMPDIR=$LAB_DIR/tmp timeout --foreground -k 5 300 "$JUDGE" "$@" >"$OUT" 2>"$ERR" </dev/null || status=$?
    expect "files that the judge has left behind" '' "$(ls -A "$LAB_DIR/tmp")" "close in $JUDGE"
}

# expect_refusal PATTERN: it has not judged, and has said why, in a line.
expect_refusal() {
    expect "the exit status of the judge" 2 "$status" "$(cat "$OUT" "$ERR")"
    expect "what it prints on standard output" '' "$(cat "$OUT")" "fail in $JUDGE"
    expect "its lines on standard error" 1 "$(wc -l <"$ERR")" "$(cat "$ERR")"
    expect_match "its words" "$1" "$(cat "$ERR")" "fail in $JUDGE"
}

@test "the judge refuses what it cannot judge, in a line, status 2" {
    judge nonsense /bin/true
    expect_refusal "no exercise named 'nonsense'.*sleep fork close"
    judge ../reap /bin/true
    expect_refusal "no exercise named"
    judge
    expect_refusal "usage"
    judge reap
    expect_refusal "which server"
    judge reap ./no/such/program
    expect_refusal "no \./no/such/program"
    judge reap no_such_program
    expect_refusal "no program no_such_program"
    judge reap tests
    expect_refusal "no program tests"
    judge reap ./README.md
    expect_refusal "README.md is no program that can be run"
}

# fake TEXT: makes a server in bash, with TEXT as its program. Sets FAKE.
fake() {
    FAKE=$LAB_DIR/fake
    printf '#!/usr/bin/env bash\n%s\n' "$1" >"$FAKE"
    chmod 755 "$FAKE"
    chmod 755 "$LAB_DIR"
}

# expect_nothing PATTERN: no points, and what is seen everywhere matches.
expect_nothing() {
    expect "the exit status of the judge" 1 "$status" "$(cat "$ERR" "$OUT")"
    mv "$OUT" "$OUT.tsv"
    is_well_formed "$OUT" reap
    expect "the points" '0 0 0 0 0' "$(earned "$OUT")" "$(cat "$OUT.tsv")"
    expect "behaviours of which something else is seen than $1" '' "$(sed '$d' "$OUT.tsv" | cut -f 6 | grep -Ev -- "$1")" "$(cat "$OUT.tsv")"
}

@test "a server that ends at once: every behaviour says so, with its status and its last words" {
    fake 'echo "I cannot: no such thing" >&2; exit 3'
    judge reap "$FAKE"
    expect_nothing 'has ended, status 3, its last words: I cannot: no such thing'
}

@test "a server that a signal ends: the signal is named" {
    fake 'kill -SEGV $$'
    judge reap "$FAKE"
    expect_nothing 'has ended, by signal SEGV'
}

@test "a server that prints nothing and hangs: that is what is seen, and it is gone afterwards" {
    fake "echo \$\$ >'$LAB_DIR/pid'; exec sleep 1000"
    judge reap "$FAKE"
    expect_nothing 'it runs, and prints nothing'
    expect "the server" ended "$(whereabouts "$(<"$LAB_DIR/pid")")" "end_started in $JUDGE"
}

@test "a server that announces a port where it does not listen is seen through" {
    start_server "${BIN}/step7_waitpid/server" -p 0 -s 0
    fake "echo 'Serving HTTP on port $PORT ...'; exec sleep 1000"
    judge reap "$FAKE"
    expect_nothing "says that it serves at port $PORT, but it does not listen there"
}

@test "what a server prints cannot drive a terminal, nor be taken for the judge's words" {
    fake 'printf "Serving\tHTTP \e[2J\e]0;title\a on port\n4\t4\tforged\nEND\t10\t10\nok 1 all\0\x80\xff\x9b31m\n"; cat "$0" >&2; printf "\e[31mred\tEND\t10\t10\n" >&2'
    judge reap "$FAKE"
    expect_nothing '\\x1b\[31mred\\tEND\\t10\\t10'
    expect "lines that begin with END" 1 "$(grep -c '^END' "$OUT.tsv")" "$(cat "$OUT.tsv")"
}

@test "a server that floods its output, or its client, ends in time" {
    fake 'while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done'
    LAB_DEADLINE=2 judge reap "$FAKE"
    expect_nothing 'first line is: yyyyyyy|by signal XFSZ \(it printed too much\)'
    cat >"$LAB_DIR/flood.c" <<'END'
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
int main(void) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    char text[4096] = {0};
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < sizeof text; i++) text[i] = "no end \033[2J"[i % 11];
    if (listen(listener, 5) == -1 || getsockname(listener, (struct sockaddr *)&address, &size) == -1) return 1;
    printf("Serving HTTP on port %d ...\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;)
        for (int connection = accept(listener, NULL, NULL); connection != -1 && write(connection, text, sizeof text) > 0;) continue;
}
END
    "${CC:-cc}" -o "$LAB_DIR/flood" "$LAB_DIR/flood.c"
    chmod 755 "$LAB_DIR"
    LAB_DEADLINE=2 judge reap "$LAB_DIR/flood"
    expect_nothing 'no end .x1b.2Jno end|another|in recv|asleep|running|left alone|children: 0'
}

@test "a behaviour that takes too long is ended, with what it waited for, and nothing is left behind" {
    STEP=step7_waitpid variant 's/handle_request\(connection\);/for (;;) handle_request(connection);/'
    LAB_DEADLINE=30 JUDGE_LIMIT=1 judge reap "$VARIANT"
    mv "$OUT" "$OUT.tsv"
    is_well_formed "$OUT" reap
    expect_match "what the first behaviour says" 'still not so after 1 s' "$(head -n 1 "$OUT.tsv")" "behaviour in $JUDGE"
    LAB_DEADLINE=30 JUDGE_TIME=3 judge reap "$VARIANT"
    mv "$OUT" "$OUT.tsv"
    is_well_formed "$OUT" reap
    expect_match "what the last behaviour says" 'taken more than 3 s' "$(tail -n 2 "$OUT.tsv")" "behaviour in $JUDGE"
    expect "servers that are left" '' "$(running "$VARIANT")" "end_started in $JUDGE"
}

# Prints the processes that run program $1.
running() {
    find /proc/[0-9]*/exe -maxdepth 0 -lname "$1" 2>/dev/null
}
runs() {
    [ -n "$(running "$1")" ]
}
runs_no_more() {
    [ -z "$(running "$1")" ]
}

@test "a judge that TERM ends leaves neither a server nor a file behind" {
    STEP=step7_waitpid variant 's/handle_request\(connection\);/for (;;) handle_request(connection);/'
    mkdir "$LAB_DIR/tmp"
    TMPDIR=$LAB_DIR/tmp LAB_DEADLINE=60 background "$JUDGE" reap "$VARIANT"
    expect_soon "the judge has started the server" "$JUDGE" runs "$VARIANT"
    kill -TERM "$BACKGROUND_PID"
    expect_soon "the judge has ended" "end_on_signals in $JUDGE" is_gone "$BACKGROUND_PID"
    expect_soon "no server is left" "close in $JUDGE" runs_no_more "$VARIANT"
    expect "files that are left" '' "$(ls -A "$LAB_DIR/tmp")" "close in $JUDGE"
}

@test "the judge gives its server neither its descriptors nor an ignored signal" {
    fake "ls -l /proc/\$\$/fd >'$LAB_DIR/seen'; grep SigIgn /proc/\$\$/status >>'$LAB_DIR/seen'; exit 1"
    exec 7</dev/null
    (trap '' CHLD INT && judge reap "$FAKE")
    exec 7<&-
    expect "descriptors above 2, but for that of the script itself" '' \
        "$(awk '$(NF - 1) == "->" && $(NF - 2) > 2 && $NF !~ /fake$/' "$LAB_DIR/seen")" "clean in tools/lab.bash"
    ignored=$(sed -n 's/SigIgn:[[:space:]]*/0x/p' "$LAB_DIR/seen")
    expect "which of SIGINT and SIGCHLD are ignored" 0 $((ignored & 0x10002)) "clean in tools/lab.bash"
}
