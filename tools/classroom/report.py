"""
The reports of tools/classroom/report that want more care with escaping than awk gives.

    report.py FORMAT [NAME NUMBER TITLE FILE]...      for each exercise: its name, number, title and lines
    report.py grades                                  a table of a class: from STUDENT, EXERCISE and EARNED on standard
                                                      input, each with a NUL behind it; EARNED is empty if not judged

The lines have been checked already. From the environment: STUDENT, TOOK.
"""

import csv
import html
import json
import os
import re
import signal
import sys
import unicodedata
from xml.sax.saxutils import escape, quoteattr


def shown(text):
    """The text with all written out that is no visible sign: controls, what turns the direction of others, no characters."""
    signs = []
    for sign in text:
        value = ord(sign)
        if 0xDC80 <= value <= 0xDCFF:  # a byte that is no UTF-8
            signs.append("\\x%02x" % (value - 0xDC00))
        elif unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
            signs.append("\\x%02x" % value if value < 256 else "\\u{%x}" % value)
        else:
            signs.append(sign)
    return "".join(signs)


def spread(text):
    """The lines of a text whose ends are written as \\n."""
    ends = re.sub(r"\\(.)", lambda found: "\n" if found.group(1) == "n" else found.group(0), text)
    return ends.rstrip("\n")


class Behaviour:
    def __init__(self, fields):
        self.points, self.earned = int(fields[0]), int(fields[1])
        self.title, self.what, self.expected, self.seen, self.next = (shown(field) for field in fields[2:])
        self.lost = self.earned < self.points

    def reasons(self):
        """What is to be said of one that is missing: pairs of a name and a text."""
        return [(name, text) for name, text in (
            ("looked at", self.what), ("expected", self.expected or "nothing"), ("seen", self.seen or "nothing"),
            ("try next", self.next)) if text]

    def words(self):
        """The same as plain text; several lines have a mark before each, so that none can be taken for ours."""
        parts = []
        for name, text in self.reasons():
            lines = spread(text).split("\n")
            mark = "| " if len(lines) > 1 else ""
            parts.append("%-10s %s" % (name + ":", ("\n" + " " * 11).join(mark + line for line in lines)))
        return "\n".join(parts)


class Exercise:
    def __init__(self, name, number, title, path):
        self.name, self.number, self.title = shown(name), shown(number), shown(title)
        with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            rows = [line.rstrip("\n").split("\t") for line in file]
        self.behaviours = [Behaviour(row) for row in rows if row[0] != "END"]
        self.earned = sum(behaviour.earned for behaviour in self.behaviours)
        self.points = sum(behaviour.points for behaviour in self.behaviours)

    def heading(self):
        heading = "Exercise %s, %s" % (self.number, self.name) if self.number else self.name
        return heading + (": " + self.title if self.title else "")


def junit(exercises, student, took):
    def counts(behaviours):
        return 'tests="%d" failures="%d" errors="0" skipped="0"' % (len(behaviours), sum(b.lost for b in behaviours))

    def seconds(share):
        return ' time="%.3f"' % (took * share) if took is not None else ""

    everything = [behaviour for exercise in exercises for behaviour in exercise.behaviours]
    lines = ['<?xml version="1.0" encoding="UTF-8"?>',
             '<testsuites name="grade" %s%s>' % (counts(everything), seconds(1))]
    for exercise in exercises:
        lines.append("  <testsuite name=%s %s%s>" % (
            quoteattr(exercise.name), counts(exercise.behaviours), seconds(1 / len(exercises))))
        lines.append("    <properties>")
        if student:
            lines.append('      <property name="student" value=%s/>' % quoteattr(student))
        lines.append('      <property name="earned" value="%d"/>' % exercise.earned)
        lines.append('      <property name="points" value="%d"/>' % exercise.points)
        lines.append("    </properties>")
        for behaviour in exercise.behaviours:
            start = "    <testcase classname=%s name=%s" % (
                quoteattr("classroom." + exercise.name), quoteattr(behaviour.title))
            if behaviour.lost:
                message = "%s: expected %s, seen %s" % (
                    behaviour.what or behaviour.title, behaviour.expected or "nothing", behaviour.seen or "nothing")
                lines += [start + ">",
                          '      <failure type="%d of %d points" message=%s>%s</failure>' % (
                              behaviour.earned, behaviour.points, quoteattr(message), escape(behaviour.words())),
                          "    </testcase>"]
            else:
                lines.append(start + "/>")
        lines.append("  </testsuite>")
    lines.append("</testsuites>")
    return "\n".join(lines) + "\n"


def gradescope(exercises, student, took):
    several = len(exercises) > 1
    tests = []
    for exercise in exercises:
        for behaviour in exercise.behaviours:
            tests.append({
                "name": (exercise.name + ": " if several else "") + behaviour.title,
                "number": "%s.%d" % (exercise.number or exercise.name, 1 + exercise.behaviours.index(behaviour)),
                "score": behaviour.earned, "max_score": behaviour.points,
                "status": "failed" if behaviour.lost else "passed",
                "output": behaviour.words() if behaviour.lost else "", "output_format": "text", "name_format": "text",
                "visibility": "visible"})
    results = {
        "score": sum(exercise.earned for exercise in exercises),
        "output": "\n".join("%s: %d of %d points" % (e.heading(), e.earned, e.points) for e in exercises),
        "output_format": "text", "visibility": "visible", "stdout_visibility": "hidden"}
    if took is not None:
        results["execution_time"] = took
    results["tests"] = tests
    return json.dumps(results, indent=2, ensure_ascii=True) + "\n"


def cell(text):
    """A text as it may stand in a table: a spreadsheet would take some for a formula, and calculate it."""
    return "'" + text if text.lstrip(" ")[:1] in tuple("=+-@\uff0b\uff0d\uff1d\uff20") and text else text


def table(rows):
    class Lines(list):
        write = list.append

    lines = Lines()
    csv.writer(lines, lineterminator="\r\n").writerows(
        [cell(field) if isinstance(field, str) else field for field in row] for row in rows)
    return "".join(lines)


def comma(exercises, student, took):
    rows = [["student", "exercise", "earned", "points", "missing"]]
    for exercise in exercises:
        missing = "; ".join(behaviour.title for behaviour in exercise.behaviours if behaviour.lost)
        rows.append([student, exercise.name, exercise.earned, exercise.points, missing])
    return table(rows)


def grades(text):
    fields = text.split("\0")[:-1]
    found, students, exercises = {}, [], []
    for student, exercise, earned in zip(fields[0::3], fields[1::3], fields[2::3]):
        if student not in students:
            students.append(student)
        if exercise:  # a student without programs has a line, too
            if exercise not in exercises:
                exercises.append(exercise)
            found[student, exercise] = earned
    wanted = [name for name in os.environ.get("ORDER", "").split() if name in exercises]
    rows = [["student"] + wanted + ["total"]]
    for student in students:
        earned = [found.get((student, exercise), "") for exercise in wanted]
        rows.append([shown(student)] + [int(points) if points else "" for points in earned]
                    + [sum(int(points) for points in earned if points) if any(earned) else ""])
    return table(rows)


STYLE = """
:root { color-scheme: light dark; --ink: #1b1b1b; --paper: #ffffff; --faint: #595959; --line: #c8c8c8;
  --good: #00664d; --bad: #a33a00; --soft: #f3f3f0; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e8e8; --paper: #16181c; --faint: #b0b0b0; --line: #4a4f57;
  --good: #4fd0a8; --bad: #ff9a66; --soft: #202329; } }
body { margin: 0 auto; padding: 1.5rem 1rem 3rem; max-width: 46rem; font: 1rem/1.5 system-ui, sans-serif;
  color: var(--ink); background: var(--paper); }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; line-height: 1.3; margin: 2.5rem 0 .75rem; padding-top: 1rem; border-top: 1px solid var(--line);
  overflow-wrap: anywhere; }
h3 { font-size: 1rem; line-height: 1.4; margin: 0; display: flex; gap: .75rem; align-items: baseline; overflow-wrap: anywhere; }
p { margin: 0 0 .75rem; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { text-align: left; padding: .2rem 1.2rem .2rem 0; border-bottom: 1px solid var(--line); font-weight: normal; }
td, .number { text-align: right; padding-right: 0; white-space: nowrap; font-variant-numeric: tabular-nums; }
tfoot th, tfoot td { font-weight: bold; }
ol { list-style: none; margin: 0; padding: 0; }
li { padding: .6rem 0; }
.mark { flex: none; width: 6.5rem; font-variant-numeric: tabular-nums; font-weight: bold; }
.whole { color: var(--good); }
.missing { color: var(--bad); }
.option { white-space: nowrap; }
li p { margin: .25rem 0; color: var(--faint); }
dl { margin: .5rem 0 .5rem 0; padding: .75rem 1rem; background: var(--soft); border-left: .25rem solid var(--bad);
  display: grid; grid-template-columns: 5.25rem 1fr; gap: .35rem 1rem; }
dt { color: var(--faint); }
dt:last-of-type { color: var(--ink); font-weight: bold; }
dd { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
dd.said { font-family: ui-monospace, monospace; font-size: .925rem; }
a { color: inherit; }
@media (max-width: 34rem) { dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; } .mark { width: auto; } }
@media print { dl, li { break-inside: avoid; } }
"""


def page(exercises, student, took):
    def text(words):
        return html.escape(words, quote=True)

    def whole_options(words):
        """So that a line does not end between the hyphen of an option and its letters."""
        return re.sub(r"(?<!\S)-[^\s<&;]{1,24}(?=\s|$)", r'<span class="option">\g<0></span>', words)

    def behaviour_item(behaviour, before):
        kind = "missing" if behaviour.lost else "whole"
        sign = "\u2717" if behaviour.lost else "\u2713"
        lines = ['<li><h3><span class="mark %s"><span aria-hidden="true">%s</span> %d of %d</span> <span>%s</span></h3>' % (
            kind, sign, behaviour.earned, behaviour.points, text(behaviour.title))]
        if behaviour.lost and before and behaviour.reasons() == before.reasons():
            lines.append("<p>For the same reason.</p>")
        elif behaviour.lost:
            lines.append("<dl>")
            for name, words in behaviour.reasons():
                style = {"seen": ' class="said"', "expected": ' class="said"'}.get(name, "")
                lines.append("<dt>%s</dt><dd%s>%s</dd>" % (name, style, whole_options(text(spread(words)))))
            lines.append("</dl>")
        return "\n".join(lines) + "</li>"

    earned, points = sum(e.earned for e in exercises), sum(e.points for e in exercises)
    whose = student or "Your program"
    parts = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        "<title>%s: %d of %d points</title>" % (text(whose), earned, points),
        "<style>%s</style>\n</head>\n<body>\n<main>" % STYLE,
        "<h1>%s</h1>" % text(whose),
        "<p>%d of %d points, in %d exercise%s. Each point is for something that the program was seen to do.</p>" % (
            earned, points, len(exercises), "" if len(exercises) == 1 else "s")]
    if len(exercises) > 1:
        parts.append('<table>\n<thead><tr><th scope="col">Exercise</th><th scope="col" class="number">Points</th></tr></thead>\n<tbody>')
        for number, exercise in enumerate(exercises):
            parts.append('<tr><th scope="row"><a href="#exercise%d">%s</a></th><td>%d of %d</td></tr>' % (
                number, text(exercise.heading()), exercise.earned, exercise.points))
        parts.append('</tbody>\n<tfoot><tr><th scope="row">All</th><td>%d of %d</td></tr></tfoot>\n</table>' % (earned, points))
    for number, exercise in enumerate(exercises):
        parts.append('<section aria-labelledby="exercise%d">\n<h2 id="exercise%d">%s</h2>' % (
            number, number, text(exercise.heading())))
        if exercise.earned == exercise.points:
            parts.append('<p class="whole">All %d points.</p>' % exercise.points)
        else:
            parts.append("<p>%d of %d points.</p>" % (exercise.earned, exercise.points))
        parts.append("<ol>\n%s\n</ol>\n</section>" % "\n".join(
            behaviour_item(b, before) for b, before in zip(exercise.behaviours, [None] + exercise.behaviours)))
    parts.append("</main>\n</body>\n</html>")
    return "\n".join(parts) + "\n"


def main():
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    for stream in (sys.stdin, sys.stdout):
        stream.reconfigure(encoding="utf-8", errors="surrogateescape", newline="")
    kind, arguments = sys.argv[1], [word.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape") for word in sys.argv[2:]]
    if kind == "grades":
        result = grades(sys.stdin.read())
    else:
        exercises = [Exercise(*arguments[i:i + 4]) for i in range(0, len(arguments), 4)]
        student = shown(os.environ.get("STUDENT", ""))
        took = os.environ.get("TOOK", "")
        took = float(took) if re.fullmatch(r"[0-9]+(\.[0-9]+)?", took) else None
        result = {"junit": junit, "gradescope": gradescope, "csv": comma, "page": page}[kind](exercises, student, took)
    sys.stdout.write(result)
    sys.stdout.flush()


main()
