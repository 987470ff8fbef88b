# Checks the links of HTML pages: each must lead to a page, or a file, and to a place on it, and each id
# must be there once on its page. Prints what is wrong, a line each. Run in the folder of the pages:
#   find . -name '*.html' | xargs awk -f links.awk

function clean(path,   n, i, part, stack, depth, result) { # a/../b is b
    n = split(path, part, "/"); depth = 0; result = ""
    for (i = 1; i <= n; i++) {
        if (part[i] == "" || part[i] == ".") continue
        if (part[i] == "..") { if (depth-- == 0) return "" } else stack[++depth] = part[i]
    }
    for (i = 1; i <= depth; i++) result = result (i > 1 ? "/" : "") stack[i]
    return result
}
BEGIN { RS = "<" }
FNR == 1 { page = clean(FILENAME); is[page] = 1 }
!/^[a-zA-Z]/ { next }
{
    tag = $0; sub(/>.*/, "", tag)
    while (match(tag, /[ \n](id|href|src|xlink:href)="[^"]*"/)) {
        item = substr(tag, RSTART + 1, RLENGTH - 2); tag = substr(tag, RSTART + RLENGTH)
        name = item; sub(/=.*/, "", name); sub(/^[^"]*"/, "", item)
        if (name == "id") {
            if (((page, item) in anchor)) { print page ": the id " item " is there twice"; wrong++ }
            anchor[page, item] = 1
        } else if (item !~ /^(https?|mailto|data):/) { count++; from[count] = page; to[count] = item }
    }
}
END {
    for (i = 1; i <= count; i++) {
        target = to[i]; place = ""
        if (match(target, /#/)) { place = substr(target, RSTART + 1); target = substr(target, 1, RSTART - 1) }
        folder = from[i]; if (!sub(/[^\/]*$/, "", folder)) folder = ""
        file = target == "" ? from[i] : clean(folder target)
        if (!(file in is)) { is[file] = (file != "" && (getline line < file) >= 0) ? 1 : 0; close(file) }
        if (!is[file]) { print from[i] ": its link to " to[i] " leads nowhere"; wrong++ }
        else if (place != "" && !((file, place) in anchor)) {
            print from[i] ": its link to " to[i] " leads nowhere: that page has no such place"; wrong++
        }
    }
    exit wrong > 0
}
