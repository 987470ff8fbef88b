# shellcheck shell=bash
#
# Which server run and lab are to start. From the environment (make passes it on):
#
#   STEP         a stage: 1 to 7, its name, or eintr, the first program of step 6 (also PROGRAM=eintr)
#   SERVER       another command line instead, in words separated by blanks
#   PORT         the port, 8888 unless told otherwise; 0 lets the kernel choose
#   SERVER_ARGS  its options instead of "-p PORT"; empty for a program that takes none
#   ARGS         options beside these
#   BIN          where the built programs are
#   WATCH        the live view

STAGES=(step1_iterative step2_sleep step3_fork step4_leak step5_zombie step6_sigchld step7_waitpid)
WHO=$(basename "$0")
if [ "$WHO" = run ]; then WHO=watch; fi

# fail TEXT: it cannot be done.
fail() {
    echo "$WHO: $1" >&2
    exit 2
}

WATCH=${WATCH:-build/tools/watch}
[ -x "$WATCH" ] || fail "$WATCH is not built: type make $WHO"

# choose_server: sets COMMAND to the words of the command line.
choose_server() {
    local stage program=${PROGRAM:-server} server arguments more
    case ${STEP-} in
    '') stage= ;;
    [1-7]) stage=${STAGES[STEP - 1]} ;;
    eintr | step6_sigchld/eintr) stage=step6_sigchld program=eintr ;;
    *)
        [[ " ${STAGES[*]} " == *" $STEP "* ]] ||
            fail "there is no step '$STEP': a number from 1 to 7, a stage's name, or eintr"
        stage=$STEP
        ;;
    esac
    if [ -n "${SERVER-}" ]; then
        read -ra server <<<"$SERVER"
    else
        [ -n "$stage" ] || fail "which server? Type make $WHO STEP=5 (1 to 7), or make $WHO SERVER=\"./mine\""
        server=("${BIN:-.}/$stage/$program")
        if [ "${BIN:-.}" -ef . ]; then server=("$stage/$program"); fi
    fi
    type -P "${server[0]}" >/dev/null || fail "there is no program '${server[0]}'"
    [[ ${PORT:=8888} =~ ^[0-9]{1,5}$ ]] || fail "'$PORT' is not a port: a number, 0 for any that is free"
    read -ra arguments <<<"${SERVER_ARGS--p $PORT}"
    read -ra more <<<"${ARGS-}"
    # shellcheck disable=SC2034 # for the caller
    COMMAND=("${server[@]}" "${arguments[@]}" "${more[@]}")
}
