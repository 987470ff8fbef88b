"""Load: what ab and wrk do to a server for a while, or limit to the kernel, and what that cost."""

import http.client
import math
import os
import re
import urllib.request
from dataclasses import dataclass

from lab import Failure, Process, busy_time

HERE = os.path.dirname(os.path.abspath(__file__))
PATIENCE = 20  # seconds more than it should take, before a load is ended
LEAST = 100  # requests: of 50 and fewer, ab reads the p99 from beyond the end of its list


@dataclass
class Run:
    """One run: requests that were answered, those that failed, and what it took."""
    requests: int
    failed: int
    seconds: float
    p50: float = None  # of an answer's time, in ms
    p99: float = None
    busy: float = None  # seconds of all processors
    client: float = None  # seconds of them in the load generator itself
    server: float = None  # and in the server's control group
    why: str = ''
    begun: float = 0  # on the clock of time.monotonic

    @property
    def rate(self):
        return self.requests / self.seconds

    @property
    def cpu(self):
        """Microseconds of the whole machine a request, the load generator's own left out."""
        return (self.busy - self.client) / self.requests * 1e6 if self.requests and self.busy is not None else None

    @property
    def server_cpu(self):
        return self.server / self.requests * 1e6 if self.requests and self.server is not None else None

    @property
    def client_share(self):
        """Of one processor, in per cent."""
        return self.client / self.seconds * 100 if self.client is not None else None


def measured(lab, server, words, seconds):
    """Runs the load to its end, and returns it with the processors' time that it and the server took."""
    busy, cpu = busy_time(), server.cpu() if server else None
    process = lab.run(words, seconds)
    process.busy = busy_time() - busy
    process.server = server.cpu() - cpu if cpu is not None else None
    process.client = process.usage.ru_utime + process.usage.ru_stime if process.usage else 0
    return process


def number_in(text, pattern, default=None):
    found = re.search(pattern, text, re.MULTILINE)
    return float(found.group(1)) if found else default


def counts_of(output):
    """How many requests were answered well, says ab, and how many were not."""
    done, failed, refused = (int(number_in(output, rf'^{kind}: +(\d+)', 0))
                             for kind in ('Complete requests', 'Failed requests', 'Non-2xx responses'))
    return max(done - failed - refused, 0), failed + refused


def ab(lab, server, connections, count, seconds):
    """So many requests, a connection for each, so many at once; those not answered in seconds have failed."""
    times = f'{lab.directory}/times.csv'
    process = measured(lab, server, ['ab', '-q', '-r', '-s', math.ceil(seconds), '-c', connections, '-n', count,
                                     '-e', times, f'http://127.0.0.1:{server.port}/hello'], seconds)
    good, _ = counts_of(process.output)
    shares = {}
    if os.path.exists(times):
        with open(times, encoding='ascii') as lines:
            shares = dict(line.strip().split(',') for line in lines)
        os.unlink(times)
    return Run(good, count - good, number_in(process.output, r'^Time taken for tests: +([\d.]+)', process.seconds),
               float(shares.get('50', 'nan')), float(shares.get('99', 'nan')),
               process.busy, process.client, process.server, '' if good == count else process.words_of_error())


def ab_for(lab, server, connections, seconds):
    """As many requests as take about so long, at the speed of a few that go before."""
    few = ab(lab, server, connections, max(LEAST, 3 * connections), PATIENCE)
    if few.failed:
        return few
    return ab(lab, server, connections, max(LEAST, 3 * connections, int(few.rate * seconds)), seconds + PATIENCE)


def well_served(lab, server, connections):
    """The failures that wrk would not count: a few requests of ab's, for which it counts every one."""
    return ab(lab, server, connections, max(LEAST, 3 * connections), PATIENCE)


def wrk_for(lab, server, connections, seconds, keep):
    """For so long, so many connections at once, for a request each or kept. The answer needs its length. A connection
    that is never answered, wrk does not count: see well_served."""
    threads = min(os.cpu_count(), connections)
    words = ['wrk', '-t', threads, '-c', connections, '-d', math.ceil(seconds) + PATIENCE, '--timeout', 5,
             '--latency', '-s', f'{HERE}/report.lua']
    words += [] if keep else ['-H', 'Connection: close']
    process = measured(lab, server, [*words, f'http://127.0.0.1:{server.port}/hello'], seconds)
    counted = re.search(r'^counted (\d+) in (\d+) us, failed (\d+), p50 ([\d.]+) us, p99 ([\d.]+) us', process.output,
                        re.MULTILINE)
    if not counted:
        raise Failure(f'wrk: {process.words_of_error()}')
    done, time, failed, p50, p99 = map(float, counted.groups())
    errors = re.search(r'Socket errors:.*|Non-2xx.*', process.output)
    if done == 0:
        failed = max(failed, connections)
    return Run(int(done), int(failed), time / 1e6, p50 / 1e3, p99 / 1e3, process.busy, process.client, process.server,
               '' if not failed else errors.group() if errors else 'nothing was answered')


UNITS = {'ms': 1e-3, 's': 1}


def burst(lab, server, program, clients, patience):
    """That many clients at the same instant, none of which comes back: ab's come back as soon as they are served, and
    hide who is not. A Run with the last one's time for seconds."""
    process = lab.run([program, '-b', '-p', server.port, '-c', clients, '-t', patience], 2 * patience + PATIENCE)
    good = int(number_in(process.output, r'^ +(\d+)  answered and ended', 0))
    times = re.search(r'^end of file +' + r' +'.join([r'([\d.]+) (m?s)'] * 4), process.output, re.MULTILINE)
    if not times:
        raise Failure(f'nobody was answered: {process.output[-200:]} {process.words_of_error()}')
    values = [float(number) * UNITS[unit] for number, unit in zip(times.groups()[::2], times.groups()[1::2])]
    return Run(good, 0, values[3], values[1] * 1e3, values[2] * 1e3)


def limit(lab, program, words, seconds):
    """A loop of limit.c, which words name: its requests are the processes, or threads, that it made."""
    process = measured(lab, None, [program, '-t', seconds, *words], seconds + PATIENCE)
    if process.child.returncode != 0:
        raise Failure(process.words_of_error())
    count, time = process.output.split()
    return Run(int(count), 0, float(time), busy=process.busy, client=0)


class Held:
    """Idle connections to a server, for as long as the with statement takes."""

    def __init__(self, lab, program, server, count):
        self.lab, self.words, self.count = lab, [program, '-p', server.port, '-n', count], count

    def __enter__(self):
        reader, self.writer = os.pipe2(os.O_CLOEXEC)
        try:
            self.process = Process(self.lab, self.words, stdin=reader)
        finally:
            os.close(reader)
        while not os.path.getsize(self.process.out):
            if self.process.wait(0.02):
                raise Failure(self.process.words_of_error())
        return self

    def __exit__(self, kind, value, trace):
        os.close(self.writer)
        ended = self.process.wait(PATIENCE)
        with open(self.process.out, encoding='ascii') as file:
            lost = file.read().split()[-2:] != ['lost', '0']
        self.process.stop()
        if kind is None and (lost or not ended):
            raise Failure(f'it closed some of {self.count} connections that were to be held')


def greets(server):
    """Is the answer to a request the greeting? Raises Failure if not: nothing else is to be compared."""
    try:
        with urllib.request.urlopen(f'http://127.0.0.1:{server.port}/hello', timeout=10) as answer:
            text = answer.read()
    except OSError as error:
        raise Failure(f'its answer to one request: {error}') from error
    except http.client.HTTPException as error:
        raise Failure(f'its answer to one request is not HTTP: {str(error)!r}') from error
    if text != b'Hello, World!\n':
        raise Failure(f'its answer is not the greeting: {text[:40]!r}')
