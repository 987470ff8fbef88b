# shellcheck shell=bash
#
# For the tests of what is shown on a terminal, and drawn anew: a tmux of the test's own, whose screen is read and whose
# keys are pressed. To be loaded after setup.bash; whoever loads it sets LOOK_AT_SCREEN, where to look if the screen is
# another one.

in_tmux() {
    command tmux -S "$LAB_DIR/tmux" -f /dev/null "$@"
}

# in_terminal [-x COLUMNS] [-y ROWS] COMMAND...: runs it in a terminal of 80x24. What the terminal was
# like before and after is in $LAB_DIR, and so is the exit status.
in_terminal() {
    local columns=80 rows=24
    # a terminal that hangs up ends the thread that looks for leaks, and the view would wait for it for ever
    local -x ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0
    while [[ ${1-} == -[xy] ]]; do
        if [ "$1" = -x ]; then columns=$2; else rows=$2; fi
        shift 2
    done
    # shellcheck disable=SC2016 # for the other shell
    in_tmux new-session -d -x "$columns" -y "$rows" -- sh -c '
        dir=$1; shift
        trap : INT
        stty -g >"$dir/before"
        "$@" 2>"$dir/complaint"
        echo $? >"$dir/status.part"; stty -g >"$dir/after"; mv "$dir/status.part" "$dir/status"
        exec sleep 1000' sh "$LAB_DIR" "$@"
}

# Prints the screen.
screen() {
    in_tmux capture-pane -p
}

# shows PATTERN...: does a line of the screen match each extended regular expression?
shows() {
    local lines line pattern
    mapfile -t lines < <(screen)
    for pattern; do
        for line in "${lines[@]}"; do
            if [[ $line =~ $pattern ]]; then continue 2; fi
        done
        return 1
    done
}
lacks() {
    ! shows "$1"
}

# see WHAT PATTERN...: fails unless the screen soon shows all of these at once.
see() {
    local what=$1
    shift
    if wait_until shows "$@"; then return 0; fi
    report "$what" "a screen with $(printf '[%s] ' "$@")" "$(screen)" "$LOOK_AT_SCREEN"
}

press() {
    in_tmux send-keys "$@"
}

# has_status: has the command in the terminal ended?
has_status() {
    [ -e "$LAB_DIR/status" ]
}
