# shellcheck shell=bash
#
# What the shell of the lab begins with.

# shellcheck source=/dev/null
if [ -r ~/.bashrc ]; then . ~/.bashrc; fi
PS1='$ '
client=${BIN:-.}/client/client
if [ "${BIN:-.}" -ef . ]; then client=client/client; fi

# Starts the server anew.
again() {
    PORT=$(tools/watch/lab again)
    echo "The server listens on port $PORT."
}

cat <<END
Type here, and watch the view:
 curl http://localhost:$PORT/hello
 $client -p $PORT -c 3
 again: a new server; exit: the end
END
