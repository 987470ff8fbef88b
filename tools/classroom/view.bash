# shellcheck shell=bash
#
# What sandbox and confine have in common: the options of bwrap(1) that show the system and nothing else of the
# machine, and the filter of system calls.

# system_view: sets VIEW to the options that show the system's programs, read-only. (Everything else of the new root is
# a tmpfs, empty.) Where /bin is a link to /usr/bin it is one there too.
system_view() {
    local path
    VIEW=(--ro-bind /usr /usr)
    for path in /bin /sbin /lib /lib32 /lib64 /libx32; do
        if [ -L "$path" ]; then
            VIEW+=(--symlink "$(readlink "$path")" "$path")
        elif [ -d "$path" ]; then
            VIEW+=(--ro-bind "$path" "$path")
        fi
    done
}

# device_view: sets DEVICES to the options for a /dev with the harmless devices alone, read-only: no terminals, no
# shared memory.
device_view() {
    local name
    DEVICES=(--perms 755 --size 65536 --tmpfs /dev)
    for name in null zero full random urandom; do DEVICES+=(--dev-bind "/dev/$name" "/dev/$name"); done
    DEVICES+=(--symlink /proc/self/fd /dev/fd --symlink /proc/self/fd/0 /dev/stdin
        --symlink /proc/self/fd/1 /dev/stdout --symlink /proc/self/fd/2 /dev/stderr --remount-ro /dev)
}

# What a server has no use for, but with which it could take memory that counts as no process's, or a resource that
# all share, or make itself a namespace in which it may mount, or change another process: numbers on x86-64 and on arm64.
DENIED="memfd_create 319 279, memfd_secret 447 447, shmget 29 194, msgget 68 186, semget 64 190, io_setup 206 0,
    io_uring_setup 425 425, add_key 248 217, request_key 249 218, keyctl 250 219, bpf 321 280, userfaultfd 323 282,
    perf_event_open 298 241, ptrace 101 117, process_vm_readv 310 270, process_vm_writev 311 271, pidfd_getfd 438 438,
    unshare 272 97, setns 308 268, mount 165 40"

# can_filter: do we know this machine's numbers of system calls?
can_filter() {
    [[ $(uname -m) == @(x86_64|aarch64) ]]
}

# filter: writes the filter for seccomp(2), a BPF program. What is denied fails with EPERM; clone(2) does if it is to
# make a user namespace; clone3(2), whose flags no filter can see, with ENOSYS, and libraries take clone instead. So do
# the calls of another architecture, by which all this could be evaded.
filter() {
    local calls call words list=() arch=0xC000003E clone=56 column=1 last i
    case $(uname -m) in
    x86_64) ;;
    aarch64) arch=0xC00000B7 clone=220 column=2 ;;
    *) return 1 ;;
    esac
    IFS=, read -rd '' -a calls <<<"$DENIED"
    for call in "${calls[@]}"; do
        read -ra words <<<"${call//$'\n'/ }"
        list+=("${words[column]}")
    done
    last=${#list[@]}
    # code, jump if true, jump if false (how many to leave out), operand; load: 0x20, equal: 0x15, at least: 0x35,
    # any bit: 0x45, return: 0x06
    instruction 0x20 0 0 4 # which architecture?
    instruction 0x15 0 $((last + 7)) "$arch"
    instruction 0x20 0 0 0                              # which call?
    instruction 0x35 $((last + 5)) 0 0x40000000         # the x32 ones of x86-64
    instruction 0x15 $((last + 4)) 0 435                # clone3
    for ((i = 0; i < last; i++)); do instruction 0x15 $((last - i + 4)) 0 "${list[i]}"; done
    instruction 0x15 0 2 "$clone"
    instruction 0x20 0 0 16                             # its flags
    instruction 0x45 2 0 0x10000000                     # CLONE_NEWUSER
    instruction 0x06 0 0 0x7fff0000                     # allowed
    instruction 0x06 0 0 0x00050026                     # ENOSYS
    instruction 0x06 0 0 0x00050001                     # EPERM
}

# instruction CODE TRUE FALSE OPERAND: writes one, as struct sock_filter is in memory, little-endian.
instruction() {
    local bytes
    printf -v bytes '\\x%02x' $(($1 & 255)) $(($1 >> 8)) "$2" "$3" \
        $(($4 & 255)) $(($4 >> 8 & 255)) $(($4 >> 16 & 255)) $(($4 >> 24 & 255))
    # shellcheck disable=SC2059 # the escapes are what is to be printed
    printf "$bytes"
}
