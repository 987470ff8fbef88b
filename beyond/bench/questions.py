"""The questions, one function each: what is compared, how, and which goals there are."""

import math
import os
import re
import time

import servers
from figures import quartiles, ratios, short, spread
from lab import Failure, Process, Server, first_line, free_port, text_of
from load import Held, Run, ab_for, burst, counts_of, greets, limit, well_served, wrk_for

AGAIN = ' again'  # of the A/A pair: a second server of the same program
EVENT_DRIVEN = ('epoll', 'uv', 'coroutine', 'event', 'multi', 'uring')
HELD_MANY, HELD_IDLE = 4000, 10000


class Loop:
    """A loop of limit.c, in the place of a server."""

    def __init__(self, name, program):
        self.name, self.program = name, program


def begin(bench, starts):
    """Starts a server for each (name, function); says which are left out, and why. The first is started twice."""
    begun = []
    for i, (name, start) in enumerate([*starts[:1], *starts]):
        try:
            subject = start()
            if isinstance(subject, Server):
                greets(subject)
            subject.name = name
            begun.append(subject)
        except Failure as failure:
            if i > 0:
                bench.report.left_out(name, str(failure))
    if len(begun) > 1 and begun[0].name == begun[1].name:
        begun[1].name += AGAIN
    return begun


def end(subjects):
    for subject in subjects:
        if isinstance(subject, Server):
            subject.stop()


def compare(bench, question, cell, subjects, once):
    """Runs once(subject) for each, in rounds: A B C, C B A, A B C ... Returns the runs of each, by name."""
    order, results = list(subjects), {subject.name: [] for subject in subjects}
    for _ in range(bench.rounds):
        for subject in order:
            begun = time.monotonic()
            try:
                run = once(subject)
            except Failure as failure:
                run = Run(0, 1, 1, why=str(failure))
            run.begun = begun
            results[subject.name].append(run)
            bench.tick(f'{question}: {cell}: {subject.name}')
        order.reverse()
    bench.report.runs(question, cell, results)
    return results


def of(attribute):
    return lambda run: getattr(run, attribute)


def spread_of(runs, attribute):
    return quartiles(value for value in map(of(attribute), runs) if value is not None and not math.isnan(value))


def median_of(runs, attribute):
    figure = spread_of(runs, attribute)
    return short(figure.median) if figure else '-'


COLUMNS = ('', 'requests/s', 'ratio (quartiles)', 'p50 ms', 'p99 ms', 'CPU µs', 'of it, its own', 'client CPU %',
           'failed')


def rows_of(results):
    """A row for each name; the ratio is to the first, in the same round."""
    first = next(iter(results.values()))
    rows = []
    for name, runs in results.items():
        failed = sum(run.failed for run in runs)
        rows.append((name, median_of(runs, 'rate'), spread(ratios([r.rate for r in runs], [r.rate for r in first])),
                     *(median_of(runs, a) for a in ('p50', 'p99', 'cpu', 'server_cpu', 'client_share')),
                     f'FAILED {failed:,}' if failed else '0'))
    return rows


def ratio_bars(results):
    first = next(iter(results.values()))
    return [(name, ratios([r.rate for r in runs], [r.rate for r in first])) for name, runs in results.items()]


def without_failures(results, name):
    runs = results.get(name)
    return runs if runs and not any(run.failed for run in runs) else None


def loaded(bench, subject, connections):
    """A run of ab, or of the loop where there is no server."""
    if isinstance(subject, Loop):
        return limit(bench.lab, subject.program, ['fork'], bench.seconds)
    return ab_for(bench.lab, subject, connections, bench.seconds)


# ---- 1 ----

def pause(bench):
    """Claim 10.4: one client after the other, or a process for each, when each takes a while."""
    wait = 0.3 if bench.quick else 1
    seconds, clients = 10 * wait, 10
    stage2, stage7 = (f'{bench.bin}/{name}/server' for name in ('step2_sleep', 'step7_waitpid'))
    starts = [('stage 7', lambda: servers.stage(bench, stage7, '-s', wait)),
              ('stage 2', lambda: servers.stage(bench, stage2, '-s', wait)),
              *((model, lambda model=model: servers.serve(bench, model, '-s', wait))
                for model in ('fork', 'single') if model in bench.models)]
    subjects = begin(bench, [start for start in starts if bench.wanted(start[0])])
    if not subjects:
        return
    time.sleep(wait)  # the request that was tried sleeps, too

    # they sleep, all of them: so they can do it at the same time
    ab = ['ab', '-q', '-r', '-c', clients, '-n', 1000000, '-s', 60]
    loads = bench.lab.run_together([[*ab, f'http://127.0.0.1:{server.port}/hello'] for server in subjects],
                                   seconds + 0.5 * wait)
    results = {server.name: [Run(*counts_of(load.output), seconds, why=load.words_of_error())]
               for server, load in zip(subjects, loads)}
    end(subjects)
    bench.report.runs('1', f'{clients} connections', results)
    bench.report.table('1-pause', f'{clients} connections for {seconds:g} s, each request takes {wait:g} s; '
                       'all at the same time', ('', 'answers', 'failed'),
                       [(name, run.requests, run.failed) for name, [run] in results.items()])
    bench.report.bars('1-pause', f'Answers in {seconds:g} s, when each takes {wait:g} s', 'answers',
                      [(name, quartiles([run.requests])) for name, [run] in results.items()])
    for name, least, most in ('stage 2', 9, 11), ('single', 9, 11), ('stage 7', 90, 110), ('fork', 90, 110):
        runs = without_failures(results, name)
        figure = quartiles([run.requests for run in runs]) if runs else None
        bench.report.judge(f'{name}: answers in {seconds:g} s', '>=', least, figure)
        bench.report.judge(f'{name}: answers in {seconds:g} s', '<=', most, figure)


# ---- 2 ----

def others(bench):
    """Stage 7 beside other servers with a process for each connection, and beside the loop of fork alone."""
    builds = bench.linkages()
    starts = [('stage 7', lambda: servers.stage(bench, f'{bench.bin}/step7_waitpid/server'))]
    starts += [(f'stage 7 {linkage}', lambda linkage=linkage: servers.stage(bench, builds[linkage]['server']))
               for linkage in ('static', 'musl') if linkage in builds]
    if bench.python_server:
        starts.append(('Python', lambda: servers.python(bench)))
    else:
        bench.report.left_out("the article's Python server", 'PYTHON_SERVER=PATH says where webserver3g.py is')
    for name, function in ('tcpserver', servers.tcpserver), ('socat', servers.socat):
        if bench.has(name):
            starts.append((name, lambda function=function: function(bench)))
    if bench.has('apache2', 'httpd'):
        starts.append(('Apache prefork', lambda: servers.apache(bench, 'prefork')))
    starts.append(('fork loop', lambda: Loop('fork loop', builds['dynamic']['limit'])))
    clients = 10
    subjects = begin(bench, [start for start in starts if bench.wanted(start[0])])
    if not subjects:
        return
    results = compare(bench, '2', f'{clients} connections', subjects, lambda s: loaded(bench, s, clients))
    end(subjects)
    bench.report.table('2-others', f'{clients} connections at once, a connection for each request, by ab', COLUMNS,
                       rows_of(results))
    bench.report.bars('2-others', f'Requests per second, {clients} at once', f'times that of {subjects[0].name}',
                      ratio_bars(results))
    goal, run = bench.report.goal, results.get
    for name, bound in ('stage 7', 3), ('stage 7 static', 4.5), ('stage 7 musl', 6.5):
        goal(f'{name} : Python, requests/s, {clients} at once', '>=', bound, run(name), run('Python'))
    goal('stage 7 : Python, CPU a request', '<=', 0.25, run('stage 7'), run('Python'), of('cpu'))


# ---- 3 ----

def linkages(bench):
    """The same source, linked in other ways; and what makes fork dear."""
    builds, clients = bench.linkages(), 10
    starts = []
    for linkage, programs in builds.items():
        starts += [(f'stage 7 {linkage}', lambda p=programs: servers.stage(bench, p['server'])),
                   (f'fork loop {linkage}', lambda p=programs, name=linkage: Loop(name, p['limit']))]
    subjects = begin(bench, [start for start in starts if bench.wanted(start[0])])
    results = {}
    if subjects:
        results = compare(bench, '3', f'{clients} connections', subjects, lambda s: loaded(bench, s, clients))
        end(subjects)
        bench.report.table('3-linkages', f'Stage 7, {clients} at once, and the loop of fork, _exit and waitpid of the '
                           'same linkage', COLUMNS, rows_of(results))
        bench.report.bars('3-linkages', f'Stage 7, {clients} at once, and the loop of fork alone', 'a second',
                          [(linkage, *(spread_of(results.get(f'{what} {linkage}', []), 'rate')
                                       for what in ('stage 7', 'fork loop'))) for linkage in builds],
                          ('requests of stage 7', 'processes of the loop'))
    for linkage in builds:
        bench.report.goal(f'stage 7 : fork loop, {linkage}', '>=', 0.95, results.get(f'stage 7 {linkage}'),
                          results.get(f'fork loop {linkage}'))
    if bench.wanted('growth'):
        growth(bench, builds)


def growth(bench, builds):
    program = builds.get('static', builds['dynamic'])['limit']
    for name, across, option, steps in (('memory', 'MiB of memory', '-m', (0, 4, 64, 256)),
                                        ('descriptors', 'open descriptors', '-d', (0, 1000, 10000))):
        title = f"A process's cost, as its parent's {name} {'grows' if name == 'memory' else 'grow'}"
        ways = [('fork', ['fork']), ('vfork', ['vfork']), ('posix_spawn', ['spawn']), ('a thread', ['thread'])]
        if name == 'memory':
            ways.insert(1, ('fork, huge pages', ['-H', 'fork']))
        if name == 'descriptors':
            steps = [step for step in steps if step < bench.lab.descriptors - 100]
        seconds = bench.seconds / 4
        cells = [Loop((way, step), [option, step, *words]) for way, words in ways for step in steps]
        results = compare(bench, '3', name, cells, lambda loop: limit(bench.lab, program, loop.program, seconds))
        costs = {key: quartiles([1e6 / run.rate for run in runs if run.requests]) for key, runs in results.items()}
        bench.report.table(f'3-{name}', f'{title}: µs, {"static" if "static" in builds else "dynamic"}',
                           (across, *map(str, steps)),
                           [(way, *(spread(costs[way, step]) for step in steps)) for way, _ in ways])
        bench.report.lines(f'3-{name}', title, across, 'µs for one that ends at once',
                           [(way, [(max(step, 1), costs[way, step]) for step in steps]) for way, _ in ways])


# ---- 4 ----

def model_starts(bench):
    models = [model for model in bench.models if model != 'inetd']
    models.sort(key=lambda model: model != 'fork')  # it is what the others are compared with
    starts = [(model, lambda model=model: servers.serve(bench, model)) for model in models]
    if bench.has('nginx'):
        starts.append(('nginx', lambda: servers.nginx(bench)))
    if bench.has('apache2', 'httpd'):
        starts += [(f'Apache {mpm}', lambda mpm=mpm: servers.apache(bench, mpm)) for mpm in ('prefork', 'event')]
    return [start for start in starts if bench.wanted(start[0])]


def models(bench):
    """All models, side by side with nginx and Apache."""
    bench.report.left_out('inetd', 'it needs a super-server; question 2 has two of them')
    if not bench.has('wrk'):
        return
    starts = model_starts(bench)
    # whoever keeps a worker for each connection can keep no more connections than workers
    keeps = {'single': 1, 'prefork': bench.cores, 'threads': bench.cores, 'Apache prefork': servers.APACHE_SPARE}
    subjects = begin(bench, starts)
    if not subjects:
        return
    results = {}
    bench.report.say('With keep-alive, a server that gives a worker to each connection is measured up to as many '
                     'connections as it has workers, and the others would starve (claim 10.8): '
                     + ', '.join(f'{name} {count}' for name, count in keeps.items()) + '.')
    for keep in False, True:
        way = 'keep-alive' if keep else 'close'
        cells = (([100] if keep else [10, 100]) if bench.quick else [1, 10, 100, 1000])
        for clients in cells:
            able = [s for s in subjects if not keep or keeps.get(s.name.removesuffix(AGAIN), clients) >= clients]
            if not able:
                continue
            results[way, clients] = compare(bench, '4', f'{clients} connections, {way}', able,
                                            wrk_after_ab(bench, clients, keep))
            bench.report.table(f'4-{way}-{clients}', f'{clients:,} at once, {way}, by wrk', COLUMNS,
                               rows_of(results[way, clients]))
        names = list(dict.fromkeys(name for (w, _), runs in results.items() if w == way for name in runs))
        for attribute, title, unit in (('rate', 'Requests a second', 'requests a second'),
                                       ('cpu', 'Time of the processors for a request', 'µs of the whole machine')):
            bench.report.bars(f'4-{way}-{attribute}', f'{title}, {way}', unit, [
                (name, *(spread_of(without_failures(results.get((way, c), {}), name) or [], attribute) for c in cells))
                for name in names], [f'{c:,} at once' for c in cells])
    end(subjects)
    model_goals(bench, results)
    held(bench, [start for start in starts if start[0] not in keeps and not start[0].startswith('Apache')])


def wrk_after_ab(bench, clients, keep):
    """What to run for each server: wrk, and before the first time ab, which sees failures that wrk does not."""
    seen = set()

    def once(server):
        check = None if server.name in seen else well_served(bench.lab, server, clients)
        seen.add(server.name)
        run = wrk_for(bench.lab, server, clients, bench.seconds, keep)
        if check and check.failed:
            run.failed, run.why = run.failed + check.failed, check.why
        return run

    return once


def model_goals(bench, results):
    def goal(text, sign, bound, cell, one, other, attribute='rate'):
        runs = results.get(cell, {})
        bench.report.goal(f'{one} : {other}, {text}', sign, bound, runs.get(one), runs.get(other), of(attribute))
    crowd, ten, kept = ('close', 100), ('close', 10), ('keep-alive', 100)
    goal('requests/s, 100 at once', '>=', 1.1, crowd, 'prefork', 'Apache prefork')
    goal('CPU a request, 100 at once', '<=', 0.4, crowd, 'prefork', 'Apache prefork', 'cpu')
    for name in 'threads', 'thread-per-connection', 'epoll', 'uv':
        goal('requests/s, 10 at once', '>=', 2.2, ten, name, 'fork')
    goal('requests/s, 100 kept', '>=', 1.0, kept, 'multi', 'nginx')
    goal('CPU a request, 100 kept', '<=', 0.8, kept, 'multi', 'nginx', 'cpu')
    goal('requests/s, 10 at once', '>=', 1.0, ten, 'uring', 'epoll')
    goal('requests/s, 100 kept', '>=', 1.0, kept, 'uring', 'epoll')


def held(bench, starts):
    """Connections that are held, idle: their memory, and what the others notice of them."""
    most = min(HELD_MANY, bench.lab.descriptors - 200) // (4 if bench.quick else 1)
    if most < HELD_MANY:
        bench.report.say(f'Held: {most:,} connections instead of {HELD_MANY:,}: '
                         + ('this is QUICK.' if bench.quick else 'see ulimit -Hn.'))
    rows, bars = [], []
    idle = [] if bench.quick else [HELD_IDLE]
    for name, start in starts:
        counts = [most, *(idle if name in (*EVENT_DRIVEN, 'poll', 'nginx') else [])]
        row, kept = held_by(bench, name, start, counts)
        if row:
            rows.append([*row, *['-'] * (1 + 3 * (1 + len(idle)) - len(row))])
            bars.append((name, kept))
    if rows:
        columns = [f'{what}, {count:,} held' for count in [most, *idle]
                   for what in ('speed kept', 'KiB private', 'KiB of page tables')]
        bench.report.table('4-held', 'While idle connections are held: the speed for 10 others (the ratio to that '
                           "without), and for each that is held the server's private memory and page tables; the "
                           "kernel's sockets and stacks are not in it", ('', *columns), rows)
        bench.report.bars('4-held', f'Speed kept while {most:,} connections are held', 'of the speed without', bars)


def held_by(bench, name, start, counts):
    """One server and so many connections, each number in turn: its row, or None, and the speed kept with the first."""
    try:
        server = start()
        greets(server)
    except Failure as failure:
        bench.report.left_out(name, str(failure))
        return None, None
    row, first = [name], None
    for count in counts:
        count = min(count, bench.lab.descriptors - 200)
        kept, memory, why = holding(bench, server, count)
        if why:
            bench.report.failed.append(f'4, {count:,} held, {name}: {why}')
        row += [spread(kept) if not why else f'FAILED: {why}', *map(short, memory or (None, None))]
        if count == counts[0]:
            first = kept if not why else None
            if name in EVENT_DRIVEN or name == 'thread-per-connection':
                bench.report.judge(f'{name}: speed kept with {count:,} held', '>=', 0.85, first)
            if name in EVENT_DRIVEN:
                bench.report.judge(f'{name}: KiB a connection held', '<=', 4,
                                   quartiles([memory[0]]) if memory else None)
    server.stop()
    return row, first


def holding(bench, server, count):
    """The ratios of the speeds with and without, KiB a connection (private, page tables), and what went wrong."""
    free, full, memory = [], [], []
    try:
        wrk_for(bench.lab, server, 10, min(bench.seconds, 0.5), False)  # what is touched for the first time
        for _ in range(bench.rounds):
            free.append(wrk_for(bench.lab, server, 10, bench.seconds, False))
            before = server.memory()
            with Held(bench.lab, bench.holder, server, count):
                memory.append([(now - was) / count for now, was in zip(server.memory(), before)])
                full.append(wrk_for(bench.lab, server, 10, bench.seconds, False))
            bench.tick(f'4: {count} held: {server.name}')
    except Failure as failure:
        return None, None, str(failure)
    bench.report.runs('4', f'{count} held', {server.name: full, f'{server.name}, without': free})
    kept = ratios([run.rate for run in full], [run.rate for run in free])
    # the first time the server takes what it then has
    return kept, memory[0], 'requests failed' if any(run.failed for run in free + full) else ''


# ---- 5 ----

def queue(bench):
    """A burst of clients, and queues of different lengths for them to wait in."""
    most = int(first_line('/proc/sys/net/core/somaxconn', '4096'))
    lengths, bursts = (5, 128, 1024, 4096), (128, 1000) if bench.quick else (128, 1000, 4000)
    patience = 2 if bench.quick else 30
    if most < max(lengths):
        bench.report.say(f'net.core.somaxconn is {most}: no queue is longer, whatever listen(2) is told.')
    starts = [(f'{length:,}', lambda length=length: servers.stage(bench, bench.with_queue(length)))
              for length in sorted(lengths, key=lambda length: length != 1024)]  # the A/A pair: 1,024
    subjects = begin(bench, starts)
    rows, lines = [], []
    for clients in bursts:
        dropped = {}

        def once(server):
            before = drops()
            # who is not answered in time is what is to be seen: no failure of the measurement
            run = burst(bench.lab, server, f'{bench.bin}/client/client', clients, patience)
            dropped.setdefault(server.name, []).append(drops() - before)
            return run

        results = compare(bench, '5', f'a burst of {clients}', subjects, once)
        for name, runs in results.items():
            rows.append((f'{clients:,} clients, a queue of {name}', short(quartiles([r.requests for r in runs]).median),
                         spread(quartiles([r.seconds for r in runs])), median_of(runs, 'p50'), median_of(runs, 'p99'),
                         short(quartiles(dropped.get(name, [0])).median)))
        lines.append((f'{clients:,} clients', [(length, spread_of(results[f'{length:,}'], 'seconds'))
                                               for length in lengths if f'{length:,}' in results]))
    end(subjects)
    if rows:
        bench.report.table('5-queue', 'A burst of clients at stage 7, all at the same instant: how many were '
                           f'answered, and when; they wait for {patience} s',
                           ('', 'answered', 'the last after s', 'p50 ms', 'p99 ms', 'SYNs dropped, by whomever'),
                           rows)
        bench.report.lines('5-queue', 'When the last of a burst is answered, of those who are', 'length of the queue',
                           'seconds', lines)


def drops():
    """How many connections the kernel has refused to queue so far, of whatever server."""
    with open('/proc/net/netstat', encoding='ascii') as file:
        names, values = [line.split() for line in file if line.startswith('TcpExt:')]
    return int(dict(zip(names, values))['ListenDrops'])


# ---- 6 ----

def stress(bench):
    """1,000 clients at once: this repository's, the article's, and ab."""
    clients = 1000
    words, port = None, free_port()
    if bench.python_client:
        try:
            words, port = servers.article(bench, 'PYTHON_CLIENT', bench.python_client)
        except Failure as failure:
            bench.report.left_out("the article's client", str(failure))
    else:
        bench.report.left_out("the article's client", 'PYTHON_CLIENT=PATH says where client3.py is')
    ours = [f'{bench.bin}/client/client', '-p', port, '-c', clients, '-t', 30]
    commands = {'client': ours, 'client' + AGAIN: ours, 'client --no-read': [*ours, '--no-read'],
                'ab': ['ab', '-q', '-c', clients, '-n', clients, f'http://127.0.0.1:{port}/hello']}
    if words:
        commands['Python'] = [*words, '--max-clients', clients]
    try:
        server = Server(bench.lab, 'answer', [bench.answer, '-p', port], port)
    except Failure as failure:
        return bench.report.left_out('the clients', str(failure))

    results = compare(bench, '6', f'{clients} clients', [Loop(*command) for command in commands.items()],
                      lambda loop: crowd(bench.lab, loop.program))
    server.stop()
    times = {name: [run.seconds * 1000 for run in runs] for name, runs in results.items()}
    bench.report.table('6-stress', f'{clients:,} clients at once, against a server that costs next to nothing: '
                       'until the last of their processes has ended',
                       ('', 'ms (quartiles)', 'ratio (quartiles)', 'failed'),
                       [(name, spread(quartiles(t)), spread(ratios(t, times['client'])),
                         sum(run.failed for run in results[name])) for name, t in times.items()])
    bench.report.bars('6-stress', f'{clients:,} clients at once', 'ms',
                      [(name, quartiles(t)) for name, t in times.items()])
    for other, bound in ('Python', 0.27), ('ab', 1.2):
        bench.report.goal(f"client : {other}, time of {clients:,} clients", '<=', bound, results['client'],
                          results.get(other), of('seconds'))


def crowd(lab, words):
    """The time until all processes of a client have ended: they hold a pipe. (The article's does not wait for them.)"""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    begun = time.monotonic()
    client = Process(lab, words, stdout=writer)
    os.close(writer)
    said = b''
    while piece := os.read(reader, 1 << 16):
        said += piece
    seconds = time.monotonic() - begun
    os.close(reader)
    client.stop()
    text = said.decode(errors='replace') + text_of(client.err)
    wrong = client.child.returncode != 0 or re.search(r'Traceback|Failed requests: +[1-9]', text)
    return Run(0 if wrong else 1, 1 if wrong else 0, seconds, why=' '.join(text.split())[-200:] if wrong else '')


QUESTIONS = {
    1: ('One after the other, or a process each: answers when each takes a while', pause),
    2: ('Stage 7 beside others that have a process for each connection', others),
    3: ('What fork costs: linkage, memory, descriptors', linkages),
    4: ('All models of beyond/serve, nginx and Apache', models),
    5: ("The queue's length", queue),
    6: ('The stress client', stress),
}
