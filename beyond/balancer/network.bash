# shellcheck shell=bash
#
# Several hosts on one machine: each is a network namespace (network_namespaces(7)) with an address and
# a cable to a switch, and the script itself is one more host, 10.0.0.1. Cables can be pulled.
#
#   network_enter SCRIPT [ARGUMENT...]  once, before anything is started; sets NETWORK and NETWORK_DIR
#   network_open                        makes the switch
#   host NAME ADDRESS                   makes a host; then HOST_ADDRESS[NAME]
#   on NAME COMMAND...                  runs COMMAND on that host
#   pull NAME, plug NAME                pulls its cable out of the switch, and plugs it in
#   clock                               prints the time, in microseconds
#
# Nothing of it has a name outside, so two runs cannot meet, and nothing can stay behind: the script
# runs itself again as process 1 of namespaces of its own, and when that process ends, however it
# ends, the kernel ends all others in there, and forgets their network. What is started on a host
# needs no care of its own. An ordinary user becomes root in a user namespace first, where he may.
#
# Where that is not allowed NETWORK is "loopback", not "hosts", and NETWORK_WHY says why: then the
# hosts are no more than addresses, 127.0.0.2 and so on, that have no cables.
# Needs tools/lab.bash.

# network_enter SCRIPT [ARGUMENT...]: returns within the namespaces, or with NETWORK=loopback; outside
# of them it stays here until the script in there has ended, and exits with its status. NETWORK=loopback
# in the environment asks for no namespaces.
network_enter() {
    local way inner='' stopped='' status=0
    if [ "${NETWORK_INSIDE-}" = "$$" ]; then # only process 1 in there can have been told so
        NETWORK=hosts
        return
    fi
    case ${NETWORK-} in
    '' | hosts) ;;
    loopback) NETWORK_WHY='NETWORK=loopback was asked for' ;;
    *)
        echo "${1##*/}: NETWORK=$NETWORK is neither hosts nor loopback" >&2
        exit 2
        ;;
    esac
    if [ -z "${NETWORK_WHY-}" ] && ! way=$(network_way); then
        NETWORK_WHY='this system lets you have no network namespaces (try as root: unshare --net true)'
    fi
    if [ -n "${NETWORK_WHY-}" ]; then
        NETWORK=loopback
        return
    fi
    NETWORK_DIR=$(mktemp -d "${TMPDIR:-/tmp}/network.XXXXXX") || exit 2
    # SIGKILL for all of them, and whatever they are at: there is nothing in there that needs care.
    trap 'stopped=129; kill -KILL "$inner" 2>/dev/null' HUP
    trap 'stopped=130; kill -KILL "$inner" 2>/dev/null' INT
    trap 'stopped=143; kill -KILL "$inner" 2>/dev/null' TERM
    trap 'rm -rf -- "$NETWORK_DIR"' EXIT
    # A chain of which each link dies with the one before: this shell, unshare, process 1. setpriv comes
    # after the first unshare, as a new user namespace clears what it sets: prctl(2), PR_SET_PDEATHSIG.
    # shellcheck disable=SC2086 # the options are words
    NETWORK_INSIDE=1 NETWORK_DIR=$NETWORK_DIR setsid unshare $way --net setpriv --pdeathsig KILL \
        unshare --pid --fork --kill-child=KILL --mount-proc env --default-signal "$@" </dev/null &
    inner=$!
    if [ -n "$stopped" ]; then kill -KILL "$inner"; fi # it came before there was an $inner
    # a wait that a trapped signal has ended says nothing of the process
    until wait "$inner" 2>/dev/null || { status=$? && ! kill -0 "$inner" 2>/dev/null; }; do :; done
    exit "${stopped:-$status}"
}

# Prints the options of unshare that make this user root of a network; fails if there are none.
network_way() {
    local way
    for way in '' '--user --map-root-user'; do
        # shellcheck disable=SC2086 # the options are words
        if unshare $way --net --pid --fork --kill-child=KILL --mount-proc sh -c \
            'ip link add lan type bridge && ip link add web type veth peer name eth0' >/dev/null 2>&1; then
            echo "$way"
            return
        fi
    done
    return 1
}

declare -A HOST_ADDRESS HOST_PID

# network_open: the switch, and this host's place on it.
network_open() {
    if [ "$NETWORK" = loopback ]; then return; fi
    ip link set lo up && ip link add lan type bridge && ip address add 10.0.0.1/24 dev lan && ip link set lan up
}

# host NAME ADDRESS: a host, which a process that sleeps keeps in being; its end of the cable is eth0
# there, and NAME here, in the switch.
host() {
    HOST_ADDRESS[$1]=$2
    if [ "$NETWORK" = loopback ]; then return; fi
    setsid setpriv --pdeathsig KILL unshare --net sleep infinity </dev/null >/dev/null 2>&1 &
    HOST_PID[$1]=$!
    wait_until is_elsewhere "$!" || return 1
    ip link add "$1" type veth peer name eth0 netns "${HOST_PID[$1]}" && ip link set "$1" master lan up &&
        on "$1" ip link set lo up && on "$1" ip address add "$2/24" dev eth0 && on "$1" ip link set eth0 up
}

# is_elsewhere PID: is that process in another network than this one? Needs no process to find out.
is_elsewhere() {
    [ -e "/proc/$1/ns/net" ] && [ ! "/proc/$1/ns/net" -ef /proc/self/ns/net ]
}

# on NAME COMMAND...: runs it on that host. It execs: "start_server $(on_host NAME) COMMAND" is possible.
on() {
    local prefix
    read -ra prefix <<<"$(on_host "$1")"
    "${prefix[@]}" "${@:2}"
}

# on_host NAME: prints the words to put before a command that is to run on that host.
on_host() {
    if [ "$NETWORK" = loopback ]; then echo env; else echo "nsenter --net=/proc/${HOST_PID[$1]}/ns/net"; fi
}

# pull NAME, plug NAME: neither end of a connection is told.
pull() {
    ip link set "$1" down
}
plug() {
    ip link set "$1" up
}

# clock: the time since the machine was started, in microseconds, to a hundredth of a second: unlike the time
# of day (tools/lab.bash: now) nobody sets it while something is measured. CLOCK_BOOTTIME, proc(5).
clock() {
    local seconds
    read -r seconds _ </proc/uptime
    echo "${seconds/./}0000"
}
