# shellcheck shell=bash
#
# What every .bats file loads: an experiment of its own for each test (tools/lab.bash), the server
# under test, and expectations whose failure says what was expected, what was seen, where to look.
#
# Set by make, from what was asked of it:
#   BIN          where the built programs are; "" for beside their sources
#   SERVER       a command line to judge instead of our own server
#   SERVER_ARGS  its options instead of "-p 0 -s SECONDS"; empty for a program that takes none
#   SERVER_SLEEP how long such a program sleeps after an answer, if not as long as the article's
#   VALGRIND     not empty: run each server under valgrind

bats_require_minimum_version 1.5.0

ROOT=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd)
BIN=${BIN:-$ROOT}
STEP=${BATS_TEST_FILENAME##*/} STEP=${STEP%.bats}
CLIENT=$BIN/client/client
RUDE=$ROOT/build/tests/rude
# shellcheck source=tools/lab.bash
. "$ROOT/tools/lab.bash"
# shellcheck source=tools/expect.bash
. "$ROOT/tools/expect.bash"
if [ -n "${VALGRIND-}" ]; then LAB_DEADLINE=60; fi

# The answer as the tests compare it, CR aside: the article's own programs send a bare LF. That ours
# has CRLF is for 1.1 to assert.
GREETING=$'HTTP/1.1 200 OK\n\nHello, World!\n'

setup() {
    set +T # bats is to follow the lines of a test, not those of the helpers: that is slow
    cd "$ROOT" || return
    lab_open
}

teardown() {
    lab_close
}

# serve [-s SECONDS] [-p PORT] [-x PROGRAM] [PREFIX...]: starts the server under test, asked to sleep
# for SECONDS (0 unless told otherwise) after each answer, at PORT (any), behind PREFIX (prlimit ...).
# PROGRAM is the stage's own program, server unless told otherwise. Sets what start_server sets, and
# NAP, the seconds that it sleeps.
serve() {
    local program=server port=0 seconds=0 command=() server arguments
    while [[ ${1-} == -? ]]; do
        case $1 in
        -s) seconds=$2 ;;
        -p) port=$2 ;;
        -x) program=$2 ;;
        esac
        shift 2
    done
    if [ -n "${VALGRIND-}" ]; then
        # a descriptor of 1,000: for a log file valgrind itself would take the program's number 3
        # shellcheck disable=SC2016 # for the other bash
        command=(prlimit --nofile=1024 bash -c 'exec 1000>>"$0" "$@"' "$VALGRIND_LOG" valgrind --quiet --vgdb=no --log-fd=1000)
    fi
    if [ -n "${SANITIZE-}" ]; then
        # a leak check, at a server's end, wants descriptors, processes and no tracer: what some
        # tests take away. The client and the unit tests keep it.
        export ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0
    fi
    if [ -n "${SERVER-}" ]; then read -ra server <<<"$SERVER"; else server=("$BIN/$STEP/$program"); fi
    if [ -n "${SERVER_ARGS+set}" ]; then
        read -ra arguments <<<"$SERVER_ARGS"
        # shellcheck disable=SC2034 # for the tests
        NAP=${SERVER_SLEEP:-$ARTICLE_SLEEP}
        LAB_DEADLINE=$((LAB_DEADLINE + 10#0${NAP%.*})) # its sleep is not ours to shorten
    else
        arguments=(-p "$port" -s "$seconds")
        # shellcheck disable=SC2034
        NAP=$seconds
    fi
    start_server "$@" "${command[@]}" "${server[@]}" "${arguments[@]}"
}

# skip_for CHECK...: skips for what make doctor finds there on this machine, the first thing of it, in its words.
skip_for() {
    local level line
    while read -r level line; do
        if [ "$level" != ok ]; then skip "$line"; fi
    done < <("$ROOT/tools/doctor" "$@")
    report "why this cannot be shown on this machine" "a line of make doctor" "$line" "tools/doctor $*"
}

# skip_unasked REASON: skips what the one who started this did not ask for: it is no matter of the machine.
skip_unasked() {
    skip "$1"
}

# only_ours REASON: skips where another's server is judged.
only_ours() {
    if [ -n "${SERVER-}" ]; then skip_unasked "$1"; fi
}

# variant [-x PROGRAM] SED-SCRIPT...: builds this stage's program from an edited copy of our own source,
# for what cannot be seen from outside. Sets VARIANT to the command.
variant() {
    only_ours "it is our own source that is edited"
    local edit program=server
    if [ "$1" = -x ]; then
        program=$2
        shift 2
    fi
    cp "$STEP/$program.c" "$LAB_DIR/variant.c"
    for edit; do
        sed -E "$edit" "$LAB_DIR/variant.c" >"$LAB_DIR/edited.c"
        if cmp -s "$LAB_DIR/variant.c" "$LAB_DIR/edited.c"; then
            report "the edit of $STEP/$program.c" "$edit" "it changes nothing" "the source, and this edit"
        fi
        mv "$LAB_DIR/edited.c" "$LAB_DIR/variant.c"
    done
    VARIANT=$LAB_DIR/variant
    read -ra cc <<<"${CC:-cc}"
    "${cc[@]}" -o "$VARIANT" "$VARIANT.c"
}

# not_under_valgrind REASON: skips where valgrind itself would be measured.
not_under_valgrind() {
    if [ -n "${VALGRIND-}" ]; then skip_unasked "under valgrind: $1"; fi
}

# only_tools DIRECTORY TOOL...: makes a directory with these tools, for a PATH that has no other.
only_tools() {
    local paths
    mapfile -t paths < <(type -P "${@:2}")
    mkdir "$1"
    ln -s "${paths[@]}" "$1"
}

# split_words [WORD...] -- [WORD...]: sets BEFORE to the words before --, and AFTER to those behind it.
split_words() {
    BEFORE=()
    while [ "$1" != -- ]; do
        BEFORE+=("$1")
        shift
    done
    # shellcheck disable=SC2034 # for the caller
    AFTER=("${@:2}")
}

# interrupt TARGET PID: sends SIGINT to TARGET, a process or -GROUP, each second until process PID has ended, as one
# does who presses Ctrl-C. (Bash 5.2 itself loses it now and then: of 300, sent to a loop that starts programs, 3.)
interrupt() {
    local LAB_DEADLINE=1
    for _ in {1..10}; do
        kill -INT -- "$1"
        if wait_until is_gone "$2"; then return 0; fi
    done
    report "the process that Ctrl-C was to end" gone "process $2 is there still, after ten of them" "its trap: tools/signals.bash"
}

# expect_queue LENGTH: fails unless so many clients, or as many as this kernel allows, may wait to be
# accepted.
expect_queue() {
    local most
    most=$(</proc/sys/net/core/somaxconn)
    expect "how many clients may wait in the queue: Send-Q of ss -ltn" "$(($1 < most ? $1 : most))" \
        "$(ss -Hltn "sport = :$PORT" | awk '{ print $3 }')" \
        "REQUEST_QUEUE_SIZE, listen(2): whoever finds the queue full is dropped, and tries again a second later"
}

# report WHAT EXPECTED SEEN LOOK: prints that, and the state of the experiment; returns 1.
report() {
    printf '%-10s%s\n' 'what:' "$1" 'expected:' "$2" 'seen:' "$3" 'look at:' "$4"
    if [ -n "${SERVER_PID-}" ]; then
        echo "the server, process $SERVER_PID, port ${PORT:-unknown}:"
        if is_gone "$SERVER_PID"; then echo "  it has ended; its last words are below"; fi
        ps -o pid,ppid,stat,wchan:20,args --pid "$SERVER_PID" --ppid "$SERVER_PID" | sed 's/^/  /; 8q'
        echo "  its children: $(count_children "$SERVER_PID"), zombies among them: $(count_zombies "$SERVER_PID")"
        echo "  its descriptors: $(descriptors_of "$SERVER_PID")"
        tail -n 5 "$SERVER_ERR" "$SERVER_OUT" ${BACKGROUND_OUT:+"$BACKGROUND_OUT"} | sed 's/^/  /'
    fi
    return 1
}
