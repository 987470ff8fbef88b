/*
 * Attack: connect_out PORT SOCKET... connects to other servers of the machine, to the world, and to
 * sockets in the file system and in the abstract name space (SOCKET).
 */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void connect_to(const char *host, const char *port) {
    int connection = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((in_port_t)strtol(port, NULL, 10))};
    inet_pton(AF_INET, host, &address.sin_addr);
    if (connect(connection, (struct sockaddr *)&address, sizeof address) == -1)
        printf("%s: %s\n", host, strerror(errno));
    else printf("%s: connected\n", host);
    close(connection);
}

/* The name's first byte is 0 in the abstract name space. */
static void connect_local(const char *name) {
    int connection = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(name);
    if (length >= sizeof address.sun_path) return;
    memcpy(address.sun_path, name, length);
    if (name[0] == '@') address.sun_path[0] = '\0';
    if (connect(connection, (struct sockaddr *)&address,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) == -1)
        printf("%s: %s\n", name, strerror(errno));
    else printf("%s: connected\n", name);
    close(connection);
}

int main(int argc, char *argv[]) {
    puts("Serving HTTP on port 8888 ...");
    if (argc > 1) connect_to("127.0.0.1", argv[1]);
    connect_to("192.0.2.1", "80"); /* belongs to nobody: RFC 5737 */
    for (int i = 2; i < argc; i++) connect_local(argv[i]);
    puts("done");
    fflush(stdout);
    for (;;) pause();
}
