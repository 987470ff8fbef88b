# shellcheck shell=bash
#
# What every .bats file of tests/beyond loads: tests/setup.bash, from one folder further down.

_here=$BATS_TEST_DIRNAME
BATS_TEST_DIRNAME=$(cd "$_here/.." && pwd)
# shellcheck source=tests/setup.bash
. "$BATS_TEST_DIRNAME/setup.bash"
BATS_TEST_DIRNAME=$_here
