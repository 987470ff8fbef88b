"""Tests that the pages show what the repository has: sources, differences, READMEs, claims."""

import html
import re
import subprocess

from harness import CHAPTERS, PICTURES, ROOT, browser, expect, fail, test


def without_comments(source):
    """C without comments, strings and directives; lines stay."""
    pattern = r'/\*.*?\*/|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|^#[^\n]*'
    return re.sub(pattern, lambda match: re.sub(r"[^\n]", " ", match.group()), source, flags=re.S | re.M)


def stage_sources():
    return sorted(ROOT.glob("step*/*.c"))


@test("each chapter shows the whole source, to the letter, with numbered lines")
def _():
    for path in stage_sources():
        browser.page(f"{path.parent.name}.html")
        shown = browser.run(
            """return [...document.querySelectorAll(`[id^="${arguments[0]}-"].line`)].map((line) => line.textContent)""",
            path.name,
        )
        expect(
            f"the lines of {path.parent.name}/{path.name}",
            path.read_text().split("\n")[:-1],
            shown,
            "listing in filter.lua",
        )


@test("each system call and library call in it leads to its manual page")
def _():
    keywords = {
        "if",
        "for",
        "while",
        "switch",
        "return",
        "sizeof",
        "void",
        "int",
        "long",
        "char",
        "struct",
        "enum",
        "case",
    }
    macros = {"WEXITSTATUS", "WTERMSIG", "WIFEXITED", "WIFSIGNALED"}
    sections = dict.fromkeys(
        "accept bind listen fork recv send close wait waitpid sigaction nanosleep getpid write _exit".split(), "2"
    )
    sections |= dict.fromkeys("exit perror printf fputs strtod getopt htons".split(), "3") | {"signal-safety": "7"}
    for path in stage_sources():
        code = without_comments(path.read_text())
        own = set(re.findall(r"^(?:static|int|_Noreturn)[^;=()]*?(\w+)\([^;]*\{$", code, re.M))
        wanted = set(re.findall(r"\b([A-Za-z_]\w*)\(", code)) - keywords - own - macros
        browser.page(f"{path.parent.name}.html")
        links = dict(
            browser.run(
                """return [...document.querySelectorAll(`[id^="${arguments[0]}-"].line a.man`)].map((a) => [a.textContent, a.href])""",
                path.name,
            )
        )
        expect(
            f"calls in {path.name} of {path.parent.name} that lead nowhere",
            [],
            sorted(wanted - set(links)),
            "calls in filter.lua",
        )
        for name, link in links.items():
            name = name.split("(")[0]
            section = sections.get(name, "[23]")
            if not re.fullmatch(rf"https://man7\.org/linux/man-pages/man({section})/{re.escape(name)}\.\1\.html", link):
                fail(f"the manual page of {name}", f"man7.org ... {name}.{section}.html", link, "manual in filter.lua")


@test("each chapter shows the difference to the stage before, to the letter")
def _():
    stages = {"1": "step1", "eintr": "step6", "6": "step6", "7": "step7"}
    for old, new in [("1", "2"), ("2", "3"), ("3", "4"), ("4", "5"), ("5", "eintr"), ("eintr", "6"), ("6", "7")]:
        output = subprocess.run(["tools/diff", old, new], cwd=ROOT, capture_output=True, text=True).stdout
        wanted = [line for line in output.split("\n")[2:-1] if not line.startswith("@@")]
        folder = stages.get(new, f"step{new}")
        page = next(chapter for chapter in CHAPTERS if chapter.startswith(folder))
        browser.page(page)
        shown = browser.run(
            "return [...document.querySelectorAll('#diff-' + arguments[0] + ' .line')].map((line) => line.textContent)",
            f"{old}-{new}",
        )
        expect(f"the lines of the difference from {old} to {new}", wanted, shown, "difference in filter.lua")
        signs = browser.run(
            """return [...document.querySelectorAll('#diff-' + arguments[0] + ' :is(ins, del).line')]
            .every((line) => line.textContent[0] === (line.tagName === 'INS' ? '+' : '-'))""",
            f"{old}-{new}",
        )
        expect(
            f"what is new is <ins>, what is gone <del>, from {old} to {new}", True, signs, "difference in filter.lua"
        )


@test("each chapter shows its README: transcript, pictures, questions with folded answers")
def _():
    for path in sorted(ROOT.glob("step*/README.md")):
        text = path.read_text()
        browser.page(f"{path.parent.name}.html")
        wanted = re.findall(r"^```console\n(.*?)^```", text, re.M | re.S)
        shown = browser.run("return [...document.querySelectorAll('pre.console')].map((e) => e.textContent + '\\n')")
        expect(f"the transcripts of {path.parent.name}", wanted, shown, "console in filter.lua")
        wanted = [html.unescape(item) for item in re.findall(r"<summary>(.*?)</summary>", text)]
        shown = browser.run(
            "return [...document.querySelectorAll('details:not([class])')].map((e) => [e.querySelector('summary').textContent, e.open])"
        )
        expect(f"the questions of {path.parent.name}, folded", [[item, False] for item in wanted], shown, "the README")
        wanted = re.findall(r"!\[([^\]]*)\]\([^)]*/([\w-]+)\.svg\)", text)
        shown = browser.run(
            "return [...document.querySelectorAll('figure.picture img')].map((e) => [e.alt, e.src.split('/').pop().replace('.svg', '')])"
        )
        expect(
            f"the pictures of {path.parent.name}",
            [[" ".join(alt.split()), name] for alt, name in wanted],
            [[" ".join(alt.split()), name] for alt, name in shown],
            "figure in filter.lua",
        )
        ways = browser.run(
            "return [...document.querySelectorAll('figure.picture figcaption a')].map((a) => a.pathname.split('/').pop().replace('.html', ''))"
        )
        expect(
            f"the ways from there to the slider in {path.parent.name}",
            [name for _, name in wanted if name in PICTURES],
            ways,
            "figure in filter.lua",
        )


@test("the list of claims has each claim, with its tests and their results in the last run")
def _():
    results = {}
    tap = ROOT / "build/results.tap"
    for line in tap.read_text().split("\n") if tap.exists() else []:
        match = re.match(r"(ok|not ok) \d+ (.*?)( # skip.*)?$", line)
        if match:
            results[match[2]] = "skipped" if match[3] else {"ok": "passed", "not ok": "failed"}[match[1]]
    wanted = {}
    for path in ROOT.glob("tests/*.bats"):
        for title in re.findall(r'^@test "(.*)" \{$', path.read_text(), re.M):
            number, _, text = title.replace("\\", "").partition(" ")
            if re.fullmatch(r"\d+\.\d+", number):
                wanted.setdefault(number, []).append([text, results.get(f"{number} {text}", "not run")])
    browser.page("claims.html")
    shown = browser.run(
        """
        return Object.fromEntries([...document.querySelectorAll('[id^="claim-"]')].map((a) => [a.textContent,
          [...a.closest("tr").querySelectorAll(".proof li")].map((li) => [
            li.textContent.trim().replace(/^\\S\\s+/, "").replace(/\\s+(passed|failed|skipped|not run)$/, ""), li.querySelector(".result").textContent])]))"""
    )
    claims = re.findall(r"^\| (\d+\.\d+) \|", (ROOT / "tests/CLAIMS.md").read_text(), re.M)
    expect("claims", sorted(claims), sorted(shown), "claims in filter.lua")
    for number in claims:
        expect(
            f"the tests of claim {number}",
            sorted(wanted.get(number, [])),
            sorted(shown[number]),
            "results in tools/book/book, build/results.tap; make book anew after make test",
        )
    if not results:
        expect(
            "what it says when the tests were not run",
            True,
            "make test" in browser.find(".last-run").text,
            "claims in filter.lua",
        )
