# shellcheck shell=bash
#
# What a tool that starts processes and makes files needs: an end by a signal must run its EXIT trap.

# From now on HUP, INT and TERM end this shell by exit, with status 128 plus their number; what comes after the
# first of them is ignored, so that nothing cuts the tidying up short.
# The ")" is never reached: the shell has ended before it reads that line. But bash 5.2 may run a trap in the
# midst of a "$(...)" that it parses, and then reads the trap's text as that command's, up to its ")".
end_on_signals() {
    local first="trap '' HUP INT TERM; exit" rest=$'\n)'
    # shellcheck disable=SC2064 # now is when it is to be expanded
    {
        trap "$first 129$rest" HUP
        trap "$first 130$rest" INT
        trap "$first 143$rest" TERM
    }
}
