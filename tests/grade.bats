#!/usr/bin/env bats
#
# Grading: a class of thirty, each verdict of it; the reports; bad input; attacks on the grader itself.

ARTICLE_SLEEP=0
load setup
# shellcheck source=tests/classroom/class/class.bash
. "$ROOT/tests/classroom/class/class.bash"
unset EX SERVER FORMAT DIR OUT STUDENT TOOK NO_COLOR JOBS CC GRADE_SECONDS GRADE_QUIET
CLASS_FILES=$ROOT/tests/classroom

# lines FILE: makes a file of a judge's lines, with what a hostile program could have said. The last is the one behaviour
# that is there.
lines() {
    printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' \
        3 0 'A client # gets an <answer>' 'the answer' 'HTTP/1.1 200 OK\n\nHello, World!\n' \
        ']]></script><script>alert(1)</script>\x1b[31m & "x" \\ \n10 of 10\nok 1 - all\n# 1..1' 'ask it yourself: curl -i localhost:8888' \
        2 0 'A second' 'what comes' 'a very long text, that has to be put into many lines as it does not fit into one of eighty columns' \
        $'\e]0;title\a\x7f\xff\xc2\x9b31m\xe2\x80\xae\xe4\xbd\xa0\xe5\xa5\xbd' \
        "$(printf 'x%.0s' {1..200})" \
        5 5 'It goes on' '' '' '' '' >"$1"
    printf 'END\t5\t10\n' >>"$1"
}

# report FORMAT FILE...: makes a report; its words are in REPORT, its status in STATUS.
report_as() {
    STATUS=0
    tools/classroom/report "$@" >"$LAB_DIR/report" 2>"$LAB_DIR/report.err" || STATUS=$?
    REPORT=$(<"$LAB_DIR/report")
}

# asked TOOL [NAME=VALUE...]: runs a tool that is to refuse; its words and status are in WORDS and STATUS.
asked() {
    STATUS=0
    WORDS=$(env "${@:2}" "tools/classroom/$1" 2>&1 </dev/null) || STATUS=$?
}

# refuses TOOL PATTERN [NAME=VALUE...]: does it say so, in one line, with status 2?
refuses() {
    asked "$1" "${@:3}"
    expect "status of $1 ${*:3}" 2 "$STATUS" "$WORDS"
    expect "lines that it says" 1 "$(wc -l <<<"$WORDS")" "$WORDS"
    expect_match "what it says" "^$1: .*$2" "$WORDS" "tools/classroom/$1"
}

# stub SCRIPT: makes $LAB_DIR/tree, where the tools are ours, but the sandbox is that script.
stub() {
    mkdir -p "$LAB_DIR/tree/tools" "$LAB_DIR/tree/beyond"
    cp -r tools/classroom tools/*.bash "$LAB_DIR/tree/tools/"
    cp -r beyond/exercises "$LAB_DIR/tree/beyond/"
    # shellcheck disable=SC2016
    printf '#!/usr/bin/env bash\nif [ "$1" = --missing ]; then exit 0; fi\n%s\n' "$1" >"$LAB_DIR/tree/tools/classroom/sandbox"
}

# python CODE ARGUMENT...: runs it, for what it prints.
python() {
    python3 -I -c "$@"
}

# --- the class -----------------------------------------------------------------------------------

@test "a class of thirty is graded in one command, in under five minutes: each verdict right, each explanation apt" {
    local begin student exercise points pattern wrong='' lines took load
    make_class "$LAB_DIR/class" >"$LAB_DIR/made" || expect "the edits" "each changes something" "$(<"$LAB_DIR/made")" tests/classroom/class
    expect "programs in the table" 30 "$(grep -vc '^#' "$CLASS_FILES/class/expected.tsv")" tests/classroom/class/expected.tsv
    begin=$(now)
    run env DIR="$LAB_DIR/class" OUT="$LAB_DIR/grades" tools/classroom/grade-all
    expect "its status" 0 "$status" "$output"
    expect_match "its last words but one" '^30 programs of 30 students: 5 with all points, 25 without, in ' "${lines[-2]}" "$output"
    # (Where many others run meanwhile, and the load is more than twice what this makes, nothing can be said of its time.)
    took=$((($(now) - begin) / 1000000))
    read -r _ load _ </proc/loadavg
    if ((${load%.*} < 2 * ($(nproc) + 1))); then
        expect "under five minutes: it took $took s, at a load of $load" yes "$( ((took < 300)) && echo yes || echo no)" "which one takes so long? $output"
    fi
    while IFS=$'\t' read -r student exercise points pattern; do
        [[ $student != '#'* ]] || continue
        lines=$LAB_DIR/grades/results/$student/$exercise.tsv
        if [ ! -e "$lines" ]; then
            wrong+="$student: there is no $exercise.tsv"$'\n'
            continue
        fi
        if [ "$(tail -n 1 "$lines")" != $'END\t'"$points"$'\t10' ] || ! grep -Eq -- "$pattern" "$lines"; then
            wrong+="$student is to get $points, with $pattern:"$'\n'$(<"$lines")$'\n'
        fi
        # never a bare "failed"
        wrong+=$(awk -F '\t' -v student="$student" '$1 != "END" && $2 != $1 && ($4 == "" || $5 == "" || $6 == "" || $7 == "") {
            print student ": something is not explained: " $0 }' "$lines")
        expect "what of $student is in the table of the class" "$points" \
            "$(python 'import csv, sys; print(next(int(row["total"]) for row in csv.DictReader(open(sys.argv[1], newline="")) if row["student"] == sys.argv[2]))' \
                "$LAB_DIR/grades/grades.csv" "$student")" "$LAB_DIR/grades/grades.csv"
        expect_match "the page of $student" "<h1>$student</h1>.*$points of 10 points" "$(<"$LAB_DIR/grades/$student.html")" "page in tools/classroom/report.py"
        xmllint --noout --schema "$CLASS_FILES/junit.xsd" "${lines%.tsv}.xml" 2>"$LAB_DIR/xml" ||
            wrong+="$student: $(<"$LAB_DIR/xml")"
        expect "the score for Gradescope of $student" "$points" \
            "$(python 'import json, sys; print(json.load(open(sys.argv[1]))["score"])' "${lines%.tsv}.json")" "$lines"
    done <"$CLASS_FILES/class/expected.tsv"
    expect "wrong verdicts" '' "$wrong" "tests/classroom/class"
}

# --- the reports ---------------------------------------------------------------------------------

@test "terminal: 80 columns, what was expected, seen, to be tried next; no byte of the program's drives the terminal" {
    lines "$LAB_DIR/reap.tsv"
    report_as terminal "$LAB_DIR/reap.tsv"
    expect "its status" 0 "$STATUS" "$(<"$LAB_DIR/report.err")"
    expect "lines of more than 80 columns" '' "$(grep -E '^.{81}' "$LAB_DIR/report")" "put in tools/classroom/report"
    expect "control characters" '' "$(LC_ALL=C grep -n $'[\x01-\x08\x0b-\x1f\x7f]' "$LAB_DIR/report")" "shown in tools/classroom/report"
    expect_match "the heading" '^Exercise 6, reap: ' "$REPORT" title_of
    expect_match "what is missing" $'  0 of 3   A client # gets an <answer>\n           looked at  the answer\n           expected   \| HTTP/1.1 200 OK\n' "$REPORT" put
    expect_match "each line of the program's has a mark before it" $'\n                      \| 10 of 10\n                      \| ok 1 - all\n' "$REPORT" put
    expect_match "bytes that are no text" 'seen       \\x1b\]0;title\\x07\\x7f\\xff\\xc2\\x9b31m\\xe2\\x80\\xae' "$REPORT" shown
    expect_match "what is there" $'\n  5 of 5   It goes on\n\n5 of 10 points\\.' "$REPORT" report
    LC_ALL=C.UTF-8 report_as terminal "$LAB_DIR/reap.tsv"
    expect_match "where the terminal knows them, signs are shown; not such as turn the direction" 'e2.x80.xae你好' "$REPORT" signs
}

@test "terminal, page: a reason that is the one before is not told again" {
    {
        printf '%s\t0\t%s\tthe start\ta first line\tnothing\tstart it\n' 3 'One' 2 'Two' 4 'Three'
        printf '1\t0\tFour\tthe start\ta first line\tsomething\tstart it\nEND\t0\t10\n'
    } >"$LAB_DIR/reap.tsv"
    report_as terminal "$LAB_DIR/reap.tsv"
    expect_match "the second and the third" $'start it\n  0 of 2   Two\n           for the same reason\n  0 of 4   Three\n           for the same reason\n  0 of 1   Four\n           looked at' \
        "$REPORT" report
    report_as page "$LAB_DIR/reap.tsv"
    expect "reasons, and references to one" "2 2" "$(grep -c '<dl>' "$LAB_DIR/report") $(grep -c 'For the same reason' "$LAB_DIR/report")" "page in report.py"
}

@test "terminal: without python; in colour on a terminal only, and not where NO_COLOR is set" {
    lines "$LAB_DIR/reap.tsv"
    only_tools "$LAB_DIR/bin" bash env awk cat mktemp rm
    PATH=$LAB_DIR/bin report_as terminal "$LAB_DIR/reap.tsv"
    expect_match "the last line, where there is no python" '5 of 10 points' "$REPORT" "$(<"$LAB_DIR/report.err")"
    PATH=$LAB_DIR/bin report_as junit "$LAB_DIR/reap.tsv"
    expect_match "the word about python" '^report: python3 is missing: make deps-classroom' "$(<"$LAB_DIR/report.err")" report
    report_as terminal "$LAB_DIR/reap.tsv"
    expect "escapes, in a file" '' "$(grep -n $'\e' "$LAB_DIR/report")" report
    expect_match "colours, on a terminal" $'\e\\[31m  0 of 3 \e\\[0m' \
        "$(TERM=xterm script -qec "tools/classroom/report terminal $LAB_DIR/reap.tsv" /dev/null </dev/null)" report
    expect "escapes, with NO_COLOR" '' \
        "$(NO_COLOR=1 TERM=xterm script -qec "tools/classroom/report terminal $LAB_DIR/reap.tsv" /dev/null </dev/null | grep $'\e')" report
}

@test "tap: version 13, a plan that is right, diagnostics that a program cannot forge" {
    lines "$LAB_DIR/reap.tsv"
    STUDENT=$'x\nok 9 - forged' report_as tap "$LAB_DIR/reap.tsv" "$LAB_DIR/reap.tsv"
    expect "the first two lines" $'TAP version 13\n1..6' "$(head -n 2 "$LAB_DIR/report")" report
    expect "the tests" $'not ok 1\nnot ok 2\nok 3\nnot ok 4\nnot ok 5\nok 6' "$(grep -oE '^(not )?ok [0-9]+' "$LAB_DIR/report")" report
    expect "a # would begin a directive" 'not ok 1 - reap: A client \# gets an <answer>' "$(grep '^not ok 1 ' "$LAB_DIR/report")" description
    expect "lines that are neither tests nor within a block of diagnostics" '' \
        "$(sed '1,2d' "$LAB_DIR/report" | grep -vE '^(not )?ok |^  |^# student: ')" report
    expect_match "the diagnostics" $'\n  expected: "HTTP/1.1 200 OK\\\\\\\\n' "$REPORT" quoted
    expect "what each string says, as YAML (and JSON) has it" "']]></script><script>alert(1)</script>\\\\x1b[31m & \"x\" \\\\\\\\ \\\\n10 of 10\\\\nok 1 - all\\\\n# 1..1'" \
        "$(sed -n 's/^  seen: //p' "$LAB_DIR/report" | head -n 1 | python 'import json, sys; print(repr(json.loads(sys.stdin.read())))')" quoted
}

@test "junit: valid against the schema, counts that are right, hostile words as text" {
    lines "$LAB_DIR/reap.tsv"
    TOOK=2.5 STUDENT='<b> & "c"' report_as junit "$LAB_DIR/reap.tsv"
    xmllint --noout --schema "$CLASS_FILES/junit.xsd" "$LAB_DIR/report" 2>"$LAB_DIR/xml" ||
        expect "the schema's word" '' "$(<"$LAB_DIR/xml")" "junit in tools/classroom/report.py"
    expect "tests, failures, cases, failures among them" '3 2 3 2 2.500' "$(xmllint --xpath \
        'concat(/testsuites/@tests, " ", /testsuites/testsuite/@failures, " ", count(//testcase), " ", count(//failure), " ", /testsuites/@time)' "$LAB_DIR/report")" junit
    expect_match "the hostile words, read back" 'seen: +\| \]\]></script><script>alert\(1\)</script>.x1b\[31m & "x"' \
        "$(xmllint --xpath 'string(//failure[1])' "$LAB_DIR/report")" "escape in junit"
    expect "the student" '<b> & "c"' "$(xmllint --xpath 'string(//property[@name="student"]/@value)' "$LAB_DIR/report")" junit
    # the schema tells: one that is wrong is not valid
    sed -i 's/ failures="2"/ failures="two"/' "$LAB_DIR/report"
    run xmllint --noout --schema "$CLASS_FILES/junit.xsd" "$LAB_DIR/report"
    expect "the schema's status for a wrong one" 3 "$status" "$output"
}

@test "gradescope: results.json as its documentation has it" {
    lines "$LAB_DIR/reap.tsv"
    TOOK=2.5 report_as gradescope "$LAB_DIR/reap.tsv"
    expect "what there is" "5 2.5 3 10 failed,failed,passed 0,0,5 3,2,5 visible" "$(python '
import json, sys
found = json.load(open(sys.argv[1]))
tests = found["tests"]
assert found["output_format"] == "text" and found["stdout_visibility"] == "hidden" and found["visibility"] == "visible", found
assert all(isinstance(test["output"], str) and test["output_format"] == "text" and test["name"] for test in tests), tests
assert "</script>" in tests[0]["output"] and "try next:  ask it yourself" in tests[0]["output"], tests[0]["output"]
assert not any(ord(sign) < 32 and sign != "\n" for test in tests for sign in test["output"]), tests
print(found["score"], found["execution_time"], len(tests), sum(test["max_score"] for test in tests),
      ",".join(test["status"] for test in tests), ",".join(str(test["score"]) for test in tests),
      ",".join(str(test["max_score"]) for test in tests), *set(test["visibility"] for test in tests))' "$LAB_DIR/report")" "gradescope in report.py"
}

@test "csv: a line for each exercise, which a spreadsheet takes for no formula" {
    local name
    lines "$LAB_DIR/reap.tsv"
    for name in '=cmd()' '+1' '-1' '@x' ' =1' 'a"b,c'; do
        STUDENT=$name report_as csv "$LAB_DIR/reap.tsv"
        expect "the line, read back" "$( [ "$name" = 'a"b,c' ] || echo \')$name|reap|5|10|A client # gets an <answer>; A second" \
            "$(python 'import csv, sys; print("|".join(list(csv.reader(open(sys.argv[1], newline="")))[1]))' "$LAB_DIR/report")" "cell in report.py"
    done
}

@test "page: one file, without scripts, that a program cannot add to" {
    lines "$LAB_DIR/reap.tsv"
    STUDENT='<i>Ada</i>' report_as page "$LAB_DIR/reap.tsv" "$LAB_DIR/reap.tsv"
    python '
import html.parser, sys
class Reader(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.text, self.seen = [], "", set()
    def handle_starttag(self, tag, attributes):
        self.seen.add(tag)
        if tag not in ("meta",): self.open.append(tag)
        for name, value in attributes:
            assert name in ("lang", "charset", "http-equiv", "content", "name", "class", "id", "href", "scope", "aria-hidden", "aria-labelledby"), name
            assert name != "href" or value.startswith("#"), value
    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag
    def handle_data(self, data):
        if "style" not in self.open: self.text += data
reader = Reader()
page = open(sys.argv[1], encoding="utf-8").read()
reader.feed(page)
assert not reader.open, reader.open
assert not reader.seen & {"script", "img", "link", "iframe", "i", "b", "answer"}, reader.seen
assert "]]></script><script>alert(1)</script>\\x1b[31m" in reader.text, reader.text
assert "<i>Ada</i>" in reader.text and "10 of 20 points" in reader.text and "ask it yourself" in reader.text, reader.text
assert "default-src" in page and "prefers-color-scheme: dark" in page and "lang=\"en\"" in page
assert not any(ord(sign) < 32 and sign != "\n" or ord(sign) in (127, 0x9b, 0x202e) for sign in page)' "$LAB_DIR/report" 2>"$LAB_DIR/wrong" ||
        expect "the page" "closed elements, no scripts, hostile words as text" "$(tail -n 1 "$LAB_DIR/wrong")" "page in report.py"
}

@test "report: lines that are not complete, or do not agree with each other, are no report" {
    local case
    lines "$LAB_DIR/good"
    broken() { # PATTERN SED-SCRIPT
        sed -E "$2" "$LAB_DIR/good" >"$LAB_DIR/reap.tsv"
        report_as terminal "$LAB_DIR/reap.tsv"
        expect "the status after $2" 2 "$STATUS" "$REPORT"
        expect_match "the reason after $2" "^report: .*$1" "$(<"$LAB_DIR/report.err")" complaint
        expect "a report after $2" '' "$REPORT" report
    }
    # shellcheck disable=SC2016 # $ is sed's
    {
        broken 'no last line, END' '$d'
        broken 'END, does not agree' '$s/5/6/'
        broken 'END, does not agree' '$s/10/11/'
        broken 'something follows' '$s/$/\nEND\t5\t10/'
    }
    broken 'END, does not agree' '1s/^/END\t0\t0\n/'
    broken 'gives 4 of 5 points' '3s/5\t5/5\t4/'
    broken 'gives 9 of 5 points' '3s/5\t5/5\t9/'
    broken 'has 8 fields' '2s/$/\tx/'
    broken 'END, does not agree' '1,3d'
    : >"$LAB_DIR/good"
    broken 'no last line, END' ''
    run tools/classroom/report prose
    expect "an unknown format" "2 report: there is no format 'prose': terminal, tap, junit, gradescope, csv, page or tsv" "$status $output" report
}

# --- grade ---------------------------------------------------------------------------------------

@test "grade: all points are status 0; a program and its source are the same to it" {
    run env EX=reap SERVER=step7_waitpid/server.c GRADE_QUIET=yes tools/classroom/grade
    expect "status" 0 "$status" "$output"
    expect "the last line" 'All 10 points.' "${lines[-1]}" "$output"
    "${CC:-cc}" -o "$LAB_DIR/a program" step7_waitpid/server.c
    run env EX=reap SERVER="$LAB_DIR/a program" FORMAT=tap GRADE_QUIET=yes tools/classroom/grade
    expect "status of the program" 0 "$status" "$output"
    expect "what is not ok" '' "$(grep '^not ok' <<<"$output")" "$output"
    # what make does not say, the directory does: a relative name is that of the caller
    cp step7_waitpid/server.c "$LAB_DIR/mine.c"
    run env -C "$LAB_DIR" EX=reap SERVER=./mine.c FORMAT=csv GRADE_QUIET=yes "$ROOT/tools/classroom/grade"
    expect_match "the line of csv" $'\n,reap,10,10,' "$output" "$output"
}

@test "grade: a hostile server's words, in each format; points are missing, so status 1" {
    local format
    sed 's/Hello, World!/]]><\/script>\\033[31m\&amp;\\n10 of 10\\nok 1 - all/' step7_waitpid/server.c >"$LAB_DIR/hostile.c"
    run env EX=reap SERVER="$LAB_DIR/hostile.c" FORMAT=tsv GRADE_QUIET=yes tools/classroom/grade
    expect "status" 1 "$status" "$output"
    printf '%s\n' "$output" >"$LAB_DIR/reap.tsv"
    expect_match "what was seen" $'\t[^\t]*\]\]></script>.x1b\[31m&amp;.n10 of 10.nok 1 - all' "$output" "$output"
    for format in terminal tap junit gradescope csv page; do
        report_as "$format" "$LAB_DIR/reap.tsv"
        expect "status as $format" 0 "$STATUS" "$(<"$LAB_DIR/report.err")"
        expect "escapes in $format" '' "$(grep -n $'\e' "$LAB_DIR/report")" report
        [ "$format" = page ] || # has elements instead of lines
            expect "forged lines in $format" '' "$(grep -nE '^ *(10 of 10|ok 1 - all)' "$LAB_DIR/report")" report
    done
}

@test "grade: bad input is one clear line, and status 2" {
    echo 'int main(void) { return 0; }' >"$LAB_DIR/source"
    mkdir "$LAB_DIR/folder"
    refuses grade 'which exercise\? Type: make grade EX=reap SERVER=./mine; EX is one of: .*close.*reap'
    refuses grade 'there is no exercise EX=rep; EX is one of: .*close.*reap' EX=rep SERVER=x
    refuses grade 'there is no exercise EX=../reap; ' EX=../reap SERVER=x
    refuses grade 'there is no exercise EX=' EX="reap close" SERVER=x
    refuses grade 'which program\? Type: make grade EX=reap SERVER=./mine' EX=reap
    refuses grade 'there is no file SERVER=./none, or you may not see it: ' EX=reap SERVER=./none
    refuses grade 'is not a file: ' EX=reap SERVER="$LAB_DIR/folder"
    refuses grade 'may not be executed: chmod \+x, or' EX=reap SERVER="$LAB_DIR/source"
    refuses grade 'there is no FORMAT=prose: terminal, tap, junit' EX=reap SERVER=step7_waitpid/server.c FORMAT=prose
    refuses grade 'GRADE_SECONDS=0 is not a number' EX=reap SERVER=step7_waitpid/server.c GRADE_SECONDS=0
    refuses grade "there is no compiler 'none'" EX=reap SERVER=step7_waitpid/server.c CC=none GRADE_QUIET=yes
    refuses grade 'there is no file SERVER=.*\[31m' EX=reap SERVER=$'\e[31m'
}

@test "grade: a program that cannot be built gets the compiler's words" {
    built() { # PATTERN, source on standard input
        cat >"$LAB_DIR/mine.c"
        run env EX=reap SERVER="$LAB_DIR/mine.c" FORMAT=tsv GRADE_QUIET=yes tools/classroom/grade
        expect "status" 1 "$status" "$output"
        expect "the last line" $'END\t0\t10' "${lines[-1]}" "$output"
        expect_match "the reason" "$1" "${lines[0]}" "first_errors in grade"
        expect "what is left in the directory for temporary files" '' "$(ls "$TMPDIR")" "close in grade"
    }
    mkdir "$LAB_DIR/tmp"
    export TMPDIR=$LAB_DIR/tmp
    built $'the compiler says\tno error from: [a-z]+ -std=c11 .*\tserver.c:3:.*error:' <<<$'int main(void)\n{ int unused;\n  return 0 }'
    built 'undefined reference to .main' <<<'int port;'
    built '0 bytes: it is empty' </dev/null
    # attacks on the compiler: for files that it should not see, without end, or that grow without end
    built 'error:.*/etc/shadow' <<<'#include "/etc/shadow"'
    built 'error:.*No such file' <<<"#include \"$ROOT/step7_waitpid/server.c\""
    built 'error:.*No such file' <<<"#include \"$ROOT/tests/grade.bats\""
    built 'the program can be built' <<<'#include "/dev/zero"'
    built 'the program can be built' <<<'#include "/dev/stdin"'
    built 'error:.*nested' <<<'#include __FILE__'
    built 'the program can be built' < <(
        echo '#define A0 "0123456789abcdef"'
        for i in {1..40}; do echo "#define A$i A$((i - 1)) A$((i - 1))"; done
        echo 'const char text[] = A40; int main(void) { return 0; }'
    )
    built 'the size of what the compiler makes.*4 MiB at most' <<<'char large[5 << 20] = {1}; int main(void) { return large[0]; }'
    # what looks like a word of the sandbox's, and what would leave no reason
    built 'the compiler says.*bwrap: x:1:.*error' <<<$'#line 1 "bwrap: x"\nint main(void) { return nothing; }'
    built 'the compiler says.* x:1:.*error' <<<$'#line 1 " x"\nint main(void) { return nothing; }'
    built 'the size of what the compiler makes|the compiler says' <<<'char large[1 << 30] = {1}; int main(void) { return large[0]; }'
    built $'a size that a server may have\t.*\t16 MiB at most\tmore' < <(yes '/* x */' | head -c 17000000)
}

@test "grade: a judging without an end is 0 points, and says why" {
    ended() { # PATTERN SCRIPT-OF-THE-SANDBOX
        stub "$2"
        run env EX=reap SERVER=/bin/true FORMAT=tsv GRADE_SECONDS=2 "$LAB_DIR/tree/tools/classroom/grade"
        expect "status with $2" 1 "$status" "$output"
        expect "the last line with $2" $'END\t0\t10' "${lines[-1]}" "$output"
        expect_match "the reason with $2" "the judging comes to its end.*$1" "${lines[0]}" "$output"
    }
    local good="printf '10\\t10\\tIt answers\\t\\t\\t\\t\\n'"
    ended 'status 137, signal KILL, before the end' "$good; kill -KILL \$\$"
    ended 'signal SEGV' "$good; printf 'END\\t10\\t10\\n'; kill -SEGV \$\$"
    ended 'it was not done after 2 s' "$good; echo 'sandbox: it was not done after 2 s, so it was ended' >&2; exit 124"
    ended 'no last line, END' "$good; exit 0"
    ended 'no last line, END' "exit 0"
    ended 'does not agree with its lines' "$good; printf 'END\\t10\\t10\\n'; exit 1"
    ended 'something follows its last line' "$good; printf 'END\\t10\\t10\\nEND\\t10\\t10\\n'; exit 0"
    # that the judge cannot judge is no fault of the program's
    stub 'echo "judge: there is no /proc" >&2; exit 2'
    run env EX=reap SERVER=/bin/true "$LAB_DIR/tree/tools/classroom/grade"
    expect "what is said, and the status, where the judge could not" $'judge: there is no /proc\ngrade: so reap could not be judged 2' \
        "$output $status" "$output"
    # and the stub is one that can be passed
    stub "$good; printf 'END\\t10\\t10\\n'"
    run env EX=reap SERVER=/bin/true "$LAB_DIR/tree/tools/classroom/grade"
    expect "the status of a right one" 0 "$status" "$output"
}

@test "grade: says which protection is missing, on standard error" {
    stub "printf '10\\t10\\tIt answers\\t\\t\\t\\t\\nEND\\t10\\t10\\n'"
    sed -i 's/then exit 0; fi/then echo "no other user"; exit 0; fi/' "$LAB_DIR/tree/tools/classroom/sandbox"
    EX=reap SERVER=/bin/true "$LAB_DIR/tree/tools/classroom/grade" >"$LAB_DIR/out" 2>"$LAB_DIR/err"
    expect "what is on standard error" "grade: no other user" "$(<"$LAB_DIR/err")" "sandbox --missing"
    EX=reap SERVER=/bin/true GRADE_QUIET=yes "$LAB_DIR/tree/tools/classroom/grade" >"$LAB_DIR/out" 2>"$LAB_DIR/err"
    expect "the same, quiet" '' "$(<"$LAB_DIR/err")" grade
}

@test "grade: run by an ordinary user, it gives a right program its points" {
    local user=() uid
    mkdir -m 777 "$LAB_DIR/tmp"
    if ((EUID == 0)); then
        uid=$(id -u lab 2>/dev/null || echo 47110)
        user=(setpriv --reuid "$uid" --regid "$uid" --clear-groups)
    fi
    # a tree that this user may read, wherever ours is, with a blank in its path
    local tree="$LAB_DIR/a tree"
    mkdir "$tree" "$tree/beyond"
    cp -r tools "$tree/"
    cp -r beyond/exercises "$tree/beyond/"
    cp step7_waitpid/server.c "$tree/mine.c"
    chmod -R a+rX "$tree"
    chmod a+x "$LAB_DIR"
    run "${user[@]}" env TMPDIR="$LAB_DIR/tmp" HOME=/nonexistent EX=reap SERVER="$tree/mine.c" "$tree/tools/classroom/grade"
    expect "status" 0 "$status" "$output"
    expect "the last line" 'All 10 points.' "${lines[-1]}" "$output"
    expect "what is left behind" '' "$(ls "$LAB_DIR/tmp")" "close in grade"
    # the class, too
    mkdir -p "$LAB_DIR/class/ada"
    cp step7_waitpid/server.c "$LAB_DIR/class/ada/reap.c"
    run "${user[@]}" env TMPDIR="$LAB_DIR/tmp" HOME=/nonexistent DIR="$LAB_DIR/class" OUT="$LAB_DIR/tmp/grades" "$tree/tools/classroom/grade-all"
    expect "status of the class" 0 "$status" "$output"
    expect_match "the table" $'student,reap,total\r\nada,10,10' "$(<"$LAB_DIR/tmp/grades/grades.csv")" "$output"
}

# --- a class -------------------------------------------------------------------------------------

@test "grade-all: bad input is one clear line, and status 2" {
    mkdir -p "$LAB_DIR/none" "$LAB_DIR/class/ada" "$LAB_DIR/other/bob"
    : >"$LAB_DIR/class/ada/reap.c"
    refuses grade-all 'where are the submissions\? Type: make grade-all DIR=submissions'
    refuses grade-all 'there is no folder DIR=/nonexistent: it is to hold' DIR=/nonexistent
    refuses grade-all 'there is no folder DIR=Makefile: ' DIR=Makefile
    refuses grade-all 'FORMAT is for make grade: ' DIR="$LAB_DIR/class" FORMAT=tap
    refuses grade-all 'there is no folder of a student' DIR="$LAB_DIR/none" OUT="$LAB_DIR/out"
    refuses grade-all 'no student .* has handed in an exercise: ' DIR="$LAB_DIR/other" OUT="$LAB_DIR/out"
    refuses grade-all 'no student .* has handed in close: close.c' DIR="$LAB_DIR/class" EX=close OUT="$LAB_DIR/out"
    refuses grade-all 'there is no exercise EX=rep; ' DIR="$LAB_DIR/class" EX=rep OUT="$LAB_DIR/out"
    refuses grade-all 'JOBS=none is not a number' DIR="$LAB_DIR/class" JOBS=none OUT="$LAB_DIR/out"
    refuses grade-all 'lies among the submissions' DIR="$LAB_DIR/class" OUT="$LAB_DIR/class/out"
    refuses grade-all 'cannot be written into OUT=' DIR="$LAB_DIR/class" OUT=/proc/out
    refuses grade-all 'cannot be written into OUT=' DIR="$LAB_DIR/class" OUT=/proc
}

@test "grade-all: names may be anything, links out of a folder are not followed, what is no file or too large is refused" {
    local class=$LAB_DIR/class name hostile
    # shellcheck disable=SC2016 # a name is not to be expanded
    hostile=('-rf' 'a b' "it's \"q\"" $'new\nline' '=cmd()' '$(touch x)' '*' $'\e[31m' $'\xff' 'grades' 'results' "$(printf 'n%.0s' {1..255})")
    stub "case \$* in *'/bin/sh -c'*) printf B; cat /bin/true;; *) printf '10\\t10\\tIt answers\\t\\t\\t\\t\\nEND\\t10\\t10\\n';; esac"
    mkdir -p "$class/.hidden"
    for name in "${hostile[@]}"; do
        mkdir "$class/$name"
        cp /bin/true "$class/$name/reap"
    done
    echo 'a secret' >"$LAB_DIR/secret"
    mkdir "$LAB_DIR/elsewhere" "$class/link" "$class/linked-folder" "$class/pipe" "$class/large" "$class/text" "$class/nothing" "$class/folder"
    echo 'a secret' | tee "$LAB_DIR/elsewhere/reap.c" >"$LAB_DIR/elsewhere/server.c"
    ln -s "$LAB_DIR/secret" "$class/link/reap.c"
    ln -s "$LAB_DIR/elsewhere" "$class/linked-folder/reap"
    ln -s ../elsewhere "$class/linked-student"
    ln -s /nonexistent "$class/link/close.c"
    mkfifo "$class/pipe/reap.c"
    truncate -s 1T "$class/large/reap"
    chmod +x "$class/large/reap"
    echo text >"$class/text/reap"
    mkdir -p "$class/folder/reap"
    cp /bin/true "$class/folder/reap/server.c"
    run env DIR="$class" OUT="$LAB_DIR/out" "$LAB_DIR/tree/tools/classroom/grade-all"
    expect "status" 0 "$status" "$output"
    expect "lines that drive a terminal" '' "$(grep $'\e' <<<"$output")" visible
    expect_match "the summary" '^20 programs of 19 students: 13 with all points, 7 without, ' "${lines[-2]}" "$output"
    for name in "${hostile[@]:0:11}"; do
        expect "the results of $(printf %q "$name")" $'END\t10\t10' "$(tail -n 1 "$LAB_DIR/out/results/$name/reap.tsv")" "$output"
        expect "the page of $(printf %q "$name")" yes "$([ -s "$LAB_DIR/out/$name.html" ] && echo yes || echo no)" "$output"
    done
    why() {
        expect_match "why $1 gets nothing" "$2" "$(<"$LAB_DIR/out/results/$1/$3.tsv")" "look in grade-all"
        expect "what $1 gets" $'END\t0\t10' "$(tail -n 1 "$LAB_DIR/out/results/$1/$3.tsv")" "look in grade-all"
    }
    why link $'\ta symbolic link to ' reap
    why link $'\ta symbolic link to /nonexistent' close
    why linked-folder $'\ta folder that is a symbolic link to ' reap
    why linked-student $'\ta folder that is a symbolic link to ../elsewhere' reap
    why pipe $'\tsomething that is no file: fifo' reap
    why large $'\t16 MiB at most\tmore' reap
    why text $'\ta file that may not be executed' reap
    expect "who tells the secret" '' "$(grep -rl 'a secret' "$LAB_DIR/out")" grade-all
    expect "files of a student's making" '' "$(find "$LAB_DIR/out" "$LAB_DIR/tree" -name x)" grade-all
    expect "the table, read back" "['student', 'close', 'reap', 'total'] 20" "$(python 'import csv, sys
rows = list(csv.reader(open(sys.argv[1], newline="", encoding="utf-8")))
names = [row[0] for row in rows[1:]]
assert all(len(row) == 4 for row in rows), rows
assert not any(name.startswith(tuple("=+-@")) for name in names), names
assert "\x27=cmd()" in names and "\x27-rf" in names and "new\\x0aline" in names and "\\xff" in names and "\\x1b[31m" in names, names
found = {row[0]: row[1:] for row in rows[1:]}
assert found["link"] == ["0", "0", "0"] and found["a b"] == ["", "10", "10"] and found["nothing"] == ["", "", ""], found
print(rows[0], len(names))' "$LAB_DIR/out/grades.csv" 2>&1)" "$LAB_DIR/out/grades.csv"
    expect "who else may read the results" '' "$(find "$LAB_DIR/out" -mindepth 1 -perm /077)" "umask in grade-all"
    expect "what is left of the work" '' "$(find "$LAB_DIR/out" -name '.*')" "close in grade-all"
}

@test "grade-all: running again overwrites; one exercise alone; what could not be judged is said, status 2" {
    mkdir -p "$LAB_DIR/class/ada" "$LAB_DIR/class/bob"
    cp /bin/true "$LAB_DIR/class/ada/reap"
    cp /bin/true "$LAB_DIR/class/ada/close"
    cp /bin/true "$LAB_DIR/class/bob/reap"
    stub "printf '10\\t10\\tIt answers\\t\\t\\t\\t\\nEND\\t10\\t10\\n'"
    run env DIR="$LAB_DIR/class" OUT="$LAB_DIR/out" "$LAB_DIR/tree/tools/classroom/grade-all"
    expect "the table" $'student,close,reap,total\r\nada,10,10,20\r\nbob,,10,10\r' "$(<"$LAB_DIR/out/grades.csv")" "$output"
    expect "plain lines, where there is no terminal" 3 "$(grep -cE '^[1-3] of 3  (ada|bob)  (close|reap)  10 of 10$' <<<"$output")" "$output"
    stub "case \$* in *close*) exit 2;; esac; printf '10\\t0\\tIt answers\\twhat\\texpected\\tseen\\tnext\\nEND\\t0\\t10\\n'; exit 1"
    run env DIR="$LAB_DIR/class" OUT="$LAB_DIR/out" EX=reap "$LAB_DIR/tree/tools/classroom/grade-all"
    expect "status with EX=reap" 0 "$status" "$output"
    expect "the table with EX=reap: what is known of close stays" $'student,close,reap,total\r\nada,10,0,10\r\nbob,,0,0\r' \
        "$(<"$LAB_DIR/out/grades.csv")" "know in grade-all"
    expect_match "the page" '10 of 20 points' "$(<"$LAB_DIR/out/ada.html")" "know in grade-all"
    expect_match "another page" '0 of 10 points' "$(<"$LAB_DIR/out/bob.html")" "$output"
    cp /bin/false "$LAB_DIR/class/ada/close"
    touch -d 2020-01-01 "$LAB_DIR/class/ada/close"
    run env DIR="$LAB_DIR/class" OUT="$LAB_DIR/out" EX=reap "$LAB_DIR/tree/tools/classroom/grade-all"
    expect "the table, when a program is another one than that of which something is known" $'student,reap,total\r\nada,0,0\r\nbob,0,0\r' \
        "$(<"$LAB_DIR/out/grades.csv")" "know in grade-all"
    run env DIR="$LAB_DIR/class" OUT="$LAB_DIR/out" "$LAB_DIR/tree/tools/classroom/grade-all"
    expect "status where one could not be judged" 2 "$status" "$output"
    expect_match "the word about it" 'ada  close  not judged: grade: so close could not be judged' "$output" "$output"
    expect_match "the summary" '3 programs of 2 students: 0 with all points, 2 without, 1 could not be judged' "$output" "$output"
    expect "the table" $'student,close,reap,total\r\nada,,0,0\r\nbob,,0,0\r' "$(<"$LAB_DIR/out/grades.csv")" "$output"
}

@test "grade-all: the students' folder exercises will do; of whom there is nothing to judge is said, and what there is" {
    mkdir -p "$LAB_DIR/class/ada/exercises" "$LAB_DIR/class/bob" "$LAB_DIR/class/eve" "$LAB_DIR/class/joe" "$LAB_DIR/elsewhere"
    echo 'int main(void) { return 0; }' | tee "$LAB_DIR/class/ada/exercises/reap.c" "$LAB_DIR/class/bob/server.c" \
        "$LAB_DIR/class/bob/Reap.c" "$LAB_DIR/class/eve.c" >"$LAB_DIR/elsewhere/reap.c"
    ln -s "$LAB_DIR/elsewhere" "$LAB_DIR/class/joe/exercises"
    stub "case \$* in *'/bin/sh -c'*) printf B; cat /bin/true;; *) printf '10\\t10\\tIt answers\\t\\t\\t\\t\\nEND\\t10\\t10\\n';; esac"
    run env DIR="$LAB_DIR/class" OUT="$LAB_DIR/out" "$LAB_DIR/tree/tools/classroom/grade-all"
    expect "status" 0 "$status" "$output"
    expect "the table" $'student,reap,total\r\nada,10,10\r\nbob,,\r\neve,,\r\njoe,0,0\r' "$(<"$LAB_DIR/out/grades.csv")" "$output"
    expect_match "why a folder that is a link gives nothing" $'\ta folder that is a symbolic link to ' "$(<"$LAB_DIR/out/results/joe/reap.tsv")" look
    expect "of whom there is nothing" $'bob  no exercise handed in: in the folder is Reap.c, server.c\neve  no exercise handed in: in the folder is nothing\nnot in a student\'s folder, and so not judged: eve.c' \
        "$(grep -E 'no exercise|not in' <<<"$output")" tell_missing
    expect_match "the summary" '^2 programs of 2 students: 1 with all points, 1 without, ' "${lines[-2]}" "$output"
}

@test "grade-all: a program that has lost its permission to be executed is judged; a folder that may not be read is told, status 2" {
    mkdir -p "$LAB_DIR/class/ada" "$LAB_DIR/class/bob"
    cp /bin/true "$LAB_DIR/class/ada/reap"
    chmod a-x "$LAB_DIR/class/ada/reap"
    stub "printf '10\\t10\\tIt answers\\t\\t\\t\\t\\nEND\\t10\\t10\\n'"
    chmod 000 "$LAB_DIR/class/bob"
    if ((EUID == 0)); then
        # (root may read all)
        # shellcheck disable=SC2016 # for sed
        sed -i 's/\[ ! -r "$folder" \]/[ "${folder##*\/}" = bob ]/' "$LAB_DIR/tree/tools/classroom/grade-all"
    fi
    run env DIR="$LAB_DIR/class" OUT="$LAB_DIR/out" "$LAB_DIR/tree/tools/classroom/grade-all"
    chmod 700 "$LAB_DIR/class/bob"
    expect "status" 2 "$status" "$output"
    expect "the table" $'student,reap,total\r\nada,10,10\r\nbob,,\r' "$(<"$LAB_DIR/out/grades.csv")" "$output"
    expect_match "what is said" $'\nbob  not judged: the folder may not be read\n1 program of 1 student: 1 with' "$output" tell_missing
}

@test "grade-all: under sudo what it makes belongs to whoever has typed that" {
    ((EUID == 0)) || skip_unasked "an ordinary user cannot give anything away"
    mkdir -p "$LAB_DIR/class/ada" "$LAB_DIR/there"
    cp /bin/true "$LAB_DIR/class/ada/reap"
    stub "printf '10\\t10\\tIt answers\\t\\t\\t\\t\\nEND\\t10\\t10\\n'"
    run env SUDO_UID=4711 SUDO_GID=4712 DIR="$LAB_DIR/class" OUT="$LAB_DIR/there/out" "$LAB_DIR/tree/tools/classroom/grade-all"
    expect "status" 0 "$status" "$output"
    expect "what belongs to others" "$(find "$LAB_DIR/there" -maxdepth 0)" "$(find "$LAB_DIR/there" ! -user 4711 -o ! -group 4712)" "own in grade-all"
    expect "how many things there are" 10 "$(find "$LAB_DIR/there/out" | wc -l)" "$LAB_DIR/there/out"
}

@test "grade-all: on a terminal its progress is one line, that is written again" {
    mkdir -p "$LAB_DIR/class/ada" "$LAB_DIR/class/bob"
    cp /bin/true "$LAB_DIR/class/ada/reap"
    cp /bin/true "$LAB_DIR/class/bob/reap"
    stub "printf '10\\t10\\tIt answers\\t\\t\\t\\t\\nEND\\t10\\t10\\n'"
    run env DIR="$LAB_DIR/class" OUT="$LAB_DIR/out" script -qec "$LAB_DIR/tree/tools/classroom/grade-all" /dev/null
    expect_match "the line" $'\r\e\\[K0 of 2\r\e\\[K1 of 2  (ada|bob)  reap\r\e\\[K2 of 2  (ada|bob)  reap\r\e\\[K2 programs of 2 students' "$output" say_now
}

@test "grade-all: nobody reads what it says any more: it ends, and leaves nothing running" {
    mkdir -p "$LAB_DIR/class/ada" "$LAB_DIR/class/bob" "$LAB_DIR/class/eve" "$LAB_DIR/tmp"
    for student in ada bob eve; do cp /bin/true "$LAB_DIR/class/$student/reap"; done
    stub "printf '10\\t10\\tIt answers\\t\\t\\t\\t\\nEND\\t10\\t10\\n'"
    {
        code=0
        DIR=$LAB_DIR/class OUT=$LAB_DIR/out TMPDIR=$LAB_DIR/tmp JOBS=1 "$LAB_DIR/tree/tools/classroom/grade-all" 2>"$LAB_DIR/err" || code=$?
        echo "$code" >"$LAB_DIR/status"
    } | true
    expect "its status" 141 "$(<"$LAB_DIR/status")" "$(<"$LAB_DIR/err")"
    expect "what is left of files" '' "$(ls "$LAB_DIR/tmp"; find "$LAB_DIR/out" -name '.*')" "close in grade-all"
    expect_match "the table" $'student,reap,total\r\nada,10,10\r\n' "$(<"$LAB_DIR/out/grades.csv")" "close in grade-all"
}

# family PID: prints that process, and all that descend from it.
family() {
    local child
    echo "$1"
    # shellcheck disable=SC2013 # words, indeed
    for child in $(cat "/proc/$1/task/"*/children 2>/dev/null); do family "$child"; done
}
# serves PID: does a server run among them?
serves() {
    FAMILY=$(family "$1" | xargs)
    local pid name
    for pid in $FAMILY; do
        if { read -r name <"/proc/$pid/comm"; } 2>/dev/null && [ "$name" = server ]; then return 0; fi
    done
    return 1
}
all_gone() {
    local pid
    for pid; do is_gone "$pid" || return 1; done
}

# ctrl_c: ends what is in the background, the whole foreground of a terminal. (Tidying up takes some programs: where
# the machine is very busy, more than the ten seconds of interrupt.)
ctrl_c() {
    for _ in {1..12}; do
        if interrupt "-$BACKGROUND_PID" "$BACKGROUND_PID" >"$LAB_DIR/words"; then return 0; fi
    done
    cat "$LAB_DIR/words"
    return 1
}

@test "grade: ended by Ctrl-C, it leaves no process and no file behind" {
    local LAB_DEADLINE=120 # for a machine that has other things to do
    mkdir "$LAB_DIR/tmp"
    # it never says its first line: the judge waits for that
    echo '#include <unistd.h>
        int main(void) { for (;;) pause(); }' >"$LAB_DIR/silent.c"
    EX=reap SERVER=$LAB_DIR/silent.c TMPDIR=$LAB_DIR/tmp GRADE_QUIET=yes background tools/classroom/grade
    expect_soon "the server is being judged" "$BACKGROUND_OUT" serves "$BACKGROUND_PID"
    ctrl_c
    # shellcheck disable=SC2086 # a word each
    expect_soon "no process is left of $FAMILY" "close in grade" all_gone $FAMILY
    expect "what is left of files" '' "$(ls "$LAB_DIR/tmp")" "close in grade"
}

has_graded() {
    grep -q "^$1 of " "$BACKGROUND_OUT"
}

@test "grade-all: ended by Ctrl-C, it leaves nothing running, keeps what is judged, and says so" {
    local LAB_DEADLINE=120
    mkdir -p "$LAB_DIR/tmp" "$LAB_DIR/class/ada" "$LAB_DIR/class/bob" "$LAB_DIR/class/eve"
    : >"$LAB_DIR/class/ada/reap.c" # as nothing is to be built, it is judged at once
    echo '#include <unistd.h>
        int main(void) { for (;;) pause(); }' | tee "$LAB_DIR/class/bob/reap.c" >"$LAB_DIR/class/eve/reap.c"
    local judged
    DIR=$LAB_DIR/class OUT=$LAB_DIR/out TMPDIR=$LAB_DIR/tmp JOBS=2 background tools/classroom/grade-all
    expect_soon "one has been judged" "$BACKGROUND_OUT" has_graded 1
    expect_soon "another's server is being judged" "$BACKGROUND_OUT" serves "$BACKGROUND_PID"
    ctrl_c
    # shellcheck disable=SC2086 # a word each
    expect_soon "no process is left of $FAMILY" "close in grade-all" all_gone $FAMILY
    expect "what is left of files" '' "$(ls "$LAB_DIR/tmp"; find "$LAB_DIR/out" -name '.*' -o -name '*.part')" "close in grade-all"
    # (Where the machine is busy, another may have been judged meanwhile.)
    judged=$(sed -nE 's/^grade-all: ended before all were judged: ([12]) of 3 are, and those are in .*/\1/p' "$BACKGROUND_OUT")
    expect_match "how many are judged, in its last line" '^[12]$' "$judged" "$(<"$BACKGROUND_OUT")"
    expect "lines of the table that have points" "$judged" "$(grep -cE '^(ada|bob|eve),0,0' "$LAB_DIR/out/grades.csv")" "$(<"$LAB_DIR/out/grades.csv")"
    expect "lines of the table that have none" "$((3 - judged))" "$(grep -cE '^(bob|eve),,.?$' "$LAB_DIR/out/grades.csv")" "$(<"$LAB_DIR/out/grades.csv")"
    expect "the results of the first" 'reap.json reap.sum reap.tap reap.tsv reap.xml' "$(cd "$LAB_DIR/out/results/ada" && echo *)" "close in grade-all"
    expect "results in all" "$((5 * judged)) $judged" "$(find "$LAB_DIR/out/results" -type f | wc -l) $(find "$LAB_DIR/out" -maxdepth 1 -name '*.html' | wc -l)" "close in grade-all"
}
