#!/usr/bin/env bats
#
# The teacher's guide and the test questions: what they say is shown by their own commands; what surrounds them, the
# development container and CI, names nothing that there is not.

ARTICLE_SLEEP=0
load setup

# shown KIND NUMBER: fails unless the commands there print what stands beneath them.
shown() {
    case $1 in idea) document=docs/teaching.md ;; question) document=docs/questions.md ;; esac
    run env NO_COLOR=1 LAB_DEADLINE="$LAB_DEADLINE" timeout -k 5 120 tools/classroom/show "$1" "$2" </dev/null
    expect "the status of tools/classroom/show $1 $2: do its commands print what $document says?" 0 "$status" "$output"
}

can_trace() {
    strace -o /dev/null true 2>/dev/null || skip_for tracing
}

@test "teaching, idea 1: kill -9 does not remove a zombie" {
    shown idea 1
}

@test "teaching, idea 2: close in the parent does not end the connection" {
    shown idea 2
}

@test "teaching, idea 3: the child's end does not end a connection that the parent holds" {
    shown idea 3
}

@test "teaching, idea 4: a stopped server's clients are connected all the same" {
    shown idea 4
}

@test "teaching, idea 5: a longer backlog serves nobody at once" {
    shown idea 5
}

@test "teaching, idea 6: a child that does not end goes on in its parent's loop" {
    shown idea 6
}

@test "teaching, idea 7: exit in the child writes out its parent's buffer, _exit does not" {
    shown idea 7
}

@test "teaching, idea 8: fork does not copy the memory" {
    shown idea 8
}

@test "teaching, idea 9: signals do not queue" {
    shown idea 9
}

@test "teaching, idea 10: SIGCHLD comes of a stopped child, too" {
    shown idea 10
}

@test "teaching, idea 11: with SA_RESTART accept does not fail with EINTR" {
    shown idea 11
}

@test "teaching, idea 12: SA_RESTART does not mend lost signals" {
    shown idea 12
}

@test "teaching, idea 13: a zombie has no memory" {
    shown idea 13
}

@test "teaching, idea 14: a child outlives its server" {
    shown idea 14
}

@test "teaching, idea 15: SIGCHLD set to SIG_IGN leaves no zombie" {
    shown idea 15
}

@test "teaching, idea 16: wait after fork serves one client at a time" {
    shown idea 16
}

@test "teaching, idea 17: two children have two connections as descriptor 4" {
    shown idea 17
}

@test "teaching, idea 18: send returns before the client has read" {
    shown idea 18
}

@test "teaching, idea 19: a child that keeps the listening socket keeps the port" {
    shown idea 19
}

@test "teaching, question 1: three clients, one after another, are descriptor 4" {
    shown question 1
}

@test "teaching, question 2: a second client is connected at once" {
    shown question 2
}

@test "teaching, question 3: a queue of five lets in six" {
    shown question 3
}

@test "teaching, question 4: ss shows a queue's length and its limit" {
    shown question 4
}

@test "teaching, question 5: three forks make eight processes" {
    shown question 5
}

@test "teaching, question 6: what was said before the fork comes twice" {
    shown question 6
}

@test "teaching, question 7: the child is who closes the listening socket" {
    can_trace
    shown question 7
}

@test "teaching, question 8: a trace without the parent's close" {
    can_trace
    shown question 8
}

@test "teaching, question 9: twenty descriptors, sixteen clients" {
    shown question 9
}

@test "teaching, question 10: a zombie goes with its parent" {
    shown question 10
}

@test "teaching, question 11: a zombie, a sleeper and a stopped child" {
    shown question 11
}

@test "teaching, question 12: ten ends leave nine zombies, and with the loop none" {
    shown question 12
}

@test "teaching, question 13: a handler that waits once leaves zombies" {
    shown question 13
}

@test "teaching, question 14: a handler that waits for all stops the server" {
    shown question 14
}

@test "teaching, question 15: a handler that does not keep errno changes a message" {
    shown question 15
}

@test "teaching, question 16: waitpid with WNOHANG returns 0, and without children ECHILD" {
    shown question 16
}

@test "teaching, question 17: a trace of an interrupted accept" {
    can_trace
    shown question 17
}

@test "teaching, question 18: a parent that closes the wrong descriptor" {
    shown question 18
}

@test "teaching, question 19: accept called again after any error keeps the processor busy" {
    shown question 19
}

@test "teaching, question 20: TIME_WAIT is with the side that closed first" {
    shown question 20
}

@test "teaching, question 21: a server that is killed leaves its child serving, and the port free" {
    shown question 21
}

@test "teaching, question 22: a child that is killed ends its own connection alone" {
    shown question 22
}

@test "each wrong idea and each question has a test here, and the numbers have no gap" {
    for kind in idea question; do
        expect "the numbers that tools/classroom/show $kind lists" "$(sed -nE "s/^@test \"teaching, $kind ([0-9]+): .*/\1/p" "$BATS_TEST_FILENAME" | xargs)" \
            "$(tools/classroom/show "$kind" | sed 's/\..*//' | xargs)" "this file"
        most=$(tools/classroom/show "$kind" | wc -l)
        expect "the same" "$(seq "$most" | xargs)" "$(tools/classroom/show "$kind" | sed 's/\..*//' | xargs)" "the headings of the document"
    done
    expect "the questions in the table of kinds" "$(seq "$most" | xargs)" \
        "$(sed -nE 's/^\| [a-z ]+ \| ([0-9, ]+) \|$/\1/p' docs/questions.md | tr , '\n' | sort -n | xargs)" "the table at the head of docs/questions.md"
}

@test "show: what comes out otherwise it says, with status 1; a number that there is not is refused" {
    mkdir -p "$LAB_DIR/tools" "$LAB_DIR/docs"
    cp -r tools/classroom tools/*.bash "$LAB_DIR/tools"
    for folder in step*/ client/; do ln -s "$ROOT/$folder" "$LAB_DIR/${folder%/}"; done
    sed 's/^Connection 3 is descriptor 4$/Connection 3 is descriptor 5/' docs/questions.md >"$LAB_DIR/docs/questions.md"
    run "$LAB_DIR/tools/classroom/show" question 1 </dev/null
    expect "its status, when the document says otherwise" 1 "$status" "$output"
    expect_match "what it says" 'NOT AS docs/questions.md SAYS' "$output" tools/classroom/show
    sed 's/^<!-- once.c: grim_reaper of/<!-- once.c: cruel_reaper of/' docs/questions.md >"$LAB_DIR/docs/questions.md"
    run "$LAB_DIR/tools/classroom/show" question 13 </dev/null
    expect "its status, when a function is not there" 2 "$status" "$output"
    for number in 0 99 x ''; do
        run tools/classroom/show question "$number"
        expect "its status for number '$number'" 2 "$status" "$output"
    done
    run tools/classroom/show answer 1
    expect "its status for an answer" 2 "$status" "$output"
}

@test "show: ended by Ctrl-C, it leaves nothing behind" {
    mkdir -p "$LAB_DIR/tmp" "$LAB_DIR/tools" "$LAB_DIR/docs"
    cp -r tools/classroom tools/*.bash "$LAB_DIR/tools"
    for folder in step*/ client/; do ln -s "$ROOT/$folder" "$LAB_DIR/${folder%/}"; done
    # shellcheck disable=SC2016 # the other shell's
    printf '%s\n' '### 1. For ever' '```console' '$ start_server step7_waitpid/server -p 0; echo $SERVER_PID >"$SHOWN"; sleep 1000' '```' >"$LAB_DIR/docs/questions.md"
    (clean env TMPDIR="$LAB_DIR/tmp" SHOWN="$LAB_DIR/shown" "$LAB_DIR/tools/classroom/show" question 1) >"$LAB_DIR/words" 2>&1 &
    tool=$!
    LAB_SERVERS+=("$tool")
    expect_soon "its server runs" "$LAB_DIR/words" test -s "$LAB_DIR/shown"
    server=$(<"$LAB_DIR/shown")
    interrupt "-$tool" "$tool"
    expect_soon "its server has ended" lab_close is_gone "$server"
    expect "what is left of its files" '' "$(ls "$LAB_DIR/tmp")" lab_close
}

@test "lab.bash: a server that is started by hand, where there is job control, is the process that SERVER_PID names" {
    # shellcheck disable=SC2016 # the other shell's
    run bash -c 'set -m; . tools/lab.bash; lab_open; trap lab_close EXIT; start_server "$0/step5_zombie/server" -p 0; ps -o args= -p "$SERVER_PID"' "$BIN"
    expect "what ps says of it" "$BIN/step5_zombie/server -p 0" "${lines[-1]}" "set +m in lab_open"
}

@test "summary: a stage's goal, its pictures by their address, and the tour, with the tour's status" {
    unset GITHUB_REPOSITORY GITHUB_SHA
    run env GITHUB_REPOSITORY=owner/name GITHUB_SHA=4711 PORT=0 timeout 60 tools/classroom/summary 4
    expect "its status" 0 "$status" "$output"
    expect "its first line" '## Step 4: the leak' "${lines[0]}" tools/classroom/summary
    expect_match "its second line" '^\*\*Goal\.\*\* ' "${lines[1]}" tools/classroom/summary
    expect "its pictures" "step4_leak.svg step4_leak-limit.svg" \
        "$(sed -nE 's@^!\[.+\]\(https://raw.githubusercontent.com/owner/name/4711/docs/pictures/(.*)\)$@\1@p' <<<"$output" | xargs)" tools/classroom/summary
    expect "its fences" 2 "$(grep -c '^````' <<<"$output")" tools/classroom/summary
    expect_match "what the tour says" 'All [0-9]+ observations came out' "$output" tools/tour
    run env PORT=0 timeout 60 tools/classroom/summary 6 eintr
    expect "its pictures when one is named, with no address" "docs/pictures/step6_sigchld-eintr.svg" \
        "$(sed -nE 's@^!\[.+\]\((.*)\)$@\1@p' <<<"$output" | xargs)" tools/classroom/summary
    for step in 1 2 3 4 5 6 7; do
        while read -r picture; do
            expect "a picture of step $step: $picture" yes "$([ -s "$picture" ] && echo yes)" "step${step}_*/README.md"
        done < <(sed -nE 's@^!\[.*\]\(\.\./(docs/pictures/.*\.svg)\)$@\1@p' step"$step"_*/README.md)
    done
}

@test "summary: a step or a picture that there is not is refused; a tour that does not come out is its status" {
    for arguments in 0 8 '' '6 nonsense'; do
        # shellcheck disable=SC2086 # words
        run tools/classroom/summary $arguments
        expect "its status for '$arguments'" 2 "$status" "$output"
    done
    mkdir "$LAB_DIR/bin"
    cp -r "$BIN"/step* "$BIN/client" "$LAB_DIR/bin"
    cp "$BIN/step7_waitpid/server" "$LAB_DIR/bin/step5_zombie/server"
    run env BIN="$LAB_DIR/bin" PORT=0 LAB_DEADLINE=1 timeout 60 tools/classroom/summary 5
    expect "its status, where step 5 is mended" 1 "$status" "$output"
    expect "its last line" '````' "${lines[-1]}" tools/classroom/summary
}

# code_of FILE: prints its commands: of a document what stands in fences, indented or in backquotes.
code_of() {
    case $1 in
    *.md)
        awk '/^ *```/ { fenced = !fenced; next } fenced || /^    /' "$1"
        # shellcheck disable=SC2016 # backquotes
        grep -o '`[^`]*`' "$1" | tr -d '`'
        ;;
    *) grep -v '^ *#' "$1" ;;
    esac
}

# targets_of FILE: prints the targets of make in its commands.
targets_of() {
    # shellcheck disable=SC2016 # a set of characters
    code_of "$1" | grep -v 'apt-get install' | sed 's/ #.*//' | grep -oE '(^|[^a-z-])make( +[A-Za-z0-9_=./${}-]+)+' | tr ' ' '\n' |
        grep -E '^[a-z][a-z0-9-]*$' | grep -vx make | sort -u
}

@test "each target that the guide, the questions, the container and CI name is one of the Makefile's" {
    makefile=" $(sed -nE 's/^\.PHONY: //p' Makefile tools/classroom/student/Makefile 2>/dev/null | xargs) " # the hand-out's own, too
    for file in docs/teaching.md docs/questions.md .devcontainer/devcontainer.json .devcontainer/Dockerfile .github/workflows/*.yml; do
        for target in $(targets_of "$file"); do
            case $target in diff-*) continue ;; esac
            expect "make $target, which $file says, is there" yes "$([[ $makefile == *" $target "* ]] && echo yes)" "$file, Makefile"
        done
    done
    expect_match "targets that are found in CI" ' test .*test-classroom' " $(targets_of .github/workflows/ci.yml | xargs) " "targets_of in this file"
    expect_match "targets that are found in the guide" ' grade .*grade-all .*handout .* tour ' " $(targets_of docs/teaching.md | xargs) " "targets_of in this file"
}

@test "the guide's rubric of an exercise is what its judge gives points for" {
    expect "the rubric of reap" "$(sed -nE 's/^behaviour ([0-9]+) [a-z_]+ "(.*)"$/\1 \2/p' beyond/exercises/reap/judge.bash)" \
        "$(sed -n '/^| Points | Behaviour |$/,/^$/s/^| \([0-9]*\) | \(.*\) |$/\1 \2/p' docs/teaching.md)" docs/teaching.md
}

@test "the guide's rule for passing: what it says of points holds for each sum that each exercise allows" {
    mkdir -p "$LAB_DIR/build/grades/results"
    for folder in beyond/exercises/*/; do
        name=$(basename "$folder")
        tools/classroom/judge --list "$name" >"$LAB_DIR/$name.list"
        expect "the points of $name" 10 "$(awk '{ sum += $1 } END { print sum }' "$LAB_DIR/$name.list")" "tools/classroom/judge --list $name"
        mkdir "$LAB_DIR/build/grades/results/$name"
        # a result for each set of its behaviours
        awk -F '\t' -v to="$LAB_DIR/build/grades/results/$name" '{ points[NR - 1] = $1; what[NR - 1] = $2 } END {
            for (set = 0; set < 2 ^ NR; set++) {
                file = to "/" set ".tsv"
                for (i = sum = 0; i < NR; i++) {
                    seen = int(set / 2 ^ i) % 2 * points[i]
                    sum += seen
                    print points[i] "\t" seen "\t" what[i] "\t\t\t\t" >file
                }
                print "END\t" sum "\t10" >file
                close(file)
            }
        }' "$LAB_DIR/$name.list"
    done
    cd "$LAB_DIR"
    line=$(sed -n "s/^\\$ \(awk -F .*passed.*\)/\1/p" "$ROOT/docs/teaching.md")
    run bash -c "$line"
    expect "the status of the guide's command" 0 "$status" "$output"
    results=(build/grades/results/*/*.tsv)
    expect "how many results it tells of" "${#results[@]}" "${#lines[@]}" docs/teaching.md
    expect "who has passed with 2 points or fewer" '' "$(awk '$2 <= 2 && $3 == "passed"' <<<"$output")" docs/teaching.md
    expect "who has failed with 8 points or more" '' "$(awk '$2 >= 8 && $3 == "failed"' <<<"$output")" docs/teaching.md
    expect "those with several behaviours that have the most points" 'selfpipe 3 shutdown 4 signalfd 3' \
        "$(for list in *.list; do echo "$(basename "$list" .list) $(cut -f 1 "$list" | sort -n | uniq -c | awk 'END { print $1 }')"; done | grep -v ' 1$' | xargs)" docs/teaching.md
    lists=(*.list)
    expect "how many have one" 11 "$((${#lists[@]} - 3))" docs/teaching.md
}

@test "the guide's two handlers for reap get what it says" {
    sed 's/(void)wait(NULL);.*/(void)waitpid(-1, NULL, WNOHANG);/' step6_sigchld/server.c >"$LAB_DIR/once.c"
    sed 's/(void)wait(NULL);.*/while (wait(NULL) > 0) continue;/' step6_sigchld/server.c >"$LAB_DIR/all.c"
    for handler in 'once 1 1 0 0 2 4' 'all 1 1 4 0 0 6'; do
        expect "the points of the handler, and their sum: ${handler%% *}" "${handler#* }" \
            "$(EX=reap SERVER=$LAB_DIR/${handler%% *}.c FORMAT=tsv UNSAFE=yes timeout 200 tools/classroom/grade 2>"$LAB_DIR/words" | cut -f 2 | xargs)" "$LAB_DIR/words"
    done
}

# a_clone NAME [FILE...]: makes what a clone of that student's repository holds, and the repository that it was cloned from.
a_clone() {
    local name=$1 file
    git init -q --bare "$LAB_DIR/$name.git"
    git clone -q "$LAB_DIR/$name.git" "$LAB_DIR/clones/$name" 2>/dev/null
    for file in "${@:2}"; do install -D /dev/stdin "$LAB_DIR/clones/$name/$file" <<<"by $name"; done
    (cd "$LAB_DIR/clones/$name" && git add -A && git commit -q --allow-empty -m begin && git push -q)
}

@test "the guide's loops over clones: the sources are copied, and no link is followed; the next hand-out is pushed, and the programs stay" {
    type -P git >/dev/null || skip_unasked "git is missing"
    export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=A GIT_COMMITTER_EMAIL=a@example.org
    mkdir "$LAB_DIR/clones"
    a_clone ada exercises/close.c exercises/reap.c exercises/notes.txt README.md
    a_clone grace README.md
    ln -s ../ada/exercises "$LAB_DIR/clones/grace/exercises"
    a_clone kurt README.md exercises/close.c
    ln -s ../../ada/exercises/reap.c "$LAB_DIR/clones/kurt/exercises/reap.c"
    cd "$LAB_DIR"
    run bash -c "$(sed -n "s/^ *\\$ \(for clone in clones.*find.*\)/\1/p" "$ROOT/docs/teaching.md")"
    expect "the status of copying" 0 "$status" "$output"
    expect "what has been copied" 'ada/close.c ada/reap.c kurt/close.c kurt/reap.c' "$(cd submissions && find . ! -type d | cut -c 3- | sort | xargs)" docs/teaching.md
    expect "where kurt's reap.c leads to" ../../ada/exercises/reap.c "$(readlink submissions/kurt/reap.c)" docs/teaching.md
    mkdir -p handout/exercises
    echo new >handout/README.md
    tar czf handout-reap.tar.gz handout
    rm clones/grace/exercises clones/kurt/exercises/reap.c
    run bash -c "$(sed -n "s/^\\$ \(for clone in clones.*tar xzf.*\)/\1/p" "$ROOT/docs/teaching.md")"
    expect "the status of handing out" 0 "$status" "$output"
    for name in ada grace kurt; do
        expect "the README in $name's repository" new "$(git -C "$name.git" show HEAD:README.md)" "$output"
    done
    expect "the program in ada's" "by ada" "$(git -C ada.git show HEAD:exercises/reap.c)" "$output"
}

# plan MINUTES: prints the rows of the guide's plan for so many minutes.
plan() {
    sed -n "/^## A plan for $1 minutes$/,/^\*\*If you fall behind/s/^| \([0-9]*-[0-9]* |\)/\1/p" docs/teaching.md
}

# shellcheck disable=SC2016 # backquotes of the document
@test "the guide's plans: a row begins where the last one ends, is as long as what is in it; exercises take what their list says" {
    for length in 90 180; do
        at=0
        while IFS= read -r row; do
            [[ $row =~ ^([0-9]+)-([0-9]+)\ \| ]]
            begin=${BASH_REMATCH[1]} end=${BASH_REMATCH[2]}
            expect "where the row $begin-$end of the plan for $length minutes begins" "$at" "$begin" docs/teaching.md
            at=$end
            sum=$(grep -oE '\([0-9]+\)' <<<"$row" | tr -d '()' | paste -sd +)
            expect "the minutes in the row $begin-$end of the plan for $length minutes" "$((end - begin))" "$((sum))" "$row"
            exercise=$(sed -nE 's/.*\*\*exercise `([a-z]+)`\*\*.*/\1/p' <<<"$row")
            if [ -n "$exercise" ]; then
                expect "the minutes of $exercise" "$(sed -nE "s/^\| [0-9]+ \| \`$exercise\` \| .* \| ([0-9]+) \|$/\1/p" docs/teaching.md)" \
                    "$(sed -nE 's/.*\*\*exercise `[a-z]+`\*\* \(([0-9]+)\).*/\1/p' <<<"$row")" docs/teaching.md
                expect_match "the hand-outs that the plan puts out up to $exercise" " $exercise " \
                    " $(plan "$length" | awk -v end="$end" '{ split($1, minute, "-") } minute[2] <= end' | grep -oE 'put out `handout-[a-z]+' | sed 's/.*-//' | xargs) " "$row"
            fi
            minute=$(sed -nE 's/.*\*\*Minute ([0-9]+): put out.*/\1/p' <<<"$row")
            expect "minute ${minute:=$begin} lies in the row $begin-$end" yes "$( ((minute >= begin && minute < end)) && echo yes)" docs/teaching.md
        done < <(plan "$length")
        expect "where the plan for $length minutes ends" "$length" "$at" docs/teaching.md
    done
}

# blocks_of LANGUAGE FILE: writes the fenced blocks of that language into LAB_DIR/block.1 and so on, and prints how many.
blocks_of() {
    awk -v language="$1" -v name="$LAB_DIR/block." '$0 ~ "^ *```" language "$" { number++; inside = 1; next }
        /^ *```$/ { inside = 0 } inside { print >(name number) } END { print number + 0 }' "$2"
}

# Prints the exercises of the guide's list.
exercises_of_guide() {
    awk -F '`' '/^\| [0-9]+ \| `[a-z]+` \|/ { print $2 }' docs/teaching.md
}

@test "the guide's workflows can be read, and its scripts are bash; each exercise that they name is one" {
    python=$(type -P /usr/bin/python3 python3 | head -n 1)
    expect "workflows in the guide: GitHub's, GitLab's" 2 "$(blocks_of yaml docs/teaching.md)" docs/teaching.md
    run "$python" -c 'import sys, yaml
job = yaml.safe_load(open(sys.argv[1]))["jobs"]["feedback"]
assert job["runs-on"] and job["steps"]
print(*job["strategy"]["matrix"]["exercise"])
job = yaml.safe_load(open(sys.argv[2]))["feedback"]
assert job["image"] and job["script"]
print(*job["parallel"]["matrix"][0]["EX"])' "$LAB_DIR/block.1" "$LAB_DIR/block.2"
    expect "the status of reading them" 0 "$status" "$output"
    exercises=" $(basename -a beyond/exercises/*/ | xargs) "
    for name in $output $(exercises_of_guide) \
        $(code_of docs/teaching.md | grep -oE '(EX=|exercises/|hard/)[a-z]+' | grep -v '/exercises' | sed 's/.*[=/]//'); do
        expect "an exercise that the guide names: $name" yes "$([[ $exercises == *" $name "* ]] && echo yes)" docs/teaching.md
    done
    expect "the exercises in the guide's list" "${exercises% }" \
        " $(exercises_of_guide | sort | xargs)" docs/teaching.md
    number=$(blocks_of bash docs/teaching.md)
    expect "scripts in the guide: Gradescope's" 2 "$number" docs/teaching.md
    for ((i = 1; i <= number; i++)); do
        run bash -n "$LAB_DIR/block.$i"
        expect "the status of bash -n on script $i" 0 "$status" "$output"
    done
}

@test "the guide's run_autograder leaves the results that Gradescope wants, also where nothing was handed in" {
    python=$(type -P /usr/bin/python3 python3 | head -n 1)
    blocks_of bash docs/teaching.md
    mkdir -p "$LAB_DIR/autograder/source" "$LAB_DIR/autograder/submission" "$LAB_DIR/autograder/results"
    ln -s "$ROOT" "$LAB_DIR/autograder/source/lab"
    AUTOGRADER=$LAB_DIR/autograder timeout 200 bash "$LAB_DIR/block.2" 2>"$LAB_DIR/words" || true
    score() { "$python" -c 'import json, sys; print(json.load(open(sys.argv[1]))["score"])' "$LAB_DIR/autograder/results/results.json"; }
    expect "the score when nothing was handed in" 0 "$(score)" "$LAB_DIR/words"
    cp step7_waitpid/server.c "$LAB_DIR/autograder/submission/mine.c"
    AUTOGRADER=$LAB_DIR/autograder timeout 200 bash "$LAB_DIR/block.2" 2>"$LAB_DIR/words" || cat "$LAB_DIR/words"
    expect_match "the score of step 7" '^10(\.0)?$' "$(score)" "$LAB_DIR/words"
}

@test "the guide's way to find equal submissions finds those that differ in comments and blanks alone" {
    mkdir -p "$LAB_DIR"/submissions/{ada,grace,kurt}
    cp step7_waitpid/server.c "$LAB_DIR/submissions/ada/reap.c"
    sed 's@^enum@/* mine */\n  enum@; s@ /\* child \*/@ // the child@' step7_waitpid/server.c >"$LAB_DIR/submissions/grace/reap.c"
    cp step6_sigchld/server.c "$LAB_DIR/submissions/kurt/reap.c"
    line=$(sed -n 's/^\$ \(for file in submissions.*\)/\1/p' docs/teaching.md)
    run bash -c "cd '$LAB_DIR' && $line"
    expect "how many submissions it lists" 3 "${#lines[@]}" "$output"
    expect "those that are equal" 'ada grace' "$(awk '{ print $1, $3 }' <<<"$output" | sort | awk '{ n[$1]++; who[$1] = who[$1] " " $2 } END { for (i in n) if (n[i] > 1) print who[i] }' |
        sed 's@ submissions/@ @g; s@/reap.c@@g; s@^ @@')" "$output"
}

@test "each tool and each file that the guide and the questions lead to is there" {
    for file in docs/teaching.md docs/questions.md; do
        while read -r target; do
            page=${target%%#*} section=${target#"$page"}
            [[ $target == http* ]] || expect "what $file leads to: $target" yes "$([ -e "docs/${page:-${file#docs/}}" ] && echo yes)" "$file"
            [ -z "$section" ] || expect "the heading in $file's link $target" "$section" \
                "$(sed -nE 's/^##+ //p' "docs/${page:-${file#docs/}}" | tr '[:upper:] ' '[:lower:]-' | tr -cd 'a-z0-9\n-' | sed 's/^/#/' | grep -xF -e "$section")" "$file"
        done < <(grep -oE '\]\([^)]+' "$file" | sed 's/](//')
        for tool in $(grep -oE '(^|[ `])tools/[a-z/._-]*[a-z]' "$file" | tr -d ' `' | sort -u); do
            expect "what $file names: $tool" yes "$([ -e "$tool" ] && echo yes)" "$file"
        done
    done
}

@test "the workflows and the container's description can be read" {
    python=$(type -P /usr/bin/python3 python3 | head -n 1)
    run "$python" -m json.tool .devcontainer/devcontainer.json
    expect "the status of json.tool on .devcontainer/devcontainer.json" 0 "$status" "$output"
    for needed in '"init": true' '"capAdd": ["SYS_PTRACE"]' '"seccomp=unconfined"' '"remoteUser": "lab"'; do
        expect "$needed in .devcontainer/devcontainer.json" 1 "$(grep -cF "$needed" .devcontainer/devcontainer.json)" .devcontainer
    done
    for file in .github/workflows/*.yml; do
        run "$python" -c 'import sys, yaml; jobs = yaml.safe_load(open(sys.argv[1]))["jobs"]
for name, job in jobs.items(): assert job["runs-on"] and job["steps"], name' "$file"
        expect "the status of reading $file" 0 "$status" "$output"
    done
}

@test "the container has what tools/deps says, by that file itself; CI's run of it is as devcontainer.json says" {
    expect "what the Dockerfile copies" tools/deps "$(sed -nE 's/^COPY ([^ ]+) .*/\1/p' .devcontainer/Dockerfile)" .devcontainer/Dockerfile
    expect "what it has that install" 'test classroom' "$(grep -oE '/tmp/deps [a-z]+' .devcontainer/Dockerfile | cut -d ' ' -f 2 | xargs)" .devcontainer/Dockerfile
    installed=" $(sed -n 's/.*--no-install-recommends //p' .devcontainer/Dockerfile) "
    packages=$(sed -n "/^    test)/,/^END/p; /^    classroom)/,/^END/p" tools/deps | awk 'NF > 5 { print $2 }' | sort -u)
    expect_match "packages that tools/deps lists" $'\nbubblewrap\n.*\nstrace\n' "$packages" tools/deps
    for package in $packages; do
        case $package in procps) continue ;; esac # before there is a shell that wants it
        expect "$package, which tools/deps lists, in the Dockerfile's own list" no \
            "$([[ $installed == *" $package "* ]] && echo yes || echo no)" .devcontainer/Dockerfile
    done
    for option in seccomp apparmor systempaths; do
        expect "$option=unconfined in both" "$(grep -o "$option=unconfined" .devcontainer/devcontainer.json)" \
            "$(grep -o "$option=unconfined" .github/workflows/ci.yml | sort -u)" "the job devcontainer"
    done
}

@test "CI: each stage has a job whose name says what it shows; Debian and Ubuntu, macOS, amd64 and arm64 are there" {
    for step in 1 2 3 4 5 6 7; do
        expect_match "the name of step $step's job" "\"step $step: [a-z, ]+\"" "$(grep "{ step: $step," .github/workflows/ci.yml)" .github/workflows/ci.yml
    done
    for runner in ubuntu-latest ubuntu-24.04-arm macos-latest macos-15-intel; do
        expect_match "a job on $runner" "runner: $runner," "$(cat .github/workflows/ci.yml)" .github/workflows/ci.yml
    done
}
