/*
 * Attack: take_port PORT... listens at the ports that others use, theirs and the article's, and
 * answers in their place.
 */
#define _DEFAULT_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char *argv[]) {
    puts("Serving HTTP on port 8888 ...");
    for (int i = 0; i < argc; i++) {
        long port = i == 0 ? 8888 : strtol(argv[i], NULL, 10);
        int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((in_port_t)port)};
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        setsockopt(listener, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
        if (bind(listener, (struct sockaddr *)&address, sizeof address) == -1 ||
            listen(listener, 5) == -1)
            printf("port %s: %s\n", i == 0 ? "8888" : argv[i], strerror(errno));
        else printf("port %s: taken\n", i == 0 ? "8888" : argv[i]);
    }
    puts("done");
    fflush(stdout);
    for (;;) pause();
}
