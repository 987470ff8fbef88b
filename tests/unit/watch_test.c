/*
 * The live view's own functions, each alone: what it makes of the texts of /proc, how names and
 * leaks are told, how lines are fitted.
 */
#include "../../tools/watch/look.c"
#include "../../tools/watch/processes.c"
#include "../../tools/watch/serve.c"
#include "../../tools/watch/show.c"
#include "../../tools/watch/sockets.c"
#include <criterion/criterion.h>

static int told = -1; /* what the guard is told goes there: by whom, which group */

void guard_group(pid_t group) { /* serve.c's only tie to the guard */
    if (told != -1) cr_assert_gt(write(told, (pid_t[]){getpid(), group}, 2 * sizeof group), 0);
}

/* ---- The texts of /proc ---- */

Test(watch_stat, fields) {
    struct process process = {0};
    cr_assert(parse_stat("7 (server) S 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 3 0 4242 0", &process));
    cr_assert_str_eq(process.name, "server");
    cr_assert_eq(process.state, 'S');
    cr_assert_eq(process.parent, 1);
    cr_assert_eq(process.threads, 3);
    cr_assert_eq(process.start, 4242);
}

Test(watch_stat, a_name_may_hold_anything) {
    struct process process = {0};
    cr_assert(parse_stat("7 (a) Z 1 (b) R 5 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 9", &process));
    cr_assert_str_eq(process.name, "a) Z 1 (b");
    cr_assert_eq(process.state, 'R');
    cr_assert_eq(process.parent, 5);
}

Test(watch_stat, rubbish_is_refused) {
    struct process process = {0};
    cr_assert(!parse_stat("", &process));
    cr_assert(!parse_stat("7 server S 1", &process));
    cr_assert(!parse_stat("7 (server)", &process));
    cr_assert(!parse_stat("7 (server) S 1 7", &process));
}

Test(watch_call, from_syscall) {
    char text[64];
    struct process process = {.call_descriptor = -1};
    (void)snprintf(text, sizeof text, "%d 0x1f 0x7ffc 0x0", SYS_recvfrom);
    cr_assert(parse_syscall(text, &process));
    cr_assert_str_eq(process.call, "recv");
    cr_assert_eq(process.call_descriptor, 31);
    cr_assert(!parse_syscall("running", &process));
    cr_assert(!parse_syscall("-1 0x7ffc 0x0", &process));
}

Test(watch_call, from_wchan) {
    cr_assert_str_eq(call_of("inet_csk_accept"), "accept");
    cr_assert_str_eq(call_of("hrtimer_nanosleep"), "sleep");
    cr_assert_str_eq(call_of("do_wait"), "wait");
    cr_assert_str_eq(call_of("some_function"), "some_function");
}

Test(watch_limits, soft_ones) {
    const char *text =
        "Limit  Soft Limit  Hard Limit  Units\n"
        "Max processes             unlimited            77 processes\n"
        "Max open files            256                  4096                 files\n";
    cr_assert_eq(parse_limit(text, "Max open files"), 256);
    cr_assert_eq(parse_limit(text, "Max processes"), UNLIMITED);
    cr_assert_eq(parse_limit(text, "Max cpu time"), UNKNOWN);
}

/* The user's processes are counted at some looks only, but whenever there are more children, or
 * less. */
Test(watch_limits, are_counted_with_the_children) {
    struct world world = {.alive = true, .server = getpid(), .looks = 1, .children = 1};
    read_limits(&world);
    cr_assert_gt(world.user_processes, 0, "not counted anew");
    world.user_processes = UNKNOWN;
    read_limits(&world);
    cr_assert_eq(world.user_processes, UNKNOWN, "counted although nothing is new");
}

static const char *label(const char *target) {
    static struct descriptor descriptor;
    descriptor = (struct descriptor){0};
    label_descriptor(&descriptor, target);
    return descriptor.label;
}

Test(watch_descriptors, labels) {
    cr_assert_str_eq(label("/dev/null"), "null");
    cr_assert_str_eq(label("/dev/pts/3"), "pts/3");
    cr_assert_str_eq(label("/memfd:out (deleted)"), "out");
    cr_assert_str_eq(label("pipe:[4711]"), "pipe");
    cr_assert_str_eq(label("socket:[4711]"), "socket");
    cr_assert_str_eq(label("anon_inode:[eventpoll]"), "eventpoll");
    cr_assert_str_eq(label("/tmp/lab.x/server.0.out"), "server.0.out");
}

Test(watch_sockets, a_line_of_proc_net_tcp) {
    struct tcp tcp;
    cr_assert(parse_tcp("   0: 0100007F:22B8 0100007F:C001 08 00000000:00000005 00:00000000 "
                        "00000000  1000        0 4711 1 0",
                        &tcp));
    cr_assert_eq(tcp.local.port, 8888);
    cr_assert_eq(tcp.remote.port, 49153);
    cr_assert_eq(tcp.state, TCP_CLOSE_WAIT);
    cr_assert_eq(tcp.queue, 5);
    cr_assert_eq(tcp.inode, 4711);
    cr_assert(is_ipv4(&tcp.local));
}

Test(watch_sockets, the_same_address_in_ipv6) {
    struct tcp four, six;
    cr_assert(parse_tcp(" 0: 0100007F:0050 0100007F:0051 01 0:0 0:0 0 0 0 1", &four));
    cr_assert(parse_tcp(" 0: 0000000000000000FFFF00000100007F:0050 "
                        "0000000000000000FFFF00000100007F:0051 01 0:0 0:0 0 0 0 1",
                        &six));
    cr_assert_eq(compare_endpoints(&four.local, &six.local), 0);
    cr_assert_neq(compare_endpoints(&four.local, &six.remote), 0);
}

Test(watch_sockets, states_that_are_not_known_are_passed_over) {
    struct world world = {.listener.local.port = 8888};
    struct tcp tcp = {.local.port = 8888};
    for (tcp.state = 0; tcp.state < 20; tcp.state++) note_socket(&world, &tcp);
    for (size_t i = 0; i < world.connections.count; i++)
        cr_assert_not_null(TCP_STATES[connection_at(&world, i)->server_state]);
    cr_assert_eq(world.connections.count, TCP_CLOSING - 2, "neither TIME-WAIT nor LISTEN");
    look_away(&world);
}

Test(watch_sockets, other_lines_are_refused) {
    struct tcp tcp;
    cr_assert(!parse_tcp("  sl  local_address rem_address   st tx_queue", &tcp));
    cr_assert(!parse_tcp("", &tcp));
    cr_assert(!parse_tcp("   0: 01007F:22B8", &tcp));
    cr_assert(!parse_tcp("   0: 0100007F:22B8", &tcp));
}

/* ---- Output ---- */

Test(watch_output, lines_in_any_split) {
    struct tail tail = {0};
    const char text[] = "one\ntwo\n\n \r\nthree";
    for (const char *next = text; *next != '\0'; next++) add_output(&tail, 0, next, 1);
    cr_assert_eq(tail.count, 2, "blank lines are left out, an unfinished one waits");
    cr_assert_str_eq(tail.lines[1].text, "two");
    add_output(&tail, 1, "bad\n", 4);
    cr_assert_str_eq(tail.last_error, "bad");
    add_output(&tail, 0, "!\n", 2);
    cr_assert_str_eq(tail.lines[3].text, "three!");
}

Test(watch_output, nothing_drives_the_terminal) {
    struct tail tail = {0};
    add_output(&tail, 0, "a\033[2J\007\377b\n", 9);
    cr_assert_str_eq(tail.lines[0].text, "a [2J  b");
}

Test(watch_output, long_lines_and_many) {
    struct tail tail = {0};
    for (int i = 0; i < 1000; i++) add_output(&tail, 0, "0123456789", 10);
    add_output(&tail, 0, "\n", 1);
    cr_assert_eq(strlen(tail.lines[0].text), TAIL_WIDTH - 1);
    for (int i = 0; i < 1000; i++) add_output(&tail, 0, "x\n", 2);
    cr_assert_eq(tail.count, 1001);
}

/* A server whose output is a file of so many lines of 8 characters. */
static struct server *server_with(off_t lines) {
    static struct server server;
    static char block[1 << 16];
    server = (struct server){.pid = 0};
    cr_assert(open_output(&server));
    for (size_t i = 0; i < sizeof block; i++) block[i] = "a line.\n"[i % 8];
    for (off_t left = lines * 8; left > 0; left -= (off_t)sizeof block)
        cr_assert_gt(write(server.files[0], block, sizeof block), 0);
    return &server;
}

Test(watch_output, what_is_too_much_is_left_out) {
    struct server *server = server_with(1 << 20);
    check_server(server);
    cr_assert_eq(server->read[0], 8 << 20, "read up to %lld of 8 MiB", (long long)server->read[0]);
    cr_assert_eq(server->tail.count, 1 + LAST / 8, "%u lines, expected one and the last 64 KiB's",
                 server->tail.count);
    check_server(server);
    cr_assert_eq(server->tail.count, 1 + LAST / 8, "nothing is new, but something was read");
}

Test(watch_output, less_is_read_to_the_end) {
    struct server *server = server_with(1 << 16);
    check_server(server);
    cr_assert_eq(server->tail.count, 1 << 16, "%u lines", server->tail.count);
}

Test(watch_output, a_file_that_was_emptied) {
    struct server *server = server_with(1 << 13);
    check_server(server);
    cr_assert_eq(ftruncate(server->files[0], 0), 0);
    cr_assert_eq(write(server->files[0], "new\n", 4), 4);
    check_server(server);
    cr_assert_eq(server->tail.count, (1 << 13) + 1, "%u lines: the new one was not read",
                 server->tail.count);
}

/* The server itself tells the guard, before it is executed: else the view could be killed between.
 */
Test(watch_server, tells_the_guard_by_itself) {
    int ends[2];
    pid_t message[2];
    char *command[] = {"true", NULL};
    struct server *server = server_with(0);
    server->command = command;
    cr_assert_eq(pipe2(ends, O_NONBLOCK), 0);
    told = ends[1];
    cr_assert_eq(start_server(server), 0);
    cr_assert_eq(read(ends[0], message, sizeof message), sizeof message,
                 "the guard was told nothing: see become");
    cr_assert_eq(message[0], server->pid, "told by %d, not by the server, %d: see become",
                 (int)message[0], (int)server->pid);
    cr_assert_eq(message[1], server->pid);
    end_server(server);
}

Test(watch_server, that_cannot_be_started_leaves_nothing) {
    char *command[] = {"/none", NULL};
    struct server *server = server_with(1);
    server->command = command;
    cr_assert_eq(start_server(server), ENOENT);
    cr_assert(!server->running);
    cr_assert_eq(server->group, 0);
    check_server(server);
    cr_assert_eq(server->tail.count, 0, "the output of the one before is shown");
    end_server(server);
}

/* ---- Leaks ---- */

/* A server in accept that holds c1 and c2, and a child that has inherited c1 and works for c2. */
static struct world *world_with_a_leak(void) {
    static struct world world;
    world = (struct world){.alive = true};
    for (unsigned i = 0; i < 2; i++) {
        struct process *process = add(&world.processes, sizeof *process);
        process->depth = i;
        process->first = (size_t)2 * i;
        process->descriptors = 2;
        (void)snprintf(process->call, sizeof process->call, i == 0 ? "accept" : "recv");
        for (int j = 0; j < 2; j++) {
            struct descriptor *descriptor = add(&world.descriptors, sizeof *descriptor);
            descriptor->connection = j;
        }
        struct connection *connection = add(&world.connections, sizeof *connection);
        connection->by_server = true;
        connection->children = 1;
    }
    find_workers(&world);
    return &world;
}

Test(watch_leaks, an_inherited_copy_is_no_work) {
    struct world *world = world_with_a_leak();
    cr_assert(is_leaked(world, connection_at(world, 0)));
    cr_assert(!is_leaked(world, connection_at(world, 1)));
    (void)snprintf(process_at(world, 0)->call, CALL_SIZE, "recv");
    cr_assert(!is_leaked(world, connection_at(world, 0)), "the server itself is at work");
    look_away(world);
}

Test(watch_sockets, one_that_is_listed_twice_is_one) {
    struct world world = {.listener.local.port = 8888};
    struct tcp servers = {.local.port = 8888, .remote.port = 5000, .state = TCP_ESTABLISHED};
    struct tcp clients = {.local.port = 5000, .remote.port = 8888, .state = TCP_ESTABLISHED};
    struct tcp dials = {.local.port = 5001, .remote.port = 8888, .state = TCP_SYN_SENT};
    for (int times = 0; times < 2; times++) {
        note_socket(&world, &servers);
        note_socket(&world, &clients);
        note_socket(&world, &dials);
    }
    pair_ends(&world);
    cr_assert_eq(world.connections.count, 2, "%zu connections", world.connections.count);
    cr_assert_eq(connection_at(&world, 0)->client_state, TCP_ESTABLISHED);
    cr_assert_eq(world.dialling, 1, "%u clients that ask to be let in", world.dialling);
    look_away(&world);
}

/* ---- Lines ---- */

static void check_share(int room, int first, int second, int needed, int expected_first,
                        int expected_second) {
    int got_first, got_second;
    share(room, first, second, needed, &got_first, &got_second);
    cr_assert_eq(got_first, expected_first, "%d of %d for %d and %d", got_first, room, first,
                 second);
    cr_assert_eq(got_second, expected_second, "%d of %d for %d and %d, the second", got_second,
                 room, first, second);
}

Test(watch_share, nobody_takes_more_than_he_needs_or_half) {
    check_share(10, 3, 4, 0, 3, 4);
    check_share(10, 100, 100, 0, 5, 5);
    check_share(11, 100, 100, 0, 6, 5);
    check_share(10, 100, 2, 0, 8, 2);
    check_share(10, 2, 100, 0, 2, 8);
    check_share(0, 5, 5, 5, 0, 0);
}

Test(watch_share, the_living_come_first) {
    check_share(8, 6, 5, 6, 6, 2);
    check_share(8, 100, 5, 6, 6, 2);
    check_share(8, 100, 100, 100, 6, 2);
    check_share(8, 100, 0, 6, 8, 0);
    check_share(1, 2, 2, 2, 1, 0);
}

Test(watch_lines, are_cut_and_blanked) {
    struct page page = {.width = 8};
    start_line(&page);
    put(&page, PLAIN, "a\033%s", "bcd\nefghijkl");
    cr_assert_eq(page.lines[0].length, 8);
    cr_assert_eq(memcmp(page.lines[0].text, "a bcd ef", 8), 0);
    free(page.lines);
}

/* No page is higher or wider than it may be, from tiny to large, whatever there is to show. */
Test(watch_page, fits_any_terminal) {
    struct world *world = world_with_a_leak();
    struct server server = {.tail = {.count = 0}};
    struct page page = {0};
    for (int i = 0; i < 200; i++)
        ((struct process *)add(&world->processes, sizeof(struct process)))->state = 'Z';
    for (int i = 0; i < 100; i++) (void)add(&world->connections, sizeof(struct connection));
    for (int height = 1; height < 120; height++) {
        for (int width = 1; width < 300; width += 13) {
            struct view view = {.width = width, .height = height, .keys = true};
            view.server = width % 2 == 0 ? &server : NULL;
            view.scroll = height * 3;
            show(&page, &view, world);
            cr_assert_leq(page.count, height, "%d lines for %d", page.count, height);
            for (int row = 0; row < page.count; row++) cr_assert_leq(page.lines[row].length, width);
        }
    }
    free(page.lines);
    look_away(world);
}
