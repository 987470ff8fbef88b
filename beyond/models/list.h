/*
 * A model is one file here and one line: its function, its name, the options that it takes beside
 * those that all take, the package without which it is left out, and what it is.
 */
MODEL(single, "single", "", "", "one client after the other")
MODEL(fork, "fork", "muD", "", "a process for each client")
MODEL(prefork, "prefork", "wuD", "",
      "processes forked in advance, which share the listening socket")
MODEL(threads, "threads", "w", "", "threads made in advance, which share the listening socket")
MODEL(thread_per_connection, "thread-per-connection", "m", "", "a thread for each client")
MODEL(poll, "poll", "m", "", "one loop for all clients, which asks the kernel about each of them")
MODEL(epoll, "epoll", "m", "", "one loop for all clients: the kernel keeps the list")
MODEL(uv, "uv", "m", "libuv1-dev", "callbacks on libuv's loop")
MODEL(coroutine, "coroutine", "m", "", "straight lines of code, on a loop")
MODEL(event, "event", "m", "libevent-dev",
      "libevent's buffers, and callbacks when there is something in them")
MODEL(multi, "multi", "wmuD", "",
      "a process for each processor, each with a loop and a listening socket")
MODEL(inetd, "inetd", "", "",
      "the connection is standard input and output: one client, and the end")
MODEL(uring, "uring", "m", "liburing-dev",
      "one loop: the kernel is told what to do, and says when it is done")
