# shellcheck shell=bash
#
# What each file of tests for beyond loads, beside tests/setup.bash: the program, its models, its servers.
#
# Set by make: BIN, SANITIZE; and MODEL and PROTOCOL, which choose what is tested.

# shellcheck source=tests/setup.bash
. "$(dirname "${BASH_SOURCE[0]}")/../setup.bash"

export SERVE=$BIN/beyond/serve
export ASKED=${ASKED-${MODEL-}} # bats reads this file more than once, one process from the other
unset MODEL # from here on it is one model, and serve_beyond says which; balance, too, looks for it
# shellcheck disable=SC2034 # for the tests
PYTHON=$(command -v /usr/bin/python3 || echo python3) # another one may be slow to start
# shellcheck disable=SC2034 # for the tests
TALK=$BIN/beyond/client/talk
if [ -n "${SANITIZE-}" ]; then
    export ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0 # a server that is killed has no end to look at
    export CROWD=${CROWD:-200}
fi

# conform MODEL PROTOCOL GROUP: makes the checks of that group, or skips them, saying why.
conform() {
    run "$PYTHON" "$ROOT/tests/beyond/conform.py" "$@"
    if ((status == 77)); then skip "$output"; fi
    if ((status != 0)); then echo "$output" && return 1; fi
}

# models [LEFT-OUT...]: prints the models that are built and asked for, but for these.
models() {
    local model
    for model in ${ASKED:-$(all_models)}; do
        if [[ " $* " != *" $model "* ]] && is_built "$model"; then echo "$model"; fi
    done
}
all_models() {
    "$SERVE" --help | sed -n '/^Models:/,/^$/s/^  \([^ ][^ ]*\).*/\1/p'
}
is_built() {
    "$SERVE" --help | awk -v model="$1" '$1 == model { found = 1; next }
        found == 1 { found = /\(left out/ ? 0 : 2 } END { exit !found }'
}

# needs_model MODEL: skips unless it is built, and asked for.
needs_model() {
    is_built "$1" || skip "the model $1 was left out of this program: make beyond says why"
    if [ -n "$ASKED" ] && [[ " $ASKED " != *" $1 "* ]]; then skip "MODEL asks for others"; fi
}

# needs_models [LEFT-OUT...]: sets MODELS to the models that are built and asked for, but for these; skips if none is.
needs_models() {
    # shellcheck disable=SC2034 # for the tests
    mapfile -t MODELS < <(models "$@")
    ((${#MODELS[@]} > 0)) || skip "MODEL asks for others"
}

# needs COMMAND...: skips unless they are installed.
needs() {
    local command
    for command; do
        PATH=$PATH:/usr/sbin command -v "$command" >/dev/null || skip "$command is missing: make deps-beyond installs it"
    done
}

# needs_tracing: skips unless strace may look at a process.
needs_tracing() {
    strace -qq -o /dev/null true 2>/dev/null || skip_for tracing
}

# kept_at_once MODEL MOST: prints how many connections a client may keep at a time: whoever keeps one keeps a worker,
# where these count; else MOST.
kept_at_once() {
    case $1 in
    single) echo 1 ;;
    threads | prefork) echo 2 ;;
    *) echo "$2" ;;
    esac
}

# descendants PID: prints its children, and theirs.
descendants() {
    local child
    for child in $(children_of "$1"); do
        echo "$child"
        descendants "$child"
    done
}

# all_gone PID...: have all of them ended?
all_gone() {
    local pid
    for pid; do is_gone "$pid" || return 1; done
}
seen_all_gone() {
    ps -o pid,ppid,stat,args -p "$(paste -sd , <<<"$(printf '%s\n' "$@")")"
}

# serve_beyond [PREFIX...] -- MODEL PROTOCOL [OPTION...]: starts that server at any port, behind PREFIX
# (prlimit ...). Sets what start_server sets, and MODEL, for what is said of it.
serve_beyond() {
    split_words "$@"
    MODEL=${AFTER[0]}
    start_server "${BEFORE[@]}" "$SERVE" "${AFTER[@]}" -p 0
}

# serve_by MODEL PROTOCOL [OPTION...]: the same without a prefix.
serve_by() {
    serve_beyond -- "$@"
}

# edited SED-SCRIPT FILE...: builds the program from a copy of our own source, edited in these files; sets SERVE.
edited() {
    local script=$1 file copy=$LAB_DIR/edited
    shift
    mkdir -p "$copy"
    cp -r "$ROOT/Makefile" "$ROOT/tools" "$ROOT/beyond" "$copy"
    rm -f "$copy/beyond/serve" "$copy/beyond/client/talk"
    for file; do
        sed -E "$script" "$ROOT/beyond/$file" >"$copy/beyond/$file"
        if cmp -s "$ROOT/beyond/$file" "$copy/beyond/$file"; then
            report "the edit of beyond/$file" "$script" "it changes nothing" "the source, and this edit"
        fi
    done
    env -u MAKEFLAGS -u SANITIZE make -s -C "$copy" beyond/serve CFLAGS=-O0 >"$copy/log" 2>&1 || {
        cat "$copy/log"
        return 1
    }
    SERVE=$copy/beyond/serve
}
