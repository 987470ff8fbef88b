/*
 * Attack: takes memory in ways that count as no process's: files without a name, shared segments,
 * message queues, rings.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

static void tell(const char *what, long result) {
    printf("%s: %s\n", what, result == -1 ? "refused" : "allowed");
}

int main(void) {
    int segment = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
    int queue = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
    int semaphore = semget(IPC_PRIVATE, 1, IPC_CREAT | 0600);
    puts("Serving HTTP on port 8888 ...");
    tell("memfd_create", memfd_create("hidden", 0));
    tell("shmget", segment);
    tell("msgget", queue);
    tell("semget", semaphore);
    tell("io_uring_setup", syscall(SYS_io_uring_setup, 1, NULL) == -1 ? -1 : 0);
    tell("2 GiB at once", malloc(2UL << 30) == NULL ? -1 : 0);
    puts("done");
    fflush(stdout);
    for (;;) pause();
}
