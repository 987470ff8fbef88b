# shellcheck shell=bash
#
# What hint, progress and handout know of the exercises. Its caller stands at the top of the repository, or of a
# hand-out, which is laid out alike.

EXERCISES=beyond/exercises    # what is asked, an exercise a folder
PROGRAMS=exercises            # the student's own programs, exercises/NAME.c: git and make clean leave them alone
CLASS_AT=tools/classroom/upto # in a hand-out: the exercise that the class is at

# read_exercises: sets NAMES to the names of the exercises in their order and, for each of them, NUMBER, TITLE, BASE,
# SOLUTION; returns 1 where there is none.
read_exercises() {
    local file name number title base solution
    NAMES=()
    declare -gA NUMBER=() TITLE=() BASE=() SOLUTION=()
    local -A order=()
    for file in "$EXERCISES"/*/exercise; do
        if [ ! -e "$file" ]; then return 1; fi
        number='' title='' base='' solution=''
        # shellcheck source=/dev/null
        . "$file"
        name=${file%/exercise} name=${name##*/}
        order[$number]=$name NUMBER[$name]=$number TITLE[$name]=$title BASE[$name]=$base SOLUTION[$name]=$solution
    done
    while read -r number; do NAMES+=("${order[$number]}"); done < <(printf '%s\n' "${!order[@]}" | sort -n)
}

# find_exercise TEXT: sets EXERCISE to the name of the exercise of that name or number; returns 1 if there is none.
find_exercise() {
    local name
    for name in "${NAMES[@]}"; do
        if [ "$1" = "$name" ] || [ "$1" = "${NUMBER[$name]}" ]; then
            EXERCISE=$name
            return 0
        fi
    done
    return 1
}

# read_class: sets UPTO to the exercise that the class is at: what comes before it is taken for done. The first, where
# nothing is said.
read_class() {
    local name=''
    { read -r name <"$CLASS_AT"; } 2>/dev/null
    UPTO=${NAMES[0]}
    if find_exercise "$name"; then UPTO=$EXERCISE; fi
}

# is_done NAME: is that exercise behind the class?
is_done() {
    ((${NUMBER[$1]} < ${NUMBER[$UPTO]}))
}

# before NAME: sets BEFORE to the exercise whose solution that one begins with: its base is that solution or, where it
# is nobody's, the solution of the exercise before made faulty again. Empty for the first.
before() {
    local name last=
    BEFORE=
    for name in "${NAMES[@]}"; do
        if [ "$name" = "$1" ]; then BEFORE=$last; fi
        last=$name
    done
    for name in "${NAMES[@]}"; do
        if [ "${SOLUTION[$name]}" = "${BASE[$1]}" ]; then BEFORE=$name; fi
    done
}
