# shellcheck shell=bash
#
# Makes gnuplot's SVG fit for a page of ours: with a title and a description in words, and with colours
# that a dark page turns light. The colours that it knows are those of DRESS_COLOURS.

# By day, by night: ink, lines of the grid, blue, green, orange, and four more for plots of many lines.
DRESS_COLOURS=(
    '#111111 #e8e8e8' '#d9d9d9 #44484f' '#0072b2 #6cb8ef' '#00775a #3fc9a0' '#c4500a #ff8a4c'
    '#8a2a7b #e293d6' '#6b6b00 #d2d25a' '#7a4a1f #d9a679' '#5a5f66 #a9b0b8'
)

# dress_rule BY-DAY BY-NIGHT: a rule for what gnuplot writes as "rgb(  0, 114, 178)" or "rgb(0,114,178)".
dress_rule() {
    local spaced plain red=$((16#${1:1:2})) green=$((16#${1:3:2})) blue=$((16#${1:5:2}))
    printf -v spaced 'rgb(%3d, %3d, %3d)' "$red" "$green" "$blue"
    printf -v plain 'rgb(%d,%d,%d)' "$red" "$green" "$blue"
    echo "  [stroke='$spaced'] { stroke: $2; } [fill='$plain'], [fill='$spaced'] { fill: $2; }"
}

# dress_style: the rules for the dark page, which gnuplot's own colours do not know.
dress_style() {
    local pair
    echo "<style>"
    echo "@media (prefers-color-scheme: dark) {"
    echo "  .page { fill: #16181c; } text, [fill='black'] { fill: #e8e8e8; } [color='black'] { color: #e8e8e8; }"
    for pair in "${DRESS_COLOURS[@]}"; do dress_rule "${pair% *}" "${pair#* }"; done
    echo "}"
    echo "</style>"
}

# Escapes text for XML.
dress_escaped() {
    sed 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g'
}

# dress TITLE STORY: reads gnuplot's SVG, and writes it with these in the place of its own title and
# description, which name a program and its version. STORY says what is to be seen, for those who do
# not see it.
dress() {
    TITLE=$(dress_escaped <<<"$1") STORY=$(dress_escaped <<<"$2") STYLE=$(dress_style) awk '
        /<title>/ && !titled++ { print "<title>" ENVIRON["TITLE"] "</title>"; next }
        /<desc>/ { print "<desc>" ENVIRON["STORY"] "</desc>\n" ENVIRON["STYLE"]; next }
        /<rect x="0" y="0".*fill="none"/ { sub(/fill="none"/, "class=\"page\" fill=\"#ffffff\"") }
        { print }'
}
