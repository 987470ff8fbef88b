#!/usr/bin/env bats
#
# The sandbox: what a hostile program does in it harms nobody, and it is gone afterwards. The programs are in
# tests/classroom/attacks; the judge is a stand-in, tests/classroom/probe.bash. Where it can be shown without danger,
# the same attack is made without the protection, too, and succeeds.

# shellcheck disable=SC2034,SC2016 # setup.bash uses it; what is in '...' is for the shell in the sandbox
ARTICLE_SLEEP=0
load setup

SANDBOX=$ROOT/tools/classroom/sandbox
LAB_DEADLINE=60 # a busy machine is to fail nothing

setup_file() {
    local source
    export ATTACKS=$BATS_FILE_TMPDIR/attacks
    mkdir "$ATTACKS"
    for source in tests/classroom/attacks/*.c; do
        cc -std=c11 -O1 -o "$ATTACKS/$(basename "$source" .c)" "$source"
    done
    cc -std=c11 -o "$ATTACKS/server" step7_waitpid/server.c
    chmod -R a+rX "$BATS_FILE_TMPDIR"
}

# judged [OPTION...] -- COMMAND...: runs COMMAND in the sandbox; sets status, output, stderr.
judged() {
    split_words "$@"
    mkdir -p "$LAB_DIR/tmp"
    TAG=tag-$BASHPID-$RANDOM
    sum=$(cd "$ATTACKS" && cksum ./*)
    # shellcheck disable=SC2154 # stderr is set by run
    TMPDIR=$LAB_DIR/tmp run --separate-stderr "$SANDBOX" -t 300 -b "$ATTACKS:/submission" "${BEFORE[@]}" -- "${AFTER[@]}"
}

# attack [OPTION...] -- [-n] NAME [ARGUMENT...]: makes that attack, in the sandbox.
attack() {
    split_words "$@"
    judged "${BEFORE[@]}" -- bash -c "$(<tests/classroom/probe.bash)" probe "${AFTER[@]}"
}

# said PATTERN: prints the lines of the output that match, without the word before them.
said() {
    grep -aE -- "$1" <<<"$output" | sed -E 's/^(out|size|begun|stop|left|judge): //'
}

# expect_unharmed [STOP]: the judge came to its end, nothing is left of the attack, in the sandbox or outside, and
# nothing was changed. STOP is what stop_server returned, if not what SIGTERM makes.
expect_unharmed() {
    expect "the exit status of the sandbox: the judge's" 0 "$status" "$stderr"
    expect "what the judge could still do, at the end" $'can start processes\ncan write\nhas its files\nis done' \
        "$(said '^judge: ')" "$output"
    expect "how the attack ended" "${1:-143}" "$(said '^stop: ')" "tools/classroom/confine.bash: stop_server"
    expect "what was left of it in the sandbox" '' "$(said '^left: ')" "tools/classroom/confine: its process namespace"
    expect_gone
}

# expect_gone: nothing of this sandbox is left on the machine.
expect_gone() {
    expect_soon "no process of the sandbox is left" "its process namespace: --unshare-pid, --die-with-parent" none_has "$ATTACKS"
    expect "what is left in the folder for temporary files" '' "$(ls -A "$LAB_DIR/tmp")" "close in tools/classroom/sandbox"
    expect "the student's folder" "$sum" "$(cd "$ATTACKS" && cksum ./*)" "--ro-bind in tools/classroom/sandbox"
}

# none_has FOLDER: does no process use the programs of that folder? (A program's file is the same in every namespace.)
none_has() {
    [ -z "$(users_of "$1")" ]
}
seen_none_has() {
    users_of "$1"
}
users_of() {
    local exe
    find /proc/[1-9]*/exe -maxdepth 0 -lname '/submission/*' 2>/dev/null | while read -r exe; do
        # (others may be judged here, too)
        if [ "$exe" -ef "$1/$(basename "$(readlink "$exe")")" ]; then echo "${exe//[!0-9]/}"; fi
    done
}

# needs_sandbox: skips where there can be none.
needs_sandbox() {
    local words
    words=$("$SANDBOX" true 2>&1) || skip_unasked "no sandbox here: ${words#sandbox: }"
}

# --- the interface -------------------------------------------------------------------------------

@test "sandbox: COMMAND runs with an environment, a /tmp and processes of its own, and its status is passed on" {
    needs_sandbox
    SECRET=1 judged -e NAME=value -- bash -c 'env | cut -d= -f1 | sort | xargs; echo "$NAME"; find /tmp -type f -not -path "$PWD/*"; ls -d /proc/[0-9]* | wc -l; exit 7'
    expect "its exit status" 7 "$status" "$stderr"
    expect_match "its environment, its variable, its /tmp, and its processes" \
        $'^(_ |)CONFINE CONFINE_SHOW CONFINE_USER HOME LANG NAME PATH PWD SHLVL TMPDIR( _|)\nvalue\n[2-5]$' "$output" "$stderr"
    expect_gone
}

@test "sandbox: COMMAND has descriptors 0 to 2, nothing to read, and nothing to write to but its /tmp" {
    needs_sandbox
    exec {extra}<"$ROOT/README.md"
    judged -- bash -c 'ls -C /proc/$$/fd; cat; find / -xdev -maxdepth 3 -writable -type d 2>/dev/null; touch /submission/x /usr/x /x "$PWD/tools/x" || echo refused'
    exec {extra}<&-
    expect "its descriptors, its input, the folders that it can write to" $'0  1  2\n/scratch\n/tmp\nrefused' \
        "$(grep -v '^/proc' <<<"$output")" "$stderr"
}

@test "sandbox: it sees neither the homes, nor other folders, nor the machine's other files" {
    needs_sandbox
    # (The repository may lie in one of them: the way there is seen, and what of it a judge needs.)
    judged -- bash -c 'find /home /root /var /run /srv /mnt /opt /sys /boot "$0" /etc/shadow -maxdepth 8 2>/dev/null |
        while read -r path; do if [[ $PWD/ != "$path"/* && $path != "$PWD"/* ]]; then echo "$path"; fi; done; ls /etc | xargs' "$LAB_DIR"
    expect_match "what of the machine is visible" '^(alternatives |)hosts (ld.so.[a-z.]+ )*(localtime |)passwd$' "$output" "the binds in tools/classroom/sandbox"
}

@test "sandbox: what lasts too long is ended, with all that it has started" {
    needs_sandbox
    judged -t 1 -- bash -c '/submission/hang & setsid /submission/escape & /submission/ignore_term >/dev/null & wait'
    expect "its exit status" 124 "$status" "$stderr"
    expect "what it says" 'sandbox: it was not done after 1 s, so it was ended' "$stderr" "tools/classroom/sandbox"
    expect_gone
}

@test "sandbox: it does not begin when who has started it is dead already" {
    needs_sandbox
    mkdir "$LAB_DIR/tmp" "$LAB_DIR/slow"
    # A bwrap that is slow: it begins, and lets its parent die before it goes on.
    printf '#!/bin/bash\nif [ "$1" = --args ]; then echo begins >&2; read -r <"%s"; fi\nexec %q "$@"\n' \
        "$LAB_DIR/go" "$(command -v bwrap)" >"$LAB_DIR/slow/bwrap"
    mkfifo "$LAB_DIR/go"
    chmod 755 "$LAB_DIR/slow/bwrap"
    sum=$(cd "$ATTACKS" && cksum ./*)
    sed "s@ bwrap --args@ $LAB_DIR/slow/bwrap --args@; s@setpriv --pdeathsig KILL @@; s@^ROOT=.*@ROOT=$ROOT@" "$SANDBOX" >"$LAB_DIR/sandbox"
    grep -q slow "$LAB_DIR/sandbox"
    TMPDIR=$LAB_DIR/tmp background bash "$LAB_DIR/sandbox" -b "$ATTACKS:/submission" -- /submission/hang
    expect_soon "bwrap is about to begin" "$BACKGROUND_OUT" grep -q begins "$BACKGROUND_OUT"
    kill -KILL "$BACKGROUND_PID"
    wait "$BACKGROUND_PID" 2>/dev/null || true
    echo >"$LAB_DIR/go"
    expect_soon "bwrap has ended" "/bin/sh -c 'read ...' in tools/classroom/sandbox" is_over
    rm -rf "$LAB_DIR"/tmp/*
    expect_gone
}
is_over() {
    ! pgrep -f "$LAB_DIR/slow" >/dev/null && ! pgrep -s "$BACKGROUND_PID" >/dev/null
}

@test "sandbox: it ends with who has started it, be he killed" {
    needs_sandbox
    mkdir "$LAB_DIR/tmp"
    sum=$(cd "$ATTACKS" && cksum ./*)
    for signal in TERM INT KILL; do
        TMPDIR=$LAB_DIR/tmp background "$SANDBOX" -b "$ATTACKS:/submission" -- \
            bash -c '. tools/lab.bash; . tools/classroom/confine.bash; lab_open; start_confined /submission/escape; echo begun; sleep 600'
        expect_soon "the judge has begun" "$BACKGROUND_OUT" grep -q begun "$BACKGROUND_OUT"
        kill -"$signal" "$BACKGROUND_PID"
        wait "$BACKGROUND_PID" 2>/dev/null || true
        if [ "$signal" = KILL ]; then rm -rf "$LAB_DIR"/tmp/*; fi # then it has not tidied up
        expect_gone
    done
}

@test "sandbox: wrong words, and a folder that is not there, are refused with a line, status 2" {
    for words in "" "-x" "-t 0 true" "-t x true" "-b /nosuch:/x true" "-b /usr true" "-e 1=2 true"; do
        # shellcheck disable=SC2086 # words
        run "$SANDBOX" $words
        expect "the exit status of sandbox $words" 2 "$status" "$output"
        expect "how many lines it says" 1 "${#lines[@]}" "$output"
    done
    needs_sandbox
    run bash -c '"$@" || echo "$?"' bash "$SANDBOX" -- /nosuch
    expect "the exit status for a COMMAND that is not there" 127 "${lines[-1]}" "$output"
}

@test "sandbox: what is missing here is said; without bubblewrap all is refused, but for UNSAFE=yes" {
    run "$SANDBOX" --missing
    expect "the exit status of --missing" 0 "$status" "$output"
    if ((EUID != 0)); then expect_match "what it says to an ordinary user" 'your own user' "$output" "missing"; fi
    only_tools "$LAB_DIR/tools" bash sh env cat grep uname mktemp rm timeout realpath
    PATH=$LAB_DIR/tools run "$SANDBOX" --missing
    expect_match "what is missing without bwrap" '^bubblewrap is missing.*make deps-classroom.*run as you' "${output//$'\n'/ }" "obstacle"
    PATH=$LAB_DIR/tools run "$SANDBOX" -b "$ATTACKS:/submission" -- ls
    expect "the exit status without bwrap" 2 "$status" "$output"
    expect_match "what it says" '^sandbox: bubblewrap is missing.*UNSAFE=yes' "$output" "obstacle"
    expect "how many lines" 1 "${#lines[@]}" "$output"
    PATH=$LAB_DIR/tools UNSAFE=yes run --separate-stderr "$SANDBOX" -b "$ATTACKS:/submission" -- \
        bash -c '[ -x "$0" ] && echo "$CONFINE-"; exit 3' /submission/server
    expect "the status, and the output, with UNSAFE=yes" "3 -" "$status $output" "$stderr"
    expect_match "what it says" 'UNSAFE=yes: without any protection' "$stderr" "tools/classroom/sandbox"
}

@test "sandbox: a job's user is one whom nobody else has, and two jobs have two" {
    needs_sandbox
    ((EUID == 0)) || skip_unasked "an ordinary user has no others to give"
    TMPDIR=$LAB_DIR background "$SANDBOX" -- bash -c 'echo "user $CONFINE_USER"; sleep 600'
    expect_soon "the first one has begun" "$BACKGROUND_OUT" grep -q user "$BACKGROUND_OUT"
    read -r _ user <"$BACKGROUND_OUT"
    expect "its account" '' "$(getent passwd "$user")" "is_unused"
    judged -- bash -c '"$CONFINE" id -u; "$CONFINE" id -G; echo "$CONFINE_USER"'
    expect "the second one's user and groups" "${lines[2]} ${lines[2]}" "${lines[0]} ${lines[1]}" "become in tools/classroom/confine"
    expect "whether it is the first one's" no "$([ "${lines[2]}" = "$user" ] && echo yes || echo no)" "reserve_user"
    kill "$BACKGROUND_PID"
    wait "$BACKGROUND_PID" || true
    expect "the note of its number" no "$(ls /run/exercise-user-"$user" 2>/dev/null || echo no)" "close in tools/classroom/sandbox"
}

# --- what a judge needs --------------------------------------------------------------------------

@test "confine: the judge finds the server itself, sees what it does, signals it, and learns its exit status" {
    needs_sandbox
    judged -- bash -c '. tools/lab.bash; . tools/classroom/confine.bash; lab_open; trap lab_close EXIT
        start_confined prlimit --nofile=64 /submission/server -p 0 -s 30
        echo "$(tr "\0" " " <"/proc/$SERVER_PID/cmdline")$(number_within "$SERVER_PID")"
        wait_until is_in accept "$SERVER_PID" && echo accept
        descriptors_of "$SERVER_PID"
        awk "/open files/ { print \$4 }" "/proc/$SERVER_PID/limits"
        # (Signals 32 and 33 belong to glibc, whose posix_spawn(3), by which make begins a program, leaves them ignored.)
        awk "/^Sig(Blk|Ign|Cgt)|^Cap(Eff|Bnd)|^NoNewPrivs/ { print \$1 \$2 }" "/proc/$SERVER_PID/status" |
            sed "/^SigIgn/s/:0000000180/:0000000000/" | xargs
        connect client; wait_until all_in recv "$SERVER_PID" 1 && echo recv
        ask "$client"; hear "$client"; [[ $ANSWER == *World* ]] && echo answered
        wait_until all_in sleep "$SERVER_PID" 1 && echo sleep
        kill -STOP "$SERVER_PID"; wait_until in_state "$SERVER_PID" T && echo stopped; kill -CONT "$SERVER_PID"
        child=$(children_of "$SERVER_PID")
        kill -KILL "$SERVER_PID"; server_status; echo "status $SERVER_STATUS"
        state_of "$child"; parent=$(parent_of "$child"); [ "$(cat "/proc/$parent/comm")" = bwrap ] && echo adopted
        end_server; wait_until is_gone "$child" && echo ended
        start_confined /bin/sh -c "echo Serving HTTP on port 1; read line; exit 5"; server_status; echo "status $SERVER_STATUS"
        start_confined /submission/server -p 0 -s 0; stop_server INT; echo "status $?"
        start_confined /submission/nosuch 2>&1 | sed -n "1p; /confine/p"
    '
    expect "what it sees" "/submission/server -p 0 -s 30 2
accept
0 1 2 3
64
SigBlk:0000000000000000 SigIgn:0000000000001000 SigCgt:0000000000010000 CapEff:0000000000000000 CapBnd:0000000000000000 NoNewPrivs:1
recv
answered
sleep
stopped
status 137
S
adopted
ended
status 5
status 130
the server did not say \"Serving HTTP on port N ...\" in its first line: /submission/nosuch" \
        "$output" "$stderr"
    expect_gone
}

@test "confine: strace, started by the judge, sees the server's calls from its first" {
    needs_sandbox
    judged -- bash -c '. tools/lab.bash; . tools/classroom/confine.bash; lab_open; trap lab_close EXIT
        start_traced /tmp/calls "-e trace=rt_sigaction,clone,exit_group" /submission/server -p 0 -s 0
        connect client; ask "$client"; listen_to "$client"; echo "$ENDING"
        wait_until has_children "$SERVER_PID" 0
        stop_server; echo "status $?"
        echo "$(grep -c "SIGCHLD, {sa_handler=0x" /tmp/calls) $(grep -c "clone(" /tmp/calls) $(grep -c "exit_group(0)" /tmp/calls)"
        awk "{ print \$1 }" /tmp/calls | sort -u | wc -l'
    if [ "${lines[2]-}" = "0 0 0" ]; then skip_for tracing; fi
    expect "how its client was left, its status, handlers, forks, ends, and processes" \
        $'end of file\nstatus 143\n1 1 1\n2' "$output" "start_traced in tools/classroom/confine.bash; $stderr"
}

# --- the attacks ---------------------------------------------------------------------------------

@test "attack: a fork bomb is stopped at the limit on processes" {
    needs_sandbox
    attack -- fork_bomb
    expect_match "what stops it" '^after (3[0-9][0-9]|40[0-9]): fork: Resource temporarily unavailable$' \
        "$(said '^out: (after|nothing)')" "prlimit --nproc in tools/classroom/confine"
    expect_unharmed
}

@test "attack: who leaves session, group and parent ends with the others" {
    needs_sandbox
    attack -- escape
    expect_unharmed
    attack -- -n escape
    expect "how many escape without the prefix" 5 "$(said '^left: ' | wc -l)" "tests/classroom/attacks/escape.c"
    expect_gone
}

@test "attack: who ignores all signals is killed" {
    needs_sandbox
    attack -e PROBE_PATIENCE=1 -- ignore_term
    expect_unharmed 1
}

@test "attack: kill hits nobody but the attacker's own" {
    needs_sandbox
    attack -- kill_parent
    expect "what it could kill" 'killed one by one: 0' "$(said '^out: killed')" "--unshare-pid in tools/classroom/confine"
    expect_unharmed "it has ended"
    attack -- -n kill_parent
    expect "whether the judge survives without the prefix" no "$(grep -q 'is done' <<<"$output" && echo yes || echo no)" \
        "tests/classroom/attacks/kill_parent.c"
    expect_gone
}

@test "attack: the disk cannot be filled, nor the judge's folders, nor by printing without end" {
    needs_sandbox
    attack -- fill_disk
    expect "where it could write: to its own /tmp alone, which is small" '' \
        "$(said '^out: .*KiB$' | grep -vE '^(\.|/tmp): [0-9]{1,5} KiB$|: 0 KiB$')" "the binds in tools/classroom/confine"
    expect "how much, in all: 16 MiB or less" yes \
        "$(said '^out: .*KiB$' | awk '{ sum += $2 } END { print(0 < sum && sum <= 16384 ? "yes" : "no, KiB: " sum) }')" "SCRATCH in tools/classroom/sandbox"
    expect "how much of its output is kept: 4 MiB or less" yes "$( (($(said '^size: ') <= 4200000)) && echo yes || said '^size: ')" \
        "prlimit --fsize in tools/classroom/confine"
    expect_unharmed
}

@test "attack: files without end, empty ones, are too many at some time" {
    needs_sandbox
    attack -- many_files
    expect "the exit status of the sandbox, or whether the attack was done first" 137 "$status" "FILES in tools/classroom/sandbox"
    expect "what it says" 'sandbox: more than 20000 files were made, so it was ended' "$stderr" "exceeded in tools/classroom/sandbox"
    expect_gone
}

@test "attack: who takes all memory is ended" {
    needs_sandbox
    attack -- eat_memory
    expect "the exit status of the sandbox" 137 "$status" "MEMORY in tools/classroom/sandbox"
    expect "what it says" 'sandbox: the processes together took more than 512 MiB of memory, so it was ended' "$stderr" "own_memory"
    expect_gone
}

@test "sandbox: its guard does not take what others on this machine use for its own, before there are mounts" {
    needs_sandbox
    strace -o /dev/null true 2>/dev/null || skip_for tracing
    background python3 -u -c 'import signal; held = b"x" * (600 << 20); print("held"); signal.pause()'
    expect_soon "another program has 600 MiB" "$BACKGROUND_OUT" grep -q held "$BACKGROUND_OUT"
    mkdir "$LAB_DIR/tree" # with a sandbox that takes its time until it has a /proc of its own
    cp -r tools "$LAB_DIR/tree"
    SANDBOX=$LAB_DIR/tree/tools/classroom/sandbox
    sed -i 's/ bwrap --args 4/ strace -f -qq -o \/dev\/null -e trace=pivot_root -e inject=pivot_root:delay_enter=300000&/' "$SANDBOX"
    expect "whether that edit changes it" yes "$(cmp -s "$SANDBOX" "$ROOT/tools/classroom/sandbox" || echo yes)" "start in tools/classroom/sandbox"
    judged -- sh -c 'exit 7'
    expect "the exit status, that of the command" 7 "$status" "SEEN in tools/classroom/sandbox: whose /proc is it? $stderr"
}

@test "attack: memory that counts as no process's cannot be had" {
    needs_sandbox
    attack -- hide_memory
    expect "what it could get" '' "$(said '^out: .*: allowed$')" "DENIED in tools/classroom/view.bash"
    expect_unharmed
    attack -- -n hide_memory
    expect_match "what it can without the prefix" 'memfd_create' "$(said '^out: .*: allowed$')" "tests/classroom/attacks/hide_memory.c"
}

@test "attack: who takes all processors is ended" {
    needs_sandbox
    attack -c 3 -e PROBE_SECONDS=100 -- burn_time
    expect "the exit status of the sandbox" 137 "$status" "PROCESSOR in tools/classroom/sandbox"
    expect "what it says" 'sandbox: the processes together took more than 3 s of processor time, so it was ended' "$stderr" \
        "processor_time"
    expect_gone
}

@test "attack: a process whose name has a line end is seen all the same, and so is its time" {
    needs_sandbox
    attack -c 3 -e PROBE_SECONDS=100 -- hide_name
    expect "the exit status of the sandbox" 137 "$status" "processor_time in tools/classroom/sandbox"
    expect "what it says" 'sandbox: the processes together took more than 3 s of processor time, so it was ended' "$stderr" "processor_time"
    expect_gone
}

@test "attack: forged results reach no descriptor but the attacker's own" {
    needs_sandbox
    attack -- forge
    expect "how many other descriptors took it" 'descriptors that took it: 0' "$(said '^out: descriptors')" "clean in tools/lab.bash"
    expect "the lines that are not the attack's own words" '' "$(grep -a FORGED <<<"$output" | grep -av '^out: ')$(grep -a FORGED <<<"$stderr")" "$output"
    expect_unharmed
}

@test "attack: a port of another's is taken in nobody's network but its own" {
    needs_sandbox
    start_server "$ATTACKS/server" -p 0 -s 0
    attack -- take_port "$PORT"
    expect "what it could take" $'port 8888: taken\nport '"$PORT: taken" "$(said '^out: port')" "--unshare-net in tools/classroom/sandbox"
    expect_unharmed
    connect client
    ask "$client"
    listen_to "$client"
    expect "who answers outside" "$GREETING" "${ANSWER//$'\r'/}" "--unshare-net"
}

@test "attack: nobody outside can be connected to, not by a path or an abstract name either" {
    needs_sandbox
    start_server "$ATTACKS/server" -p 0 -s 0
    background python3 -c 'import socket, sys, time
for name in sys.argv[1:]:
    listener = socket.socket(socket.AF_UNIX); listener.bind(name.replace("@", "\0")); listener.listen(); globals()[name] = listener
print("listening", flush=True)
time.sleep(600)' "$LAB_DIR/socket" "@$LAB_DIR"
    expect_soon "there are sockets to connect to" "$BACKGROUND_OUT" grep -q listening "$BACKGROUND_OUT"
    chmod 755 "$LAB_DIR"
    attack -- connect_out "$PORT" "$LAB_DIR/socket" "@$LAB_DIR"
    expect "whom it could connect to" '' "$(said '^out: .*: connected')" "--unshare-net in tools/classroom/sandbox"
    expect_unharmed
    run timeout 1 "$ATTACKS/connect_out" "$PORT" "$LAB_DIR/socket" "@$LAB_DIR"
    expect "whom it can without the sandbox" "127.0.0.1: connected, $LAB_DIR/socket: connected, @$LAB_DIR: connected" \
        "$(grep connected <<<"$output" | paste -sd, | sed 's/,/, /g')" "tests/classroom/attacks/connect_out.c"
}

@test "attack: neither tests, nor expected answers, nor results are to be found, and nothing can be changed" {
    needs_sandbox
    attack -- find_answers
    expect "what it could read, or write to" 'can write to: /tmp' "$(said '^out: can')" "the binds in tools/classroom/confine"
    expect_unharmed
    attack -- -n find_answers
    expect_match "what it can without the prefix" "can read: $ROOT/tools/classroom/" "$(said '^out: can')" "tests/classroom/attacks/find_answers.c"
}

@test "attack: nothing tells the program that it is being judged: environment, processes, parent" {
    needs_sandbox
    attack -- look_for_grader
    expect "its environment" "HOME=/tmp LANG=C.UTF-8 PATH=/usr/local/bin:/usr/bin:/bin PWD=/tmp TMPDIR=/tmp" \
        "$(said '^out: environment' | sed 's/environment: //' | grep -v '^_=' | sort | xargs)" "env -i in tools/classroom/confine"
    expect "its parent" 'parent: 1' "$(said '^out: parent')" "--unshare-pid"
    expect "the processes that it sees" '/proc/2/cmdline: /submission/look_for_grader ' "$(said '^out: /proc')" \
        "--proc in tools/classroom/confine"
    expect "what of the judge is among them" '' "$(said '^out: (environment|/proc)' | grep -E 'judge|classroom|lab\.|probe|SECRET|scratch')" "$output"
    expect_unharmed
}

@test "attack: who never says a word is not waited for" {
    needs_sandbox
    attack -e PROBE_SECONDS=1 -- hang
    expect "whether it has begun" no "$(said '^begun')" "start_confined"
    output=$(grep -v 'it was not done' <<<"$output")
    expect_unharmed
}

@test "attack: neither memory, nor environment, nor files of others can be read" {
    needs_sandbox
    attack -- read_grader
    expect "whose it could" '' "$(said '^out: can')" "--unshare-pid and /proc/1 in tools/classroom/confine, DENIED in view.bash"
    expect_unharmed
    attack -- -n read_grader
    expect_match "what it can without the prefix" 'can read the environment of' "$(said '^out: can')" "tests/classroom/attacks/read_grader.c"
}

@test "attack: no right can be had that it has not" {
    needs_sandbox
    attack -- become_root
    expect "what was allowed" '' "$(said '^out: .*: allowed$')" "become and --seccomp in tools/classroom/confine"
    expect_unharmed
}
