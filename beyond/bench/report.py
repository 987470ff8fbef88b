"""The report: tables, goals and pictures, on the terminal and in files; and on which machine they were made."""

import glob
import os
import platform
import re
import subprocess
import time

from figures import is_met, ratios, short, spread
from lab import Failure, first_line
from servers import find

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WIDTH, LINE = 900, 24  # of a picture, and of a bar's line in it
OWN = ('results.md', 'machine.tsv', 'runs.tsv', 'goals.tsv')
NOT_MEASURED = 'not measured here'
INK = 0  # colours, by their place among dress.bash's
SERIES = (2, 4, 3, 5, 6, 7, 8)


def output(*words):
    """The first line that a program says, or nothing if there is no such program."""
    try:
        said = subprocess.run(words, capture_output=True, text=True, check=False)
    except OSError:
        return ''
    return ((said.stdout + said.stderr).strip() or '\n').splitlines()[0]


def package_version(*names):
    """Of programs that do not know their own."""
    return next(filter(None, (re.sub(r'^no packages found.*|^dpkg-query:.*', '', output(
        'dpkg-query', '-W', '-f', '${Package} ${Version}', name)) for name in names)), '')


def machine(cc):
    """What the figures depend on, as pairs of a name and a value."""
    with open('/proc/cpuinfo', encoding='utf-8') as file:
        info = file.read()
    model = re.search(r'^model name\s*: (.*)', info, re.MULTILINE)
    memory = int(first_line('/proc/meminfo').split()[1]) // 1024
    musl = glob.glob('/lib/ld-musl-*.so.1')
    said = musl and subprocess.run(musl[:1], capture_output=True, text=True, check=False).stderr.splitlines()
    governor = first_line('/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor', 'not said')
    pairs = [
        ('date', time.strftime('%Y-%m-%d %H:%M %Z')),
        ('commit', output('git', '-C', ROOT, 'describe', '--always', '--dirty')),
        ('processor', model.group(1) if model else platform.machine()),
        ('processors', str(os.cpu_count())),
        ('a virtual machine', 'yes' if re.search(r'^flags.*\bhypervisor\b', info, re.MULTILINE) else 'no'),
        ('governor of the clock', governor),
        ('memory', f'{memory:,} MiB'),
        ('kernel', f'{platform.system()} {platform.release()}'),
        ('compiler', output(cc, '--version')),
        ('libc', os.confstr('CS_GNU_LIBC_VERSION') if 'CS_GNU_LIBC_VERSION' in os.confstr_names else ''),
        ('musl', said[1] if len(said) > 1 else ''),
        ('Python', platform.python_version()),
        ('ab', output('ab', '-V')),
        ('wrk', output('wrk', '-v')),
        ('nginx', output(find('nginx') or 'nginx', '-v')),
        ('Apache', output(find('apache2', 'httpd') or 'apache2', '-v')),
        ('socat', package_version('socat')),
        ('tcpserver', package_version('ucspi-tcp-ipv6', 'ucspi-tcp')),
        *((library, output('pkg-config', '--modversion', library)) for library in ('libuv', 'libevent', 'liburing')),
        ('net.core.somaxconn', first_line('/proc/sys/net/core/somaxconn')),
        ('huge pages', first_line('/sys/kernel/mm/transparent_hugepage/enabled')),
        ('load average before', ' '.join(first_line('/proc/loadavg').split()[:3])),
    ]
    return [(name, value if value and 'not found' not in value else 'not here') for name, value in pairs]


class Report:
    """Says everything at once on the terminal, and keeps it for the files in the directory out."""

    def __init__(self, out, cc, questions, partial):
        os.makedirs(out, exist_ok=True)
        for name in os.listdir(out):  # what was found before about the same
            if name in OWN or re.fullmatch(rf'[{"".join(map(str, questions))}]-.*\.(svg|tsv)', name):
                os.unlink(f'{out}/{name}')
        self.out, self.page, self.goals, self.failed = out, ['# How fast they are', ''], [], []
        self.machine = machine(cc)
        self.partial = partial  # only some of the servers were asked for
        self.colours = subprocess.run(
            ['bash', '-c', '. "$1"; printf "%s\\n" "${DRESS_COLOURS[@]%% *}"', 'bash', f'{ROOT}/tools/dress.bash'],
            capture_output=True, text=True, check=True).stdout.split()
        self.page += ['| what | here |', '|---|---|', *(f'| {name} | {value} |' for name, value in self.machine), '']
        self.file('machine.tsv', self.machine)
        self.file('runs.tsv', [('question', 'of', 'name', 'round', 'begun s', 'requests', 'failed', 'seconds', 'p50 ms',
                                'p99 ms', 'busy s', 'client s', 'server s', 'why')])

    def file(self, name, rows):
        with open(f'{self.out}/{name}', 'a', encoding='utf-8') as file:
            file.writelines('\t'.join('' if cell is None else str(cell) for cell in row) + '\n' for row in rows)

    def say(self, text):
        print(text, flush=True)
        self.page += [text, '']

    def question(self, number, text):
        print(flush=True)
        self.page += [f'## {number} {text}', '']
        print(f'{number} {text}', flush=True)

    def left_out(self, what, why):
        self.say(f'Left out: {what}: {why}')

    def runs(self, question, cell, results):
        """Keeps each run, and remembers those in which a request failed."""
        for name, runs in results.items():
            self.file('runs.tsv', [(question, cell, name, i + 1, f'{run.begun:.3f}', run.requests, run.failed,
                                    f'{run.seconds:.6f}', run.p50, run.p99, run.busy, run.client, run.server, run.why)
                                   for i, run in enumerate(runs)])
            failed = sum(run.failed for run in runs)
            if failed:
                why = next((run.why for run in runs if run.failed), '')
                self.failed.append(f'{question}, {cell}, {name}: {failed:,} failed ({why})')

    def table(self, name, title, columns, rows):
        """Rows of texts; a row's first is its name."""
        widths = [max(len(str(row[i])) for row in [columns, *rows]) for i in range(len(columns))]
        print(f'\n{title}')
        for row in [columns, *rows]:
            print('  ' + '  '.join(str(cell).ljust(width) if i == 0 else str(cell).rjust(width)
                                   for i, (cell, width) in enumerate(zip(row, widths))).rstrip(), flush=True)
        self.page += [f'**{title}**', '', '| ' + ' | '.join(columns) + ' |', '|---' + '|--:' * (len(columns) - 1) + '|',
                      *('| ' + ' | '.join(map(str, row)) + ' |' for row in rows), '']
        self.file(f'{name}.tsv', [columns, *rows])

    def judge(self, text, sign, bound, figure, reason=NOT_MEASURED):
        """Notes whether a spread is as the goal wants it; without one, the reason why it is not known."""
        if figure is None and self.partial and reason == NOT_MEASURED:
            return
        verdict = reason if figure is None else 'met' if is_met(figure, sign, bound) else 'MISSED'
        self.goals.append((text, f'{sign} {bound:g}', spread(figure), verdict))

    def goal(self, text, sign, bound, these, those, of=lambda run: run.rate):
        """Judges the ratios of these runs to those beside them; None: they were not made."""
        if not these or not those:
            self.judge(text, sign, bound, None)
        elif any(run.failed for run in these + those):
            self.judge(text, sign, bound, None, 'not judged: requests failed')
        else:
            self.judge(text, sign, bound, ratios([of(run) for run in these], [of(run) for run in those]))

    # ---- pictures ----

    def draw(self, name, title, story, height, commands):
        script = [f"set terminal svg size {WIDTH},{height} dynamic noenhanced font 'system-ui,sans-serif,15'",
                  'set output', f"set title '{quoted(title)}' font ',18'",
                  f"set border 3 lc rgb '{self.colours[INK]}'",
                  f"set tics nomirror out scale 0.5 textcolor rgb '{self.colours[INK]}'",
                  f"set grid lc rgb '{self.colours[1]}'", *commands]
        path = f'{self.out}/{name}.svg'
        dressed = subprocess.run(
            ['bash', '-c', 'set -o pipefail; . "$1"; gnuplot | dress "$2" "$3" >"$4"', 'bash',
             f'{ROOT}/tools/dress.bash', title, story, path],
            input='\n'.join(script), text=True, capture_output=True, check=False)
        if dressed.returncode != 0:
            raise Failure(f'gnuplot could not draw {path}: {dressed.stderr.strip()[-300:]}')
        self.page += [f'![{story}]({name}.svg)', '']

    def bars(self, name, title, unit, rows, series=('',)):
        """A bar of each spread with its quartiles as a line. rows: a name and, for each of series, a spread or None."""
        count = len(series)
        thick, lines = 0.8 / count, max(len(rows) * max(count * 0.75, 1), 3)
        commands, plots = [], []
        for j, label in enumerate(series):
            data = [(spread_, -(i + (j - (count - 1) / 2) * thick)) for i, (_, *spreads) in enumerate(rows)
                    for spread_ in [spreads[j]] if spread_]
            if not data:
                continue
            commands += [f'$d{j} << END', *(f'{s.median} {y} {s.low} {s.high - s.low} "{short(s.median)}"'
                                            for s, y in data), 'END']
            plots += [f"$d{j} using ($1/2):2:($1/2):({thick * 0.42}) with boxxyerror fs solid noborder "
                      f"lc rgb '{self.colours[SERIES[j]]}' title '{quoted(label)}'",
                      f"$d{j} using 3:2:4:(0) with vectors nohead lw 2 lc rgb '{self.colours[INK]}' notitle",
                      f"$d{j} using ($3+$4):2:5 with labels left offset 0.6,0 font ',12' "
                      f"textcolor rgb '{self.colours[INK]}' notitle"]
        if not plots:
            return
        most = max(s.high for _, *spreads in rows for s in spreads if s)
        story = f'{title}, in {unit}: ' + '; '.join(
            row_name + ' ' + ', '.join(f'{label} {short(s.median)}'.strip() for label, s in zip(series, spreads) if s)
            for row_name, *spreads in rows)
        ticks = ', '.join(f"'{quoted(row_name)}' {-i}" for i, (row_name, *_) in enumerate(rows))
        self.draw(name, title, story, int(130 + LINE * lines + (2.5 * LINE if any(series) else 0)), [
            *commands, f'set ytics ({ticks})', f'set yrange [{-len(rows) + 0.4}:0.6]', 'set grid xtics noytics',
            f'set xrange [0:{most * 1.12}]', f"set xlabel '{quoted(unit)}'", 'set xtics autofreq',
            f'set bmargin {6 if any(series) else 4}',
            f"set key {'outside bottom center horizontal maxrows 1 width -3 samplen 2' if any(series) else 'off'}"
            f" textcolor rgb '{self.colours[INK]}'",
            'plot ' + ', '.join(plots)])

    def lines(self, name, title, across, up, series):
        """Lines over a logarithmic axis. series: a name and its points (x, spread), x from 1 on."""
        commands, plots = [], []
        for j, (label, points) in enumerate(series):
            commands += [f'$d{j} << END', *(f'{x} {s.median} {s.low} {s.high}' for x, s in points if s), 'END']
            colour = self.colours[SERIES[j]]
            plots += [f"$d{j} using 1:2 with lines lw 2.5 lc rgb '{colour}' title '{quoted(label)}'",
                      f"$d{j} using 1:3:(0):($4-$3) with vectors nohead lw 2 lc rgb '{self.colours[INK]}' notitle"]
        places = sorted({x for _, points in series for x, _ in points})
        story = f'{title}: ' + '; '.join(
            f'{label} ' + ', '.join(f'{short(s.median)} at {shown(x)}' for x, s in points if s)
            for label, points in series)
        self.draw(name, title, story, 480, [
            *commands, 'set logscale xy', 'set xtics (' + ', '.join(f"'{shown(x)}' {x}" for x in places) + ')',
            f'set xrange [{places[0] * 0.8}:{places[-1] * 1.25}]', f"set xlabel '{quoted(across)}'",
            f"set ylabel '{quoted(up)}'", 'set format y "%.10g"',
            f"set key outside right textcolor rgb '{self.colours[INK]}'", 'plot ' + ', '.join(plots)])

    def close(self, but=''):
        """The goals, and what failed; then the file of all that was said."""
        if self.goals:
            self.table('goals', f'The goals: the median of the ratios side by side, and their quartiles{but}',
                       ('goal', 'wanted', 'measured', ''), self.goals)
        for line in self.failed:
            self.say(f'FAILED {line}')
        with open(f'{self.out}/results.md', 'w', encoding='utf-8') as file:
            file.write('\n'.join(self.page))
        print(f'\n{self.out}/results.md has all of this, with the pictures; runs.tsv has each run')


def shown(x):
    return 'none' if x == 1 else f'{x:,}'


def quoted(text):
    return text.replace("'", "''")
