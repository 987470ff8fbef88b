/*
 * Attack: prints nothing, does nothing, never ends: who waits for its first line waits for ever.
 */
#define _POSIX_C_SOURCE 200809L
#include <unistd.h>

int main(void) {
    for (;;) pause();
}
