# shellcheck shell=bash
#
# What grade and grade-all share. To be sourced at the top of the repository; $WHO is in whose name it speaks.

# shellcheck source=tools/classroom/exercises.bash
. tools/classroom/exercises.bash
LARGEST=$((16 * 1024 * 1024)) # bytes of a submission
POINTS=10                     # of an exercise

# fail TEXT: what was asked for cannot be done.
fail() {
    echo "$WHO: $1" >&2
    exit 2
}

# check_jobs: sets jobs to how many are to run at a time.
check_jobs() {
    jobs=${JOBS:-$(($(nproc) + 1))} # one more than processors: some of them wait
    [[ $jobs =~ ^[1-9][0-9]{0,2}$ ]] || fail "JOBS=$jobs is not a number from 1 to 999"
}

# check_exercise: sets EX to the name of the exercise of that name or number.
check_exercise() {
    find_exercise "$EX" || fail "there is no exercise EX=$(visible "$EX"); EX is one of: ${NAMES[*]}"
    EX=$EXERCISE
}

# visible TEXT: prints it, fit for a terminal and for a single line.
visible() {
    case $1 in
    *[![:print:]]*) printf '%q' "$1" ;;
    *) printf '%s' "$1" ;;
    esac
}

# field: copies standard input as a field of the judge's lines: 500 bytes at most, control characters written out.
field() {
    head -c 4000 | tr '\000' '?' | LC_ALL=C awk '
        BEGIN { for (i = 1; i < 256; i++) code[sprintf("%c", i)] = i }
        function add(text) {
            if (size + length(text) > 497) { printf "..."; exit }
            size += length(text)
            printf "%s", text
        }
        NR > 1 { add("\\n") }
        {
            for (at = 1; at <= length($0); at++) {
                sign = substr($0, at, 1)
                if (sign == "\t") add("\\t")
                else if (code[sign] < 32 || code[sign] == 127) add(sprintf("\\x%02x", code[sign]))
                else add(sign)
            }
        }'
}

# nothing_for TITLE WHAT EXPECTED SEEN NEXT: prints lines that give no point, for that reason.
nothing_for() {
    local text
    printf '%d\t0' "$POINTS"
    for text; do printf '\t%s' "$(field <<<"$text")"; done
    printf '\nEND\t0\t%d\n' "$POINTS"
}
