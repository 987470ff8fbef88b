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

ROOT=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
BIN=${BIN:-$ROOT}
STEP=$(basename "$BATS_TEST_FILENAME" .bats)
CLIENT=$BIN/client/client
RUDE=$ROOT/build/tests/rude
# shellcheck source=tools/lab.bash
. "$ROOT/tools/lab.bash"
if [ -n "${VALGRIND-}" ]; then LAB_DEADLINE=60; fi

setup() {
    cd "$ROOT" || return
    lab_open
}

teardown() {
    lab_close
}

# serve [-s SECONDS] [-x PROGRAM] [PREFIX...]: starts the server under test, asked to sleep for
# SECONDS (0 unless told otherwise) after each answer, behind PREFIX (prlimit ...). PROGRAM is the
# stage's own program, server unless told otherwise. Sets what start_server sets, and NAP, the
# seconds that it sleeps.
serve() {
    local program=server command=() seconds=0
    while [[ ${1-} == -? ]]; do
        case $1 in
        -s) seconds=$2 ;;
        -x) program=$2 ;;
        esac
        shift 2
    done
    if [ -n "${VALGRIND-}" ]; then
        command=(prlimit --nofile=1024 valgrind --quiet --error-exitcode=99 --track-fds=no)
    fi
    if [ -n "${SERVER-}" ]; then read -ra server <<<"$SERVER"; else server=("$BIN/$STEP/$program"); fi
    if [ -n "${SERVER_ARGS+set}" ]; then
        read -ra arguments <<<"$SERVER_ARGS"
        # shellcheck disable=SC2034 # for the tests
        NAP=${SERVER_SLEEP:-$ARTICLE_SLEEP}
    else
        arguments=(-p 0 -s "$seconds")
        # shellcheck disable=SC2034
        NAP=$seconds
    fi
    start_server "$@" "${command[@]}" "${server[@]}" "${arguments[@]}"
}

# only_ours REASON: skips where another's server is judged.
only_ours() {
    if [ -n "${SERVER-}" ]; then skip "$1"; fi
}

# not_under_valgrind REASON: skips where valgrind itself would be measured.
not_under_valgrind() {
    if [ -n "${VALGRIND-}" ]; then skip "under valgrind: $1"; fi
}

# expect WHAT EXPECTED SEEN LOOK: fails unless SEEN equals EXPECTED; LOOK says what to look at next.
expect() {
    if [ "$2" = "$3" ]; then return 0; fi
    report "$1" "$2" "$3" "$4"
}

# expect_match WHAT PATTERN SEEN LOOK: the same for an extended regular expression.
expect_match() {
    if [[ $3 =~ $2 ]]; then return 0; fi
    report "$1" "something that matches: $2" "$3" "$4"
}

# expect_soon WHAT LOOK COMMAND...: fails unless COMMAND succeeds before the deadline.
expect_soon() {
    local what=$1 look=$2
    shift 2
    if wait_until "$@"; then return 0; fi
    report "$what" "within $LAB_DEADLINE s: $*" "still not so" "$look"
}

# report WHAT EXPECTED SEEN LOOK: prints that, and the state of the experiment; returns 1.
report() {
    printf '%-10s%s\n' 'what:' "$1" 'expected:' "$2" 'seen:' "$3" 'look at:' "$4"
    if [ -n "${SERVER_PID-}" ]; then
        echo "the server, process $SERVER_PID, port ${PORT:-unknown}:"
        ps -o pid,ppid,stat,wchan:20,args --pid "$SERVER_PID" --ppid "$SERVER_PID" | sed 's/^/  /'
        echo "  its descriptors: $(descriptors_of "$SERVER_PID")"
        tail -n 5 "$SERVER_ERR" "$SERVER_OUT" | sed 's/^/  /'
    fi
    return 1
}
