#!/usr/bin/env bats
#
# The repository's own rules: what makes the stages a lesson, and the tests a proof.

ARTICLE_SLEEP=0
load setup

ORDER="step1_iterative/server step2_sleep/server step3_fork/server step4_leak/server
    step5_zombie/server step6_sigchld/eintr step6_sigchld/server step7_waitpid/server"

# Prints the code of program $1: no comments, no blank lines.
code() {
    sed -e '1,/^ \*\/$/d' -e 's@ */\*.*\*/@@' -e '/^ *$/d' "$1.c"
}

# Prints how many lines of code differ between two programs, those that went and those that came.
changed() {
    diff <(code "$1") <(code "$2") | grep -c '^[<>]'
}

# Prints the function $2 of program $1, comments aside.
function_of() {
    code "$1" | awk -v name="$2" '/^(static|int) / && $0 ~ "[ *]" name "\\(" { found = 1 }
        found { print } found && /^}/ { exit }'
}

# same FUNCTION PROGRAM...: is the function the same to the letter in all these programs?
same() {
    local name=$1 first=$2 program wanted
    shift 2
    wanted=$(function_of "$first" "$name")
    expect_match "$name in $first" "$name" "$wanted" "function_of in this file"
    for program; do
        expect "$name in $program" "$wanted" "$(function_of "$program" "$name")" \
            "diff -u $first.c $program.c"
    done
}

@test "a stage is one file of 140 lines or fewer" {
    for program in $ORDER; do
        size=$(wc -l <"$program.c")
        expect "140 lines or fewer in $program.c ($size)" yes "$( ((size <= 140)) && echo yes || echo no)" "$program.c"
    done
}

@test "neighbours differ in 25 lines of code or fewer" {
    previous=
    for program in $ORDER; do
        if [ -n "$previous" ]; then
            size=$(changed "$previous" "$program")
            expect "25 lines or fewer between $previous and $program ($size)" yes \
                "$( ((size <= 25)) && echo yes || echo no)" "diff -u $previous.c $program.c"
        fi
        previous=$program
    done
    size=$(changed step5_zombie/server step6_sigchld/server)
    expect "25 lines or fewer between step 5 and step 6's second program ($size)" yes \
        "$( ((size <= 25)) && echo yes || echo no)" "make diff-5-6"
}

@test "step 4 is step 3 without one line, and step 5 puts it back" {
    close='        if (close(connection) == -1) perror("close");'
    without_sleep() { code "$1" | sed 's/DEFAULT_SLEEP = [0-9]*/DEFAULT_SLEEP/'; }
    expect "the difference between 3 and 4" "< $close" \
        "$(diff <(without_sleep step3_fork/server) <(without_sleep step4_leak/server) | grep '^[<>]')" "make diff-3-4"
    expect "the difference between 4 and 5" "> $close" \
        "$(diff <(code step4_leak/server) <(code step5_zombie/server) | grep '^[<>]')" "make diff-4-5"
}

@test "what is not the lesson is the same to the letter in every stage" {
    for function in die send_all listen_on parse_number; do
        # shellcheck disable=SC2086 # a word each
        same "$function" $ORDER
    done
    same handle_request step3_fork/server step4_leak/server step5_zombie/server step6_sigchld/eintr \
        step6_sigchld/server step7_waitpid/server
    same serve_forever step3_fork/server step5_zombie/server step6_sigchld/eintr
    same serve_forever step6_sigchld/server step7_waitpid/server
    same main step2_sleep/server step3_fork/server step4_leak/server step5_zombie/server
    same main step6_sigchld/eintr step6_sigchld/server step7_waitpid/server
}

@test "the functions stand in the same order in every stage" {
    order='die send_all put_number grim_reaper handle_request listen_on serve_forever parse_number main'
    for program in $ORDER; do
        functions=$(code "$program" | sed -nE 's/^(static|int) .*\b([a-z_]+)\(.*\{$/\2/p' | xargs)
        wanted=
        for function in $order; do
            if [[ " $functions " == *" $function "* ]]; then wanted+="$function "; fi
        done
        expect "the functions of $program.c" "${wanted% }" "$functions" "$program.c"
    done
}

@test "each broken stage has one FLAW comment, the last stage none" {
    for program in $ORDER; do
        flaws=1
        if [ "$program" = step7_waitpid/server ]; then flaws=0; fi
        expect "FLAW comments in $program.c" "$flaws" "$(grep -c 'FLAW:' "$program.c")" "$program.c"
    done
}

@test "the head of each stage says what it is: article, new, watch, flaw, next" {
    for program in $ORDER; do
        expect "the fields in the head of $program.c" 'Article New Watch Flaw Next' \
            "$(sed -n '1,/^ \*\/$/s/^ \* \([A-Z][a-z]*\)  .*/\1/p' "$program.c" | xargs)" "$program.c"
        expect "the first word in the head of $program.c" " * Step ${program:4:1}" \
            "$(sed -n '2s/,.*//p' "$program.c")" "$program.c"
    done
}

@test "the lines Next lead from beyond's first model through all, in the order of its README" {
    models=beyond/models
    path=() next=single.c
    while [ -n "$next" ] && [[ " ${path[*]} " != *" $next "* ]]; do
        path+=("$next")
        next=$(sed -nE 's@^ \* Next +([a-z_]+\.c).*@\1@p' "$models/$next")
    done
    expect "the models on the path" "$(find "$models" -name '*.c' -printf '%f\n' | sort | xargs)" \
        "$(printf '%s\n' "${path[@]}" | sort | xargs)" "Next at the head of $models/${path[-1]}"
    expect "its order" "$(sed -nE 's/^## ([a-z-]+)$/\1.c/p' "$models/README.md" | tr - _ | xargs)" "${path[*]}" "the sections of $models/README.md"
}

@test "each stage and the client build on their own, with cc alone: make in their folder" {
    for program in $ORDER client/client; do
        folder=$LAB_DIR/$(dirname "$program")
        mkdir -p "$folder"
        cp "$program.c" "$folder"
        run env -u MAKEFLAGS -u CFLAGS make -C "$folder" --no-print-directory "$(basename "$program")"
        expect "the status of make in a folder with nothing but $program.c" 0 "$status" "$output"
        expect "how many lines make and cc print: the command, no warning" 1 "${#lines[@]}" "$output"
    done
}

# The numbers of the list, and those in the titles of the tests.
listed() {
    sed -nE 's/^\| ([0-9]+\.[0-9]+) \|.*/\1/p' tests/CLAIMS.md tests/beyond/CLAIMS.md | sort -uV
}
tested() {
    sed -nE 's/^@test "([0-9]+\.[0-9]+) .*/\1/p' tests/*.bats tests/beyond/*.bats | sort -uV
}

@test "each claim of tests/CLAIMS.md has a test" {
    expect "claims without a test" '' "$(comm -23 <(listed | sort) <(tested | sort) | xargs)" tests/CLAIMS.md
    expect_match "how many claims there are" '^[5-9][0-9]$' "$(listed | wc -l)" tests/CLAIMS.md
}

@test "each number in a test's title is a claim of tests/CLAIMS.md, and stands in its stage's file" {
    expect "numbers that are no claim" '' "$(comm -13 <(listed | sort) <(tested | sort) | xargs)" tests/CLAIMS.md
    for number in 1 2 3 4 5 6 7; do
        expect "numbers of other stages in the tests of stage $number" '' \
            "$(sed -nE 's/^@test "([0-9]+)\.[0-9]+ .*/\1/p' tests/step"$number"_*.bats | grep -vx "$number" | xargs)" \
            "tests/step${number}_*.bats"
    done
}

@test "make help explains every target in a sentence" {
    read -ra targets < <(sed -n 's/^\.PHONY: //p' Makefile)
    help=$(make -s help)
    for target in "${targets[@]}"; do
        expect_match "make help on $target" "make $target +[A-Z].*\.$" "$(grep "^make $target " <<<"$help")" Makefile
    done
}

@test "make diff-3-4 shows the difference; a stage that there is not is refused" {
    run make -s diff-3-4
    expect "the status of make diff-3-4" 0 "$status" tools/diff
    expect_match "what it shows" '--- step3_fork/server.c' "$output" tools/diff
    run tools/diff 3 8
    expect "the status of tools/diff 3 8" 2 "$status" tools/diff
    expect_match "what it says" "two stages are needed, from 1 to 7" "$output" tools/diff
}

@test "the top level holds the stages, the client, the tests, and what serves them; nothing else" {
    [ "$(git rev-parse --show-toplevel 2>/dev/null)" = "$ROOT" ] || skip_unasked "this is no clone, and only git knows which files belong here"
    expect "names at the top level, but for dot files" \
        'LICENSE Makefile README.md README.zh-CN.md beyond client docs step1_iterative step2_sleep step3_fork step4_leak step5_zombie step6_sigchld step7_waitpid tests tools' \
        "$(git ls-files | cut -d / -f 1 | grep -v '^\.' | LC_ALL=C sort -u | xargs)" "git ls-files"
}

@test "every folder has a README" {
    for folder in . step*/ client tests tests/*/ tools tools/*/ docs docs/*/; do
        expect "a README.md in $folder" yes "$([ -s "$folder/README.md" ] && echo yes)" "$folder"
    done
}

@test "the stages ask for loopback connections only" {
    for program in $ORDER; do
        expect "addresses in $program.c" '"127.0.0.1"' "$(grep -oE '"[0-9]+(\.[0-9]+){3}"|INADDR_ANY|in6?addr_any' "$program.c")" listen_on
    done
}

@test "for each of the article's drawings there is one of ours, or a transcript, at its place" {
    expect "drawings listed (34 of the article's, and its checkpoints)" 35 "$(grep -c '^| `' docs/drawings.md)" docs/drawings.md
    for target in $(grep -oE '\]\([^)]+\)' docs/drawings.md | tr -d '])('); do
        [[ $target == http* ]] || expect "what docs/drawings.md leads to: $target" yes \
            "$([ -e "docs/$target" ] && echo yes)" docs/drawings.md
    done
}
