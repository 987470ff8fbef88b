#!/usr/bin/env bats
#
# The command line of beyond/serve: what it does not understand starts nothing.

load setup

# refused WORDS LINE: to these words it says this line (a pattern) and the usage, prints nothing else, and ends with
# status 2.
refused() {
    # shellcheck disable=SC2086 # a word each
    run --separate-stderr timeout 10 "$SERVE" $1
    expect "the status of serve $1, and what it prints" "2:" "$status:$output" "$stderr"
    expect_match "what it says to serve $1" "^$2"$'\n'"usage: serve MODEL PROTOCOL [^"$'\n'"]*$" "$stderr" "serve.c"
}

@test "serve: what it does not understand is one line, the usage, and status 2" {
    refused '' 'serve: which model, and which protocol\?'
    refused 'epoll' 'serve: which model, and which protocol\?'
    refused 'nodel http' "serve: model 'nodel' is none that there is"
    refused 'epoll gopher' "serve: protocol 'gopher' is none that there is"
    refused 'http epoll' "serve: model 'http' is none that there is"
    refused 'epoll http -p 0 echo' "serve: word 'echo' is unexpected"
    refused 'epoll http -p 0 -x' '.*serve: invalid option -- .x.'
    refused 'epoll http -p 0 --ports 0' ".*serve: unrecognized option '--ports'"
    refused 'epoll http -p' '.*serve: option requires an argument -- .p.'
    refused 'epoll http -p 0 -a localhost' "serve: address 'localhost' is not an IPv4 address, such as 127.0.0.1"
}

@test "serve: a number that is none, or out of its bounds, is refused" {
    local option value name
    while read -r option value name; do
        refused "epoll http -p 0 $option $value" "serve: $name '${value//+/\\+}' is not a number from [0-9.]+ to [0-9]+"
    done <<'END'
-p 65536 port
-p -1 port
-p +1 port
-p 0x50 port
-p 80http port
-p 1.5 port
-b 65536 backlog
-s never pause
-s 1e3 pause
-s 86401 pause
-s 1..5 pause
-n 16777217 page size
-n 99999999999999999999 page size
-m 0 limit
-m 1000001 limit
-H 0 time
-I 0.001 time
-W -1 time
END
    refused 'prefork http -p 0 -w 0' "serve: number of workers '0' is not a number from 1 to 10000"
    refused 'prefork http -p 0 -D 86401' "serve: time '86401' is not a number from 0 to 86400"
}

@test "serve: an option that means nothing to a model is refused, and it says why" {
    local option
    for option in p a b; do refused "inetd http -$option 1" "serve: option '$option' means nothing to this model: whoever starts it listens"; done
    refused 'epoll http -p 0 -w 2' "serve: option 'w' means nothing to this model: it has no fixed number of workers"
    refused 'threads http -p 0 -m 2' \
        "serve: option 'm' means nothing to this model: it serves no more clients at a time than it has processes or threads"
    refused 'epoll http -p 0 -u nobody' "serve: option 'u' means nothing to this model: it does not change its user"
    refused 'uring http -p 0 -D 1' "serve: option 'D' means nothing to this model: it ends at once when it is told to"
}
