"""Tests of the making: the same bytes again, and one line for what is wrong."""

import os
import pathlib
import shutil
import subprocess
import tempfile

from harness import BOOK, ROOT, expect, fail, test


class Copy:
    """A copy of the repository, to break."""

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="book-test."))
        shutil.copytree(ROOT, self.folder / "r", ignore=shutil.ignore_patterns("build", ".git", "__pycache__"))
        self.root = self.folder / "r"
        if (ROOT / "build/results.tap").exists():
            (self.root / "build").mkdir()
            shutil.copy(ROOT / "build/results.tap", self.root / "build")
        return self

    def edit(self, path, old, new):
        text = (self.root / path).read_text()
        if old not in text:
            fail(f"the edit of {path}", f"{old!r} is there", "it is not", "this test")
        (self.root / path).write_text(text.replace(old, new, 1))

    def make(self, **environment):
        done = subprocess.run(
            ["tools/book/book"], cwd=self.root, capture_output=True, text=True, env={**os.environ, **environment}
        )
        return done.returncode, done.stderr.strip()

    def __exit__(self, *_):
        shutil.rmtree(self.folder)


@test("the same repository makes the same bytes, wherever it is; no path of this machine is in them")
def _():
    with Copy() as copy:
        expect("the book of a copy", (0, ""), copy.make(), "tools/book/book")
        other = copy.root / "build/book"
        files = sorted(str(path.relative_to(BOOK)) for path in BOOK.rglob("*") if path.is_file())
        expect(
            "its files",
            files,
            sorted(str(path.relative_to(other)) for path in other.rglob("*") if path.is_file()),
            "is build/book up to date? make book",
        )
        differ = [name for name in files if (BOOK / name).read_bytes() != (other / name).read_bytes()]
        expect("files that differ", [], differ, "is build/book up to date? make book")
        machine = [name for name in files if str(ROOT).encode() in (BOOK / name).read_bytes()]
        expect("files with the path of this repository", [], machine, "tools/book/filter.lua")


@test("a link that leads nowhere ends the making, with one line that names file and link")
def _():
    for path, old, new, words in [
        (
            "step4_leak/README.md",
            "](../step5_zombie)",
            "](../step5_zombies)",
            ["step4_leak/README.md", "../step5_zombies"],
        ),
        ("step1_iterative/README.md", "](server.c)", "](sever.c)", ["step1_iterative/README.md", "sever.c"]),
        ("client/README.md", "](#limits)", "](#limit)", ["client.html", "#limit"]),
        ("README.md", "](tests/CLAIMS.md)", "](tests/CLAIMS.md#nowhere)", ["index.html", "claims.html#nowhere"]),
        ("README.md", "](LICENSE)", "](../LICENSE)", ["README.md", "../LICENSE"]),
    ]:
        with Copy() as copy:
            copy.edit(path, old, new)
            status, said = copy.make()
            expect(f"the status, with {new} in {path}", 1, status, said)
            if said.count("\n") != 0 or not said.startswith("book: ") or not all(word in said for word in words):
                fail(
                    f"what it says about {new} in {path}",
                    f"one line with {words}",
                    said,
                    "rewrite in filter.lua, links.awk",
                )
            expect("there is no half a book", False, (copy.root / "build/book").exists(), "tools/book/book")


@test("without pandoc it says what is missing, in one line; a folder with something else is left alone")
def _():
    with Copy() as copy:
        tools = copy.folder / "bin"
        tools.mkdir()
        for folder in ["/usr/local/bin", "/usr/bin", "/bin"]:
            for path in pathlib.Path(folder).glob("*"):
                if path.name != "pandoc" and not (tools / path.name).exists():
                    (tools / path.name).symlink_to(path)
        expect(
            "what it says without pandoc",
            (1, "book: pandoc is missing: make deps installs it"),
            copy.make(PATH=str(tools)),
            "tools/book/book",
        )
        (copy.root / "build/book").mkdir(parents=True)
        (copy.root / "build/book/mine.txt").write_text("mine")
        status, said = copy.make()
        expect("the status, with a folder of somebody's own in its place", 1, status, said)
        expect("that folder", ["mine.txt"], os.listdir(copy.root / "build/book"), "tools/book/book")
