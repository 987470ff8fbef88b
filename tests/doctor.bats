#!/usr/bin/env bats
#
# make doctor: what it finds is so, what it says is what a test that skips says, and it leaves
# nothing behind. Each finding is caused for real where that can be, in namespaces of its own; where
# it cannot, a stub stands in, and the test says for what.

# shellcheck disable=SC2016 # many a line here is for another shell
ARTICLE_SLEEP=0
load setup

unset STEP SERVER PORT http_proxy all_proxy ALL_PROXY no_proxy NO_PROXY MAKELEVEL MAKEFLAGS

# doctor [PREFIX...] -- CHECK...: runs it behind PREFIX.
doctor() {
    split_words "$@"
    run --separate-stderr timeout -k 10 120 "${BEFORE[@]}" tools/doctor "${AFTER[@]}"
    expect "what it prints besides" '' "$stderr" tools/doctor
}

# says LEVEL PATTERN: its line is of this level and matches; the status is 1 if it spoils; there is something to type.
says() {
    expect_match "what it says" "^$1 +$2" "$output" tools/doctor
    expect "its status" "$([ "$1" = spoils ] && echo 1 || echo 0)" "$status" "$output"
    if [ "$1" != ok ]; then expect_match "what to type" '\. Type: [a-z]' "$output" tools/doctor; fi
}

# isolate [-p]: sets isolation, a command in front of one that is to have a network and mounts of its own; with -p,
# processes of its own, too.
isolate() {
    isolation=(unshare -m -n)
    if ((EUID != 0)); then isolation+=(-U -r); fi
    "${isolation[@]}" mount -t tmpfs none /dev/shm 2>/dev/null || skip_for namespaces
    if [ "${1-}" = -p ]; then isolation+=(-p -f --mount-proc); fi
}

# isolated [-p] SCRIPT [ARGUMENT...]: runs a line of bash so, in which $DOCTOR is the program.
isolated() {
    local option=
    if [ "$1" = -p ]; then option=$1 && shift; fi
    isolate "$option"
    run --separate-stderr timeout -k 10 120 env DOCTOR=tools/doctor "${isolation[@]}" bash -c "$@"
    expect "what it prints besides" '' "$stderr" tools/doctor
}

# with_lazy_init COMMAND: runs a line of bash below a process 1 that reaps nobody. Sets output.
with_lazy_init() {
    isolate -p
    background "${isolation[@]}" bash -c 'ip link set lo up; (eval "$0"; echo end) & exec sleep 1000' "$1"
    has_ended() { grep -q '^end$' "$BACKGROUND_OUT"; }
    LAB_DEADLINE=90 expect_soon "all of its output" "$BACKGROUND_OUT" has_ended
    output=$(<"$BACKGROUND_OUT")
}

# as_nobody: sets nobody, a command in front of what is to run as an ordinary user, from a place that he can reach.
as_nobody() {
    nobody=()
    ((EUID == 0)) || return 0
    user=$((3000000 + BASHPID))
    nobody=(setpriv --reuid "$user" --regid "$user" --clear-groups --inh-caps=-all)
    "${nobody[@]}" true 2>/dev/null || skip_for limiting
    mkdir "$LAB_DIR/tree"
    cp -r tools Makefile "$LAB_DIR/tree"
    chmod -R a+rX "$LAB_DIR"
    cd "$LAB_DIR/tree" || return
}

@test "doctor: a line for each check, the findings counted, status 1 if one spoils" {
    doctor --
    expect "lines in another form" '' "$(grep -vE '^(ok {6}|note {4}.*\. Type: .|spoils  .*\. Type: .|$|Nothing here|One thing here|[0-9]+ things here)' <<<"$output")" tools/doctor
    checks=$(tools/doctor nonsense 2>&1 | sed -n 's/.*CHECK\.\.\.\]: \(.* tools\) .*/\1/p')
    expect "no fewer lines than checks (more, where several tools are missing or signals ignored)" yes \
        "$([ "$(grep -cE '^(ok|note|spoils) ' <<<"$output")" -ge "$(wc -w <<<"$checks")" ] && echo yes)" "$output"
    number=$(grep -c '^spoils' <<<"$output") || true
    case $number in
    0) last='Nothing here spoils an experiment.' ;;
    1) last='One thing here spoils an experiment.' ;;
    *) last="$number things here spoil an experiment." ;;
    esac
    expect "its last line" "$last" "${lines[-1]}" "$output"
    expect "its status" $((number > 0)) "$status" "$output"
}

@test "doctor: where nothing is wrong it says so, check by check" {
    # what cannot be other where the tests run at all, and what a clean beginning makes so
    doctor env --default-signal -- bash signals sleeping tree temporary devices
    expect "its status" 0 "$status" "$output"
    expect "lines that are not ok" '' "$(grep -v '^ok  ' <<<"$output")" tools/doctor
    isolated -p '$DOCTOR proc'
    expect_match "a /proc of its own" '^ok +' "$output" tools/doctor
    isolated 'ip link set lo up && $DOCTOR port loopback queue'
    expect "its status, in a network of its own" 0 "$status" "$output"
    expect_match "the port" 'ok +port 8888 is free' "$output" look_at_port
}

@test "doctor: a check that there is not is refused: one line, usage, status 2" {
    run tools/doctor nonsense
    expect "its status" 2 "$status" "$output"
    expect_match "what it says" "there is no check 'nonsense'" "${lines[0]}" usage
    expect_match "its usage" '^usage: make doctor.* port .* strace ' "${lines[1]}" usage
    expect "how many lines it prints" 2 "${#lines[@]}" "$output"
}

@test "doctor: needs bash and coreutils alone; each tool that is missing, what it is for and what to type" {
    # what make has started anyway, and the commands of coreutils that it takes
    only_tools "$LAB_DIR/bin" bash env cat chmod date df dirname fold getent kill ls mkdir rm sleep sort stat stty tail \
        timeout tr true uname
    doctor env PATH="$LAB_DIR/bin" CC=/nowhere/cc --
    expect "its status" 1 "$status" "$output"
    for tool in cc make awk setsid bats criterion curl ss ps strace valgrind gnuplot ncurses tmux; do
        expect_match "what it says of $tool" "^spoils +$tool is missing: .*\. Type: (make deps$|sudo apt-get install )" \
            "$(grep " $tool is missing" <<<"$output")" TOOLS
    done
    expect_match "what it says of clang" "note +clang is missing: make fuzz .* Type: make deps-fuzz" "$output" TOOLS
}

@test "doctor: root, for whom a limit on processes does not hold; and an ordinary user" {
    if ((EUID == 0)); then
        doctor -- user
        says note 'you are root, .*\(5\.6\)'
    fi
    as_nobody
    doctor "${nobody[@]}" -- user
    says note 'you are not root, '
}

@test "doctor: a limit on processes that is nearly used up" {
    as_nobody
    if ((EUID == 0)); then
        doctor prlimit --nproc=300 "${nobody[@]}" -- processes
    else
        # shellcheck disable=SC2317 # the program calls it
        ulimit() { echo 300; } # a stub: this user's other processes, other tests among them, may be more
        export -f ulimit
        doctor -- processes
    fi
    says spoils 'you may have 300 processes, and [0-9]+ are in use: .*7\.1: 1,000.*ulimit -u [0-9]+'
}

@test "doctor: a limit on descriptors that is low, or so high that the leak has no end" {
    doctor prlimit --nofile=64:1024 -- descriptors
    says spoils 'a program may open 64 files: .*4\.6.*ulimit -n 1024'
    doctor prlimit --nofile=64:64 -- descriptors
    says spoils 'a program may open no more than 64 files'
    ulimit() { echo 1073741816; } # a stub: who may not raise his limit cannot have this one
    export -f ulimit
    doctor -- descriptors
    says note 'a program may open 1073741816 files: the leak of step 4'
}

@test "doctor: a process 1 that does not reap orphans is found out by an orphan" {
    with_lazy_init 'LAB_DEADLINE=1 tools/doctor orphans; echo "status $?"'
    status=$(sed -n 's/^status //p' <<<"$output")
    says spoils 'process 1 \(sleep\) inherits orphans and does not wait for them: .*\(5\.5\)'
}

@test "doctor: signals that the caller ignores, each with its consequence" {
    doctor env --default-signal --ignore-signal=CHLD -- signals
    says spoils 'SIGCHLD is ignored .*\(5\.2 to 5\.5\)'
    doctor env --default-signal --ignore-signal=INT -- signals
    says note 'SIGINT is ignored .*Ctrl-C'
    doctor env --default-signal --ignore-signal=PIPE -- signals
    says note 'SIGPIPE is ignored .*broken pipe'
    doctor env --ignore-signal=CHLD,INT,PIPE -- signals
    expect "how many lines it prints when all three are" 3 "${#lines[@]}" "$output"
}

@test "doctor: make gives SIGCHLD its default; so the one who started make is asked" {
    printf 'signals:\n\t@tools/doctor signals\n' >"$LAB_DIR/makefile"
    run env --default-signal make -s -f "$LAB_DIR/makefile"
    says ok 'SIGINT and SIGPIPE are not ignored \(make itself'
    run env --default-signal --ignore-signal=CHLD awk -v makefile="$LAB_DIR/makefile" 'BEGIN { system("exec make -s -f " makefile) }'
    expect_match "what it says below awk, which ignores SIGCHLD" '^spoils +SIGCHLD is ignored' "$output" look_at_signals
}

@test "doctor: port 8888 taken, and by whom" {
    isolated 'ip link set lo up; exec 3< <(exec "$0" -p 8888); read -r _ <&3; echo $!; $DOCTOR port; status=$?; kill $!; exit $status' \
        "$BIN/step1_iterative/server"
    pid=${lines[0]} output=${lines[1]}
    says spoils "port 8888 is taken, by process $pid \(server\): .*Type: kill $pid"
}

@test "doctor: port 8888 taken by another user's process" {
    ((EUID == 0)) || skip_for user
    as_nobody
    isolated 'ip link set lo up; exec 3< <(exec "$0" -p 8888); read -r _ <&3; "$@" $DOCTOR port; status=$?; kill $!; exit $status' \
        "$BIN/step1_iterative/server" "${nobody[@]}"
    says spoils 'port 8888 is taken, by a process of user 0 that you may not look at: .*sudo ss -ltnp'
}

@test "doctor: no loopback; localhost that is ::1 first, or alone" {
    isolated '$DOCTOR loopback'
    says spoils '127\.0\.0\.1 cannot be reached .*ip link set lo up'
    printf '::1 localhost\n127.0.0.1 localhost\n' >"$LAB_DIR/hosts"
    isolated 'ip link set lo up; mount --bind "$0" /etc/hosts; $DOCTOR loopback' "$LAB_DIR/hosts"
    says note 'localhost is ::1 first'
    echo '192.0.2.1 localhost' >"$LAB_DIR/hosts"
    isolated 'ip link set lo up; mount --bind "$0" /etc/hosts; $DOCTOR loopback' "$LAB_DIR/hosts"
    says spoils 'localhost is not 127\.0\.0\.1'
}

@test "doctor: a proxy that curl would ask for localhost" {
    doctor env http_proxy=http://192.0.2.1:3128 -- proxy
    says spoils 'curl asks a proxy .*export no_proxy=localhost'
    doctor env http_proxy=http://192.0.2.1:3128 no_proxy=example.org,localhost -- proxy
    says ok 'curl asks no proxy'
}

@test "doctor: kernel settings of the network, each as it is" {
    isolated 'echo 10 >/proc/sys/net/core/somaxconn; $DOCTOR queue'
    says spoils 'the kernel cuts every queue of connections to 10 .*2\.5.*sysctl -w net\.core\.somaxconn'
    isolated 'echo 200 >/proc/sys/net/core/somaxconn; $DOCTOR queue'
    says note 'the kernel cuts every queue of connections to 200 '
    isolated 'echo 1 >/proc/sys/net/ipv4/tcp_abort_on_overflow; $DOCTOR queue'
    says note 'a full queue may answer with a reset'
    isolated 'echo 40000 40099 >/proc/sys/net/ipv4/ip_local_port_range; $DOCTOR ports'
    says spoils 'the kernel has 100 ports for clients'
    isolated 'echo 1024 65535 >/proc/sys/net/ipv4/ip_local_port_range; $DOCTOR ports'
    says note 'port 8888 is among those that the kernel gives to clients'
    isolated 'echo 40000 49999 >/proc/sys/net/ipv4/ip_local_port_range; echo 0 >/proc/sys/net/ipv4/tcp_tw_reuse; $DOCTOR ports'
    says note 'the kernel has 10000 ports for clients, and each rests for a minute'
    isolated 'echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start; $DOCTOR privileged'
    says note 'every port is open to every user here'
}

@test "doctor: strace that may not trace: because of another tracer" {
    command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null || skip_for tracing
    doctor strace -f -qq -o /dev/null -- tracing
    says spoils 'strace may not trace, since this is traced itself, by process [0-9]+: 3\.6, 7\.3, 8\.3 and the faults are skipped'
}

# no_ptrace: makes a program that runs its arguments under a filter of system calls that refuses ptrace,
# as the one of some containers does.
no_ptrace() {
    cat >"$LAB_DIR/filter.c" <<'END'
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(int argc, char *argv[]) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ptrace, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog program = {4, filter};
    if (argc < 2 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) return 99;
    execvp(argv[1], argv + 1);
    return 98;
}
END
    "${CC:-cc}" -o "$LAB_DIR/filter" "$LAB_DIR/filter.c"
}

@test "doctor: strace that may not trace: because of a filter, or of Yama" {
    command -v strace >/dev/null || skip_for strace
    no_ptrace
    doctor "$LAB_DIR/filter" -- tracing
    says spoils 'strace may not trace, since (a filter of system calls|Yama) forbids it'
    # a stub for the setting: to be had for real, Yama wants a kernel that was built with it
    for scope in 2 3; do
        isolated 'mount -t tmpfs none /proc/sys/kernel; mkdir /proc/sys/kernel/yama; echo "$1" >/proc/sys/kernel/yama/ptrace_scope; "$0" $DOCTOR tracing' \
            "$LAB_DIR/filter" "$scope"
        says spoils "strace may not trace, since Yama forbids it .*\(ptrace_scope is $scope\)"
    done
}

@test "doctor: user namespaces refused, so that a limit on processes cannot be shown" {
    isolated true # or it skips
    unshare -U --map-user=1000 --keep-caps true 2>/dev/null || skip_for limiting
    run --separate-stderr unshare -U --map-user=1000 --keep-caps bash -c 'echo 0 >/proc/sys/user/max_user_namespaces; tools/doctor limiting'
    says spoils 'you may not make a user namespace \(user\.max_user_namespaces is 0\): .*sysctl -w user\.max_user_namespaces'
    run --separate-stderr unshare -U -r tools/doctor limiting
    says spoils 'root cannot become another user here: a limit on processes cannot be shown'
}

@test "doctor: no /proc, and one that hides the processes of others" {
    isolated 'mount -t tmpfs none /proc; $DOCTOR'
    expect "its status" 1 "$status" "$output"
    expect_match "what it says" 'spoils +this looks into /proc' "$output" look_at_proc
    expect_match "what it cannot look at" 'Not looked at, since this is Linux without /proc: .*orphans' "$output" report
    as_nobody
    isolated -p 'mount -o remount,hidepid=2 /proc 2>/dev/null && "$@" $DOCTOR proc || echo refused' bash "${nobody[@]}"
    if ((EUID != 0)) || [ "$output" = refused ]; then return; fi # the one process 1 there is his own
    says note '/proc hides the processes of others'
}

@test "doctor: a directory that is no good: for the tree, for the files of experiments, for Criterion" {
    doctor env TMPDIR="$LAB_DIR/none" -- temporary
    says spoils "$LAB_DIR/none, for the files of experiments, cannot be written"
    mkdir "$LAB_DIR/tmp" "$LAB_DIR/closed"
    isolated 'mount -t tmpfs -o noexec none "$0"; TMPDIR=$0 $DOCTOR temporary' "$LAB_DIR/tmp"
    says spoils '.*lets no program run \(noexec\)'
    isolated 'mount -t tmpfs -o size=1m none "$0"; TMPDIR=$0 $DOCTOR disk' "$LAB_DIR/tmp"
    says spoils 'the disk is full: [01] MiB are left'
    isolated 'mount -t tmpfs -o ro none /dev/shm; $DOCTOR shm'
    says spoils '/dev/shm cannot be written'
    isolated 'mount --bind . "$0"; mount -o remount,bind,ro "$0"; cd "$0"; $DOCTOR tree' "$LAB_DIR/tmp"
    says spoils 'this directory cannot be written: make cannot build here'
    chmod() { command chmod 755 "$2"; } # a stub: there is no Windows drive here
    export -f chmod
    doctor -- tree
    says spoils 'this directory knows no permissions .*as a Windows drive in WSL'
}

@test "doctor: a directory for experiments that other users cannot reach, where root needs one" {
    ((EUID == 0)) || skip_for user
    mkdir -m 700 "$LAB_DIR/closed"
    doctor env TMPDIR="$LAB_DIR/closed" -- temporary
    says spoils "$LAB_DIR/closed, .*, is closed to other users"
}

@test "doctor: devices that are not there" {
    isolated 'mount -t tmpfs none /proc; $DOCTOR devices' # /dev/fd leads there
    says spoils 'there is no /dev/fd'
}

@test "doctor: memory nearly exhausted, a clock that is behind" {
    printf 'MemTotal: 8000000 kB\nMemAvailable: 102400 kB\n' >"$LAB_DIR/meminfo" # a stub: nobody wants that for real
    isolated 'mount --bind "$0" /proc/meminfo; $DOCTOR memory' "$LAB_DIR/meminfo"
    says spoils '100 MiB of memory are left'
    mkdir "$LAB_DIR/tree"
    cp -r tools Makefile "$LAB_DIR/tree"
    cd "$LAB_DIR/tree"
    touch -d '+1 day' Makefile
    doctor -- clock
    says note 'the clock is behind'
}

@test "doctor: a shell that is not bash, and what differs" {
    for shell in zsh fish csh tcsh dash; do
        doctor env SHELL="/usr/bin/$shell" -- shell
        says note "your shell is $shell, .*: $shell .*Type: bash"
    done
    doctor env SHELL=/bin/bash -- shell
    says ok '.*bash'
}

@test "doctor: a container, WSL 1, macOS" {
    isolated 'mount -t tmpfs none /run; touch /run/.containerenv; $DOCTOR container'
    says note 'this is a container \(podman\): .*podman run --init'
    # stubs from here on: for a Windows and a Mac
    echo 4.4.0-19041-Microsoft >"$LAB_DIR/release"
    isolated 'mount --bind "$0" /proc/sys/kernel/osrelease; $DOCTOR system' "$LAB_DIR/release"
    says spoils 'this is WSL 1, .*wsl --set-version'
    mkdir "$LAB_DIR/bin"
    printf '#!/bin/sh\necho Darwin\n' >"$LAB_DIR/bin/uname"
    chmod 755 "$LAB_DIR/bin/uname"
    doctor env PATH="$LAB_DIR/bin:$PATH" --
    expect "its status" 1 "$status" "$output"
    expect_match "what it says" 'spoils +this is Darwin, not Linux: the stages and the client run here' "$output" look_at_system
    expect_match "what it cannot look at" 'Not looked at, since this is Darwin: .*signals orphans.*tracing' "$output" report
}

@test "doctor: a kernel that does not tell where a process sleeps" {
    mkdir "$LAB_DIR/tree"
    cp -r tools Makefile "$LAB_DIR/tree"
    cd "$LAB_DIR/tree"
    echo 'is_in() { false; }' >>tools/lab.bash # a stub: it is the kernel that would have to say nothing
    doctor env LAB_DEADLINE=1 -- sleeping
    says spoils 'the kernel does not tell in which call a process sleeps'
}

@test "doctor: where the kernel hides it, a process that is stopped in a call does not sleep in it" {
    echo 0 >"$LAB_DIR/wchan" # a stub, mounted: it is the kernel that would have to hide it
    isolated 'step1_iterative/server -p 0 >/dev/null &
        mount --bind "$0" "/proc/$!/wchan"
        . tools/lab.bash
        until is_in accept "$!"; do sleep 0.01; done
        kill -STOP "$!"
        until in_state "$!" T; do sleep 0.01; done
        is_in accept "$!" && echo yes || echo no
        kill -KILL "$!"' "$LAB_DIR/wchan"
    expect "does the stopped server sleep in accept?" no "$output" is_in
}

# --- the tests' own words ------------------------------------------------------------------------

@test "doctor: a test that skips says the doctor's line: tracing, with a strace that cannot be run" {
    touch "$LAB_DIR/nothing"
    isolated 'for tool in $(type -ap strace); do mount --bind "$0" "$tool"; done; $DOCTOR tracing
        bats --tap -f "^7\.3 WNOHANG" tests/step7_waitpid.bats' "$LAB_DIR/nothing"
    read -r _ line <<<"${lines[0]}"
    expect_match "what the doctor says" '^strace may not trace \(Permission denied\): ' "$line" look_at_tracing
    expect_match "the test that needs it" "^ok 1 7\.3 .* # skip " "${lines[-1]}" tests/step7_waitpid.bats
    expect "the words with which it skips" "$line" "${lines[-1]#* # skip }" "skip_for in tests/setup.bash"
}

@test "doctor: a test that skips says the doctor's line: orphans, with a process 1 that does not reap" {
    with_lazy_init 'LAB_DEADLINE=1 tools/doctor orphans; LAB_DEADLINE=4 bats --tap -f "^5\.5 " tests/step5_zombie.bats'
    read -r _ line <<<"$output"
    expect_match "what the doctor says" '^process 1 \(sleep\) inherits orphans' "$line" look_at_orphans
    expect "the words with which the test skips" "$line" "$(sed -n 's/^ok .* # skip //p' <<<"$output")" "$output"
}

@test "doctor: what the tour leaves out it says in the doctor's words" {
    isolated true # or it skips
    mkdir "$LAB_DIR/tmp"
    # root there has no other user to become
    run env BIN="$BIN" PORT=0 TMPDIR="$LAB_DIR/tmp" ASAN_OPTIONS=detect_leaks=0 unshare -U -r bash -c 'tools/doctor limiting; tools/tour 5' </dev/null
    expect "the tour's status" 0 "$status" "$output"
    read -r _ line <<<"${lines[0]}"
    expect "what it says, folded" "(Not shown: $line)" "$(sed -n '/^(Not shown: /,/)$/p' <<<"$output" | xargs -0 echo | tr '\n' ' ' | sed 's/ *$//')" use_up_processes
}

@test "doctor: no test skips in words of its own" {
    expect "skips that are not by skip_for, or for what was not asked" '' \
        "$(grep -nE '(^|[^_a-z#])skip( |$)' tests/*.bats | grep -vE '# .*skip|doctor\.bats')" "skip_for in tests/setup.bash"
    known=" $(tools/doctor nonsense 2>&1 | sed -n 's/.*CHECK\.\.\.\]: //p') "
    read -ra checks < <(sed -nE 's/.*(\|\| |then |^ +)skip_for ([a-z ]+)(;.*)?$/\2/p' tests/*.bats | xargs)
    for check in "${checks[@]}"; do
        expect "a check of make doctor's that skip_for names: $check" yes "$([[ $known == *" $check "* ]] && echo yes)" tools/doctor
    done
    while IFS= read -r reason; do
        expect "the reason '$reason' of a unit test, in tools/doctor" yes "$(grep -qF "$reason" tools/doctor && echo yes)" tests/unit
    done < <(grep -ohE 'cr_skip(_test)?\("[^"]*"' tests/unit/*.c | sed 's/.*("//; s/"$//')
}

@test "doctor: ended by Ctrl-C, it leaves neither a process nor a file behind" {
    mkdir "$LAB_DIR/tmp"
    background env TMPDIR="$LAB_DIR/tmp" tools/doctor
    sleeps() { pgrep -g "$BACKGROUND_PID" -x sleep >/dev/null; }
    expect_soon "its orphan, or another one that sleeps" look_at_orphans sleeps
    interrupt "-$BACKGROUND_PID" "$BACKGROUND_PID" # the whole foreground, as a terminal does
    nobody_left() { ! pgrep -g "$BACKGROUND_PID" >/dev/null; }
    expect_soon "and so has all that it had started, in 5 s at the latest" look_at_orphans nobody_left
    expect "files that it has left" '' "$(find . "$LAB_DIR/tmp" /dev/shm -maxdepth 1 -name '.doctor.*' 2>/dev/null)" try_directory
}
