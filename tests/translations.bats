#!/usr/bin/env bats
#
# The translations, README.zh-CN.md beside README.md of the root and of the stages: none is older than its
# original, and none leaves anything out.

ARTICLE_SLEEP=0
load setup

TOOL=tools/classroom/translations
ORIGINALS=(README.md step1_iterative/README.md step2_sleep/README.md step3_fork/README.md step4_leak/README.md
    step5_zombie/README.md step6_sigchld/README.md step7_waitpid/README.md)

# each COMMAND...: runs it for each pair, the original and its translation.
each() {
    local original
    for original in "${ORIGINALS[@]}"; do "$@" "$original" "${original%.md}.zh-CN.md"; done
}

# same WHAT COMMAND ORIGINAL TRANSLATION: does COMMAND print the same about both?
same() {
    expect "$1 that differ from those of $3 in $4" '' "$(diff <("$2" "$3") <("$2" "$4") | grep '^[<>]')" \
        "$4: < stands in the original, > in the translation; sections are counted from 0, the head"
}

# The prose of a file, a paragraph, list item, heading or row a line, with the number of its section before it.
# Code blocks and comments are left out.
prose() {
    awk '
        function flush() { if (text != "") print section + 0 ": " text; text = "" }
        /^<!-- translated from/ { mark = 1 }
        mark || /^<!--/ { flush(); if (/-->/) mark = 0; next }
        /^```/ { flush(); code = !code; next }
        code { next }
        /^$|^#|^\||^- |^<\/?details|^!\[/ { flush() }
        /^## / { section++ }
        { sub(/^ +/, ""); text = text == "" ? $0 : text " " $0 }
        END { flush() }' "$1"
}

# The same without what is code or an address.
words() {
    # shellcheck disable=SC2016 # a sign of its own
    prose "$1" | sed -E 's/`[^`]*`/`/g; s/\]\([^)]*\)/]/g; s/<[^>]*>//g'
}

# What a file is built of, in its order.
bones() {
    awk '
        /^<!-- translated from/ { mark = 1 }
        mark { if (/-->/) mark = 0; next }
        /^```/ { code = !code; if (code) print section + 0 ": code, " $0; block = 0; next }
        code { next }
        /^## / { section++ }
        /^#/ { print section + 0 ": a heading, " $1; next }
        /^\|/ { print section + 0 ": a row of " gsub(/\|/, "") - 1; next }
        /^- / { print section + 0 ": a list item"; block = 1; next }
        /^<details>/ { print section + 0 ": a question"; next }
        /^<!--|^<\/details>/ { print section + 0 ": " $0; block = 0; next }
        /^!\[/ { print section + 0 ": a picture"; block = 1; next }
        /^$/ { block = 0; next }
        !block { print section + 0 ": a paragraph"; block = 1 }' "$1"
}

# The code blocks of a file, transcripts included; what a comment says may be translated, in the commands to type.
code() {
    awk '
        /^<!-- transcript/ { transcript = 1 }
        /^<!-- end/ { transcript = 0 }
        /^```/ { code = !code; console = /console/; print; next }
        code { if (console && !transcript) sub(/ +# .*/, " #"); print }' "$1"
}

# The words in code, the numbers, the addresses of each section.
spans() {
    prose "$1" | awk -F ': ' '{
        for (text = $0; match(text, /`[^`]+`/); text = substr(text, RSTART + RLENGTH)) print $1 ": " substr(text, RSTART, RLENGTH)
    }' | sort
}
numbers() {
    words "$1" | awk '{
        section = $1; sub(/^[0-9]+: /, "")
        for (text = plain($0); match(text, /[0-9]+(\.[0-9]+)*/); text = substr(text, RSTART + RLENGTH)) print section " " substr(text, RSTART, RLENGTH)
    }
    function plain(text) { # 1,024 is 1024
        while (match(text, /[0-9],[0-9][0-9][0-9]/)) text = substr(text, 1, RSTART) substr(text, RSTART + 2)
        return text
    }' | sort
}
addresses() {
    prose "$1" | awk '{
        for (text = $0; match(text, /\]\([^)]+\)/); text = substr(text, RSTART + RLENGTH)) print $1 " " substr(text, RSTART + 2, RLENGTH - 3)
    }' | sed -E 's@ README(\.zh-CN)?\.md$@ the other language@; s@ ((\.\./)?step[1-7]_[a-z]+)(/README\.zh-CN\.md)?$@ \1@' | sort
}

# matching PATTERN COMMAND: prints the places in all translations where what COMMAND prints of them matches; HAN is
# a Chinese character (PCRE's own \p{Han} has some of the signs, too).
matching() {
    local original han='[\x{4e00}-\x{9fff}]'
    for original in "${ORIGINALS[@]}"; do
        "$2" "${original%.md}.zh-CN.md" | LC_ALL=C.UTF-8 grep -P "${1//HAN/$han}" | sed "s@^@${original%.md}.zh-CN.md, section @"
    done
}

@test "translations: none is older than its original" {
    run "$TOOL"
    expect "translations that are older than their originals" '' "$output" "$TOOL, git log -p of the original"
    expect "the status" 0 "$status" "$TOOL"
}

# copy: goes to a copy of the READMEs and the tool, to break.
copy() {
    local file
    for file in "${ORIGINALS[@]}"; do
        mkdir -p "$LAB_DIR/copy/$(dirname "$file")"
        cp "$file" "${file%.md}.zh-CN.md" "$LAB_DIR/copy/$(dirname "$file")"
    done
    mkdir -p "$LAB_DIR/copy/tools/classroom"
    cp tools/signals.bash "$LAB_DIR/copy/tools"
    cp "$TOOL" "$LAB_DIR/copy/tools/classroom"
    cd "$LAB_DIR/copy" || return
}

@test "translations: a section that changed, came or went is named, and what to type; then it is up to date again" {
    copy
    file=step4_leak/README
    sed -i 's/^## Try$/## Try it/; s/^In the end there are none left/&/; s/so twelve connections/so 12 connections/' "$file.md"
    run "$TOOL"
    expect "the status" 1 "$status" "$output"
    expect "what it says" "$file.zh-CN.md is older than $file.md: changed: \"See it drawn\", new: \"Try it\", gone: \"Try\"; \
mend it there, then: $TOOL renew $file.zh-CN.md" "$output" "older in $TOOL"
    run "$TOOL" renew "$file.zh-CN.md"
    expect "the status of what is to be typed" 0 "$status" "$output"
    run "$TOOL"
    expect "what it says then" '' "$output" "renew in $TOOL"
    expect "the status then" 0 "$status" "$output"
    expect "lines of the translation itself that have changed" '' \
        "$(diff "$ROOT/$file.zh-CN.md" "$file.zh-CN.md" | grep '^[<>]' | grep -vE '^[<>] [0-9a-f]{16} ')" "renew in $TOOL"
}

@test "translations: other numbers in a transcript and other line breaks are no change" {
    copy
    sed -i '/^<!-- transcript/,/^<!-- end/s/[0-9]/7/g; /^<!-- transcript/s/ 7/ 1/' step1_iterative/README.md
    sed -i 's/, with its leak mended\. /, with its leak\nmended.  /' step5_zombie/README.md
    for file in step1_iterative step5_zombie; do
        expect "$file/README.md differs" yes "$(cmp -s "$file/README.md" "$ROOT/$file/README.md" || echo yes)" "the edits of this test"
    done
    run "$TOOL"
    expect "what it says" '' "$output" "sections and digest in $TOOL"
}

@test "translations: sections in another order, a lost mark, a lost translation are told, each in a line" {
    copy
    awk '/^## / { n++ } { part[n + 0] = part[n + 0] $0 "\n" }
        END { printf "%s%s%s", part[0], part[2], part[1]; for (i = 3; i <= n; i++) printf "%s", part[i] }' step3_fork/README.md >swapped
    mv swapped step3_fork/README.md
    rm step4_leak/README.zh-CN.md
    sed -i '/^<!-- translated from/,$d' step7_waitpid/README.zh-CN.md
    run "$TOOL"
    expect "the status" 1 "$status" "$output"
    expect "how many lines it prints" 3 "${#lines[@]}" "$output"
    expect_match "the first" 'than step3_fork/README.md: its sections stand in another order; mend' "${lines[0]}" "older in $TOOL"
    expect "the second" "step4_leak/README.md has no translation, step4_leak/README.zh-CN.md" "${lines[1]}" "$TOOL"
    expect_match "the third" 'than step7_waitpid/README.md: nothing says what it was made from; mend' "${lines[2]}" "older in $TOOL"
}

@test "translations: a file that is none is refused: one line, status 2, and it stays as it is" {
    copy
    for file in README.md step1_iterative nowhere/README.zh-CN.md; do
        run "$TOOL" renew "$file"
        expect "the status of renew $file" 2 "$status" "$output"
        reason="$file is no translation, which would be named README.zh-CN.md"
        if [[ $file == nowhere/* ]]; then reason="there is no nowhere/README.md"; fi
        expect "what it says" "translations: $reason" "$output" "$TOOL"
    done
    cmp README.md "$ROOT/README.md"
}

@test "translations: each has the same headings, rows, questions, list items, pictures and paragraphs, in the same order" {
    each same "the parts" bones
}

@test "translations: their code is the originals', but for comments in what is to be typed; transcripts are the same to the letter" {
    each same "lines of code" code
}

@test "translations: in each section the same words are in code, and the same numbers are named" {
    each same "words in code" spans
    each same "numbers" numbers
}

# leads FILE: fails unless each link of it leads to a file.
leads() {
    local section target
    while read -r section target; do
        if [[ $target == http* ]]; then continue; fi
        expect "what section $section of $1 leads to: $target" yes "$([ -e "$(dirname "$1")/$target" ] && echo yes)" "$1"
    done < <(prose "$1" | grep -oE '^[0-9]+|\]\([^)]+\)' | awk '/^[0-9]/ { n = $0; next } { print n, substr($0, 3, length($0) - 3) }')
}

# to_translations ORIGINAL TRANSLATION: do the links to a translated README lead to its translation?
to_translations() {
    expect "links of $2 to a README that has a translation" '' \
        "$(prose "$2" | grep -oE '\]\(([.]{2}/)?step[1-7]_[a-z]+(/README\.md)?\)')" "$2: /README.zh-CN.md belongs to these"
    expect "the way from $1 to its translation, and back" '[中文](README.zh-CN.md) [English](README.md)' \
        "$(sed -n 3p "$1") $(sed -n 3p "$2")" "their third lines"
    leads "$2"
}

@test "translations: their links lead to the same places, to the translation of a stage, and back to the original" {
    each same "links" addresses
    each to_translations
}

@test "translations: nothing is left in English; all is UTF-8" {
    expect "ten words and more in a row that are not translated" '' "$(matching "([A-Za-z][A-Za-z'-]*[ ,.;:()*]+){9}[A-Za-z]+" words)" "these lines"
    for original in "${ORIGINALS[@]}"; do
        expect "${original%.md}.zh-CN.md as UTF-8" "" "$(iconv -f UTF-8 -t UTF-8 "${original%.md}.zh-CN.md" 2>&1 >"$LAB_DIR/same" | head -n 1)" "iconv -f UTF-8 -t UTF-8"
        expect_match "Chinese characters in it" '^[0-9]{3,}$' "$(LC_ALL=C.UTF-8 grep -oP '[\x{4e00}-\x{9fff}]' "$LAB_DIR/same" | wc -l)" "${original%.md}.zh-CN.md"
    done
}

# The code of a file without its comments, and its words in code.
bare_code() {
    code "$1" | sed -E 's/ +#( .*)?$//; s@/\*.*\*/@@'
    spans "$1"
}

# Lines of prose that go on in the next one.
broken() {
    awk '/^<!-- translated from/ { exit } /^```/ { code = !code; text = 0; next }
        code || /^$|^#|^\||^- |^<|^!\[/ { text = !code && /^- /; next }
        { if (text) print NR ": " $0; text = 1 }' "$1"
}

@test "translations: they are set as Chinese is, and their code as code is" {
    expect "full-width signs in code" '' "$(matching '[\x{2018}-\x{201d}\x{2026}\x{3000}-\x{303f}\x{ff00}-\x{ffef}]' bare_code)" "these lines"
    expect "half-width signs beside Chinese" '' "$(matching 'HAN[,;:?!]|[,;:?!]HAN|HAN\.( |$)|\([^)]*(、|HAN)' words)" "these lines"
    # shellcheck disable=SC2016 # a sign of its own
    expect "Chinese without a blank beside a word of Latin letters or a number" '' \
        "$(matching 'HAN[*]*[A-Za-z0-9`]|[A-Za-z0-9`][*]*HAN' words)" "these lines"
    expect "blanks beside full-width signs" '' "$(matching ' [，。；：、）？！]|[，；：、（] ' words)" "these lines"
    expect "lines that go on in the next one, which shows as a blank" '' "$(matching . broken)" "these lines"
}

# What is never to be said for the word that all eight have for it.
OTHER_WORDS='僵死|僵屍|句柄|描述字|套接口|套接字文件|服务端|服务程序|客户机|信号处理程序|信号处理器|信号句柄|父程序|子程序|进程终结|收割|收尸|悬挂信号|挂起的信号|内存泄露|泄露|应答|重置|挂住|分组|数据报|监听端口套接字|守候'

@test "translations: one word for one thing" {
    expect "other words for it" '' "$(matching "$OTHER_WORDS" words)" \
        "文件描述符, 监听套接字, 僵尸进程, 回收, 子进程, 父进程, 信号处理函数, 未决, 泄漏, 服务器, 客户端, 响应"
}
