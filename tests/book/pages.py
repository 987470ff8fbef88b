"""Tests of what all pages have in common: links, names, widths, colours, keys, paper."""

import base64
import functools
import re
import urllib.parse

from harness import BOOK, CHAPTERS, PAGES, PICTURES, ROOT, Server, browser, expect, fail, test
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

WIDTHS = [360, 768, 1280]
CONTRAST = 4.5  # WCAG 2, AA

# What is gathered of each page, once, and judged by many tests.
FACTS = """
    const all = (selector) => [...document.querySelectorAll(selector)];
    const links = all("a[href]").map((a) => a.href);
    let level = 1;
    const skipped = [];
    for (const h of all("main :is(h1, h2, h3, h4)")) {
      const own = Number(h.tagName[1]);
      if (own > level + 1) skipped.push(h.textContent);
      level = own;
    }
    return {
      title: document.title,
      lang: document.documentElement.lang,
      description: document.querySelector("meta[name=description]")?.content ?? "",
      viewport: document.querySelector("meta[name=viewport]")?.content ?? "",
      headings: all("h1").length,
      skipped,
      ids: all("[id]").map((e) => e.id),
      links,
      resources: all("img, script[src], link[rel=stylesheet]").map((e) => e.src || e.href),
      broken: all("img").filter((i) => i.complete && i.naturalWidth === 0).map((i) => i.src),
      unnamed: [
        ...all("img:not([alt])"),
        ...all('img[alt=""]').filter((i) => !i.closest("a")?.textContent.trim()),
        ...all("button, input, a[href]:not([aria-hidden=true])").filter((e) =>
          !(e.getAttribute("aria-label") || e.textContent.trim() || e.querySelector("img[alt]:not([alt=''])"))),
        ...all("nav:not([aria-label])"),
        ...all("table").filter((t) => !t.querySelector("th")),
        ...all("svg").filter((s) => !s.querySelector(":scope > title") && s.getAttribute("aria-hidden") !== "true"),
      ].map((e) => e.outerHTML.slice(0, 160)),
      landmarks: [document.querySelectorAll("main").length, document.querySelectorAll("header").length],
      outside: all("script[src], link[href], img[src], iframe, video, audio, object, embed, [style*='url(']")
        .map((e) => e.src || e.href || e.data || e.outerHTML).filter((u) => /^(https?:)?[/][/]/.test(u)),
    };
"""

OVERFLOW = """
    const wide = document.documentElement.clientWidth;
    const parents = (e) => e.closest(".scroll");
    return {
      page: document.documentElement.scrollWidth,
      wide,
      culprits: [...document.querySelectorAll("body *")].filter((e) => !parents(e) && !e.closest(".skip, svg")
        && e.getBoundingClientRect().right > wide + 1).slice(0, 3).map((e) => e.outerHTML.slice(0, 120)),
    };
"""

# The contrast of each text with what is behind it; the worst of each kind of element.
CONTRASTS = """
    const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    const known = new Map();
    function rgba(colour) {
      if (!known.has(colour)) {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        known.set(colour, [...canvas.getImageData(0, 0, 1, 1).data]);
      }
      return known.get(colour);
    }
    function behind(element) {
      const layers = [];
      for (let e = element; e; e = e.parentElement) {
        const [r, g, b, a] = rgba(getComputedStyle(e).backgroundColor);
        if (a > 0) layers.push([r, g, b, a / 255]);
        if (a === 255) break;
      }
      return layers.reverse().reduce((below, [r, g, b, a]) => [r, g, b].map((c, i) => c * a + below[i] * (1 - a)), [255, 255, 255]);
    }
    function luminance(colour) {
      const [r, g, b] = colour.map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    }
    const seen = new Map();
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const element = walker.currentNode.parentElement;
      if (!walker.currentNode.data.trim() || element.closest("svg, script, style, noscript, .skip, [aria-disabled=true]")) continue;
      const style = getComputedStyle(element);
      const back = behind(element);
      const key = `${style.color} on ${back.map(Math.round)}`;
      if (seen.has(key)) continue;
      const [a, b] = [luminance(rgba(style.color).slice(0, 3)), luminance(back)].sort((x, y) => y - x);
      seen.set(key, { ratio: (a + 0.05) / (b + 0.05), text: walker.currentNode.data.trim().slice(0, 40), element: element.tagName + "." + element.className, key });
    }
    return [...seen.values()];
"""


@functools.cache
def facts():
    """Loads each page from its file, once, and gathers all that the tests below judge."""
    result = {}
    for page in PAGES:
        browser.prefer("light")
        browser.wide(1280)
        browser.page(page)
        here = browser.run(FACTS)
        here["console"] = browser.console()
        here["requests"] = [url for url in browser.requests() if url != "about:blank"]
        here["overflow"] = {}
        for width in WIDTHS:
            browser.wide(width)
            here["overflow"][width] = browser.run(OVERFLOW)
        browser.wide(1280)
        browser.run("for (const box of document.querySelectorAll('details')) box.open = true")
        here["contrast"] = {}
        for scheme in ["light", "dark"]:
            browser.prefer(scheme)
            here["contrast"][scheme] = browser.run(CONTRASTS)
        result[page] = here
    browser.prefer("light")
    return result


def on_all_pages(what, wrong_of, expected, look):
    """Fails if wrong_of(page, facts) gives anything for a page."""
    wrong = []
    for page, here in facts().items():
        wrong += [f"{page}: {item}" for item in wrong_of(page, here)]
    if wrong:
        fail(what, expected, f"{len(wrong)} times otherwise: " + "; ".join(wrong[:5]), look)


@test("the book has a page for each chapter, picture and document")
def _():
    wanted = {"index.html", "client.html", "claims.html", "pictures/index.html"}
    wanted |= {path.parent.name + ".html" for path in ROOT.glob("step*/README.md")}
    wanted |= {f"pictures/{name}.html" for name in PICTURES}
    expect("pages that are missing", [], sorted(wanted - set(PAGES)), "tools/book/book")
    expect("pictures with rows", True, len(PICTURES) >= 10, "docs/pictures, make pictures")


@test("each page loads without a word on the console")
def _():
    on_all_pages(
        "messages on the console",
        lambda page, here: here["console"],
        "none",
        "tools/book/book.js, slider.js, template.html",
    )


@test("no page asks the network for anything")
def _():
    base = BOOK.as_uri()
    on_all_pages(
        "requests",
        lambda page, here: [url for url in here["requests"] if not url.startswith((base, "data:"))] + here["outside"],
        "only for files of the book",
        "tools/book/template.html, book.css",
    )
    styles = "".join((BOOK / name).read_text() for name in ["book.css", "book.js", "slider.js"])
    expect(
        "addresses and imports in the style and the scripts",
        [],
        re.findall(r"https?://[^\s\"')]+|@import|fetch\(|sendBeacon|XMLHttp", styles),
        "tools/book",
    )


@test("a web server gives each page just as well, and each file that it asks for is there")
def _():
    with Server() as base:
        for page in PAGES:
            browser.console()
            browser.requests()
            browser.open(base + page)
            expect(f"messages on the console of {page}", [], browser.console(), "a 404 stands there too")
            elsewhere = [url for url in browser.requests() if not url.startswith((base, "data:", "about:"))]
            expect(f"requests of {page} to anywhere else", [], elsewhere, "tools/book/template.html")


@test("each link within the book leads to a page and to a place on it; each image is there")
def _():
    known = facts()
    base = BOOK.as_uri() + "/"

    def wrong(page, here):
        for link in here["links"] + here["resources"]:
            if not link.startswith("file:"):
                continue
            address, _, place = link.partition("#")
            name = urllib.parse.unquote(address[len(base) :]) if address.startswith(base) else None
            place = urllib.parse.unquote(place)
            if name is None or not (BOOK / name).is_file():
                yield f"{link} is not there"
            elif place and not place.startswith("event=") and place not in known[name]["ids"]:
                yield f"{link}: no such place"
        yield from (f"{image} cannot be shown" for image in here["broken"])

    on_all_pages("links and images", wrong, "all lead somewhere", "rewrite in tools/book/filter.lua")


@test("links out of the book go to https addresses")
def _():
    on_all_pages(
        "links",
        lambda page, here: {link for link in here["links"] if not re.match(r"file:|https://[\w.-]+/", link)},
        "https",
        "the README of that page",
    )


@test("each page has one h1, a title of its own, a language, a description; no heading is skipped, no id twice")
def _():
    titles = {}

    def wrong(page, here):
        if here["headings"] != 1:
            yield f"{here['headings']} h1"
        if here["lang"] != "en":
            yield f"language {here['lang']!r}"
        if len(here["title"]) < 5 or len(here["description"]) < 10 or "width=device-width" not in here["viewport"]:
            yield f"title {here['title']!r}, description {here['description']!r}, viewport {here['viewport']!r}"
        if here["title"] in titles:
            yield f"the title of {titles[here['title']]} too"
        titles[here["title"]] = page
        yield from (f"a level is skipped before the heading {text!r}" for text in here["skipped"])
        yield from {f"id {i} twice" for i in here["ids"] if here["ids"].count(i) > 1}
        if here["landmarks"] != [1, 1]:
            yield f"main, header: {here['landmarks']}"

    on_all_pages("the frame of a page", wrong, "as HTML wants it", "tools/book/template.html, the README of that page")


@test("every image, button, table and picture has a name for those who do not see it")
def _():
    on_all_pages(
        "elements without a name",
        lambda page, here: here["unnamed"],
        "none",
        "figure, button and player in tools/book/filter.lua; the README",
    )


@test("no page is wider than the window, on a phone as on a desk")
def _():
    def wrong(page, here):
        for width, seen in here["overflow"].items():
            if seen["page"] > seen["wide"] or seen["culprits"]:
                yield f"{seen['page']} at {width}: {seen['culprits']}"

    on_all_pages("the width of the page", wrong, f"at most the window's, at {WIDTHS}", "tools/book/book.css")


@test("all text has enough contrast, on light and on dark paper")
def _():
    def wrong(page, here):
        for scheme, texts in here["contrast"].items():
            for text in texts:
                if text["ratio"] < CONTRAST:
                    yield f"{scheme}: {text['ratio']:.2f} {text['element']} {text['text']!r} ({text['key']})"

    on_all_pages("contrasts", wrong, f"{CONTRAST} to 1 at least", "the colours at the head of tools/book/book.css")
    browser.page("step4_leak.html")
    papers = {}
    for scheme in ["light", "dark"]:
        browser.prefer(scheme)
        papers[scheme] = browser.run("return getComputedStyle(document.documentElement).backgroundColor")
    browser.prefer("light")
    expect("light and dark paper differ", True, papers["light"] != papers["dark"], papers)


@test("the button changes light and dark, and the choice lasts from page to page")
def _():
    paper = "return getComputedStyle(document.documentElement).backgroundColor"
    with Server() as base:
        browser.open(base + "index.html")
        light = browser.run(paper)
        browser.find("#theme").click()
        dark = browser.run(paper)
        expect("the paper changes", True, light != dark, "theme in tools/book/book.js")
        browser.open(base + "step1_iterative.html")
        expect("the paper of the next page", dark, browser.run(paper), "localStorage in tools/book/book.js")
        browser.open(base + "pictures/step6_sigchld.html")
        fill = browser.run("return getComputedStyle(document.querySelector('.drawing svg .paper')).fill")
        expect("the paper of a picture is dark too", True, max(map(int, re.findall(r"\d+", fill)[:3])) < 80, fill)
        browser.find("#theme").click()
        expect("the paper changes back", light, browser.run(paper), "theme in tools/book/book.js")
        browser.run("localStorage.clear()")


@test("without a place to keep it the choice works for the page")
def _():
    browser.command("Page.enable")
    script = browser.command(
        "Page.addScriptToEvaluateOnNewDocument",
        source="Object.defineProperty(window, 'localStorage', { get() { throw new Error('forbidden') } })",
    )
    try:
        browser.console()
        browser.page("index.html")
        before = browser.run("return getComputedStyle(document.documentElement).backgroundColor")
        browser.find("#theme").click()
        after = browser.run("return getComputedStyle(document.documentElement).backgroundColor")
        expect("the paper changes", True, before != after, "theme in tools/book/book.js")
        expect("the console", [], browser.console(), "theme in tools/book/book.js")
    finally:
        browser.command("Page.removeScriptToEvaluateOnNewDocument", identifier=script["identifier"])


@test("the arrow keys turn the pages, unless something else has a use for them")
def _():
    browser.page(CHAPTERS[2])
    browser.press(Keys.ARROW_RIGHT)
    expect("the page after the right arrow", CHAPTERS[3], browser.name(), "keydown in tools/book/book.js")
    browser.press(Keys.ARROW_LEFT)
    expect("the page after the left arrow", CHAPTERS[2], browser.name(), "keydown in tools/book/book.js")
    browser.wide(360)
    browser.page(CHAPTERS[2])
    browser.run("document.querySelector('.scroll[tabindex]').focus()")
    browser.press(Keys.ARROW_RIGHT)
    browser.wide(1280)
    expect(
        "the page after the right arrow in code that scrolls",
        CHAPTERS[2],
        browser.name(),
        "keydown in tools/book/book.js",
    )


@test("previous and next go through all chapters, there and back")
def _():
    browser.page("index.html")
    order = ["index.html"]
    while True:
        link = browser.run("return document.querySelector('nav.turn a[rel=next]')?.href ?? null")
        if not link:
            break
        back = browser.run("return document.querySelector('nav.turn a[rel=prev]')?.href ?? null")
        if len(order) > 1 and (not back or not back.endswith(order[-2])):
            fail(f"previous of {order[-1]}", order[-2], back, "set_turn in tools/book/filter.lua")
        browser.open(link)
        order.append(link[len(BOOK.as_uri()) + 1 :])
    expect(
        "the first chapters in order",
        ["index.html"] + CHAPTERS + ["client.html", "claims.html", "pictures/index.html"],
        order[:11],
        "chapters in tools/book/book",
    )


@test("the first Tab reaches the skip link, it leads to the text, and focus is seen")
def _():
    browser.page(CHAPTERS[0])
    browser.press(Keys.TAB)
    expect(
        "what has the focus",
        "To the text",
        browser.run("return document.activeElement.textContent"),
        "tools/book/template.html",
    )
    expect(
        "it is in sight",
        True,
        browser.run("return document.activeElement.getBoundingClientRect().left >= 0"),
        ".skip in book.css",
    )
    browser.press(Keys.TAB)
    outline = browser.run(
        "return getComputedStyle(document.activeElement).outlineStyle + getComputedStyle(document.activeElement).outlineWidth"
    )
    expect("the outline of the link that has the focus", "solid3px", outline, ":focus-visible in book.css")


@test("a link to what is folded away unfolds it")
def _():
    browser.page("step7_waitpid.html")
    expect(
        "the difference from 1 to 7 is folded",
        False,
        browser.run("return document.getElementById('diff-1-7').open"),
        "add_differences in filter.lua",
    )
    browser.page("step7_waitpid.html#diff-1-7")
    expect("it is unfolded", True, browser.run("return document.getElementById('diff-1-7').open"), "unfold in book.js")


@test("without JavaScript every page can be read, and the picture stands")
def _():
    look = "tools/book/template.html, filter.lua"
    browser.scripts(False)
    try:
        for page in CHAPTERS + ["index.html", "claims.html"] + [f"pictures/{name}.html" for name in PICTURES]:
            browser.page(page)
            text = browser.find("main").text
            expect(f"{page} has text", True, len(text) > 200, look)
            expect(
                f"{page} has no button that does nothing",
                [],
                [e.text for e in browser.driver.find_elements(By.CSS_SELECTOR, "button, input") if e.is_displayed()],
                look,
            )
            if page.startswith("pictures/"):
                picture = browser.find(".drawing svg")
                large = picture.size["height"] > 100 and picture.size["width"] > 300
                expect(
                    f"the picture of {page} is in sight", (True, True), (picture.is_displayed(), large), picture.size
                )
                expect(f"{page} says where the events are", True, "JavaScript" in text and "rows" in text, look)
                browser.find("details.rows summary").click()
                expect(f"the rows of {page} can be read", True, "# rows 1" in browser.find("#rows").text, look)
    finally:
        browser.scripts(True)


@test("every chapter can be printed, with what is folded unfolded")
def _():
    for page in CHAPTERS + ["index.html", "pictures/step6_sigchld.html"]:
        browser.page(page)
        data = base64.b64decode(browser.driver.print_page())
        expect(f"the print of {page}", (b"%PDF", True), (data[:4], len(data) > 20000), "@media print in book.css")
        expect(
            f"{page} is folded again after the print",
            [],
            browser.run("return [...document.querySelectorAll('[data-printed]')].map((e) => e.id)"),
            "afterprint in book.js",
        )
    browser.page(CHAPTERS[0])
    browser.prefer("dark", media="print")
    browser.wide(480)
    browser.run("dispatchEvent(new Event('beforeprint'))")
    try:
        folded = browser.run(
            "return [...document.querySelectorAll('main details > p')].filter((p) => !p.checkVisibility()).length"
        )
        expect("answers that are not printed", 0, folded, "beforeprint in book.js")
        expect(
            "print is dark on light",
            True,
            browser.run("return getComputedStyle(document.body).color").startswith("rgb(30"),
            "@media print",
        )
        wide = browser.run(
            """return [...document.querySelectorAll('main pre, main .line')].filter((e) =>
            e.scrollWidth > e.clientWidth + 1 || e.getBoundingClientRect().right > innerWidth + 1).length"""
        )
        expect("code that runs off the paper", 0, wide, "@media print in book.css")
        expect(
            "the head's chapters are left out",
            "none",
            browser.run("return getComputedStyle(document.querySelector('.top nav')).display"),
            "@media print",
        )
    finally:
        browser.wide(1280)
        browser.prefer("light")
