"""Runs test functions one after the other; the name of each is a sentence about behaviour."""
import sys
import time
import traceback

_cases = []


def case(sentence):
    def keep(function):
        _cases.append((sentence, function))
        return function
    return keep


def run(*arguments):
    """Every case gets `arguments`. A word on the command line picks the cases whose sentence holds it."""
    chosen = [c for c in _cases if all(word in c[0] for word in sys.argv[1:])]
    failed = 0
    for sentence, function in chosen:
        start = time.monotonic()
        try:
            function(*arguments)
            print("ok    %s (%.2f s)" % (sentence, time.monotonic() - start), flush=True)
        except Exception:  # noqa: BLE001 the next case runs whatever this one threw
            failed += 1
            print("FAIL  " + sentence, flush=True)
            traceback.print_exc(file=sys.stdout)
    print("%d passed, %d failed" % (len(chosen) - failed, failed))
    return 1 if failed or not chosen else 0
