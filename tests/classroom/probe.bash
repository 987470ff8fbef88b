# shellcheck shell=bash
#
# A judge that judges nothing: starts an attack as the real one starts a student's server, lets it do its worst, and
# says what became of it and of himself. For tests/sandbox.bats, which gives it to bash -c within the sandbox:
#
#   probe [-n] NAME [ARGUMENT...]    -n: without tools/classroom/confine
#
#   out: LINE       what the attack has printed
#   begun: yes|no   did it begin as a server does?
#   size: BYTES     how much it has printed, on both outputs
#   judge: ...      what the judge can still do
#   stop: STATUS    what stop_server says when it is to end; "it has ended" if it had
#   left: PID NAME  a process that is there still, after that

set -u
. tools/lab.bash
. tools/classroom/confine.bash
LAB_DEADLINE=${PROBE_SECONDS:-60} soon=20
export SECRET=what-the-judge-expects
if [ "$1" = -n ]; then
    CONFINE='' soon=1
    shift
fi
lab_open || exit 2
trap lab_close EXIT
echo "$SECRET" >"$LAB_DIR/expected"

is_done() {
    is_gone "$SERVER_PID" || grep -qsa '^done$' "$SERVER_OUT" "$SERVER_ERR"
}

# others: prints the processes in this namespace that are neither ours nor the sandbox's own.
others() {
    local file pid name
    for file in /proc/[1-9]*/comm; do
        pid=${file//[!0-9]/}
        # (this shell, that of $(...), and process 1)
        if ((pid == 1 || pid == $$ || pid == BASHPID)); then continue; fi
        { read -r name <"$file"; } 2>/dev/null || continue
        in_state "$pid" Z || echo "left: $pid $name"
    done
}

if start_confined "/submission/$1" "${@:2}" 2>"$LAB_DIR/words"; then echo "begun: yes"; else echo "begun: no"; fi
wait_until is_done || echo "judge: it was not done after $LAB_DEADLINE s"
head -c 20000 "$SERVER_OUT" | tr -d '\0' | cut -c 1-500 | head -n 200 | sed 's/^/out: /'
head -c 20000 "$SERVER_ERR" | tr -d '\0' | cut -c 1-500 | head -n 200 | sed 's/^/out: /'
echo "size: $(($(stat -c %s "$SERVER_OUT") + $(stat -c %s "$SERVER_ERR")))"
if [ "$(sh -c 'echo still')" = still ]; then echo "judge: can start processes"; fi
if head -c 1048576 /dev/zero >"$LAB_DIR/zeros"; then echo "judge: can write"; fi
if [ "$(cat "$LAB_DIR/expected")" = "$SECRET" ]; then echo "judge: has its files"; fi
if is_gone "$SERVER_PID"; then echo "stop: it has ended"; else
    status=0
    LAB_DEADLINE=${PROBE_PATIENCE:-60}
    stop_server || status=$?
    echo "stop: $status"
fi
lab_end
# what is dead may take a moment to go
LAB_DEADLINE=$soon
none_left() {
    [ -z "$(others)" ]
}
wait_until none_left || others
echo "judge: is done"
