"""Runs the tests of the book, or those with one of the given words in their titles.

tools/book/check runs this; it sets BOOK (where the book is), BROWSER and DRIVER (chromium and chromedriver).
"""

import sys
import time

import making  # noqa: F401 (each of them adds its tests)
import pages  # noqa: F401
import slider  # noqa: F401
import sources  # noqa: F401
from harness import PAGES, TESTS, Failure, browser


def main():
    words = [word.lower() for word in sys.argv[1:]]
    chosen = [
        (title, function) for title, function in TESTS if not words or any(word in title.lower() for word in words)
    ]
    if not chosen:
        print(f"test-book: no test has {sys.argv[1:]} in its title", file=sys.stderr)
        return 2
    try:
        browser.begin()
    except Exception as error:  # whatever keeps a browser from starting
        print(f"test-book: the browser does not start: {str(error).splitlines()[0]}", file=sys.stderr)
        return 2
    passed = failed = 0
    begin = time.time()
    try:
        for title, function in chosen:
            try:
                function()
                print(f"ok {title}", flush=True)
                passed += 1
            except Exception as error:
                print(f"not ok {title}")
                text = str(error)
                if not isinstance(error, Failure):
                    place = error.__traceback__.tb_next
                    text = f"{type(error).__name__}: {text}\n{place.tb_frame.f_code.co_filename}, line {place.tb_lineno}"
                print("\n".join("  " + line[:2000] for line in text.split("\n")), flush=True)
                failed += 1
    finally:
        browser.close()
    print(f"\n{time.time() - begin:.0f} s, {len(PAGES)} pages\n{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
