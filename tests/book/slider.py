"""Tests of the slider: its states are worked out here once more, in another way than slider.js does."""

import re
import time

from harness import PICTURES, ROOT, browser, expect, fail, test
from selenium.webdriver.common.keys import Keys


class Replay:
    def __init__(self, name):
        lines = (ROOT / f"docs/pictures/{name}.tsv").read_text().split("\n")
        keys = ["time", "process", "event", "name", "descriptor", "object", "result", "text"]
        self.rows = [
            dict(zip(keys, ["" if field == "-" else field for field in line.split("\t")]))
            for line in lines
            if line and not line.startswith("#")
        ]
        self.parents = {row["object"]: row["process"] for row in self.rows if row["event"] == "fork"}

    def states(self):
        """Gives, for each row, what there is after it: processes by name, and the counts."""
        life, calls, handlers, stopped, tables = {}, {}, {}, set(), {}
        counts = dict(children=0, zombies=0, descriptors=0, signals=0, lost=0)
        server_ended = False
        for row in self.rows:
            who, event, target = row["process"], row["event"], row["object"]
            if event == "begin":
                life[who], tables[who] = "alive", {}
            elif event == "fork":
                life[target], tables[target] = "alive", dict(tables[who])
                counts["children"] += who == "server"
            elif event == "open":
                tables[who][int(row["descriptor"])] = target
            elif event == "close":
                del tables[who][int(row["descriptor"])]
            elif event in ("call", "return"):
                calls[who] = row["name"] if event == "call" else None
            elif event in ("signal", "handled"):
                handlers[who] = handlers.get(who, 0) + (1 if event == "signal" else -1)
                if (
                    event == "signal"
                    and who == "server"
                    and row["name"] == "SIGCHLD"
                    and row["result"] in ("exited", "killed")
                ):
                    counts["signals"] += 1
            elif event == "lost":
                counts["lost"] += 1
            elif event == "stop":
                stopped.add(who)
            elif event == "continue":
                stopped.discard(who)
            elif event == "exit":
                calls[who] = None
                stopped.discard(who)
                if self.parents.get(who) == "server" and not server_ended:
                    life[who] = "zombie"
                    counts["children"] -= 1
                    counts["zombies"] += 1
                else:
                    life[who] = "gone"
                server_ended = server_ended or who == "server"
            elif event == "reap":
                life[target] = "gone"
                counts["zombies"] -= 1
            counts["descriptors"] = len(tables.get("server", {}))
            yield {
                "counts": dict(counts),
                "processes": {
                    name: [
                        life[name],
                        calls.get(name),
                        handlers.get(name, 0),
                        name in stopped,
                        {str(number): target for number, target in sorted(tables[name].items())},
                    ]
                    for name in life
                },
            }

    def chosen(self):
        """The rows to look at: all of a short run, of a long one those at which something changes, and some others."""
        if len(self.rows) <= 700:
            return list(range(len(self.rows)))
        special = [
            i
            for i, row in enumerate(self.rows)
            if row["event"] in ("lost", "stop", "continue", "begin", "end")
            or row["process"] == "server"
            and row["event"] == "exit"
        ]
        return sorted(
            set(special)
            | {i + d for i in special for d in (-1, 1) if 0 <= i + d < len(self.rows)}
            | set(range(0, len(self.rows), 13))
        )


STATES = """
    return arguments[0].map((n) => {
      const state = window.slider.stateAt(n);
      const { children, zombies, descriptors, signals, lost } = state;
      return {
        counts: { children, zombies, descriptors, signals, lost },
        processes: Object.fromEntries([...state.processes].map(([name, p]) => [name,
          [p.life, p.call?.name ?? null, p.handlers, p.stopped, Object.fromEntries([...p.descriptors].sort((a, b) => a[0] - b[0]))]])),
      };
    });
"""


def picture_page(name, place=""):
    browser.page(f"pictures/{name}.html{place}")


@test("the slider's states are those of the rows, after each of them")
def _():
    for name in PICTURES:
        replay = Replay(name)
        picture_page(name)
        expect(
            f"the number of events of {name}",
            len(replay.rows),
            browser.run("return window.slider.rows.length"),
            "parse in slider.js",
        )
        chosen = replay.chosen()
        wanted = {i: state for i, state in enumerate(replay.states()) if i in set(chosen)}
        for start in range(0, len(chosen), 400):
            part = chosen[start : start + 400]
            for i, seen in zip(part, browser.run(STATES, part)):
                if seen != wanted[i]:
                    difference = {
                        key: (wanted[i]["processes"].get(key), seen["processes"].get(key))
                        for key in wanted[i]["processes"] | seen["processes"]
                        if wanted[i]["processes"].get(key) != seen["processes"].get(key)
                    }
                    fail(
                        f"the state after row {i} of {name}, {replay.rows[i]}",
                        {"counts": wanted[i]["counts"], "processes": "as below"},
                        {"counts": seen["counts"], "expected and seen": difference},
                        "apply in slider.js; tools/trace/README.md",
                    )


def words_of(life, call, handlers, stopped):
    """The words that must stand in the table for such a process, and those that must not."""
    if life != "alive":
        return [life], ["running", "waits", "stopped"]
    words = []
    if stopped:
        words.append("stopped")
    if handlers:
        words.append("handler")
    if call == "sleep":
        words.append("sleep")
    elif call:
        words.append("_exit" if call == "exit" else call)
    return words or ["running"], ["zombie", "gone"]


@test("the table shows them: state, descriptors, counts, time")
def _():
    for name in PICTURES:
        replay = Replay(name)
        states = list(replay.states())
        turns = [
            i
            for i, row in enumerate(replay.rows)
            if row["event"] in ("lost", "stop", "continue", "reap", "exit", "fork", "signal", "close")
        ]
        every = max(1, len(turns) // 12)
        picture_page(name)
        for i in sorted(set(turns[::every]) | {0, len(replay.rows) - 1}):
            browser.run("window.slider.show(arguments[0])", i)
            shown = browser.run(
                """return {
              rows: [...document.querySelectorAll(".processes tbody tr[data-process]")].map((tr) => [tr.dataset.process, tr.cells[1].textContent,
                [...tr.querySelectorAll(".descriptors li:not(:has(del))")].map((li) => li.textContent)]),
              counts: Object.fromEntries([...document.querySelectorAll("[data-count]")].map((e) => [e.dataset.count, Number(e.textContent)])),
              at: document.querySelector(".event").textContent, time: document.querySelector(".time").textContent,
              rest: document.querySelector(".processes .rest")?.textContent ?? "" }"""
            )
            where = f"event {i + 1} of {name}, {replay.rows[i]}"
            expect(f"the counts at {where}", states[i]["counts"], shown["counts"], "show in slider.js")
            expect(f"the number at {where}", f"Event {i + 1} of {len(replay.rows)}", shown["at"], "show in slider.js")
            microseconds = int(replay.rows[i]["time"])
            seen = float(shown["time"].split()[0]) * (1e6 if shown["time"].endswith(" s") else 1e3)
            expect(
                f"the time at {where} is right to a thousandth",
                True,
                abs(seen - microseconds) <= max(60, microseconds / 1000),
                shown["time"],
            )
            hidden = sum(int(number) for number in re.findall(r"(\d+) (?:alive|zombies?|gone)", shown["rest"]))
            expect(
                f"how many processes there are at {where}",
                len(states[i]["processes"]),
                len(shown["rows"]) + hidden,
                "chosen in slider.js",
            )
            for process, state, descriptors in shown["rows"]:
                life, call, handlers, stopped, table = states[i]["processes"][process]
                needed, forbidden = words_of(life, call, handlers, stopped)
                if not all(word in state for word in needed) or any(word in state for word in forbidden):
                    fail(f"the state of {process} at {where}", needed, state, "describe in slider.js")
                listed = {}
                for item in descriptors:
                    numbers, _, target = re.match(r"((\d+ )+)(.*)", item).groups()
                    target = {"listening socket": "listener", "something else": "other"}.get(
                        target, target.replace(" ", "")
                    )
                    listed.update({number: target for number in numbers.split()})
                expect(f"the descriptors of {process} at {where}", table, listed, "descriptorList in slider.js")


@test("each event has a sentence, and those that matter say what they must")
def _():
    kinds = set()
    for name in PICTURES:
        replay = Replay(name)
        states = list(replay.states())
        picture_page(name)
        chosen = (
            replay.chosen()
            if len(replay.rows) <= 700
            else sorted(
                set(replay.chosen())
                | {i for i, row in enumerate(replay.rows) if row["event"] in ("signal", "reap", "lost", "exit")}
            )
        )
        for i, sentence in zip(
            chosen, browser.run("return arguments[0].map((n) => window.slider.sentenceAt(n))", chosen)
        ):
            row = replay.rows[i]
            where = f"the sentence of event {i + 1} of {name}, {row}"
            unquoted = re.sub("“.*?”", "", sentence)
            if not re.fullmatch(r"[A-Za-z].{8,}[.]", sentence) or re.search(
                r"undefined|null|NaN|\[object|\b(child|client|connection)\d", unquoted
            ):
                fail(where, "a whole sentence, for a reader", sentence, "sentence in slider.js")

            def plain(process):
                return re.sub(r"(\d+)$", r" \1", process)

            said = sentence.lower()
            needed = {
                "lost": ["lost", "pending", plain(row["object"])],
                "reap": ["no zombie any more", plain(row["object"]), row["process"]],
                "signal": [
                    "sigchld",
                    plain(row["object"]),
                    "handler begins",
                    {"exited": "ended", "killed": "killed", "stopped": "stopped"}.get(row["result"], ""),
                ],
                "handled": ["handler returns"],
                "stop": ["stopped", plain(row["process"])],
                "continue": ["goes on"],
                "fork": [plain(row["object"]), "copy"],
                "begin": ["begins"],
                "end": ["ends"],
            }.get(row["event"], [])
            if row["event"] == "exit":
                needed = [plain(row["process"]), "has ended"]
                if states[i]["processes"][row["process"]][0] == "zombie":
                    needed.append("zombie")
                if row["name"] != "exit":
                    needed.append(row["name"].lower())
            if row["event"] == "return" and row["result"] in ("EINTR", "EMFILE", "ECHILD"):
                needed = [row["result"].lower()]
                kinds.add(row["result"])
            if row["event"] == "return" and row["name"] == "recv" and row["result"] == "0":
                needed = ["end of file"]
            if row["event"] in ("open", "close"):
                needed = [f"descriptor {row['descriptor']}"]
            if (
                row["event"] == "close"
                and row["name"] == "close"
                and row["process"] != "server"
                and row["object"].startswith("connection")
                and not row["process"].startswith("client")
            ):
                kept = any(
                    row["object"] in table[4].values()
                    for process, table in states[i]["processes"].items()
                    if table[0] == "alive" and not process.startswith("client")
                )
                needed.append("lives on" if kept else "ends the connection")
            missing = [word for word in needed if word not in said]
            if missing:
                fail(where, f"it says {missing}", sentence, "sentence in slider.js")
            kinds.add(row["event"])
    expect(
        "kinds of events that no picture has",
        set(),
        {
            "begin",
            "fork",
            "open",
            "close",
            "call",
            "return",
            "signal",
            "handled",
            "lost",
            "stop",
            "continue",
            "exit",
            "reap",
            "end",
            "EINTR",
            "EMFILE",
        }
        - kinds,
        "docs/pictures",
    )


@test("keys, buttons, clicks and addresses move the slider")
def _():
    name = "step6_sigchld"
    rows = Replay(name).rows
    at = lambda: browser.run("return window.slider.at() + 1")
    look = "slider.js, from moves on"
    picture_page(name)
    expect("where it begins", 1, at(), look)
    browser.press(Keys.ARROW_RIGHT)
    browser.press(Keys.ARROW_RIGHT)
    browser.press(Keys.ARROW_LEFT)
    expect("after right, right, left, with the focus on nothing", 2, at(), look)
    expect("the page is the same", f"{name}.html", browser.name(), "keydown in book.js")
    slider = browser.find(".controls input")
    for keys, wanted in [
        (Keys.END, len(rows)),
        (Keys.ARROW_RIGHT, len(rows)),
        (Keys.HOME, 1),
        (Keys.ARROW_LEFT, 1),
        (Keys.ARROW_RIGHT, 2),
        (Keys.ARROW_UP, 3),
        (Keys.ARROW_DOWN, 2),
    ]:
        slider.send_keys(keys)
        expect(f"after the key {keys!r} in the slider", wanted, at(), look)
        expect("the slider's own value", str(wanted), slider.get_attribute("value"), look)
    slider.send_keys(Keys.PAGE_DOWN)
    first = next(i for i, row in enumerate(rows) if i > 1 and row["event"] == "begin") + 1
    expect("after Page Down: the next turning point, a client that begins", first, at(), look)
    slider.send_keys(Keys.PAGE_UP)
    expect("after Page Up", 1, at(), look)
    for button, wanted in [
        ("last", len(rows)),
        ("back", len(rows) - 1),
        ("first", 1),
        ("on", 2),
        ("turn-on", first),
        ("turn-back", 1),
    ]:
        browser.find(f"[data-to={button}]").click()
        expect(f"after the button {button}", wanted, at(), look)
    lost = next(i for i, row in enumerate(rows) if row["event"] == "lost") + 1
    picture_page(name, f"#event={lost}")
    expect("after the address #event=N", lost, at(), look)
    expect("what it says", True, "lost" in browser.find(".sentence").text, look)
    expect("it is said aloud", "polite", browser.find(".sentence").get_attribute("aria-live"), "player in filter.lua")
    expect(
        "what the slider says",
        f"event {lost} of {len(rows)}",
        browser.find(".controls input").get_attribute("aria-valuetext"),
        look,
    )
    browser.press(Keys.ARROW_RIGHT)
    deadline = time.time() + 5
    while browser.run("return location.hash") != f"#event={lost + 1}" and time.time() < deadline:
        time.sleep(0.05)
    expect("the address follows", f"#event={lost + 1}", browser.run("return location.hash"), look)
    browser.find(".nearby li:first-child a").click()
    expect("after a click on the first of the events around", lost - 1, at(), look)
    place = browser.run(
        """const box = document.querySelector(".drawing svg").getBoundingClientRect(); const scale = box.width / 800;
        const lane = document.querySelector('.drawing [data-process="child2"] .zombie, .drawing [data-process="child2"] rect').getBoundingClientRect();
        const x = lane.left + lane.width / 2, y = lane.top + lane.height / 2;
        document.elementFromPoint(x, y).dispatchEvent(new MouseEvent("click", { bubbles: true, clientX: x, clientY: y }));
        return window.slider.rows[window.slider.at()].process"""
    )
    expect("whose event a click on the lane of child 2 shows", "child2", place, "click in slider.js")
    for bad in ["#event=0", "#event=99999", "#event=x", "#%"]:
        browser.console()
        picture_page(name, bad)
        expect(f"the console at the address {bad}", [], browser.console(), look)
        expect(f"it is somewhere at {bad}", True, 1 <= at() <= len(rows), look)


@test("the cursor stands at each event's place in the picture, its mark and its lane stand out")
def _():
    for name in PICTURES:
        rows = Replay(name).rows
        picture_page(name)
        along, places = browser.run(
            """const { x, y } = document.querySelector('.drawing svg').dataset;
            return [x === undefined ? "y" : "x", (x ?? y ?? "").split(' ').map(Number)]"""
        )
        expect(
            f"how many places the picture {name} gives", len(rows), len(places), "tools/trace/draw.c, data-x and data-y"
        )
        for i in sorted({0, len(rows) // 3, len(rows) // 2, len(rows) - 1}):
            seen = browser.run(
                """window.slider.show(arguments[0]);
                const svg = document.querySelector(".drawing svg"), cursor = svg.querySelector('[id$="cursor"]');
                const box = svg.getBoundingClientRect(), own = cursor.getBoundingClientRect();
                return [arguments[1] === "x" ? (own.left + own.right) / 2 - box.left : (own.top + own.bottom) / 2 - box.top,
                  box.width / svg.viewBox.baseVal.width, getComputedStyle(cursor).display]""",
                i,
                along,
            )
            expect(
                f"the cursor at event {i + 1} of {name} is seen, and where it should be",
                (True, "inline"),
                (abs(seen[0] - places[i] * seen[1]) < 2, seen[2]),
                f"showPicture in slider.js; {seen}, {places[i]}",
            )
        marked = browser.run(
            """const mark = document.querySelector(".drawing [data-row]"); window.slider.show(Number(mark.dataset.row));
            return [mark.classList.contains("row-now"), document.querySelectorAll(".drawing .row-now").length]"""
        )
        expect(f"the mark of an event of {name} stands out", [True, 1], marked, "showPicture in slider.js")


@test("the longest run does not fill the page: a few processes are listed, the others counted")
def _():
    name = max(PICTURES, key=lambda picture: len(Replay(picture).rows))
    picture_page(name)
    children = sum(1 for row in Replay(name).rows if row["event"] == "fork")
    listed, shown = browser.run(
        """const rows = window.slider.rows; let most = 0;
        for (let i = 0; i < 50; i++) {
            window.slider.show((i * 7919) % rows.length);
            most = Math.max(most, document.querySelectorAll(".player .processes tbody tr").length);
        }
        window.slider.show(rows.findLastIndex((row) => row.event === "fork"));
        return [most, document.querySelector(".player .processes").textContent]"""
    )
    expect(f"processes listed at a time in {name}: 16 lines or fewer", True, listed <= 16, f"{listed}; LINES in slider.js")
    rest = re.search(r"and (\d+) more", shown)
    expect(f"the other of {children} children in {name} are counted", True, bool(rest), f"seen: {shown[-120:]!r}; slider.js")
