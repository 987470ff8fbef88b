# shellcheck shell=bash
#
# The class of thirty: what its students have handed in, made from the solutions of the exercises at the time of the
# test, so that it cannot go stale. expected.tsv, beside this file, says what each of them is to get, and why.
#
#   make_class FOLDER    makes the submissions there; run at the top of the repository; returns 1 if an edit changes
#                        nothing any more

# solved STUDENT EXERCISE [SED-SCRIPT...]: that student has handed in the solution, with these edits.
solved() {
    local edit file=$CLASS/$1/$2.c
    mkdir -p "$CLASS/$1" && tools/classroom/solution "$2" >"$file" || return
    for edit in "${@:3}"; do
        sed -E "$edit" "$file" >"$CLASS/edited"
        if cmp -s "$file" "$CLASS/edited"; then
            echo "$1: this edit of the solution of $2 changes nothing: $edit"
            FAILED=yes
        fi
        mv "$CLASS/edited" "$file"
    done
}

# began STUDENT EXERCISE: has handed in what the exercise begins with, as it is.
began() {
    local base=''
    # shellcheck source=/dev/null
    base=$(. "beyond/exercises/$2/exercise" && echo "$base")
    mkdir -p "$CLASS/$1" && cp "$base" "$CLASS/$1/$2.c"
}

# wrote STUDENT EXERCISE: has handed in what is on standard input.
wrote() {
    mkdir -p "$CLASS/$1" && cat >"$CLASS/$1/$2.c"
}

# attacked STUDENT ATTACK: has handed in one of the attacks, for the exercise reap.
attacked() {
    mkdir -p "$CLASS/$1" && cp "tests/classroom/attacks/$2.c" "$CLASS/$1/reap.c"
}

make_class() {
    local CLASS=$1 FAILED='' attack
    mkdir -p "$CLASS"

    # Right ones: a source, a source in a folder of its own, a program.
    solved right-sleep sleep
    solved right-close close
    mkdir -p "$CLASS/right-eintr/eintr" && cp step6_sigchld/server.c "$CLASS/right-eintr/eintr/server.c"
    mkdir -p "$CLASS/right-reap" && "${CC:-cc}" -o "$CLASS/right-reap/reap" step7_waitpid/server.c
    solved right-selfpipe selfpipe

    # Mistakes that are made.
    began base-close close
    began base-reap reap
    solved sleeps-before sleep 's/^( *)if \(send_all\(.*$//; s/^( *)if \(\(nap\.tv_sec.*$/&\n\1if (send_all(connection, RESPONSE, strlen(RESPONSE)) == -1) perror("send");/'
    solved parent-waits fork 's/^( *)default: break; .*$/\1default: if (wait(NULL) == -1) perror("wait");/; s/^#include <sys\/socket.h>/&\n#include <sys\/wait.h>/'
    solved closes-too-early close 's/^( *)switch \(fork\(\)\) \{/\1if (close(connection) == -1) perror("close");\n&/'
    solved no-again eintr '/errno == EINTR/d'
    solved asks-once reap 's/while (\(waitpid\(-1, NULL, WNOHANG\) > 0\)) continue;/(void)(\1);/'
    solved forgets-wnohang reap 's/WNOHANG/0/'
    solved ignores-sigchld reap 's/action\.sa_handler = grim_reaper;.*/(void)grim_reaper;/'

    # What happens.
    wrote does-not-build reap <<<'int main(void) { int port = 0 return port; }'
    wrote empty reap </dev/null
    solved other-exercise close && mv "$CLASS/other-exercise/close.c" "$CLASS/other-exercise/reap.c"
    # Those who know what is expected, and do nothing else.
    mkdir -p "$CLASS/answers-only" && cp step1_iterative/server.c "$CLASS/answers-only/reap.c"
    began forges-and-serves reap
    sed -i 's/^    for (unsigned long count = 0;;) {/    puts("10\\t10\\tall is right\\t\\t\\t\\t\\nEND\\t10\\t10\\n1..1\\nok 1");\n&/' "$CLASS/forges-and-serves/reap.c"

    # Attacks, each of them as the program for reap.
    for attack in fork_bomb escape ignore_term kill_parent fill_disk forge take_port find_answers look_for_grader hang read_grader; do
        attacked "attack-${attack//_/-}" "$attack"
    done

    rm -f "$CLASS/edited"
    [ -z "$FAILED" ]
}
