#!/usr/bin/env bats
#
# The live view and the lab: what they promise to show, they show; and nothing of them stays behind.
#
# The view runs in a tmux of the test's own, whose screen is read and whose keys are pressed.

# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # connect sets the clients, setup.bash uses the rest
ARTICLE_SLEEP=0
load setup
load terminal
LOOK_AT_SCREEN="tools/watch/show.c, tools/watch/look.c"

WATCH=${WATCH:-build/tools/watch}
if [[ $WATCH != /* ]]; then WATCH=$ROOT/$WATCH; fi
unset STEP SERVER PORT PID ARGS TMUX NO_COLOR

setup() {
    set +T # as setup.bash does
    command -v tmux >/dev/null || skip_for tmux
    cd "$ROOT" || return
    lab_open
    ulimit -c 0 # one test crashes the view
}

teardown() {
    in_tmux kill-server 2>/dev/null || true
    lab_close
}

# view [-x COLUMNS] [-y ROWS] [-s STEP] [-e NAME=VALUE] [PREFIX...] -- [OPTION...]: opens the live view of
# a stage's server, step 5's unless told otherwise. Sets SERVER_PID, PORT, and VIEW, the view's process.
view() {
    local size=() program=step5_zombie/server prefix=() setting=WATCH_TEST=
    while [[ ${1-} == -[xyse] ]]; do
        case $1 in
        -s) program=$2 ;;
        -e) setting=$2 ;;
        *) size+=("$1" "$2") ;;
        esac
        shift 2
    done
    while (($# > 0)) && [ "$1" != -- ]; do
        prefix+=("$1")
        shift
    done
    # as in serve: a leak check at a server's end wants descriptors
    if [ -n "${SANITIZE-}" ]; then prefix+=(env "ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0"); fi
    in_terminal "${size[@]}" env "$setting" "$WATCH" -- "${prefix[@]}" "$BIN/$program" -p 0 "${@:2}"
    see "the view of a server" 'process [0-9]+ +port [0-9]+'
    read_title
}
read_title() {
    local title
    title=$(screen | head -n 1)
    [[ $title =~ process\ ([0-9]+) ]] && SERVER_PID=${BASH_REMATCH[1]}
    [[ $title =~ port\ ([0-9]+) ]] && PORT=${BASH_REMATCH[1]}
    SERVER_OUT=/dev/null SERVER_ERR=/dev/null # of report
    VIEW=$(parent_of "$SERVER_PID")
}

# all_gone PID...
all_gone() {
    local pid
    for pid; do is_gone "$pid" || return 1; done
}

# answered_once N: N clients, one after another, each answered.
answered_once() {
    local i
    for ((i = 0; i < $1; i++)); do
        "$CLIENT" -p "$PORT" --no-read >/dev/null
    done
}

@test "watch: step 5: the tree, the zombies among it with Z and a word, and what that means" {
    view
    see "a server without clients" 'children 0, zombies 0' "^ $SERVER_PID +S sleeping +accept .* 3 listen" \
        "curl http://localhost:$PORT/hello"
    answered_once 3
    connect client
    see "three zombies and a child" 'children 4, zombies 3' '^ \|- [0-9]+ +S sleeping +recv c[0-9]+ .* 4 c[0-9]+' \
        '^ `- [0-9]+ +Z ZOMBIE +ended, status 0; nobody has waited' '> 3 zombies: '
    expect "lines with a zombie" 3 "$(screen | grep -c ' Z ZOMBIE ')" "put_processes"
}

@test "watch: the same socket in server and child has the same name, and the list says who holds it" {
    view -s step4_leak/server
    connect client
    see "a connection of two" "^ $SERVER_PID .* 4 c1" '^ `- [0-9]+ .*recv c1 .* 4 c1' \
        "^ c1 +$(port_of "$client") +ESTABLISHED +ESTABLISHED +server and child [0-9]+"
}

@test "watch: step 4: the leak: ESTABLISHED, then CLOSE-WAIT and FIN-WAIT-2, held by the server only" {
    view -s step4_leak/server
    connect client
    ask "$client"
    see "a leaked connection" '^ c1 +[0-9]+ +ESTABLISHED +ESTABLISHED +server only: leaked\?' \
        '> 1 connection: no child is at work' '> 1 zombie'
    listen_to "$client" 0.1 # what is closed unread is reset, and has no state any more
    hang_up "$client"
    see "one that its client has closed" '^ c1 +[0-9]+ +CLOSE-WAIT +FIN-WAIT-2 +server only: leaked\?'
    connect client # its child inherits the leaked one, and is not at work for it
    see "an inherited one" '^ c1 .* server: leaked\? and child [0-9]+' '^ c2 .* server and child [0-9]+'
}

@test "watch: step 4: a connection that its client has reset is still a descriptor of the server" {
    view -s step4_leak/server
    answered_once 1 # the article's client leaves without reading
    see "a descriptor without a connection" '0-2 std 3 listen 4 reset\?' '> 1 descriptor of a reset connection'
    answered_once 1
    see "two of them" '4 reset\? 5 reset\?' '> 2 descriptors of reset connections'
}

@test "watch: step 2: the queue: 6 of 5, full, and a client whose SYN gets no answer" {
    view -s step2_sleep/server -- -s 60
    connect client
    see "a server that waits for what the client sends" '^ [0-9]+ +S sleeping +recv c1 ' \
        '> The server waits for what c1 sends'
    ask "$client"
    see "a server that sleeps" '^ [0-9]+ +S sleeping +sleep ' '> The server sleeps before it closes c1'
    for i in 1 2 3 4 5 6; do connect "queued[i]"; done
    background curl --silent --local-port 10000-30000 "http://127.0.0.1:$PORT/" # a lower port than theirs
    see "a full queue" 'queue \[######\] 6 of 5 FULL' 'queued 6' 'SYN-SENT 1' '^ c7 .* nobody yet: in the queue' \
        '^ c8 +[0-9]+ +- +SYN-SENT' '> The queue is full'
}

@test "watch: the counts stand beside their limits, those of that process" {
    view -s step4_leak/server prlimit --nofile=10 --nproc=77777 --
    see "the limit of descriptors" 'descriptors \[####\.*\] 4 of 10 *$'
    if ((EUID == 0)); then limit='\(root: no limit\)'; else limit='of 77777'; fi
    see "the limit of processes" "processes of .* [0-9]+ $limit"
    for i in 1 2 3 4; do connect "clients[i]"; done
    see "what is left of descriptors" 'descriptors .* 8 of 10' '> Descriptors left: 2'
}

@test "watch: a server that dies of EMFILE: the view stays, and says why; r starts it anew" {
    view -s step4_leak/server prlimit --nofile=6 --
    for i in 1 2 3; do connect "clients[i]" || true; done
    see "its end" '^ .* ENDED' '> The server has ended with status 1: accept: Too many open files' \
        '> Each descriptor was in use'
    old=$SERVER_PID
    press r
    see "another server" 'children 0, ' '^ [0-9]+ .* 3 listen'
    read_title
    expect "is it another process" yes "$([ "$old" != "$SERVER_PID" ] && echo yes)" restart
    press q
    expect_soon "q ends the view" obey has_status
    expect_soon "and the server" end_server is_gone "$SERVER_PID"
}

@test "watch: eintr dies of an interrupted accept: the view says so" {
    view -s step6_sigchld/eintr -- -s 0
    answered_once 1
    see "its end" ENDED 'ended with status 1: accept: Interrupted system call' '> A signal interrupted that call'
}

@test "watch: 128 zombies in 80x24: counts, as many as fit, and how many more" {
    view
    for i in {1..32}; do "$CLIENT" -c 4 -p "$PORT" -t "$LAB_DEADLINE" >/dev/null; done # the queue takes 6
    see "many zombies" 'children 128, zombies 128' 'ZOMBIE' '^ \.\.\. and [0-9]+ more zombies' '^ q quit'
    expect "the lines of zombies and those that are summed up" 128 \
        "$(screen | awk '/ Z ZOMBIE / { n++ } /more zombies/ { n += $3 } END { print n }')" "put_processes"
    first=$(screen | awk '/ Z ZOMBIE / { print $2; exit }')
    press Down
    expect_soon "an arrow scrolls" "put_lists" lacks "^ .- $first "
    press End
    see "the last zombie, at the end" '^ `- [0-9]+ +Z ZOMBIE'
}

# ends_well HOW: has the view ended, the terminal as it was, and nothing left?
ends_well() {
    expect_soon "$1 ends the view" "show_live, guard.c" has_status
    expect_soon "$1: the alternate screen is left, and the cursor is visible" "endwin, restore_terminal" is_plain
    expect_soon "$1: the terminal is as it was, as stty tells" "guard.c" is_as_before
    expect_soon "$1: the server and its child are gone" "end_server, guard.c" all_gone "$SERVER_PID" "$CHILD"
    expect_soon "$1: and so is the guard" "guard.c" is_gone "$GUARD"
}
is_plain() {
    [ "$(in_tmux display-message -p '#{alternate_on} #{cursor_flag}')" = '0 1' ]
}
is_as_before() {
    [ "$(<"$LAB_DIR/before")" = "$(in_tmux display-message -p '#{pane_tty}' | xargs stty -g -F)" ]
}

# leave STATUS HOW COMMAND...: opens the view of a server with a child, does that, and looks.
leave() {
    view
    connect client
    expect_soon "the client has a child" serve_forever has_children "$SERVER_PID" 1
    CHILD=$(children_of "$SERVER_PID")
    GUARD=$(guard)
    "${@:3}"
    ends_well "$2"
    expect "$2: the exit status" "$1" "$(<"$LAB_DIR/status")" "watch in watch.c"
    hang_up "$client"
    close_terminal
    rm -f "$LAB_DIR/status"
}
# Prints the guard's process: the view's other child.
guard() {
    tr ' ' '\n' <<<"$(children_of "$VIEW")" | grep -vxF "$SERVER_PID"
}
# close_terminal: ends tmux's server, and waits until its process is gone: until then the next one would ask it.
close_terminal() {
    local server
    server=$(in_tmux display-message -p '#{pid}')
    in_tmux kill-server
    expect_soon "tmux's server has ended" "ps -p $server" is_gone "$server"
}
signal_view() {
    kill "-$1" "$VIEW"
}

@test "watch: q and Ctrl-C restore the terminal, and end the server and its children" {
    leave 0 'the key q' press q
    leave 0 'Ctrl-C' press C-c
}

@test "watch: signals do, too: TERM, HUP, INT, QUIT" {
    leave 143 'SIGTERM' signal_view TERM
    leave 129 'SIGHUP' signal_view HUP
    leave 130 'SIGINT' signal_view INT
    leave 131 'SIGQUIT' signal_view QUIT
}

@test "watch: even a crash does, and SIGKILL" {
    leave 134 'a crash' signal_view ABRT
    leave 137 'SIGKILL' signal_view KILL
}

@test "watch: the server ends even when the view's guard is killed with it" {
    view
    LAB_SERVERS+=("$SERVER_PID") # to be ended if it lives on
    kill -KILL "$(guard)" "$VIEW"
    expect_soon "the server is gone" "PR_SET_PDEATHSIG in serve.c" is_gone "$SERVER_PID"
}

# written SIZE: has the server printed so many bytes?
written() {
    (($(stat -L -c %s "/proc/$SERVER_PID/fd/1") >= $1))
}

# bounded WHEN: while it prints 100 MB more, does its output take up 32 MiB at most?
bounded() {
    local size blocks
    size=$(stat -L -c %s "/proc/$SERVER_PID/fd/1")
    expect_soon "$1 the server prints on" "serve.c: its output is to need no reader" written $((size + 100000000))
    blocks=$(stat -L -c %b "/proc/$SERVER_PID/fd/1")
    expect "$1 its output takes up 32 MiB at most ($((blocks / 2048)))" yes \
        "$( ((blocks <= 32 * 2048)) && echo yes)" "drop_old in guard.c"
}

@test "watch: a server that prints without end: the keys work, and its output takes up little memory" {
    # no more than 1 GiB in all, should nobody end it
    # shellcheck disable=SC2016 # for the other bash
    in_terminal prlimit --fsize=1073741824 "$WATCH" -- bash -c \
        '"$1" -p 0 & while :; do printf "%0131072d\nmore\n" 0; read -rt 0.001 -u 9; done 9<> <(:)' \
        bash "$BIN/step5_zombie/server"
    see "the view" 'process [0-9]+ +port [0-9]+' '^ more'
    read_title
    bounded "while the view runs"
    press p
    see "a pause" '  paused'
    bounded "while the view pauses"
    press p
    see "what was passed over" '\.\.\. [0-9]+ KiB are left out here'
    kill -STOP "$VIEW"
    bounded "while the view is stopped"
    kill -CONT "$VIEW"
    press q
    expect_soon "q ends the view" "read_stream in serve.c" has_status
    expect_soon "the server is gone" end_server is_gone "$SERVER_PID"
}

@test "watch: five children at once: each has its line, and the sockets have two" {
    view -s step3_fork/server -y 22 -- -s 0
    for i in 1 2 3 4 5; do connect "clients[i]"; done
    see "each child" 'children 5, ' '^ \|- .* 4 c1$' '^ \|- .* 4 c4$' '^ `- .* 4 c5$' '^ \.\.\. and 4 more connections'
}

@test "watch: a terminal that goes away ends it, too" {
    view
    in_tmux kill-server
    expect_soon "the view, and its server, are gone" "SIGHUP" all_gone "$VIEW" "$SERVER_PID"
}

@test "watch: a server that crashes leaves the view, which says by which signal" {
    view
    kill -ABRT "$SERVER_PID"
    see "its end" ENDED '> The server has ended with signal 6, Aborted'
    press q
    expect_soon "q ends the view" obey has_status
    expect "the exit status" 0 "$(<"$LAB_DIR/status")" "watch in watch.c"
    expect_soon "the terminal is as it was" endwin is_as_before
}

@test "watch: the server's children that live on are shown as orphans, and end with the view" {
    view
    connect client
    expect_soon "the client has a child" serve_forever has_children "$SERVER_PID" 1
    see "the child" "^ .- $(children_of "$SERVER_PID") "
    CHILD=$(children_of "$SERVER_PID")
    kill -KILL "$SERVER_PID"
    see "an orphan" "$CHILD +S sleeping +recv c1 +orphan of [0-9]+;" '> Some of its processes live on'
    press q
    expect_soon "the orphan has ended" end_server is_gone "$CHILD"
}

@test "watch: Ctrl-Z gives the terminal back, fg takes it again" {
    in_tmux new-session -d -x 80 -y 24 -- env PS1='prompt ' bash --norc --noprofile -i
    see "a shell" '^prompt'
    press "$WATCH -- $BIN/step5_zombie/server -p 0" Enter
    see "the view" 'process [0-9]+ +port'
    read_title
    press C-z
    see "the shell again" 'Stopped'
    expect "the view's state" T "$(state_of "$VIEW")" suspend
    expect_soon "the alternate screen is left, and the cursor is visible" suspend is_plain
    press fg Enter
    see "the view again" "process $SERVER_PID +port $PORT" '^ q quit'
    connect client
    see "and what is new" 'children 1, '
}

@test "watch: no flicker: the screen is never cleared, and while nothing changes next to nothing is sent" {
    view -- -s 0
    answered_once 1
    see "a zombie" 'zombies 1'
    in_tmux pipe-pane -O "cat >'$LAB_DIR/sent'"
    sleep 1 # this is what is looked at
    in_tmux pipe-pane
    expect "how often it was cleared" 0 "$(grep -cE $'\e\\[[0-3]?J' "$LAB_DIR/sent")" draw
    bytes=$(wc -c <"$LAB_DIR/sent") # counts of the whole machine may have changed
    expect "400 bytes or fewer in a second ($bytes)" yes "$( ((bytes <= 400)) && echo yes)" "cat -v $LAB_DIR/sent"
    in_tmux pipe-pane -O "cat >'$LAB_DIR/sent'"
    connect client
    see "a connection" 'children 2, '
    in_tmux pipe-pane
    expect "how often it was cleared for a change" 0 "$(grep -cE $'\e\\[[0-3]?J' "$LAB_DIR/sent")" draw
}

@test "watch: p pauses and goes on" {
    view
    press p
    see "a pause" '  paused'
    connect client
    expect_soon "the client has a child" serve_forever has_children "$SERVER_PID" 1
    expect "the children in the picture that stands still" 0 "$(screen | sed -n 's/^ children \([0-9]*\),.*/\1/p')" show_live
    press p
    see "what has happened meanwhile" 'children 1, '
}

@test "watch: another size of the terminal: smaller is cropped, tiny says so, and back" {
    view
    answered_once 3
    in_tmux resize-window -x 50 -y 14
    see "a small view" 'children 3, zombies 3' '^ in words' '> 3 zombies'
    in_tmux resize-window -x 20 -y 5
    see "a tiny one" '^too small: 80x24'
    in_tmux resize-window -x 80 -y 24
    see "all of it" 'Z ZOMBIE' '^ q quit'
    in_tmux resize-window -x 200 -y 60
    see "a large one" 'Z ZOMBIE' '^ q quit'
}

@test "watch: zombies are marked by a colour, too, but none with NO_COLOR" {
    view
    answered_once 1
    see "a zombie" 'Z ZOMBIE'
    expect_match "the zombie's attributes" $'\e\\[[0-9;]*31' "$(in_tmux capture-pane -pe | grep ZOMBIE)" choose_attributes
    close_terminal
    view -e NO_COLOR=1
    answered_once 1
    see "a zombie" 'Z ZOMBIE'
    expect "colours with NO_COLOR" 0 "$(in_tmux capture-pane -pe | grep -cE $'\e\\[([0-9;]*;)?(3|4|9)[0-7]m')" choose_attributes
}

@test "watch -p: shows a server that runs, and leaves it running; says when it has ended" {
    start_server "$BIN/step5_zombie/server" -p 0
    run "$WATCH" --once -p "$SERVER_PID"
    expect "the status of --once" 0 "$status" "$output"
    expect_match "its title" "process $SERVER_PID  port $PORT" "${lines[0]}" put_title
    in_terminal "$WATCH" -p "$SERVER_PID"
    see "the view" "process $SERVER_PID +port $PORT"
    lacks 'r restart' || report "the keys" "none to restart" "$(screen)" put_keys
    press q
    expect_soon "q ends it" obey has_status
    expect "the server's state" S "$(state_of "$SERVER_PID")" "the server is not the view's"
    rm "$LAB_DIR/status"
    close_terminal
    in_terminal "$WATCH" -p "$SERVER_PID"
    see "the view" "process $SERVER_PID +port $PORT"
    stop_server || true
    see "its end" ENDED '> The server, process [0-9]+, has ended; how, only its parent can ask'
}

@test "watch --once: one look as plain text, 80 columns, no terminal needed, nothing left" {
    run "$WATCH" --once -- "$BIN/step5_zombie/server" -p 0
    expect "the status" 0 "$status" "$output"
    expect "lines of more than 80 characters, or with others than printable ones" '' \
        "$(LC_ALL=C grep -nE '.{81}|[^ -~]' <<<"$output")" print_once
    [[ ${lines[0]} =~ process\ ([0-9]+) ]]
    expect_soon "the server is gone" end_server is_gone "${BASH_REMATCH[1]}"
}

@test "watch: where there is no sock_diag it reads /proc/net/tcp, and the queue's limit is not known" {
    start_server "$BIN/step2_sleep/server" -p 0 -s 60
    connect client
    connect second
    expect_soon "the server waits for what the first client sends" recv is_in recv "$SERVER_PID"
    run env WATCH_SOURCE=proc "$WATCH" --once -p "$SERVER_PID"
    expect_match "the queue" 'queue 1 of \?' "$output" sockets_from_proc
    expect_match "the first connection" "c1 +$(port_of "$client") +ESTABLISHED +ESTABLISHED +server" "$output" parse_tcp
    expect_match "the second" "c2 +$(port_of "$second") +ESTABLISHED +ESTABLISHED +nobody yet" "$output" parse_tcp
}

@test "watch: the server may be a child of the command, and its name be anything" {
    cp "$BIN/step5_zombie/server" "$LAB_DIR/a) Z 1 (b"
    # shellcheck disable=SC2016 # for the other bash
    in_terminal "$WATCH" -- bash -c '"$1" -p 0 & wait' bash "$LAB_DIR/a) Z 1 (b"
    see "the listening child" '^ `- [0-9]+ +S sleeping +accept .*\(a\) Z 1 \(b\).* listen' 'port [0-9]+'
}

# What another user can reach, and that user's number.
lend() {
    ((EUID == 0)) || skip_for user
    user=$((100000 + BASHPID % 100000))
    chmod 755 "$LAB_DIR"
    cp "$WATCH" "$LAB_DIR/watch" && cp "$BIN/step5_zombie/server" "$LAB_DIR/server"
    as_user=(setpriv --reuid "$user" --regid "$user" --clear-groups)
}

@test "watch: an ordinary user sees his own server with all that belongs to it" {
    lend
    in_terminal "${as_user[@]}" prlimit --nproc=500 "$LAB_DIR/watch" -- "$LAB_DIR/server" -p 0
    see "the view" 'port [0-9]+' ' accept .* 3 listen' 'queue \[\.*\] 0 of 5' "processes of user $user 3 of 500"
    read_title
    answered_once 2
    connect client
    see "zombies and a connection" 'children 3, zombies 2' "processes of user $user 6 of 500" ' recv c[0-9]+ .* 4 c[0-9]+' \
        '^ c[0-9]+ +[0-9]+ +ESTABLISHED +ESTABLISHED +child'
}

@test "watch: of another user's server it shows what the kernel lets it, and says what it does not" {
    lend
    start_server "$BIN/step5_zombie/server" -p 0
    run "${as_user[@]}" "$LAB_DIR/watch" --once -p "$SERVER_PID"
    if ! "${as_user[@]}" test -e /proc/1/stat; then # hidepid: doctor calls it so
        expect "the status" 2 "$status" "$output"
        expect_match "what it says" '/proc \(with hidepid\) hides process [0-9]+; type: ' "$output" tools/watch/watch.c
        return
    fi
    expect "the status" 0 "$status" "$output"
    expect_match "what it says" '\(not yours\)' "$output" put_descriptors
}

@test "watch: what is wrong it says in one line, with another status than 0" {
    refuses 2 "watch: this is not a terminal; for one look as text type: $WATCH --once -- true" "$WATCH" -- true
    how='; type: make watch PID=..., or build/tools/watch --once -p PID'
    refuses 2 "watch: there is no process 4194304$how" "$WATCH" --once -p 4194304
    refuses 2 "watch: not the number of a process: server$how" env PID=server tools/watch/run
    refuses 2 "watch: ./none is not built: type make watch" env STEP=5 WATCH=./none tools/watch/run
    refuses 1 "watch: ./none cannot be started: No such file or directory" "$WATCH" --once -- ./none
    refuses 1 "watch: false ended at once, with status 1" "$WATCH" --once -- false
    refuses 2 "watch: there is no step '8': a number from 1 to 7, a stage's name, or eintr" env STEP=8 tools/watch/run
    refuses 2 "watch: which server? Type make watch STEP=5 \(1 to 7\), or make watch SERVER=\"./mine\"" tools/watch/run
    refuses 2 "watch: there is no program './none'" env SERVER=./none tools/watch/run
    refuses 2 "watch: 'http' is not a port: a number, 0 for any that is free" env STEP=5 PORT=http tools/watch/run
    start_server "$BIN/step1_iterative/server" -p 0
    refuses 1 "watch: .*step5_zombie/server ended at once, with status 1: bind: Address already in use; choose another port, PORT=0 for any that is free" \
        env STEP=5 PORT="$PORT" tools/watch/run --once
}

# refuses STATUS LINE COMMAND...: does it say that one line, and end so?
refuses() {
    run env WATCH="$WATCH" BIN="$BIN" "${@:3}" </dev/null
    expect "the status of ${*:3}" "$1" "$status" "$output"
    expect_match "what it says" "^${2//\?/\\?}$" "$output" "tools/watch"
}

@test "watch: STEP is a number, a name, or eintr; SERVER and SERVER_ARGS are as in make test" {
    while read -r program setting; do
        run env WATCH="$WATCH" BIN="$BIN" COLUMNS=250 PORT=0 "$setting" tools/watch/run --once
        expect_match "the title with $setting" "^ .*$program .*port [0-9]+" "${lines[0]}" tools/watch/command.bash
    done <<END
step3_fork/server STEP=3
step3_fork/server STEP=step3_fork
step6_sigchld/eintr STEP=eintr
step1_iterative/server SERVER=$BIN/step1_iterative/server
END
    run env WATCH="$WATCH" BIN="$BIN" COLUMNS=250 STEP=2 SERVER_ARGS='-p 0' ARGS='-s 7' tools/watch/run --once
    expect_match "the title with options" 'step2_sleep/server -p 0 -s 7 ' "${lines[0]}" tools/watch/command.bash
}

# in_pane NUMBER PATTERN: does that pane of the lab show it? The lab's tmux is in its own directory.
in_pane() {
    lab=$(echo "$LAB_DIR"/lab.*/tmux)
    [ -S "$lab" ] && tmux -S "$lab" capture-pane -p -t ":.$1" | grep -qE "$2"
}

@test "lab: the server, the view of it, and a shell; exit ends them all" {
    in_terminal -x 170 -y 40 env WATCH="$WATCH" BIN="$BIN" TMPDIR="$LAB_DIR" HOME="$LAB_DIR" TMUX= STEP=5 PORT=0 tools/watch/lab
    expect_soon "the view" tools/watch/lab in_pane 0 'process [0-9]+ +port [0-9]+'
    expect_soon "the server's terminal" tools/watch/lab in_pane 1 '^Serving HTTP on port'
    expect_soon "the shell's hint" tools/watch/shell.bash in_pane 2 'curl http://localhost:[0-9]+/hello'
    expect_soon "the view's title" put_title read_lab
    # shellcheck disable=SC2016 # for the other shell
    press 'echo | cat; '"$CLIENT"' -p $PORT' Enter
    expect_soon "a zombie in the view" tools/watch/lab in_pane 0 'Z ZOMBIE'
    old=$SERVER_PID
    press again Enter
    expect_soon "another server" tools/watch/lab another_server
    expect_soon "the old one is gone" tools/watch/lab is_gone "$old"
    expect_soon "the shell's new port" tools/watch/shell.bash in_pane 2 "listens on port $PORT"
    press exit Enter
    expect_soon "the lab has ended" tools/watch/lab has_status
    expect "its status" 0 "$(<"$LAB_DIR/status")" "$(<"$LAB_DIR/complaint")"
    expect_soon "the server is gone" close_lab is_gone "$SERVER_PID"
    expect "what it has left" '' "$(find "$LAB_DIR" -mindepth 1 -name 'lab.*')" close_lab
}
read_lab() {
    local title
    title=$(tmux -S "$lab" capture-pane -p -t :.0 | head -n 1)
    [[ $title =~ process\ ([0-9]+).*port\ ([0-9]+) ]] || return 1
    SERVER_PID=${BASH_REMATCH[1]} PORT=${BASH_REMATCH[2]} SERVER_OUT=/dev/null SERVER_ERR=/dev/null
}
another_server() {
    read_lab && [ "$SERVER_PID" != "$old" ]
}

@test "lab: what is wrong it says in one line: no tmux, no terminal, inside tmux, a port that is taken" {
    only_tools "$LAB_DIR/bin" bash env dirname basename
    refuses 2 "lab: tmux is missing: type make deps, or do without it: make watch" \
        env STEP=5 PATH="$LAB_DIR/bin" tools/watch/lab
    refuses 2 "lab: this is not a terminal: the lab needs one" env STEP=5 tools/watch/lab
    refuses 2 "lab: there is no step '9': .*" env STEP=9 tools/watch/lab
    start_server "$BIN/step1_iterative/server" -p 0
    complains 1 "lab: .*/server ended at once, with status 1: bind: Address already in use; choose another port, PORT=0 for any that is free" \
        TMUX= PORT="$PORT"
    complains 2 "lab: this is inside tmux: .*TMUX= make lab" PORT=0
}

# complains STATUS LINE SETTING...: the lab of step 5, in a terminal.
complains() {
    rm -f "$LAB_DIR/status"
    in_terminal env WATCH="$WATCH" BIN="$BIN" TMPDIR="$LAB_DIR" STEP=5 "${@:3}" tools/watch/lab
    expect_soon "the lab has ended" tools/watch/lab has_status
    expect "its status" "$1" "$(<"$LAB_DIR/status")" tools/watch/lab
    expect_match "what it says" "^$2" "$(<"$LAB_DIR/complaint")" tools/watch/lab
    close_terminal
}
