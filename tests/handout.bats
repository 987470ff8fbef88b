#!/usr/bin/env bats
#
# The hand-out: the same bytes for everybody, nothing of a solution in it, and all that a student needs.

# shellcheck disable=SC2030,SC2031 # each test is a shell of its own
ARTICLE_SLEEP=0
load setup

# shellcheck source=tools/classroom/exercises.bash
. "$ROOT/tools/classroom/exercises.bash"
unset UPTO EX LEVEL SERVER WATCH MAKEFLAGS MAKELEVEL

setup() {
    set +T # as setup.bash does
    cd "$ROOT" || return
    lab_open
    read_exercises
    mkdir "$LAB_DIR/solutions"
    tools/classroom/solution --all "$LAB_DIR/solutions"
    for name in "${NAMES[@]}"; do
        if [[ ${SOLUTION[$name]} == *.patch ]]; then SOLUTION[$name]=$LAB_DIR/solutions/$name.c; fi
    done
}

# copy_repository: makes REPOSITORY, a copy of what the repository holds, without what was built and without git.
copy_repository() {
    REPOSITORY=$LAB_DIR/$1
    mkdir "$REPOSITORY"
    tar -c --exclude=.git --exclude=./build --exclude=./exercises . | tar -x -C "$REPOSITORY"
}

# unpack [UPTO]: makes a hand-out in a copy of the repository, and unpacks it: HANDOUT is its folder.
unpack() {
    [ -n "${REPOSITORY-}" ] || copy_repository repository
    run "$REPOSITORY/tools/classroom/handout" "$@"
    expect "the status of tools/classroom/handout $*" 0 "$status" "$output"
    HANDOUT=$LAB_DIR/unpacked/handout
    rm -rf "$LAB_DIR/unpacked"
    mkdir "$LAB_DIR/unpacked"
    tar -xzf "$REPOSITORY/build/handout.tar.gz" -C "$LAB_DIR/unpacked"
}

# --- what gives a solution away ------------------------------------------------------------------

# For awk: code(LINE, WAY) is what is code in that line, without blanks; comment[WAY] is kept from line to line.
IN_AWK='
    function code(line, way,    result, at) {
        while (line != "") {
            if (comment[way]) {
                at = index(line, "*/")
                if (!at) break
                comment[way] = 0
                line = substr(line, at + 2)
            } else {
                at = index(line, "/*")
                result = result (at ? substr(line, 1, at - 1) : line)
                if (!at) break
                comment[way] = 1
                line = substr(line, at + 2)
            }
        }
        sub(/\/\/.*/, "", result)
        gsub(/[ \t\r]/, "", result)
        return result
    }'

# code_of FILE: prints its lines of code: no comments, no blanks, no empty lines.
code_of() {
    awk "$IN_AWK"' { line = code($0, 1) } line != "" { print line }' "$1"
}

# set_code PROGRAM: sets CODE to that, without its line ends, and LINES to its lines.
set_code() {
    local kept=$LAB_DIR/code.${1//\//+}
    [ -e "$kept" ] || code_of "$1" >"$kept"
    mapfile -t LINES <"$kept"
    printf -v CODE %s "${LINES[@]}"
}

# Lines too common to tell: any server has them, and they give nothing away.
COMMON='^([{}();]*|(break|continue|return|default|exit|_exit)[^=]*;|case-?[0-9]*:|#include<[a-z/.]*>)$'

# needles NAME [PROGRAM...]: prints what its solution has and neither its base nor these programs have: lines of code,
# and two of them together where it is only that they follow each other (as with the close that exercise 3 puts back).
needles() {
    local line previous='' known='' program
    for program in "${BASE[$1]}" "${@:2}"; do
        set_code "$program"
        known+=$CODE$'\n'
    done
    set_code "${SOLUTION[$1]}"
    for line in "${LINES[@]}"; do
        if [[ $known != *"$line"* ]]; then
            [[ $line =~ $COMMON ]] || echo "$line"
        elif [[ $known != *"$previous$line"* ]]; then
            [[ $previous =~ $COMMON && $line =~ $COMMON ]] || echo "$previous$line"
        fi
        previous=$line
    done
}

# straw FOLDER: prints each file there in several ways, without blanks and line ends, in a line each behind the file's name
# and a TAB: as it is; without comments; without what stands before a line in a comment, a diff or a quotation; and so
# without comments.
straw() {
    (cd "$1" && find . -type f -exec awk "$IN_AWK"'
        function flush(    way) {
            for (way = 1; file != "" && way <= 4; way++) {
                printf "%s\t%s\n", file, text[way]
                text[way] = ""
                comment[way] = 0
            }
        }
        FNR == 1 { flush() }
        {
            file = FILENAME
            bare = $0
            sub(/^[ \t]*[-+>|*#\/]*/, "", bare)
            text[2] = text[2] code($0, 2)
            text[4] = text[4] code(bare, 4)
            gsub(/[ \t\r]/, "")
            gsub(/[ \t\r]/, "", bare)
            text[1] = text[1] $0
            text[3] = text[3] bare
        }
        END { flush() }' {} +)
}

# give_aways FOLDER UPTO: prints what a hand-out in that folder gives away to those who are at that exercise: FILE, the
# exercise whose solution it is of, and the line. What they have written before, or been given, is no secret.
give_aways() {
    local name file line number known=() others files
    local -A of=()
    for name in "${NAMES[@]}"; do
        if ((${NUMBER[$name]} <= ${NUMBER[$2]})); then known+=("${BASE[$name]}"); fi
        if ((${NUMBER[$name]} < ${NUMBER[$2]})); then known+=("${SOLUTION[$name]}"); fi
    done
    for name in "${NAMES[@]}"; do
        if ((${NUMBER[$name]} < ${NUMBER[$2]})); then continue; fi
        before "$name" # what was right before, and made faulty again, is not known
        others=()
        for file in "${known[@]}"; do
            if [ -z "$BEFORE" ] || [ "$file" != "${SOLUTION[$BEFORE]}" ] || [ "$file" = "${BASE[$name]}" ]; then others+=("$file"); fi
        done
        while read -r line; do of[$line]=${of[$line]-$name}; done < <(needles "$name" "${others[@]}")
    done
    expect_match "how many lines of code are looked for" '^([2-9]|[0-9]{2,})$' "$((${#of[@]} + 1))" needles
    printf '%s\n' "${!of[@]}" >"$LAB_DIR/needles"
    straw "$1" >"$LAB_DIR/straw"
    mapfile -t files < <(cut -f 1 "$LAB_DIR/straw")
    while IFS=: read -r number line; do
        name=${files[(number - 1) % ${#files[@]}]}
        echo "$name gives ${of[$line]} away: $line"
    done < <({ cat "$LAB_DIR/straw" && tr A-Za-z N-ZA-Mn-za-m <"$LAB_DIR/straw"; } | grep -noFf "$LAB_DIR/needles") | sort -u
}

@test "handout: nothing of a solution is in it, wherever the class is" {
    local name
    for name in "${NAMES[@]}"; do
        unpack "$name"
        expect "what those who are at $name find of solutions" '' "$(give_aways "$HANDOUT" "$name")" "tools/classroom/handout: is_shown, is_told"
    done
}

# plant FILE LINE: puts a line of code there, with other blanks than it had.
plant() {
    local line=${2//;/ ; }
    line=${line//\(/ ( }
    case $1 in
    *.md) echo "    +   $line" ;;
    *.rot13) tr A-Za-z N-ZA-Mn-za-m <<<"$line" ;;
    *.bash) echo "# $line" ;;
    *.c) echo "    // ${line/ / /* so */ }" ;;
    esac >>"$1"
}

@test "handout: a line of any solution that is put into it is found, in whatever file and form" {
    local name file line found files
    unpack
    mkdir "$LAB_DIR/planted"
    for name in "${NAMES[@]}"; do
        line=$(needles "$name" | head -n 1)
        files=("$EXERCISES/$name/README.md" "$EXERCISES/$name/hints.rot13" "$EXERCISES/$name/judge.bash" client/client.c)
        for file in "${files[@]}"; do
            cp "$HANDOUT/$file" "$LAB_DIR/planted"
            plant "$LAB_DIR/planted/${file##*/}" "$line"
        done
        found=$(give_aways "$LAB_DIR/planted" "$name" | grep -F "$line")
        for file in "${files[@]}"; do
            expect_match "what is found when $file has a line of the solution of $name" "\\./${file##*/} gives [a-z]+ away: " "$found" "give_aways in this file"
        done
    done
}

@test "handout: a beginning, a lesson or a program too many is found" {
    local name
    unpack
    for name in "${NAMES[@]}"; do
        cp "${SOLUTION[$name]}" "$HANDOUT/more.c"
        expect_match "what is found in the solution of $name" "^./more.c gives $name away" "$(give_aways "$HANDOUT" "$name")" give_aways
        rm "$HANDOUT/more.c"
    done
    for name in sleep:2 fork:3 eintr:6 restart:6 reap:7; do
        cp step"${name#*:}"_*/README.md "$HANDOUT/more.md"
        expect_match "what is found in lesson ${name#*:}" "more.md gives ${name%:*} away" "$(give_aways "$HANDOUT" "${name%:*}")" give_aways
        rm "$HANDOUT/more.md"
    done
    printf '\0' >"$HANDOUT/more"
    expect "files that are no text" ./more "$(no_text)" no_text
}

# Prints the files of the hand-out that are no text: what is packed or built could hide anything.
no_text() {
    (cd "$HANDOUT" && find . -type f ! -empty -exec grep -LI '' {} +)
}

@test "handout: it has no history, no source of a stage, no tests, and nothing that is no text" {
    local name
    for name in '' close reap all; do
        # shellcheck disable=SC2086 # none, or a word
        unpack $name
        expect "files that are no text" '' "$(no_text)" "tools/classroom/handout"
        expect "what it has at its top" '.gitignore LICENSE Makefile README.md beyond client' \
            "$(find "$HANDOUT" -mindepth 1 -maxdepth 1 -printf '%f\n' | grep -v '^step\|^docs$\|^tools$' | LC_ALL=C sort | xargs)" TOOLS
        expect "what it has of stages but lessons" '' "$(find "$HANDOUT"/step* -type f ! -name README.md)" put_lesson
        expect "what it has of docs but drawings" '' "$(find "$HANDOUT"/docs -type f ! -name 'step*.svg')" put_lesson
        expect "what it has of exercises" 'README.md begin.c exercise hints.rot13 judge.bash' \
            "$(find "$HANDOUT/$EXERCISES" -type f -printf '%f\n' | sort -u | xargs)" put_exercise
        expect "sources" '' "$(find "$HANDOUT" -name '*.c' ! -name begin.c ! -path '*/client/client.c')" put
        expect "what is for teachers" '' "$(find "$HANDOUT" -type f -name 'handout*' -o -name begin -o -name 'grade-all' -o -name 'solution*' -o -name '.*' ! -path "$HANDOUT/.gitignore")" TOOLS
    done
    expect "the beginnings in that for the last exercise" "${#NAMES[@]}" \
        "$(find "$HANDOUT" -name begin.c | wc -l)" is_shown
}

@test "handout: its links lead to what is in it" {
    local name file target
    for name in '' reap all; do
        # shellcheck disable=SC2086 # none, or a word
        unpack $name
        while read -r file target; do
            expect "what $file leads to: $target" yes "$([ -e "$HANDOUT/${file%/*}/${target%%#*}" ] && echo yes)" "unlink in tools/classroom/handout"
        done < <(cd "$HANDOUT" && grep -oE '\]\([^):#]+\)' -r --include='*.md' . | sed 's/:](/ /; s/)$//')
    done
}

@test "handout: its texts do not send anybody to tests, translations or drawings that are not in it" {
    local stage head target
    plain() { sed -E 's/\[([^]]*)\]\([^)]*\)/\1/g' "$1"; }
    unpack all
    expect "what they say of tests, of pictures, of translations" '' \
        "$(cd "$HANDOUT" && grep -rnE 'tests/|make (test|picture)|\<test [0-9]+\.[0-9]|README\.[-a-zA-Z]+\.md|^中文$|how to read it' --include='*.md' .)" leave_absent
    for stage in step?_*; do
        head=$(sed -n 4,5p "$HANDOUT/$stage/README.md")
        while read -r _ target; do
            if grep -q "^$target:" "$HANDOUT/Makefile"; then continue; fi
            expect_match "what its head says is not here" "\`make $target\`" "$head" list_absent
        done < <(sed 1,5d "$HANDOUT/$stage/README.md" | tr '\n' ' ' | grep -oE '.make [a-z]+' | grep '^`' | sort -u)
        expect "sections of $stage/README.md, Try aside" "$(grep '^## ' "$stage/README.md" | grep -vx '## Try')" "$(grep '^## ' "$HANDOUT/$stage/README.md")" leave_absent
        expect "its fences" "$(grep -c '^```' "$stage/README.md")" "$(grep -c '^```' "$HANDOUT/$stage/README.md")" leave_absent
    done
    for name in "${NAMES[@]}"; do
        if grep -qE 'tests/|make test' "$EXERCISES/$name/README.md"; then continue; fi
        expect "how the README of $name differs, links aside" '' \
            "$(diff <(plain "$EXERCISES/$name/README.md") <(plain "$HANDOUT/$EXERCISES/$name/README.md"))" leave_absent
    done
}

# pack FOLDER COMMAND...: makes the hand-out of a copy of the repository in that folder, by that command, and prints
# its checksum.
pack() {
    "${@:2}" "$1/tools/classroom/handout" reap >/dev/null && sha256sum <"$1/build/handout.tar.gz"
}

@test "handout: the same bytes, whoever packs it, where, when, in what locale and with what umask" {
    local first other=()
    if ((EUID == 0)); then other=(setpriv --reuid=65534 --regid=65534 --clear-groups); fi
    copy_repository first
    first=$(cd / && TZ=Asia/Tokyo LC_ALL=C.UTF-8 pack "$REPOSITORY")
    expect_match "its checksum" '^[0-9a-f]{64} ' "$first" tools/classroom/handout
    mkdir -p "$LAB_DIR/an other/place"
    (umask 077 && copy_repository "an other/place/second")
    find "$LAB_DIR/an other" -exec touch -d '2031-05-06 07:08' {} +
    if ((EUID == 0)); then chown -R 65534:65534 "$LAB_DIR/an other" && chmod 755 "$LAB_DIR"; fi
    expect "its checksum elsewhere, later, under another umask, as another user" "$first" \
        "$(umask 077 && TZ=America/Lima LANG=de_DE.UTF-8 pack "$LAB_DIR/an other/place/second" "${other[@]}")" "tar and gzip in tools/classroom/handout"
    expect "what is left in build" handout.tar.gz "$(ls "$REPOSITORY/build")" "its trap"
    echo >>"$REPOSITORY/LICENSE"
    expect "whether it is another when a file is" yes "$([ "$first" != "$(pack "$REPOSITORY")" ] && echo yes)" put
}

@test "handout: an exercise that there is not is refused: one line, status 2" {
    for name in 0 15 nonsense 1x; do
        run tools/classroom/handout "$name"
        expect "the status of tools/classroom/handout $name" 2 "$status" "$output"
        expect_match "what it says" "^handout: there is no exercise '$name': UPTO=N, from 1 to ${#NAMES[@]}" "$output" tools/classroom/handout
        expect "how many lines it prints" 1 "${#lines[@]}" "$output"
    done
}

# alone COMMAND...: runs it in the hand-out, with nothing of this shell's but PATH.
alone() {
    run --separate-stderr env -i PATH="$PATH" LC_ALL=C ${UNSAFE:+UNSAFE="$UNSAFE"} make --no-print-directory -C "$HANDOUT" "$@" </dev/null
}

@test "handout: alone it builds without a warning; make help, hint, grade and progress work" {
    unpack all
    alone
    expect "the status of make" 0 "$status" "$stderr"
    expect "what the compiler says" '' "$stderr" tools/classroom/begin
    expect "how many programs there are" "$((${#NAMES[@]} + 1))" "$(find "$HANDOUT/build" "$HANDOUT/client" -type f -perm -1 | wc -l)" "$output"
    mkdir "$HANDOUT/exercises"
    cp "$HANDOUT/$EXERCISES/sleep/begin.c" "$HANDOUT/exercises/sleep.c"
    alone build
    expect "where one's own program is built" build/exercises/sleep "$(cd "$HANDOUT" && find build/exercises -type f -perm -1)" "$output$stderr"
    alone help
    expect_match "what make help says" 'make hint ' "$output" tools/classroom/student/Makefile
    alone hint
    expect "what make hint lists first" ' 1  sleep' "${output:0:9}" tools/classroom/hint
    for name in "${NAMES[@]}"; do
        for level in 1 2 3; do
            alone hint EX="$name" LEVEL="$level"
            expect "the status of make hint EX=$name LEVEL=$level" 0 "$status" "$stderr"
            expect "whether it is that of the repository" yes \
                "$([ "$output" = "$(EX=$name LEVEL=$level tools/classroom/hint)" ] && echo yes)" tools/classroom/hint
        done
    done
    alone grade EX=sleep SERVER=build/beginnings/sleep
    expect "the status of make grade, of a beginning" 2 "$status" "$output$stderr" # make's, of a status of 1
    expect_match "what it says" 'try next' "$output" "$stderr"
}

@test "handout: put into a repository, git leaves out what is built, and nothing else" {
    local seen
    command -v git >/dev/null || skip_unasked "git is missing"
    unpack
    mkdir "$HANDOUT/exercises"
    cp "$HANDOUT/$EXERCISES/sleep/begin.c" "$HANDOUT/exercises/sleep.c"
    git init -q "$HANDOUT"
    git -C "$HANDOUT" add .
    alone build
    seen=$(git -C "$HANDOUT" status --porcelain --untracked-files=all)
    expect "what git sees of what was built" '' "$(sed '/^A /d' <<<"$seen")" tools/classroom/student/gitignore
    expect "how many files git has" "$(find "$HANDOUT" -path '*/.git' -prune -o -path "$HANDOUT/build" -prune -o -type f ! -path '*/client/client' -print | wc -l)" \
        "$(grep -c '^A ' <<<"$seen")" tools/classroom/student/gitignore
}

@test "handout: a report for a machine is alone on standard output, in a hand-out where nothing is built yet" {
    unpack
    alone grade EX=sleep SERVER="$EXERCISES/sleep/begin.c" FORMAT=junit
    expect "the status of make grade" 2 "$status" "$output$stderr" # make's, of a status of 1
    expect_match "its first line" '^<\?xml ' "${lines[0]}" "$stderr"
    expect_match "its last" '^</testsuites>$' "${lines[-1]}" "$stderr"
}

# Prints how many exercises progress says are passed.
passed() {
    sed -nE 's/^([0-9]*) of [0-9]* passed(, [0-9]+ taken for done)?\.$/\1/p' <<<"$output"
}

# stub_grade: what a judge says is not what this is about: in the hand-out who has written "solved NAME" passes.
stub_grade() {
    cat >"$HANDOUT/tools/classroom/grade" <<'STUB'
#!/usr/bin/env bash
if grep -q "solved $EX" "$SERVER"; then earned=10; else earned=1; fi
printf '10\t%s\tIt is solved\t\t\t\t\nEND\t%s\t10\n' "$earned" "$earned"
((earned == 10))
STUB
}

@test "handout: alone it judges: every beginning fails its exercise, every solution passes" {
    local name
    unpack all
    mkdir "$HANDOUT/exercises"
    for name in "${NAMES[@]}"; do cp "$HANDOUT/$EXERCISES/$name/begin.c" "$HANDOUT/exercises/$name.c"; done
    alone progress
    expect "how many beginnings pass" 0 "$(passed)" "$output$stderr"
    expect "how many of them were judged" "${#NAMES[@]}" "$(grep -c ' [0-9] of 10 ' <<<"$output")" "$output$stderr"
    for name in "${NAMES[@]}"; do cp "${SOLUTION[$name]}" "$HANDOUT/exercises/$name.c"; done
    alone progress
    expect "how many solutions pass" "${#NAMES[@]}" "$(passed)" "$output$stderr"
}

@test "handout: progress begins where the class is, with a beginning that is in it; each earlier one has one, too" {
    local name other
    for name in "${NAMES[@]}"; do
        unpack "$name"
        stub_grade
        alone progress
        expect_match "what is next" "Next: $name\\." "$output" "$stderr"
        expect "what has been begun" "$name.c" "$(ls "$HANDOUT/exercises")" choose
        expect "how many are taken for done" "$((${NUMBER[$name]} - 1))" "$(grep -c ' taken for done  ' <<<"$output")" "$output"
        expect "how many are passed" 0 "$(passed)" "$output"
        for other in "${NAMES[@]:0:NUMBER[$name]-1}"; do
            expect "whether there is a beginning of $other" yes "$([ -e "$HANDOUT/$EXERCISES/$other/begin.c" ] && echo yes)" is_shown
        done
    done
}

@test "handout: its README begins where the class is, and has what is true there alone" {
    local name text
    for name in "${NAMES[@]}"; do
        unpack "$name"
        text=$(<"$HANDOUT/README.md")
        expect_match "what it begins with" "first \`exercises/$name\.c\`.*\[beyond/exercises/$name\]" "$text" put_readme
        expect "of which exercise its examples are" "EX=$name build/exercises/$name exercises/$name.c" \
            "$(sed '/^| /d; s/EX=1\b//' <<<"$text" | grep -oE 'EX=[a-z0-9]+|[a-z/]*exercises/[a-z]+(\.c)?' | grep -v '^beyond' | sort -u | xargs)" put_readme
        expect "whether it says that something is taken for done" "$([ "$name" = sleep ] || echo yes)" \
            "$(grep -q 'taken for done' <<<"$text" && echo yes)" put_readme
        expect "whether it says what one's own program is copied for" "$([ "$(find "$HANDOUT" -name begin.c | wc -l)" = ${#NAMES[@]} ] || echo yes)" \
            "$(grep -q 'begin with your own program' <<<"$text" && echo yes)" put_readme
        expect "whether close may pass at once" "$([ -e "$HANDOUT/$EXERCISES/close/begin.c" ] || echo yes)" \
            "$(grep -q '^If .close. passes' <<<"$text" && echo yes)" put_readme
        expect "marks that are left" '' "$(grep -F '<!--' <<<"$text")" put_readme
    done
}

@test "handout: a later one, unpacked over an earlier, moves the class on; what a student has done stays" {
    unpack
    stub_grade
    alone progress
    echo "/* solved sleep */" >>"$HANDOUT/exercises/sleep.c"
    "$REPOSITORY/tools/classroom/handout" handler
    tar -xzf "$REPOSITORY/build/handout.tar.gz" -C "$LAB_DIR/unpacked"
    stub_grade
    alone progress
    expect_match "what is passed, and what is next" "1 of ${#NAMES[@]} passed, 2 taken for done\..*Next: handler\. " "$output" "$stderr"
    expect "what has been begun" 'handler.c sleep.c' "$(cd "$HANDOUT/exercises" && echo *)" choose
}

@test "handout: from the first exercise to the last, each begins with one's own solution of an earlier one" {
    local name
    unpack
    stub_grade
    for name in "${NAMES[@]}"; do
        alone progress
        expect_match "what is next" "Next: $name\." "$output" "$stderr"
        expect "how many are passed" "$((${NUMBER[$name]} - 1))" "$(passed)" "$output"
        before "$name"
        if [ -z "$BEFORE" ]; then
            expect "what it begins with" "$(tools/classroom/begin "$name")" "$(<"$HANDOUT/exercises/$name.c")" begin
        else
            expect "what it begins with, its head aside" "$(sed '1,/\*\//d' "$HANDOUT/exercises/$BEFORE.c")" \
                "$(sed '1,/\*\//d' "$HANDOUT/exercises/$name.c")" begin
            expect "what its head says" " * Exercise ${NUMBER[$name]}, $name: ${TITLE[$name]}." "$(sed -n 2p "$HANDOUT/exercises/$name.c")" change_head
        fi
        echo "/* solved $name */" >>"$HANDOUT/exercises/$name.c"
    done
    alone progress
    expect_match "the end" 'There is no next one' "$output" "$stderr"
    tar -xzf "$REPOSITORY/build/handout.tar.gz" -C "$LAB_DIR/unpacked"
    expect "whether the student's programs are there when it has been unpacked once more" yes \
        "$(grep -q "solved shutdown" "$HANDOUT/exercises/shutdown.c" && echo yes)" "tar -tf build/handout.tar.gz"
}
